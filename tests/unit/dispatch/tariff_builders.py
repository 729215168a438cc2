"""Random tariff terms on an hourly problem: ratchets, windows, tiers of demand and energy, minimum bills."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from megawatt.dispatch import EnergyTiers, HourlyProblem, MinimumBill, PeakCharge
from tests.unit.dispatch.hourly_builders import drawn_hours


def tariffed(seed: int, *, falling: bool = False) -> HourlyProblem:
    """A random problem with what a utility charges; months are equal parts of its hours."""
    rng = np.random.default_rng([seed, 18])
    problem = replace(drawn_hours(seed), peaks=())
    hours = problem.hours
    month = np.arange(hours) * int(rng.integers(1, 5)) // hours
    peaks = tuple(c for k in range(int(rng.integers(0, 3))) for c in _demand(rng, month, f"demand {k}", falling))
    tiers = tuple(_tiers(rng, month, m, falling) for m in np.unique(month)) if rng.random() < 0.5 else ()
    minimums = tuple(_minimum(rng, month, m, peaks, tiers) for m in np.unique(month)) if rng.random() < 0.5 else ()
    return replace(
        problem,
        peaks=peaks,
        energy_tiers=tiers,
        minimums=minimums,
        fixed_usd=float(rng.choice([0.0, 1234.5])),
    )


def _demand(rng: np.random.Generator, month: np.ndarray, name: str, falling: bool) -> list[PeakCharge]:
    window = rng.random(month.size) < rng.choice([0.4, 1.0])
    share, back = float(rng.choice([0.0, 0.6, 0.85, 1.0])), int(rng.integers(1, 4))
    count = int(month.max()) + 1
    charges = []
    for m in range(count):
        earlier = np.isin(month, [(m - b) % count for b in range(1, back + 1)]) & (month != m)
        weight = np.where(window & (month == m), 1.0, np.where(window & earlier, share, 0.0))
        rate = float(rng.uniform(0.0, 15.0 * month.size / count))
        floor = float(rng.choice([0.0, 12.0]))
        tiers = ((0.0, 0.0), (floor, rate)) if floor else ((0.0, rate), (25.0, rate * float(rng.choice([1.0, 1.5]))))
        if falling:
            tiers = ((0.0, rate), (15.0, 0.5 * rate), (30.0, 0.4 * rate))
        charges.append(PeakCharge(f"{name} {m}", weight > 0.0, tiers, weight if share else None))
    return charges


def _tiers(rng: np.random.Generator, month: np.ndarray, m: int, falling: bool) -> EnergyTiers:
    edge = float(rng.uniform(0.0, 40.0)) * int((month == m).sum())
    low, high = sorted(rng.uniform(0.0, 30.0, 2).tolist())
    rates = (high, low) if falling else (low, high)
    return EnergyTiers(f"tiers {m}", month == m, ((0.0, rates[0]), (max(edge, 1.0), rates[1])))


def _minimum(
    rng: np.random.Generator, month: np.ndarray, m: int, peaks: tuple[PeakCharge, ...], tiers: tuple[EnergyTiers, ...]
) -> MinimumBill:
    names = [c.name for c in peaks if c.name.endswith(f" {m}")] + [t.name for t in tiers if t.name == f"tiers {m}"]
    price = np.where(month == m, float(rng.choice([0.0, 4.0])), 0.0)
    return MinimumBill(
        f"month {m}", float(rng.uniform(0.0, 400.0)) * int((month == m).sum()), price, month == m, tuple(names)
    )
