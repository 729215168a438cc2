"""Of results: a run folder, a page, a workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from megawatt.api.result import Result
from megawatt.errors import ScenarioError

__all__ = ["report", "save", "workbook"]


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
    from megawatt.results.workbook.book import write_cashflow

    target, value = Path(path), result.value
    if target.suffix != ".xlsx" or target.exists():
        raise ScenarioError(f"{target}: allowed: a new file that ends in .xlsx")
    more: dict[str, Any] = {}
    if isinstance(value, Comparison) and len(value.uses) == 1:
        use = value.uses[0]
        cash, more = use.cash, {"operating": use.operating, "grid_mw": use.grid_mw, "assumptions": use.assumptions}
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
