"""Caps, swing, bill: by hand, and what must hold of any."""

from __future__ import annotations

import math

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.runs import (
    BillPrices,
    ConnectionRule,
    RunSettings,
    best_caps,
    embodied_per_chip_hour,
    made_or_bought,
    owned_usd_per_chip_hour,
    power_caps,
    power_swing,
    run,
    run_bill,
)
from megawatt.training import Job, TrainingPlan, plan
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
H100 = CATALOGUE.system("hgx-h100")


@pytest.fixture(scope="module")
def small() -> TrainingPlan:
    return plan(Job(load_model("llama-2-13b", CATALOGUE), 4096, 128), H100, 32, catalogue=CATALOGUE)


def test_lower_caps_are_slower_and_save_energy_of_the_chips(small: TrainingPlan) -> None:
    caps = power_caps(small, H100, CATALOGUE, usd_per_chip_hour=2.0, usd_per_mwh=60.0)
    assert caps[-1].cap_w == H100.accelerator.power_cap_w
    assert caps[-1].tokens_per_s_per_chip == pytest.approx(small.tokens_per_s_per_chip)
    assert caps[-1].j_per_token == pytest.approx(small.it_energy_j_per_token)
    speeds = [c.tokens_per_s_per_chip for c in caps]
    assert speeds == sorted(speeds)
    best = best_caps(caps)
    assert best["energy"].j_per_token <= caps[-1].j_per_token
    # A chip-hour that costs this much is not stretched for energy.
    assert best["dollars"].cap_w > 0.8 * H100.accelerator.power_cap_w
    free = best_caps(power_caps(small, H100, CATALOGUE, usd_per_mwh=60.0))
    assert free["dollars"].cap_w == free["energy"].cap_w
    assert "dollars" not in best_caps(power_caps(small, H100, CATALOGUE))
    with pytest.raises(ScenarioError, match="0 or more"):
        power_caps(small, H100, CATALOGUE, usd_per_chip_hour=-1.0)


def test_swing_is_between_idle_and_cap(small: TrainingPlan) -> None:
    settings = RunSettings(checkpoint="sync", storage_gb_per_s=1.0)
    whole = run(small, system=H100, tokens=1e11, catalogue=CATALOGUE, settings=settings)
    swing = power_swing(small, whole, H100, CATALOGUE)
    most = 32 * (H100.accelerator.power_cap_w - H100.accelerator.power_idle_w) / 1e6
    assert 0.0 < swing.step_mw < most
    assert 0.0 < swing.checkpoint_mw < most
    assert swing.steepest_mw_per_s > swing.battery_mw
    # NREL's battery: 375.6 USD a kWh and 497.7 USD a kW; 13.5 % of what goes through it is lost.
    assert swing.battery_usd == pytest.approx(375.6 * swing.battery_kwh + 497.7e3 * swing.battery_mw)
    assert swing.battery_loss_mwh == pytest.approx(0.135 * swing.dummy_work_mwh)
    assert swing.battery_kwh == pytest.approx(swing.checkpoint_mw * whole.checkpoint.stall_s / 3.6, rel=1e-9)
    assert 0.0 < swing.dummy_work_mwh < 0.2 * whole.energy_mwh
    assert 0.0 < swing.stop_mw < most


def test_a_connections_rule_by_hand(small: TrainingPlan) -> None:
    settings = RunSettings(checkpoint="sync", storage_gb_per_s=1.0)
    whole = run(small, system=H100, tokens=1e11, catalogue=CATALOGUE, settings=settings)
    swing, caps = power_swing(small, whole, H100, CATALOGUE), power_caps(small, H100, CATALOGUE)
    step, save, stop = swing.waves
    free = swing.under(ConnectionRule(swing_mw=1.0), caps)
    assert free.met
    assert (free.battery_kwh, free.dummy_work_mwh, free.cap) == (0.0, 0.0, caps[-1])
    # Half of the checkpoint's swing passes: the battery takes the other half for as long as a stall lasts.
    half = swing.under(ConnectionRule(swing_mw=save.mw / 2), caps)
    assert save in half.broken
    assert stop not in half.broken, "a rule on what repeats says nothing of a run that stops"
    assert half.battery_mw == pytest.approx(save.mw / 2)
    assert half.battery_kwh == pytest.approx(save.mw / 2 * save.low_s / 3.6)
    # The strictest of both is the swing's own price of level power.
    level = swing.under(ConnectionRule(swing_mw=0.0), caps)
    assert level.battery_usd == pytest.approx(swing.battery_usd)
    assert level.dummy_work_mwh == pytest.approx(swing.dummy_work_mwh)
    assert level.cap is None
    # A ramp that is slow for edges, and quick for a stop: power follows it, the battery takes the triangle.
    ramp = 60.0 * stop.mw / (stop.low_s / 4)
    slow = swing.under(ConnectionRule(ramp_mw_per_min=ramp), caps)
    assert slow.broken == tuple(wave for wave in swing.waves if wave.mw > ramp / 600)
    assert slow.battery_kwh >= stop.mw * (stop.low_s / 4) / 2 / 3.6 * (1 - 1e-9)
    assert "MW/min" in slow.words()
    assert slow.plain()["swing_limit_mw"] is None
    gentle = swing.under(ConnectionRule(swing_mw=step.mw * 0.98), caps)
    assert gentle.cap is None or gentle.cap.cap_w < caps[-1].cap_w or not gentle.broken
    with pytest.raises(ScenarioError, match="above 0"):
        ConnectionRule(ramp_mw_per_min=0.0)


def test_the_bill_by_hand(small: TrainingPlan) -> None:
    whole = run(small, system=H100, tokens=1e11, catalogue=CATALOGUE, settings=RunSettings(spares=1))
    prices = BillPrices(2.0, 50.0, 1.2, 300.0, 100.0, 0.01, 0.5)
    bill = run_bill(whole, 32, prices)
    assert bill.chips_usd == pytest.approx(40 * whole.days * 24 * 2.0)
    assert bill.energy_usd == pytest.approx(whole.energy_mwh * 60.0)
    assert bill.usd_per_million_tokens == pytest.approx(bill.usd / 1e5)
    assert bill.usd_per_mw_year * bill.mw_years == pytest.approx(bill.usd)
    assert bill.location_t == pytest.approx(3 * bill.market_t)
    assert bill.water_m3 == pytest.approx(0.5 * whole.energy_mwh)
    with pytest.raises(ScenarioError, match="PUE of 1"):
        BillPrices(pue=0.9)


def test_a_chip_of_ones_own_by_hand() -> None:
    # 30,000 over 5 years without interest, a tenth left: 5,400 a year
    assert owned_usd_per_chip_hour(30_000, life_years=5, resale_frac=0.1, discount_rate=0.0) == pytest.approx(
        5400 / 8760
    )
    # level payment of 10 % over 5 years: 0.2638 of the capital
    assert owned_usd_per_chip_hour(30_000, life_years=5) == pytest.approx(30_000 * 0.263797 / 8760, rel=1e-5)
    assert owned_usd_per_chip_hour(30_000, life_years=5, used_frac=0.5) > owned_usd_per_chip_hour(30_000, life_years=5)
    with pytest.raises(ScenarioError, match="above 0"):
        owned_usd_per_chip_hour(1.0, life_years=0)


def test_made_or_bought_breaks_even_where_both_cost_the_same() -> None:
    asked = {"development_usd": 5e8, "unit_cost_usd": 4000.0, "seller_cost_usd": 6000.0, "seller_margin": 0.7}
    found = made_or_bought(1e5, **asked)
    # 20,000 a bought chip: 16,000 saved a chip
    assert found.break_even_chips == pytest.approx(5e8 / 16_000)
    assert made_or_bought(found.break_even_chips, **asked).saved_usd == pytest.approx(0.0, abs=1.0)
    assert found.saved_usd == pytest.approx(1e5 * 16_000 - 5e8)
    weak = made_or_bought(1e5, **asked, work_ratio=0.15)
    assert math.isinf(weak.break_even_chips)
    with pytest.raises(ScenarioError, match="below 1"):
        made_or_bought(1.0, **{**asked, "seller_margin": 1.0})


def test_embodied_carbon_of_a_chip_is_spread_over_its_life() -> None:
    assert embodied_per_chip_hour(438.0) == pytest.approx(0.01)  # 5 years of 8,760 h
    assert embodied_per_chip_hour(438.0, 10.0) == pytest.approx(0.005)
    assert embodied_per_chip_hour(0.0) == 0.0
    with pytest.raises(ScenarioError, match="over 0 years"):
        embodied_per_chip_hour(100.0, 0.0)
