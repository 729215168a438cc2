"""The report in headless Chromium: it draws, obeys its buttons, fits a phone, and asks nothing of the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from megawatt.chain.partners import PartnerResult, Venture
from megawatt.chain.records import Comparison
from megawatt.cli.entry import main
from megawatt.finance.partnership import PartnershipTerms
from megawatt.report import render, render_credit
from megawatt.report.mixed_page import render_best
from tests.credit_sample import credit_comparison
from tests.e2e.scenarios import EXAMPLES
from tests.mixed_sample import best_told, sample_year
from tests.report_sample import SOURCES, mining_alone, sample_comparison

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

_INK = """() => Array.from(document.querySelectorAll('[data-plot]')).filter(box => {
    const svg = box.querySelector('svg'), canvas = box.querySelector('canvas');
    if (svg) { return svg.querySelectorAll('path').length > 3; }
    if (!canvas) { return false; }
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const seen = new Set();
    for (let i = 0; i < pixels.length; i += 404) { seen.add(pixels.slice(i, i + 3).join()); }
    return seen.size > 4;
}).map(box => box.dataset.plot)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(sample_comparison(), SOURCES), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def one_use(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sample = sample_comparison()
    path = tmp_path_factory.mktemp("report") / "one.html"
    path.write_text(render(replace(sample, uses=sample.uses[:1]), SOURCES), encoding="utf-8")
    return path


class Visit:
    """A page with what it said and asked for."""

    def __init__(self, browser: object, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-drawn]")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def test_it_draws_every_chart_silently_and_offline(browser: object, report: Path) -> None:
    assert report.stat().st_size < 3_000_000
    with Visit(browser, report) as visit:
        plots = visit.page.locator("[data-plot]").count()
        assert plots > 30
        visit.page.wait_for_function(f"({_INK})().length === {plots}", timeout=10_000)
        assert visit.said == []
        assert visit.asked == [report.as_uri()]
        for text in ("$1.23m", "$810k", "−$61.0k"):
            assert visit.page.get_by_text(text, exact=True).first.is_visible()
        assert (
            visit.page.get_by_role("heading", level=1).inner_text() == "IREN Childress: three uses of the same 250 MW"
        )


def test_a_click_on_a_figure_opens_where_it_comes_from(browser: object, one_use: Path) -> None:
    with Visit(browser, one_use, width=390) as visit:
        figure = visit.page.get_by_role("button", name="$1.23m, where it comes from").last
        panel = visit.page.get_by_role("dialog", name=re.compile("Value after capital"))
        assert not panel.is_visible()
        figure.press("Enter")
        assert panel.is_visible()
        assert panel.get_by_text("value_usd_per_grid_mw_year").first.is_visible()
        assert panel.get_by_role("columnheader", name="Rests on").is_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        visit.page.keyboard.press("Escape")
        assert not panel.is_visible()
        assert visit.said == []


def test_charts_have_a_name_and_a_table_behind_them(browser: object, one_use: Path) -> None:
    with Visit(browser, one_use) as visit:
        chart = visit.page.get_by_role("figure", name="PUE by month", exact=True)
        assert chart.get_by_role("img", name=re.compile(r"PUE by month\.")).is_visible()
        table = chart.get_by_role("table")
        assert table.count() == 0
        chart.get_by_text("Table: PUE by month", exact=True).click()
        assert table.get_by_role("row").count() == 14  # head, twelve months, year
        assert table.get_by_role("rowheader", name="Jul").is_visible()


def test_theme_follows_the_system_and_the_button(browser: object, one_use: Path) -> None:
    with Visit(browser, one_use, scheme="dark") as visit:
        root, button = visit.page.locator("html"), visit.page.get_by_role("button", name="Dark")
        label = visit.page.locator("#plot-pue svg text").first
        assert root.get_attribute("data-theme") == "dark"
        assert button.get_attribute("aria-pressed") == "true"
        dark = label.get_attribute("fill")
        button.click()
        assert root.get_attribute("data-theme") == "light"
        assert button.get_attribute("aria-pressed") == "false"
        visit.page.wait_for_function(
            "was => document.querySelector('#plot-pue svg text').getAttribute('fill') !== was", arg=dark, timeout=5_000
        )
        assert visit.said == []


def test_a_legend_key_hides_its_series(browser: object, one_use: Path) -> None:
    with Visit(browser, one_use) as visit:
        figure = visit.page.get_by_role("figure", name="Where the facility's energy goes")
        filled = "#plot-power-parts svg path[fill='#2b7bba']"
        assert visit.page.locator(filled).count() > 0
        key = figure.get_by_role("button", name="chips", exact=True)
        key.press("Enter")
        assert key.get_attribute("aria-pressed") == "false"
        visit.page.wait_for_function(f'document.querySelectorAll("{filled}").length === 0', timeout=5_000)


def test_assumptions_are_filtered_by_room_kind_and_text(browser: object, report: Path) -> None:
    with Visit(browser, report) as visit:
        rows = visit.page.locator("table.assumptions tbody tr:visible")
        assert rows.count() == 24
        visit.page.get_by_label("Kind").select_option("assumed")
        assert rows.count() == 6
        assert rows.filter(has_text="nobody has published this").count() == 3
        visit.page.get_by_label("Room").select_option("training")
        assert rows.count() == 3
        visit.page.get_by_label("Text").fill("gb300.")
        assert rows.count() == 1
        assert visit.page.locator("#filter-count").inner_text() == "1 of 24 assumptions"


@pytest.mark.parametrize("bare", [False, True], ids=["three uses", "bare"])
def test_it_fits_a_phone(browser: object, report: Path, tmp_path: Path, bare: bool) -> None:
    path = report
    if bare:
        path = tmp_path / "bare.html"
        path.write_text(render(mining_alone(), {}), encoding="utf-8")
    with Visit(browser, path, width=390) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        wide = visit.page.evaluate(
            "Array.from(document.querySelectorAll('figure')).filter(f => f.scrollWidth > f.clientWidth).map(f => f.id)"
        )
        assert wide == []
        assert visit.said == []


def test_print_is_light_without_controls(browser: object, one_use: Path) -> None:
    with Visit(browser, one_use, scheme="dark") as visit:
        visit.page.emulate_media(media="print")
        visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert not visit.page.get_by_role("button", name="Dark").is_visible()
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert visit.page.locator("html").get_attribute("data-theme") == "light"
        visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert visit.page.locator("html").get_attribute("data-theme") == "dark"


def _drawn(browser: object, path: Path, plots: int) -> Iterator[Visit]:
    """The page on a desktop and on a phone, once every chart has drawn, nothing was asked for and nothing overflows."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        with Visit(browser, path, width=width, scheme=scheme) as visit:
            assert visit.page.locator("[data-plot]").count() == plots
            visit.page.wait_for_function(f"({_INK})().length === {plots}", timeout=10_000)
            assert visit.said == []
            assert visit.asked == [path.as_uri()]
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            yield visit


def test_the_hall_page_draws_and_fits_a_phone(browser: object, tmp_path: Path) -> None:
    path = tmp_path / "hall.html"
    with pytest.raises(SystemExit, match="0"):
        main(["hall", "-33.9, 18.4, 42", "--design", "air-evaporative", "--report", str(path)])
    for visit in _drawn(browser, path, 5):
        assert visit.page.get_by_text("Climate of cape-town").first.is_visible()
        figure = visit.page.get_by_role("figure", name="PUE by month and hour of the day")
        assert figure.get_by_text("Jan", exact=True).first.is_visible()


def test_the_dispatch_page_draws_and_fits_a_phone(browser: object, tmp_path: Path) -> None:
    path = tmp_path / "hours.html"
    with pytest.raises(SystemExit, match="0"):
        main(["dispatch", str(EXAMPLES / "childress-bitcoin.toml"), "--battery", "50:200", "--report", str(path)])
    for visit in _drawn(browser, path, 6):
        assert visit.page.get_by_role("figure", name="Where the money came from").is_visible()


def test_the_page_of_the_best_mix_draws_and_fits_a_phone(browser: object, tmp_path: Path) -> None:
    path = tmp_path / "best.html"
    path.write_text(render_best("The best mix", "", best_told(), sample_year(), {}), encoding="utf-8")
    for visit in _drawn(browser, path, 7):
        assert visit.page.get_by_text(re.compile(r"^Idle: 13.MW of 300.MW")).is_visible()
        assert visit.page.locator("#plot-map svg").get_by_text("100", exact=True).count() == 3


def _long(comparison: Comparison, years: int) -> Comparison:
    """The sample's paper over so many years, its loan in three tranches, its owners two partners."""
    use = comparison.uses[0]
    assert use.credit is not None
    found, first = use.credit, use.credit.years[1]
    rows = tuple(replace(first, year=2026 + k) for k in range(years))
    loan = replace(found.tranches[0], balance_usd=(3.333e9,) * years)
    risk = replace(
        found.risk,
        years=tuple(row.year for row in rows),
        dscr=np.full((5, years), 1.25),
        below_one=np.full(years, 0.125),
    )
    tranches = tuple(replace(loan, name=name) for name in ("senior", "mezzanine", "second lien"))
    one = PartnerResult("tax equity", 8.88e8, 2.18e9, -8.84e7, 6.28e8, 0.387)
    venture = Venture((one, replace(one, name="sponsor", irr=None)), "partners", PartnershipTerms(0.4, 0.3, 0.99), None)
    paper = replace(found, years=rows, tranches=tranches, risk=risk)
    return replace(comparison, uses=(replace(use, credit=paper, venture=venture),))


_A4_PX = (182 / 25.4 * 96, 269 / 25.4 * 96)
"""A sheet of A4 within its margins of 14 mm."""


@pytest.mark.parametrize("years", [0, 12, 25, 40])
def test_the_committee_s_page_prints_on_two_sheets(browser: object, tmp_path: Path, years: int) -> None:
    path = tmp_path / "credit.html"
    comparison = credit_comparison()
    html = render_credit(_long(comparison, years) if years else comparison)["credit.html"]
    path.write_text(html, encoding="utf-8")
    with Visit(browser, path) as visit:
        pdf = visit.page.pdf(format="A4", prefer_css_page_size=True)
        assert re.findall(rb"/Count (\d+)", pdf) == [b"2"]
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 2
        visit.page.set_viewport_size({"width": int(_A4_PX[0]), "height": int(_A4_PX[1])})
        visit.page.emulate_media(media="print")
        for part in ("#credit", "#risk"):
            assert visit.page.locator(part).bounding_box()["height"] <= _A4_PX[1]
        cut = "Array.from(document.querySelectorAll('.scroll')).filter(s => s.scrollWidth > s.clientWidth).length"
        assert visit.page.evaluate(cut) == 0
        assert (visit.said, visit.asked) == ([], [path.as_uri()])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "dark")])
def test_the_committee_s_page_fits_screens(browser: object, tmp_path: Path, width: int, scheme: str) -> None:
    path = tmp_path / "credit.html"
    path.write_text(render_credit(credit_comparison())["credit.html"], encoding="utf-8")
    with Visit(browser, path, width=width, scheme=scheme) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.page.locator("html").get_attribute("data-theme") == scheme
        first = visit.page.locator(".verdict li").first
        assert first.inner_text().startswith("First to break as prices fall: the lock-up (DSCR 1.15×)")
        assert first.bounding_box()["y"] < 900, "what breaks first is on the first screen"
        visit.page.get_by_role("button", name="Dark").click()
        assert visit.page.locator("html").get_attribute("data-theme") != scheme
        assert visit.said == []
