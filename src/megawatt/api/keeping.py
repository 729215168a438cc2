"""Of results: a run folder, a page, a workbook, where a figure comes from."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from megawatt.api.result import Figure, Result, columns_of
from megawatt.api.typed import typed
from megawatt.errors import ScenarioError
from megawatt.picture import bars

if TYPE_CHECKING:
    from megawatt.results.explanation import Explanation

__all__ = ["explain", "report", "save", "workbook"]


@typed
def explain(run: str | Path | Result[Any], number: str, use: str = "") -> Result[Explanation]:
    """Where a figure comes from: how it is worked out, from what, who says so, and what moves it most.

    Parameters
    ----------
    run : str, Path or Result
        A run folder, a file with the JSON of a command, or what `plan` answered.
    number : str
        Name of a figure; ``USE.NAME`` of a run with several uses.
    use : str
        Use of a run; empty: the first.

    Raises
    ------
    ScenarioError
        If there is no such figure; names the nearest.
    """
    from megawatt.results.explanation import explain_path, explain_run, tables_in_memory

    if isinstance(run, Result):
        found = explain_run(tables_in_memory(_plan_of(run)), number, use)
    else:
        found = explain_path(Path(run), number, use)
    figures = [Figure(found.name, found.value, found.unit), Figure("means", found.words), Figure("is", found.formula)]
    figures += [Figure("driver", found.driver)] if found.driver else []
    figures += [Figure(f"of {part.name}", part.value, part.unit) for part in found.parts]
    swings = {mover.name: mover.swing for mover in found.movers[:_DRAWN]}
    drawn = partial(bars, f"What moves {found.moved or found.name}", swings, "" if found.moved else found.unit)
    rows = [asdict(one) for one in found.inputs]
    title = f"{found.name} of {found.use}"
    return Result(title, found, found.as_dict(), tuple(figures), columns_of(rows), drawn if swings else None)


_DRAWN = 12
"""Inputs that the picture of an explanation shows."""


@typed
def save(result: Result[Any], folder: str | Path = "runs", *, keep: bool = False) -> Path:
    """Leave a plan as a run folder, as the command does: report, tables, summary, manifest.

    Parameters
    ----------
    result : Result
        What `plan` answered.
    folder : str or Path
        Folder that holds the run folders.
    keep : bool
        Replace no run: the first free name.

    Returns
    -------
    Path
        The folder of the run.

    Raises
    ------
    ScenarioError
        If it is no plan, or the folder holds anything but an unchanged run.
    """
    from megawatt.report import render, render_credit
    from megawatt.results import save as write

    found = _plan_of(result)
    texts = {"report.html": render(found)} | render_credit(found)
    return write(found, Path(folder) / found.name, texts, keep=keep)


@typed
def report(result: Result[Any], path: str | Path, *, force: bool = False) -> Path:
    """Write the report of a plan as one page.

    Parameters
    ----------
    result : Result
        What `plan` answered.
    path : str or Path
        HTML file.
    force : bool
        Replace a file that megawatt did not write.

    Raises
    ------
    ScenarioError
        If it is no plan, or the file may not be replaced.
    """
    from megawatt.report import render
    from megawatt.writing import write_text

    write_text(Path(path), render(_plan_of(result)), force=force)
    return Path(path)


@typed
def workbook(result: Result[Any], path: str | Path) -> Path:
    """Write the cash flow of a plan, or of `cash`, as a workbook with live formulas.

    Parameters
    ----------
    result : Result
        What `plan` answered of one use, or `cash`.
    path : str or Path
        File that ends in ``.xlsx``; one that is there is not replaced.

    Raises
    ------
    ScenarioError
        If it is neither, has several uses, or holds what the workbook has no formulas for.

    Examples
    --------
    >>> import tempfile
    >>> import megawatt as mw
    >>> deal = mw.cash(capex_usd=1e6, revenue_usd_per_month=4e4, opex_usd_per_month=1e4, months=48)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     mw.workbook(deal, f"{place}/cash.xlsx").name
    'cash.xlsx'
    """
    from megawatt.chain import Comparison
    from megawatt.finance import CashFlow
    from megawatt.results import without_formulas
    from megawatt.results.saving import behind_of
    from megawatt.results.workbook.book import write_cashflow

    target, value = Path(path), result.value
    if target.suffix != ".xlsx" or target.exists():
        raise ScenarioError(f"{target}: allowed: a new file that ends in .xlsx")
    more: dict[str, Any] = {}
    if isinstance(value, Comparison) and len(value.uses) == 1:
        use = value.uses[0]
        cash, more = use.cash, {"operating": use.operating, "grid_mw": use.grid_mw, "assumptions": use.assumptions}
        more["behind"] = behind_of(use)
    elif isinstance(value, CashFlow):
        cash = value
    else:
        raise ScenarioError(f"{result.title}: no cash flow; allowed: a plan of one use, or cash")
    if without := without_formulas(cash):
        raise ScenarioError(f"{result.title}: the workbook has no formulas for {', '.join(without)}")
    write_cashflow(target, cash, result.title, **more)
    return target


def _plan_of(result: Result[Any]) -> Any:
    from megawatt.chain import Comparison

    if not isinstance(result.value, Comparison):
        raise ScenarioError(f"{result.title}: no plan; allowed: what plan answered")
    return result.value
