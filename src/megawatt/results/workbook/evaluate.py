"""Values of a workbook's formulas, stored beside them so that a reader that does not recalculate shows the run.

Formulas are those of `megawatt.results.workbook.sheet`, in the small part of the spreadsheet language that the package
writes; independent engines compute the same in the tests.
"""

from __future__ import annotations

import ast
import datetime
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, MappingProxyType
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance.rates_of_return import irr

__all__ = ["Values"]

_TOKEN: Final = re.compile(
    r"\[(?P<line>[A-Za-z0-9_]+)(?P<how>[:<^]|\.first|\.last)?\]"
    r"|\{(?P<scalar>[A-Za-z0-9_]+)(?:\.\.(?P<to>[A-Za-z0-9_]+))?\}"
    r"|(?P<operator><>|<=|>=|\^|=)"
)
_HOW: Final[Mapping[str | None, str]] = MappingProxyType(
    {None: "now", "<": "before", ":": "whole", "^": "until", ".first": "first", ".last": "last"}
)
_OPERATORS: Final[Mapping[str, str]] = MappingProxyType({"<>": "!=", "^": "**", "=": "==", "<=": "<=", ">=": ">="})
_EPOCH: Final = datetime.date(1899, 12, 30).toordinal()
"""Day 0 of spreadsheets."""
_MONTHS: Final = 12.0
"""Months of a year."""


class _CellError(Exception):
    """An error value, as spreadsheets show it."""


class Values:
    """Values of scalars and lines, computed when they are asked for and kept; an empty text is a NaN until it is shown.

    Parameters
    ----------
    months : int
        Columns of a line.
    scalars, lines : mapping of str to (number or formula, or sequence of numbers)
        Contents by name, scalars in the order of their rows.
    first_column : int
        Column of the first month, counted from 0.
    widths : mapping of str to int
        Columns of the lines that are not by month.
    """

    def __init__(
        self,
        months: int,
        scalars: Mapping[str, float | str],
        lines: Mapping[str, str | Sequence[float]],
        first_column: int,
        widths: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._months, self._first_column, self._widths = months, first_column, widths
        self._full: dict[str, FloatArray] = {}
        self._scalars, self._lines = scalars, lines
        self._order = list(scalars)
        self._month = 0
        self._known: dict[str, float | _CellError] = {}
        self._rows: dict[str, list[float | _CellError]] = {}
        self._names: dict[str, Any] = {"__builtins__": {}, **_FUNCTIONS, "COLUMN": self._column} | {
            f"_{how}": getattr(self, f"_{how}") for how in (*_HOW.values(), "scalar", "range")
        }

    def scalar(self, name: str) -> float | str:
        """Value of a scalar; the name of an error where there is one."""
        return _shown(self._of_scalar(name))

    def line(self, name: str) -> list[float | str]:
        """Values of a line, month by month."""
        return [_shown(value) for value in self._row(name, self._width(name))]

    def total(self, name: str) -> float | str:
        """Sum of a line."""
        found = self._row(name, self._width(name))
        error = next((v for v in found if isinstance(v, _CellError)), None)
        if error is not None:
            return str(error)
        return math.fsum(v for v in found if not isinstance(v, _CellError) and not math.isnan(v))

    def _width(self, name: str) -> int:
        return self._widths.get(name, self._months)

    def _row(self, name: str, months: int) -> list[float | _CellError]:
        """At least so many months of a line, the first ones first: a month looks back, never ahead of itself."""
        content = self._lines[name]
        row = self._rows.setdefault(name, [])
        if not isinstance(content, str):
            row.extend(float(v) for v in content[len(row) :])
            return row
        while len(row) < months:
            row.append(self._computed(content, len(row)))
        return row

    def _of_scalar(self, name: str) -> float | _CellError:
        if name not in self._known:
            content = self._scalars[name]
            self._known[name] = self._computed(content, 0) if isinstance(content, str) else float(content)
        return self._known[name]

    def _computed(self, formula: str, month: int) -> float | _CellError:
        before, self._month = self._month, month
        try:
            found = eval(_compiled(formula), self._names)
        except _CellError as error:
            return error
        except (ZeroDivisionError, FloatingPointError):
            return _CellError("#DIV/0!")
        except (OverflowError, ValueError):
            return _CellError("#NUM!")
        finally:
            self._month = before
        if isinstance(found, bool | np.bool_):
            return bool(found)
        return math.nan if isinstance(found, str) else float(found)

    def _at(self, name: str, month: int) -> float:
        return _raised(self._row(name, month + 1)[month])

    def _now(self, name: str) -> float:
        return self._at(name, self._month)

    def _before(self, name: str) -> float:
        return self._at(name, self._month - 1) if self._month else 0.0

    def _whole(self, name: str) -> FloatArray:
        if name not in self._full:
            self._full[name] = np.array([_raised(v) for v in self._row(name, self._width(name))])
        return self._full[name]

    def _until(self, name: str) -> FloatArray:
        return np.array([_raised(v) for v in self._row(name, self._month + 1)[: self._month + 1]])

    def _first(self, name: str) -> float:
        return self._at(name, 0)

    def _last(self, name: str) -> float:
        return self._at(name, self._width(name) - 1)

    def _scalar(self, name: str) -> float:
        return _raised(self._of_scalar(name))

    def _range(self, name: str, to: str) -> FloatArray:
        names = self._order[self._order.index(name) : self._order.index(to) + 1]
        return np.array([[self._scalar(one)] for one in names])  # one below the other: rows meet columns in a product

    def _column(self) -> float:
        return float(self._first_column + self._month + 1)


def _shown(value: float | _CellError) -> float | str:
    if isinstance(value, _CellError):
        return str(value)
    return "" if math.isnan(value) else value


def _raised(value: float | _CellError) -> float:
    if isinstance(value, _CellError):
        raise value
    return value


class _Lazy(ast.NodeTransformer):
    """Choices compute the branch that they take alone."""

    def visit_Call(self, node: ast.Call) -> ast.AST:  # the name is the visitor's
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name):
            return node
        if node.func.id == "IF":
            test, taken, *other = node.args
            return ast.IfExp(test, taken, other[0] if other else ast.Constant(0.0))
        if node.func.id == "CHOOSE":
            which, *branches = node.args
            none = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
            node.args = [which, *(ast.Lambda(none, branch) for branch in branches)]
        return node


@functools.lru_cache(maxsize=4096)
def _compiled(formula: str) -> CodeType:
    """A formula as an expression that reads cells through the methods of `Values`."""

    def word(match: re.Match[str]) -> str:
        if match["operator"]:
            return _OPERATORS[match["operator"]]
        if match["line"]:
            return f"_{_HOW[match['how']]}('{match['line']}')"
        return f"_range('{match['scalar']}', '{match['to']}')" if match["to"] else f"_scalar('{match['scalar']}')"

    tree = _Lazy().visit(ast.parse(_TOKEN.sub(word, formula.removeprefix("=")), mode="eval"))
    return compile(ast.fix_missing_locations(tree), "<formula>", "eval")


def _flat(values: Sequence[Any]) -> FloatArray:
    """All numbers of some arguments; texts do not count."""
    joined = np.concatenate([np.ravel(np.asarray(v, dtype=np.float64)) for v in values])
    return np.asarray(joined[~np.isnan(joined)])


def _average(*values: Any) -> float:
    numbers = _flat(values)
    if not numbers.size:
        raise ZeroDivisionError
    return float(numbers.mean())


def _date(year: float, month: float, day: float) -> float:
    years, months = divmod(int(month) - 1, 12)
    return float(datetime.date(int(year) + years, months + 1, 1).toordinal() - _EPOCH + int(day) - 1)


def _rounded(value: float, digits: float) -> float:
    scale = 10.0 ** int(digits)
    return math.copysign(math.floor(abs(value) * scale + 0.5) / scale, value)  # halves away from zero


def _irr(flows: FloatArray, guess: float = 0.0) -> float:
    """Monthly rate at which the flows are worth nothing; the bracket of the finance engine needs no guess."""
    rate = float(irr(flows[None, :]).rate[0])
    if math.isnan(rate):
        raise _CellError("#NUM!")
    return float(np.expm1(np.log1p(rate) / _MONTHS))


def _sumproduct(*arrays: FloatArray) -> float:
    return float(np.sum(np.nan_to_num(functools.reduce(np.multiply, arrays))))


_FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = MappingProxyType(
    {
        "SUM": lambda *v: float(_flat(v).sum()),
        "SUMPRODUCT": _sumproduct,
        "MAX": lambda *v: float(_flat(v).max()) if _flat(v).size else 0.0,
        "MIN": lambda *v: float(_flat(v).min()) if _flat(v).size else 0.0,
        "AVERAGE": _average,
        "ABS": abs,
        "INT": lambda value: float(math.floor(value)),
        "MOD": lambda value, by: float(value - by * math.floor(value / by)),
        "ROUND": _rounded,
        "AND": lambda *v: bool(_flat(v).all()),
        "OR": lambda *v: bool(_flat(v).any()),
        "CHOOSE": lambda which, *branches: branches[int(which) - 1](),
        "DATE": _date,
        "IRR": _irr,
    }
)
