"""What `megawatt best` chooses from, and what it finds: candidates, plants, limits, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from megawatt.arrays import FloatArray
from megawatt.dispatch import Storage

__all__ = ["WIDER", "Candidate", "Limits", "Programme", "Sized", "SizedPlant", "Tail"]

WIDER: Final = 1.01
"""Bounds of columns over those that rows hold, so that the rows have the shadow prices."""


@dataclass(frozen=True)
class Candidate:
    """A way of one business at the size of its scenario, as the programme sees it.

    ``worth_usd`` is its net present value with the whole connection; ``firm_mw`` (8760,) what runs in any case;
    ``flexible_mw`` and ``margin_usd_per_mwh`` (8760, k) what runs beside unless it is held back, and what a MWh of it
    earns beyond its power (below 0: holding it back gains); ``per_year`` (phases,) is the present value of a dollar of
    a year's margin, by phase; ``live`` (phases,) shares of its halls; ``fills`` whether its largest size is a share of
    the connection, whatever that is; ``waits`` whether what is flexible is load that may be held back for a price: a
    dear hour may do so, but all of it must fit the connection beside other such load.
    """

    name: str
    group: int
    least: float
    most: float
    worth_usd: float
    capital_usd: float
    water_m3: float
    firm_mw: FloatArray
    flexible_mw: FloatArray
    margin_usd_per_mwh: FloatArray
    per_year: FloatArray
    live: FloatArray
    fills: bool = False
    waits: bool = False

    @property
    def peak_mw(self) -> float:
        """What it draws at most. [MW]"""
        return float((self.firm_mw + self.flexible_mw.sum(axis=1)).max())


@dataclass(frozen=True)
class SizedPlant:
    """A plant whose size is chosen: ``usd_per_unit`` is its present value without what it gives (below 0: a cost).

    ``output_mw`` (8760,) per MW at ``cost_usd_per_mwh``; a battery has none.
    """

    name: str
    most: float
    least: float
    usd_per_unit: float
    capital_usd_per_unit: float
    output_mw: FloatArray | None = None
    cost_usd_per_mwh: float = 0.0
    carbon_kg_per_mwh: float = 0.0

    @property
    def widest(self) -> float:
        """Bound of its column: that of the row, or beyond where a row has the price."""
        return WIDER * self.most if self.least < self.most else self.most


@dataclass(frozen=True)
class Tail:
    """Net present values of the candidates on simulated paths, (paths, candidates), and the share that is the tail."""

    npv_usd: FloatArray
    tail: float


@dataclass(frozen=True)
class Limits:
    """Limits of the whole site; None: no limit."""

    grid_mw: float
    capital_usd: float | None = None
    water_m3: float | None = None
    carbon_t: float | None = None


@dataclass(frozen=True)
class Programme:
    """What is chosen from. ``price_usd_per_mwh`` (8760,) is a MWh at the connection, ``per_year`` the present value of
    a dollar a year of the plants, all of it in the phase ``main``."""

    candidates: tuple[Candidate, ...]
    plants: tuple[SizedPlant, ...]
    storage: Storage | None
    limits: Limits
    price_usd_per_mwh: FloatArray
    carbon_kg_per_mwh: FloatArray
    per_year: float
    main: int
    export_mw: float = 0.0
    export_usd_per_mwh: FloatArray | None = None

    @property
    def phases(self) -> int:
        """Number of phases."""
        return self.candidates[0].live.size

    def carbon_t(self, c: Candidate) -> float:
        """Carbon of a year of a candidate with all its halls live. [t]"""
        return float((c.firm_mw + c.flexible_mw.sum(axis=1)) @ self.carbon_kg_per_mwh) / 1000.0

    def largest(self, c: Candidate) -> tuple[float, tuple[str, ...]]:
        """The largest size of a candidate alone that keeps every limit, and the limits that hold it below its bound.

        Load that must run fits the connection in every hour; what may be held back is.
        """
        firm_mw = c.peak_mw if c.waits else float(c.firm_mw.max())
        draws = {"grid_mw": float(c.live.max()) * firm_mw, "capital_usd": c.capital_usd}
        draws |= {"water_m3": c.water_m3, "carbon_t": self.carbon_t(c)}
        asked = {name: getattr(self.limits, name) for name in draws}
        fits = {n: asked[n] / draw for n, draw in draws.items() if asked[n] is not None and draw > 0.0}
        size = min(c.most, *fits.values()) if fits else c.most
        return size, tuple(name for name, most in fits.items() if most <= size < c.most)


@dataclass(frozen=True)
class Sized:
    """Optimum of the programme: sizes, net present value, what one more unit of a limit is worth, and of a bound of a
    size that binds, by its path in the file (below 0: of a least size, what it costs)."""

    scales: Mapping[str, float]
    plants: Mapping[str, float]
    value_usd: float
    shadow: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    solver: str = ""
    seconds: float = 0.0
