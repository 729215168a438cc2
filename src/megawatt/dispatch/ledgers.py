"""Where the money of a plan comes from: energy and dollars by block, charge and storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.dispatch.hourly import Block, HourlyPlan, HourlyProblem, missing_usd
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR, monthly_sum

__all__ = [
    "BLOCKS",
    "Entry",
    "earned_usd",
    "ledger",
    "monthly_charge_usd",
    "monthly_usd",
    "plan_cost_usd",
    "tariff_usd",
]


BLOCKS: Final = "blocks less the market"
"""Line of energy bought ahead: its price less its sale at the node, whatever runs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what it is, its energy (MW of a peak charge, MW-h of a service), and its money (earned: positive)."""

    name: str
    amount: float
    unit: str
    usd: float
    carbon_t: float = 0.0


def _segments_usd(block: Block, mw: FloatArray, *, use: bool = False) -> FloatArray:
    """What a block costs by hour at this power, its best segments first (a use: earns). [USD], (hours,)

    Segments of a supply fill from the cheapest, those of a use from the dearest.
    """
    order = np.argsort(-block.usd_per_mwh if use else block.usd_per_mwh, axis=1, kind="stable")
    width, price = (np.take_along_axis(a, order, axis=1) for a in (block.mw, block.usd_per_mwh))
    taken = np.clip(mw[:, np.newaxis] - (np.cumsum(width, axis=1) - width), 0.0, width)
    return np.asarray((taken * price).sum(axis=1), dtype=np.float64)


def _block_usd(problem: HourlyProblem, mw: Mapping[str, FloatArray], block: Block, *, use: bool = False) -> FloatArray:
    """The same of a plan: in called hours the block runs at another power by what it holds ready."""
    held = [s for s in problem.services if block.name in s.providers and s.called_frac > 0.0]
    if not held:
        return _segments_usd(block, mw[block.name], use=use)
    moves = [(s.called_frac, (1.0 if use == s.down else -1.0) * mw[s.award(block.name)]) for s in held]
    usual = mw[block.name] - sum(share * move for share, move in moves)
    usd = (1.0 - sum(share for share, _ in moves)) * _segments_usd(block, usual, use=use)
    return np.asarray(usd + sum(share * _segments_usd(block, usual + move, use=use) for share, move in moves))


def _services_usd(problem: HourlyProblem, mw: Mapping[str, FloatArray]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Power held ready by each service and what it is paid, by hour. [MW], [USD], (hours,)"""
    held = {s.name: np.sum([mw[s.award(p)] for p in s.providers], axis=0) for s in problem.services}
    return {s.name: (held[s.name], s.paid_usd_per_mw * held[s.name]) for s in problem.services}


def _use_usd(problem: HourlyProblem, mw: Mapping[str, FloatArray], block: Block) -> FloatArray:
    """What a use earns by hour: its price, or its contract's pay by the share of its energy served. [USD], (hours,)"""
    if block.contract_usd is None:
        return _block_usd(problem, mw, block, use=True)
    return block.contract_usd * mw[block.name] / max(float(block.mw.sum()), 1e-9)


def monthly_usd(problem: HourlyProblem, plan: HourlyPlan) -> dict[str, FloatArray]:
    """What each block, storage and charge of a site year earns (costs: negative) by month. [USD], (12,) each"""
    hourly = {b.name: -_block_usd(problem, plan.mw, b) for b in (problem.imports, *problem.supplies)}
    hourly |= {b.name: _use_usd(problem, plan.mw, b) for b in problem.uses}
    hourly |= {name: usd for name, (_, usd) in _services_usd(problem, plan.mw).items()}
    hourly |= {s.name: -s.discharge_cost_usd_per_mwh * plan.mw[f"{s.name}.discharge"] for s in problem.storages}
    monthly = {name: monthly_sum(usd) for name, usd in hourly.items()}
    for charge in problem.peaks:
        held = np.unique(MONTH_OF_HOUR[charge.hours])
        usd = np.zeros(12)
        usd[held] = -charge.cost_usd(plan.peak_mw[charge.name]) / max(held.size, 1)
        monthly[f"peak charge {charge.name}"] = usd
    imports = plan.mw[problem.imports.name]
    for tiers in problem.energy_tiers:
        monthly[tiers.name] = _in_month(tiers.hours, -tiers.cost_usd(tiers.energy_mwh(imports)))
    for minimum in problem.minimums:
        monthly[f"minimum {minimum.name}"] = _in_month(minimum.hours, -missing_usd(problem, minimum, imports))
    if problem.fixed_usd:
        monthly["fixed charges"] = np.full(12, -problem.fixed_usd / 12.0)
    if problem.blocks_usd is not None:
        monthly[BLOCKS] = -problem.blocks_usd
    return monthly


def monthly_charge_usd(problem: HourlyProblem, plan: HourlyPlan) -> FloatArray:
    """What the tariff charges beside each MWh (peaks, tiers, minimums, fixed) by month, (12,). [USD]

    Of hours that are no site year, charges on peaks alone, spread evenly.
    """
    if problem.hours != HOURS_IN_YEAR:
        owed = sum(charge.cost_usd(plan.peak_mw[charge.name]) for charge in problem.peaks)
        return np.full(12, owed / 12.0)
    own = {b.name for b in (problem.imports, *problem.supplies, *problem.uses)}
    own |= {BLOCKS} | {s.name for s in problem.storages} | {s.name for s in problem.services}
    charges = [-usd for name, usd in monthly_usd(problem, plan).items() if name not in own]
    return np.asarray(np.sum(charges, axis=0) if charges else np.zeros(12), dtype=np.float64)


def _in_month(hours: BoolArray, usd: float) -> FloatArray:
    """An amount in the month that these hours lie in, (12,)."""
    return np.where(np.arange(12) == MONTH_OF_HOUR[int(np.argmax(hours))], usd, 0.0)


def ledger(problem: HourlyProblem, plan: HourlyPlan) -> tuple[Entry, ...]:
    """The plan's account, line by line.

    The sum of ``usd`` is minus the plan's objective, but for contracted uses: the objective holds them at what keeps
    them running, the account at what they are paid.
    """
    lines = []
    for block in (problem.imports, *problem.supplies):
        mw = plan.mw[block.name]
        carbon = 0.0 if block.carbon_kg_per_mwh is None else float(mw @ block.carbon_kg_per_mwh) / 1000.0
        lines.append(
            Entry(block.name, float(mw.sum()), "MWh", -float(_block_usd(problem, plan.mw, block).sum()), carbon)
        )
    for block in problem.uses:
        mw = plan.mw[block.name]
        lines.append(Entry(block.name, float(mw.sum()), "MWh", float(_use_usd(problem, plan.mw, block).sum())))
    for name, (held, usd) in _services_usd(problem, plan.mw).items():
        lines.append(Entry(name, float(held.sum()), "MW-h", float(usd.sum())))
    for storage in problem.storages:
        out = float(plan.mw[f"{storage.name}.discharge"].sum())
        lines.append(Entry(f"{storage.name} discharge", out, "MWh", -storage.discharge_cost_usd_per_mwh * out))
    imports = plan.mw[problem.imports.name]
    for charge in problem.peaks:
        peak = plan.peak_mw[charge.name]
        lines.append(Entry(f"peak charge {charge.name}", peak, "MW", -charge.cost_usd(peak)))
    for tiers in problem.energy_tiers:
        energy = tiers.energy_mwh(imports)
        lines.append(Entry(f"energy by tiers {tiers.name}", energy, "MWh", -tiers.cost_usd(energy)))
    for minimum in problem.minimums:
        missing = missing_usd(problem, minimum, imports)
        lines.append(Entry(f"to the minimum bill {minimum.name}", minimum.least_usd, "USD", -missing))
    if problem.fixed_usd:
        lines.append(Entry("fixed charges", problem.fixed_usd, "USD", -problem.fixed_usd))
    if problem.blocks_usd is not None:
        ahead = float(problem.blocks_usd.sum())
        lines.append(Entry(BLOCKS, ahead, "USD", -ahead))
    for promise in problem.availability:
        offered = next(b for b in problem.uses if b.name == promise.use)
        missed = max(float(offered.mw.sum() - plan.mw[promise.use].sum()) - promise.free_mwh, 0.0)
        lines.append(Entry(f"credits for {promise.use}", missed, "MWh", -missed * promise.credit_usd_per_mwh))
    return tuple(lines)


def earned_usd(book: Iterable[Entry]) -> float:
    """Revenue less cost of a plan's account: minus its objective, with contracted uses at what they are paid. [USD]"""
    return sum(entry.usd for entry in book)


def tariff_usd(problem: HourlyProblem, import_mw: FloatArray) -> float:
    """What peaks, tiers, minimum bills, fixed charges and blocks cost at this import, (hours,). [USD]"""
    cost = problem.owed_usd + sum(c.cost_usd(c.metered_mw(import_mw)) for c in problem.peaks)
    cost += sum(t.cost_usd(t.energy_mwh(import_mw)) for t in problem.energy_tiers)
    return cost + sum(missing_usd(problem, minimum, import_mw) for minimum in problem.minimums)


def plan_cost_usd(problem: HourlyProblem, mw: Mapping[str, FloatArray]) -> float:
    """Cost less revenue of a year whose blocks run at these powers, with the peaks that they reach. [USD]"""
    imports = mw[problem.imports.name]
    cost = sum(float(_block_usd(problem, mw, b).sum()) for b in (problem.imports, *problem.supplies))
    cost -= sum(float(_block_usd(problem, mw, b, use=True).sum()) for b in problem.uses)
    cost -= sum(float(usd.sum()) for _, usd in _services_usd(problem, mw).values())
    cost += sum(s.discharge_cost_usd_per_mwh * float(mw[f"{s.name}.discharge"].sum()) for s in problem.storages)
    cost += tariff_usd(problem, imports)
    for promise in problem.availability:
        offered = next(b for b in problem.uses if b.name == promise.use)
        missed = float(offered.mw.sum() - mw[promise.use].sum()) - promise.free_mwh
        cost += promise.credit_usd_per_mwh * max(missed, 0.0)
    return float(cost)
