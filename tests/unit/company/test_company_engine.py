"""A company by hand: what it pays, sells, issues, builds, leaves to lenders, and when it fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.company import Company, CompanyPaths, Debt, Lease, Mining, Practice, run_company

CALM = Practice(0.0, 0.0, 1.0, 1.0, 9.0, 1e9, 0.0, 1.25, 0.0, 0.0, 0.0, 0.0)
"""Nobody lends, nobody buys shares, no noise."""
PLAIN = Company("a", "A", 2025, 11, cash_usd=100.0, overhead_usd_per_month=10.0)


def markets(
    months: int, leases: int = 0, *, btc: float = 100.0, hashprice: float = 50.0, paths: int = 1
) -> CompanyPaths:
    one = np.ones((paths, months))
    return CompanyPaths(
        one * btc,
        one * hashprice,
        one,
        one,
        np.full((paths, leases), -1, dtype=np.int64),
        np.ones(paths),
        np.ones(paths),
        one,
        one,
        one,
        0.04,
    )


def test_cash_runs_out_when_overhead_has_eaten_it() -> None:
    found = run_company(replace(PLAIN, cash_usd=100e6, overhead_usd_per_month=10e6), markets(24), CALM)
    assert found.default_month[0] == 10
    assert found.liquidity_usd[0, :3] == pytest.approx([90e6, 80e6, 70e6])


def test_coins_are_sold_before_it_fails_and_in_its_own_order() -> None:
    rich = replace(PLAIN, cash_usd=10e6, overhead_usd_per_month=10e6, coins_btc=1e6)
    found = run_company(rich, markets(15), CALM)
    assert found.default_month[0] == 10  # 98 million of coins
    assert found.cut_month["coins"][0] == 1
    kept = run_company(replace(rich, order=("capex", "equity")), markets(15), CALM)
    assert kept.default_month[0] == 1


def test_shares_are_issued_at_most_a_part_a_month() -> None:
    owner = replace(PLAIN, cash_usd=0.0, overhead_usd_per_month=1e6, other_assets_usd=100e6)
    found = run_company(owner, markets(12), replace(CALM, issue_frac_per_month=0.02, issue_discount=0.1))
    assert found.default_month[0] == -1
    assert found.issued_frac[0] == pytest.approx(12e6 / 90e6, rel=0.2)
    slow = run_company(owner, markets(12), replace(CALM, issue_frac_per_month=0.005, issue_discount=0.1))
    assert slow.default_month[0] == 0


def test_a_bullet_is_due_in_its_month_and_refinanced_only_where_assets_cover_it() -> None:
    debt = Debt("note", "corporate", 50e6, 0.12, 6)
    owing = replace(PLAIN, cash_usd=40e6, overhead_usd_per_month=0.0, debts=(debt,))
    found = run_company(owing, markets(12), CALM)
    assert found.default_month[0] == 5
    assert found.due_usd[0, :5] == pytest.approx(0.5e6)
    covered = run_company(replace(owing, other_assets_usd=100e6), markets(12), replace(CALM, refinance_cover=1.6))
    assert covered.default_month[0] == -1
    assert covered.debt_usd[0, -1] == pytest.approx(50e6)


@pytest.mark.parametrize(
    ("price", "shares_at_large", "converts"),
    [(4.0, 1.0, True), (5.5, 1.0, False), (4.0, 0.5, False), (0.0, 1.0, False)],
)
def test_a_note_converts_where_a_diluted_share_is_worth_its_price(
    price: float, shares_at_large: float, converts: bool
) -> None:
    """100 m of cash, 10 m shares, a note of 50 m: at 4 a share 12.5 m new ones, each of 22.5 m worth 4.44; at 5.5
    9.09 m new ones, each worth 5.24, below the price though it is 10 undiluted. Then the note is paid.
    """
    debt = Debt("note", "convertible", 50e6, 0.0, 6, conversion_usd=price)
    company = replace(PLAIN, cash_usd=100e6, overhead_usd_per_month=0.0, shares=10e6, debts=(debt,))
    paths = markets(12)
    found = run_company(company, replace(paths, equity=paths.equity * shares_at_large), CALM)
    assert found.default_month[0] == -1
    assert found.debt_usd[0, 4:6] == pytest.approx([50e6, 0.0])
    assert found.liquidity_usd[0, -1] == pytest.approx(100e6 if converts else 50e6)
    assert found.issued_frac[0] == pytest.approx(1.25 if converts else 0.0)
    assert found.due_usd[0, 5] == pytest.approx(0.0 if converts else 50e6)


def test_an_amortising_loan_is_gone_at_its_end() -> None:
    debt = Debt("machines", "machines", 12e6, 0.0, 12, amortising=True)
    found = run_company(replace(PLAIN, cash_usd=1e9, debts=(debt,)), markets(14), CALM)
    assert found.debt_usd[0, 5] == pytest.approx(6e6)
    assert found.debt_usd[0, 11] == pytest.approx(0.0, abs=1.0)


def test_machines_earn_hash_price_less_power_and_stop_below_it() -> None:
    mining = Mining(2.0, 25.0, 40.0, uptime_frac=1.0)
    earning = replace(PLAIN, cash_usd=0.0, overhead_usd_per_month=0.0, mining=(mining,))
    found = run_company(earning, markets(1, hashprice=50.0), CALM)
    assert found.liquidity_usd[0, 0] == pytest.approx(2.0 * (50.0 * 1000.0 * 365 / 12 - 25.0 * 730.0 * 40.0))
    idle = run_company(replace(earning, cash_usd=5.0), markets(1, hashprice=20.0), CALM)
    assert idle.liquidity_usd[0, 0] == pytest.approx(5.0)


def test_machines_under_water_are_left_to_the_lender_and_stop_earning() -> None:
    debt = Debt("machines", "machines", 100e6, 0.1, 20, amortising=True)
    mining = Mining(1.0, 30.0, 50.0, machine_usd_per_th=10.0)
    weak = replace(PLAIN, cash_usd=20e6, overhead_usd_per_month=1e6, mining=(mining,), debts=(debt,))
    found = run_company(weak, markets(6), CALM)
    assert found.surrender_month[0] == 0
    assert found.surrendered_usd[0] == pytest.approx(100e6)
    assert found.debt_usd[0, -1] == 0.0
    strong = run_company(replace(weak, cash_usd=1e9), markets(6), CALM)
    assert strong.surrender_month[0] == -1


def test_a_site_without_money_waits_and_so_does_its_rent() -> None:
    lease = Lease("hall", 10e6, 6, 60, capex_usd=60e6)
    builder = replace(PLAIN, cash_usd=0.0, overhead_usd_per_month=0.0, leases=(lease,))
    paid = run_company(replace(builder, cash_usd=60e6), markets(9, 1), CALM)
    assert paid.delay_month[0] == -1
    assert paid.liquidity_usd[0, -1] == pytest.approx(30e6)
    half = run_company(replace(builder, cash_usd=30e6), markets(9, 1), CALM)
    assert half.delay_month[0] == 3
    assert 0.0 < half.liquidity_usd[0, -1] + 30e6 < 60e6
    loan = Debt("site", "project", 0.0, 0.0, 200, undrawn_usd=60e6)
    drawn = run_company(replace(builder, debts=(loan,)), markets(9, 1), CALM)
    assert drawn.delay_month[0] == -1
    assert drawn.debt_usd[0, -1] == pytest.approx(60e6)


def test_rent_stops_with_the_tenant() -> None:
    lease = Lease("hall", 10e6, 0, 60, rent_at_risk_frac=0.6)
    paths = replace(markets(4, 1), tenant_month=np.array([[2]]))
    landlord = replace(PLAIN, cash_usd=0.0, overhead_usd_per_month=0.0, leases=(lease,))
    assert run_company(landlord, paths, CALM).liquidity_usd[0] == pytest.approx([10e6, 20e6, 24e6, 28e6])


def test_a_covenant_breaks_where_liquidity_falls_below_it() -> None:
    debt = Debt("line", "corporate", 1e6, 0.0, 60, minimum_liquidity_usd=75e6)
    held = replace(PLAIN, cash_usd=100e6, overhead_usd_per_month=10e6, debts=(debt,))
    assert run_company(held, markets(6), CALM).breach_month[0] == 2


def test_lenders_of_a_maturity_that_brings_it_down_lose_it() -> None:
    note = Debt("note", "corporate", 5e9, 0.12, 1)
    found = run_company(replace(PLAIN, cash_usd=1e6, overhead_usd_per_month=0.0, debts=(note,)), markets(3), CALM)
    assert found.default_month[0] == 0
    # a month's interest on top, less the cash
    assert found.lost_given_default_usd[0] == pytest.approx(5e9 * 1.01 - 1e6)


def test_new_loans_cost_the_rates_and_spreads_of_the_path() -> None:
    """8 %, half of it the floating rate: rates doubled and spreads tripled make 4 % x 2 + 4 % x 3 of what is lent."""
    note = Debt("note", "corporate", 50e6, 0.08, 2)
    owing = replace(PLAIN, cash_usd=100e6, overhead_usd_per_month=0.0, other_assets_usd=100e6, debts=(note,))
    dear = replace(markets(4), rate=np.full((1, 4), 2.0), spread=np.full((1, 4), 3.0))
    found = run_company(owing, dear, replace(CALM, refinance_cover=1.6))
    assert found.due_usd[0] == pytest.approx([50e6 * 0.08 / 12.0] * 2 + [50e6 * 0.20 / 12.0] * 2)
    site = Debt("site", "project", 30e6, 0.08, 200)
    lease = Lease("hall", 0.0, 1, 1, capex_usd=10e6)
    builder = replace(owing, debts=(site,), leases=(lease,))
    built = run_company(builder, replace(dear, tenant_month=np.full((1, 1), -1)), replace(CALM, site_loan_frac=1.0))
    assert built.debt_usd[0, -1] == pytest.approx(40e6)
    assert built.due_usd[0, 1] == pytest.approx((30e6 * 0.08 + 10e6 * 0.20) / 12.0)


def test_shares_are_issued_at_what_shares_at_large_have_become() -> None:
    owner = replace(PLAIN, cash_usd=0.0, overhead_usd_per_month=1e6, other_assets_usd=100e6)
    sells = replace(CALM, issue_frac_per_month=0.012, issue_discount=0.0)
    dear, cheap = (replace(markets(6), equity=np.full((1, 6), level)) for level in (1.0, 0.5))
    assert run_company(owner, dear, sells).default_month[0] == -1
    # half the price: at most 0.6 million a month comes in
    assert run_company(owner, cheap, sells).default_month[0] == 0
    wide = replace(sells, issue_frac_per_month=0.05)
    once, twice = (run_company(owner, path, wide).issued_frac[0] for path in (dear, cheap))
    assert twice == pytest.approx(2.0 * once)


def test_coins_pledged_for_a_loan_are_not_sold_as_if_free() -> None:
    """100 million of coins hold a loan of 60: 80 are its collateral, 20 free; pledged ones repay their part."""
    line = Debt("line", "coins", 60e6, 0.0, 60)
    short = replace(PLAIN, cash_usd=0.0, overhead_usd_per_month=5e6, coins_btc=1e6, debts=(line,))
    found = run_company(short, markets(12), CALM)
    assert found.liquidity_usd[0, 0] == pytest.approx(20e6 - 5e6 / 0.98)
    # 19.6 of free coins, then 0.98 - 0.75 of each dollar of the 80 million pledged: 38 million in all
    assert found.default_month[0] == 7
    assert found.debt_usd[0, 5] == pytest.approx(60e6 - 0.75 * (30e6 - 19.6e6) / 0.23, rel=1e-6)
    lent = replace(short, debts=(replace(line, principal_usd=0.0),))
    assert run_company(lent, markets(24), CALM).default_month[0] == 19


def test_a_ring_fenced_loan_is_left_at_once_with_its_own_machines_alone() -> None:
    """Machines of 10 USD/TH bought with a loan of 7: half of the fleet; worth half, they go, the others stay."""
    debt = Debt("rigs", "machines", 3.5e6, 0.1, 20, amortising=True, recourse=False)
    mining = Mining(1.0, 30.0, 50.0, uptime_frac=1.0, machine_usd_per_th=10.0)
    rich = replace(PLAIN, cash_usd=1e9, overhead_usd_per_month=1e6, mining=(mining,), debts=(debt,))
    fell = np.array([[50.0, 20.0, 60.0]])
    lends = replace(CALM, order_loan_frac=0.7)
    found = run_company(rich, replace(markets(3), hashprice_usd_per_ph_day=fell), lends)
    assert found.surrender_month[0] == 1
    full, left = (
        run_company(replace(rich, debts=debts, overhead_usd_per_month=0.0), markets(1, hashprice=60.0), CALM)
        for debts in ((), (debt,))
    )
    margin = full.liquidity_usd[0, 0] - 1e9
    assert margin > 0.0
    assert found.liquidity_usd[0, 2] - found.liquidity_usd[0, 1] == pytest.approx(margin / 2.0 - 1e6)
    assert left.surrender_month[0] == -1
    bound = replace(rich, debts=(replace(debt, recourse=True),))
    kept = run_company(bound, replace(markets(3), hashprice_usd_per_ph_day=fell), lends)
    assert kept.surrender_month[0] == -1


def test_a_company_sees_the_paths_of_every_site() -> None:
    from megawatt.catalogue import load_catalogue
    from megawatt.company import markets_today, practice, simulate_company
    from megawatt.risk import factor_terms, simulate_factors

    catalogue = load_catalogue()
    markets_now = markets_today(catalogue)
    found = simulate_company(
        replace(PLAIN, coins_btc=1.0), markets_now, practice(catalogue), months=6, paths=64, seed=9
    )
    drawn = simulate_factors(factor_terms(catalogue), 6, 64, np.random.SeedSequence(9).spawn(1)[0])
    start = markets_now.state.btc_price_usd
    assert found.samples["btc_end"] == pytest.approx(start * drawn.btc[:, -1])
