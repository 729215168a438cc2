"""A use of a site that is kept in memory: what moves it most, and its figures with some inputs at other values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.chain.inputs import is_number
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.sensitivity import end_of, input_title, known, low_high, missed_frac, moved_input, ranged_inputs
from megawatt.chain.use import dispatch_of, hall_year_of
from megawatt.dispatch import Dispatch
from megawatt.errors import CatalogueError, InfeasibleError, ScenarioError
from megawatt.hours import HOURS_IN_YEAR
from megawatt.scenario import LoadedScenario
from megawatt.scenario.schema import Scenario

__all__ = ["LiveFigures", "LiveInput", "LiveUse", "LiveWeek", "live_use"]

_WEEK: Final = 168
"""Hours of a week."""
_P95: Final = 1.645
"""Standard deviations that 5 % of a normal lie beyond."""


@dataclass(frozen=True, slots=True)
class LiveInput:
    """An input that can be moved between the ends of its range; ``swing_usd`` is what that moves the value by.

    ``name`` is that of the assumptions: a dotted path of the scenario or ``entry.field`` of the catalogue. ``ends`` are
    figures, by their name in `LiveFigures`, at both ends of the range.
    """

    name: str
    title: str
    unit: str
    low: float
    base: float
    high: float
    kind: str
    source: str
    swing_usd: float
    ends: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Figures of a use, as `megawatt plan` defines them; None where a use has no such figure.

    ``probability_missed`` is of few simulated paths. ``tokens_per_grid_mwh`` counts the energy of all halls.
    """

    value_usd_per_grid_mw_year: float
    npv_usd: float
    min_dscr: float | None
    llcr: float | None
    probability_missed: float | None
    tokens_per_grid_mwh: float | None
    pue: float | None
    import_mwh: float
    energy_usd: float
    peak_mw: float
    it_mw: float
    carbon_t: float


@dataclass(frozen=True, slots=True)
class LiveWeek:
    """A week of the site's year by the hour, arrays of shape (168,): energy price [USD/MWh], power by part [MW]."""

    first_hour: int
    price_usd_per_mwh: FloatArray
    import_mw: FloatArray
    ai_facility_mw: FloatArray
    mining_facility_mw: FloatArray


@dataclass(frozen=True)
class LiveUse:
    """A use with all its links made; moved inputs make again only what rests on them.

    The layout of the chips is held, and the loan is the one that was granted, as in the sensitivities of
    `megawatt plan`; a scenario with the same values planned anew finds both again.
    """

    links: Links

    @property
    def title(self) -> str:
        """Of the scenario."""
        return self.links.scenario.title

    @cached_property
    def rows(self) -> Mapping[str, Assumption]:
        """Inputs with a range, by name; those that are results of others left out."""
        ranged = (row for row in ranged_inputs(self.links) if low_high(row)[0] < low_high(row)[1])
        return {row.name: row for row in ranged if self._is_input(row.name)}

    @cached_property
    def markets(self) -> Mapping[str, Assumption]:
        """Levels of the markets that a site sells to and buys from, between the ends that nine tenths of paths hold.

        The price of power where it follows the market, and bitcoin's where the site mines, each after a year, from the
        terms that `megawatt risk` draws its paths of.
        """
        terms, found = self.links.terms, {}
        if self.links.grid.shape != "fixed":
            twice = 2.0 * terms.power_reversion
            found["power.price_scale"] = terms.power_volatility * math.sqrt(-math.expm1(-twice) / twice if twice else 1)
        name = next((name for name in self.rows if name.endswith(".btc_price_usd")), None)
        if name is not None:
            found[name] = terms.btc_volatility
        return {name: self._market(name, spread) for name, spread in found.items()}

    def _market(self, name: str, log_spread: float) -> Assumption:
        """A level as an input whose ends are the 5th and 95th percentile of its simulated paths."""
        row = next(row for row in self.links.assumptions() if row.name == name)
        value, factor = row.fact.number(), math.exp(_P95 * log_spread)
        fact = replace(row.fact, low=value / factor, high=value * factor, kind="derived", source="risk-base")
        return replace(row, fact=fact)

    @cached_property
    def inputs(self) -> Mapping[str, Assumption]:
        """All that can be moved: levels of `markets`, and `rows`."""
        return {**self.markets, **{name: row for name, row in self.rows.items() if name not in self.markets}}

    def _is_input(self, name: str) -> bool:
        key, _, field = name.rpartition(".")
        entry = self.links.catalogue.entries.get(key)
        return is_number(self.links.scenario, name) or (entry is not None and field in entry.facts)

    def moved(self, moves: Mapping[str, float]) -> Links:
        """The links with inputs at other values.

        Raises
        ------
        ScenarioError
            As `inputs_at`.
        InfeasibleError
            If the site cannot be built then; names what binds.
        """
        return reforge(self.links, *self.inputs_at(moves)) if moves else self.links

    def inputs_at(self, moves: Mapping[str, float]) -> tuple[Scenario, Catalogue]:
        """Scenario and catalogue with inputs at other values.

        Raises
        ------
        ScenarioError
            If a name is none of `inputs`, is a result, or a value is outside its range.
        """
        scenario, catalogue = self.links.scenario, self.links.catalogue
        for name, value in moves.items():
            row = self.inputs.get(name)
            if row is None:
                raise ScenarioError(f"{name}: no input with a range; megawatt plan lists them")
            low, high = low_high(row)
            if not low - abs(low) * _ROUNDING <= value <= high + abs(high) * _ROUNDING:
                raise ScenarioError(f"{name} = {value:g}; allowed: {low:g} to {high:g} {row.fact.unit}".rstrip())
            here = replace(self.links, scenario=scenario, catalogue=catalogue)
            try:
                scenario, catalogue = moved_input(here, name, value)
            except CatalogueError as error:
                raise ScenarioError(f"{name}: {error}") from None
        return scenario, catalogue

    def figures(self, moves: Mapping[str, float]) -> LiveFigures:
        """Figures with inputs at other values; errors as `moved`."""
        links = self.moved(moves)
        end, measures = end_of(links), links.base.measures
        year = dispatch_of(links)
        tokens = links.tokens_per_s
        drawn = float(year.import_mw.sum())
        served = float(year.ai_it_mw.sum() / (links.problem.ai_it_mw.sum() or 1.0))
        return LiveFigures(
            value_usd_per_grid_mw_year=end.value_usd,
            npv_usd=float(measures.npv_usd[0]),
            min_dscr=known(end.cover.min_dscr),
            llcr=known(end.cover.llcr),
            probability_missed=missed_frac(links),
            tokens_per_grid_mwh=None if tokens is None or not drawn else tokens * served * _YEAR_S / drawn,
            pue=known(hall_year_of(links, year).pue),
            import_mwh=drawn,
            energy_usd=float(sum(year.energy_cost_usd.values())),
            peak_mw=year.peak_mw,
            it_mw=links.it_mw,
            carbon_t=year.carbon_t,
        )

    def week(self, moves: Mapping[str, float], week: int) -> LiveWeek:
        """A week's hours, 0 the first of the year to 51 the last whole one; errors as `moved`."""
        links = self.moved(moves)
        year: Dispatch = dispatch_of(links)
        first = min(max(week, 0) * _WEEK, HOURS_IN_YEAR - _WEEK)
        here = slice(first, first + _WEEK)
        return LiveWeek(
            first, links.grid.price_usd_per_mwh[here], year.import_mw[here], year.ai_facility_mw[here],
            year.mining_facility_mw[here],
        )  # fmt: skip

    def year(self, moves: Mapping[str, float]) -> dict[str, FloatArray]:
        """All hours by name with unit, arrays of shape (8760,); errors as `moved`."""
        links = self.moved(moves)
        year = dispatch_of(links)
        return {
            "energy_price_usd_per_mwh": links.grid.price_usd_per_mwh,
            "import_mw": year.import_mw,
            "ai_facility_mw": year.ai_facility_mw,
            "ai_it_mw": year.ai_it_mw,
            "mining_facility_mw": year.mining_facility_mw,
            "mining_it_mw": year.mining_it_mw,
            "water_l": year.water_l,
        }

    def swung(self, name: str) -> LiveInput | None:
        """One of `inputs` and what its range moves the value by; None if an end cannot be built or nothing moves."""
        try:
            low, high = (end_of(self.moved({name: end})) for end in low_high(self.inputs[name]))
        except (InfeasibleError, ScenarioError):
            return None
        swing = abs(high.value_usd - low.value_usd)
        ends = {
            "value_usd_per_grid_mw_year": (low.value_usd, high.value_usd),
            "min_dscr": (known(low.cover.min_dscr), known(high.cover.min_dscr)),
            "llcr": (known(low.cover.llcr), known(high.cover.llcr)),
            "tokens_per_grid_mwh": (low.tokens, high.tokens),
        }
        return replace(self.input_of(name, swing), ends=ends) if swing else None

    def input_of(self, name: str, swing_usd: float = math.nan) -> LiveInput:
        """One of `inputs` with its words."""
        row = self.inputs[name]
        low, high = low_high(row)
        title = input_title(self.links, row)
        return LiveInput(
            name, title, row.fact.unit, low, row.fact.number(), high, row.fact.kind, row.fact.source, swing_usd
        )


_ROUNDING: Final = 1e-9
"""A value may pass the end of its range by rounding."""
_YEAR_S: Final = 3600.0 * HOURS_IN_YEAR
"""Seconds of a year. [s]"""


def live_use(loaded: LoadedScenario, catalogue: Catalogue) -> LiveUse:
    """All links of a use of a loaded scenario.

    Raises
    ------
    InfeasibleError
        If the training job, the halls or the connection cannot carry the use; names what binds.
    """
    return LiveUse(forge(loaded.scenario, catalogue, loaded.folder))
