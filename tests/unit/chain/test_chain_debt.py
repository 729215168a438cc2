"""What a scenario can say of its debt, through to the loan: rates that float, limits, fees, tranches behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.finance.periods import calendar_periods
from megawatt.scenario import load

DEAL = Path(__file__).parents[3] / "examples" / "deals" / "cipher-barber-lake.toml"
CATALOGUE = load_catalogue()


def links(*settings: str) -> Links:
    use = load(DEAL, CATALOGUE, settings).uses[0]
    return forge(use.scenario, CATALOGUE, use.folder)


BASE = links()


def test_a_loan_that_floats_pays_what_each_year_is_expected_to_pay() -> None:
    curve = "debt.forward_rates=[{year=2026, rate=0.05}, {year=2028, rate=0.01}]"
    floating = links("debt.floating_frac=0.25", "debt.floating_margin=0.03", "debt.floating_floor=0.02", curve)
    loan, fixed = floating.model.capital.loan, BASE.model.capital.loan
    assert loan is not None
    assert fixed is not None
    spine = floating.model.calendar.spine
    rates = 12.0 * loan.period_rates(calendar_periods(spine.start_year, spine.start_month, spine.months))
    month = {spine.label(m): m for m in range(spine.months)}
    assert rates[month["2027-12"]] == pytest.approx(0.75 * fixed.rate + 0.25 * (0.05 + 0.03))
    # from 2028 on the floor binds
    assert rates[month["2028-01"]] == pytest.approx(0.75 * fixed.rate + 0.25 * (0.02 + 0.03))
    # interest follows, and the loan is repaid by its last payment
    k = month["2030-06"]
    cash = floating.base
    assert cash.interest_paid[0, k] == pytest.approx(cash.debt_balance[0, k - 1] * rates[k] / 12.0)
    assert cash.debt_balance[0, loan.last_payment_month] == pytest.approx(0.0, abs=1.0)


def test_loan_to_value_sizes_the_loan() -> None:
    sized = links("debt.principal_usd=3e9", "debt.maximum_ltv=0.4")
    assert sized.model.capital.sized_by == "LTV"
    loan, periods = sized.model.capital.loan, sized.base.terms.timing
    assert loan is not None
    first = loan.first_payment_month
    free = sized.model.without_loan().base()
    owed = sized.base.debt_balance[0, first - 1]
    # cash after tax with the loan's interest deducted is worth a little more than without
    plain = free.cover_cash[0, first:] @ (1 + free.terms.discount_rate) ** -(
        periods.years[first:] - periods.years[first - 1]
    )
    assert 0.4 * plain < owed < 0.45 * plain


def test_a_discount_is_owed_and_never_paid_out() -> None:
    with_discount = links("debt.oid_frac=0.02").base
    assert with_discount.fees[0].sum() - BASE.base.fees[0].sum() == pytest.approx(0.02 * BASE.base.debt_draw[0].sum())


def test_money_behind_the_loan_leaves_the_loan_alone() -> None:
    terms = (
        'debt.junior=[{name="mezzanine", share_of_equity_frac=0.4, rate=0.1, payments=120},'
        ' {name="preferred", kind="preferred", share_of_equity_frac=0.2, pik_rate=0.12, payments=150, sweep_frac=1.0}]'
    )
    stacked = links(terms)
    assert np.array_equal(stacked.base.debt_balance, BASE.base.debt_balance)
    stack = stacked.stack
    assert stack is not None
    asked = BASE.base.equity_in[0].sum()
    assert [t.draw[0].sum() for t in stack.tranches] == pytest.approx([0.4 * asked, 0.2 * asked])
    assert stack.equity_in[0].sum() == pytest.approx(0.4 * asked)
    assert BASE.stack is None
    with pytest.raises(InfeasibleError, match=r"debt\.junior"):
        _ = links('debt.junior=[{name="mezzanine", principal_usd=5e9, rate=0.1}]').stack


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (["debt.floating_frac=0.5"], "debt.forward_rates"),
        (["debt.forward_rates=[{year=2028, rate=0.01}, {year=2027, rate=0.01}]"], "debt.forward_rates"),
        (['debt.junior=[{name="a", rate=0.1}]'], "debt.junior.0"),
        (['debt.junior=[{name="a", rate=0.1, principal_usd=1e6, payments=470}]'], "debt.junior.0.payments"),
        (["debt.interest_only_payments=400"], "debt.interest_only_payments"),
        (["debt.maximum_ltv=1.5"], "debt.maximum_ltv"),
    ],
)
def test_what_cannot_be_is_refused(settings: list[str], where: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        load(DEAL, CATALOGUE, settings)
    assert where in [problem.path for problem in refused.value.problems]
