"""What a moved input does to a loan: covers as the whole cash flow has them, the probability of a missed payment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.sensitivity import moved_input, sensitivities
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"
CATALOGUE = load_catalogue()


@pytest.fixture(scope="module")
def leased() -> Links:
    use = load(EXAMPLES / "deals" / "cipher-barber-lake.toml", CATALOGUE).uses[0]
    return forge(use.scenario, CATALOGUE, use.folder)


def test_ends_are_those_of_the_whole_cash_flow(leased: Links) -> None:
    rows = {s.name: s for s in sensitivities(leased)}
    moved = rows["opex.site_usd_per_kw_month"]
    for end, dscr, llcr in (
        (moved.low, moved.dscr_at_low, moved.llcr_at_low),
        (moved.high, moved.dscr_at_high, moved.llcr_at_high),
    ):
        whole = reforge(leased, *moved_input(leased, moved.name, end)).base.measures
        assert dscr == pytest.approx(whole.min_dscr[0], rel=1e-9)
        assert llcr == pytest.approx(whole.llcr[0], rel=1e-9)
    # dearer running makes missed payments likelier, and so does a weaker tenant, which moves no base case
    assert moved.missed_at_low is not None
    assert moved.missed_at_high is not None
    assert moved.missed_at_low < moved.missed_at_high
    tenant = rows["risk-base.tenant_default_speculative_frac_per_year"]
    assert tenant.value_at_low == tenant.value_at_high
    assert tenant.missed_at_low is not None
    assert tenant.missed_at_high is not None
    assert tenant.missed_at_low < tenant.missed_at_high


def test_a_granted_loan_is_held_and_its_own_inputs_move_it(leased: Links) -> None:
    dearer = reforge(leased, *moved_input(leased, "capex.shell_usd_per_mw", 11e6))
    assert dearer.model.capital.loan is leased.model.capital.loan
    assert leased.model.capital.loan is not None
    debt = leased.scenario.debt
    assert debt is not None
    other = leased.scenario.model_copy(update={"debt": debt.model_copy(update={"payments": debt.payments - 12})})
    shorter = reforge(leased, other, leased.catalogue).model.capital.loan
    assert shorter is not None
    assert shorter.last_payment_month == leased.model.capital.loan.last_payment_month - 12


def test_without_a_loan_there_is_no_cover(leased: Links) -> None:
    alone = replace(
        leased, scenario=leased.scenario.model_copy(update={"debt": None}), model=leased.model.without_loan()
    )
    row = next(a for a in alone.assumptions() if a.name == "opex.site_usd_per_kw_month")
    moved = reforge(alone, *moved_input(alone, row.name, 30.0))
    assert moved.model.capital.loan is None
    assert moved.model.base_end()[0] < alone.model.base_end()[0]
