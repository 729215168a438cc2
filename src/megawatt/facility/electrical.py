"""Losses between the grid connection and the servers: transformer, UPS, distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError

__all__ = ["ElectricalChain", "conversion_loss_mw"]


@dataclass(frozen=True, slots=True)
class ElectricalChain:
    """What stands between grid and servers.

    Losses are fractions of the rating of the equipment installed: ``no_load`` while it is energised, ``load`` at full
    load (grows with the square of the load). ``installed_ratio`` is installed rating over the hall's IT capacity, so a
    2N supply (2.0) runs below half load and pays its no-load losses twice. A hall without UPS has zero UPS losses.
    ``auxiliary_frac``: lighting, controls, offices and security, constant, as a fraction of IT capacity.
    """

    transformer_no_load_frac: float
    transformer_load_frac: float
    transformer_installed_ratio: float
    ups_no_load_frac: float
    ups_load_frac: float
    ups_installed_ratio: float
    distribution_load_frac: float
    auxiliary_frac: float


def conversion_loss_mw(output_mw: ArrayLike, rating_mw: float, no_load_frac: float, load_frac: float) -> FloatArray:
    """Loss of a converter as a function of its output. [MW]

    rating * (no_load + load * (output / rating)^2): iron and control losses, and copper losses that follow the square
    of the current: the usual two-term form for transformers, taken for UPS as well (their switching losses, linear in
    load, are split between the two terms).

    Parameters
    ----------
    output_mw : float or array, shape (...,)
        Power delivered. [MW], >= 0
    rating_mw : float
        Installed rating, redundant units included. [MW], > 0
    no_load_frac, load_frac : float
        No-load loss, and load loss at full load, as fractions of the rating. [-], 0 to 0.2

    Raises
    ------
    ScenarioError
        If the rating is not positive.
    """
    if not rating_mw > 0:
        raise ScenarioError(
            f"conversion rating = {rating_mw:g} MW, must be > 0 (installed rating incl. redundant units)"
        )
    load = np.asarray(output_mw, float) / rating_mw
    return np.asarray(rating_mw * (no_load_frac + load_frac * load**2))
