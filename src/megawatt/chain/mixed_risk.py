"""What can happen to a mixed site: every part on the same simulated paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.chain.mixed import MixedSite
from megawatt.chain.money import CashModel
from megawatt.finance import net_present_value_usd
from megawatt.risk import run_blocks, wilson_interval
from megawatt.risk.factors import simulate_factors

__all__ = ["SHARED", "MixedRisk", "simulate_mixed", "simulate_parts"]

SHARED: Final = "shared"
"""What the parts share, among their names."""


@dataclass(frozen=True)
class MixedRisk:
    """Net present values (paths,) of each part, or worth to its owners, at the size of its scenario, and whether its
    loan misses a payment.

    A payment is missed where service that is owed stays unpaid after all cash and reserves of the part (`CashFlow`).
    """

    npv_usd: Mapping[str, FloatArray]
    missed: Mapping[str, NDArray[np.bool_]]

    @property
    def paths(self) -> int:
        """Simulated paths."""
        return next(iter(self.npv_usd.values())).size

    def site_usd(self, scales: Mapping[str, float]) -> FloatArray:
        """Net present value of the site with parts of these sizes, (paths,)."""
        sized = [scale * self.npv_usd[name] for name, scale in scales.items() if name in self.npv_usd]
        return np.asarray(np.sum(sized, axis=0) + self.npv_usd.get(SHARED, 0.0) + np.zeros(self.paths))

    def probability_missed(self, scales: Mapping[str, float]) -> float | None:
        """Probability that some loan of the parts with a size misses a payment; None without loans."""
        found = [missed for name, missed in self.missed.items() if scales.get(name, 0.0) > 0.0]
        return float(np.any(found, axis=0).mean()) if found else None

    def interval_missed(self, scales: Mapping[str, float]) -> tuple[float, float] | None:
        """95 % interval of that probability."""
        share = self.probability_missed(scales)
        return None if share is None else wilson_interval(round(share * self.paths), self.paths)


def simulate_mixed(
    site: MixedSite, paths: int, seed: int, workers: int = 1, owners_rate: float | None = None
) -> MixedRisk:
    """Every part's cash, and that of what they share, on the same paths; as `simulate_parts`."""
    models = {part.name: part.model.committed(part.base) for part in site.parts if part.scale > 0.0}
    if site.shared is not None:
        models[SHARED] = site.shared
    return simulate_parts(models, paths, seed, workers, owners_rate)


def simulate_parts(
    models: Mapping[str, CashModel], paths: int, seed: int, workers: int = 1, owners_rate: float | None = None
) -> MixedRisk:
    """Cash of several businesses on the same paths of bitcoin, power, compute and demand.

    Tenants of one class of payer default together: they are taken for one and the same. Results do not depend on the
    number of workers. With ``owners_rate`` the values are those of what owners get and put in, at this annual rate.
    """
    if not models:
        return MixedRisk({SHARED: np.zeros(paths)}, {})
    drawn = run_blocks(partial(_block, models=models, owners_rate=owners_rate), paths, seed, workers)
    lent = [name for name, model in models.items() if model.capital.loan is not None]
    return MixedRisk(
        {name: np.asarray(drawn[f"npv:{name}"], dtype=np.float64) for name in models},
        {name: np.asarray(drawn[f"missed:{name}"] >= 0) for name in lent},
    )


def _block(
    seed_sequence: np.random.SeedSequence, paths: int, *, models: Mapping[str, CashModel], owners_rate: float | None
) -> dict[str, NDArray[Any]]:
    out: dict[str, NDArray[Any]] = {}
    for name, model in models.items():
        cash = model(simulate_factors(model.terms, model.calendar.spine.months, paths, seed_sequence))
        worth = cash.measures.npv_usd if owners_rate is None else net_present_value_usd(cash.owners_flow, owners_rate)
        out[f"npv:{name}"] = np.broadcast_to(worth, (paths,))
        out[f"missed:{name}"] = np.broadcast_to(cash.missed, (paths,))
    return out
