"""Blocks of an hourly problem from what a site has: halls, plants, export, demand charges, curtailment programmes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.dispatch.halls import HallSegments
from megawatt.dispatch.hourly import Block, PeakCharge, Storage
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR, MONTH_NAMES, MONTH_OF_HOUR

__all__ = [
    "Programme",
    "battery_storage",
    "block",
    "called",
    "dearer_with_load",
    "hall_block",
    "monthly_peaks",
    "yearly_peak",
]


def block(
    name: str, hours: int, mw: ArrayLike, usd_per_mwh: ArrayLike, carbon_kg_per_mwh: ArrayLike | None = None
) -> Block:
    """A block of one segment; numbers broadcast over the hours."""

    def column(values: ArrayLike) -> FloatArray:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(values, dtype=np.float64), (hours,)))

    carbon = None if carbon_kg_per_mwh is None else column(carbon_kg_per_mwh)
    return Block(name, column(mw)[:, np.newaxis], column(usd_per_mwh)[:, np.newaxis], carbon)


def battery_storage(
    catalogue: Catalogue, power_mw: float, energy_mwh: float, *, discharge_cost_usd_per_mwh: float = 0.0
) -> Storage:
    """A lithium battery with the catalogue's round-trip efficiency, split evenly over charge and discharge.

    Raises
    ------
    CatalogueError
        If the fact is missing.
    """
    one_way = catalogue.number("battery-storage", "round_trip_efficiency_frac") ** 0.5
    return Storage(
        "battery", power_mw, energy_mwh, one_way, one_way, discharge_cost_usd_per_mwh=discharge_cost_usd_per_mwh
    )


def hall_block(name: str, hall: HallSegments) -> Block:
    """A hall as a use of facility power, so that giving up IT power saves its cooling too.

    Each segment of IT power w with slope b (facility MW per IT MW) uses w * b MW and earns usd_per_mwh / b per MWh
    of it. The draw at zero IT power (``hall.idle_mw``) is not in the block: it is firm load.

    Parameters
    ----------
    hall : HallSegments
        From `site_halls`.
    """
    return Block(name, hall.width_it_mw * hall.slope, hall.usd_per_mwh / hall.slope)


def yearly_peak(hours: int, usd_per_mw_year: float, tiers: tuple[tuple[float, float], ...] = ()) -> PeakCharge:
    """Charge on the highest import of the year; ``tiers`` replace the single rate."""
    return PeakCharge("annual", np.ones(hours, dtype=np.bool_), tiers or ((0.0, usd_per_mw_year),))


def monthly_peaks(usd_per_mw_month: ArrayLike, hours: NDArray[np.bool_] | None = None) -> tuple[PeakCharge, ...]:
    """Charges on the highest import of each month of a site year.

    Parameters
    ----------
    usd_per_mw_month : float or array, shape (12,)
        Rate of each month.
    hours : array of bool, shape (8760,), optional
        Hours that count, such as the on-peak period of a time-of-use tariff; all by default.
    """
    rates = np.broadcast_to(np.asarray(usd_per_mw_month, dtype=np.float64), (12,))
    counted = np.ones(HOURS_IN_YEAR, dtype=np.bool_) if hours is None else hours
    return tuple(
        PeakCharge(MONTH_NAMES[m], counted & (m == MONTH_OF_HOUR), ((0.0, float(rates[m])),)) for m in range(12)
    )


@dataclass(frozen=True, slots=True)
class Programme:
    """A curtailment programme: paid for holding import down when called.

    In called hours import is measured against ``baseline_mw``. Every MWh below it earns ``energy_usd_per_mwh``; each
    MW above ``baseline_mw - committed_mw`` costs ``penalty_usd_per_mwh``; import above the baseline is not allowed
    while called. ``capacity_usd_per_mw_year`` is paid on the committed MW whether called or not.
    """

    name: str
    called: NDArray[np.bool_]
    baseline_mw: float
    committed_mw: float
    energy_usd_per_mwh: float = 0.0
    penalty_usd_per_mwh: float = 0.0
    capacity_usd_per_mw_year: float = 0.0

    @property
    def fixed_usd(self) -> float:
        """Payments of the year that do not depend on the plan: capacity, and energy as if import were zero. [USD]"""
        paid = self.capacity_usd_per_mw_year * self.committed_mw
        return paid + self.energy_usd_per_mwh * self.baseline_mw * int(self.called.sum())


def called(imports: Block, programme: Programme) -> Block:
    """The import block under a curtailment programme: dearer in called hours, and dearer still past the commitment.

    The energy payment is the baseline's, which `Programme.fixed_usd` holds, less what import in called hours
    forgoes: an addition to the import's cost.

    Raises
    ------
    ScenarioError
        If the programme's numbers are out of range, or its hours are not the block's.
    """
    p = programme
    if p.called.shape != (imports.mw.shape[0],) or p.called.dtype != np.bool_:
        raise ScenarioError(f"programme {p.name}: called has shape {p.called.shape}, must be bool, one per hour")
    numbers = (p.baseline_mw, p.committed_mw, p.energy_usd_per_mwh, p.penalty_usd_per_mwh, p.capacity_usd_per_mw_year)
    if not (all(np.isfinite(n) and n >= 0.0 for n in numbers) and p.committed_mw <= p.baseline_mw):
        raise ScenarioError(
            f"programme {p.name}: committed_mw = {p.committed_mw} MW of a baseline of {p.baseline_mw} MW, payments "
            f"{numbers[2:]}; all must be >= 0, and committed_mw at most the baseline"
        )
    rows = p.called[:, np.newaxis]
    before = np.cumsum(imports.mw, axis=1) - imports.mw
    held = np.clip(p.baseline_mw - p.committed_mw - before, 0.0, imports.mw)
    short = np.clip(p.baseline_mw - before, 0.0, imports.mw) - held
    cost = imports.usd_per_mwh + np.where(rows, p.energy_usd_per_mwh, 0.0)
    mw = np.concatenate((np.where(rows, held, imports.mw), np.where(rows, short, 0.0)), axis=1)
    dearer = np.concatenate((cost, cost + p.penalty_usd_per_mwh), axis=1)
    return Block(imports.name, mw, dearer, imports.carbon_kg_per_mwh)


def dearer_with_load(imports: Block, usd_per_mwh_per_mw: float, step_mw: float) -> Block:
    """The import block when the region's price rises with the site's own import.

    Every MWh is bought at the risen price, so the marginal cost rises twice as fast: with slope a, import x costs
    (price + a x) x, and its marginal cost is price + 2 a x. Steps of ``step_mw`` are priced at the exact cost of each
    step, so that the cost is exact at every multiple of the step and at most a * step^2 / 4 per hour too high between.

    Parameters
    ----------
    imports : Block
        Of one segment.
    usd_per_mwh_per_mw : float
        Rise of the price per MW of import, >= 0.
    step_mw : float
        Width of a step. [MW], > 0

    Raises
    ------
    ScenarioError
        If a number is out of range, or the block has several segments already.
    """
    if not (usd_per_mwh_per_mw >= 0.0 and step_mw > 0.0) or imports.mw.shape[1] != 1:
        raise ScenarioError(
            f"import price slope {usd_per_mwh_per_mw} USD/MWh per MW in steps of {step_mw} MW on "
            f"{imports.mw.shape[1]} segments; slope must be >= 0, the step > 0, and the block one segment"
        )
    steps = max(int(np.ceil(float(imports.mw.max(initial=0.0)) / step_mw)), 1)
    low = step_mw * np.arange(steps)
    width = np.clip(imports.mw - low, 0.0, step_mw)
    # (low + width)^2 - low^2 over the width: the mean marginal rise of the step as far as it goes.
    rise = usd_per_mwh_per_mw * (2.0 * low + width)
    return Block(imports.name, width, imports.usd_per_mwh + rise, imports.carbon_kg_per_mwh)
