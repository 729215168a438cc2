"""Values that only scenarios have: months, and the place of a site."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from megawatt.catalogue.quantity import catalogue_key, quantity, refusal
from megawatt.errors import ScenarioError, shown
from megawatt.facility.coordinates import read_coordinates
from megawatt.facility.place_file import is_place_file

__all__ = ["Month", "ratio", "site_place"]


def _month(raw: Any) -> str:
    if isinstance(raw, str) and re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", raw):
        return raw
    raise refusal(shown(raw), 'a month as "YYYY-MM", 2000 to 2099')


Month = Annotated[str, BeforeValidator(_month)]
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
