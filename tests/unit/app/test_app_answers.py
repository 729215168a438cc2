"""The live page's JSON, its guard and its long work, without a browser."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from megawatt.app.routes import make_app
from megawatt.app.shelf import Shelf
from megawatt.catalogue import load_catalogue
from megawatt.chain.live import live_use
from megawatt.errors import ScenarioError
from megawatt.scenario import load

testclient = pytest.importorskip("starlette.testclient")

EXAMPLES = Path(__file__).parents[3] / "examples"
KEY = "childress-bitcoin.toml"
HOME = "http://127.0.0.1:8400"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    for name in (KEY, "childress-mixed.toml"):
        shutil.copy(EXAMPLES / name, made / name)
    text = (made / KEY).read_text()
    (made / "broken.toml").write_text(text.replace('use = "mining"', 'use = "minting"'))
    (made / "no-toml.toml").write_text("[")
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[testclient.TestClient]:
    with testclient.TestClient(make_app(Shelf(folder / KEY)), base_url=HOME) as made:
        yield made


def test_the_page_and_its_files_are_there(client: testclient.TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    for name in ("app.js", "app.css", "charts.js", "echarts.js", "early.js", "report.css"):
        assert f"/static/{name}" in page.text or name == "app.js"
        assert client.get(f"/static/{name}").status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_scenarios_beside_the_first_are_listed(client: testclient.TestClient) -> None:
    listed = [one["key"] for one in client.get("/api/scenarios").json()["scenarios"]]
    assert listed == [KEY, "broken.toml"]  # a mixed site and what is no TOML are left out
    assert client.get("/api/scenarios").json()["files_left_out"] == 0
    told = client.get("/api/scenario").json()
    assert told["uses"][0]["name"] == "childress-bitcoin"


def test_figures_are_those_of_the_use_kept_in_memory(client: testclient.TestClient) -> None:
    loaded = load(EXAMPLES / KEY, load_catalogue())
    live = live_use(loaded.uses[0], loaded.catalogue)
    one = live.input_of("discount_rate")
    told = client.get("/api/figures", params={"set": f"{one.name}:{one.high}"}).json()
    rows = {row["name"]: row for row in told["figures"]}
    base, moved = live.figures({}), live.figures({one.name: one.high})
    for name in ("value_usd_per_grid_mw_year", "npv_usd", "pue", "import_mwh"):
        assert rows[name]["value"] == getattr(moved, name)
        assert rows[name]["base"] == getattr(base, name)
    assert "min_dscr" not in rows  # no debt
    assert all(row["meaning"] for row in told["figures"])
    assert client.get("/api/figures").json()["figures"][0]["value"] == base.value_usd_per_grid_mw_year


def test_many_at_once_get_right_answers(client: testclient.TestClient) -> None:
    inputs = client.get("/api/all-inputs").json()["inputs"]
    one = next(i for i in inputs if i["name"] == "discount_rate")
    values = [one["low"] + (one["high"] - one["low"]) * i / 9 for i in range(10)]

    def asked(value: float) -> float:
        found = client.get("/api/figures", params={"set": f"discount_rate:{value}"})
        assert found.status_code == 200
        return float(found.json()["figures"][0]["value"])

    with ThreadPoolExecutor(10) as pool:
        got = list(pool.map(asked, values * 3))
    assert got[:10] == got[10:20] == got[20:]
    assert sorted(set(got)) == sorted(got[:10])
    assert got[0] != got[9]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"scenario": "../secret.toml"}, "not beside"),
        ({"scenario": "childress-mixed.toml"}, "not beside"),
        ({"scenario": "broken.toml"}, "minting"),
        ({"use": "7"}, "allowed: 0 to 0"),
        ({"use": "-1"}, "whole number"),
        ({"set": "discount_rate"}, "NAME:VALUE"),
        ({"set": "discount_rate:nan"}, "finite"),
        ({"set": "discount_rate:5"}, "allowed"),
        ({"set": "site.colour:5"}, "no input with a range"),
        ({"set": [f"a{i}:1" for i in range(30)]}, "at most"),
    ],
)
def test_wrong_links_get_one_clear_error(client: testclient.TestClient, words: dict[str, object], said: str) -> None:
    found = client.get("/api/figures", params=words)  # type: ignore[arg-type]
    assert found.status_code == 400
    assert said in str(found.json()["error"])


def test_a_week_a_year_and_a_scenario_can_be_kept(client: testclient.TestClient, tmp_path: Path) -> None:
    week = client.get("/api/week", params={"week": "30"}).json()
    assert (len(week["rows"]), week["first_hour"]) == (168, 5040)
    lines = client.get("/api/hours.csv").text.splitlines()
    assert len(lines) == 8761
    assert lines[0].startswith("hour,energy_price_usd_per_mwh,import_mw")
    assert float(lines[5041].split(",")[2]) == pytest.approx(week["rows"][0][2], rel=1e-3)
    words = {"set": ["discount_rate:0.11", "bitcoin-network.fees_frac:0.02"]}
    names = {i["name"] for i in client.get("/api/all-inputs").json()["inputs"]}
    moves = [s for s in words["set"] if s.partition(":")[0] in names]
    kept = client.get("/api/scenario.toml", params={"set": moves})
    path = tmp_path / "moved.toml"
    path.write_text(kept.text)
    loaded = load(path, load_catalogue())
    assert loaded.uses[0].scenario.discount_rate.number() == 0.11


def test_layouts_of_a_mine_are_none(client: testclient.TestClient) -> None:
    found = client.get("/api/layouts")
    assert found.status_code == 200
    assert found.json() == {"cells": [], "note": "This use trains nothing."}


def test_what_moves_it_most_is_found_beside(client: testclient.TestClient) -> None:
    until = time.monotonic() + 120.0
    while (told := client.get("/api/inputs").json())["running"] and time.monotonic() < until:
        time.sleep(0.05)
    assert told["error"] == ""
    swings = [one["swing_usd"] for one in told["inputs"]]
    assert len(swings) == 12
    assert swings == sorted(swings, reverse=True)
    low, high = told["inputs"][0]["ends"]["value_usd_per_grid_mw_year"]
    assert abs(high - low) == pytest.approx(swings[0])
    assert client.delete("/api/inputs").json() == {"cancelled": True}


def test_a_plan_runs_apart_and_can_be_stopped(client: testclient.TestClient) -> None:
    first = client.post("/api/plans", params={"set": "discount_rate:0.11"}).json()
    assert client.post("/api/plans").status_code == 400  # one at a time
    told = client.delete(f"/api/plans/{first['plan']}").json()
    assert (told["state"], told["files"]) == ("cancelled", [])
    assert client.get(f"/api/plans/{first['plan']}/report.html").status_code == 400
    assert client.get("/api/plans/99").status_code == 400


def test_other_hosts_sites_and_methods_are_refused(client: testclient.TestClient) -> None:
    assert client.get("/api/scenarios", headers={"host": "evil.example"}).status_code == 400
    assert client.post("/api/plans", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/plans", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.put("/api/plans").status_code == 405
    for path in ("/static/../routes.py", "/static/%2e%2e/routes.py", "/api/plans/1/..%2f..%2fetc"):
        assert client.get(path).status_code in (400, 404)


def test_a_token_is_asked_for_once(folder: Path) -> None:
    with testclient.TestClient(make_app(Shelf(folder / KEY), token="s3cret"), base_url=HOME) as client:
        assert client.get("/api/scenarios").status_code == 401
        assert client.get("/api/scenarios", headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/api/scenarios", headers={"authorization": "Bearer s3cret"}).status_code == 200
        led = client.get("/?token=s3cret&a=x", follow_redirects=False)
        assert (led.status_code, led.headers["location"]) == (303, "/?a=x")
        assert "httponly" in led.headers["set-cookie"].lower()
        assert client.get("/api/scenarios").status_code == 200  # by the cookie


def test_every_endpoint_is_described(client: testclient.TestClient) -> None:
    told = client.get("/openapi.json").json()
    assert told["openapi"] == "3.1.0"
    assert set(told["paths"]["/api/figures"]["get"]) == {"summary", "parameters", "responses"}
    assert [p["name"] for p in told["paths"]["/api/plans/{plan}/{name}"]["get"]["parameters"]] == ["plan", "name"]
    for path, methods in told["paths"].items():
        assert "{plan:int}" not in path
        assert set(methods) <= {"get", "post", "delete"}


def test_counterparties_are_a_page_that_pins_its_scripts(client: testclient.TestClient) -> None:
    page = client.get("/network")
    assert "sha256-" in page.headers["content-security-policy"]
    assert "Who falls with whom" in page.text


def test_a_folder_without_a_scenario_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no scenario"):
        Shelf(tmp_path)


def test_a_file_edited_on_disk_is_read_again(folder: Path, client: testclient.TestClient) -> None:
    text = (folder / KEY).read_text()
    edited = folder / "edited.toml"
    edited.write_text(text)
    with testclient.TestClient(make_app(Shelf(edited)), base_url=HOME) as own:
        one = next(i for i in own.get("/api/all-inputs").json()["inputs"] if i["name"] == "discount_rate")
        moved = {"set": f"discount_rate:{one['low']}"}
        before = own.get("/api/figures", params=moved).json()["figures"][0]
        edited.write_text(text.replace("seed = ", "[site]\n[site", 1))
        assert own.get("/api/figures", params=moved).status_code == 400
        edited.write_text(re.sub(r"(?m)^grid_mw = .*", "grid_mw = 20", text))
        after = own.get("/api/figures", params=moved).json()["figures"]
        edited.unlink()
        assert "no such file" in own.get("/api/figures").json()["error"]["message"]
    assert after[0]["base"] != before["base"]
    assert next(row for row in after if row["name"] == "peak_mw")["value"] <= 20


def test_more_scenarios_than_are_kept_at_once(folder: Path, tmp_path: Path) -> None:
    """A scenario that makes room while its figures are worked out is opened again."""
    for number in range(10):
        shutil.copy(folder / KEY, tmp_path / f"s{number}.toml")
    with testclient.TestClient(make_app(Shelf(tmp_path)), base_url=HOME) as own:

        def asked(number: int) -> int:
            link = {"scenario": f"s{number % 10}.toml", "set": "discount_rate:0.12"}
            return int(own.get("/api/figures", params=link).status_code)

        with ThreadPoolExecutor(10) as threads:
            assert set(threads.map(asked, range(10))) == {200}


@pytest.mark.parametrize("name", ["childress-mixed.toml", "other.toml"])
def test_a_start_that_is_no_scenario_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "other.toml").write_text("a = 1")
    start = tmp_path / name if name == "other.toml" else folder / name
    with pytest.raises(ScenarioError, match="allowed: a scenario or a comparison"):
        Shelf(start)
