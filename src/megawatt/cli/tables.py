"""Tables on a terminal of any width: columns where they fit, else one entry below the other; nothing is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from megawatt.cli.output import console

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["print_below", "print_table"]

_UNBOUNDED = 10_000
"""Columns of a terminal on which every table fits."""
_FOLDED = "in two lines"
"""The narrowest line of a column that may go on in the next line."""


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[str] = (),
    fold: str = "",
    head: bool = True,
) -> None:
    """Print rows of cells under the names of their columns.

    The first column and those in ``left`` begin left, the others end right. Cells stay whole; those of the column
    ``fold`` go on in the next line where the terminal is too narrow. Where the whole cells do not fit, each row becomes
    a block of lines. ``head`` says whether the names are shown.
    """
    from rich.measure import Measurement

    to = console()
    words = [
        word for name, *cells in zip(columns, *rows, strict=True) if name == fold for c in cells for word in c.split()
    ]
    least = max((_FOLDED, *words), key=len)  # no word is cut
    folded = [[least if name == fold else cell for name, cell in zip(columns, row, strict=True)] for row in rows]
    needed = _table(columns, folded, left, "", head)
    if Measurement.get(to, to.options.update(max_width=_UNBOUNDED), needed).minimum <= to.width:
        to.print(_table(columns, rows, left, fold, head))
        return
    names = [f"{name}: " if head and name else "" for name in columns[1:]]
    for first, *others in rows:
        print_below(first, ", ".join(f"{name}{cell}" for name, cell in zip(names, others, strict=True) if cell))


def print_below(name: str, *texts: str) -> None:
    """A name, and below it texts that begin two columns further in; empty texts are left out."""
    from rich.padding import Padding

    to = console()
    to.print(name, style="bold")
    for text in filter(None, texts):
        to.print(Padding(" ".join(text.split()), (0, 0, 0, 2), expand=False))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str], fold: str, head: bool) -> Table:
    from rich.table import Table

    made = Table(show_header=head, header_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for place, name in enumerate(columns):
        justify: Any = "left" if place == 0 or name in left or name == fold else "right"
        lines = [*([name] if head else []), *(line for row in rows for line in row[place].splitlines())]
        whole = None if name == fold else max(map(len, lines), default=0)
        made.add_column(name, justify=justify, overflow="fold", no_wrap=whole is not None, min_width=whole)
    for row in rows:
        made.add_row(*row)
    return made
