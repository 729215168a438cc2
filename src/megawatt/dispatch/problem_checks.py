"""Whether an hourly problem can be solved at all: shapes, signs and names."""

from __future__ import annotations

import itertools

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.hourly import HourlyProblem, PeakCharge, Service, Storage
from megawatt.errors import Problem, ScenarioError

__all__ = ["check_problem"]


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
    for tiers in problem.energy_tiers:
        found += _peak_problems(PeakCharge(tiers.name, tiers.hours, ((0.0, 0.0),)), problem.hours)
    used = {b.name for b in problem.uses}
    found += [
        Problem(f"availability.{a.use}", "no such use", f"one of {', '.join(sorted(used)) or 'none'}")
        for a in problem.availability
        if a.use not in used
    ]
    able = {*used, *(b.name for b in problem.supplies), *(s.name for s in problem.storages)}
    for service in problem.services:
        found += _service_problems(service, problem.hours, able)
    for name in sorted(able):
        share = sum(service.called_frac for service in problem.services if name in service.providers)
        if share > 1.0:
            found.append(Problem("services.called_frac", f"{share:g} of the time for {name}", "at most 1 together"))
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


def _service_problems(s: Service, hours: int, able: set[str]) -> list[Problem]:
    where = f"services.{s.name}"
    found = _array(f"{where}.most_mw", s.most_mw, (hours,), least=0.0)
    found += _array(f"{where}.usd_per_mw", s.usd_per_mw, (hours,))
    found += [
        Problem(f"{where}.providers", name, f"one of {', '.join(sorted(able))}")
        for name in s.providers
        if name not in able
    ]
    if not 0.0 <= s.called_frac <= 1.0:
        found.append(Problem(f"{where}.called_frac", f"{s.called_frac}", "0 to 1"))
    if not (np.isfinite(s.duration_hours) and s.duration_hours >= 0.0):
        found.append(Problem(f"{where}.duration_hours", f"{s.duration_hours}", "a finite number >= 0"))
    return found


def _peak_problems(charge: PeakCharge, hours: int) -> list[Problem]:
    where = f"peaks.{charge.name}"
    if charge.hours.shape != (hours,) or charge.hours.dtype != np.bool_:
        return [Problem(f"{where}.hours", f"{charge.hours.dtype} {charge.hours.shape}", f"bool ({hours},)")]
    weight = charge.weight
    if weight is not None and not (
        weight.shape == (hours,) and np.isfinite(weight).all() and np.array_equal(weight > 0.0, charge.hours)
    ):
        return [Problem(f"{where}.weight", f"shape {weight.shape}", f"({hours},), above 0 in its hours, 0 elsewhere")]
    starts, rates = [t[0] for t in charge.tiers], [t[1] for t in charge.tiers]
    if not starts or starts[0] != 0.0 or any(b <= a for a, b in itertools.pairwise(starts)):
        return [Problem(f"{where}.tiers", f"from {starts} MW", "rising levels, the first 0")]
    if not all(np.isfinite(rate) and rate >= 0.0 for rate in rates):
        return [Problem(f"{where}.tiers", f"{rates} USD/MW", "finite rates >= 0")]
    return []
