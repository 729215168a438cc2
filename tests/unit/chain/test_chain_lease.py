"""Colocation: the landlord's cash follows the lease, and every deal of the examples is a valid scenario."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.chip_money import busy_it_mw
from megawatt.chain.inputs import move
from megawatt.chain.lease import LeaseMoney, lease_flows
from megawatt.chain.links import forge
from megawatt.chain.unit_costs import unit_costs
from megawatt.errors import ScenarioError
from megawatt.finance import Hall, discount_factors
from megawatt.finance.backstop import Guarantee, fee_schedule
from megawatt.risk import base_factors, factor_terms
from megawatt.scenario import load

DEALS = Path(__file__).parents[3] / "examples" / "deals"
FILES = sorted(DEALS.glob("*.toml"))

LEASE = LeaseMoney(
    it_mw=10.0, rent_usd_per_kw_month=100.0, escalator_frac=0.03, term_months=24, owner_power_frac=0.0,
    market_rent_usd_per_kw_month=80.0, market_utilisation_frac=0.5,
    guarantee=Guarantee("fee", 2, fee_schedule({4: 5e6, 28: 0.0}, 40)),
)  # fmt: skip


def flows(lease: LeaseMoney, default: int = -1, index: float = 1.0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    terms = factor_terms(load_catalogue(), payer="speculative")
    factors = replace(base_factors(terms, 40), tenant_default_month=np.array([default]))
    return lease_flows(lease, (Hall(4, 1.0),), np.full((1, 40), 1e5), factors, np.full((1, 40), index), 6)[:2]


def test_rent_by_hand() -> None:
    revenue, energy = flows(LEASE)
    # 10,000 kW x 100 from month 4, 3 % more from month 16, market from month 28 at half
    assert revenue["contract"][0, [3, 4, 15, 16, 27, 28]] == pytest.approx([0, 1e6, 1e6, 1.03e6, 1.03e6, 0])
    assert revenue["market"][0, 28] == pytest.approx(10_000 * 80 * 0.5)
    assert not energy.any()


def test_rent_that_includes_power_pays_the_bill_while_halls_are_let() -> None:
    _, energy = flows(replace(LEASE, owner_power_frac=1.0))
    assert energy[0, [3, 4, 27, 28]] == pytest.approx([0, 1e5, 1e5, 0.5e5])


def test_after_a_default_the_backstop_pays_and_the_halls_are_let_again() -> None:
    revenue, _ = flows(LEASE, default=10)
    assert not revenue["contract"][0, 10:].any()
    # a quarter of the lease has passed: 5m x 0.75
    assert revenue["backstop"][0, 12] == pytest.approx(3.75e6)
    assert not revenue["market"][0, 10:16].any()
    assert revenue["market"][0, 16] == pytest.approx(4e5)


def test_halls_are_let_again_at_the_market_of_the_path() -> None:
    revenue, _ = flows(LEASE, default=10, index=0.4)
    assert revenue["market"][0, 16] == pytest.approx(0.4 * 4e5)


def test_a_guarantor_that_steps_in_keeps_the_halls() -> None:
    lease = replace(LEASE, guarantee=Guarantee("step-in", 2), owner_power_frac=1.0)
    revenue, energy = flows(lease, default=10)
    assert revenue["guarantor"][0, [9, 10, 11, 12, 13, 16, 27, 28]] == pytest.approx(
        [0, 0, 0, 3e6, 1e6, 1.03e6, 1.03e6, 0]
    )
    assert not revenue["market"][0, :28].any()
    assert energy[0, [12, 28]] == pytest.approx([1e5, 0.5e5])


def test_the_rent_of_all_parties_together_is_never_more_than_the_lease() -> None:
    for guarantee in (Guarantee("fee", 2), Guarantee("rent", 2), Guarantee("step-in", 2)):
        lease = replace(LEASE, guarantee=guarantee, market_utilisation_frac=1.0)
        whole, found = flows(lease)[0], flows(lease, default=10)[0]
        assert sum(float(part[0, :28].sum()) for part in found.values()) == pytest.approx(
            float(whole["contract"].sum())
        )


def test_abernathys_fee_by_date() -> None:
    use = load(DEALS / "terawulf-abernathy.toml", load_catalogue()).uses[0]
    money = forge(use.scenario, load_catalogue(), use.folder).model.find(LeaseMoney)
    assert money is not None
    assert money.guarantee is not None
    assert money.guarantee.cap_usd is not None
    # November 2025 is month 0: October 2026, January 2031
    assert money.guarantee.cap_usd[[11, 62]] == pytest.approx([1.3e9, 0.742e9])


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (('lease.backstop_pays="step-in"', "lease.backstop_usd=1e9"), "lease.backstop_usd"),
        (('lease.backstop_pays="fee"',), "lease.backstop_usd"),
    ],
)
def test_promises_that_say_too_much_or_too_little_are_refused(settings: tuple[str, ...], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(DEALS / "cleanspark-houston.toml", load_catalogue(), settings)
    assert path in [p.path for p in caught.value.problems]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_deals_are_valid_and_say_what_is_assumed(file: Path) -> None:
    use = load(file, load_catalogue()).uses[0]
    assert use.scenario.name == file.stem
    head = file.read_text(encoding="utf-8").split("\nformat")[0]
    assert "Published:" in head
    assert "Assumed:" in head


def test_a_deal_from_rent_to_cash() -> None:
    use = load(DEALS / "cipher-barber-lake.toml", load_catalogue()).uses[0]
    links = forge(use.scenario, load_catalogue(), use.folder)
    assert links.compute is None
    assert links.tokens_per_mwh is None
    base = links.base
    live = links.model.calendar.last_live
    # the rent was derived from 3.0bn over 10 years: ten years of it give the contract back
    assert base.flows.revenue["contract"].sum() == pytest.approx(3.0e9, rel=1e-3)
    # triple net: no energy on the landlord's bill, though the halls draw it
    assert not base.flows.opex_cost["energy_ai"].any()
    assert links.response.ai_facility_mwh.sum() > 0.8 * 8760 * 168 * 0.9
    # the tenant may draw all that it rents: the peak is that of full halls, not of their mean load
    assert busy_it_mw(use.scenario, None) == pytest.approx(168.0)
    assert links.problem.ai_it_mw.max() < 168.0
    # running cost 21.2 USD per kW and month, 3 % up each year from month 0
    assert base.opex_total[0, live] == pytest.approx(168_000 * 21.2 * 1.03 ** (live // 12), rel=1e-9)


def test_unit_costs_of_a_lease() -> None:
    use = load(DEALS / "cipher-barber-lake.toml", load_catalogue()).uses[0]
    links = forge(use.scenario, load_catalogue(), use.folder)
    costs = {cost.name: cost.value for cost in unit_costs(links)}
    # the same money over other units: 168 MW at 0.9 load, hours of a month
    months = links.model.calendar.spine.months
    factors = discount_factors(links.model.discount_rate, months)
    live = np.arange(months) >= links.model.calendar.last_live
    energy = (factors * live * links.model.calendar.spine.hours).sum() * 168 * 0.9
    power = (factors * live).sum() * 168_000
    assert costs["usd_per_kw_month"] * power == pytest.approx(costs["usd_per_it_mwh"] * energy, rel=1e-9)
    # at the break-even rent the same site is worth nothing
    at = move(use.scenario, "lease.rent_usd_per_kw_month", costs["break_even_usd_per_kw_month"])
    worth = forge(at, load_catalogue(), use.folder).base.measures.npv_usd[0]
    assert abs(worth) < 1e-6 * 168e7


def test_a_scenario_with_a_refinanced_balloon_and_tables() -> None:
    use = load(DEALS / "cipher-barber-lake.toml", load_catalogue()).uses[0]
    debt = use.scenario.debt
    assert debt is not None
    most = debt.balloon_frac.__class__(0.8, "", "assumed", "assumption")
    changed = debt.model_copy(update={"payments": 48, "balloon_frac": most, "refinance_payments": 110})
    tax = use.scenario.tax.model_copy(update={"shell_table": "macrs-15"})
    scenario = use.scenario.model_copy(update={"debt": changed, "tax": tax})
    base = forge(scenario, load_catalogue(), use.folder).base
    loan = base.terms.loan
    assert loan is not None
    last = loan.last_payment_month
    # four fifths of what is owed at the first payment is lent again in the last month of the old loan
    owed = base.debt_balance[0, loan.first_payment_month - 1]
    assert base.debt_draw[0, last] == pytest.approx(0.8 * owed, rel=1e-9)
    assert base.missed[0] == -1
    assert base.debt_balance[0, last + 110] == pytest.approx(0.0, abs=0.01)
    # faster depreciation: less tax in the first full year than in the straight line of 39 years
    plain = forge(use.scenario, load_catalogue(), use.folder).base
    assert base.tax[0, :36].sum() < plain.tax[0, :36].sum()
