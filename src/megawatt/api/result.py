"""What every function of `import megawatt` hands back: it prints, shows itself in a notebook, and gives its numbers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from numpy.typing import NDArray

from megawatt.errors import MissingDependencyError, ScenarioError, shown
from megawatt.files import strict
from megawatt.picture import Picture
from megawatt.words import amount

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["Figure", "Result", "columns_of", "figures_of"]

T = TypeVar("T")
Column = Sequence[Any] | NDArray[Any]
"""A column of a table; all of a table are equally long."""

_TOLD_DIGITS = 5
"""Digits of a number in a summary."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a summary: what it is called, its value, its unit."""

    label: str
    value: float | int | str | None
    unit: str = ""

    @property
    def told(self) -> str:
        """The value with its unit, in words."""
        value = self.value
        if isinstance(value, float) and value != int(value if abs(value) < 1e300 else 0):
            value = float(f"{value:.{_TOLD_DIGITS}g}")
        return amount(value, self.unit)


def figures_of(plain: Mapping[str, Any], wanted: Mapping[str, tuple[str, str]]) -> tuple[Figure, ...]:
    """Figures of a table: name to label and unit, in that order; what is missing is left out."""
    found = ((label, plain.get(name), unit) for name, (label, unit) in wanted.items())
    return tuple(Figure(label, value, unit) for label, value, unit in found if value is not None)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns; what is no plain number or word in a row is left out, what a row lacks is None."""
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if value is None or isinstance(value, str | int | float)
    )
    return {name: [row.get(name) for row in rows] for name in names}


def _extra(package: str, extra: str) -> Any:
    """A package of an optional extra."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        message = f"{package} is not installed; install the extra: pip install 'megawatt[{extra}]'"
        raise MissingDependencyError(message) from None


@dataclass(frozen=True)
class Result(Generic[T]):
    """An answer.

    Attributes
    ----------
    title : str
        What was asked.
    value : object
        The record of the room that answered, with its arrays.
    plain : mapping
        The same as plain values: what the command prints with ``--json``.
    figures : tuple of Figure
        What the summary tells.
    columns : mapping of str to sequence
        The table of `to_pandas` and `to_arrow`.
    """

    title: str
    value: T
    plain: Mapping[str, Any]
    figures: tuple[Figure, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    drawn: Callable[[], Picture] | None = None

    def __getitem__(self, name: str) -> Any:
        """A value of `to_dict` by its name; dots go into tables (``headline.pue.value``)."""
        found: Any = self.plain
        for part in name.split("."):
            if isinstance(found, Sequence) and not isinstance(found, str) and part.isdecimal():
                found = found[int(part)] if int(part) < len(found) else None
            elif isinstance(found, Mapping) and part in found:
                found = found[part]
            else:
                raise ScenarioError(f"{shown(name)}: no such value; allowed: {', '.join(map(str, self.plain))}")
        return found

    def summary(self) -> str:
        """The title and the figures, a line each."""
        wide = max((len(figure.label) for figure in self.figures), default=0)
        return "\n".join([self.title, *(f"  {figure.label:<{wide}}  {figure.told}" for figure in self.figures)])

    def __str__(self) -> str:
        return self.summary()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'>{escape(figure.label)}</th><td>{escape(figure.told)}</td></tr>"
            for figure in self.figures
        )
        picture = "" if self.drawn is None else self.chart().svg
        return f"<figure><figcaption>{escape(self.title)}</figcaption><table>{rows}</table>{picture}</figure>"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dict(strict(dict(self.plain)))

    def to_pandas(self) -> pandas.DataFrame:
        """The table of the answer as a pandas data frame.

        Raises
        ------
        MissingDependencyError
            Without the extra ``pandas``.
        """
        return cast("pandas.DataFrame", _extra("pandas", "pandas").DataFrame(dict(self._table())))

    def to_arrow(self) -> pyarrow.Table:
        """The table of the answer as an Arrow table.

        Raises
        ------
        MissingDependencyError
            Without the extra ``arrow``.
        """
        return cast("pyarrow.Table", _extra("pyarrow", "arrow").table(dict(self._table())))

    def _table(self) -> Mapping[str, Column]:
        return self.columns or columns_of([{f.label: f.value for f in self.figures}])

    def chart(self) -> Picture:
        """The answer as a picture (SVG).

        Raises
        ------
        ScenarioError
            If nothing of it can be drawn.
        """
        if self.drawn is None:
            raise ScenarioError(f"{self.title}: has no chart; to_dict() and to_pandas() have its numbers")
        return self.drawn()
