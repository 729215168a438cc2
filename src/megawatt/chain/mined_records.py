"""What a site mines: a year's hash, months, steps of the machines, as results and report read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption

__all__ = ["HashYear", "MachineStep", "MinedMonth", "MinedYear"]


@dataclass(frozen=True, slots=True)
class HashYear:
    """A calendar year of the base case's hash price; means of ``months`` months.

    ``network_pays_frac`` is the share of the network's machines whose power costs less than this hash price earns.
    """

    year: int
    months: int
    hashprice_usd_per_ph_day: float
    usd_per_mwh: float
    strike_usd_per_mwh: float
    network_eh_per_s: float
    subsidy_btc: float
    network_pays_frac: float


@dataclass(frozen=True, slots=True)
class MinedMonth:
    """A month of the base case's miners.

    ``mined_btc`` coins of the site's own machines after the pool's fee; ``ph_days`` their accepted hashes, PH/s times
    days; ``mwh`` energy at the connection, customers' machines included, and ``energy_usd`` its bill, of which
    ``own_energy_usd`` and ``own_site_usd`` (running the halls) are the own machines'; ``hosted_usd`` customers pay.
    """

    month: str
    btc_price_usd: float
    hashprice_usd_per_ph_day: float
    network_eh_per_s: float
    mined_btc: float
    ph_days: float
    mwh: float
    energy_usd: float
    own_energy_usd: float
    own_site_usd: float
    hosted_usd: float

    @property
    def hashprice_btc_per_ph_day(self) -> float:
        """Hash price in coins. [BTC/PH/day]"""
        return self.hashprice_usd_per_ph_day / self.btc_price_usd

    @property
    def energy_usd_per_btc(self) -> float | None:
        """Energy per own coin; None where none is mined. [USD/BTC]"""
        return self.own_energy_usd / self.mined_btc if self.mined_btc > 0.0 else None

    @property
    def cash_usd_per_btc(self) -> float | None:
        """Energy and running cost per own coin; None where none is mined. [USD/BTC]"""
        return (self.own_energy_usd + self.own_site_usd) / self.mined_btc if self.mined_btc > 0.0 else None

    @property
    def cash_usd_per_ph_day(self) -> float | None:
        """Energy and running cost of a PH/s for a day, to hold against the hash price. [USD/PH/day]"""
        return (self.own_energy_usd + self.own_site_usd) / self.ph_days if self.ph_days > 0.0 else None

    @property
    def all_in_usd_per_mwh(self) -> float | None:
        """Energy bill per MWh at the connection; None where nothing is drawn. [USD/MWh]"""
        return self.energy_usd / self.mwh if self.mwh > 0.0 else None


@dataclass(frozen=True, slots=True)
class MachineStep:
    """A model or mode of the fleet: its power, energy per hash, and where it stops paying.

    ``strike_usd_per_mwh`` is the delivered price of power at the year's mean hash price; ``break_even_usd_per_ph_day``
    the hash price at the year's mean delivered price.
    """

    machine: str
    it_mw: float
    j_per_th: float
    strike_usd_per_mwh: float
    break_even_usd_per_ph_day: float


@dataclass(frozen=True, slots=True)
class MinedYear:
    """What a mined MWh earns in the year that is dispatched: the first twelve months with all halls live.

    Attributes
    ----------
    first_month, last_month : str
        The months that it stands for.
    by_month_usd_per_mwh : (12,)
        Revenue at the miners' plug after uptime and pool fee, January first. [USD/MWh]
    usd_per_mwh : float
        Mean of the months. [USD/MWh]
    facility_per_it : float
        MW at the connection that stop with a MW of miners: cooling and losses, mean of the hours. [-]
    strikes_usd_per_mwh : tuple of float
        Delivered price of power above which each mode's share of the power stops, the last to stop first:
        ``usd_per_mwh`` times its worth over ``facility_per_it``. [USD/MWh]
    outlook : tuple of HashYear
        Every calendar year of the project.
    next_difficulty_ratio : float or None
        Expected difficulty after the next retarget over the present one; where the scenario says how the period goes.
    hosted_by_month_usd_per_mwh : (12,) or None
        What a MWh at customers' plugs brings the site; None without customers. [USD/MWh]
    months : tuple of MinedMonth
        Every month from the first live block on.
    machines : tuple of MachineStep
        Where each model and mode stops paying, the last to stop first.
    """

    first_month: str
    last_month: str
    by_month_usd_per_mwh: NDArray[np.float64]
    usd_per_mwh: float
    facility_per_it: float
    strikes_usd_per_mwh: tuple[float, ...]
    outlook: tuple[HashYear, ...]
    next_difficulty_ratio: float | None = None
    assumptions: tuple[Assumption, ...] = ()
    hosted_by_month_usd_per_mwh: NDArray[np.float64] | None = None
    months: tuple[MinedMonth, ...] = ()
    machines: tuple[MachineStep, ...] = ()

    @property
    def year(self) -> tuple[MinedMonth, ...]:
        """The months of the dispatched year, as the cash flow has them."""
        return tuple(row for row in self.months if self.first_month <= row.month <= self.last_month)

    @property
    def year_btc(self) -> float:
        """Coins of the site's own machines in those months. [BTC]"""
        return sum(row.mined_btc for row in self.year)

    @property
    def cash_usd_per_btc(self) -> float | None:
        """Energy and running cost per coin in those months; None where none is mined. [USD/BTC]"""
        paid = sum(row.own_energy_usd + row.own_site_usd for row in self.year)
        return paid / self.year_btc if self.year_btc > 0.0 else None

    @property
    def hosted_strike_usd_per_mwh(self) -> float | None:
        """Delivered price of power above which customers' machines are off, mean of the months in which they pay; None
        without customers. [USD/MWh]"""
        theirs = self.hosted_by_month_usd_per_mwh
        if theirs is None:
            return None
        paying = theirs[theirs > 0.0]
        return float(paying.mean()) / self.facility_per_it if paying.size else 0.0

    @property
    def strike_usd_per_mwh(self) -> float:
        """Delivered price of power above which all miners are off. [USD/MWh]"""
        return self.strikes_usd_per_mwh[0]
