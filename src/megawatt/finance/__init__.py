"""Finance: what is left for lenders and owners. One engine for one case and for many paths."""

from megawatt.finance.contracts import (
    NEVER,
    ContractRevenue,
    Tenancy,
    colocation_revenue,
    gpu_cloud_revenue,
    gpu_contract_values_usd,
    market_utilisation,
    prepayment_flows,
    tenancy,
)
from megawatt.finance.debt import LoanSchedule, level_payment_usd, loan_schedule
from megawatt.finance.engine import commit_equity, construction_months, operation_start_month, project
from megawatt.finance.irr import IRR_REASONS, IrrResult, irr
from megawatt.finance.measures import (
    discount_factors,
    level_annuity_usd_per_year,
    llcr,
    net_present_value_usd,
    payback_month,
    period_dscr,
    trailing_dscr,
)
from megawatt.finance.records import CashFlow, LoanTerms, Measures, OperatingFlows, ProjectTerms, TaxTerms
from megawatt.finance.spine import Hall, Spine, escalator, live_share, make_spine, repeat_year
from megawatt.finance.tax import annual_tax, depreciation_by_class, depreciation_usd, tax_on_income
from megawatt.finance.terms import (
    capex_by_hall,
    chip_residual_share,
    even_capex,
    last_month_value,
    residual_of_chips,
    residual_straight_line,
    site_opex_cost,
)

__all__ = [
    "IRR_REASONS",
    "NEVER",
    "CashFlow",
    "ContractRevenue",
    "Hall",
    "IrrResult",
    "LoanSchedule",
    "LoanTerms",
    "Measures",
    "OperatingFlows",
    "ProjectTerms",
    "Spine",
    "TaxTerms",
    "Tenancy",
    "annual_tax",
    "capex_by_hall",
    "chip_residual_share",
    "colocation_revenue",
    "commit_equity",
    "construction_months",
    "depreciation_by_class",
    "depreciation_usd",
    "discount_factors",
    "escalator",
    "even_capex",
    "gpu_cloud_revenue",
    "gpu_contract_values_usd",
    "irr",
    "last_month_value",
    "level_annuity_usd_per_year",
    "level_payment_usd",
    "live_share",
    "llcr",
    "loan_schedule",
    "make_spine",
    "market_utilisation",
    "net_present_value_usd",
    "operation_start_month",
    "payback_month",
    "period_dscr",
    "prepayment_flows",
    "project",
    "repeat_year",
    "residual_of_chips",
    "residual_straight_line",
    "site_opex_cost",
    "tax_on_income",
    "tenancy",
    "trailing_dscr",
]
