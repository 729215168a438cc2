"""Agreement with NREL's System Advisor Model (PySAM Single Owner and Merchant Plant) on generated projects.

Both follow the same annual conventions: flows at year ends, negative tax refunded in the same year, reserves of months
of the year ahead. Left out: a receivables reserve and a debt fraction together with a percentage fee, which the model
approximates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    SizedLoan,
    SizingTerms,
    TaxTerms,
    annual_periods,
    discount_factors,
    irr,
    net_present_value_usd,
    project,
    size_loan,
)
from megawatt.finance.depreciation import table_depreciation, table_of
from megawatt.finance.levelised import levelised

SAM_KW = 1000.0
CLASSES = {"macrs-5": "macrs_5", "macrs-15": "macrs_15", "sl-39": "sl_39"}


def generated(seed: int) -> dict[str, Any]:
    """A random project in plain numbers."""
    rng = np.random.default_rng(seed)
    years = int(rng.integers(8, 26))
    sculpted = bool(seed % 2)
    tenor = int(rng.integers(4, years - 1))
    shares = rng.dirichlet(np.ones(3))
    return {
        "years": years,
        "capex": float(rng.uniform(5e6, 2e7)),
        "price": rng.uniform(0.2, 0.5, years),
        "opex": np.round(rng.uniform(1e5, 4e5, years), 2),
        "federal": float(rng.uniform(0.1, 0.3)),
        "state": float(rng.uniform(0.0, 0.09)),
        "discount": float(rng.uniform(0.06, 0.14)),
        "inflation": float(rng.uniform(0.0, 0.04)),
        "reserve_rate": float(rng.uniform(0.0, 0.04)),
        "opex_months": float(rng.integers(0, 7)),
        "dsra_months": float(rng.integers(0, 13)),
        "salvage": float(rng.uniform(0.0, 0.15)),
        "shares": dict(zip(CLASSES, shares, strict=True)),
        "bonus": float(rng.choice([0.0, 0.4, 1.0])),
        "sculpted": sculpted,
        "profile": "sculpted" if sculpted else ("level" if seed % 4 == 0 else "equal-principal"),
        "dscr": float(rng.uniform(1.6, 2.6)),
        "fraction": float(rng.uniform(0.3, 0.75)),
        "rate": float(rng.uniform(0.03, 0.12)),
        "tenor": tenor,
        "moratorium": 0 if sculpted else int(rng.integers(0, 3)),
        "fee": float(rng.uniform(0.0, 0.03)) if sculpted else 0.0,
        "closing": float(rng.uniform(0.0, 2e5)),
    }


def with_a_bad_year(seed: int) -> dict[str, Any]:
    """The same with a year whose cash is negative."""
    case = generated(seed)
    case["price"][2] = 0.001
    return case


def ours(case: dict[str, Any], *, owners_taxed: bool = False) -> tuple[SizedLoan, CashFlow, np.ndarray]:
    years = case["years"]
    energy = np.r_[0.0, np.full(years, SAM_KW * 8760.0)]
    capex, sale, none = np.zeros(years + 1), np.zeros((1, years + 1)), np.zeros((1, years + 1))
    capex[0], sale[0, -1] = case["capex"], case["salvage"] * case["capex"]
    revenue, opex = np.r_[0.0, energy[1:] * case["price"]][None, :], np.r_[0.0, case["opex"]][None, :]
    tables = {name: table_of(name) for name in CLASSES}
    federal, state = (
        np.r_[0.0, table_depreciation(case["capex"], case["shares"], tables, bonus, years)]
        for bonus in ({"macrs-5": case["bonus"]}, {})
    )
    terms = ProjectTerms(
        start_year=2000,
        start_month=1,
        months=years + 1,
        capex_cost={"all": capex},
        residual={},
        loan=LoanTerms(
            principal_usd=1.0,
            rate=case["rate"],
            draw_month=0,
            first_payment_month=1,
            last_payment_month=case["tenor"],
            shape=case["profile"],
            interest_only=case["moratorium"],
            upfront_fee_frac=case["fee"],
            closing_cost_usd=case["closing"],
            deduct_fees=False,
        ),
        tax=TaxTerms(
            case["federal"],
            {},
            state_rate=case["state"],
            losses="refund",
            deductions_usd=federal,
            state_deductions_usd=state,
        ),
        discount_rate=case["discount"],
        construction_months=1,
        lender=LenderTerms(
            reserve_months=case["dsra_months"],
            opex_reserve_months=case["opex_months"],
            reserve_rate=case["reserve_rate"],
        ),
        periods=annual_periods(years),
        owners_pay_all=True,
        owners_taxed=owners_taxed,
    )
    flows = OperatingFlows({"energy": revenue, "sale": sale}, {"site": opex}, none, none)
    sizing = SizingTerms(
        target_dscr=case["dscr"] if case["sculpted"] else None,
        gearing=None if case["sculpted"] else case["fraction"],
        cash_basis="pre-tax",
        drawn="pro-rata",
        negative_service=True,
        above_uses=True,
    )
    sized = size_loan(terms, flows, sizing)
    return sized, project(replace(terms, loan=sized.loan), flows, schedule=sized.schedule), energy


SINGLE_OWNER, MERCHANT, FLIP = "Singleowner", "Merchantplant", "Levpartflip"


def sold_as(case: dict[str, Any], kind: str) -> dict[str, Any]:
    """How the energy is paid: at a contract's price by year, or at the market's by hour."""
    if kind != MERCHANT:
        return {"ppa_soln_mode": 1, "ppa_price_input": tuple(case["price"]), "ppa_escalation": 0,
                "ppa_multiplier_model": 0, "dispatch_tod_factors": [1.0] * 9}  # fmt: skip
    by_hour = tuple((1000.0 * price,) for price in np.repeat(case["price"], 8760))
    return {"mp_enable_energy_market_revenue": 1, "mp_enable_market_percent_gen": 1, "mp_market_percent_gen": 100,
            "mp_energy_market_revenue_single": by_hour}  # fmt: skip


def sam(
    case: dict[str, Any], kind: str, also: dict[str, Any] | None = None, names: Sequence[str] = ()
) -> dict[str, Any]:
    """Outputs of the model as plain numbers (its own objects must not outlive it); ``also``, ``names``: more inputs and
    the outputs in place of the usual ones.
    """
    defaults = {SINGLE_OWNER: "CustomGenerationProfileSingleOwner", MERCHANT: "CustomGenerationProfileMerchantPlant",
                FLIP: "CustomGenerationProfileLeveragedPartnershipFlip"}  # fmt: skip
    model = pytest.importorskip(f"PySAM.{kind}", reason="NREL-PySAM is not installed").default(defaults[kind])
    years = case["years"]
    real = (1 + case["discount"]) / (1 + case["inflation"]) - 1
    alloc = {f"depr_alloc_{sam_name}_percent": 100 * case["shares"][name] for name, sam_name in CLASSES.items()}
    values: dict[str, Any] = {
        "analysis_period": years, "construction_financing_cost": 0,
        "cost_debt_closing": case["closing"], "cost_debt_fee": 100 * case["fee"], "cost_other_financing": 0,
        "debt_option": 1 if case["sculpted"] else 0, "debt_percent": 100 * case["fraction"], "dscr": case["dscr"],
        "dscr_limit_debt_fraction": 0, "dscr_reserve_months": case["dsra_months"],
        "federal_tax_rate": [100 * case["federal"]],
        "state_tax_rate": [100 * case["state"]], "inflation_rate": 100 * case["inflation"], "insurance_rate": 0,
        "loan_moratorium": case["moratorium"], "months_receivables_reserve": 0,
        "months_working_reserve": case["opex_months"],
        "payment_option": 0 if case["profile"] == "level" else 1, "property_tax_rate": 0,
        "real_discount_rate": 100 * real,
        "reserves_interest": 100 * case["reserve_rate"], "salvage_percentage": 100 * case["salvage"],
        "term_int_rate": 100 * case["rate"], "term_tenor": case["tenor"], "system_capacity": SAM_KW,
        "om_capacity": [0], "om_fixed": tuple(case["opex"]), "om_fuel_cost": [0], "om_production": [0],
        "total_installed_cost": case["capex"], "gen": [SAM_KW] * 8760, "degradation": [0.0],
        "system_use_lifetime_output": 0, "depr_alloc_sl_20_percent": 0, "depr_bonus_fed": 100 * case["bonus"],
        "depr_bonus_fed_macrs_5": 1, **alloc,
        **({} if kind == FLIP else {"cp_capacity_payment_type": 0, "cp_system_nameplate": 1}),
        **sold_as(case, kind), **(also or {}),
    }  # fmt: skip
    for name, value in values.items():
        model.value(name, value)
    model.execute()
    names = names or (
        "size_of_debt", "cf_debt_payment_total", "cf_debt_balance", "cf_project_return_aftertax",
        "cf_project_return_pretax", "project_return_aftertax_irr", "project_return_aftertax_npv", "lcoe_nom",
        "lcoe_real",
    )  # fmt: skip
    return {name: model.value(name) for name in names}


@pytest.mark.parametrize("kind", [SINGLE_OWNER, MERCHANT])
@pytest.mark.parametrize("case", [*map(generated, range(17)), *map(with_a_bad_year, range(3))])
def test_generated_projects_agree(case: dict[str, Any], kind: str) -> None:
    expected = sam(case, kind)
    sized, done, energy = ours(case)
    # the model stops its own fee and reserve iteration at 1e-3 USD
    close = {"rel": 1e-7, "abs": 0.01}
    assert sized.size[0] == pytest.approx(expected["size_of_debt"], **close)
    window = slice(1, case["tenor"] + 1)
    service = (done.interest_paid + done.principal_paid - done.debt_draw)[0]
    assert service[window] == pytest.approx(np.array(expected["cf_debt_payment_total"])[window], **close)
    equity = done.distributions - done.equity_in
    assert equity[0] == pytest.approx(np.array(expected["cf_project_return_aftertax"]), **close)
    assert (equity + done.tax)[0] == pytest.approx(np.array(expected["cf_project_return_pretax"]), **close)
    years = done.terms.timing.years
    assert net_present_value_usd(equity, case["discount"], years)[0] == pytest.approx(
        expected["project_return_aftertax_npv"], **close
    )
    rate = irr(equity, years).rate[0]
    if np.isfinite(rate) and np.isfinite(expected["project_return_aftertax_irr"]):
        # the model's own rate is good to about 1e-4 percent points
        assert 100 * rate == pytest.approx(expected["project_return_aftertax_irr"], abs=1e-3)
    factors = discount_factors(case["discount"], years)
    revenue = np.r_[0.0, energy[1:] * case["price"]]
    cost = levelised(revenue - equity, energy, factors, factors)
    assert 100 * cost[0] == pytest.approx(expected["lcoe_nom"], rel=1e-7)
