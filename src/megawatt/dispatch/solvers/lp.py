"""Linear programmes, and with whole numbers, by named blocks of variables and rows, given to HiGHS as arrays."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import InfeasibleError, SolverError

__all__ = ["LinearProgram", "Method", "Solution"]

Method = Literal["simplex", "ipm", "hipo", "choose"]

_UNBOUNDED: Final = "the objective is unbounded: some block earns money without a limit"


@dataclass(frozen=True, slots=True)
class Solution:
    """Optimum of a linear programme.

    ``values`` and ``row_duals`` map block names to arrays of the block's shape; a dual is the change of the objective
    per unit of the row's binding bound (with whole numbers: while these stay). ``solver`` names HiGHS, its version and
    method; times are wall clock. ``gap`` bounds the distance to the optimum, above 0 where whole numbers are in it.
    """

    objective: float
    values: Mapping[str, FloatArray]
    row_duals: Mapping[str, FloatArray]
    solver: str
    build_s: float
    solve_s: float
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class _Rows:
    index: IntArray
    coefficient: FloatArray
    lower: FloatArray
    upper: FloatArray


class LinearProgram:
    """Minimise cost . x subject to row and column bounds; built block by block, each block one array operation.

    Parameters
    ----------
    name : str
        What is being solved; begins every error message.

    Examples
    --------
    >>> lp = LinearProgram("two taps")
    >>> x = lp.variables("x", 2, upper=[3.0, 5.0], cost=[1.0, 2.0])
    >>> lp.rows("demand", [(x[:1], 1.0), (x[1:], 1.0)], lower=4.0)
    >>> lp.solve().objective
    5.0
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._started = time.perf_counter()
        self._columns: dict[str, IntArray] = {}
        self._bounds: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self._rows: dict[str, _Rows] = {}
        self._whole: list[IntArray] = []
        self._size = 0

    def variables(
        self,
        name: str,
        shape: int | tuple[int, ...],
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = np.inf,
        cost: ArrayLike = 0.0,
        whole: bool = False,
    ) -> IntArray:
        """Add a block of variables, whole numbers where asked for; bounds and cost broadcast to its shape.

        Returns
        -------
        array of int, of the block's shape
            Column numbers, to be used (sliced, rolled, broadcast) in `rows`.
        """
        if name in self._columns:
            raise ValueError(f"{self.name}: block {name} is there already")
        size = (shape,) if isinstance(shape, int) else shape
        index = np.arange(self._size, self._size + int(np.prod(size)), dtype=np.int64).reshape(size)
        self._size += index.size
        self._columns[name] = index
        if whole:
            self._whole.append(index.ravel())
        self._bounds.append((_flat(lower, size), _flat(upper, size), _flat(cost, size)))
        return index

    def rows(
        self,
        name: str,
        terms: Sequence[tuple[IntArray, ArrayLike]],
        *,
        lower: ArrayLike = -np.inf,
        upper: ArrayLike = np.inf,
    ) -> None:
        """Add a block of n rows: lower <= sum over terms of coefficient * x[index] <= upper.

        Parameters
        ----------
        terms : sequence of (index, coefficient)
            Index has shape (n,), or (n, m) for m entries per row, or (1,) for one variable shared by all rows;
            coefficients broadcast to the index.
        """
        n = max(index.shape[0] for index, _ in terms)
        indices, coefficients = [], []
        for index, coefficient in terms:
            wide = index if index.ndim == 2 else index[:, np.newaxis]
            wide = np.broadcast_to(wide, (n, wide.shape[1]))
            values = np.asarray(coefficient, dtype=np.float64)
            if values.ndim == 1 and index.ndim == 1:
                values = values[:, np.newaxis]
            indices.append(wide)
            coefficients.append(np.broadcast_to(values, wide.shape))
        self._rows[name] = _Rows(
            np.concatenate(indices, axis=1),
            np.concatenate(coefficients, axis=1),
            _flat(lower, (n,)),
            _flat(upper, (n,)),
        )

    def columns(self, name: str) -> IntArray:
        """Columns of a block."""
        return self._columns[name]

    def first_row(self, name: str) -> int:
        """Number of the first row of a block."""
        names = list(self._rows)
        return sum(self._rows[block].lower.size for block in names[: names.index(name)])

    def build(self, method: Method) -> tuple[Any, float]:
        """The programme given to HiGHS, not solved yet, and the seconds that it took to build."""
        import highspy

        highs = highspy.Highs()
        for option, value in _options(method).items():
            highs.setOptionValue(option, value)
        highs.passModel(self._model(highspy))
        return highs, time.perf_counter() - self._started

    def solve(self, method: Method = "simplex", *, search_s: float = np.inf) -> Solution:
        """Solve with HiGHS.

        Parameters
        ----------
        method : {'simplex', 'ipm', 'hipo', 'choose'}
            Dual simplex; interior point or factorised interior point, both followed by a crossover to a vertex.
        search_s : float
            With whole numbers: after this many seconds take the best that is found, with its gap.

        Raises
        ------
        InfeasibleError
            If no point satisfies all bounds, or the objective is unbounded.
        SolverError
            If HiGHS stops without an optimum.
        """
        import highspy

        model = self._model(highspy)
        build_s = time.perf_counter() - self._started
        started = time.perf_counter()
        whole, bound = np.concatenate(self._whole or [np.zeros(0, dtype=np.int64)]), -np.inf
        if whole.size:
            bound = self._settle(highspy, model, whole, search_s)
        highs = _run(highspy, model, _options(method))
        solve_s = time.perf_counter() - started
        self.check(highs)
        gap = max(float(highs.getInfo().objective_function_value) - bound, 0.0) if whole.size else 0.0
        return self.found(highs, "branch and bound" if whole.size else method, build_s, solve_s, gap)

    def found(self, highs: Any, method: str, build_s: float, solve_s: float, gap: float = 0.0) -> Solution:
        """The optimum that HiGHS has found."""
        solution, version = highs.getSolution(), highs.version()
        column, dual = np.asarray(solution.col_value), np.asarray(solution.row_dual)
        return Solution(
            objective=float(highs.getInfo().objective_function_value),
            values=MappingProxyType({name: column[index] for name, index in self._columns.items()}),
            row_duals=MappingProxyType(self._split(dual)),
            solver=f"HiGHS {version} {method}",
            build_s=build_s,
            solve_s=solve_s,
            gap=gap,
        )

    def _settle(self, highspy: Any, model: Any, whole: IntArray, search_s: float) -> float:
        """Hold the model's whole numbers at their best values, and what no solution can be below."""
        kinds = np.full(self._size, highspy.HighsVarType.kContinuous, dtype=object)
        kinds[whole] = highspy.HighsVarType.kInteger
        model.integrality_ = kinds.tolist()
        highs = _run(highspy, model, _options("choose") | _WHOLE | {"time_limit": search_s})
        status = highspy.HighsModelStatus
        if not (highs.getModelStatus() == status.kTimeLimit and highs.getInfo().primal_solution_status == 2):
            self.check(highs)
        lower, upper = np.array(model.col_lower_), np.array(model.col_upper_)
        lower[whole] = upper[whole] = np.round(np.asarray(highs.getSolution().col_value)[whole])
        model.col_lower_, model.col_upper_, model.integrality_ = lower, upper, []
        return float(highs.getInfo().mip_dual_bound)

    def _model(self, highspy: Any) -> Any:
        lower, upper, cost = (np.concatenate(parts) for parts in zip(*self._bounds, strict=True))
        blocks = tuple(self._rows.values())
        per_row = np.concatenate(
            [np.zeros(0, dtype=np.int64), *(np.full(b.lower.size, b.index.shape[1], dtype=np.int64) for b in blocks)]
        )
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self._size, per_row.size
        model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
        none = np.zeros(0)
        model.row_lower_ = np.concatenate([none, *(b.lower for b in blocks)])
        model.row_upper_ = np.concatenate([none, *(b.upper for b in blocks)])
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.concatenate(([0], np.cumsum(per_row))).astype(np.int32)
        model.a_matrix_.index_ = np.concatenate([none, *(b.index.ravel() for b in blocks)]).astype(np.int32)
        model.a_matrix_.value_ = np.concatenate([none, *(b.coefficient.ravel() for b in blocks)])
        return model

    def unsettled(self, highs: Any) -> bool:
        """Whether HiGHS came to no word: neither an optimum nor that there is none."""
        import highspy

        statuses = highspy.HighsModelStatus
        settled = (statuses.kOptimal, statuses.kInfeasible, statuses.kUnboundedOrInfeasible, statuses.kUnbounded)
        return highs.getModelStatus() not in settled

    def check(self, highs: Any) -> None:
        """Raise where HiGHS has no optimum, as `solve`."""
        import highspy

        statuses = highspy.HighsModelStatus
        status = highs.getModelStatus()
        if status == statuses.kOptimal:
            return
        if status in (statuses.kInfeasible, statuses.kUnboundedOrInfeasible):
            raise InfeasibleError(
                f"{self.name}: no point satisfies all limits together; blocks of limits: {', '.join(self._rows)}"
            )
        if status == statuses.kUnbounded:
            raise InfeasibleError(f"{self.name}: {_UNBOUNDED}; blocks: {', '.join(self._columns)}")
        raise SolverError(f"{self.name}: HiGHS stopped with status {highs.modelStatusToString(status)}")

    def _split(self, dual: FloatArray) -> dict[str, FloatArray]:
        ends = np.cumsum([b.lower.size for b in self._rows.values()])
        return {
            name: dual[end - b.lower.size : end]
            for (name, b), end in zip(self._rows.items(), ends.tolist(), strict=True)
        }


def _flat(value: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).ravel()


def _run(highspy: Any, model: Any, options: dict[str, object]) -> Any:
    highs = highspy.Highs()
    for option, value in options.items():
        highs.setOptionValue(option, value)
    highs.passModel(model)
    highs.run()
    return highs


_WHOLE: Final = {"mip_rel_gap": 1e-8, "mip_abs_gap": 1e-4, "mip_heuristic_effort": 0.0}
"""Gaps at which branch and bound ends; its heuristics take most of the time here and find nothing that cuts do not."""


def _options(method: Method) -> dict[str, object]:
    # "threads" stays untouched: HiGHS has one scheduler per process and refuses to run when two callers differ.
    return {
        "output_flag": False,
        "solver": method,
        "run_crossover": "on",
    }
