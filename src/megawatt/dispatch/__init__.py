"""What should run in each hour of the site year under this tariff and connection."""

from megawatt.dispatch.account import overloads
from megawatt.dispatch.assets import SiteAssets, joint_hours, site_hours, solve_with_assets
from megawatt.dispatch.duration import LoadDuration, load_duration, lost_usd
from megawatt.dispatch.hourly import (
    Availability,
    Block,
    EnergyTiers,
    HourlyPlan,
    HourlyProblem,
    MinimumBill,
    PeakCharge,
    Service,
    Storage,
)
from megawatt.dispatch.ledgers import earned_usd, ledger
from megawatt.dispatch.merit import solve_merit
from megawatt.dispatch.optimising import optimise
from megawatt.dispatch.prices import PriceYear, price_year, read_prices
from megawatt.dispatch.rates import hourly_adder, other_usd, rate_terms
from megawatt.dispatch.records import Collar, Dispatch, SiteProblem
from megawatt.dispatch.response import MiningMonths, MonthlyResponse, monthly_response, phased
from megawatt.dispatch.site import solve
from megawatt.dispatch.solvers.blocks import Programme, battery_storage, block, hall_block, monthly_peaks, yearly_peak
from megawatt.dispatch.synthetic import price_model, synthetic_price_year
from megawatt.dispatch.water import WaterPlan, save_water
from megawatt.dispatch.years import PriceYears, at_prices, optimise_years

__all__ = [
    "Availability",
    "Block",
    "Collar",
    "Dispatch",
    "EnergyTiers",
    "HourlyPlan",
    "HourlyProblem",
    "LoadDuration",
    "MinimumBill",
    "MiningMonths",
    "MonthlyResponse",
    "PeakCharge",
    "PriceYear",
    "PriceYears",
    "Programme",
    "Service",
    "SiteAssets",
    "SiteProblem",
    "Storage",
    "WaterPlan",
    "at_prices",
    "battery_storage",
    "block",
    "earned_usd",
    "hall_block",
    "hourly_adder",
    "joint_hours",
    "ledger",
    "load_duration",
    "lost_usd",
    "monthly_peaks",
    "monthly_response",
    "optimise",
    "optimise_years",
    "other_usd",
    "overloads",
    "phased",
    "price_model",
    "price_year",
    "rate_terms",
    "read_prices",
    "save_water",
    "site_hours",
    "solve",
    "solve_merit",
    "solve_with_assets",
    "synthetic_price_year",
    "yearly_peak",
]
