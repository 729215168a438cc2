"""Candidates of a mixed site and the search for the best mix of them: sizes by the programme, values by the chain."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.best_plants import sized_plants
from megawatt.chain.best_programme import segments, solve_frontier, solve_programme, solve_safest
from megawatt.chain.best_records import Candidate, Limits, Programme, Sized, Tail
from megawatt.chain.mixed import MixedPart, MixedSite, forge_parts, site_of, water_m3
from megawatt.chain.mixed_risk import simulate_mixed, simulate_parts
from megawatt.chain.mixed_shared import load_site, part_hours, plants_at, tax_left, worth_of_months
from megawatt.dispatch import Storage
from megawatt.errors import InfeasibleError
from megawatt.risk import tail_mean
from megawatt.risk.factors import simulate_factors
from megawatt.scenario.mixed import LoadedMix
from megawatt.scenario.site_miners import number

__all__ = ["Bound", "FrontierPoint", "MixValue", "Search", "Unfit"]

_MOST_SEARCHED: Final = 200
"""Sets of candidates that the search for a smaller probability of missed service looks at."""
_LIMITS: Final = {
    "grid_mw": "grid_mw",
    "capital_usd": "best.capital_usd",
    "water_m3": "water_m3_per_year",
    "carbon_t": "best.carbon_t_per_year",
}
"""Limits of the programme, and what the file calls them."""
_QUICK: Final = 13
"""Hours from one to the next where only limits are looked at."""
_LEAST_USD: Final = 1.0
"""Price of a bound below which it does not bind."""
_MARGIN_PATHS: Final = 1024
"""Paths of which the mean margin of miners is taken."""


@dataclass(frozen=True)
class MixValue:
    """A mix as the chain values it.

    ``value_usd`` is the mean net present value over the simulated paths, ``error_usd`` its standard error,
    ``base_usd`` that of the base case, ``tail_usd`` the mean of the worst paths, ``idle_mw`` what of the connection no
    hall ever draws with all parts live; ``note`` says why it is smaller than its bound, or there at all.
    """

    name: str
    scales: Mapping[str, float]
    plants: Mapping[str, float]
    value_usd: float
    error_usd: float
    base_usd: float
    tail_usd: float
    probability_missed: float | None
    capital_usd: float
    idle_mw: float
    note: str = ""


@dataclass(frozen=True)
class Unfit:
    """A business, or a way of one, that has no size here, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Bound:
    """A bound of a size that binds, by its path in the file, and what one more unit of it is worth.

    ``usd_per_unit`` is of a scale, or of a plant's MW or MWh; below 0 for a least size: what one more costs;
    ``usd_per_mw`` of a MW that the part draws at most.
    """

    path: str
    name: str
    usd_per_unit: float
    usd_per_mw: float | None


@dataclass(frozen=True)
class FrontierPoint:
    """A mix of most mean value among those whose worst paths are worth at least so much. [USD]"""

    scales: Mapping[str, float]
    plants: Mapping[str, float]
    value_usd: float
    tail_usd: float
    probability_missed: float | None


class Search:
    """Candidates of a mixed site with what was computed of them once."""

    def __init__(self, loaded: LoadedMix, workers: int, progress: Callable[[str], None]) -> None:
        self.loaded, self.asked, self.workers = loaded, loaded.mix.best, workers
        self.common = load_site(loaded)
        every = forge_parts(loaded, progress)
        self.left_out, self.parts = _within(every, loaded)
        models = {part.name: part.links.model.committed(part.base) for part in self.parts}
        self.owners = number(self.asked.cost_of_equity)
        self.risk = simulate_parts(models, self.asked.paths, loaded.mix.seed, workers, self.owners)
        none = [replace(part, scale=0.0) for part in self.parts]
        self.empty = site_of(loaded, none, self.common)
        self.programme = self._programme()

    def _programme(self) -> Programme:
        mix, phases = self.loaded.mix, self.empty.phases
        rate = self.common.scenario.discount_rate.number() if self.owners is None else self.owners
        weights = worth_of_months(rate, self.empty.months)
        by_phase = np.array([weights[self.empty.phase == p].sum() for p in range(len(phases))])
        by_phase = np.where(phases.max(axis=1) > 0.0, by_phase, -1.0)
        main = int(np.argmax(by_phase * np.maximum(phases.sum(axis=1), 1e-9)))
        price = self.common.problem.price_usd_per_mwh + self.common.problem.adder_usd_per_mwh
        operating = weights[phases.max(axis=1)[self.empty.phase] > 0.0].sum() / 12.0
        keep = tax_left(self.common)
        limits = Limits(
            grid_mw=mix.grid_mw.number(),
            capital_usd=number(self.asked.capital_usd),
            water_m3=number(mix.water_m3_per_year),
            carbon_t=number(self.asked.carbon_t_per_year),
        )
        export = self.common.plants.assets
        return Programme(
            candidates=tuple(self._candidate(i, part) for i, part in enumerate(self.parts)),
            plants=sized_plants(self.loaded, self.common),
            storage=self._storage(),
            limits=limits,
            price_usd_per_mwh=price,
            carbon_kg_per_mwh=self.common.problem.carbon_kg_per_mwh,
            per_year=float(operating) * keep,
            main=main,
            export_mw=export.export_limit_mw,
            export_usd_per_mwh=export.export_price_usd_per_mwh,
        )

    def _storage(self) -> Storage | None:
        battery = self.common.scenario.battery
        if battery is None:
            return None
        sized = plants_at(self.loaded, self.common, {"battery_mw": 1.0, "battery_mwh": 1.0})
        return sized.plants.assets.storage

    def _candidate(self, index: int, part: MixedPart) -> Candidate:
        price = part.links.problem.price_usd_per_mwh + part.links.problem.adder_usd_per_mwh
        hours = part_hours(part.loaded, part.links, None, 1.0)
        power, margin = segments(hours, price)
        firm = hours.firm_mw
        if part.links.mined is not None:
            power, margin = np.where(margin > 0.0, power, 0.0), np.maximum(margin, 0.0)
        elif part.loaded.firm_frac >= 1.0:
            firm, power, margin = firm + power.sum(axis=1), power[:, :0], margin[:, :0]
        loaded = part.loaded
        return Candidate(
            name=part.name,
            group=loaded.group,
            least=loaded.least,
            most=loaded.most,
            worth_usd=float(self.risk.npv_usd[part.name].mean()),
            capital_usd=float(part.base.capex_total.sum()),
            water_m3=water_m3(part),
            firm_mw=firm,
            flexible_mw=power,
            margin_usd_per_mwh=margin,
            per_year=self._per_year(part, float((power * margin).sum())),
            live=self.empty.phases[:, index],
            fills=loaded.fills,
            waits=part.links.mined is None and loaded.firm_frac < 1.0,
        )

    def _per_year(self, part: MixedPart, yearly_usd: float) -> FloatArray:
        """Present value, after tax, of a dollar of the year's margin in each phase: miners by what they earn along the
        paths, chips in proportion to their live halls."""
        model, months = part.links.model, part.links.model.calendar.spine.months
        keep = 1.0 - (model.capital.tax.combined_rate if model.capital.tax else 0.0)
        worth = worth_of_months(model.discount_rate if self.owners is None else self.owners, months) * keep
        if part.links.mined is not None and yearly_usd > 0.0:
            seed = np.random.SeedSequence(self.loaded.mix.seed).spawn(1)[0]
            flows = model.flows(simulate_factors(model.terms, months, _MARGIN_PATHS, seed))
            mined = sum(flows.revenue[name] for name in ("mining", "hosting") if name in flows.revenue)
            paid = sum(flows.opex_cost[name] for name in ("energy_mining",) if name in flows.opex_cost)
            worth = worth * np.mean(mined - paid, axis=0) / yearly_usd
        else:
            worth = worth * part.live[:months] / 12.0
        phase, live = self.empty.phase[:months], part.live[:months]
        total = np.array([worth[phase == p].sum() for p in range(len(self.empty.phases))])
        share = np.array([live[phase == p].mean() if (phase == p).any() else 0.0 for p in range(total.size)])
        return np.asarray(np.divide(total, share, out=np.zeros_like(total), where=share > 0.0))

    def solve(self, names: Sequence[str] | None = None, *, plants: bool = True) -> Sized:
        """The programme's optimum with the candidates of these names.

        Raises
        ------
        InfeasibleError
            If no sizes keep all limits; names those of which each alone excludes the least sizes.
        """
        try:
            return solve_programme(self.programme, only=names, plants=plants)
        except InfeasibleError as error:
            limits = self.programme.limits
            told = [path for key, path in _LIMITS.items() if self._excluding(limits, key, names)]
            if not told:
                raise
            raise InfeasibleError(
                f"{' and '.join(told)}: the least sizes (parts.least) exceed it; raise it or lower them"
            ) from error

    def _excluding(self, limits: Limits, key: str, names: Sequence[str] | None) -> bool:
        """Whether a limit alone leaves no sizes."""
        if getattr(limits, key) is None:
            return False
        free = Limits(
            math.inf if key != "grid_mw" else limits.grid_mw,
            **({} if key == "grid_mw" else {key: getattr(limits, key)}),
        )
        try:
            solve_programme(replace(self.programme, limits=free), only=names, plants=False, every=_QUICK)
        except InfeasibleError:
            return True
        return False

    def solve_safe(self, names: Sequence[str] | None = None, *, plants: bool = True) -> Sized:
        """The same, with a probability of missed service within its limit: candidates are left out one by one, the
        set of most value first, until a mix keeps it (each set's optimum bounds those of its subsets)."""
        most = number(self.asked.largest_probability_missed)
        there = frozenset(names if names is not None else [part.name for part in self.parts])
        first = self.solve(sorted(there), plants=plants)
        if most is None:
            return first
        count = itertools.count()
        queue = [(-first.value_usd, next(count), there, first)]
        seen = {there}
        for _ in range(_MOST_SEARCHED):
            if not queue:
                break
            _, _, group, found = heapq.heappop(queue)
            probability = self.risk.probability_missed(found.scales)
            if probability is None or probability <= most:
                return found
            for name in sorted(n for n in group if found.scales[n] > 0.0 and n in self.risk.missed):
                fewer = group - {name}
                if fewer not in seen:
                    seen.add(fewer)
                    try:
                        other = self.solve(sorted(fewer), plants=plants)
                    except InfeasibleError:
                        continue
                    heapq.heappush(queue, (-other.value_usd, next(count), fewer, other))
        raise InfeasibleError(f"best.largest_probability_missed: no mix keeps it at {most:g}; raise it, or lend less")

    def alone(self, names: Sequence[str]) -> tuple[MixValue, MixedSite, Sized]:
        """The best size of one business by itself; where none is worth it, its most valuable way as large as it fits.

        Raises
        ------
        InfeasibleError
            If no size of it keeps all limits; says which.
        """
        named = [c for c in self.programme.candidates if c.name in names]
        business, note = names[0].partition(" ")[0], ""
        found = self.solve_safe(names, plants=False)
        limits = self._holding(found)
        if not any(found.scales.values()):
            chosen = max((c for c in named if not self._missing(c.name)), key=lambda c: c.worth_usd, default=None)
            if chosen is None:
                likely = min(self._missing(name) for name in names)
                raise InfeasibleError(f"best.largest_probability_missed: its loan misses a payment on {likely:.1%}")
            size, limits = self.programme.largest(chosen)
            found = replace(found, scales={**found.scales, chosen.name: size}, shadow={}, bounds={})
            note = "worth less than nothing at any size, shown at the largest that fits"
        size, most = sum(found.scales.values()), named[0].most
        if size < (1.0 - 1e-6) * most and limits:
            held = " and ".join(_LIMITS[name] for name in limits)
            if size <= 0.0:
                raise InfeasibleError(f"{held}: no size of it fits")
            note += f"{'; ' if note else ''}{size:.3g} of {most:g}, as {held} allows no more"
        value, site = self.value(business, found)
        return replace(value, note=note), site, found

    def _missing(self, name: str) -> float:
        """Probability that a candidate's loan misses a payment, where that is more than allowed; else 0."""
        most, missed = number(self.asked.largest_probability_missed), self.risk.missed.get(name)
        share = 0.0 if missed is None else float(missed.mean())
        return share if most is not None and share > most else 0.0

    @staticmethod
    def _holding(found: Sized) -> tuple[str, ...]:
        """Limits that keep sizes down."""
        return tuple(name for name, usd in found.shadow.items() if usd > 0.0)

    def unfit(self, found: Sized) -> list[Unfit]:
        """Candidates that are not in a mix because of what is asked of loans, and why."""
        most = number(self.asked.largest_probability_missed)
        said = [] if most is None else [c for c in self.programme.candidates if found.scales[c.name] <= 0.0]
        return self.left_out + [
            Unfit(c.name, f"its loan misses a payment on {p:.1%} of paths, best.largest_probability_missed is {most:g}")
            for c in said
            if (p := self._missing(c.name))
        ]

    def priced(self, found: Sized) -> tuple[Bound, ...]:
        """The bounds of sizes that bind."""
        made = []
        for path, usd in found.bounds.items():
            if abs(usd) < _LEAST_USD:
                continue
            head, _, rest = path.partition(".")
            ways = [c for c in self.programme.candidates if head == "parts" and c.group == int(rest.split(".")[0])]
            way = max(ways, key=lambda c: found.scales[c.name], default=None)
            name = rest if way is None else way.name
            made.append(Bound(path, name, usd, None if way is None else usd / max(way.peak_mw, 1e-9)))
        return tuple(made)

    def value(self, name: str, sized: Sized) -> tuple[MixValue, MixedSite]:
        """A mix of the programme through the whole chain, on every path."""
        parts = [replace(part, scale=sized.scales[part.name]) for part in self.parts]
        none = {plant.name: 0.0 for plant in self.programme.plants}
        common = plants_at(self.loaded, self.common, {**none, **sized.plants}) if none else self.common
        site = site_of(self.loaded, parts, common)
        risk = simulate_mixed(site, self.asked.paths, self.loaded.mix.seed, self.workers, self.owners)
        worth = risk.site_usd(sized.scales)
        capital = sum(part.capital_usd for part in site.parts)
        if site.shared_base is not None:
            capital += float(site.shared_base.capex_total.sum())
        found = MixValue(
            name=name,
            scales=sized.scales,
            plants={plant: size for plant, size in sized.plants.items() if size > 0.0},
            value_usd=float(worth.mean()),
            error_usd=float(worth.std() / np.sqrt(worth.size)),
            base_usd=site.value_usd,
            tail_usd=tail_mean(worth, self.asked.tail),
            probability_missed=risk.probability_missed(sized.scales),
            capital_usd=capital,
            idle_mw=float(site.grid_mw - site.peak_mw().max()),
        )
        return found, site

    def frontier(self, best: Sized, allowed: frozenset[str] | None = None) -> tuple[FrontierPoint, ...]:
        """Mixes of most mean value whose worst paths are worth at least so much, the best mix first."""
        npv = np.stack([self.risk.npv_usd[part.name] for part in self.parts], axis=1)
        names = [p.name for p in self.parts] if allowed is None else sorted(allowed)

        def tail_of(sized: Sized) -> float:
            worth = npv @ np.array(list(sized.scales.values()))
            worth = worth + sized.value_usd - worth.mean()
            return tail_mean(worth, self.asked.tail)

        tail, first = Tail(npv, self.asked.tail), tail_of(best)
        top = tail_of(solve_safest(self.programme, tail, only=names))
        found = [(best, first)]
        if top - first >= 1.0:
            asked = np.linspace(first, top, self.asked.frontier)[1:].tolist()
            sized = solve_frontier(self.programme, tail, asked, only=names)
            found += [(s, tail_of(s)) for s in sized if s is not None]
        return tuple(
            FrontierPoint(s.scales, s.plants, s.value_usd, tail, self.risk.probability_missed(s.scales))
            for s, tail in found
        )


def _within(parts: tuple[MixedPart, ...], loaded: LoadedMix) -> tuple[list[Unfit], tuple[MixedPart, ...]]:
    """Candidates that are left out for their cover, and the others."""
    lowest = number(loaded.mix.best.lowest_dscr)
    if lowest is None:
        return [], parts
    cover = {p.name: float(p.base.measures.min_dscr[0]) for p in parts}
    out = [
        Unfit(name, f"its lowest DSCR is {dscr:.2f} in the base case, best.lowest_dscr is {lowest:g}")
        for name, dscr in cover.items()
        if dscr < lowest
    ]
    kept = tuple(p for p in parts if not cover[p.name] < lowest)
    if not kept:
        raise InfeasibleError(f"best.lowest_dscr: no candidate has a cover of {lowest:g} in every month; lower it")
    return out, kept
