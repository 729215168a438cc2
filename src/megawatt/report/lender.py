"""Tables for a lender: covers and events, unit costs and break-even prices, plans of a conversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from megawatt.chain.records import ConversionResult, UnitCost, UseResult
from megawatt.finance.credit import CreditMeasures, credit_measures
from megawatt.report.figure import Table
from megawatt.report.format import DASH, factor, money, percent, plain

__all__ = [
    "conversion_note",
    "conversion_table",
    "flip_words",
    "lender_table",
    "partners_table",
    "unit_cost_table",
]


def _share(value: float | None) -> str:
    return DASH if value is None else percent(value, 3)


def _times(value: float | None) -> str:
    return DASH if value is None else factor(value)


def _dollars(value: float | None) -> str:
    return DASH if value is None else money(value)


def _month(value: str | None) -> str:
    return "never" if value is None else value


_ROWS: Final[tuple[tuple[str, Callable[[CreditMeasures], str]], ...]] = (
    ("debt at the first payment", lambda c: _dollars(c.debt_usd)),
    ("uses: spending, fees and interest before it", lambda c: _dollars(c.uses_usd)),
    ("gearing: that debt over the uses", lambda c: _share(c.gearing_frac)),
    ("owners' money over the uses", lambda c: _share(c.equity_frac)),
    ("DSCR, lowest trailing year", lambda c: _times(c.min_dscr)),
    ("DSCR, average of the months", lambda c: _times(c.average_dscr)),
    ("DSCR, lowest forward year", lambda c: _times(c.min_forward_dscr)),
    ("LLCR at the first payment", lambda c: _times(c.llcr)),
    ("PLCR at the first payment", lambda c: _times(c.plcr)),
    ("ICR, lowest trailing year", lambda c: _times(c.min_interest_cover)),
    ("balloon at the last payment", lambda c: _dollars(c.balloon_usd or None)),
    ("worth of what comes after it, over the balloon", lambda c: _times(c.refinancing_cover)),
    ("lock-up from", lambda c: _event(c, c.lockup)),
    ("covenant breached in", lambda c: _event(c, c.breach)),
    ("payment missed in", lambda c: _event(c, c.payment_default)),
    ("balloon not repaid in", lambda c: _event(c, c.balloon_default)),
    ("debt above what it is worth in", lambda c: _event(c, c.insolvency)),
    ("payback of the project", lambda c: _month(c.payback)),
    ("equity IRR, every root", lambda c: ", ".join(_share(r) for r in c.equity_roots) or "none"),
)


def _event(measures: CreditMeasures, month: str | None) -> str:
    return DASH if measures.debt_usd is None else _month(month)


def lender_table(uses: Sequence[UseResult]) -> Table:
    """Covers, gearing, the five events and the owners' roots, base case."""
    found = [credit_measures(use.cash) for use in uses]
    rows = tuple((label, *(cell(measures) for measures in found)) for label, cell in _ROWS)
    return Table(("Base case", *(use.title for use in uses)), rows)


def partners_table(uses: Sequence[UseResult]) -> Table | None:
    """What each partner puts in, gets, is taxed on and earns, base case; None where no use has partners."""
    rows = []
    for use in uses:
        if use.venture is None:
            continue
        named = f"{use.title}: " if len(uses) > 1 else ""
        rows += [
            (
                f"{named}{one.name}", money(one.equity_usd), money(one.received_usd),
                money(one.tax_usd) if use.venture.taxed == "partners" else "the project's", money(one.npv_usd),
                _share(one.irr),
            )
            for one in use.venture.partners
        ]  # fmt: skip
    heads = ("Partner", "Puts in", "Receives", "Tax (below 0: saved)", "NPV after tax", "IRR after tax")
    return Table(heads, tuple(rows)) if rows else None


def flip_words(use: UseResult) -> str:
    """A sentence on a use's partnership; empty where it has none."""
    found = use.venture
    if found is None:
        return ""
    investor, sponsor = found.partners
    shares = f"{investor.name} has {_share(found.terms.cash_frac)} of the cash"
    shares += f" and {_share(found.terms.tax_frac)} of the tax" if found.taxed == "partners" else ""
    own = "; the project pays no tax, and its covers are before tax" if found.taxed == "partners" else ""
    if found.terms.cash_after_frac is None:
        return f"{shares}, {sponsor.name} the rest{own}."
    when = f"shares change in {found.flip}" if found.flip else "shares do not change before the project's end"
    return f"{shares} until the flip; in the base case {when}{own}."


def unit_cost_table(uses: Sequence[UseResult]) -> Table | None:
    """Levelised costs and break-even prices of each use; None where no use has any."""
    first: dict[str, UnitCost] = {}
    for use in uses:
        for cost in use.unit_costs:
            first.setdefault(cost.name, cost)
    if not first:
        return None
    rows = []
    for name, meant in first.items():
        costs = [next((c for c in use.unit_costs if c.name == name), None) for use in uses]
        unit = meant.unit.removeprefix("USD/") if meant.unit.startswith("USD/") else ""
        label = f"{meant.means} [{meant.unit}]" if unit else meant.means
        rows.append((label, *(DASH if c is None else _cost(c) for c in costs)))
    return Table(("Unit", *(use.title for use in uses)), tuple(rows))


def _cost(cost: UnitCost) -> str:
    if not cost.unit:
        return percent(cost.value, 3)
    return f"${plain(cost.value)}" if abs(cost.value) < 1000.0 else money(cost.value)


def conversion_table(result: ConversionResult) -> Table:
    """Never, each date, some now and the option: the site, a hall, a grid megawatt and year."""

    def row(plan: str, value: float, error: float | None, share: str) -> tuple[str, ...]:
        yearly = result.per_grid_mw_year_usd(value)
        return (
            plan,
            money(value),
            DASH if error is None else money(error),
            money(result.per_hall_usd(value)),
            money(yearly),
            share,
        )

    rows = [row("never: mine to the end", result.never_usd, result.never_error_usd, percent(result.never_frac, 3))]
    rows += [
        row(f"all halls in {d.month}", d.value_usd, d.error_usd, percent(d.converts_frac, 3)) for d in result.dates
    ]
    rows += [
        row(f"{number} of {result.halls} halls in {result.dates[0].month}, option on the rest", value, None, DASH)
        for number, value in enumerate(result.partly_usd[1:-1], start=1)
    ]
    rows.append(row("option on all halls", result.option_usd, result.option_error_usd, DASH))
    columns = ("Plan", "Site", "Standard error", "Per hall", "Per grid MW and year", "Option converts")
    return Table(columns, tuple(rows))


def conversion_note(result: ConversionResult) -> str:
    """What the table rests on."""
    return (
        f"From “{result.mining}” to “{result.ai}”, {result.halls} halls, {result.months} months, "
        f"{result.paths:,} paths, {percent(result.discount_rate, 3)} a year. A decision sees the month before it. The "
        "option is a lower bound: its rule is learned on half of the paths and measured on the others; its error is "
        f"that of the gain over never. Waiting is worth {money(result.waiting_usd)} over the best plan fixed today. "
        f"{_rests_on(result)}"
    )


def _rests_on(result: ConversionResult) -> str:
    """The section's own numbers: value, kind and note of each."""
    rows = [
        f"{a.name.partition('.')[2].replace('_', ' ')} {plain(float(a.fact.value))} "
        f"({a.fact.kind}; {a.fact.note or a.fact.source})"
        for a in result.assumptions
    ]
    return "It rests on: " + "; ".join(rows) + "." if rows else ""
