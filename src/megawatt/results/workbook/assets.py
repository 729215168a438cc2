"""Depreciation by formula: tax tables with bonus or straight line by month, and straight line for the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from megawatt.finance import TaxTerms
from megawatt.finance.depreciation import table_of
from megawatt.results.workbook.sheet import Book, Line, Scalar

__all__ = ["add_asset_inputs", "add_depreciation", "tax_table_of"]


def tax_table_of(tax: TaxTerms | None, name: str) -> tuple[float, ...] | None:
    """Shares by tax year of a class with a table or a bonus; None where it is written off evenly by month."""
    if tax is None:
        return None
    if name in tax.tables:
        return table_of(tax.tables[name])
    if tax.bonus_frac.get(name, 0.0) > 0.0:
        return table_of(f"sl-{max(round(tax.life_years[name]), 1)}")
    return None


def add_asset_inputs(book: Book, tax: TaxTerms | None, classes: Sequence[str], book_life: Mapping[str, float]) -> None:
    """Lives, tables and bonus of each class, and the numbers of the tax years beside them."""
    longest = 0
    for name in classes:
        table = tax_table_of(tax, name)
        life = tax.life_years.get(name, 0.0) if tax else 0.0
        book.add("Inputs", f"Depreciation: {name}", Scalar(f"book_life_{name}", "life in the books, straight line",
                                                           book_life[name], "years"))  # fmt: skip
        if table is None:
            book.add("Inputs", Scalar(f"tax_life_{name}", "tax life, straight line by month", life, "years"))
            continue
        longest = max(longest, len(table))
        source = f"class {tax.tables[name]}; Rev. Proc. 87-57" if tax and name in tax.tables else "half-year convention"
        book.add(
            "Inputs",
            Scalar(
                f"bonus_{name}", "bonus, deducted in the first tax year", tax.bonus_frac.get(name, 0.0) if tax else 0
            ),
            *(
                Scalar(f"table_{name}_{k}", f"share of tax year {k + 1}", share, "", source)
                for k, share in enumerate(table)
            ),
        )
    if longest:
        book.add(
            "Inputs",
            "Tax years after the one of placing in service",
            *(Scalar(f"after_{k}", f"tax year {k + 1}", float(k)) for k in range(longest)),
        )


def add_depreciation(book: Book, tax: TaxTerms | None, classes: Sequence[str]) -> None:
    """Written off for tax and in the books, by class, and what is left of the cost.

    Spending is placed in service in the month after it, not before operation. A class with a table goes by calendar
    years, each year's amount in equal parts over its months in service.
    """
    for name in classes:
        table = tax_table_of(tax, name)
        even = _even(name, f"tax_life_{name}") if tax else "=0"
        formula = even if table is None else _by_table(name, len(table))
        book.add("Depreciation", Line(f"written_{name}", f"tax depreciation: {name}", formula, total=True))
    book.add("Depreciation", Line("written", "tax depreciation", _sum("written", classes), total=True), "In the books")
    for name in classes:
        row = Line(f"book_{name}", f"depreciation: {name}", _even(name, f"book_life_{name}"), total=True)
        book.add("Depreciation", row)
    book.add(
        "Depreciation",
        Line("book_written", "depreciation", _sum("book", classes), total=True),
        "Property, plant and equipment",
        Line("ppe_opening", "opening", "=[ppe<]"),
        Line("ppe_added", "capital spending", "=[capex_total]", total=True),
        Line("ppe_written", "depreciation", "=-[book_written]", total=True),
        Line("ppe_sold", "sold", "=-[is_last]*([ppe_opening]+[ppe_added]+[ppe_written])", total=True),
        Line("ppe", "closing", "=[ppe_opening]+[ppe_added]+[ppe_written]+[ppe_sold]"),
        Line("tax_basis", "tax basis at the month's end, before the sale", "=[tax_basis<]+[capex_total]-[written]"),
    )


def _sum(prefix: str, classes: Sequence[str]) -> str:
    return "=" + ("+".join(f"[{prefix}_{name}]" for name in classes) or "0")


def _even(name: str, life: str) -> str:
    """Equal parts by month over a life in years."""
    months = f"MAX(ROUND(12*{{{life}}},0),1)"
    return f"=SUMPRODUCT([capex_{name}:]*([placed:]<=[idx])*([placed:]+{months}>[idx]))/{months}"


def _by_table(name: str, years: int) -> str:
    """First tax year by its months in service, bonus included; later ones by the table."""
    first = (
        f"({{bonus_{name}}}+(1-{{bonus_{name}}})*{{table_{name}_0}})*SUMPRODUCT([capex_{name}:]*([placed:]<=[idx])"
        "*([placed_year:]=[year])/(13-[placed_calendar:]))"
    )
    later = (
        f"(1-{{bonus_{name}}})/12*SUMPRODUCT([capex_{name}:]"
        f"*([placed_year:]=[year]-{{after_1..after_{years - 1}}})*{{table_{name}_1..table_{name}_{years - 1}}})"
    )
    return f"={first}+{later}"
