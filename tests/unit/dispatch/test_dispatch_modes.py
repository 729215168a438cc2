"""Miners with modes: by hand, and the closed form, the linear programme, the months and the hourly problem alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.dispatch import monthly_response, optimise, site_hours, solve, solve_merit
from megawatt.hours import monthly_sum
from megawatt.mining import MinerModes, mode_segments
from tests.unit.dispatch.builders import HOURS, drawn_problem, problem

MODES = MinerModes((0.7, 1.0), (0.8, 1.0))


def test_a_mode_that_pays_runs_and_one_that_does_not_is_off() -> None:
    # delivered 52 x hall 1.1 = 57.2 USD per MWh of miners; the first 12 MW earn 40 x 1.5 = 60, the last 8 only 20
    site = problem(mining_value_usd_per_mwh=np.full(HOURS, 40.0))
    assert solve_merit(site).mining_it_mw.max() == 0.0
    year = solve_merit(replace(site, mining_modes=(np.array([12.0, 8.0]), np.array([1.5, 0.5]))))
    assert year.mining_it_mw == pytest.approx(12.0)
    assert year.revenue_usd["mining"] == pytest.approx(HOURS * 12.0 * 60.0)


def test_hall_and_modes_share_the_axis_of_it_power() -> None:
    # halls of 20 MW at slope 1.1; modes of 14 and 6 MW: as one use of the hourly problem
    site = problem(mining_modes=(np.array([14.0, 6.0]), np.array([1.2, 0.5])))
    use = next(block for block in site_hours(site).uses if block.name == "mining")
    assert use.mw[0] == pytest.approx([15.4, 6.6])
    assert use.usd_per_mwh[0] == pytest.approx([80.0 * 1.2 / 1.1, 80.0 * 0.5 / 1.1])


@pytest.mark.parametrize("seed", [1, 2])
def test_all_ways_to_solve_a_year_agree(seed: int) -> None:
    site = drawn_problem(seed, ai_value=50_000.0)
    site = replace(site, mining_modes=mode_segments(site.mining_it_mw, MODES))
    year = solve_merit(site)
    assert solve(site).objective_usd == pytest.approx(year.objective_usd, rel=1e-9)
    hours = optimise(site_hours(site))
    assert -hours.objective_usd == pytest.approx(year.objective_usd, rel=1e-6)
    plain = solve_merit(replace(site, mining_modes=None))
    assert year.objective_usd > plain.objective_usd  # a choice more


@pytest.mark.parametrize("value", [30.0, 70.0])
def test_months_are_the_year_in_every_mode(value: float) -> None:
    site = drawn_problem(3, ai_value=50_000.0)
    site = replace(
        site,
        price_usd_per_mwh=np.abs(site.price_usd_per_mwh) + 5.0,
        mining_value_usd_per_mwh=np.full(HOURS, value),
        mining_modes=mode_segments(site.mining_it_mw, MODES),
    )
    year, months = solve_merit(site), monthly_response(site).mining(np.full((1, 12), value), np.ones((1, 12)))
    assert months.mwh[0] == pytest.approx(monthly_sum(year.mining_it_mw), rel=1e-9)
    assert months.revenue_usd[0].sum() == pytest.approx(year.revenue_usd["mining"], rel=1e-9)
    assert months.facility_mwh[0] == pytest.approx(monthly_sum(year.mining_facility_mw), rel=1e-9)
