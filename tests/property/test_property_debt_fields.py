"""Fields of [debt] in pairs and triples: refused at once with their path, or a plan whose identities hold."""

from __future__ import annotations

import functools
import itertools
import random
from typing import Final

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge
from megawatt.errors import Problem, ScenarioError
from megawatt.finance import CashFlow
from megawatt.finance.committee import sources_and_uses
from megawatt.finance.lender import period_rates
from megawatt.scenario import LoadedScenario, load
from tests.cash_identity import cash_gap
from tests.credit_sample import EXAMPLES, LEASE

VALUES: Final = {
    "shape": ('"level"', '"equal-principal"', '"bullet"', '"dated"'), "payment_every_months": ("3", "6", "12"),
    "day_count": ('"ACT/360"',), "payments": ("1", "12", "60"), "principal_usd": ("9e9",),
    "target_dscr": ("1.3",), "gearing_frac": ("0.6",), "minimum_llcr": ("1.3",), "maximum_ltv": ("0.6",),
    "advance_frac": ("0.7",), "share_of_machines_frac": ("0.5",), "appraisal_usd": ("1e9",),
    "sizing_cash": ('"pre-tax"',), "floating_frac": ("0.5",), "forward_rates": ("[{year=2026,rate=0.04}]",),
    "drawn": ('"with-machines"', '"with-spending"'), "interest_of_construction": ('"cash"', '"reserve"'),
    "clock_months": ("36",), "reserve_months": ("0", "6"), "reserve_held_as": ('"letter-of-credit"',),
    "letter_of_credit_rate": ("0.09",), "revolver": ("{limit_usd=5e7,rate=0.09}",), "interest_only_payments": ("2",),
    "opex_reserve_months": ("3",), "balloon_frac": ("0.3", "1"), "refinance_payments": ("6",),
    "sweep_frac": ("0.5", "1"), "lockup_dscr": ("1.2",), "covenant_dscr": ("1.1", "1.6"), "cures_most": ("2",),
    "cures_per_year": ("1",), "target_balance": ('[{month="2028-06",frac=0.5}]',),
    "prepayments": ('[{month="2028-06",frac=0.1}]',), "repayments": ('[{month="2028-06",frac=0.1}]',),
    "call_prices": ('[{month="2028-06",premium_frac=0.02}]',), "make_whole_rate": ("0.04",), "oid_frac": ("0.02",),
    "commitment_fee_per_year": ("0.01",),
    "junior": ('[{name="mezzanine",principal_usd=5e7,rate=0.1,payments=40}]',),
}  # fmt: skip


def combinations(size: int, count: int) -> list[tuple[tuple[str, str], ...]]:
    """Some of all combinations of so many fields, the same each time."""
    fields = [(name, value) for name, values in VALUES.items() for value in values]
    listed = [c for c in itertools.combinations(fields, size) if len({name for name, _ in c}) == size]
    return random.Random(19).sample(listed, count)


@functools.cache
def held() -> Links:
    use = load(EXAMPLES / LEASE[0], load_catalogue(), LEASE[1:]).uses[0]
    return forge(use.scenario, load_catalogue(), use.folder)


def holds(cash: CashFlow) -> None:
    """Cash, the loan's account, sources and uses."""
    assert cash_gap(cash) < 0.005
    for part in (cash.distributions, cash.equity_in, cash.arrears, cash.debt_balance + 0.005):
        assert (part >= 0.0).all()
    loan = cash.terms.loan
    if loan is None:
        return
    sources, uses = sources_and_uses(cash)
    assert sum(a.usd for a in sources) == pytest.approx(sum(a.usd for a in uses), abs=0.01)
    if loan.clock_months is None:
        before = np.concatenate([[0.0], cash.debt_balance[0, :-1]])
        accrued = before * (1.0 + period_rates(cash.terms, cash.terms.timing))
        closing = accrued + cash.debt_draw[0] - cash.interest_paid[0] - cash.principal_paid[0]
        assert closing == pytest.approx(cash.debt_balance[0], abs=0.01)
    for name in ("min_dscr", "average_dscr", "llcr"):
        assert np.isfinite(getattr(cash.measures, name)[0]), name


def loaded(settings: tuple[str, ...]) -> LoadedScenario | tuple[Problem, ...]:
    try:
        return load(EXAMPLES / LEASE[0], load_catalogue(), settings).uses[0]
    except ScenarioError as error:
        return tuple(error.problems)


@pytest.mark.parametrize("size", [2, 3])
def test_debt_is_refused_by_its_path_or_planned(size: int) -> None:
    planned = 0
    for combination in combinations(size, 9):
        use = loaded((*LEASE[1:], *(f"debt.{name}={value}" for name, value in combination)))
        if isinstance(use, tuple):
            assert use, combination
            assert all(problem.path.startswith("debt") for problem in use), combination
            continue
        holds(forge(use.scenario, held().catalogue, use.folder, held().held).base)
        planned += 1
    assert planned > 2
