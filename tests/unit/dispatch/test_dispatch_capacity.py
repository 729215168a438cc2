"""Sizes and hours together: the search by exact years against one linear programme of everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.dispatch import Block, HourlyProblem, Storage
from megawatt.dispatch.capacity import solve_capacity
from megawatt.dispatch.hour_cuts import HourCuts, Sizable
from megawatt.dispatch.solvers.lp import LinearProgram
from megawatt.errors import InfeasibleError, SolverError

HOURS = 336
INTO, OUT, LOSS, WEAR = 0.95, 0.93, 1e-3, 3.0


def _case(seed: int, *, cheap: float = 1.0, load_mw: float = 20.0) -> tuple[HourlyProblem, tuple[Sizable, ...]]:
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    price = 40.0 + 25.0 * np.sin(hour / 24 * 2 * np.pi) + rng.normal(0.0, 15.0, HOURS)
    sun = np.maximum(np.cos((hour % 24 - 12.5) / 24 * 2 * np.pi), 0.0) * rng.uniform(0.3, 1.0, HOURS)
    load = load_mw * (1.0 + 0.2 * np.cos(hour / 24 * 2 * np.pi) + 0.1 * rng.random(HOURS))
    first = np.where(hour < HOURS // 2, 1.0, np.inf)

    def block(name: str, mw: float | np.ndarray, usd: float | np.ndarray) -> Block:
        return Block(name, *(np.broadcast_to(v, HOURS).astype(float)[:, np.newaxis] for v in (mw, usd)))

    problem = HourlyProblem(load, block("import", 500.0, price), storages=(Storage("b", 0, 0, INTO, OUT, LOSS, WEAR),))
    rates = rng.uniform(0.2, 2.0, 7) * cheap
    return problem, (
        Sizable("solar", 0.0, 60.0, 900.0 * rates[0], supplies=(block("solar", sun, 0.5),)),
        Sizable("power", 0.0, 30.0, 150.0 * rates[1], battery="power"),
        Sizable("energy", 0.0, 120.0, 120.0 * rates[2], battery="energy"),
        Sizable("peak", 0.0, 100.0, 1500.0 * rates[3], limit_mw=np.ones(HOURS)),
        Sizable("first week's peak", 0.0, 90.0, 300.0 * rates[4], limit_mw=first),
        Sizable("miners", 0.0, 15.0, 2e3 * rates[5], uses=(block("miners", 1.0, 55.0),), firm_mw=0.02 * np.ones(HOURS)),
        Sizable("gas", 0.0, 15.0, 800.0 * rates[6], supplies=(block("gas", 1.0, 70.0),)),
    )  # fmt: skip


def _reference_usd(problem: HourlyProblem, things: tuple[Sizable, ...]) -> float:
    """All sizes and hours as one programme on HiGHS."""
    lp, n = LinearProgram("reference"), problem.hours
    size = {t.name: lp.variables(t.name, 1, lower=t.least, upper=t.most, cost=t.usd_per_unit) for t in things}
    grid = lp.variables("grid", n, upper=problem.imports.mw[:, 0], cost=problem.imports.usd_per_mwh[:, 0])
    terms, firm = [(grid, 1.0)], []
    s = problem.storages[0]
    for t in things:
        wide = np.repeat(size[t.name], n)
        if t.firm_mw is not None:
            firm.append((wide, -t.firm_mw))
        for b, sign in [(b, 1.0) for b in t.supplies] + [(b, -1.0) for b in t.uses]:
            x = lp.variables(f"{t.name} {b.name}", n, cost=sign * b.usd_per_mwh[:, 0])
            lp.rows(f"{t.name} {b.name}", [(x, 1.0), (wide, -b.mw[:, 0])], upper=0.0)
            terms.append((x, sign))
        if t.limit_mw is not None:
            at = np.isfinite(t.limit_mw)
            lp.rows(f"{t.name} limit", [(grid[at], 1.0), (wide[at], -t.limit_mw[at])], upper=0.0)
    charge, state = lp.variables("charge", n), lp.variables("state", n)
    discharge = lp.variables("discharge", n, cost=s.discharge_cost_usd_per_mwh)
    for x, name in ((charge, "power"), (discharge, "power"), (state, "energy")):
        lp.rows(f"{name} {x[0]}", [(x, 1.0), (np.repeat(size[name], n), -1.0)], upper=0.0)
    kept = 1.0 - s.standing_loss_per_hour
    lp.rows("state", [(state, 1.0), (np.roll(state, 1), -kept), (charge, -s.charge_efficiency),
                      (discharge, 1.0 / s.discharge_efficiency)], lower=0.0, upper=0.0)  # fmt: skip
    lp.rows("load", [*terms, (charge, -1.0), (discharge, 1.0), *firm], lower=problem.firm_mw, upper=problem.firm_mw)
    return lp.solve().objective


@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 4.0]))
@settings(max_examples=12, deadline=None)
def test_sizes_cost_what_one_programme_of_everything_finds(seed: int, cheap: float) -> None:
    problem, things = _case(seed, cheap=cheap)
    found = solve_capacity(problem, things)
    assert found.cost_usd == pytest.approx(_reference_usd(problem, things), rel=1e-6, abs=1.0)
    assert found.bound_usd <= found.cost_usd + 1e-6 * abs(found.cost_usd) + 1.0
    assert found.years < 200


@given(st.integers(0, 10_000), st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_cut_is_below_the_cost_at_every_size(seed: int, other: int) -> None:
    problem, things = _case(seed)
    cuts, rng = HourCuts(problem, things), np.random.default_rng(other)
    most = np.array([t.most for t in things])
    here, there = rng.random((2, most.size)) * most
    usd, _, found = cuts.at(here)
    for at, value in ((here, usd), (there, cuts.at(there)[0])):
        low = max(_least(cut.usd, cut.by_size @ at, cut.by_after, cut.by_before, at[2]) for cut in found)
        assert low <= value + 1e-6 * abs(value) + 1e-3
    touched = [_least(c.usd, c.by_size @ here, c.by_after, c.by_before, here[2]) for c in found]
    assert len(found) > 1 or touched[0] == pytest.approx(usd, rel=1e-6, abs=1.0), "and touches it where it was taken"


def _least(usd: np.ndarray, sized: np.ndarray, after: np.ndarray, before: np.ndarray, energy: float) -> float:
    """A cut's value with the best energy stored between blocks."""
    return float((usd + sized).sum() + np.minimum(after + np.roll(before, -1), 0.0).sum() * energy)


def test_load_that_no_sizes_can_serve_is_said() -> None:
    problem, things = _case(3, load_mw=200.0)
    with pytest.raises(InfeasibleError, match="not served"):
        solve_capacity(problem, things)


def test_sizes_that_are_given_stay() -> None:
    problem, things = _case(5)
    held = tuple(
        Sizable(t.name, 4.0, 4.0, t.usd_per_unit, t.firm_mw, t.uses, t.supplies, t.limit_mw, t.battery)
        if t.limit_mw is None else t
        for t in things
    )  # fmt: skip
    found = solve_capacity(problem, held)
    assert {found.sizes[t.name] for t in held if t.limit_mw is None} == {4.0}
    assert found.cost_usd == pytest.approx(_reference_usd(problem, held), rel=1e-6)


def test_a_battery_needs_a_storage() -> None:
    problem, things = _case(1)
    with pytest.raises(SolverError, match="one storage"):
        HourCuts(HourlyProblem(problem.firm_mw, problem.imports), things)
