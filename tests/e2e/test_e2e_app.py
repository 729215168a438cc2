"""The live page in headless Chromium, by role and label: sliders by keyboard, links that hold what was moved."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.scenarios import EXAMPLES

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")
pytestmark = pytest.mark.browser

_MINE, _HALL = "childress-bitcoin.toml", "childress-gb300.toml"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("live")
    for name in (_MINE, _HALL):
        shutil.copy(EXAMPLES / name, folder / name)
    command = [sys.executable, "-m", "megawatt", "app", str(folder / _MINE), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0]
        process.terminate()
        assert process.wait(20) in (0, 143)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    made = browser.new_page(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(60_000)
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield made
    made.close()
    assert [text for text in wrong if "400" not in text] == []


def _figure(page: Any, figure: str) -> Any:
    return page.locator(f"tr[data-figure={figure}] td").first


def _expect(locator: Any) -> Any:
    return playwright.expect(locator)


def test_a_slider_moved_by_keyboard_changes_figures_and_the_address(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-ready=true]")
    slider = page.get_by_role("slider", name=re.compile("discount rate", re.IGNORECASE)).first
    slider.wait_for()
    value = _figure(page, "value_usd_per_grid_mw_year")
    before = value.inner_text()
    page.get_by_text("Value of a MW of connection and year").click()  # explained: what it means, what moves it
    _expect(page.locator("tr[data-figure=value_usd_per_grid_mw_year] li").first).to_be_visible()
    slider.focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    _expect(page.locator("#status")).to_have_text("")
    _expect(value).not_to_have_text(before)
    page.wait_for_timeout(1_000)
    assert "discount_rate" in page.url
    moved = value.inner_text()
    page.reload()  # a link reproduces the view
    page.wait_for_selector("html[data-ready=true]")
    _expect(value).to_have_text(moved)
    page.get_by_role("button", name="Put all back").click()
    _expect(value).to_have_text(before)
    assert "set" not in page.url


def test_two_scenarios_stand_beside_each_other_with_weeks_and_layouts(page: Any, address: str) -> None:
    page.goto(f"{address}?a={_HALL}&b={_MINE}&week=3")
    page.wait_for_selector("html[data-ready=true]")
    assert page.get_by_role("columnheader", name="by the moves").count() == 2
    assert page.locator("tr[data-figure=min_dscr] td").nth(2).inner_text() == "–"  # the mine has no debt
    _expect(page.locator("#weeks svg")).to_have_count(2)
    assert "Jan" in page.locator("#week-name").inner_text()
    best = page.locator("#grid button.best")
    best.wait_for()
    other = page.get_by_role("button", name=re.compile(r"^tp 32, pp "))
    other.first.click()
    assert page.locator("#cell li").count() >= 1
    assert "GB" in page.locator("#cell").inner_text()
    best.click()
    assert "the shortest step" in page.locator("#cell").inner_text()


def test_what_is_wrong_with_a_link_is_said(page: Any, address: str) -> None:
    page.goto(f"{address}?a={_MINE}&aset={quote('discount_rate:9')}")
    page.locator("#status.bad").wait_for()
    assert "discount_rate = 9; allowed: 0.1 to 0.2" in page.locator("#status").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(browser: Any, address: str, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=theme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}?a={_HALL}")
    page.wait_for_selector("html[data-ready=true]")
    page.wait_for_selector(".slider")
    page.wait_for_selector("#grid button.best")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()
