"""The block builder over HiGHS."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.dispatch.solvers.lp import LinearProgram
from megawatt.errors import InfeasibleError, SolverError


def _store() -> LinearProgram:
    """Three hours at 10, 30, 20; load 1 MW; a lossless store of 2 MWh, empty at both ends."""
    lp = LinearProgram("store")
    buy = lp.variables("buy", 3, cost=[10.0, 30.0, 20.0])
    flow = lp.variables("flow", 3, lower=-5.0, upper=5.0)
    soc = lp.variables("soc", 3, upper=2.0)
    lp.rows("balance", [(buy, 1.0), (flow, -1.0)], lower=1.0, upper=1.0)
    lp.rows("store", [(soc, 1.0), (np.roll(soc, 1), -1.0), (flow, -1.0)], lower=0.0, upper=0.0)
    return lp


@pytest.mark.parametrize("method", ["simplex", "ipm", "choose"])
def test_optimum_of_a_small_store(method: str) -> None:
    solution = _store().solve(method)  # type: ignore[arg-type]
    # all three MWh are bought in the first hour at 10
    assert solution.objective == pytest.approx(30.0)
    assert solution.values["buy"].tolist() == pytest.approx([3.0, 0.0, 0.0])
    assert solution.row_duals["balance"].shape == (3,)
    assert solution.solver.startswith("HiGHS 1.")
    assert solution.build_s >= 0.0


def test_rows_take_blocks_of_several_entries_and_shared_variables() -> None:
    lp = LinearProgram("shared")
    x = lp.variables("x", (2, 3), upper=1.0, cost=-np.arange(6.0).reshape(2, 3))
    cap = lp.variables("cap", 1, upper=2.0, cost=0.5)
    lp.rows("limit", [(x, np.full((2, 3), 2.0)), (cap, -1.0)], upper=0.0)
    solution = lp.solve()
    # each row: 2 sum(x) <= cap <= 2, so one unit per row on the dearest column: -(2 + 5) + 0.5 x 2
    assert solution.objective == pytest.approx(-6.0)
    assert solution.values["x"][:, 2].tolist() == pytest.approx([1.0, 1.0])


def test_per_row_coefficients_apply_to_their_rows() -> None:
    lp = LinearProgram("per row")
    x = lp.variables("x", 2, cost=1.0)
    lp.rows("need", [(x, np.array([1.0, 4.0]))], lower=8.0)
    assert lp.solve().values["x"].tolist() == pytest.approx([8.0, 2.0])


def test_duals_price_the_binding_bound() -> None:
    lp = LinearProgram("dual")
    x = lp.variables("x", 1, cost=7.0)
    lp.rows("need", [(x, 2.0)], lower=4.0)
    assert lp.solve().row_duals["need"].tolist() == pytest.approx([3.5])


def test_an_infeasible_programme_names_its_limits() -> None:
    lp = LinearProgram("site")
    x = lp.variables("x", 1, upper=1.0)
    lp.rows("load", [(x, 1.0)], lower=2.0)
    with pytest.raises(InfeasibleError, match=r"site: .*load"):
        lp.solve()


def test_an_unbounded_programme_is_an_input_error() -> None:
    lp = LinearProgram("site")
    x = lp.variables("x", 1, cost=-1.0)
    lp.rows("floor", [(x, 1.0)], lower=0.0)
    with pytest.raises(InfeasibleError, match="site"):
        lp.solve()


def test_giving_up_is_a_solver_error() -> None:
    rng = np.random.default_rng(0)
    lp = LinearProgram("hard")
    x = lp.variables("x", 400, upper=9.0, cost=-rng.uniform(size=400), whole=True)
    lp.rows("dense", [(np.broadcast_to(x, (30, 400)), rng.uniform(size=(30, 400)))], lower=9.9, upper=10.0)
    with pytest.raises(SolverError, match="Time limit"):
        lp.solve(search_s=0.0)


def test_whole_numbers_are_proven_and_priced() -> None:
    # 7 and 5 a piece, at most 10 of weight 4 and 3: one of the first and two of the second earn 17 and fill the sack
    lp = LinearProgram("sack")
    x = lp.variables("x", 2, upper=3.0, cost=[-7.0, -5.0], whole=True)
    y = lp.variables("y", 1, upper=10.0, cost=1.0)
    lp.rows("weight", [(x[:1], 4.0), (x[1:], 3.0)], upper=10.0)
    lp.rows("load", [(y, 1.0), (x[:1], 1.0)], lower=5.0)
    found = lp.solve()
    assert found.objective == pytest.approx(-17.0 + 4.0)
    assert found.gap <= 1e-4
    assert found.values["x"] == pytest.approx([1.0, 2.0])
    assert found.row_duals["load"] == pytest.approx([1.0])


def test_a_block_name_is_used_once() -> None:
    lp = LinearProgram("twice")
    lp.variables("x", 1)
    with pytest.raises(ValueError, match="there already"):
        lp.variables("x", 1)
