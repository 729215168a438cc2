"""Tariffs by name: the catalogue's rate sheets with the facts that they hold now."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from megawatt.catalogue import Assumption, Catalogue
from megawatt.catalogue.rate_sheets import rate_numbers, read_rate
from megawatt.catalogue.section import as_problems
from megawatt.errors import CatalogueError
from megawatt.tariff.sheet import TariffSheet

__all__ = ["catalogued_sheet"]


def catalogued_sheet(catalogue: Catalogue, key: str) -> tuple[TariffSheet, tuple[Assumption, ...]]:
    """The rate sheet of a tariff in the catalogue, and the facts that it rests on.

    Raises
    ------
    CatalogueError
        If the key is none of a tariff with a rate sheet.
    """
    key = catalogue.get(key, "tariff").key
    content = copy.deepcopy(read_rate(catalogue.folder, key))
    rows = []
    for name, path, _ in list(rate_numbers(content)):
        row = catalogue.assume(key, name, "dispatch")
        node: Any = content
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = row.fact
        rows.append(row)
    for text in _references(content):
        other, _, field = text[1:].rpartition(".")
        rows.append(catalogue.assume(other, field, "dispatch"))
    try:
        sheet = TariffSheet.model_validate(content, context={"catalogue": catalogue, "source": key})
    except ValidationError as error:
        first = as_problems(TariffSheet, error)[0]
        raise CatalogueError(f"catalogue: {key}: {first.path}: {first.found}; allowed: {first.allowed}") from None
    return sheet, tuple(rows)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
    elif isinstance(node, str) and node.startswith("@"):
        yield node
