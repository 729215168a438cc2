"""What cases ask of the rooms: figures are those of the rooms' own answers, a neighbour's links change nothing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from megawatt.cases.asking import ROOMS, ask
from megawatt.catalogue import load_catalogue
from megawatt.chain import forge
from megawatt.company import load_company
from megawatt.errors import ScenarioError
from megawatt.scenario import load

CATALOGUE = load_catalogue()
EXAMPLES = Path(__file__).parents[3] / "examples"
FOLDER = EXAMPLES / "cases" / "halving"


def asked(room: str, **arguments: object) -> dict[str, float]:
    return ask(room, arguments, CATALOGUE, FOLDER, "figures.runs.0.ask", {})


def test_a_site_moved_beside_its_base_is_the_site_alone() -> None:
    kept: dict[str, object] = {}
    arguments = {"scenario": "childress-bitcoin.toml", "hours": True, "episode": "stress-2022"}
    ask("site", arguments, CATALOGUE, FOLDER, "", kept)
    moved = arguments | {"set": {"power.price_scale": 1.3, "opex.site_usd_per_kw_month": 9}}
    beside, alone = ask("site", moved, CATALOGUE, FOLDER, "", kept), ask("site", moved, CATALOGUE, FOLDER, "", {})
    assert beside == pytest.approx(alone, rel=0, abs=0, nan_ok=True)
    use = load(
        EXAMPLES / "childress-bitcoin.toml", CATALOGUE, ["power.price_scale=1.3", "opex.site_usd_per_kw_month=9"]
    )
    links = forge(use.uses[0].scenario, CATALOGUE, EXAMPLES)
    assert alone["npv_usd"] == float(links.base.measures.npv_usd[0])
    assert alone["peak_mw"] == pytest.approx(300.0)
    assert alone["dearest_mw"] < alone["mean_mw"]  # miners stop when power is dear
    assert alone["episode_npv_usd"] < alone["npv_usd"]


def test_a_hall_draws_more_where_it_is_warmer() -> None:
    cool = asked("hall", place="lulea", design="air-chiller", it_mw=10)
    warm = asked("hall", place="lulea", design="air-chiller", it_mw=10, warmer_k=10)
    assert cool["pue"] < warm["pue"]
    assert cool["coldest_mw"] <= cool["warmest_mw"] <= cool["peak_mw"] + 1e-9
    assert cool["facility_mwh"] == pytest.approx(cool["pue"] * cool["it_mwh"])


def test_a_network_told_of_a_halving_halves_the_subsidy() -> None:
    now = asked("mining", network="bitcoin-2024-03", power_usd_per_mwh=50)
    then = asked("mining", network="bitcoin-2024-03", months_ahead=3, elasticity=0)
    assert then["subsidy_btc"] == pytest.approx(now["subsidy_btc"] / 2)
    assert then["hashprice_usd_per_ph_day"] < now["hashprice_usd_per_ph_day"]
    alone = asked("mining", network="bitcoin-2024-03", power_usd_per_mwh=50, btc_usd=now["btc_break_even_usd"])
    assert alone["margin_usd_per_mwh"] == pytest.approx(0.0, abs=1e-9)


def test_a_company_along_an_episode() -> None:
    calm = asked("replay", company="cleanspark", months=12, btc={"12": 1.0}, network="bitcoin-2025-11")
    fall = asked("replay", company="cleanspark", months=12, episode="stress-2022", network="bitcoin-2025-11")
    shut = asked("replay", company="cleanspark", months=12, episode="stress-2022", network="bitcoin-2025-11", shut=True)
    assert fall["liquidity_end_usd"] < calm["liquidity_end_usd"]
    assert fall["liquidity_start_usd"] == calm["liquidity_start_usd"]
    assert shut["issued_frac"] == 0.0
    poor = asked("replay", company="cleanspark", months=12, episode="stress-2022", network="bitcoin-2025-11", shut=True,
                 set={"cash_usd": 1e7, "coins_btc": 0, "debt.0.rate_frac": 0.4})  # fmt: skip
    assert poor["missed"] == 1.0
    assert 1.0 <= poor["default_month"] <= 12.0
    assert math.isnan(calm["default_month"])


def test_a_year_of_payments_and_a_failure() -> None:
    found = asked("contagion", year=2027, failing="OpenAI", closed=True)
    assert found["openai_wave"] == 1.0
    assert found["failed"] >= 1.0
    assert 0.0 <= found["nvidia_to_openai_comes_back_frac"] <= 1.0
    assert asked("contagion", year=2027, failing="OpenAI", loss=0.0)["lost_usd"] <= found["lost_usd"]


def test_a_training_question() -> None:
    told = {"system": "hgx-h200", "model": "llama-3.1-8b", "seq_len": 4096, "global_batch": 256, "precision": "bf16"}
    step = asked("training", **told, units=4, usd_per_chip_hour=2.0)
    whole = asked("training", **told, units=4, usd_per_chip_hour=2.0, tokens=1e11)
    assert step["chips"] == 32.0
    assert whole["days"] >= 1e11 / step["tokens_per_s"] / 86400
    assert whole["usd_per_million_tokens"] >= step["usd_per_million_tokens"]
    assert asked("training", **told, units=4, chip_power_w=350)["tokens_per_s"] < step["tokens_per_s"]
    with pytest.raises(ScenarioError, match="exactly one"):
        asked("training", **told)


def test_settings_of_a_company_are_checked() -> None:
    assert load_company("iren", CATALOGUE, {"cash_usd": 5.0}).cash_usd == 5.0
    for wrong in ("debt.99.principal_usd", "nothing.here", "debt.x.rate_frac"):
        with pytest.raises(ScenarioError, match="dotted path"):
            load_company("iren", CATALOGUE, {wrong: 1.0})
    with pytest.raises(ScenarioError, match="unknown key"):
        load_company("iren", CATALOGUE, {"cash_eur": 1.0})


def test_every_question_refuses_what_it_does_not_know() -> None:
    for room in ROOMS:
        with pytest.raises(ScenarioError) as refused:
            asked(room, nothing=1)
        assert any("nothing" in problem.path for problem in refused.value.problems), room


def test_a_chip_made_or_bought_and_one_of_ones_own() -> None:
    # A seller's margin of 75 % on 6,500: 26,000 a chip, of which an own chip does 0.3: 7,800 against 5,000
    told = {"development_usd": 1e9, "unit_cost_usd": 5000, "seller_cost_usd": 6500, "seller_margin": 0.75}
    made = asked("made", **told, volume=1e6, work_ratio=0.3)
    assert made["break_even_chips"] == pytest.approx(1e9 / 2800)
    assert made["saved_usd"] == pytest.approx(1e6 * 2800 - 1e9)
    own = asked("owned", capital_usd=43_800, life_years=5, discount_rate=0)
    assert own["usd_per_chip_hour"] == pytest.approx(1.0)


def test_halls_alike_differ_in_cooling_alone() -> None:
    at = {"place": "dublin", "it_mw": 10, "alike": "air-chiller"}
    towers, same = asked("hall", design="air-tower-free", **at), asked("hall", design="air-chiller", **at)
    assert same == asked("hall", place="dublin", design="air-chiller", it_mw=10)
    assert towers["pue"] > asked("hall", place="dublin", design="air-tower-free", it_mw=10)["pue"]
    for design in ("air-chiller", "air-economiser-chiller"):
        free, off = (
            asked("hall", design=design, place="dublin", it_mw=10, changes=changes)
            for changes in ({}, {"economiser": False})
        )
        assert free["pue"] < off["pue"]
        assert free["chiller_hours"] <= off["chiller_hours"] == 8760
    with pytest.raises(ScenarioError, match="has no chilled water"):
        asked("hall", place="dublin", design="air-evaporative", it_mw=10, changes={"economiser": False})


def test_spot_capacity_takes_longer_and_a_queue_is_asked() -> None:
    run = {"system": "hgx-h200", "chips": 64, "model": "llama-3.1-8b", "seq_len": 8192, "global_batch": 256}
    run |= {"precision": "bf16", "tokens": 1e11, "usd_per_chip_hour": 2.0}
    kept: dict[str, object] = {}
    plain, spot = (
        ask("training", run | more, CATALOGUE, FOLDER, "", kept)
        for more in ({}, {"reclaimed_per_1000_node_days": 50, "refill_hours": 6})
    )
    assert spot["days"] > plain["days"]
    assert spot["failures"] > plain["failures"]
    assert spot["usd"] / plain["usd"] == pytest.approx(spot["days"] / plain["days"])
    assert asked("access", clusters=20, used_frac=0.97, hold_days=30)["wait_days"] == pytest.approx(42.4, rel=0.01)


def test_an_auction_of_the_case() -> None:
    folder = EXAMPLES / "cases" / "power-places"
    arguments = {"file": "pjm-auctions.csv", "year": "2025/2026"}
    was = ask("auction", arguments, CATALOGUE, folder, "", {})
    more = ask("auction", arguments | {"extra_mw": 200}, CATALOGUE, folder, "", {})
    assert was["price_usd_per_mw_day"] == pytest.approx(was["published_usd_per_mw_day"], rel=0.07)
    assert more["price_usd_per_mw_day"] > was["price_usd_per_mw_day"] + 10.0
