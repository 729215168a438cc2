"""Values that only scenarios have: months, and the place of a site."""

from __future__ import annotations

from typing import Any

from pydantic import BeforeValidator, ValidationInfo

from megawatt.catalogue.quantity import Month, catalogue_key, quantity, refusal
from megawatt.errors import ScenarioError
from megawatt.facility.coordinates import read_coordinates
from megawatt.facility.place_file import is_place_file

__all__ = ["Month", "ratio", "site_place"]


ratio = quantity(ge=0, le=1)
"""A number from 0 to 1, with its source."""


def site_place() -> Any:
    """Annotations of a scenario string that is a catalogued place, coordinates or a place file."""
    names = catalogue_key("place")

    def read(raw: Any, info: ValidationInfo) -> str:
        if isinstance(raw, str) and is_place_file(raw):
            return raw
        try:
            point = read_coordinates(raw) if isinstance(raw, str) else None
        except ScenarioError as error:
            problem = error.problems[0]
            raise refusal(problem.found, problem.allowed, problem.hint) from None
        return str(point) if point else str(names.func(raw, info))

    return BeforeValidator(read)
