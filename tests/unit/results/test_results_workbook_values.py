"""What is stored beside the formulas is what independent engines compute from them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from megawatt.results.workbook.book import write_cashflow
from megawatt.results.workbook.evaluate import Values
from megawatt.results.workbook.sheet import Book, Line, Scalar
from tests.spreadsheet import recalculated
from tests.unit.results.test_results_workbook import example


def _stored(path: Path) -> dict[tuple[str, str], Any]:
    """Every cell as a reader sees it that does not recalculate."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(path, data_only=True)
    cells = ((s.title.upper(), c) for s in book.worksheets for row in s.iter_rows() for c in row)
    return {(title, c.coordinate): _number(c.value) for title, c in cells}


def _number(value: Any) -> Any:
    """Dates as the numbers that they are."""
    if not isinstance(value, datetime.date):
        return value
    return pytest.importorskip("openpyxl").utils.datetime.to_excel(value)


@pytest.mark.parametrize("poor", [False, True])
def test_every_stored_value_is_what_another_engine_computes(tmp_path: Path, poor: bool) -> None:
    path = tmp_path / "cash.xlsx"
    write_cashflow(path, example(poor=poor), "an example")
    stored, computed = _stored(path), recalculated(path)
    compared = 0
    for place, found in computed.items():
        mine = stored.get(place)
        if isinstance(found, bool) or isinstance(mine, bool) or (isinstance(found, float | int) and mine is not None):
            assert float(mine) == pytest.approx(float(found), rel=1e-9, abs=1e-6), place
            compared += 1
        elif str(found).startswith("#"):
            assert str(mine).startswith("#"), place
    assert compared > 1000
    openpyxl = pytest.importorskip("openpyxl")
    formulas = openpyxl.load_workbook(path)
    for sheet in formulas.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value.startswith("="):
                    assert (sheet.title.upper(), cell.coordinate) in stored
    assert stored["CHECKS", _master(path)] is True


def _master(path: Path) -> str:
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(path)["Checks"]
    return next(f"C{row[0].row}" for row in sheet.iter_rows() if row[0].value == "every check holds")


def _values(scalars: dict[str, float | str], lines: dict[str, Any], months: int = 3) -> Values:
    return Values(months, scalars, lines, 4)


def test_rows_look_back_and_across() -> None:
    lines = {
        "flow": [1.0, 2.0, 3.0],
        "balance": "=[balance<]+[flow]",
        "share": "=[balance]/SUM([flow:])",
        "i": "=COLUMN()-5",
    }
    found = _values({"twice": "=2*[balance.last]", "a": 1.0, "b": 2.0, "both": "=SUM({a..b})"}, lines)
    assert found.line("balance") == [1.0, 3.0, 6.0]
    assert found.line("share") == pytest.approx([1 / 6, 0.5, 1.0])
    assert found.line("i") == [0.0, 1.0, 2.0]
    assert found.total("balance") == 10.0
    assert (found.scalar("twice"), found.scalar("both")) == (12.0, 3.0)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("=IF({zero}=0,1,1/{zero})", 1.0),
        ("=1/{zero}", "#DIV/0!"),
        ("=2+{broken}", "#DIV/0!"),
        ('=IF({zero}=0,"",1)', ""),
        ("=AND(1>0,{zero}=0)", True),
        ("=OR(1<0,2<>2)", False),
        ("=2^-1", 0.5),
        ("=ROUND(2.5,0)", 3.0),
        ("=ROUND(-2.5,0)", -3.0),
        ("=MOD(-1,12)", 11.0),
        ("=INT(-1.5)", -2.0),
        ("=DATE(2024,3,1)-DATE(2024,2,1)", 29.0),
        ("=DATE(2023,13,1)", 45292.0),
        ("=CHOOSE(2,1/{zero},7,1/{zero})", 7.0),
        ("=MIN([text:])", 0.0),
        ("=AVERAGE([text:])", "#DIV/0!"),
        ("=SUMPRODUCT([flow:]*([flow:]>1))", 5.0),
        ("=SUM([flow^])", 1.0),
        ("=MAX([flow:],10)", 10.0),
        ("=(1+IRR([loan:]))", 1.1),
        ("=IRR([flow:])", "#NUM!"),
    ],
)
def test_functions_as_spreadsheets_have_them(formula: str, value: float | str) -> None:
    lines = {"flow": [1.0, 2.0, 3.0], "text": '=IF(1=1,"",0)', "loan": [-100.0, 10.0, 110.0]}
    found = _values({"zero": 0.0, "broken": "=1/{zero}", "asked": formula}, lines).scalar("asked")
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


def test_a_book_stores_its_values(tmp_path: Path) -> None:
    book = Book(2)
    book.add("A", Scalar("rate", "rate", 0.5), Line("x", "x", [1.0, 2.0]), Line("y", "y", "=[x]*{rate}", total=True))
    book.save(tmp_path / "a.xlsx", "a")
    stored = _stored(tmp_path / "a.xlsx")
    assert [stored["A", cell] for cell in ("C5", "E5", "F5")] == [1.5, 0.5, 1.0]
