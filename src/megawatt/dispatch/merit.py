"""The same site year in closed form: without storage the hours decouple, and each is a merit order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.account import account
from megawatt.dispatch.halls import site_halls
from megawatt.dispatch.records import Dispatch, SiteProblem

__all__ = ["solve_merit"]


def solve_merit(problem: SiteProblem, limit_mw: FloatArray | None = None) -> Dispatch:
    """Operating plan of the site year by merit order, hour by hour; the optimum that `solve` finds.

    In one hour every segment of a hall earns value / slope per MW drawn at the connection. Segments worth more than
    the energy costs are taken, best first, until the connection is full: the fractional knapsack, whose greedy
    solution is optimal. Convexity makes the segments of one hall come in their physical order. Ties run.

    Parameters
    ----------
    problem : SiteProblem
        One site year.
    limit_mw : array, shape (8760,), optional
        Import held below the connection's: what peak charges make worth drawing (`MonthlyResponse.limits_mw`).

    Raises
    ------
    ScenarioError
        If the problem's arrays are malformed.
    InfeasibleError
        If idle halls exceed the import limit; names the hour.
    """
    halls = site_halls(problem)
    if limit_mw is not None:
        room = np.maximum(limit_mw - halls.ai.idle_mw - halls.mining.idle_mw, 0.0)
        halls = replace(halls, available_mw=np.minimum(halls.available_mw, room))
    energy_usd_per_mwh = np.maximum(problem.price_usd_per_mwh + problem.marginal_usd_per_mwh, 0.0)[:, np.newaxis]
    slope = np.concatenate((halls.ai.slope, halls.mining.slope), axis=1)
    width = np.concatenate((halls.ai.width_it_mw, halls.mining.width_it_mw), axis=1)
    value = np.concatenate((halls.ai.usd_per_mwh, halls.mining.usd_per_mwh), axis=1)
    wanted = np.where(value >= energy_usd_per_mwh * slope, width, 0.0)
    # Stable: at equal worth the AI hall (first columns) goes first, and a hall's segments keep their order.
    order = np.argsort(-value / slope, axis=1, kind="stable")
    taken = fill_in_order(wanted, slope, halls.available_mw, order)
    k = halls.ai.slope.shape[1]
    ai = np.minimum(taken[:, :k].sum(axis=1), halls.ai.cap_it_mw)
    return account(problem, ai, halls.mining, taken[:, k:], "merit order")


def fill_in_order(
    wanted_it_mw: FloatArray, slope: FloatArray, available_mw: FloatArray, order: NDArray[np.int64] | None = None
) -> FloatArray:
    """IT power of each segment when segments fill in order until the connection is full. [MW]

    Parameters
    ----------
    wanted_it_mw, slope : array, shape (hours, k)
        Most IT power of each segment [MW], and its facility MW per IT MW.
    available_mw : array, shape (hours,)
        Facility power that the connection leaves, >= 0. [MW]
    order : array of int, shape (hours, k), optional
        Columns in the order of filling; as they stand if not given.
    """
    facility = wanted_it_mw * slope
    if order is not None:
        facility, slope = (np.take_along_axis(values, order, axis=1) for values in (facility, slope))
    before = np.cumsum(facility, axis=1) - facility
    taken = np.clip(available_mw[:, np.newaxis] - before, 0.0, facility) / slope
    if order is None:
        return taken
    it_mw = np.empty_like(taken)
    np.put_along_axis(it_mw, order, taken, axis=1)
    return it_mw
