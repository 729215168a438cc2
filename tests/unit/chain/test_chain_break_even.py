"""Break-evens are where the engine's own tests flip, next to the base case; a committee reads them in sentences."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from megawatt.chain.break_even import break_evens, edges
from megawatt.chain.businesses import MiningMoney
from megawatt.chain.committee import credit_paper
from megawatt.chain.credit_records import BreakEven
from megawatt.chain.lease import LeaseMoney
from megawatt.chain.links import Links
from megawatt.finance import CashFlow
from megawatt.finance.credit import credit_measures
from megawatt.report import credit_tables
from megawatt.risk import simulate
from tests.credit_sample import LEASE, linked, paper

CLOUD = ("childress-gb300.toml", "debt.covenant_dscr=1.15")
MINE = ("childress-bitcoin.toml", "debt.principal_usd=4e6", "debt.rate=0.1", "debt.payments=12")


@functools.cache
def found(name: str, *settings: str) -> dict[tuple[str, str], BreakEven]:
    return {(row.test, row.lever): row for row in break_evens(linked(name, *settings))}


def test_an_edge_is_found_next_to_the_base_case() -> None:
    """Broken below 0.7, again between 0.2 and 0.3 (nearer edges count), and one that only more than the base mends."""

    def months_at(factors: np.ndarray) -> np.ndarray:
        twice = (factors < 0.7123456) & ~((factors > 0.2) & (factors < 0.3))
        return np.where(np.stack([twice, factors < 1.3, factors < 9, factors < -1], axis=1), 5, -1)

    below, above, never, whole = edges(months_at, 2.0)
    assert below.factor == pytest.approx(0.7123456, abs=1e-6)
    assert (below.month, below.broken) == (5, False)
    assert above.factor == pytest.approx(1.3, abs=1e-6)
    assert above.broken
    assert never.factor is None
    assert never.broken
    assert whole.factor is None
    assert not whole.broken


def at_rent(links: Links, rent: float) -> CashFlow:
    """The lease at another rent, loan and owners' commitment held: the whole chain's cash again."""
    model = links.model.committed(links.base)
    change = {"rent_usd_per_kw_month": rent}
    lease = model.find(LeaseMoney)
    assert lease is not None
    market = lease.market_rent_usd_per_kw_month * rent / lease.rent_usd_per_kw_month
    moved = replace(lease, market_rent_usd_per_kw_month=market, **change)
    businesses = tuple(moved if isinstance(b, LeaseMoney) else b for b in model.businesses)
    return replace(model, businesses=businesses).base()


def test_a_rent_breaks_what_the_whole_chain_says_it_does() -> None:
    links = linked(*LEASE)
    names = {"lock-up": "lockup", "covenant": "breach", "missed payment": "payment_default"}
    for test, event in names.items():
        row = found(*LEASE)[test, "rent, $/kW-month"]
        assert row.value is not None
        assert row.value < row.base
        just_held, just_broken = (at_rent(links, row.value * f).events for f in (1 + 1e-5, 1 - 1e-5))
        assert just_held is not None
        assert just_broken is not None
        assert getattr(just_held, event)[0] == -1, test
        month = int(getattr(just_broken, event)[0])
        assert month >= 0
        assert links.model.calendar.spine.label(month) == row.month


def test_the_root_is_that_of_brentq_on_the_lowest_cover() -> None:
    links, row = linked(*LEASE), found(*LEASE)["DSCR of 1.00×", "rent, $/kW-month"]
    root = brentq(lambda r: float(np.nanmin(at_rent(links, r).dscr)) - 1.0, 0.5 * row.base, row.base, rtol=1e-9)
    assert row.value == pytest.approx(root, rel=2e-6)


def test_tests_break_in_the_order_of_their_levels() -> None:
    rows = found(*LEASE)
    for lever in ("rent, $/kW-month", "occupancy"):
        values = [rows[test, lever].value for test in ("lock-up", "covenant", "DSCR of 1.00×")]
        assert None not in values
        assert values == sorted(values, reverse=True)
    # the owner pays no energy of a triple-net lease: an empty hall costs what a lower rent does
    lock = rows["lock-up", "occupancy"]
    assert lock.value == pytest.approx((rows["lock-up", "rent, $/kW-month"].value or 0.0) / 148.8, rel=1e-4)


def test_a_delay_is_the_fewest_months_that_break() -> None:
    row = found(*LEASE)["missed payment", "delay, months"]
    assert row.value is not None
    links = linked(*LEASE)
    model = links.model.committed(links.base)
    calendar = model.calendar
    for months, breaks in ((int(row.value) - 1, False), (int(row.value), True)):
        halls = tuple(replace(hall, month=hall.month + months) for hall in calendar.halls)
        late = replace(model, calendar=replace(calendar, halls=halls, planned=calendar.paid_by)).base()
        assert bool(late.missed[0] >= 0) is breaks


def test_empty_chips_save_their_energy_and_keep_prepayments() -> None:
    """Lower use of chips costs less than the same fall of their price: energy is saved."""
    rows = found(*CLOUD)
    price, use = rows["DSCR of 1.00×", "price, $/chip-hour"], rows["DSCR of 1.00×", "utilisation"]
    assert price.value is not None
    assert use.value is not None
    assert use.value / use.base < price.value / price.base < 1.0
    assert rows["covenant", "utilisation"].value > use.value  # type: ignore[operator]


def test_a_mine_breaks_at_a_price_of_bitcoin_and_of_hash() -> None:
    """Where the network follows, part of a fall is taken off the miner: bitcoin may fall further than hash."""
    coin, hashed = (found(*MINE)["missed payment", lever] for lever in ("bitcoin, followed, $", "hash price, $/PH/day"))
    assert coin.value is not None
    assert hashed.value is not None
    assert 0 < coin.value / coin.base < hashed.value / hashed.base < 1


def test_the_hash_price_that_breaks_a_mine_is_that_of_a_cheaper_coin_today() -> None:
    """A scenario that starts with that price, its network as it is, flips at the same share."""
    row = found(*MINE)["missed payment", "hash price, $/PH/day"]
    assert row.value is not None
    for share, breaks in ((row.value / row.base - 1e-3, True), (row.value / row.base + 1e-3, False)):
        links = linked(*MINE)
        model = links.model.committed(links.base)
        mining = model.find(MiningMoney)
        assert mining is not None
        cheaper = replace(mining, state=replace(mining.state, btc_price_usd=mining.state.btc_price_usd * share))
        own = tuple(cheaper if one is mining else one for one in model.businesses)
        assert bool(replace(model, businesses=own).base().missed[0] >= 0) is breaks


def test_the_verdict_says_what_breaks_first_at_which_price_when_and_what_is_lost() -> None:
    first, missed, *rest = paper(*LEASE).verdict
    row = found(*LEASE)["lock-up", "rent, $/kW-month"]
    assert first.startswith("First to break as prices fall: the lock-up (DSCR 1.15×), at $")
    assert f"${row.value:,.2f} a kW-month" in first
    assert f"{row.month}" in first
    assert missed.startswith("A payment is missed at $")
    assert any("Probability of a missed payment" in line and "95 % of sampling" in line for line in rest)
    assert any("bp of the debt" in line or "no loss is seen" in line for line in rest)


def test_what_is_broken_already_is_said_with_what_mends_it() -> None:
    case = ("childress-trn3.toml",)
    lines = paper(*case).verdict
    assert lines[0].startswith("Broken in the base case: ")
    assert " on (up " in lines[1]
    row = found(*case)["missed payment", "price, $/chip-hour"]
    assert row.broken
    assert row.value is not None
    assert row.value > row.base


def test_a_broken_test_is_dated_in_the_base_case_whatever_the_input() -> None:
    """A rent that nearly mends it breaks it later: the month is that of the base case, in the verdict too."""
    case = (*LEASE[:-2], "debt.principal_usd=1.3e9", "debt.lockup_dscr=1.3")
    first = credit_measures(linked(*case).base).lockup
    rows = [row for (test, _), row in found(*case).items() if test == "lock-up"]
    assert first is not None
    assert all(row.broken for row in rows)
    assert {row.month for row in rows} == {first}
    assert f"the lock-up (DSCR 1.30×) in {first}" in paper(*case).verdict[0]


def test_a_tranche_that_is_not_paid_when_due_is_said() -> None:
    junior = '[{name="mezzanine", kind="mezzanine", share_of_equity_frac=0.4, rate=0.11, pik_rate=0.02, payments=12}]'
    found = paper(*LEASE, f"debt.junior={junior}")
    loan, mezzanine = found.tranches
    assert loan.late_usd == 0.0
    assert loan.repaid == loan.last_payment
    assert mezzanine.late_usd > 0.9 * mezzanine.drawn_usd
    assert mezzanine.repaid is None or mezzanine.repaid > mezzanine.last_payment
    rows = {row[0]: row[1:] for row in credit_tables(found)["tranches"].rows}
    assert rows["repaid in"][0] == loan.last_payment
    assert "repaid in" not in [row[0] for row in credit_tables(paper(*LEASE))["tranches"].rows]


def test_a_use_without_debt_has_no_paper() -> None:
    links = linked("childress-bitcoin.toml")
    risk = simulate(links.model, links.terms, months=links.model.calendar.spine.months, paths=16, seed=1, grid_mw=1.0)
    assert risk.credit is None
    assert credit_paper(links, risk) is None


def test_a_letter_of_credit_that_is_drawn_is_said_and_owes_by_itself() -> None:
    credit = ("debt.reserve_months=6", 'debt.reserve_held_as="letter-of-credit"', "debt.payment_every_months=3",
              "debt.payments=15", "debt.principal_usd=6.9e8", "risk.paths=64")  # fmt: skip
    found = paper(LEASE[0], "timeline.operating_months=60", "lease.term_months=60", *credit)
    drawn = next(one for one in found.tranches if one.name == "letter of credit")
    loan = found.tranches[0]
    assert drawn.drawn_usd > 0.0
    assert drawn.late_usd > 0.0
    assert loan.late_usd == 0.0
    assert any(line.startswith("The letter of credit is drawn in the base case: first in 20") for line in found.verdict)
