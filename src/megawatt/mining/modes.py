"""Modes of a miner: less power for fewer hashes at better efficiency, more power for more at worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError

__all__ = ["MinerModes", "miner_modes", "mode_segments"]


@dataclass(frozen=True, slots=True)
class MinerModes:
    """Steps of one machine: ``power_frac`` and ``hash_frac`` of rated, rising, the off state (0, 0) left out."""

    power_frac: tuple[float, ...]
    hash_frac: tuple[float, ...]
    assumptions: tuple[Assumption, ...] = ()

    @property
    def most_frac(self) -> float:
        """Power of the highest mode over rated power. [-]"""
        return self.power_frac[-1]


def miner_modes(catalogue: Catalogue, names: Sequence[str] = (), key: str = "mining-modes") -> MinerModes:
    """The rated mode and those asked for beside it: ``eco`` (less power), ``turbo`` (more).

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    """
    used = {name: [f"{name}_{what}_ratio" for what in ("power", "hash")] for name in names}
    steps = sorted([(1.0, 1.0), *((catalogue.number(key, a), catalogue.number(key, b)) for a, b in used.values())])
    power, hashes = zip(*steps, strict=True)
    facts = tuple(catalogue.assume(key, name, "mining") for pair in used.values() for name in pair)
    return MinerModes(power, hashes, facts)


def mode_segments(rated_mw: float, modes: MinerModes) -> tuple[FloatArray, FloatArray]:
    """Segments of a fleet's power in the order in which they are worth most.

    Machines switch one by one, so a fleet can be anywhere between two modes: its hash rate is the concave hull of the
    modes and off. Each segment between corners of the hull earns its own share of the rated revenue per MWh.

    Parameters
    ----------
    rated_mw : float
        Power of all machines in the rated mode. [MW]
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
    return rated_mw * width, np.diff(hashes[corners]) / width
