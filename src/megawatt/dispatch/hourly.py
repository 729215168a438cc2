"""The general hourly problem: blocks of supply and use, grid import, storage, peak charges; and its optimum."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import Problem, ScenarioError

__all__ = ["Availability", "Block", "HourlyPlan", "HourlyProblem", "PeakCharge", "Storage", "check_problem"]


@dataclass(frozen=True, slots=True)
class Block:
    """A supply or a use of energy by hour, as one or more segments.

    ``mw`` and ``usd_per_mwh`` have shape (hours, k): most power of each segment, and what its energy costs (a supply)
    or earns (a use). Supplies are used cheapest first and uses dearest first, which is the optimum only if the
    segments are independent; a rising cost (falling value) along k is what a convex physical curve gives.
    ``carbon_kg_per_mwh`` (hours,) is for the account; a carbon price belongs in ``usd_per_mwh`` too. So is
    ``contract_usd``: what the year's whole energy of a use earns where a contract pays for it; ``usd_per_mwh`` then
    only says what keeps it running.
    """

    name: str
    mw: FloatArray
    usd_per_mwh: FloatArray
    carbon_kg_per_mwh: FloatArray | None = None
    contract_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery. Power limits hold at the bus for charge and discharge separately.

    state(t) = (1 - standing_loss_per_hour) * state(t - 1) + charge_efficiency * charge
    - discharge / discharge_efficiency, 0 <= state <= energy_mwh, the year's end equal to its beginning.
    """

    name: str
    power_mw: float
    energy_mwh: float
    charge_efficiency: float
    discharge_efficiency: float
    standing_loss_per_hour: float = 0.0
    discharge_cost_usd_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True)
class PeakCharge:
    """A charge on the highest grid import among some hours.

    ``tiers``: (from MW, USD per MW and year) in rising order, the first from 0: the rate of each MW of peak beyond
    that level. Rates that do not fall make the charge convex.
    """

    name: str
    hours: NDArray[np.bool_]
    tiers: tuple[tuple[float, float], ...]

    def cost_usd(self, peak_mw: float) -> float:
        """The year's charge at this peak. [USD]"""
        ends = (*(start for start, _ in self.tiers[1:]), np.inf)
        return sum(
            rate * max(min(peak_mw, end) - start, 0.0) for (start, rate), end in zip(self.tiers, ends, strict=True)
        )

    def rate_usd_per_mw(self, peak_mw: float) -> float:
        """What one more MW of peak costs. [USD/MW]"""
        return next(rate for start, rate in reversed(self.tiers) if start <= peak_mw or start == 0.0)


@dataclass(frozen=True, slots=True)
class Availability:
    """Contracted availability of a use: what is not served beyond ``free_mwh`` a year costs a credit per MWh.

    The credit comes on top of the revenue lost.
    """

    use: str
    free_mwh: float
    credit_usd_per_mwh: float


@dataclass(frozen=True, slots=True)
class HourlyProblem:
    """What may run in each hour, what it earns and costs; hourly arrays of equal length.

    Attributes
    ----------
    firm_mw : (hours,)
        Load that must be served, >= 0.
    imports : Block
        Energy from the grid; what the peak charges meter. Upper bounds are the connection's hourly limit.
    supplies, uses : tuple of Block
        Own generation and unserved load at its penalty; halls, miners and export.
    storages : tuple of Storage
    peaks : tuple of PeakCharge
    availability : tuple of Availability
    import_limit_mw : float
        Most import in any hour (on top of the blocks' bounds).
    last_resort : tuple of str
        Supplies that stand for load not served.
    """

    firm_mw: FloatArray
    imports: Block
    supplies: tuple[Block, ...] = ()
    uses: tuple[Block, ...] = ()
    storages: tuple[Storage, ...] = ()
    peaks: tuple[PeakCharge, ...] = ()
    availability: tuple[Availability, ...] = ()
    import_limit_mw: float = np.inf
    last_resort: tuple[str, ...] = ()

    @property
    def hours(self) -> int:
        """Number of hours."""
        return self.firm_mw.size

    @property
    def price_usd_per_mwh(self) -> FloatArray:
        """Price of grid energy, its cheapest segment, (hours,). [USD/MWh]"""
        return np.asarray(self.imports.usd_per_mwh.min(axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class HourlyPlan:
    """Optimum of an hourly problem.

    ``objective_usd`` is cost minus revenue. ``mw`` maps each block to its power by hour (hours,), storages to
    ``NAME.charge``, ``NAME.discharge`` and ``NAME.state`` [MWh]. ``peak_mw`` maps peak charges to the metered peak.
    ``bus_usd_per_mwh`` (hours,) is what one more MWh of firm load would cost. ``gap_usd`` bounds the distance to the
    optimum as the solver proved it.
    """

    objective_usd: float
    mw: Mapping[str, FloatArray]
    peak_mw: Mapping[str, float]
    bus_usd_per_mwh: FloatArray
    gap_usd: float
    solver: str
    solve_s: float


def check_problem(problem: HourlyProblem) -> None:
    """Check shapes, signs and names of an hourly problem.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    found = _array("firm_mw", problem.firm_mw, (problem.hours,), least=0.0)
    blocks = (problem.imports, *problem.supplies, *problem.uses)
    names = [b.name for b in blocks] + [s.name for s in problem.storages]
    found += [Problem(name, "given twice", "one block of each name") for name in set(names) if names.count(name) > 1]
    for block in blocks:
        shape = (problem.hours, block.mw.shape[1] if block.mw.ndim == 2 else 1)
        found += _array(f"{block.name}.mw", block.mw, shape, least=0.0)
        found += _array(f"{block.name}.usd_per_mwh", block.usd_per_mwh, shape)
    for storage in problem.storages:
        found += _storage_problems(storage)
    for charge in problem.peaks:
        found += _peak_problems(charge, problem.hours)
    used = {b.name for b in problem.uses}
    found += [
        Problem(f"availability.{a.use}", "no such use", f"one of {', '.join(sorted(used)) or 'none'}")
        for a in problem.availability
        if a.use not in used
    ]
    if not problem.import_limit_mw >= 0.0:
        found.append(Problem("import_limit_mw", f"{problem.import_limit_mw} MW", ">= 0"))
    if found:
        raise ScenarioError(f"hourly problem: {len(found)} inputs are wrong: {found[0]}", found)


def _array(name: str, values: FloatArray, shape: tuple[int, ...], least: float = -np.inf) -> list[Problem]:
    if values.shape != shape:
        return [Problem(name, f"shape {values.shape}", f"{shape}, one row per hour")]
    bad = np.argwhere(~(np.isfinite(values) & (values >= least)))
    if bad.size:
        where = tuple(int(i) for i in bad[0])
        allowed = "finite numbers" if least == -np.inf else f"finite numbers >= {least:g}"
        return [Problem(name, f"{values[where]} in hour {where[0]}", allowed)]
    return []


def _storage_problems(s: Storage) -> list[Problem]:
    found = []
    for name in ("power_mw", "energy_mwh", "discharge_cost_usd_per_mwh"):
        value = getattr(s, name)
        if not (np.isfinite(value) and value >= 0.0):
            found.append(Problem(f"{s.name}.{name}", f"{value}", "a finite number >= 0"))
    for name in ("charge_efficiency", "discharge_efficiency"):
        if not 0.0 < getattr(s, name) <= 1.0:
            found.append(Problem(f"{s.name}.{name}", f"{getattr(s, name)}", "above 0, at most 1"))
    if not 0.0 <= s.standing_loss_per_hour < 1.0:
        found.append(Problem(f"{s.name}.standing_loss_per_hour", f"{s.standing_loss_per_hour}", "at least 0, below 1"))
    return found


def _peak_problems(charge: PeakCharge, hours: int) -> list[Problem]:
    where = f"peaks.{charge.name}"
    if charge.hours.shape != (hours,) or charge.hours.dtype != np.bool_:
        return [Problem(f"{where}.hours", f"{charge.hours.dtype} {charge.hours.shape}", f"bool ({hours},)")]
    starts, rates = [t[0] for t in charge.tiers], [t[1] for t in charge.tiers]
    if not starts or starts[0] != 0.0 or any(b <= a for a, b in itertools.pairwise(starts)):
        return [Problem(f"{where}.tiers", f"from {starts} MW", "rising levels, the first 0")]
    if not all(np.isfinite(rate) and rate >= 0.0 for rate in rates):
        return [Problem(f"{where}.tiers", f"{rates} USD/MW", "finite rates >= 0")]
    if any(b < a for a, b in itertools.pairwise(rates)):
        hint = "a falling rate rewards a higher peak and has no single optimum; use its average"
        return [Problem(f"{where}.tiers", f"{rates} USD/MW", "rates that do not fall", hint)]
    return []
