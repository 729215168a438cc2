"""What the chain hands to results and report: one use of the site from chip to cash, and uses side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption
from megawatt.chain.credit_records import CreditPaper
from megawatt.chain.mined_records import MinedYear
from megawatt.chain.partners import Venture
from megawatt.chain.served import ServedChips
from megawatt.dispatch.records import Dispatch
from megawatt.facility.records import FacilityYear, Weather, WorstHour
from megawatt.finance.agreements import OperatingTerms
from megawatt.finance.records import CashFlow
from megawatt.finance.tranches import Stack
from megawatt.mining.records import HashEconomics, MinerFleet
from megawatt.risk.records import Risk
from megawatt.runs import RunCost, TrainingRun
from megawatt.training.records import TrainingPlan

__all__ = [
    "MISSED_PATHS",
    "Comparison",
    "ConversionDate",
    "ConversionResult",
    "Headline",
    "Sensitivity",
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
    venture: Venture | None = None
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
