"""The option to refinance, against the two loans' payments worked out from their terms, path by path."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain import forge, refinancing
from megawatt.chain.links import Links
from megawatt.chain.refinancing import _block, refinancing_option, refinancing_terms
from megawatt.chain.risk_study import _factors
from megawatt.finance import LenderTerms, discount_factors
from megawatt.finance.debt import loan_schedule
from megawatt.finance.engine import statements
from megawatt.finance.money_market import MoneyPaths, new_rate
from megawatt.risk import draw, factors_of, run_calls
from megawatt.scenario import load

EXAMPLE = Path(__file__).parents[3] / "examples" / "childress-gb300.toml"
# no tax and no reserve: owners get what service leaves, in its month
PLAIN = (
    "debt.principal_usd=1e9",
    "debt.rate=0.06",
    "debt.shape='level'",
    "debt.refinance_rate=0.06",
    "debt.reserve_months=0",
    "tax.rate=0",
    "risk.tenant_rating='AAA'",
)
FEE = "debt.upfront_fee_frac=0.01"


def linked(*settings: str) -> Links:
    use = load(EXAMPLE, load_catalogue(), settings).uses[0]
    return forge(use.scenario, load_catalogue(), use.folder)


def option(links: Links, paths: int = 128) -> dict[str, Any]:
    model, months = links.model.committed(links.base), links.model.calendar.spine.months
    found = refinancing_option(
        links, model, draw("plain", months, paths, 3), partial(_factors, links.terms, None),
        partial(run_calls, workers=1),
    )  # fmt: skip
    assert found is not None
    return found


def test_gain_is_what_the_old_loan_would_have_cost_less_the_new() -> None:
    links = linked(*PLAIN, FEE, "debt.call_prices=[{month = '2026-01', premium_frac = 0.02}]")
    terms, model = refinancing_terms(links), links.model.committed(links.base)
    months, paths = model.calendar.spine.months, 24
    assert terms is not None
    drawn = draw("plain", months, paths, 3)
    found = _block(model, terms, partial(_factors, links.terms, None), *drawn.part(0, paths))
    factors = factors_of(links.terms, drawn.normals, drawn.uniforms)
    cash, _ = model.case(factors)
    loan = cash.loan
    assert loan is not None
    old, worth = loan_schedule(loan, months), discount_factors(cash.discount_rate, months)
    healthy = ~found["missed"].any(axis=1) & found["can"].all(axis=1)
    assert healthy.sum() > paths / 2
    for k, date in enumerate(terms.dates):
        rest = slice(date + 1, loan.last_payment_month + 1)
        left, number = old.balance[date], loan.last_payment_month - date
        money = MoneyPaths(factors.rate, factors.spread, factors.equity)
        of_old = 0.06 - links.terms.reference_rate
        rate = links.terms.reference_rate * money.rate[:, date] + of_old * money.spread[:, date]
        annuity = left * (rate / 12.0) / (1.0 - (1.0 + rate / 12.0) ** -number)
        by_hand = (old.service[rest] * worth[rest]).sum() - annuity * worth[rest].sum() - 0.03 * left * worth[date]
        gain = found["switched"][:, k] - found["never"]
        assert found["rate"][:, k] == pytest.approx(rate)
        assert gain[healthy] == pytest.approx(by_hand[healthy], rel=1e-6, abs=1.0)


def test_no_date_is_known_before_it_comes() -> None:
    """Whatever is refinanced later, every statement until then is that of holding the loan, reserve and tax too."""
    links = linked("debt.refinance_rate=0.06", "debt.upfront_fee_frac=0.02", "debt.reserve_months=6")
    terms, model = refinancing_terms(links), links.model.committed(links.base)
    months = model.calendar.spine.months
    assert terms is not None
    drawn = draw("plain", months, 4, 5)
    factors = factors_of(links.terms, drawn.normals, drawn.uniforms)
    cash, flows = model.case(factors)
    loan = cash.loan
    assert loan is not None
    schedule = loan_schedule(loan, cash.timing)
    held = replace(cash, money=MoneyPaths(factors.rate, factors.spread, factors.equity))
    lender = cash.lender or LenderTerms()
    plain, date = statements(held, flows), terms.dates[1]
    assert held.minimum_cash_usd > 0.0
    new = refinancing._new(model, terms, loan, lender, date)
    ended = replace(held, loan=replace(loan, last_payment_month=date), lender=replace(lender, refinancing=new))
    done = statements(ended, flows, refinancing._ended(schedule, date))
    for name in ("distributions", "equity_in", "reserve", "debt_balance", "interest_paid", "tax", "closing_cash"):
        assert getattr(done, name)[:date] == pytest.approx(getattr(plain, name)[:date], abs=0.01), name
    assert done.draw[date] == pytest.approx(schedule.balance[date])
    rate = new_rate(new, date, held.money)
    assert done.interest_paid[date + 1] == pytest.approx(schedule.balance[date] * rate / 12.0)


def test_a_premium_lowers_the_option_and_volatile_money_lifts_it() -> None:
    calm = option(linked(*PLAIN))
    dear = option(linked(*PLAIN, "debt.call_prices=[{month = '2026-01', premium_frac = 0.05}]"))
    assert calm["option_gain_usd"] > dear["option_gain_usd"] >= 0.0
    assert calm["held_to_the_end"] < dear["held_to_the_end"]
    still = option(linked(*PLAIN, "risk.rate_volatility_per_sqrt_year=0", "risk.spread_volatility_per_sqrt_year=0"))
    assert calm["option_gain_usd"] > still["option_gain_usd"]


def test_loans_that_do_not_speak_of_it_have_none() -> None:
    assert refinancing_terms(linked()) is None
    lettered = linked(*PLAIN, "debt.reserve_held_as='letter-of-credit'", "debt.reserve_months=6")
    assert refinancing_terms(lettered) is None
    dear = "debt.make_whole_rate=0.05"
    assert refinancing_terms(linked(*PLAIN, dear)) is not None
    assert refinancing_terms(linked(*PLAIN, dear, "debt.sweep_frac=0.5")) is None
