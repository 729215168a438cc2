"""A tariff on the hours of a site year, in USD: what is charged on energy, on the highest power, and in any case."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.catalogue.records import Assumption
from megawatt.hours import MONTH_OF_HOUR

__all__ = ["CoincidentLine", "DemandLine", "EnergyLine", "FixedLine", "HoursLine", "Rate"]

Tiers = tuple[tuple[float, float], ...]
"""(level, price beyond it) in rising order, the first level 0."""


@dataclass(frozen=True, slots=True)
class EnergyLine:
    """A price of energy in its hours (8760,); ``tiers`` by the month's energy in them. [MWh], [USD/MWh]

    ``by_month`` (12,) scales the prices: 1 but where the tariff's growth falls inside the year.
    """

    name: str
    hours: BoolArray
    tiers: Tiers
    by_month: FloatArray


@dataclass(frozen=True, slots=True)
class DemandLine:
    """A charge on billed demand: the month's highest power in its hours, or what ratchet and minimum make of it.

    ``tiers`` in MW and USD per MW and month; ``by_month`` (12,) scales them, 0 in months without the charge;
    ``ratchet_of`` (12,) are the months whose highest counts in the ``ratchet_months`` after them.
    """

    name: str
    hours: BoolArray
    tiers: Tiers
    by_month: FloatArray
    minimum_mw: float = 0.0
    ratchet_frac: float = 0.0
    ratchet_months: int = 11
    ratchet_of: BoolArray = field(default_factory=lambda: np.ones(12, dtype=np.bool_))

    @property
    def yearly(self) -> bool:
        """Whether it bills the highest of twelve months in every month of a repeated year."""
        return self.ratchet_frac == 1.0 and self.ratchet_months >= 11 and bool(self.ratchet_of.all())


@dataclass(frozen=True, slots=True)
class HoursLine:
    """Energy priced by hours of use: MWh per MW of the month's highest power in its hours (8760,).

    ``tiers`` in hours and USD/MWh, prices falling. Beside it the tariff has a line of energy at the last price and a
    line of demand with what the hours before cost more, ``usd_per_mw``: together they are its charge where a month
    reaches the last tier, and more than it elsewhere.
    """

    name: str
    hours: BoolArray
    tiers: Tiers
    by_month: FloatArray

    @property
    def usd_per_mw(self) -> float:
        """What a MW of the month's highest power costs where the last tier is reached. [USD/MW/month]"""
        steps = zip(self.tiers, self.tiers[1:], strict=False)
        return sum((before - after) * start for (_, before), (start, after) in steps)


@dataclass(frozen=True, slots=True)
class CoincidentLine:
    """A charge on power in the grid's peaks, as its expectation: USD per MWh in every hour, (8760,).

    ``expected`` are the hours that the operator may sit out; ``missed_usd_per_mwh`` (8760,) is the part of the
    price that stands for peaks outside them. Each of ``peaks`` falls outside with the chance ``miss_frac``.
    """

    name: str
    usd_per_mwh: FloatArray
    expected: BoolArray
    missed_usd_per_mwh: FloatArray
    peaks: int
    miss_frac: float


@dataclass(frozen=True, slots=True)
class FixedLine:
    """A charge of every month, (12,). [USD]"""

    name: str
    usd: FloatArray


@dataclass(frozen=True, slots=True)
class Rate:
    """A tariff resolved: lines in USD before riders and taxes.

    Attributes
    ----------
    riders : tuple of (name, share, kinds)
        Shares of the charges of these kinds (energy, demand, coincident, fixed).
    minimum_usd : array, shape (12,)
        Least bill of each month before taxes.
    tax_frac, supply_tax_frac : float
        Tax on the tariff's charges, and on energy bought beside it.
    bundled : bool
        No market price is paid: the energy lines are the whole price of energy.
    loss_frac : float
        Losses that the load buys, as a share of its metered energy; they scale the market price.
    growth_per_year : float
        Yearly step of all charges.
    """

    key: str
    title: str
    energy: tuple[EnergyLine, ...] = ()
    demand: tuple[DemandLine, ...] = ()
    coincident: tuple[CoincidentLine, ...] = ()
    fixed: tuple[FixedLine, ...] = ()
    riders: tuple[tuple[str, float, tuple[str, ...]], ...] = ()
    minimum_usd: FloatArray = field(default_factory=lambda: np.zeros(12))
    tax_frac: float = 0.0
    supply_tax_frac: float = 0.0
    bundled: bool = False
    loss_frac: float = 0.0
    growth_per_year: float = 0.0
    assumptions: tuple[Assumption, ...] = ()
    hours_of_use: tuple[HoursLine, ...] = ()

    def marked_up(self, kind: str) -> float:
        """What riders and tax make of a dollar of a kind of charge. [-]"""
        return (1.0 + sum(share for _, share, on in self.riders if kind in on)) * (1.0 + self.tax_frac)

    def supplied(self, usd_per_mwh: FloatArray | float) -> FloatArray:
        """Price of a metered MWh bought beside the tariff, with losses and tax; nothing where it is bundled."""
        scale = 0.0 if self.bundled else (1.0 + self.loss_frac) * (1.0 + self.supply_tax_frac)
        return np.asarray(usd_per_mwh, dtype=np.float64) * scale

    def scaled(self, by_month: FloatArray) -> Rate:
        """The tariff with its charges scaled by calendar month, (12,)."""
        return replace(
            self,
            energy=tuple(replace(line, by_month=line.by_month * by_month) for line in self.energy),
            demand=tuple(replace(line, by_month=line.by_month * by_month) for line in self.demand),
            hours_of_use=tuple(replace(line, by_month=line.by_month * by_month) for line in self.hours_of_use),
            coincident=tuple(
                replace(
                    line,
                    usd_per_mwh=line.usd_per_mwh * by_month[MONTH_OF_HOUR],
                    missed_usd_per_mwh=line.missed_usd_per_mwh * by_month[MONTH_OF_HOUR],
                )
                for line in self.coincident
            ),
            fixed=tuple(replace(line, usd=line.usd * by_month) for line in self.fixed),
            minimum_usd=self.minimum_usd * by_month,
        )
