"""What an operator achieves of the flexible value: never above the bound, all of it where prices are known."""

import numpy as np
import pytest
from benchmarks.foresight_blind import CASES, site

from megawatt.dispatch import optimise
from megawatt.dispatch.achieved import achieved, real_time
from megawatt.dispatch.foresight import day_ahead


@pytest.mark.parametrize("name", ["battery", "all_with_peak"])
def test_blind_on_2023_a_day_ahead_plan_achieves_most_of_the_bound(name: str) -> None:
    found = achieved(site(2023, *CASES[name]), seed=2023)
    assert found.flexible_usd > 1e6
    assert found.gap_usd >= -1.0, "no plan beats perfect foresight"
    assert found.real_time_usd >= found.real_time_perfect_usd - 1.0
    assert found.share is not None
    assert 0.85 < found.share <= 1.0
    assert found.real_time_share is not None
    assert 0.85 < found.real_time_share <= 1.0


def test_uses_that_follow_the_hour_need_no_forecast_and_a_site_without_any_has_no_share() -> None:
    miners = achieved(site(2022, *CASES["miners"]))
    assert miners.share == pytest.approx(1.0, abs=1e-9)
    assert miners.real_time_share == pytest.approx(1.0, abs=1e-9)
    assert achieved(site(2022, 0.0, 0.0, 0.0, 0.0)).share is None


def test_real_time_prices_differ_by_what_is_asked() -> None:
    problem = site(2022, *CASES["battery"])
    there = real_time(problem, 0.3, 7)
    known, comes = problem.price_usd_per_mwh, there.price_usd_per_mwh
    assert np.abs(comes / known - 1.0).mean() == pytest.approx(0.3, rel=0.05)
    assert (comes / known).mean() == pytest.approx(1.0, abs=0.03)
    assert real_time(problem, 0.0, 7).price_usd_per_mwh == pytest.approx(known)
    same = day_ahead(problem, np.zeros(0), known=problem).objective_usd
    assert same == pytest.approx(day_ahead(problem, np.zeros(0)).objective_usd, rel=1e-6)
    assert optimise(problem).objective_usd <= same
