"""Water or electricity at the site: in which hours the halls save water at the cost of power."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.merit import solve_merit
from megawatt.dispatch.records import Dispatch, SiteProblem
from megawatt.errors import ScenarioError
from megawatt.facility.records import FacilityResponse
from megawatt.units import LITRE_PER_M3

__all__ = ["WaterPlan", "save_water"]


@dataclass(frozen=True, slots=True)
class WaterPlan:
    """A site year in which each hour runs wet or dry.

    Attributes
    ----------
    problem : SiteProblem
        The year with the response of the chosen mode in every hour: what other solvers take.
    dispatch : Dispatch
        Its optimum without storage.
    wet : (8760,)
        Hours that use water where the dry mode would use less.
    water_m3 : float
        Water of the year.
    marginal_usd_per_m3 : float
        What one more cubic metre of the yearly right would be worth beyond its price; 0 where the right does not bind.
    gap_usd : float
        What the choice by whole hours can lose at most against hours that are split.
    """

    problem: SiteProblem
    dispatch: Dispatch
    wet: NDArray[np.bool_]
    water_m3: float
    marginal_usd_per_m3: float
    gap_usd: float

    @property
    def wet_hours(self) -> int:
        """Hours that use water where the dry mode would use less."""
        return int(self.wet.sum())


def save_water(wet: SiteProblem, dry: SiteProblem, *, usd_per_m3: float = 0.0, cap_m3: float = np.inf) -> WaterPlan:
    """Choose by the hour between a hall's usual cooling and one that saves water.

    Without storage the hours stand alone. An hour's worth of being wet is what it earns more, or pays less for power,
    than dry; per cubic metre of the water that dry operation saves it is compared with the water's price. Within a
    yearly right the hours worth most per cubic metre go first (fractional knapsack), the last of them dry.

    Parameters
    ----------
    wet, dry : SiteProblem
        The same site year with the halls' responses in both modes, on the same breakpoints of IT power.
    usd_per_m3 : float
        Price of water. [USD/m3], >= 0
    cap_m3 : float
        Yearly right. [m3], at least what the dry mode uses.

    Raises
    ------
    ScenarioError
        If a number is out of range or the responses do not fit together.
    InfeasibleError
        If idle halls exceed the import limit in either mode.

    Notes
    -----
    Limits: water is priced after an hour's merit order, so a block of miners within the price of its own water of
    break-even counts as running.
    """
    if not (usd_per_m3 >= 0.0 and cap_m3 >= 0.0):
        raise ScenarioError(f"water: price {usd_per_m3} USD/m3, cap {cap_m3} m3; both must be >= 0")
    usual, saving = solve_merit(wet), solve_merit(dry)
    used_m3 = (usual.water_l - saving.water_l) / LITRE_PER_M3
    worth_usd = _margin_usd(wet, usual) - _margin_usd(dry, saving)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_m3 = np.where(used_m3 > 0.0, worth_usd / used_m3, np.where(worth_usd >= 0.0, np.inf, -np.inf))
    order = np.argsort(-per_m3, kind="stable")
    pays = per_m3[order] > usd_per_m3
    dry_m3 = float(saving.water_l.sum()) / LITRE_PER_M3
    if dry_m3 > cap_m3:
        raise ScenarioError(
            f"water: the halls use {dry_m3:,.0f} m3 a year without any choice; the cap is {cap_m3:,.0f}"
        )
    within = dry_m3 + np.cumsum(np.where(pays, np.maximum(used_m3[order], 0.0), 0.0)) <= cap_m3
    chosen = np.zeros(used_m3.size, dtype=np.bool_)
    # Nothing after the first hour that does not fit: hours are taken in order of worth.
    fits = np.logical_and.accumulate(within | ~pays)
    chosen[order] = pays & fits
    left_out = order[pays & ~fits]
    marginal = float(per_m3[left_out[0]] - usd_per_m3) if left_out.size else 0.0
    gap = float(worth_usd[left_out[0]] - usd_per_m3 * used_m3[left_out[0]]) if left_out.size else 0.0
    mixed = replace(
        wet,
        ai_response=_by_hour(wet.ai_response, dry.ai_response, chosen),
        mining_response=_by_hour(wet.mining_response, dry.mining_response, chosen),
    )
    dispatch = solve_merit(mixed)
    return WaterPlan(
        mixed, dispatch, chosen & (used_m3 > 0.0), float(dispatch.water_l.sum()) / LITRE_PER_M3, marginal, gap
    )


def _margin_usd(problem: SiteProblem, year: Dispatch) -> FloatArray:
    """Revenue less the energy bill of every hour. [USD], (8760,)"""
    earned = problem.ai_value_usd_per_mwh * year.ai_it_mw + year.mining_usd
    return np.asarray(earned - (problem.price_usd_per_mwh + problem.adder_usd_per_mwh) * year.import_mw)


def _by_hour(
    wet: FacilityResponse | None, dry: FacilityResponse | None, chosen: NDArray[np.bool_]
) -> FacilityResponse | None:
    """One response with the wet rows in the chosen hours and the dry ones elsewhere."""
    if wet is None or dry is None:
        return wet
    if not np.array_equal(wet.it_mw, dry.it_mw):
        raise ScenarioError("water: the wet and the dry response have different breakpoints of IT power")
    rows = chosen[:, np.newaxis]
    return replace(
        wet,
        facility_mw=np.where(rows, wet.facility_mw, dry.facility_mw),
        water_l_per_h=np.where(rows, wet.water_l_per_h, dry.water_l_per_h),
        it_limit_mw=np.where(chosen, wet.it_limit_mw, dry.it_limit_mw),
    )
