"""Tariff files of one's own, described and checked as a scenario reads them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from megawatt.catalogue import Catalogue
from megawatt.catalogue.section import as_problems
from megawatt.errors import ScenarioError, counted
from megawatt.inspection.records import Description, Section
from megawatt.inspection.studies import said
from megawatt.scenario.tariff_rules import tariff_problems
from megawatt.tariff import TariffSheet, read_tariff_file

__all__ = ["describe_tariff"]


def describe_tariff(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A rate sheet (TOML as the section ``[tariff]``, or OpenEI's JSON): its lines, in its own currency."""
    raw: dict[str, Any] = read_tariff_file(path)[0]
    problems = list(tariff_problems({"tariff": raw}, catalogue))
    try:
        sheet = TariffSheet.model_validate(raw, context={"catalogue": catalogue})
    except ValidationError as error:
        problems += as_problems(TariffSheet, error)
    if problems:
        raise ScenarioError(f"{path}: {counted(len(problems), 'problem')}", problems, str(path))
    lines, assumed = said(sheet, "tariff")
    sections = tuple(Section(name, tuple(rows)) for name, rows in lines.items())
    return Description("tariff", str(path), sheet.title or path.name, sections, tuple(assumed))
