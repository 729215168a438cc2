"""What should run in each hour of the site year under this tariff and connection."""

from megawatt.dispatch.account import overloads
from megawatt.dispatch.merit import solve_merit
from megawatt.dispatch.prices import (
    PriceYear,
    Tariff,
    coincident_peak_hours,
    price_year,
    read_price_csv,
    tariff,
    tariff_adder,
)
from megawatt.dispatch.records import Dispatch, SiteProblem
from megawatt.dispatch.response import MiningMonths, MonthlyResponse, monthly_response
from megawatt.dispatch.site import solve

__all__ = [
    "Dispatch",
    "MiningMonths",
    "MonthlyResponse",
    "PriceYear",
    "SiteProblem",
    "Tariff",
    "coincident_peak_hours",
    "monthly_response",
    "overloads",
    "price_year",
    "read_price_csv",
    "solve",
    "solve_merit",
    "tariff",
    "tariff_adder",
]
