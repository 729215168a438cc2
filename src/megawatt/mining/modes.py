"""Modes of a miner: less power for fewer hashes at better efficiency, more power for more at worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError
from megawatt.mining.fleet import aged
from megawatt.mining.records import MinerFleet

__all__ = ["MinerModes", "aged_years", "miner_modes", "mode_segments"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MinerModes:
    """Steps of one machine: ``power_frac`` and ``hash_frac`` of rated, rising, the off state (0, 0) left out."""

    power_frac: tuple[float, ...]
    hash_frac: tuple[float, ...]
    assumptions: tuple[Assumption, ...] = ()


def miner_modes(catalogue: Catalogue, *, overclock: bool = False, key: str = "mining-modes") -> MinerModes:
    """Low-power, rated and, on request, overclocked mode from the catalogue.

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    """
    key = catalogue.get(key, "network").key
    names = ("eco", "turbo") if overclock else ("eco",)
    used = [f"{name}_{what}_ratio" for name in names for what in ("power", "hash")]
    number = {name: catalogue.number(key, name) for name in used}
    turbo = ((number["turbo_power_ratio"],), (number["turbo_hash_ratio"],)) if overclock else ((), ())
    return MinerModes(
        (number["eco_power_ratio"], 1.0, *turbo[0]),
        (number["eco_hash_ratio"], 1.0, *turbo[1]),
        tuple(catalogue.assume(key, name, "mining") for name in used),
    )


def mode_segments(miners: MinerFleet, modes: MinerModes) -> tuple[FloatArray, FloatArray]:
    """Segments of a fleet's power in the order in which they are worth most.

    Machines switch one by one, so a fleet can be anywhere between two modes: its hash rate is the concave hull of the
    modes and off. Each segment between corners of the hull earns its own share of the rated revenue per MWh.

    Parameters
    ----------
    miners : MinerFleet
        ``it_mw`` is its rated power.
    modes : MinerModes
        Steps of a machine.

    Returns
    -------
    tuple of arrays, shape (k,)
        Width of each segment [MW], and its revenue per MWh relative to the rated mode [-], falling.

    Raises
    ------
    ScenarioError
        If the steps do not rise.
    """
    power, hashes = (np.array((0.0, *part)) for part in (modes.power_frac, modes.hash_frac))
    if power.size != hashes.size or np.any(np.diff(power) <= 0.0) or np.any(np.diff(hashes) <= 0.0):
        raise ScenarioError(
            f"mining modes: power_frac {modes.power_frac} and hash_frac {modes.hash_frac}; both must rise from above 0"
        )
    corners = [0]
    while corners[-1] < power.size - 1:
        rest = np.arange(corners[-1] + 1, power.size)
        worth = (hashes[rest] - hashes[corners[-1]]) / (power[rest] - power[corners[-1]])
        corners.append(int(rest[np.flatnonzero(worth >= worth.max() * (1.0 - 1e-12))[-1]]))
    width = np.diff(power[corners])
    return miners.it_mw * width, np.diff(hashes[corners]) / width


def aged_years(miners: MinerFleet, years: float, hash_loss_per_year: float) -> MinerFleet:
    """The fleet after some years in the field, hash rate falling by the same share each year at unchanged power.

    Parameters
    ----------
    years : float
        >= 0
    hash_loss_per_year : float
        0 to 1 (exclusive); the catalogue's value is ``mining-modes.hash_loss_per_year``. [1/year]

    Raises
    ------
    ScenarioError
        If a number is out of range.
    """
    if not (years >= 0.0 and 0.0 <= hash_loss_per_year < 1.0):
        raise ScenarioError(
            f"mining: {years} years at a loss of {hash_loss_per_year} a year; years must be >= 0, the loss 0 to 1"
        )
    return aged(miners, 1.0 - (1.0 - hash_loss_per_year) ** years)
