"""The page of a credit committee: two sheets of A4 on one use's loan, and the tables that the terminal shows too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from megawatt.chain.credit_records import BreakEven, CreditPaper, Tranche
from megawatt.chain.records import Comparison, UseResult
from megawatt.finance.committee import Amount, CreditYear
from megawatt.report.figure import Table, wording
from megawatt.report.format import DASH, chance, factor, fixed, percent
from megawatt.report.frame import fill
from megawatt.report.lender import flip_words, partners_table
from megawatt.risk import Chance

__all__ = ["credit_tables", "render_credit"]

_MILLION = 1e6
"""USD of a million."""
_WIDE = 1e9
"""From this size on millions are shown without decimals."""


def _largest(paper: CreditPaper) -> float:
    rows = [(y.revenue_usd, y.cfads_usd, y.balance_usd) for y in paper.years]
    return max((abs(v) for row in rows for v in row), default=0.0)


def _millions(usd: float, decimals: int) -> str:
    return fixed(usd / _MILLION, "", decimals)


def _decimals(paper: CreditPaper) -> int:
    return 0 if _largest(paper) >= _WIDE else 1


def _times(value: float | None) -> str:
    return DASH if value is None else factor(value)


def _share(value: float | None) -> str:
    return DASH if value is None else percent(value, 3)


def _annual(paper: CreditPaper) -> Table:
    """Each calendar year from revenue to balance."""
    places = _decimals(paper)
    columns = ("$m", "Revenue", "Opex", "Other", "Tax", "CFADS", "Interest", "Principal", "DSCR", "Debt")
    rows = []
    for y in _active(paper):
        spent = (y.revenue_usd, -y.opex_usd, y.other_usd, -y.tax_usd, y.cfads_usd, -y.interest_usd, -y.principal_usd)
        money = [_millions(v, places) for v in spent]
        rows.append((str(y.year), *money, _times(y.dscr), _millions(y.balance_usd, places)))
    return Table(columns, tuple(rows))


def _active(paper: CreditPaper) -> list[CreditYear]:
    """Years in which anything is earned, spent or owed."""
    return [y for y in paper.years if any((y.revenue_usd, y.opex_usd, y.other_usd, y.interest_usd, y.balance_usd))]


def _amounts(title: str, rows: Sequence[Amount], places: int) -> Table:
    total = sum(row.usd for row in rows)
    listed = [(wording(row.name), _millions(row.usd, places), percent(row.usd / total, 3)) for row in rows]
    return Table((title, "$m", "Share"), (*listed, ("total", _millions(total, places), percent(1.0, 3))))


def _debt(paper: CreditPaper) -> Table:
    """Debt, loan to value and cover by year, with the percentiles of the paths."""
    places, risk = _decimals(paper), paper.risk
    at = {year: k for k, year in enumerate(risk.years)}
    columns = ("Year", "Debt $m", "LTV", "DSCR", "Least", "p5", "p25", "p50", "p75", "p95", "<1.00×")
    rows = []
    for y in _active(paper):
        place = at.get(y.year)
        spread = [DASH] * 5 if place is None else [factor(float(v)) for v in risk.dscr[:, place]]
        below = DASH if place is None else chance(float(risk.below_one[place]))
        owed = _millions(y.balance_usd, places)
        rows.append((str(y.year), owed, _share(y.ltv_frac), _times(y.dscr), _times(y.lowest_dscr), *spread, below))
    return Table(columns, tuple(rows))


def _tranches(paper: CreditPaper) -> Table:
    """Terms of each tranche."""
    places = _decimals(paper)
    terms: tuple[tuple[str, Callable[[Tranche], str]], ...] = (
        ("drawn, $m", lambda t: _millions(t.drawn_usd, places)),
        ("rate", lambda t: percent(t.rate, 3)),
        ("repayment", lambda t: wording(t.shape)),
        ("first payment", lambda t: t.first_payment),
        ("last payment", lambda t: t.last_payment),
    )
    if any(t.late_usd > 0.0 for t in paper.tranches):
        terms += (
            ("due then and unpaid, $m", lambda t: _millions(t.late_usd, places)),
            ("repaid in", lambda t: DASH if t.drawn_usd == 0.0 else t.repaid or "never"),
        )
    rows = [(name, *(cell(t) for t in paper.tranches)) for name, cell in terms]
    return Table(("Debt by tranche", *(t.name for t in paper.tranches)), tuple(rows))


def _balances(paper: CreditPaper) -> Table | None:
    """What is owed to each tranche at each year's end; None where one is all."""
    if len(paper.tranches) < 2:
        return None
    places, active = _decimals(paper), {y.year for y in _active(paper)}
    rows = [
        (str(y.year), *(_millions(t.balance_usd[k], places) for t in paper.tranches))
        for k, y in enumerate(paper.years)
        if y.year in active
    ]
    return Table(("Owed, $m", *(t.name for t in paper.tranches)), tuple(rows))


def _behind(paper: CreditPaper) -> Table:
    """What the simulated paths say of facilities and of tranches behind the loan."""
    rows = [
        (
            one.name,
            chance(one.late.probability),
            chance(one.unpaid.probability),
            DASH if one.loss_given_frac is None else percent(one.loss_given_frac, 3),
            f"${fixed(one.expected_loss_usd / _MILLION, '', 2)}m",
        )
        for one in paper.risk.tranches
    ]
    return Table(
        ("Beside and behind", "Drawn or late", "Unpaid at its end", "Lost of that", "Expected loss"), tuple(rows)
    )


def _chance_of(found: Chance) -> tuple[str, str]:
    return chance(found.probability), f"{chance(found.low)} to {chance(found.high)}"


def _tests(paper: CreditPaper) -> Table:
    """Levels, headroom and probability of each event."""
    risk = paper.risk
    rows = []
    for row, found in zip(paper.covenants, (risk.lockup, risk.breach), strict=True):
        lowest = DASH if row.lowest is None else f"{factor(row.lowest)} {row.month}"
        if row.level is None:
            rows.append((row.name, "none set", lowest, DASH, DASH, DASH))
            continue
        head = DASH if row.headroom is None else f"{factor(row.headroom)} {_share(row.headroom_frac)}"
        rows.append((row.name, factor(row.level), lowest, head, *_chance_of(found)))
    rows.append(("payment missed", DASH, DASH, DASH, *_chance_of(risk.payment_default)))
    if paper.maturity is not None or risk.balloon_default.probability > 0.0:
        rows.append(("balloon unpaid", DASH, DASH, DASH, *_chance_of(risk.balloon_default)))
    rows.append(("insolvency", DASH, DASH, DASH, *_chance_of(risk.insolvency)))
    return Table(("Event", "Level", "Lowest", "Headroom", "Prob.", "95 % of sampling"), tuple(rows))


def _break_evens(paper: CreditPaper) -> Table:
    rows, last = [], ""
    for row in paper.break_evens:
        named = row.level is not None and row.test in ("lock-up", "covenant")
        test = f"{row.test} {factor(row.level)}" if named else row.test
        rows.append(("" if test == last else test, row.lever, _input(row, row.base), *_reached(row)))
        last = test
    return Table(("Test", "Input", "Base", "Breaks at", "Change", "In"), tuple(rows))


def _input(row: BreakEven, value: float) -> str:
    if row.unit == "months":
        return f"{value:.0f}"
    return percent(value, 3) if not row.unit else fixed(value, "", 2 if value < 1000.0 else 0)


def _reached(row: BreakEven) -> tuple[str, str, str]:
    """Where a test breaks, change and month; what mends it where it is broken in the base case."""
    month = row.month or DASH
    if row.value is None:
        return ("broken in base" if row.broken else "not in range"), DASH, month
    change = DASH if row.unit == "months" else percent(row.value / row.base - 1.0, 2)
    return (f"held from {_input(row, row.value)}" if row.broken else _input(row, row.value)), change, month


def _losses(paper: CreditPaper) -> Table:
    risk, debt = paper.risk, paper.debt_usd

    def million(value: float | None) -> str:
        return DASH if value is None else f"${_millions(value, 1)}m"

    rows: list[tuple[str, str]] = [
        ("owed at default, mean", million(risk.exposure_usd)),
        ("loss given default, share of that", _share(risk.loss_given_default_frac)),
        ("loss given default", million(risk.loss_usd)),
        ("expected loss, at the start", f"${fixed(risk.expected_loss_usd / _MILLION, '', 2)}m"),
        ("expected loss over the debt", f"{fixed(1e4 * risk.expected_loss_usd / debt, '', 1)} bp" if debt else DASH),
    ]
    if risk.tenant_default is not None:
        rows.append(("tenant fails, share of paths (an input)", chance(risk.tenant_default)))
        rows.append(("payment missed if it fails", DASH if risk.missed_with is None else chance(risk.missed_with)))
        rows.append(("payment missed if not", DASH if risk.missed_without is None else chance(risk.missed_without)))
    if risk.input_range is not None and risk.input_per_year is not None:
        low, high = risk.input_range
        known = f"{chance(risk.input_per_year)} ({chance(low)} to {chance(high)})"
        rows.append(("tenant's default a year, and its range", known))
    if risk.probability_at_range is not None:
        rows.append(("payment missed at the ends of it", " and ".join(chance(p) for p in risk.probability_at_range)))
    return Table(("Loss and what it rests on", ""), tuple(rows))


def _maturity(paper: CreditPaper) -> Table:
    due = paper.maturity
    if due is None:
        return Table(("At maturity", ""), (("left to refinance at the last payment", "nothing"),))
    rows = [
        ("due at once", f"${_millions(due.balloon_usd, 1)}m, {due.month}"),
        ("new loan in this case", f"${_millions(due.new_loan_usd, 1)}m" if due.agreed else "none agreed: due in cash"),
        (f"DSCR, repaid evenly over {due.months_left} months at {percent(due.rate, 3)}", _times(due.dscr)),
        ("LTV then", _share(due.ltv_frac)),
        ("debt yield: next year's cash over it", _share(due.debt_yield_frac)),
    ]
    return Table(("At maturity", ""), tuple(rows))


def credit_tables(paper: CreditPaper) -> dict[str, Table]:
    """Tables of a paper by name, ready text; money in millions of USD, what is paid below zero.

    ``balances`` is there for debt of several tranches alone, ``behind`` for facilities and tranches behind the loan.
    """
    places, balances = _decimals(paper), _balances(paper)
    return {
        "sources": _amounts("Sources to the first payment", paper.sources, places),
        "uses": _amounts("Uses", paper.uses, places),
        "tranches": _tranches(paper),
        **({} if balances is None else {"balances": balances}),
        **({"behind": _behind(paper)} if paper.risk.tranches else {}),
        "years": _annual(paper),
        "break_evens": _break_evens(paper),
        "tests": _tests(paper),
        "debt": _debt(paper),
        "losses": _losses(paper),
        "maturity": _maturity(paper),
    }


def render_credit(comparison: Comparison) -> dict[str, str]:
    """The committee's page of each use with debt, by file name: ``credit.html`` where there is one use."""
    return {name: _page(use, paper) for name, use, paper in _named(comparison)}


def _named(comparison: Comparison) -> Iterable[tuple[str, UseResult, CreditPaper]]:
    for use in comparison.uses:
        if use.credit is not None:
            yield "credit.html" if len(comparison.uses) == 1 else f"credit-{use.name}.html", use, use.credit


def _page(use: UseResult, paper: CreditPaper) -> str:
    tables, partners = credit_tables(paper), partners_table([use])
    if partners is not None:
        tables["partners"] = partners
    return fill("credit.html", (), use=use, paper=paper, tables=tables, size=_size(tables), flip=flip_words(use))


_ROWS = ((46, "plain"), (62, "small"), (88, "smallest"))
"""Rows of tables that a printed sheet holds at each size of type; more are set in the smallest."""


def _size(tables: Mapping[str, Table]) -> str:
    """Size of type at which each half of the page is one printed sheet."""

    def rows(*names: str) -> int:
        return max((len(tables[name].rows) for name in names if name in tables), default=0)

    first = rows("sources", "uses") + rows("tranches", "balances") + rows("years") + 3 * rows("partners")
    second = rows("break_evens") + rows("tests") + rows("debt") + rows("losses", "maturity") + rows("behind")
    return next((size for most, size in _ROWS if max(first, second) <= most), "tiny")
