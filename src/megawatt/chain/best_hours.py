"""The hours of the longest phase of `megawatt best`, for the search over sizes: what stands there, and what it pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.best_records import WIDER, Candidate, Programme, SizedPlant
from megawatt.dispatch import Block, HourlyProblem, Storage
from megawatt.dispatch.hour_cuts import HourCuts, Kind, Sizable
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["chosen_hours"]

_KINDS: Final[dict[str, Kind]] = {"battery_mw": "power", "battery_mwh": "energy"}
"""Sizes that are of the battery."""


def chosen_hours(
    asked: Programme, live: Sequence[tuple[Candidate, float]], plants: Sequence[SizedPlant], storage: Storage | None
) -> tuple[HourCuts, list[float]]:
    """The year with a connection, candidates (and their largest sizes) and plants of any size, in present value.

    Returns
    -------
    (HourCuts, list of float)
        Sizes in this order: connection, candidates, plants; and what the hours of one of each candidate cost as they
        stand, with nothing held back. [USD]
    """
    most, price = WIDER * asked.limits.grid_mw, asked.price_usd_per_mwh * asked.per_year
    # it costs nothing, so it is as large as its limit: far below, every load is short and a year teaches nothing
    things = [Sizable("connection", asked.limits.grid_mw / WIDER, most, 0.0, limit_mw=np.ones(HOURS_IN_YEAR))]
    paid = []
    for c, largest in live:
        share, earned = c.live[asked.main], c.margin_usd_per_mwh * c.per_year[asked.main]
        blocks = tuple(
            Block(f"{c.name} {k}", share * c.flexible_mw[:, [k]], (earned[:, k] + price)[:, np.newaxis])
            for k in range(c.flexible_mw.shape[1])
        )
        worth = -max(c.worth_usd, 0.0)  # tells how dear load not served must be; the programme holds the worth itself
        things.append(Sizable(c.name, 0.0, largest, worth, firm_mw=share * c.firm_mw, uses=blocks))
        paid.append(float(share) * (float(c.firm_mw @ price) - float((c.flexible_mw * earned).sum())))
    things += [_plant(asked, plant, price) for plant in plants]
    own: tuple[Storage, ...] = ()
    if storage is not None:
        wear = storage.discharge_cost_usd_per_mwh * asked.per_year
        own = (replace(storage, power_mw=0.0, energy_mwh=0.0, discharge_cost_usd_per_mwh=wear),)
    grid = Block("import", np.full((HOURS_IN_YEAR, 1), most), price[:, np.newaxis])
    problem = HourlyProblem(np.zeros(HOURS_IN_YEAR), grid, storages=own)
    return HourCuts(problem, tuple(things), _sold(asked, plants)), paid


def _plant(asked: Programme, plant: SizedPlant, price: FloatArray) -> Sizable:
    """A plant in the hours: what it gives, and what of it may be sold (as `megawatt dispatch` has it)."""
    kind, cost = _KINDS.get(plant.name, ""), plant.cost_usd_per_mwh * asked.per_year
    supplies: tuple[Block, ...] = ()
    if plant.output_mw is not None:
        supplies = (Block(plant.name, plant.output_mw[:, np.newaxis], np.full((HOURS_IN_YEAR, 1), cost)),)
    sold = None
    if asked.export_usd_per_mwh is not None and kind != "energy":
        gain = asked.export_usd_per_mwh * asked.per_year
        own = np.ones(HOURS_IN_YEAR) if plant.output_mw is None else plant.output_mw
        sold = np.where(gain <= price if plant.output_mw is None else cost <= np.minimum(gain, price), own, 0.0)
    return Sizable(plant.name, plant.least, plant.widest, 0.0, supplies=supplies, battery=kind, sold_mw=sold)


def _sold(asked: Programme, plants: Sequence[SizedPlant]) -> Block | None:
    """What may be sold at most."""
    if asked.export_mw <= 0.0 or asked.export_usd_per_mwh is None or not plants:
        return None
    price = (asked.export_usd_per_mwh * asked.per_year)[:, np.newaxis]
    return Block("export", np.full((HOURS_IN_YEAR, 1), asked.export_mw), price)
