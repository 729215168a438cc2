"""The next difficulty, predicted from the blocks of the period so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError
from megawatt.mining.protocol import BLOCK_S, RETARGET_BLOCKS, retarget

__all__ = ["RetargetPrior", "predict_difficulty", "retarget_prior"]


@dataclass(frozen=True, slots=True)
class RetargetPrior:
    """Mean and standard deviation of ln(next difficulty / difficulty) before any block of the period is known. [-]"""

    drift: float
    spread: float
    assumptions: tuple[Assumption, ...] = ()


def retarget_prior(catalogue: Catalogue, key: str = "retarget-prior") -> RetargetPrior:
    """The prior from the catalogue, measured on retargets up to 2021.

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    """
    key = catalogue.get(key, "network").key
    used = ("drift", "spread")
    drift, spread = (catalogue.number(key, name) for name in used)
    return RetargetPrior(drift, spread, tuple(catalogue.assume(key, name, "mining") for name in used))


def predict_difficulty(
    difficulty: ArrayLike, blocks: ArrayLike, elapsed_s: ArrayLike, prior: RetargetPrior
) -> FloatArray:
    """Expected difficulty of the next 2,016 blocks. [-]

    Block times are exponential, so that n blocks in t seconds measure the log of the hash rate (relative to ten-minute
    blocks) as ln(n * 600 / t) with variance 1 / n; before any block the prior says what it is. The mean of both,
    weighted by inverse variance, times the blocks to come; the blocks so far took what they took.

    Parameters
    ----------
    difficulty : array
        Difficulty of the period.
    blocks : array
        Blocks of the period found so far, 0 to 2,016.
    elapsed_s : array
        Time since the period began. [s], >= 0
    prior : RetargetPrior
        From `retarget_prior`.

    Raises
    ------
    ScenarioError
        If blocks are outside 0 to 2,016, time is negative, or blocks took no time.
    """
    found, elapsed = np.asarray(blocks, dtype=np.float64), np.asarray(elapsed_s, dtype=np.float64)
    if not (np.all((found >= 0.0) & (found <= RETARGET_BLOCKS)) and np.all(elapsed >= 0.0)):
        raise ScenarioError(f"retarget: blocks must be 0 to {RETARGET_BLOCKS} and elapsed_s >= 0")
    if np.any((found > 0.0) & (elapsed == 0.0)):
        raise ScenarioError("retarget: blocks without elapsed_s; give the time since the period began [s]")
    measured = np.log(np.where(found > 0.0, found, 1.0) * BLOCK_S / np.where(found > 0.0, elapsed, BLOCK_S))
    weight = prior.spread**-2
    rate = (found * measured + weight * prior.drift) / (found + weight)
    return retarget(difficulty, elapsed + (RETARGET_BLOCKS - found) * BLOCK_S * np.exp(-rate))
