"""What a scenario can say of its debt, through to the loan: rates that float, limits, fees, tranches behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.debt_notes import lending_notes
from megawatt.chain.links import Links, forge
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.finance.levelised import interest_cover
from megawatt.finance.periods import calendar_periods
from megawatt.finance.scheduled import scheduled_covers
from megawatt.scenario import load
from megawatt.scenario.size_doubts import size_doubts

DEAL = Path(__file__).parents[3] / "examples" / "deals" / "cipher-barber-lake.toml"
CATALOGUE = load_catalogue()
STEPS = "lease.backstop_schedule=[{month='2026-10', usd=1e9}]"


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


def test_a_limit_alone_sizes_the_loan(tmp_path: Path) -> None:
    """Without an amount: a share of the appraisal, of the spending, each to the cent."""
    file = tmp_path / DEAL.name
    file.write_text("\n".join(x for x in DEAL.read_text().splitlines() if not x.startswith("principal_usd")))

    def sized(*settings: str) -> Links:
        use = load(file, CATALOGUE, settings).uses[0]
        return forge(use.scenario, CATALOGUE, use.folder)

    worth = sized("debt.maximum_ltv=0.5", "debt.appraisal_usd=1e9")
    loan = worth.model.capital.loan
    assert loan is not None
    assert worth.model.capital.sized_by == "LTV"
    assert worth.base.debt_balance[0, loan.first_payment_month - 1] == pytest.approx(5e8, abs=1.0)
    spent = sized("debt.advance_frac=0.6").base
    assert spent.debt_draw[0].sum() == pytest.approx(0.6 * spent.capex_total[0].sum(), abs=1.0)


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


DATED = (
    "debt.shape='dated'", "debt.payment_every_months=3", "debt.payments=20", "debt.day_count='act/360'",
    "debt.repayments=[{month='2028-06', usd=1.9e7}, {month='2030-12', usd=8.5e7}]",
)  # fmt: skip


def at(found: Links, month: str) -> int:
    spine = found.model.calendar.spine
    return next(m for m in range(spine.months) if spine.label(m) == month)


def test_repayments_fall_on_their_dates_by_quarters() -> None:
    start = BASE.model.capital.loan
    assert start is not None
    first = start.first_payment_month
    label = BASE.model.calendar.spine.label
    steps = (label(first + 2), label(first + 11))
    rows = f"debt.repayments=[{{month='{steps[0]}', usd=1.9e7}}, {{month='{steps[1]}', usd=2.5e7}}]"
    found = links(*DATED[:-1], rows)
    cash = found.base
    assert cash.principal_paid[0, [first + 2, first + 11]] == pytest.approx([1.9e7, 2.5e7])
    days = (np.datetime64(label(first + 3)) - np.datetime64(label(first))).astype("timedelta64[M]")
    assert days == np.timedelta64(3, "M")
    held = (np.datetime64(f"{label(first + 3)}-01") - np.datetime64(f"{label(first)}-01")).astype(int)
    owed = cash.debt_balance[0, first - 1]
    assert cash.interest_paid[0, first + 2] == pytest.approx(owed * start.rate * held / 360.0)
    assert not cash.interest_paid[0, [first, first + 1]].any()


def test_a_letter_of_credit_stands_in_for_cash() -> None:
    found = links("debt.reserve_held_as='letter-of-credit'", "debt.letter_of_credit_fee_per_year=0.02")
    (line,) = found.base.facilities
    assert found.base.terms.minimum_cash_usd == 0.0
    assert line.limit[0] == pytest.approx(BASE.base.terms.minimum_cash_usd)
    loan = found.model.capital.loan
    assert loan is not None
    later = found.base.fees[0, loan.first_payment_month : loan.last_payment_month + 1]
    assert later == pytest.approx(line.limit[0] * 0.02 / 12)


def test_covers_as_scheduled_know_quarters_and_fees() -> None:
    settings = ("debt.payment_every_months=3", "debt.payments=20", "debt.reserve_held_as='letter-of-credit'")
    found = links(*settings, "debt.letter_of_credit_fee_per_year=0.02", "debt.shape='sculpted'", "debt.target_dscr=1.3")
    (cover,) = scheduled_covers([found.model.base_end()[1]])
    measures = found.base.measures
    assert cover.min_dscr == pytest.approx(measures.min_dscr[0], rel=1e-9)
    assert cover.llcr == pytest.approx(measures.llcr[0], rel=1e-9)
    # sculpted on tax as the loan and its fees leave it
    assert measures.llcr[0] == pytest.approx(1.3, rel=1e-6)


def test_a_convertible_is_repaid_in_shares_at_a_price_that_is_put_in() -> None:
    row = "name='notes', kind='convertible', share_of_equity_frac=0.3, rate=0.05, payments=24, conversion_price_usd=10"
    kept = links(f"debt.junior=[{{{row}, share_price_usd=9}}]").stack
    turned = links(f"debt.junior=[{{{row}, share_price_usd=15}}]").stack
    assert kept is not None
    assert turned is not None
    assert kept.tranches[0].converted_usd == 0.0
    notes = turned.tranches[0]
    assert notes.converted_usd == pytest.approx(notes.balance.max(), rel=1e-9)
    assert notes.unpaid_at_end_usd == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (DATED[:1], "debt.repayments"),
        (DATED[-1:], "debt.shape"),
        (("debt.target_balance=[{month='2030-01', frac=0.5}]",), "debt.sweep_frac"),
        (("debt.cures_most=2",), "debt.covenant_dscr"),
        (("debt.appraisal_usd=1e9",), "debt.maximum_ltv"),
        (("debt.prepayments=[{month='2026-06', frac=0.5}]",), "debt.prepayments.0.month"),
        (("debt.prepayments=[{month='2029-06', frac=0.5}, {month='2029-01', frac=0.1}]",), "debt.prepayments"),
        (("debt.prepayments=[{month='2029-06', frac=0.5, usd=1}]",), "debt.prepayments.0"),
        (("debt.prepayments=[{month='2029-06', usd=9e11}]",), "debt.prepayments"),
        (("debt.payment_every_months=4",), "debt.payment_every_months"),
        (("debt.payment_every_months=3", "debt.payments=400"), "debt.payments"),
        (("debt.day_count='30/365'",), "debt.day_count"),
        (("debt.letter_of_credit_fee_per_year=0.02",), "debt.reserve_held_as"),
        (("debt.covenant_dscr=1.3", "debt.lockup_dscr=1.2"), "debt.covenant_dscr"),
        (
            (
                "debt.payment_every_months=3",
                "debt.payments=20",
                'debt.junior=[{name="n", share_of_equity_frac=0.1, payments=400}]',
            ),
            "debt.junior.0.payments",
        ),
        (("debt.reserve_held_as='letter-of-credit'", "debt.reserve_months=0"), "debt.reserve_months"),
        (("debt.shape='bullet'", "debt.balloon_frac=0.5"), "debt.balloon_frac"),
        (("debt.shape='bullet'", "debt.interest_only_payments=5"), "debt.interest_only_payments"),
        (("debt.junior=[{name='n', share_of_equity_frac=0.1, share_price_usd=3}]",), "debt.junior.0.share_price_usd"),
        (
            ("debt.junior=[{name='n', kind='convertible', share_of_equity_frac=0.1, conversion_price_usd=3}]",),
            "debt.junior.0.share_price_usd",
        ),
        (("lease.backstop_usd=0", STEPS), "lease.backstop_schedule"),
        (("lease.backstop_usd=0", "lease.backstop_pays='fee'"), "lease.backstop_usd"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_its_place(settings: tuple[str, ...], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(DEAL, CATALOGUE, settings)
    assert path in [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize("paid", ["capitalised", "cash", "reserve"])
def test_interest_cover_is_that_of_repayment(paid: str) -> None:
    """Interest of construction has nothing that it could be covered by, however it is paid."""
    found = links(f"debt.interest_of_construction='{paid}'")
    cover, loan = interest_cover(found.base), found.model.capital.loan
    assert loan is not None
    first = loan.first_payment_month + 11
    assert np.isnan(cover[0, :first]).all()
    span = slice(loan.first_payment_month, first + 1)
    earned = (found.base.revenue_total - found.base.opex_total)[0, span].sum()
    assert cover[0, first] == pytest.approx(earned / found.base.interest_paid[0, span].sum())


def test_what_no_lender_grants_is_said() -> None:
    nothing, much = links("debt.principal_usd=0"), links("debt.principal_usd=9e10")
    assert lending_notes(nothing) == ["[debt] lends nothing: the amount of the loan is 0, so none of its terms counts."]
    assert any("of all that it could pay for" in note for note in lending_notes(much))
    assert lending_notes(BASE) == []
    said = [size_doubts(found.scenario) for found in (nothing, much, BASE)]
    assert [any(text.startswith("debt.principal_usd") for text in doubts) for doubts in said] == [True, True, False]
