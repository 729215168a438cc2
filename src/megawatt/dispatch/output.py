"""What solar and wind plants give by the hour: from a file, or of a mean where nobody has measured."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import Problem, ScenarioError
from megawatt.files import refused
from megawatt.hourly import FilePart, read_hourly
from megawatt.hours import HOURS_IN_YEAR, hour_of_day

__all__ = ["clear_sky_share", "read_output"]

_TILT_DEG: Final = 23.44
"""Tilt of the Earth's axis. [degree]"""
_SOLSTICE_DAY: Final = 172
"""Day of the year on which the sun is highest in the north: 21 June."""
_STEPS: Final = 60
"""Halvings of the interval in which the scale is looked for."""


def read_output(path: Path, part: FilePart, plant_mw: float) -> tuple[FloatArray, tuple[str, ...]]:
    """A plant's output by hour as a share of its power, (8760,), and what was done to read it.

    Parameters
    ----------
    path : Path
        An hourly file with a share of the power (``capacity_factor``), or with MW or kW (``output``).
    part : FilePart
        The site's clock, and the column where the layout does not tell it.
    plant_mw : float
        Power of the plant whose MW the file gives, > 0. [MW]

    Raises
    ------
    ScenarioError
        If hours are missing or double, or a value is none, negative or above the plant's power; names line and column.
    """
    file = read_hourly(path, "output", part)
    if len(file.years) > 1:
        found = f"whole years {', '.join(map(str, file.years))}"
        raise refused(path, found, "one of them", hint="power.price_year, or a file of one year")
    name = "share" if "share" in file.values else "power"
    share = file.values[name][0] / (1.0 if name == "share" else plant_mw)
    wrong = (share < -1e-9) | (share > 1.0 + 1e-6)
    if wrong.any():
        hour = int(np.argmax(wrong))
        found = f"{file.values[name][0][hour]:g} in hour {hour} of the year"
        most = "1, the plant's power" if name == "share" else f"{plant_mw:g} MW, the plant's power"
        raise refused(path, found, f"0 to {most}", hint="profile_mw says the power of another plant in MW")
    return np.clip(share, 0.0, 1.0), file.remarks


def clear_sky_share(latitude_deg: float, capacity_factor: float) -> FloatArray:
    """Output of a solar plant of a known mean, (8760,): the sun's height over a place, scaled, capped at its power.

    Parameters
    ----------
    latitude_deg : float
        Of the place, north positive. [degree]
    capacity_factor : float
        Mean output over power, 0 to what a plant that is full whenever the sun is up reaches. [-]

    Raises
    ------
    ScenarioError
        If the sun is not up for so many hours.

    Notes
    -----
    Solar time stands for clock time; no clouds: their days are spread evenly over the year. A profile is better.
    """
    day = np.arange(HOURS_IN_YEAR) // 24
    tilt = np.radians(_TILT_DEG) * np.cos(2.0 * np.pi * (day + 1 - _SOLSTICE_DAY) / 365.0)
    turn = np.radians(15.0) * (hour_of_day() + 0.5 - 12.0)
    place = np.radians(latitude_deg)
    height = np.maximum(np.sin(place) * np.sin(tilt) + np.cos(place) * np.cos(tilt) * np.cos(turn), 0.0)
    most = float((height > 0.0).mean())
    if not 0.0 <= capacity_factor < most:
        allowed = f"at least 0, below {most:.3f}, the share of hours with the sun up"
        problem = Problem("capacity_factor_frac", f"{capacity_factor:g} at {latitude_deg:g} degrees", allowed)
        raise ScenarioError(f"solar: {problem}", [problem])
    low, high = 0.0, 1e6
    for _ in range(_STEPS):
        scale = (low * high) ** 0.5 if low > 1e-3 else (low + high) / 2.0
        low, high = (scale, high) if np.minimum(scale * height, 1.0).mean() < capacity_factor else (low, scale)
    return np.asarray(np.minimum(high * height, 1.0) if capacity_factor > 0.0 else np.zeros(height.size))
