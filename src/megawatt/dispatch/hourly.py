"""The general hourly problem: blocks of supply and use, grid import, storage, peak charges; and its optimum."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray

__all__ = [
    "Availability",
    "Block",
    "EnergyTiers",
    "HourlyPlan",
    "HourlyProblem",
    "MinimumBill",
    "PeakCharge",
    "Service",
    "Storage",
    "missing_usd",
]


@dataclass(frozen=True, slots=True)
class Block:
    """A supply or a use of energy by hour, as one or more segments.

    ``mw`` and ``usd_per_mwh`` have shape (hours, k): most power of each segment, and what its energy costs (a supply)
    or earns (a use). Supplies are used cheapest first and uses dearest first, which is the optimum only if the
    segments are independent; a rising cost (falling value) along k is what a convex physical curve gives.
    ``carbon_kg_per_mwh`` (hours,) is for the account; a carbon price belongs in ``usd_per_mwh`` too. So is
    ``contract_usd``: what the year's whole energy of a use earns where a contract pays for it; ``usd_per_mwh`` then
    only says what keeps it running.
    """

    name: str
    mw: FloatArray
    usd_per_mwh: FloatArray
    carbon_kg_per_mwh: FloatArray | None = None
    contract_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery. Power limits hold at the bus for charge and discharge separately.

    state(t) = (1 - standing_loss_per_hour) * state(t - 1) + charge_efficiency * charge
    - discharge / discharge_efficiency, 0 <= state <= energy_mwh, the year's end equal to its beginning.
    """

    name: str
    power_mw: float
    energy_mwh: float
    charge_efficiency: float
    discharge_efficiency: float
    standing_loss_per_hour: float = 0.0
    discharge_cost_usd_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True)
class PeakCharge:
    """A charge on the highest grid import among some hours.

    ``tiers``: (from MW, USD per MW and year) in rising order, the first from 0: the rate of each MW of peak beyond
    that level. Rates that do not fall make the charge convex; others need HiGHS. ``weight`` (hours,), where given, is
    what of an hour's import counts (a ratchet: a share of the import of earlier months); its hours are those with a
    weight above 0.
    """

    name: str
    hours: NDArray[np.bool_]
    tiers: tuple[tuple[float, float], ...]
    weight: FloatArray | None = None

    @property
    def rising(self) -> bool:
        """Whether no tier is cheaper than the one before: then the charge is convex."""
        return _rise(self.tiers)

    def metered_mw(self, import_mw: FloatArray) -> float:
        """The peak that this import (hours,) is billed for. [MW]"""
        seen = import_mw if self.weight is None else import_mw * self.weight
        return float(seen[self.hours].max(initial=0.0))

    def limit_mw(self, peak_mw: float) -> FloatArray:
        """Most import of each hour that keeps the peak, (hours,); inf in hours that do not count. [MW]"""
        limit = np.full(self.hours.size, np.inf)
        limit[self.hours] = peak_mw if self.weight is None else peak_mw / self.weight[self.hours]
        return limit

    def per_peak(self, by_hour: FloatArray) -> FloatArray:
        """What a MW of import in each hour is worth, (hours,), for a MW of the peak instead."""
        if self.weight is None:
            return np.where(self.hours, by_hour, 0.0)
        return np.divide(by_hour, self.weight, out=np.zeros_like(by_hour), where=self.hours)

    def cost_usd(self, peak_mw: float) -> float:
        """The year's charge at this peak. [USD]"""
        ends = (*(start for start, _ in self.tiers[1:]), np.inf)
        return sum(
            rate * max(min(peak_mw, end) - start, 0.0) for (start, rate), end in zip(self.tiers, ends, strict=True)
        )

    def rate_usd_per_mw(self, peak_mw: float) -> float:
        """What one more MW of peak costs. [USD/MW]"""
        return next(rate for start, rate in reversed(self.tiers) if start <= peak_mw or start == 0.0)


@dataclass(frozen=True, slots=True)
class EnergyTiers:
    """A price of grid energy by blocks of what some hours draw together: (from MWh, USD/MWh), the first from 0."""

    name: str
    hours: NDArray[np.bool_]
    tiers: tuple[tuple[float, float], ...]

    @property
    def rising(self) -> bool:
        """Whether no block is cheaper than the one before: then the charge is convex."""
        return _rise(self.tiers)

    def energy_mwh(self, import_mw: FloatArray) -> float:
        """Energy that its hours draw. [MWh]"""
        return float(import_mw[self.hours].sum())

    def cost_usd(self, mwh: float) -> float:
        """What this energy costs. [USD]"""
        return PeakCharge(self.name, self.hours, self.tiers).cost_usd(mwh)

    def tier(self, mwh: float) -> int:
        """The block in which this energy ends."""
        return max(k for k, (start, _) in enumerate(self.tiers) if start <= mwh or k == 0)


@dataclass(frozen=True, slots=True)
class MinimumBill:
    """A bill that is at least so much: of energy at ``usd_per_mwh`` (hours,), of peak charges and tiers by name.

    ``least_usd`` is net of what is owed in any case; ``hours`` are those of the bill's month.
    """

    name: str
    least_usd: float
    usd_per_mwh: FloatArray
    hours: NDArray[np.bool_]
    charges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Availability:
    """Contracted availability of a use: what is not served beyond ``free_mwh`` a year costs a credit per MWh.

    The credit comes on top of the revenue lost.
    """

    use: str
    free_mwh: float
    credit_usd_per_mwh: float


@dataclass(frozen=True, slots=True)
class Service:
    """A service to the grid: power held ready in award hours, and given where it is called.

    Up is less use, more supply or more discharge; down (``down``) the reverse. A MW is sold once in an hour: uses hold
    up what they draw, supplies and storages what they have left; storages hold the energy of ``duration_hours`` too.

    Attributes
    ----------
    most_mw, usd_per_mw : (hours,)
        Most power that is enrolled, 0 outside the award hours [MW]; what an hour of a MW held ready is paid [USD].
    providers : tuple of str
        Uses, supplies and storages that may hold it.
    called_frac : float
        Share of the held energy that is called on average: it is not drawn (or is given), and not earned with.
    call_usd_per_mwh : float
        Paid for a MWh called, beside the energy itself.
    duration_hours : float
        Time for which a storage must last at full call.
    """

    name: str
    most_mw: FloatArray
    usd_per_mw: FloatArray
    providers: tuple[str, ...]
    called_frac: float = 0.0
    call_usd_per_mwh: float = 0.0
    duration_hours: float = 1.0
    down: bool = False

    @property
    def paid_usd_per_mw(self) -> FloatArray:
        """What an hour of a MW held ready earns, calls included, (hours,). [USD]"""
        return self.usd_per_mw + self.called_frac * self.call_usd_per_mwh

    def award(self, provider: str) -> str:
        """Name of a provider's power held ready in a plan."""
        return f"{self.name}.{provider}"


@dataclass(frozen=True, slots=True)
class HourlyProblem:
    """What may run in each hour, what it earns and costs; hourly arrays of equal length.

    Attributes
    ----------
    firm_mw : (hours,)
        Load that must be served, >= 0.
    imports : Block
        Energy from the grid; what the peak charges meter. Upper bounds are the connection's hourly limit.
    supplies, uses : tuple of Block
        Own generation and unserved load at its penalty; halls, miners and export.
    storages : tuple of Storage
    peaks : tuple of PeakCharge
    availability : tuple of Availability
    import_limit_mw : float
        Most import in any hour (on top of the blocks' bounds).
    last_resort : tuple of str
        Supplies that stand for load not served.
    energy_tiers : tuple of EnergyTiers
    minimums : tuple of MinimumBill
    fixed_usd : float
        What is owed whatever runs.
    blocks_usd : (12,) or None
        What energy bought ahead costs beside its sale at the market, by month, whatever runs; None: there is none.
    services : tuple of Service
        Power held ready for the grid.
    energy_usd_per_mwh : (hours,) or None
        Price of grid energy without the charges per MWh that are in the imports' cost; None: there are none.
    """

    firm_mw: FloatArray
    imports: Block
    supplies: tuple[Block, ...] = ()
    uses: tuple[Block, ...] = ()
    storages: tuple[Storage, ...] = ()
    peaks: tuple[PeakCharge, ...] = ()
    availability: tuple[Availability, ...] = ()
    import_limit_mw: float = np.inf
    last_resort: tuple[str, ...] = ()
    energy_tiers: tuple[EnergyTiers, ...] = ()
    minimums: tuple[MinimumBill, ...] = ()
    fixed_usd: float = 0.0
    services: tuple[Service, ...] = ()
    energy_usd_per_mwh: FloatArray | None = None
    blocks_usd: FloatArray | None = None

    @property
    def owed_usd(self) -> float:
        """What is owed whatever runs, blocks of energy with it. [USD]"""
        return self.fixed_usd + (0.0 if self.blocks_usd is None else float(self.blocks_usd.sum()))

    @property
    def hours(self) -> int:
        """Number of hours."""
        return self.firm_mw.size

    @property
    def price_usd_per_mwh(self) -> FloatArray:
        """Price of grid energy with its charges per MWh, its cheapest segment, (hours,). [USD/MWh]"""
        return np.asarray(self.imports.usd_per_mwh.min(axis=1), dtype=np.float64)

    @property
    def energy_price_usd_per_mwh(self) -> FloatArray:
        """Price of grid energy alone, charges per MWh left out, (hours,). [USD/MWh]"""
        return self.price_usd_per_mwh if self.energy_usd_per_mwh is None else self.energy_usd_per_mwh


@dataclass(frozen=True, slots=True)
class HourlyPlan:
    """Optimum of an hourly problem.

    ``objective_usd`` is cost minus revenue. ``mw`` maps each block to its power by hour (hours,), storages to
    ``NAME.charge``, ``NAME.discharge`` and ``NAME.state`` [MWh], services to ``SERVICE.PROVIDER``, held ready;
    flows are means over called and other times. ``peak_mw`` maps peak charges to the metered peak.
    ``bus_usd_per_mwh`` (hours,) is what one more MWh of firm load would cost. ``gap_usd`` bounds the distance to the
    optimum as the solver proved it.
    """

    objective_usd: float
    mw: Mapping[str, FloatArray]
    peak_mw: Mapping[str, float]
    bus_usd_per_mwh: FloatArray
    gap_usd: float
    solver: str
    solve_s: float


def _rise(tiers: tuple[tuple[float, float], ...]) -> bool:
    return all(a[1] <= b[1] for a, b in itertools.pairwise(tiers))


def missing_usd(problem: HourlyProblem, minimum: MinimumBill, import_mw: FloatArray) -> float:
    """What a bill lacks to its minimum at this import. [USD]"""
    owed = float(minimum.usd_per_mwh @ import_mw)
    owed += sum(c.cost_usd(c.metered_mw(import_mw)) for c in problem.peaks if c.name in minimum.charges)
    owed += sum(t.cost_usd(t.energy_mwh(import_mw)) for t in problem.energy_tiers if t.name in minimum.charges)
    return max(minimum.least_usd - owed, 0.0)
