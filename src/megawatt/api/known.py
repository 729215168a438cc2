"""Of what is known: the catalogue, models, machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from megawatt.api.result import Figure, Result, columns_of
from megawatt.api.typed import typed
from megawatt.catalogue import entry_rows, family_rows, load_catalogue
from megawatt.errors import CatalogueError, ScenarioError

if TYPE_CHECKING:
    from megawatt.catalogue import System
    from megawatt.inspection import Description
    from megawatt.workload import ModelArch

__all__ = ["catalogue", "model", "system"]


@typed
def catalogue(what: str | None = None) -> Result[Any]:
    """What is known: all families, the entries of a family, or every fact of a key with its source and range.

    Parameters
    ----------
    what : str, optional
        A family (a plural will do) or a key; none: the families.

    Raises
    ------
    CatalogueError
        If there is neither; names the nearest.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.catalogue("h100-sxm")["title"]
    'NVIDIA H100 SXM'
    """
    known = load_catalogue()
    if what is None:
        rows = family_rows(known)
        return Result("The catalogue", known, {"families": rows}, columns=columns_of(rows))
    if what not in known.entries:
        try:
            rows = entry_rows(known, what)
        except CatalogueError:
            return _described(what)
        return Result(f"The catalogue: {what}", known, {"entries": rows}, columns=columns_of(rows))
    return _described(what)


def _described(name: str) -> Result[Description]:
    """A key or a file as `megawatt show` tells it; what is wrong with it is an error."""
    from megawatt.inspection import describe

    known = load_catalogue()
    found = describe(name, known)
    if found.problems:
        raise ScenarioError(f"{name}: {found.problems[0]}", found.problems, name)
    plain = found.as_dict(known.sources)
    lines = [line for section in found.sections for line in section.lines]
    figures = tuple(Figure(line.name, line.value, line.unit) for line in lines)
    rows = [row for section in plain["sections"] for row in section["lines"]]
    return Result(f"{found.name}: {found.title} ({found.kind})", found, plain, figures, columns_of(rows))


@typed
def model(name: str | Path) -> Result[ModelArch]:
    """A model: what it computes and moves.

    Parameters
    ----------
    name : str or Path
        A key, a Hugging Face ``config.json``, or a model file (docs/models.md).

    Raises
    ------
    CatalogueError
        If the key is not known.
    ScenarioError
        If the file cannot be read.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.model("llama-3.1-8b").value.layers
    32
    """
    from megawatt.workload import load_model

    arch = load_model(str(name), load_catalogue())
    told = _described(str(name))
    return Result(str(name), arch, told.plain, told.figures, told.columns)


@typed
def system(name: str | Path) -> Result[System]:
    """A machine: chips, links, power.

    Parameters
    ----------
    name : str or Path
        A key or a machine file (docs/machines.md).

    Raises
    ------
    CatalogueError
        If the key is not known.
    ScenarioError
        If the file cannot be read.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.system("gb300-nvl72").value.chips
    72
    """
    from megawatt.training import open_machine

    _, found = open_machine(load_catalogue(), str(name))
    told = _described(str(name))
    return Result(str(name), found, told.plain, told.figures, told.columns)
