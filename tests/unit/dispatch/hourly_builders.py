"""Hourly problems for tests: random ones of every structure, and small ones by hand."""

from __future__ import annotations

import dataclasses

import numpy as np

from megawatt.dispatch import Availability, Block, HourlyProblem, PeakCharge, Storage, block


def small(
    price: list[float], load_mw: float, *, storage: Storage | None = None, peak_usd_per_mw: float = 0.0, **more: object
) -> HourlyProblem:
    """A load fed from the grid at these prices, within 100 MW."""
    hours = len(price)
    charge = PeakCharge("annual", np.ones(hours, dtype=np.bool_), ((0.0, peak_usd_per_mw),))
    problem = HourlyProblem(
        firm_mw=np.full(hours, load_mw),
        imports=block("import", hours, 100.0, price),
        storages=() if storage is None else (storage,),
        peaks=(charge,) if peak_usd_per_mw else (),
    )
    return dataclasses.replace(problem, **more)  # type: ignore[arg-type]


def drawn_hours(seed: int, *, several: bool = False) -> HourlyProblem:
    """A random problem of 2 to 300 hours: negative prices, ties, empty blocks, batteries from tiny to seasonal."""
    rng = np.random.default_rng(seed)
    hours = int(rng.integers(2, 300))
    price = rng.choice([30.0, 40.0, 60.0]) + 20.0 * np.sin(np.arange(hours) / 24.0 * 2.0 * np.pi)
    price += rng.normal(0.0, 15.0, hours) + (rng.random(hours) < 0.03) * rng.choice([0.0, 800.0])
    price -= (rng.random(hours) < 0.1) * rng.choice([0.0, 90.0, 300.0])
    if rng.random() < 0.2:
        price = np.round(price / 10.0) * 10.0
    steps = int(rng.integers(1, 3))
    imports = Block("import", rng.uniform(20.0, 60.0, (hours, steps)), price[:, np.newaxis] + 5.0 * np.arange(steps))
    supplies = [block("wind", hours, 20.0 * rng.random(hours), 1.0), block("unserved", hours, 1000.0, 9000.0)]
    if rng.random() < 0.5:
        supplies.append(block("gas", hours, 12.0, 95.0))
    uses = []
    if rng.random() < 0.8:
        uses.append(block("bitcoin", hours, rng.uniform(0.0, 30.0), 52.0))
    if rng.random() < 0.6:
        uses.append(block("export", hours, 10.0, price - 3.0))
    if rng.random() < 0.4:
        uses.append(Block("ai", rng.uniform(0.0, 10.0, (hours, 2)), np.tile([300.0, 200.0], (hours, 1))))
    return HourlyProblem(
        firm_mw=rng.uniform(0.0, 40.0) * (1.0 + 0.2 * rng.random(hours)),
        imports=imports,
        supplies=tuple(supplies),
        uses=tuple(uses),
        storages=_storage(rng) if rng.random() < 0.9 else (),
        peaks=_peaks(rng, hours, several),
        availability=_promise(rng, uses) if several else (),
        import_limit_mw=float(rng.choice([np.inf, 50.0])),
        last_resort=("unserved",),
    )


def _storage(rng: np.random.Generator) -> tuple[Storage, ...]:
    power = float(rng.uniform(0.0, 20.0))
    return (
        Storage(
            "battery",
            power_mw=power,
            energy_mwh=power * float(rng.choice([0.1, 1.0, 2.0, 4.0, 30.0])),
            charge_efficiency=float(rng.choice([0.9, 0.96, 1.0])),
            discharge_efficiency=float(rng.choice([0.9, 0.95, 1.0])),
            standing_loss_per_hour=float(rng.choice([0.0, 1e-4, 1e-2])),
            discharge_cost_usd_per_mwh=float(rng.choice([0.0, 5.0])),
        ),
    )


def _peaks(rng: np.random.Generator, hours: int, several: bool) -> tuple[PeakCharge, ...]:
    charges = []
    for k in range(int(rng.integers(0, 5)) if several else int(rng.random() < 0.7)):
        rate = float(rng.uniform(0.0, 15.0 * hours))
        tiers: tuple[tuple[float, float], ...] = (
            ((0.0, rate), (30.0, 2.0 * rate)) if rng.random() < 0.3 else ((0.0, rate),)
        )
        charges.append(PeakCharge(f"charge {k}", rng.random(hours) < rng.choice([0.05, 0.5, 1.0]), tiers))
    return tuple(charges)


def _promise(rng: np.random.Generator, uses: list[Block]) -> tuple[Availability, ...]:
    if not uses or rng.random() < 0.4:
        return ()
    use = uses[int(rng.integers(len(uses)))]
    return (Availability(use.name, float(use.mw.sum() * rng.uniform(0.0, 0.6)), float(rng.uniform(0.0, 300.0))),)
