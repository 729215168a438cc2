"""Late blocks, replaced machines, demand response: the capital side and what it does to cash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.debt_notes import lending_notes
from megawatt.chain.links import Links, forge
from megawatt.errors import ScenarioError
from megawatt.finance import loan_schedule
from megawatt.finance.credit import credit_measures
from megawatt.risk import base_factors
from megawatt.scenario import load
from tests.cash_identity import cash_gap

EXAMPLES = Path(__file__).parents[3] / "examples"


def linked(name: str, *settings: str) -> Links:
    catalogue = load_catalogue()
    use = load(EXAMPLES / name, catalogue, settings).uses[0]
    return forge(use.scenario, catalogue, use.folder)


def test_a_delay_moves_revenue_and_leaves_spending_and_the_lenders_dates() -> None:
    on_time, late = linked("childress-gb300.toml"), linked("childress-gb300.toml", "timeline.delay_months=3")
    before, after = on_time.base, late.base
    months = before.terms.months
    assert after.terms.months == months + 3
    for name, spent in before.terms.capex_cost.items():
        assert after.terms.capex_cost[name][:months] == pytest.approx(spent), name
    assert before.terms.loan is not None
    assert after.terms.loan is not None
    assert after.terms.loan.first_payment_month == before.terms.loan.first_payment_month
    first = int(np.argmax(before.revenue_total[0] > 0))
    assert int(np.argmax(after.revenue_total[0] > 0)) == first + 3
    assert after.measures.npv_usd[0] < before.measures.npv_usd[0]
    assert cash_gap(after) < 0.005


def test_replaced_machines_are_paid_out_of_a_reserve() -> None:
    links = linked("childress-bitcoin.toml", "capex.replace_after_months=24", "capex.replacement_cost_frac=0.6")
    plain = linked("childress-bitcoin.toml")
    spent = links.base.terms.capex_cost["machines"] - plain.base.terms.capex_cost["machines"]
    total = links.model.capital.machines_cost_usd
    # two blocks, live in months 6 and 9 of 69: replaced every 24 months of service, paid a month before
    assert np.flatnonzero(spent).tolist() == [29, 32, 53, 56]
    assert spent[spent > 0] == pytest.approx([0.3 * total] * 4)
    assert links.base.terms.lender is not None
    reserve = links.base.terms.lender.other_reserve_usd
    assert reserve is not None
    assert reserve[28] == pytest.approx(0.3 * total * (1 + 20 / 23)), (
        "full for one block, 20 of 23 months for the other"
    )
    # what stands at the end is younger: 15 and 12 months instead of 63 and 60
    left = [u.base.terms.residual["machines"][0, -1] for u in (links, plain)]
    share = links.model.capital.residual_frac
    assert left[0] == pytest.approx(total * 0.6 * (share ** (15 / 60) + share ** (12 / 60)) / 2)
    assert left[1] == pytest.approx(total * (share ** (63 / 60) + share ** (60 / 60)) / 2)
    assert cash_gap(links.base) < 0.005


def test_delayed_draws_follow_the_machines() -> None:
    loan = linked("childress-gb300.toml", 'debt.drawn="with-machines"').base.terms.loan
    assert loan is not None
    assert loan.draws is not None
    # four equal blocks, live in months 6, 9, 11 and 13, paid a month before
    assert np.flatnonzero(loan.draws).tolist() == [5, 8, 10, 12]
    assert loan.draws[loan.draws > 0] == pytest.approx([loan.principal_usd / 4] * 4)


def test_each_draw_is_repaid_on_its_own_clock() -> None:
    links = linked("childress-gb300.toml", 'debt.drawn="with-machines"', "debt.clock_months=48", 'debt.shape="level"')
    loan = links.base.terms.loan
    assert loan is not None
    # the last draw, in month 12, ends 48 months later; the first one in month 53 already
    assert loan.last_payment_month == 60
    schedule = loan_schedule(loan, links.base.terms.months)
    assert schedule.service[54] == pytest.approx(0.75 * schedule.service[53])
    assert schedule.balance[59] > 1e6
    assert schedule.balance[60] == pytest.approx(0, abs=0.01)
    assert cash_gap(links.base) < 0.005


def test_a_loan_sized_to_a_cover_keeps_it_in_every_month() -> None:
    links = linked(
        "childress-gb300.toml", "debt.target_dscr=1.3", "debt.principal_usd=9e11", 'debt.sizing_cash="pre-tax"'
    )
    loan, cash = links.base.terms.loan, links.base
    assert loan is not None
    assert links.model.capital.sized_by == "DSCR"
    paid = loan.window.slice
    service = loan_schedule(loan, cash.terms.months).service
    assert ((cash.cfads + cash.tax)[0, paid] / service[paid]) == pytest.approx(np.full(60, 1.3), rel=1e-9)
    # the stated loan is a cap
    capped = linked("childress-gb300.toml", "debt.target_dscr=1.3", "debt.principal_usd=1e9").base.terms.loan
    assert capped is not None
    assert capped.principal_usd == pytest.approx(1e9)


@pytest.mark.parametrize("shape", ["level", "sculpted"])
def test_a_loan_sized_to_gearing_is_that_share_of_all_uses(shape: str) -> None:
    asked = ("debt.gearing_frac=0.4", f'debt.shape="{shape}"', 'debt.drawn="with-machines"')
    links = linked("childress-gb300.toml", *asked)
    loan, cash = links.base.terms.loan, links.base
    assert loan is not None
    # the example's own amount is the most, and more than this
    assert links.model.capital.sized_by == "gearing"
    schedule = loan_schedule(loan, cash.terms.months)
    uses = cash.capex_total[0].sum() + schedule.fee.sum() + schedule.capitalised[: loan.first_payment_month].sum()
    assert schedule.balance[loan.first_payment_month - 1] / uses == pytest.approx(0.4, rel=1e-9)
    assert cash_gap(cash) < 0.005


def test_a_loan_sized_to_its_life_cover() -> None:
    links = linked("childress-gb300.toml", "debt.minimum_llcr=1.5", "debt.principal_usd=9e11", 'debt.shape="level"')
    assert links.model.capital.sized_by == "LLCR"
    assert links.base.measures.llcr[0] == pytest.approx(1.5, rel=0.05)  # the run's own tax falls in Decembers


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (("debt.clock_months=48", 'debt.shape="level"'), "debt.clock_months"),
        (("debt.clock_months=48", 'debt.drawn="with-machines"', "debt.gearing_frac=0.5"), "debt.clock_months"),
        (("debt.target_dscr=1.3", "debt.balloon_frac=0.5"), "debt.balloon_frac"),
        (("debt.clock_months=48", 'debt.drawn="with-machines"'), "debt.shape"),
    ],
)
def test_clocks_that_have_nothing_to_run_on_are_refused(settings: tuple[str, ...], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(EXAMPLES / "childress-gb300.toml", load_catalogue(), settings)
    assert path in [p.path for p in caught.value.problems]


def test_by_default_a_replacement_costs_what_the_old_machines_do_not_fetch() -> None:
    links = linked("childress-bitcoin.toml", "capex.replace_after_months=30")
    assert links.model.capital.replacement is not None
    assert links.model.capital.replacement.cost_frac == pytest.approx(1 - links.model.capital.residual_frac**0.5)


def test_demand_response_pays_for_being_ready_and_costs_the_hours_called() -> None:
    settings = ("demand_response.enrolled_mw=50", "demand_response.usd_per_kw_month=4",
                "demand_response.paid_frac=0.9", "demand_response.called_hours_per_year=87.6")  # fmt: skip
    plain, paid = linked("childress-bitcoin.toml"), linked("childress-bitcoin.toml", *settings)
    ready = paid.base.flows.revenue["demand_response"][0]
    # half of the halls from month 6, all from month 9: 50,000 kW x 4 x 0.9
    assert ready[[5, 6, 9, -1]] == pytest.approx([0, 90_000, 180_000, 180_000])
    runs = paid.base.flows.revenue["mining"][0, -1] / plain.base.flows.revenue["mining"][0, -1]
    assert runs == pytest.approx(1 - 0.01 * 50 / paid.it_mw)


@pytest.mark.parametrize(
    ("name", "setting", "path"),
    [
        ("deals/galaxy-coreweave-helios.toml", "demand_response.enrolled_mw=5", "demand_response"),
        ("childress-gb300.toml", "demand_response.called_hours_per_year=5", "demand_response.called_hours_per_year"),
    ],
)
def test_load_that_cannot_be_shed_is_refused(name: str, setting: str, path: str) -> None:
    settings = [setting, "demand_response.usd_per_kw_month=4", "demand_response.enrolled_mw=5"]
    with pytest.raises(ScenarioError) as caught:
        load(EXAMPLES / name, load_catalogue(), settings)
    assert path in [p.path for p in caught.value.problems]


def test_sixty_payments_are_sixty_from_the_first_full_month_on() -> None:
    loan = linked("childress-gb300.toml").base.terms.loan
    assert loan is not None
    # the last block is live in month 13 of 73
    assert (loan.first_payment_month, loan.last_payment_month) == (13, 72)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (("debt.payments=61",), "debt.payments"),
        (("contract.prepayment_lead_months=60",), "contract.prepayment_lead_months"),
    ],
)
def test_nothing_is_cut_off_without_a_word(settings: tuple[str, ...], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(EXAMPLES / "childress-gb300.toml", load_catalogue(), settings)
    assert [p.path for p in caught.value.problems] == [path]


def test_a_landlords_loan_is_drawn_with_what_is_spent() -> None:
    links = linked("deals/cipher-barber-lake.toml", 'debt.drawn="with-spending"')
    loan = links.base.terms.loan
    assert loan is not None
    assert loan.draws is not None
    spent = links.base.capex_total[0, : loan.first_payment_month]
    assert loan.draws[: loan.first_payment_month] == pytest.approx(spent / spent.sum() * loan.principal_usd)
    at_once = linked("deals/cipher-barber-lake.toml").base
    assert at_once.terms.loan is not None
    first = loan.first_payment_month - 1
    # less interest is added to a loan that is drawn later
    assert links.base.debt_balance[0, first] < at_once.debt_balance[0, first]


def test_interest_paid_in_cash_is_owners_money_and_a_use() -> None:
    added, paid = (credit_measures(linked("childress-gb300.toml", *s).base)
                   for s in ((), ('debt.interest_of_construction="cash"',)))  # fmt: skip
    assert added.debt_usd is not None
    assert paid.debt_usd == pytest.approx(links_principal())
    assert added.debt_usd > paid.debt_usd
    assert added.gearing_frac is not None
    assert paid.gearing_frac is not None
    assert added.gearing_frac < 1.0
    assert added.gearing_frac > paid.gearing_frac


def links_principal() -> float:
    loan = linked("childress-gb300.toml").base.terms.loan
    assert loan is not None
    return loan.principal_usd


def test_more_debt_than_there_is_to_pay_for_is_said() -> None:
    asked = ("debt.principal_usd=2e9", "debt.rate=0.1", "debt.payments=48", 'debt.drawn="with-spending"')
    links = linked("childress-bitcoin.toml", *asked)
    notes = lending_notes(links)
    assert any("of all that it could pay for" in note for note in notes)
    assert any("Owners put in 0.0%" in note for note in notes)
    assert np.isnan(links.base.measures.equity_irr[0])


def _sold(links: Links, part: str, **moved: float) -> float:
    """Proceeds of a part in the last month over the base case's, with factors moved there."""
    months = links.model.calendar.spine.months
    base = base_factors(links.terms, months)
    factors = replace(base, **{name: getattr(base, name) * level for name, level in moved.items()})
    at = [links.model.project_terms(f).residual[part][0, -1] for f in (base, factors)]
    return float(at[1] / at[0])


def test_resale_follows_the_market_that_the_path_has() -> None:
    chips, lease, miners = (
        linked(name) for name in ("childress-gb300.toml", "deals/cipher-barber-lake.toml", "childress-bitcoin.toml")
    )
    assert _sold(chips, "machines", compute=0.4) == pytest.approx(0.4)
    # halls: rents go with the square root of the price of compute, vacancy with demand; at 9 and 8 % a year and a
    return
    # of 1 and 0.5 a year, 0.09 / 1.09 and 0.09 / 0.59 of the two last
    for links, rate in ((chips, 0.09), (lease, 0.08)):
        kept = 1 - 0.3 * rate / (rate + 1.0) - 0.2 * rate / (rate + 0.5)
        assert _sold(links, "shell", compute=0.49, demand=0.8) == pytest.approx(kept)
    # miners earn less where bitcoin has fallen, though hash rate leaves with it
    fallen = _sold(miners, "machines", btc=0.5)
    assert 0.4 < fallen < 1.0
    assert _sold(miners, "shell", btc=0.5) == pytest.approx(fallen**0.5)
    assert _sold(miners, "machines", compute=0.4) == pytest.approx(1.0)


def test_an_older_design_fetches_less() -> None:
    plain = linked("deals/cipher-barber-lake.toml", "capex.shell_obsolescence_per_year=0")
    aged = linked("deals/cipher-barber-lake.toml", "capex.shell_obsolescence_per_year=0.05")
    left = [links.base.terms.residual["shell"][0, -1] for links in (aged, plain)]
    assert left[0] / left[1] == pytest.approx(0.95**15)
