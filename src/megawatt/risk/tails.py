"""The four factors with the tails that history shows: extremes that come together, and jumps of bitcoin."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.risk.dynamics import jump_diffusion, t_copula_normals
from megawatt.risk.factors import FACTORS, mixed_shocks, paths_of
from megawatt.risk.records import FactorPaths, FactorTerms

__all__ = ["Tails", "fat_tailed", "tails_of"]

_KEY: Final = "factors-history"
"""Key of what was fitted from history."""
_LEAST_PART: Final = 0.2
"""Part of bitcoin's variance that stays in its diffusion however many jumps there are."""
_EDGE: Final = 1e-12
"""Uniforms nearer to 0 or 1 are moved here."""


@dataclass(frozen=True, slots=True)
class Tails:
    """Degrees of freedom of the copula of all factors, and bitcoin's jumps (a year; mean, deviation of logs)."""

    copula_degrees: float
    jumps_per_year: float
    jump_mean: float
    jump_sd: float


def tails_of(catalogue: Catalogue) -> Tails:
    """Tails fitted from history by ``megawatt risk calibrate``."""
    names = ("all_t_copula_degrees", "bitcoin_jumps_per_year", "bitcoin_jump_mean", "bitcoin_jump_sd")
    return Tails(*(catalogue.number(_KEY, name) for name in names))


def fat_tailed(
    terms: FactorTerms, tails: Tails, normals: FloatArray, uniforms: FloatArray, extras: FloatArray
) -> FactorPaths:
    """Factors as `factors_of` makes them, under a t copula month by month, with jumps of bitcoin.

    Volatilities and expectations stay those of the terms: what jumps add is taken from bitcoin's diffusion, and jumps
    are rarer where bitcoin moves less than they would make it.

    Parameters
    ----------
    normals, uniforms : array
        As in `factors_of`.
    extras : array, (3, months, paths)
        Uniforms: of the copula's common draw, of the number of jumps, of their size.
    """
    from scipy.special import chdtri, ndtri

    safe = np.clip(extras, _EDGE, 1.0 - _EDGE)
    chi = chdtri(tails.copula_degrees, safe[0])
    shocks = t_copula_normals(mixed_shocks(terms, normals), chi, tails.copula_degrees)
    made = paths_of(terms, shocks, uniforms)
    of_one, variance = tails.jump_mean**2 + tails.jump_sd**2, terms.btc_volatility**2
    rate = tails.jumps_per_year
    if rate * of_one > (1.0 - _LEAST_PART) * variance:
        rate = (1.0 - _LEAST_PART) * variance / of_one
    rest = math.sqrt(variance - rate * of_one)
    btc = jump_diffusion(
        shocks[FACTORS.index("btc")], safe[1], np.asarray(ndtri(safe[2])), volatility=rest,
        drift=terms.btc_drift, jumps_per_year=rate, jump_mean=tails.jump_mean, jump_sd=tails.jump_sd,
    )  # fmt: skip
    return replace(made, btc=btc.T)
