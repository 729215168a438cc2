"""Cover and annual summary of the cash flow workbook, with charts of cash and debt."""

from __future__ import annotations

from typing import Final

from megawatt.finance import CashFlow
from megawatt.finance.committee import periods_of_year
from megawatt.results.workbook.sheet import Book, Chart, Line, Scalar, Text

__all__ = ["add_annual", "add_cover", "years_of"]

_OF_YEAR: Final = "([year:]=[a_year])"
_AT_END: Final = "([year:]=[a_year])*(([calendar:]=12)+[is_last:]*([calendar:]<>12))"
"""The last month of a year, or of the project."""

_SHEETS: Final = {
    "Cover": "what this is, figures, checks, contents",
    "Annual": "every calendar year: cash, debt, cover; charts",
    "Inputs": "all terms of the case with their source; scenarios and the switch",
    "Series": "monthly inputs: what comes by the hour, and the run's results for the checks",
    "Timing": "months, dates, flags, the scenario in use",
    "Contract": "shares under contract and at market, prepayments",
    "Revenue": "revenue by part",
    "Opex": "operating cost by part",
    "Capex": "capital spending by class",
    "Sale": "what is sold in the last month",
    "Debt": "the loan when it is paid on time, reserves",
    "Depreciation": "for tax and in the books",
    "Tax": "income and tax, with and without the loan",
    "Cashflow": "the waterfall",
    "Behind": "tranches behind the loan, owners, partners",
    "Covenants": "cover at test dates, lock-up, breach",
    "Income": "income statement",
    "Balance": "balance sheet",
    "Ratios": "returns and cover",
    "Checks": "identities, and agreement with the run",
    "Assumptions": "every number that the case rests on",
}


def years_of(cash: CashFlow) -> int:
    """Calendar years that a cash flow touches."""
    return int(periods_of_year(cash)[0].size)


def add_annual(book: Book, *, loan: bool) -> None:
    """Sums of each calendar year, balances at its end, cover of the year's months with service; charts."""

    def flow(name: str, label: str, of: str) -> Line:
        return Line(name, label, f"=SUMPRODUCT({_OF_YEAR}*{of})", total=True, yearly=True)

    def end(name: str, label: str, of: str) -> Line:
        return Line(name, label, f"=SUMPRODUCT({_AT_END}*{of})", yearly=True)

    book.add(
        "Annual",
        Line("a_year", "calendar year", "={start_year}+COLUMN()-5", "year", yearly=True),
        "Cash available for debt service",
        flow("a_revenue", "revenue", "[revenue_total:]"),
        flow("a_opex", "operating cost", "(-[opex_total:])"),
        flow("a_other", "prepayments less credits, working capital", "([in_prepayment:]-[in_credit:]+[c_working:])"),
        flow("a_tax", "tax paid", "(-[tax_operation:])"),
        flow("a_cfads", "CFADS", "[cfads:]"),
        "Spending and finance",
        flow("a_capex", "capital spending and fees", "(-[capex_total:]-[fees_paid:])"),
        flow("a_sale", "sale, after tax", "[c_sale:]"),
        flow("a_draw", "loan draws, facilities drawn less repaid", "([in_draw:]+[lines_net:])"),
        flow("a_interest", "interest paid", "(-[interest_paid:])"),
        flow("a_principal", "principal paid", "(-[principal_served:]-[prepaid_now:])"),
        flow("a_equity", "equity in", "[equity_in:]"),
        flow("a_paid_out", "distributions", "(-[distribution:])"),
        Line("a_change", "change of cash", "=[a_cfads]+[a_capex]+[a_sale]+[a_draw]+[a_interest]+[a_principal]"
             "+[a_equity]+[a_paid_out]", total=True, yearly=True),
        "Balances and cover",
        end("a_cash", "cash at the year's end", "[closing_cash:]"),
        end("a_debt", "debt at the year's end", "[debt:]"),
    )  # fmt: skip
    book.charts.append(
        Chart("Annual", "Cash and debt service, $m", ("a_cfads", "a_interest", "a_principal"), ("a_debt",))
    )
    if not loan:
        return
    served = f"{_OF_YEAR}*([tested:]>0.000001)"
    book.add(
        "Annual",
        Line("a_dscr", "DSCR of the year's months with service",
             f'=IF(SUMPRODUCT({served}*[tested:])>0.000001,SUMPRODUCT({served}*[cover_cash:])'
             f'/SUMPRODUCT({served}*[tested:]),"")', "", yearly=True),
    )  # fmt: skip
    book.charts.append(Chart("Annual", "DSCR by year", (), ("a_dscr",), millions=False))


def add_cover(book: Book, cash: CashFlow) -> None:
    """What the workbook is, its figures and checks, and a link to every sheet."""
    named = {item.name: item for items in book.sheets.values() for item in items if isinstance(item, Scalar)}
    figures = ("npv", "project_irr", "equity_irr", "value_per_mw", "at_start", "min_dscr", "average_dscr", "llcr")
    shown = [
        Scalar(f"cover_{name}", named[name].label, f"={{{name}}}", named[name].unit)
        for name in figures
        if name in named and (cash.terms.loan is not None or name != "at_start")
    ]
    checks = [Scalar(f"cover_{n}", named[n].label, f"={{{n}}}") for n in ("identities", "agrees", "master")]
    book.add(
        "Cover",
        Text("The base case's cash flow, month by month, in live formulas: one formula across a row."),
        Text("Blue numbers are inputs, black ones formulas. Nominal USD; rows marked $m hold USD and show millions."),
        Text("What if: set the scenario on sheet Inputs (1 is the base case), or change any blue number."),
        Text("Money in is positive; each column is a month, its last day at the top."),
        "Scenario in use (1: the base case)",
        Scalar("cover_scenario", "scenario", "={scenario}", "tests"),
        "Checks",
        *checks,
        "Figures of the scenario in use",
        *shown,
        "Contents",
        *(Text(sheet, _SHEETS.get(sheet, ""), sheet) for sheet in book.sheets if sheet != "Cover"),
    )
