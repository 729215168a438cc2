"""A linear programme that grows: bounds move and rows are added, each solve from the optimum before it."""

from __future__ import annotations

import time

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.dispatch.solvers.lp import LinearProgram, Method, Solution

__all__ = ["LiveProgram"]


class LiveProgram:
    """A programme that HiGHS keeps: bounds move and rows are added, and each solve starts from the optimum before it.

    ``values`` (columns,) and ``objective`` are those of the last solve.
    """

    def __init__(self, program: LinearProgram, method: Method = "simplex") -> None:
        self._program, self._method = program, method
        self._highs, self.build_s = program.build(method)
        self.solve_s, self.objective, self.values = 0.0, np.nan, np.zeros(0)

    def columns(self, name: str) -> IntArray:
        """Columns of a block."""
        return self._program.columns(name)

    def of(self, name: str) -> FloatArray:
        """Values of a block at the last solve."""
        return self.values[self.columns(name)]

    def hold(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Move the bounds of columns (n,)."""
        self._highs.changeColsBounds(columns.size, columns.astype(np.int32), lower, upper)

    def hold_row(self, name: str, lower: float, upper: float = np.inf) -> None:
        """Move the bounds of a block of one row."""
        self._highs.changeRowBounds(self._program.first_row(name), float(lower), float(upper))

    def add(self, index: IntArray, coefficient: FloatArray, lower: FloatArray) -> None:
        """Add rows: lower (n,) <= sum of coefficient (n, m) * x[index (n, m)]; columns that are named twice add up."""
        rows, width = index.shape
        same = index[:, np.newaxis, :] == index[:, :, np.newaxis]
        first = same.argmax(axis=2) == np.arange(width)
        total = (same * coefficient[:, np.newaxis, :]).sum(axis=2)
        kept = first & (total != 0.0)
        starts = np.concatenate(([0], np.cumsum(kept.sum(axis=1))[:-1])).astype(np.int32)
        upper = np.full(rows, np.inf)
        self._highs.addRows(rows, lower, upper, int(kept.sum()), starts, index[kept].astype(np.int32), total[kept])

    def solve(self) -> None:
        """Solve from the optimum before.

        Raises
        ------
        InfeasibleError, SolverError
            As `LinearProgram.solve`.
        """
        started = time.perf_counter()
        self._highs.run()
        if self._program.unsettled(self._highs):
            # A basis that no longer serves: from nothing, once.
            self._highs.clearSolver()
            self._highs.run()
        self.solve_s += time.perf_counter() - started
        self._program.check(self._highs)
        self.values = np.asarray(self._highs.getSolution().col_value)
        self.objective = float(self._highs.getInfo().objective_function_value)

    def solution(self) -> Solution:
        """The optimum of the last solve."""
        return self._program.found(self._highs, self._method, self.build_s, self.solve_s)
