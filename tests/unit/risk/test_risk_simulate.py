"""The whole simulation on a small project, and its independence of the number of workers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import CashFlow, LoanTerms, OperatingFlows, ProjectTerms, project
from megawatt.risk import BLOCK_PATHS, FactorPaths, Risk, net_cash_usd, run_blocks, simulate
from tests.unit.risk.factor_sample import sample_terms

MONTHS = 24


def uniform_block(seed_sequence: np.random.SeedSequence, paths: int) -> dict[str, np.ndarray]:
    """Uniform numbers of a block and its number."""
    rng = np.random.default_rng(seed_sequence)
    return {"u": rng.random(paths), "block": np.full(paths, seed_sequence.spawn_key[-1])}


def power_plant(factors: FactorPaths, debt_usd: float = 500.0) -> CashFlow:
    """A project that sells at the power level: 40 a month for 600, with or without debt."""
    capex = np.zeros(MONTHS)
    capex[0] = 600.0
    loan = LoanTerms(debt_usd, 0.08, 0, 1, MONTHS - 1) if debt_usd else None
    terms = ProjectTerms(2026, 1, MONTHS, {"plant": capex}, {}, loan, None, 0.1, operation_start_month=1)
    zero = np.zeros((1, MONTHS))
    sales = 40.0 * factors.power * (np.arange(MONTHS) > 0)
    return project(terms, OperatingFlows({"sales": sales}, {}, zero, zero))


def run(paths: int, workers: int = 1, debt_usd: float = 500.0) -> Risk:
    model = partial(power_plant, debt_usd=debt_usd)
    return simulate(model, sample_terms(), months=MONTHS, paths=paths, seed=42, workers=workers, grid_mw=2.0)


def test_blocks_have_their_own_seed_and_fill_up() -> None:
    drawn = run_blocks(uniform_block, 2 * BLOCK_PATHS + 10, seed=1)
    assert np.bincount(drawn["block"]).tolist() == [BLOCK_PATHS, BLOCK_PATHS, 10]
    assert np.unique(drawn["u"]).size == drawn["u"].size
    # the first block does not depend on how many follow
    assert np.array_equal(run_blocks(uniform_block, BLOCK_PATHS, seed=1)["u"], drawn["u"][:BLOCK_PATHS])


def test_two_workers_give_exactly_what_one_gives() -> None:
    one, two = run(BLOCK_PATHS + 100), run(BLOCK_PATHS + 100, workers=2)
    assert one.value_usd_per_grid_mw_year == two.value_usd_per_grid_mw_year
    assert one.probability_missed == two.probability_missed
    for name, values in one.samples.items():
        assert np.array_equal(values, two.samples[name], equal_nan=True), name
    for name, values in one.fans.items():
        assert np.array_equal(values, two.fans[name]), name


def test_results_hang_together() -> None:
    risk = run(3000)
    assert risk.paths == 3000
    assert risk.npv_usd.mean == pytest.approx(risk.samples["npv_usd"].mean())
    missed = risk.samples["missed_month"]
    assert risk.probability_missed == pytest.approx(np.mean(missed >= 0))
    assert 0.05 < risk.probability_missed < 0.95
    low, high = risk.probability_missed_interval or (1.0, 0.0)
    assert low < risk.probability_missed < high
    assert risk.probability_missed_by_month is not None
    assert risk.probability_missed_by_month[-1] == risk.probability_missed
    assert np.all(np.diff(risk.probability_missed_by_month) >= 0)
    assert risk.npv_usd.cvar5 <= risk.npv_usd.p5 <= risk.npv_usd.p50 <= risk.npv_usd.p95
    assert risk.fans["power"].shape == (5, MONTHS)
    assert max(risk.drivers, key=lambda name: abs(risk.drivers[name])) == "power"
    assert risk.drivers["power"] > 0.95
    assert abs(risk.drivers["btc"]) < 0.1


def test_mean_value_is_the_base_case_where_value_is_linear_in_the_factor() -> None:
    # no tax and no debt: NPV is linear in the power level, whose expectation is the base case
    risk = run(20_000, debt_usd=0.0)
    base = -600 / 1.1 ** (1 / 12) + sum(40 / 1.1 ** ((m + 1) / 12) for m in range(1, MONTHS))
    assert abs(risk.npv_usd.mean - base) < 4 * risk.npv_usd.standard_error
    assert risk.probability_missed is None
    assert risk.probability_missed_interval is None
    assert risk.probability_missed_by_month is None
    # level amount a year over months 1 to 23, per 2 MW of grid
    annuity = sum(1 / 1.1 ** ((m + 1) / 12) for m in range(1, MONTHS))
    assert risk.value_usd_per_grid_mw_year.mean == pytest.approx(12 * risk.npv_usd.mean / annuity / 2)


def test_worst_month_counts_debt_service_that_was_due() -> None:
    cash = power_plant(FactorPaths(*(np.full((1, MONTHS), x) for x in (1, 0.25, 1, 1, 1, 1, 1)), np.array([-1])))
    due = 500 * (0.08 / 12) / (1 - (1 + 0.08 / 12) ** -(MONTHS - 1))
    assert net_cash_usd(cash)[0, 1] == pytest.approx(10 - due)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ScenarioError, match="workers"):
        run(100, workers=0)
    with pytest.raises(ScenarioError, match="grid_mw"):
        simulate(power_plant, sample_terms(), months=MONTHS, paths=10, seed=1, grid_mw=0.0)
    with pytest.raises(ScenarioError, match="seed -1"):
        simulate(power_plant, sample_terms(), months=MONTHS, paths=10, seed=-1, grid_mw=1.0)
