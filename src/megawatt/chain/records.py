"""What the chain hands to results and report: one use of the site from chip to cash, and uses side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption
from megawatt.chain.served import ServedChips
from megawatt.dispatch.records import Dispatch
from megawatt.facility.capacities import WorstHour
from megawatt.facility.records import FacilityYear, Weather
from megawatt.finance.agreements import OperatingTerms
from megawatt.finance.committee import Amount, Covenant, CreditYear, Maturity
from megawatt.finance.records import CashFlow
from megawatt.finance.tranches import Stack
from megawatt.mining.records import HashEconomics, MinerFleet
from megawatt.risk.records import CreditRisk, Risk
from megawatt.runs import RunCost, TrainingRun
from megawatt.training.records import TrainingPlan

__all__ = [
    "MISSED_PATHS",
    "BreakEven",
    "Comparison",
    "ConversionDate",
    "ConversionResult",
    "CreditPaper",
    "HashYear",
    "Headline",
    "MachineStep",
    "MinedMonth",
    "MinedYear",
    "Sensitivity",
    "Tranche",
    "UnitCost",
    "UseResult",
]


@dataclass(frozen=True, slots=True)
class Headline:
    """The numbers that decide, per use.

    ``value_usd_per_grid_mw_year``: level annual amount over the operating months whose present value equals the
    project's NPV (after tax, before debt), per contracted grid megawatt; what is left after all capital has earned the
    discount rate. ``margin_usd_per_grid_mw_year``: revenue minus operating cost of the first full operating year,
    before capital, tax and debt. ``low``/``high`` envelope: ranges of inputs, published or assumed, one at a time,
    worst
    and best. ``resale_usd_per_grid_mw_year``: the part of the value that is the sale of what is left, before tax.
    """

    value_usd_per_grid_mw_year: float
    value_p5: float
    value_p95: float
    value_low: float
    value_high: float
    value_usd_per_it_mw_year: float
    margin_usd_per_grid_mw_year: float
    tokens_per_grid_mwh: float | None
    tokens_low: float | None
    tokens_high: float | None
    worst_month: str
    worst_month_usd: float
    probability_missed: float | None
    probability_missed_interval: tuple[float, float] | None
    min_dscr: float | None
    peak_mw: float
    pue: float | None
    project_irr: float | None
    resale_usd_per_grid_mw_year: float


MISSED_PATHS: Final = 256
"""Paths of a probability at the ends of an input: its standard error is up to 3 %; the seed is the run's."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One input moved to the ends of its range, the chain run again, everything else held.

    ``value_*`` are value_usd_per_grid_mw_year; ``tokens_*`` tokens per grid MWh (None for mining). ``dscr_*`` (lowest,
    trailing) and ``llcr_*`` are the base case's on the loan as scheduled, which is held unless the input is one of its
    own; ``missed_*`` the probability of a missed payment. None without a loan, and where it was not simulated: that is
    done for the inputs that move the lowest DSCR most, and for those of the tenant's default.
    """

    name: str
    title: str
    unit: str
    low: float
    base: float
    high: float
    value_at_low: float
    value_at_high: float
    tokens_at_low: float | None = None
    tokens_at_high: float | None = None
    dscr_at_low: float | None = None
    dscr_at_high: float | None = None
    llcr_at_low: float | None = None
    llcr_at_high: float | None = None
    missed_at_low: float | None = None
    missed_at_high: float | None = None


@dataclass(frozen=True, slots=True)
class StressResult:
    """A use under a named stress of its scenario, base case otherwise.

    ``changes`` are of all factors at the worst, -0.5 for half; ``tenant_defaults`` and the events (the first month of
    each) are ``YYYY-MM``, None if they never come. ``unpaid_usd`` is the most that is owed and unpaid,
    ``lowest_cash_usd`` the least cash at a month's end.
    """

    name: str
    source: str
    changes: Mapping[str, float]
    tenant_defaults: str | None
    value_usd_per_grid_mw_year: float
    npv_usd: float
    min_dscr: float | None
    llcr: float | None
    lockup: str | None
    breach: str | None
    payment_default: str | None
    balloon_default: str | None
    unpaid_usd: float
    lowest_cash_usd: float


@dataclass(frozen=True, slots=True)
class UnitCost:
    """A levelised cost or a break-even price: name, number, unit, what it means."""

    name: str
    value: float
    unit: str
    means: str


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


@dataclass(frozen=True, slots=True)
class Footprint:
    """Carbon and water of the site year; None where the scenario does not say what is needed.

    ``carbon_t`` is location-based, ``carbon_market_t`` by what is bought. [t] ``water_m3`` is drawn on site,
    ``source_water_m3`` with that of the power stations. [m3]
    """

    carbon_t: float
    carbon_market_t: float | None
    water_m3: float
    source_water_m3: float | None


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where one input breaks one test of the loan, everything else as in the base case.

    Attributes
    ----------
    test : str
        ``lock-up``, ``covenant``, ``DSCR of 1.00×``, ``missed payment`` or ``balloon unpaid``.
    level : float or None
        Cover of the test; None for what is owed and unpaid.
    lever, unit : str
        The input that moves, e.g. the rent, and its unit.
    base : float
        The input in the base case.
    value : float or None
        The input at which the test is just broken; None where no value in the range breaks it, or mends a test that is
        broken in the base case.
    month : str or None
        Month of the event there, or in the base case where that is broken already.
    broken : bool
        The test is broken in the base case already: ``value`` is then what would mend it.
    """

    test: str
    level: float | None
    lever: str
    unit: str
    base: float
    value: float | None
    month: str | None
    broken: bool


@dataclass(frozen=True, slots=True)
class Tranche:
    """A loan of the base case: terms, and what is owed at the end of each calendar year. [USD]

    ``late_usd`` is what is due and unpaid at its last payment, ``repaid`` the month in which the last dollar is paid;
    None for never.
    """

    name: str
    drawn_usd: float
    rate: float
    shape: str
    first_payment: str
    last_payment: str
    balance_usd: tuple[float, ...]
    late_usd: float
    repaid: str | None


@dataclass(frozen=True, slots=True)
class CreditPaper:
    """What a credit committee reads of a use with debt.

    ``verdict`` says in sentences what breaks first, at which price, when, and what lenders lose. ``debt_usd`` is owed
    at the first payment; ``years`` are calendar years, ``tranches`` hold a balance for each of them.
    """

    verdict: tuple[str, ...]
    debt_usd: float
    sources: tuple[Amount, ...]
    uses: tuple[Amount, ...]
    years: tuple[CreditYear, ...]
    tranches: tuple[Tranche, ...]
    covenants: tuple[Covenant, ...]
    break_evens: tuple[BreakEven, ...]
    maturity: Maturity | None
    risk: CreditRisk


@dataclass(frozen=True, slots=True)
class UseResult:
    """One use of the site, the whole chain."""

    name: str
    title: str
    use: str
    grid_mw: float
    it_mw: float
    chips: int
    plan: TrainingPlan | None
    run: TrainingRun | None
    fleet: MinerFleet | None
    hash_economics: HashEconomics | None
    weather: Weather
    facility: FacilityYear
    dispatch: Dispatch
    price_usd_per_mwh: NDArray[np.float64]
    cash: CashFlow
    risk: Risk
    headline: Headline
    sensitivities: tuple[Sensitivity, ...]
    assumptions: tuple[Assumption, ...]
    warnings: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    stresses: tuple[StressResult, ...] = ()
    stack: Stack | None = None
    unit_costs: tuple[UnitCost, ...] = ()
    operating: OperatingTerms | None = None
    mined: MinedYear | None = None
    footprint: Footprint | None = None
    worst_hour: WorstHour | None = None
    hottest_hour: WorstHour | None = None
    served: ServedChips | None = None
    credit: CreditPaper | None = None
    run_cost: RunCost | None = None

    @property
    def idle_mw(self) -> float:
        """Megawatts of the connection that are never drawn: contracted power less the peak."""
        return max(self.grid_mw - self.headline.peak_mw, 0.0)


@dataclass(frozen=True, slots=True)
class ConversionDate:
    """Converting every hall at one date whatever happens: month, worth of the site and its standard error [USD], and
    the share of paths on which the option converts then."""

    month: str
    value_usd: float
    error_usd: float
    converts_frac: float


@dataclass(frozen=True, slots=True)
class ConversionResult:
    """Mining halls that may become AI halls; worth of the whole site at the start, after tax, before debt. [USD]

    Attributes
    ----------
    never_usd, never_error_usd : float
        Mining to the end, and its standard error.
    dates : tuple of ConversionDate
        Converting all halls at each date; the first is the earliest that is allowed.
    option_usd, option_error_usd : float
        Deciding at each date on what is known then: a lower bound, and the standard error of its gain over never.
    waiting_usd : float
        Option less the best plan that is fixed today.
    partly_usd : (halls + 1,)
        0 to all halls at the first date, the rest as an option from the second date on.
    usd_per_grid_mw_year : float
        Level annual value per grid megawatt of one dollar of worth.
    assumptions : tuple of Assumption
        Numbers of the section itself; those of the two uses stand with them.
    warnings : tuple of str
        What makes the two uses hard to compare.
    """

    mining: str
    ai: str
    halls: int
    months: int
    paths: int
    discount_rate: float
    never_usd: float
    never_error_usd: float
    dates: tuple[ConversionDate, ...]
    option_usd: float
    option_error_usd: float
    waiting_usd: float
    partly_usd: tuple[float, ...]
    usd_per_grid_mw_year: float
    assumptions: tuple[Assumption, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def never_frac(self) -> float:
        """Share of the paths on which the option is never used."""
        return max(1.0 - sum(date.converts_frac for date in self.dates), 0.0)

    def per_hall_usd(self, value_usd: float) -> float:
        """Worth of the site per hall. [USD]"""
        return value_usd / self.halls

    def per_grid_mw_year_usd(self, value_usd: float) -> float:
        """Worth of the site as a level annual value per grid megawatt. [USD]"""
        return value_usd * self.usd_per_grid_mw_year


@dataclass(frozen=True, slots=True)
class Comparison:
    """One or more uses of the same site side by side; ``manifest`` says with which inputs and versions."""

    name: str
    title: str
    question: str
    uses: tuple[UseResult, ...]
    manifest: Mapping[str, object]
    conversion: ConversionResult | None = None
