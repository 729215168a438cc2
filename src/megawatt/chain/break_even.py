"""Where a loan breaks: the price, the utilisation and the months of delay at which each test of it just fails.

Layout, dispatch, capital and loan are held; owners put in what construction took in the base case and the usual
contingency, as on the simulated paths. A test is what the cash engine says (`Events`), a yes or no, so roots are found
by dividing the bracket that holds the change, many cases at a time along the engine's axis of paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from operator import add as add_up
from operator import mul
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.businesses import AIMoney, MiningMoney
from megawatt.chain.capital import Calendar
from megawatt.chain.credit_records import BreakEven
from megawatt.chain.lease import LeaseMoney
from megawatt.chain.links import Links
from megawatt.chain.money import CashModel
from megawatt.chain.served import ServingMoney
from megawatt.finance import CashFlow, Hall, LenderTerms, OperatingFlows, live_share, project
from megawatt.finance.agreements import SOLD
from megawatt.risk import base_factors

__all__ = ["break_evens", "edges"]

_FIRST: Final = 64
"""Parts into which the whole range is divided first."""
_EACH: Final = 32
"""Parts of each bracket afterwards."""
_ROUNDS: Final = 3
"""Divisions of each bracket: the edge is known to 1e-6 of the range."""
_MOST_DELAY: Final = 24
"""Months of delay that are tried."""

_LEAST: Final = 1e-3
"""A price of nothing has no network: the least share of it that is tried."""

CasesAt = Callable[[FloatArray], CashFlow]
"""The base case with an input times each of these factors, a path each."""


@dataclass(frozen=True, slots=True)
class _Lever:
    name: str
    unit: str
    base: float
    most: float
    at: CasesAt


@dataclass(frozen=True, slots=True)
class _Edge:
    """Factor and month of the event there; None where there is none in the range."""

    factor: float | None
    month: int
    broken: bool


def _tests(cash: CashFlow) -> Mapping[str, float | None]:
    """Tests of a loan with their covers; those that are not set are left out."""
    lender = cash.terms.lender or LenderTerms()
    asked = {"lock-up": lender.lockup_dscr, "covenant": lender.covenant_dscr}
    found = {k: v for k, v in asked.items() if v is not None} | {"DSCR of 1.00×": 1.0, "missed payment": None}
    balloon = bool(cash.facilities) or (cash.terms.loan is not None and cash.terms.loan.left_for_last > 0.0)
    return found | ({"balloon unpaid": None} if balloon else {})


def _months(cash: CashFlow, tests: Mapping[str, float | None]) -> IntArray:
    """First month in which each test is broken, (paths, tests); -1 for never."""
    events = cash.events
    if events is None:
        raise ValueError("a cash flow of the engine has events")
    low = cash.dscr < 1.0
    found = {
        "lock-up": events.lockup,
        "covenant": events.breach,
        "DSCR of 1.00×": np.where(low.any(axis=1), low.argmax(axis=1), -1),
        "missed payment": cash.missed,
        "balloon unpaid": events.balloon_default,
    }
    return np.stack([found[name] for name in tests], axis=1).astype(np.int64)


def edges(months_at: Callable[[FloatArray], IntArray], most: float) -> list[_Edge]:
    """The edge of each test nearest the base case (factor 1): below it where the base case holds, above where not.

    Parameters
    ----------
    months_at : callable
        ``months_at(factors)``: first month in which each test is broken, (factors, tests); -1 for never.
    most : float
        End of the range, which starts at 0; 1 or more.
    """
    grid = np.linspace(0.0, most, _FIRST + 1)
    base = int(np.argmin(np.abs(grid - 1.0)))
    first = months_at(grid)
    held = [_bracket(grid, first[:, k], base) for k in range(first.shape[1])]
    for _ in range(_ROUNDS):
        inner = [np.linspace(b[0], b[1], _EACH + 1) for b in held if b is not None]
        if not inner:
            break
        found, place = months_at(np.concatenate(inner)), 0
        for k, bracket in enumerate(held):
            if bracket is not None:
                points = inner[place]
                seen = found[place * points.size : (place + 1) * points.size, k]
                held[k] = _bracket(points, seen, points.size - 1 if first[base, k] < 0 else 0)
                place += 1
    return [
        _Edge(None, int(first[base, k]), bool(first[base, k] >= 0))
        if b is None
        else _Edge(0.5 * (b[0] + b[1]), b[2], bool(first[base, k] >= 0))
        for k, b in enumerate(held)
    ]


def _bracket(points: FloatArray, months: IntArray, base: int) -> tuple[float, float, int] | None:
    """The two neighbours between which a test changes, nearest the base case, and the month on the broken side."""
    broken = months >= 0
    if broken[base]:
        whole = np.flatnonzero(~broken[base:])
        if not whole.size:
            return None
        j = base + int(whole[0])
        return float(points[j - 1]), float(points[j]), int(months[j - 1])
    below = np.flatnonzero(broken[: base + 1])
    if not below.size:
        return None
    j = int(below[-1])
    return float(points[j]), float(points[j + 1]), int(months[j])


def _scaled(flows: OperatingFlows, factors: FloatArray, empty: Mapping[str, FloatArray] | None) -> OperatingFlows:
    """Sales times each factor, prepayments as they were paid; with ``empty`` costs move from those of empty halls."""
    by = factors[:, None]
    revenue = {k: v[:1] * by if k in SOLD else v[:1] for k, v in flows.revenue.items()}
    cost = {
        k: empty[k] + (v[:1] - empty[k]) * by if empty is not None and k in empty else v[:1]
        for k, v in flows.opex_cost.items()
    }
    return OperatingFlows(revenue, cost, flows.prepayment[:1], flows.prepayment_credit[:1])


def _levers(model: CashModel, base: CashFlow) -> list[_Lever]:
    """Price and utilisation of what the site sells."""
    terms = replace(base.terms, committed_equity_usd=model.committed_equity_usd)

    def cases(empty: Mapping[str, FloatArray] | None) -> CasesAt:
        return lambda factors: project(terms, _scaled(base.flows, factors, empty), grid_mw=model.grid_mw)

    chips, lease, miners = model.find(AIMoney), model.find(LeaseMoney), model.find(MiningMoney)
    serving = model.find(ServingMoney)
    found: list[_Lever] = []
    if chips is not None:
        price, paid = chips.price_usd_per_chip_hour, max(chips.take_or_pay_frac, min(chips.tenant_use_frac, 1.0))
        bill = model.ground.ai_energy_usd(base_factors(model.terms, model.ground.months))
        idle = bill * chips.idle_frac * live_share(model.calendar.halls, model.ground.months)
        hours = chips.availability_frac * paid
        found.append(_Lever("price, $/chip-hour", "USD/h", price, 2.0, cases(None)))
        found.append(_Lever("utilisation", "", hours, 1.0, cases({"energy_ai": idle})))
    elif serving is not None:
        factors = base_factors(model.terms, model.ground.months)

        def asked(by: FloatArray) -> CashFlow:
            return model(replace(factors, demand=factors.demand * by[:, None]))

        paid = serving.fleet.usd_per_million_tokens
        found.append(_Lever("tokens, $/million", "USD/million", paid, 2.0, cases(None)))
        found.append(_Lever("demand of the busiest hour", "", serving.fleet.demand.at_start_frac, 2.0, asked))
    elif lease is not None:
        nothing = {"energy_ai": np.zeros((1, model.ground.months))}
        found.append(_Lever("rent, $/kW-month", "USD/kW/month", lease.rent_usd_per_kw_month, 2.0, cases(None)))
        found.append(_Lever("occupancy", "", 1.0, 1.0, cases(nothing)))
    elif miners is not None:
        factors = base_factors(model.terms, model.ground.months)
        earned = miners.economics(model.ground, factors)
        coin, hashed = float(earned.btc_price_usd[0, 0]), float(earned.hashprice_usd_per_ph_day[0, 0])
        off = {"energy_mining": np.zeros((1, model.ground.months))}

        def priced(by: FloatArray) -> CashFlow:
            return model(replace(factors, btc=factors.btc * np.maximum(by, _LEAST)[:, None]))

        def unfollowed(by: FloatArray) -> CashFlow:
            scaled = replace(miners, price_scale=np.maximum(by, _LEAST)[:, None])
            own = tuple(scaled if one is miners else one for one in model.businesses)
            return replace(model, businesses=own)(replace(factors, btc=np.repeat(factors.btc, by.size, axis=0)))

        found.append(_Lever("hash price, $/PH/day", "USD/PH/day", hashed, 2.0, unfollowed))
        found.append(_Lever("bitcoin, followed, $", "USD", coin, 2.0, priced))
        found.append(_Lever("uptime", "", miners.fleet.uptime_frac, 1.0, cases(off)))
    return found


def _late(model: CashModel, months: int) -> CashFlow:
    """The base case with every block late; spending, the lender's dates and the end of the project stay."""
    calendar = model.calendar
    halls = tuple(Hall(min(h.month + months, calendar.spine.months - 1), h.share) for h in calendar.halls)
    return replace(model, calendar=Calendar(calendar.spine, halls, calendar.paid_by)).base()


def _delays(model: CashModel, base: CashFlow, tests: Mapping[str, float | None]) -> list[_Edge]:
    """Fewest months of delay that break each test."""
    most = min(_MOST_DELAY, model.calendar.spine.months - 1 - model.calendar.last_live)

    @cache
    def months(late: int) -> IntArray:
        return np.asarray(_months(_late(model, late) if late else base, tests)[0], dtype=np.int64)

    found = []
    for k in range(len(tests)):
        if months(0)[k] >= 0:
            found.append(_Edge(None, int(months(0)[k]), broken=True))
            continue
        if most < 1 or months(most)[k] < 0:
            found.append(_Edge(None, -1, broken=False))
            continue
        held, broken = 0, most
        while broken - held > 1:
            middle = (held + broken) // 2
            held, broken = (held, middle) if months(middle)[k] >= 0 else (middle, broken)
        found.append(_Edge(float(broken), int(months(broken)[k]), broken=False))
    return found


def _monthly(at: CasesAt, tests: Mapping[str, float | None]) -> Callable[[FloatArray], IntArray]:
    return lambda factors: _months(at(factors), tests)


def break_evens(links: Links) -> tuple[BreakEven, ...]:
    """Every test of the loan against every lever, base case; tests in the order in which lenders meet them.

    Price: of all that is sold, under contract and at market, prepayments as they were paid. Utilisation: the share of
    hours or halls that is paid for; energy of what stands empty is saved as far as it is. Delay: of every block. Miners
    have two prices: of hash, while the network's hash rate stays, and of bitcoin, which that hash rate follows.
    """
    base = links.base
    model, tests, spine = links.model.committed(base), _tests(base), links.model.calendar.spine
    rows: dict[str, list[BreakEven]] = {name: [] for name in tests}
    fails = _months(base, tests)[0]

    def add(lever: str, unit: str, start: float, at: Callable[[float], float], found: list[_Edge]) -> None:
        for (name, level), edge, failed in zip(tests.items(), found, fails, strict=True):
            value = None if edge.factor is None else at(edge.factor)
            seen = int(failed) if edge.broken else edge.month
            month = spine.label(seen) if seen >= 0 else None
            rows[name].append(BreakEven(name, level, lever, unit, start, value, month, edge.broken))

    for lever in _levers(model, base):
        add(lever.name, lever.unit, lever.base, partial(mul, lever.base), edges(_monthly(lever.at, tests), lever.most))
    late = float(links.scenario.timeline.delay_months)
    add("delay, months", "months", late, partial(add_up, late), _delays(model, base, tests))
    return tuple(row for name in tests for row in rows[name])
