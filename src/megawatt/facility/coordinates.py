"""A point on Earth as text: ``latitude, longitude[, elevation]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from megawatt.errors import Problem, ScenarioError

__all__ = ["Coordinates", "read_coordinates"]

_FORM: Final = "'latitude, longitude[, elevation]', north and east positive, in degrees and metres"
_LOOKS_LIKE: Final = re.compile(r"^[\s\d.,;+-]*\d[\s\d.,;+-]*$")
_RANGES: Final = (("latitude", -90.0, 90.0), ("longitude", -180.0, 180.0), ("elevation", -430.0, 6000.0))


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Latitude, longitude [degree, north and east positive] and, where it is given, elevation [m]."""

    latitude_deg: float
    longitude_deg: float
    elevation_m: float | None = None

    def __str__(self) -> str:
        """The text that `read_coordinates` takes."""
        height = "" if self.elevation_m is None else f", {self.elevation_m:g}"
        return f"{self.latitude_deg:.10g}, {self.longitude_deg:.10g}{height}"


def read_coordinates(text: str) -> Coordinates | None:
    """Coordinates, or None where the text is a name or a path.

    Parameters
    ----------
    text : str
        ``"-33.9, 18.4, 42"``: latitude -90 to 90, longitude -180 to 180 [degree], elevation -430 to 6000 [m].

    Raises
    ------
    ScenarioError
        If the text is numbers that are not such coordinates, naming all that is wrong.
    """
    if not _LOOKS_LIKE.match(text):
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        raise ScenarioError(f"coordinates {text!r}: not understood", [Problem("place", repr(text), _FORM)])
    checked = zip(numbers, _RANGES, strict=False)
    wrong = [
        Problem("", f"{name} {value:g}", f"{low:g} to {high:g}")
        for value, (name, low, high) in checked
        if not low <= value <= high
    ]
    if wrong:
        hint = "the order is latitude, longitude" if abs(numbers[0]) <= 180 and abs(numbers[1]) <= 90 else ""
        found, allowed = (
            ", ".join(p.found for p in wrong),
            ", ".join(f"{p.found.split()[0]} {p.allowed}" for p in wrong),
        )
        raise ScenarioError(f"coordinates {text!r}: not a point on Earth", [Problem("place", found, allowed, hint)])
    return Coordinates(*numbers)
