"""One value of a mined MWh: the dispatched year earns what the cash flow's first full year earns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.ageing import hashes_kept_frac
from megawatt.chain.capital import Replacement
from megawatt.chain.links import Links, forge
from megawatt.dispatch import solve_merit
from megawatt.errors import ScenarioError
from megawatt.results import mined_summary
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"


def forged(*settings: str) -> Links:
    use = load(EXAMPLES / "childress-bitcoin.toml", load_catalogue(), settings).uses[0]
    return forge(use.scenario, load_catalogue(), use.folder)


@pytest.fixture(scope="module")
def bitcoin() -> Links:
    return forged()


def test_dispatched_year_earns_what_the_first_full_year_earns(bitcoin: Links) -> None:
    year, flows = solve_merit(bitcoin.problem), bitcoin.base.flows
    live = bitcoin.model.calendar.last_live
    months = slice(live, live + 12)  # August 2026 to July 2027: no leap day
    assert year.revenue_usd["mining"] == pytest.approx(flows.revenue["mining"][0, months].sum(), rel=1e-9)
    paid = flows.opex_cost["energy_mining"][0, months].sum()
    assert sum(year.energy_cost_usd.values()) == pytest.approx(paid, rel=1e-9)


def test_strike_is_where_the_hours_stop(bitcoin: Links) -> None:
    mined = bitcoin.mined
    assert mined is not None
    assert (mined.first_month, mined.last_month) == ("2026-08", "2027-07")
    assert mined.usd_per_mwh == pytest.approx(mined.by_month_usd_per_mwh.mean())
    assert mined.strike_usd_per_mwh == pytest.approx(mined.usd_per_mwh / mined.facility_per_it)
    assert 1.0 < mined.facility_per_it < 1.1
    runs = solve_merit(bitcoin.problem).mining_it_mw > 0.0
    delivered = bitcoin.problem.price_usd_per_mwh + bitcoin.problem.adder_usd_per_mwh
    spread = np.ptp(mined.by_month_usd_per_mwh)  # a month's own strike lies within the year's spread of it
    assert runs[delivered < mined.strike_usd_per_mwh - spread].all()
    assert not runs[delivered > mined.strike_usd_per_mwh + spread].any()


def test_outlook_falls_with_difficulty_and_halves_with_the_subsidy(bitcoin: Links) -> None:
    mined = bitcoin.mined
    assert mined is not None
    years = {row.year: row for row in mined.outlook}
    assert list(years) == [2026, 2027, 2028, 2029, 2030, 2031]
    assert sum(row.months for row in mined.outlook) == bitcoin.model.calendar.spine.months - 6
    assert years[2027].usd_per_mwh < years[2026].usd_per_mwh
    assert years[2029].subsidy_btc == pytest.approx(years[2027].subsidy_btc / 2.0)
    assert all(0.5 < row.network_pays_frac < 1.0 for row in mined.outlook)
    shown = mined_summary(mined)
    assert shown["months"] == ["2026-08", "2027-07"]
    assert "elasticity" in shown["rule"]
    assert "mining.usd_per_mwh" in {a.name for a in bitcoin.assumptions()}


def test_a_short_plan_stands_for_the_months_it_has() -> None:
    mined = forged("timeline.operating_months=5").mined
    assert mined is not None
    assert (mined.first_month, mined.last_month) == ("2026-08", "2026-12")
    assert mined.by_month_usd_per_mwh[0] == pytest.approx(mined.usd_per_mwh)  # January: the mean of those there are
    assert mined.by_month_usd_per_mwh[7] > mined.by_month_usd_per_mwh[11]


def test_modes_are_chosen_by_the_hour_and_worth_something(bitcoin: Links) -> None:
    eco = forged('mining.modes=["eco"]')
    mined, plain = eco.mined, bitcoin.mined
    assert mined is not None
    assert plain is not None
    assert mined.strikes_usd_per_mwh[0] == pytest.approx(plain.strike_usd_per_mwh * 0.8 / 0.7)
    assert mined.strikes_usd_per_mwh[1] == pytest.approx(plain.strike_usd_per_mwh * 0.2 / 0.3)
    assert eco.base.measures.value_usd_per_grid_mw_year > bitcoin.base.measures.value_usd_per_grid_mw_year
    share = solve_merit(eco.problem).mining_it_mw / eco.it_mw
    assert all(np.isclose(share, level).sum() > 300 for level in (0.0, 0.7, 1.0))
    live = eco.model.calendar.last_live
    earned = eco.base.flows.revenue["mining"][0, live : live + 12].sum()
    assert solve_merit(eco.problem).revenue_usd["mining"] == pytest.approx(earned, rel=1e-9)
    turbo = forged('mining.modes=["eco", "turbo"]')
    assert turbo.it_mw == eco.it_mw
    assert turbo.miners is not None
    assert turbo.miners.fleet.it_mw == pytest.approx(eco.it_mw / 1.15)  # fewer machines fill the halls
    assert {"mining-modes.turbo_power_ratio", "mining-modes.eco_hash_ratio"} <= {a.name for a in turbo.assumptions()}


def test_machines_age_and_new_ones_do_not(bitcoin: Links) -> None:
    old = forged("mining.hash_loss_per_year=0.1")
    assert old.mined is not None
    assert bitcoin.mined is not None
    last = old.mined.outlook[-1].usd_per_mwh / bitcoin.mined.outlook[-1].usd_per_mwh
    assert last == pytest.approx(0.9**4.75, rel=0.02)
    kept = hashes_kept_frac(old.model.calendar, None, 0.1)
    # November 2025 to August 2026: the first half live since May, the second since August
    assert kept[:7] == pytest.approx(1.0)
    assert kept[9] == pytest.approx(0.5 * 0.9**0.25 + 0.5)
    swapped = hashes_kept_frac(old.model.calendar, Replacement(24, 1.0), 0.1)
    assert swapped[30] == pytest.approx(0.5 + 0.5 * 0.9 ** (21 / 12))
    assert hashes_kept_frac(old.model.calendar, None, 0.1, 12)[6] == pytest.approx(0.9)


def test_next_difficulty_of_half_a_period() -> None:
    # 1,008 blocks in 151.2 h: 540 s each; prior ln 0.031 +- 0.052 (weight 370 of 1,378)
    mined = forged("mining.retarget_blocks=1008", "mining.retarget_hours=151.2").mined
    assert mined is not None
    rate = (1008 * np.log(600 / 540) + 0.031 / 0.052**2) / (1008 + 0.052**-2)
    assert mined.next_difficulty_ratio == pytest.approx(2.0 / (0.9 + np.exp(-rate)))
    with pytest.raises(ScenarioError, match="problem"):
        forged("mining.retarget_blocks=1008")
