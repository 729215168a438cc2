"""What an operator reads off a dispatched year, month by month: what a MWh costs, hours switched off, heat, tonnes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.dispatch.hourly import Block, HourlyPlan, HourlyProblem
from megawatt.dispatch.ledgers import monthly_charge_usd
from megawatt.hours import HOURS_IN_YEAR, MONTH_NAMES, MONTH_OF_HOUR

__all__ = ["OperatorTotals", "OperatorYear", "operator_year"]

_FLEXIBLE: Final = ("mining", "hosted", "bitcoin", "ai")
"""Uses that may be switched off; what is sold to the grid is none."""
_OFF_MW: Final = 1e-3
"""A kilowatt less than offered is no curtailment."""


_SOME_MWH: Final = 1e-9
"""Energy by which a bill is divided where none is drawn. [MWh]"""


@dataclass(frozen=True, slots=True)
class OperatorTotals:
    """A year in single numbers: parts of the bill and all of it per MWh from the grid [USD/MWh], hours in which
    machines take less than they could, what that avoids, forgoes and saves [USD], heat [MWh], carbon [t], and energy
    that customers' machines leave [MWh]."""

    energy_usd_per_mwh: float
    adders_usd_per_mwh: float
    charges_usd_per_mwh: float
    all_in_usd_per_mwh: float
    curtailed_hours: float
    avoided_usd: float
    forgone_usd: float
    saved_usd: float
    heat_mwh: float
    carbon_t: float
    hosted_off_mwh: float


@dataclass(frozen=True, slots=True)
class OperatorYear:
    """A plan by month, arrays of shape (months,); one row of all hours where they are no year of 8,760.

    Attributes
    ----------
    months : tuple of str
    import_mwh, used_mwh
        From the grid; taken by machines that may be switched off. [MWh]
    energy_usd, adders_usd, charges_usd
        The bill: energy at its price with blocks bought ahead, charges per MWh, charges on peaks. [USD]
    curtailed_hours, curtailed_mwh
        Hours in which the operator's machines take less than the connection has left for them, and by how much. [h],
        [MWh]
    avoided_usd, forgone_usd
        What that energy would have cost with its charges per MWh, and what it would have earned. [USD]
    hosted_off_mwh
        Energy that customers' machines did not take, which is in none of these. [MWh]
    heat_mwh
        Drawn and given off by cooling, losses and the battery: all that reaches no machine. [MWh]
    carbon_t
        Of grid energy and own fuel. [t]
    """

    months: tuple[str, ...]
    import_mwh: FloatArray
    used_mwh: FloatArray
    energy_usd: FloatArray
    adders_usd: FloatArray
    charges_usd: FloatArray
    curtailed_hours: FloatArray
    curtailed_mwh: FloatArray
    avoided_usd: FloatArray
    forgone_usd: FloatArray
    heat_mwh: FloatArray
    carbon_t: FloatArray
    hosted_off_mwh: FloatArray

    def over_the_year(self) -> OperatorTotals:
        """Sums over all months, and the bill per MWh from the grid."""
        drawn = max(float(self.import_mwh.sum()), _SOME_MWH)
        parts = (self.energy_usd, self.adders_usd, self.charges_usd, self.bill_usd)
        sums = (
            self.curtailed_hours,
            self.avoided_usd,
            self.forgone_usd,
            self.saved_usd,
            self.heat_mwh,
            self.carbon_t,
            self.hosted_off_mwh,
        )
        return OperatorTotals(*(float(usd.sum()) / drawn for usd in parts), *(float(v.sum()) for v in sums))

    @property
    def bill_usd(self) -> FloatArray:
        """Energy, charges per MWh and charges on peaks. [USD]"""
        return self.energy_usd + self.adders_usd + self.charges_usd

    @property
    def all_in_usd_per_mwh(self) -> FloatArray:
        """The bill per MWh from the grid; nan where none is drawn. [USD/MWh]"""
        drawn = np.where(self.import_mwh > 0.0, self.import_mwh, np.nan)
        return np.asarray(self.bill_usd / drawn, dtype=np.float64)

    @property
    def saved_usd(self) -> FloatArray:
        """What switching machines off saved beyond what they would have earned. [USD]"""
        return self.avoided_usd - self.forgone_usd


def _off(use: Block, mw: FloatArray, room_mw: FloatArray) -> FloatArray:
    """What each segment of a use, the dearest first, would take beyond ``mw`` of the room beside it, (hours, k)."""
    order = np.argsort(-use.usd_per_mwh, axis=1, kind="stable")
    width = np.take_along_axis(use.mw, order, axis=1)
    before = np.cumsum(width, axis=1) - width
    taken, most = (np.clip(level[:, np.newaxis] - before, 0.0, width) for level in (mw, mw + room_mw))
    off = np.empty_like(width)
    np.put_along_axis(off, order, most - taken, axis=1)
    return off


def operator_year(
    problem: HourlyProblem, plan: HourlyPlan, it_mw: FloatArray | None = None, hosted: BoolArray | None = None
) -> OperatorYear:
    """The plan's year as its operator reads it.

    Parameters
    ----------
    problem, plan
        An hourly problem and its plan.
    it_mw : array, shape (hours,), optional
        What the machines take of all that the site draws; none is known of a case folder, whose heat is the
        battery's alone. [MW]
    hosted : array of bool, shape (segments,), optional
        Segments of the use ``mining`` that are customers' machines: whether they run is not the operator's saving.
    """
    whole = problem.hours == HOURS_IN_YEAR
    month = MONTH_OF_HOUR if whole else np.zeros(problem.hours, dtype=np.int64)

    def summed(hourly: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(month, weights=hourly, minlength=12 if whole else 1), dtype=np.float64)

    imports = plan.mw[problem.imports.name]
    price, all_in = problem.energy_price_usd_per_mwh, problem.price_usd_per_mwh
    uses = [b for b in problem.uses if b.name in _FLEXIBLE]
    none = np.zeros(problem.hours)
    room = np.maximum(np.minimum(problem.imports.mw.sum(axis=1), problem.import_limit_mw) - imports, 0.0)
    curtailed, forgone, theirs = none, none, none
    for use in uses:
        off = _off(use, plan.mw[use.name], room)
        room = np.maximum(room - off.sum(axis=1), 0.0)
        own = np.ones(use.mw.shape[1], dtype=np.bool_) if hosted is None or use.name != "mining" else ~hosted
        curtailed, theirs = curtailed + off[:, own].sum(axis=1), theirs + off[:, ~own].sum(axis=1)
        forgone = forgone + (off * use.usd_per_mwh)[:, own].sum(axis=1)
    drawn = problem.firm_mw + sum((plan.mw[b.name] for b in uses), none)
    heat = np.zeros(problem.hours) if it_mw is None else drawn - it_mw
    for s in problem.storages:
        heat = heat + plan.mw[f"{s.name}.charge"] - plan.mw[f"{s.name}.discharge"]
    carbon = sum(
        (plan.mw[b.name] * b.carbon_kg_per_mwh for b in (problem.imports, *problem.supplies)
         if b.carbon_kg_per_mwh is not None), none,
    )  # fmt: skip
    ahead = np.zeros(12) if problem.blocks_usd is None else problem.blocks_usd
    charges = monthly_charge_usd(problem, plan) if whole else np.array([monthly_charge_usd(problem, plan).sum()])
    return OperatorYear(
        months=MONTH_NAMES if whole else ("all hours",),
        import_mwh=summed(imports),
        used_mwh=summed(sum((plan.mw[b.name] for b in uses), none)),
        energy_usd=summed(price * imports) + (ahead if whole else ahead.sum()),
        adders_usd=summed((all_in - price) * imports),
        charges_usd=charges,
        curtailed_hours=summed((curtailed > _OFF_MW).astype(np.float64)),
        curtailed_mwh=summed(curtailed),
        avoided_usd=summed(all_in * curtailed),
        forgone_usd=summed(forgone),
        hosted_off_mwh=summed(theirs),
        heat_mwh=summed(heat),
        carbon_t=summed(carbon) / 1000.0,
    )
