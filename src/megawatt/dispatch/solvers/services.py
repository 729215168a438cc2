"""Services to the grid: rows of the linear programme, and the cases that are pieces of an hour's stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.hourly import Block, HourlyPlan, HourlyProblem, Service, Storage
from megawatt.dispatch.solvers.lp import LinearProgram

__all__ = ["ServiceRows", "as_pieces", "not_pieces", "with_awards"]

Index = NDArray[np.int64]
Terms = list[tuple[Index, float]]


def not_pieces(problem: HourlyProblem) -> str:
    """Why a problem's services are no pieces of its uses; empty if they are."""
    uses = {b.name for b in problem.uses}
    for service in problem.services:
        if service.called_frac > 0.0:
            return f"service {service.name} is called; the exact solver has services that are held ready alone"
        if service.down or len(service.providers) != 1 or service.providers[0] not in uses:
            return f"service {service.name} is not held up by one use alone"
    return ""


def as_pieces(problem: HourlyProblem) -> HourlyProblem:
    """A problem whose services are additions to what their use earns: a MW that runs earns what holding it pays.

    The first MW that run hold the service that pays most, the next the second, each up to what is enrolled; both
    ladders fall, so a use remains concave.
    """
    uses = tuple(_with_ladder(b, [s for s in problem.services if b.name in s.providers]) for b in problem.uses)
    return replace(problem, uses=uses, services=())


def _ladder(services: list[Service]) -> tuple[FloatArray, FloatArray, Index]:
    """Most power and pay of services sorted by pay, (hours, s), and their order; what pays nothing is left out."""
    pay = np.stack([s.paid_usd_per_mw for s in services], axis=1)
    most = np.where(pay > 0.0, np.stack([s.most_mw for s in services], axis=1), 0.0)
    order = np.argsort(-pay, axis=1, kind="stable")
    return np.take_along_axis(most, order, axis=1), np.take_along_axis(pay, order, axis=1), order


def _with_ladder(block: Block, services: list[Service]) -> Block:
    if not services:
        return block
    order = np.argsort(-block.usd_per_mwh, axis=1, kind="stable")
    width, worth = (np.take_along_axis(a, order, axis=1) for a in (block.mw, block.usd_per_mwh))
    most, pay, _ = _ladder(services)
    ends, steps = np.cumsum(width, axis=1), np.cumsum(most, axis=1)
    cuts = np.sort(np.concatenate((ends, np.minimum(steps, ends[:, -1:])), axis=1), axis=1)
    mw = np.diff(cuts, axis=1, prepend=0.0)
    middle = cuts - 0.5 * mw
    at = np.minimum((middle[:, :, np.newaxis] >= ends[:, np.newaxis, :]).sum(axis=2), width.shape[1] - 1)
    held = (middle[:, :, np.newaxis] >= steps[:, np.newaxis, :]).sum(axis=2)
    none = np.zeros((pay.shape[0], 1))
    extra = np.take_along_axis(np.concatenate((pay, none), axis=1), held, axis=1)
    return replace(block, mw=mw, usd_per_mwh=np.take_along_axis(worth, at, axis=1) + extra)


def with_awards(problem: HourlyProblem, plan: HourlyPlan) -> HourlyPlan:
    """A plan of `as_pieces` with what each service holds."""
    mw = dict(plan.mw)
    for block in problem.uses:
        services = [s for s in problem.services if block.name in s.providers]
        if services:
            most, _, order = _ladder(services)
            taken = np.clip(plan.mw[block.name][:, np.newaxis] - (np.cumsum(most, axis=1) - most), 0.0, most)
            awards = np.empty_like(taken)
            np.put_along_axis(awards, order, taken, axis=1)
            mw |= {s.award(block.name): awards[:, i] for i, s in enumerate(services)}
    return replace(plan, mw=MappingProxyType(mw))


@dataclass(slots=True)
class ServiceRows:
    """Variables and rows of the services of one programme, and what flows are with their calls."""

    lp: LinearProgram
    problem: HourlyProblem
    priced: float
    balance: Terms = field(default_factory=list)
    state: dict[str, Terms] = field(default_factory=dict)
    """Called energy in a storage's own balance, by storage."""
    _awards: dict[str, Index] = field(default_factory=dict)

    def block(self, block: Block, power: Index, sign: float) -> None:
        """A use (sign -1) or supply (1): when a service is called it runs at another power, of a state of its own."""
        held = [s for s in self.problem.services if block.name in s.providers]
        up: Terms = []
        down: Terms = []
        for service in held:
            award = self._award(service, block.name)
            raised = (sign > 0.0) != service.down
            (up if raised else down).append((award, 1.0))
            if service.called_frac > 0.0:
                f = service.called_frac
                cost = sign * self.priced * f * block.usd_per_mwh
                name = f"{service.award(block.name)}.called"
                state = self.lp.variables(name, block.mw.shape, upper=block.mw, cost=cost)
                change = 1.0 if raised else -1.0
                self.lp.rows(name, [(state, 1.0), (power, -1.0), (award, -change)], lower=0.0, upper=0.0)
                self.balance.append((state, sign * f))
        if up:
            self.lp.rows(f"{block.name}.held above", [(power, 1.0), *up], upper=block.mw.sum(axis=1))
        if down:
            self.lp.rows(f"{block.name}.held below", [(power, 1.0), *((a, -1.0) for a, _ in down)], lower=0.0)

    def share_uncalled(self, name: str) -> float:
        """Share of the time in which no service calls a use or supply."""
        return 1.0 - sum(s.called_frac for s in self.problem.services if name in s.providers)

    def storage(self, store: Storage, charge: Index, discharge: Index, state: Index) -> None:
        """A storage: power and energy that its services need beside what it does."""
        held = [s for s in self.problem.services if store.name in s.providers]
        self.state[store.name] = []
        ends: dict[bool, Terms] = {False: [], True: []}
        rooms: dict[bool, Terms] = {False: [], True: []}
        for service in held:
            award = self._award(service, store.name)
            ends[service.down].append((award, 1.0))
            per_mw = store.charge_efficiency if service.down else -1.0 / store.discharge_efficiency
            rooms[service.down].append((award, service.duration_hours * per_mw))
            if service.called_frac > 0.0:
                f = service.called_frac
                self.state[store.name].append((award, -f * per_mw))
                self.balance.append((award, -f if service.down else f))
        if ends[False]:
            flow = [(discharge, 1.0), (charge, -1.0), *ends[False]]
            self.lp.rows(f"{store.name}.held up", flow, upper=store.power_mw)
            self.lp.rows(f"{store.name}.energy up", [(state, 1.0), *rooms[False]], lower=0.0)
        if ends[True]:
            flow = [(charge, 1.0), (discharge, -1.0), *ends[True]]
            self.lp.rows(f"{store.name}.held down", flow, upper=store.power_mw)
            self.lp.rows(f"{store.name}.energy down", [(state, 1.0), *rooms[True]], upper=store.energy_mwh)

    def totals(self, imports: Index) -> None:
        """No more is held than is enrolled; what is held down must fit the connection."""
        below: Terms = []
        for service in self.problem.services:
            parts = [(self._awards[service.award(p)], 1.0) for p in service.providers]
            self.lp.rows(f"service.{service.name}", parts, upper=service.most_mw)
            below += parts if service.down else []
        if below:
            most = np.minimum(self.problem.imports.mw.sum(axis=1), self.problem.import_limit_mw)
            self.lp.rows("connection.held", [(imports, 1.0), *below], upper=most)

    def _award(self, service: Service, provider: str) -> Index:
        name = service.award(provider)
        storage = next((s for s in self.problem.storages if s.name == provider), None)
        wear = storage.discharge_cost_usd_per_mwh if storage is not None and not service.down else 0.0
        cost = self.priced * (service.called_frac * wear - service.paid_usd_per_mw)
        self._awards[name] = self.lp.variables(name, self.problem.hours, cost=cost)
        return self._awards[name]

    def flows(self, values: Mapping[str, FloatArray], mw: dict[str, FloatArray]) -> None:
        """Put awards into the plan's powers, and calls into the flows of what is called."""
        for block in (*self.problem.supplies, *self.problem.uses):
            mw[block.name] = self.share_uncalled(block.name) * mw[block.name]
        for service in self.problem.services:
            for provider in service.providers:
                award = values[service.award(provider)]
                mw[service.award(provider)] = award
                called = f"{service.award(provider)}.called"
                if called in values:
                    mw[provider] = mw[provider] + service.called_frac * values[called].sum(axis=1)
                elif any(s.name == provider for s in self.problem.storages):
                    flow = f"{provider}.{'charge' if service.down else 'discharge'}"
                    mw[flow] = mw[flow] + service.called_frac * award
