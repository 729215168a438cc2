"""What the catalogue hands to the other rooms: facts with their source, and the records made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FAMILIES",
    "KINDS",
    "TOPOLOGIES",
    "Accelerator",
    "Assumption",
    "Entry",
    "Fact",
    "Kind",
    "LinkLevel",
    "Normals",
    "PriceShape",
    "Source",
    "System",
]

Kind = Literal["measured", "vendor", "reported", "regulated", "derived", "assumed"]
KINDS: Final[tuple[Kind, ...]] = ("measured", "vendor", "reported", "regulated", "derived", "assumed")
"""How a number is known.

measured: by instrument; vendor: by the maker's own page; reported: by press, filing or analyst about somebody else;
regulated: by tariff or statute; derived: computed here from sourced numbers (the note says how); assumed: nobody
has published it (the note says why this value).
"""


TOPOLOGIES: Final = ("switch", "mesh", "ring", "torus", "rail", "fat-tree")
"""How the chips of a level are joined.

switch: all at the full rate; mesh: each with each by a link of its own; ring and torus: with the neighbours along each
dimension; fat-tree: leaves of neighbouring chips under a spine; rail: as fat-tree, but a leaf joins the chips of one
place in their nodes, so that neighbours of different places meet over the inner level.
"""
FAMILIES: Final = ("gpu", "tpu", "trn")


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts come from: one entry of ``sources.toml``."""

    key: str
    title: str
    publisher: str
    date: str
    url: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One number (or word) with everything that is needed to argue with it.

    ``low`` and ``high`` are the ends of the range of published values, or of what is plausible where the note says
    so; None where there is one value. ``unit`` is a pint expression, empty for dimensionless numbers and words.
    """

    value: float | str
    unit: str
    kind: Kind
    source: str
    date: str = ""
    low: float | None = None
    high: float | None = None
    note: str = ""

    def number(self) -> float:
        """The value as a number; TypeError (our bug) if it is a word."""
        if isinstance(self.value, str):
            raise TypeError(f"{self.value!r} is not a number")
        return self.value


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the catalogue: a key, its family and its facts by field name (unit at the end of the name)."""

    key: str
    family: str
    title: str
    facts: Mapping[str, Fact]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assumption:
    """One input that a result rests on: its dotted name, the room that used it, and the fact."""

    name: str
    room: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class LinkLevel:
    """One level of a system's network, innermost first.

    Attributes
    ----------
    name : str
        e.g. ``nvlink``, ``infiniband``, ``neuronlink``, ``ici``.
    domain_chips : float
        Chips that reach each other at this level (``inf`` for the scale-out network).
    link_bytes_per_s : float
        Bytes per second and chip, one direction.
    latency_s : float
        Start-up time of one message.
    topology : str
        One of `TOPOLOGIES`.
    dimensions : int
        Of a torus, 1 of a ring; 0 otherwise.
    wrap_chips : float
        Chips of the smallest block of a torus whose ends are joined.
    leaf_chips, oversubscription : float
        Of ``fat-tree`` and ``rail``: chips that reach each other below the spine at the full rate, and what the chips
        of a leaf can send over what its uplinks carry, >= 1.
    longest_side : float
        Chips along the longest dimension of a torus; nan where its shape is not given: that of a cube.
    """

    name: str
    domain_chips: float
    link_bytes_per_s: float
    latency_s: float
    topology: str
    dimensions: int = 0
    wrap_chips: float = float("inf")
    leaf_chips: float = 1.0
    oversubscription: float = 1.0
    longest_side: float = float("nan")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One chip. Peaks are dense, by precision name (bf16, fp8, ...). ``assumptions`` holds every fact used.

    ``family`` (`FAMILIES`) says whose collectives, stacks and practice hold. ``like`` is the catalogued chip whose
    achieved shares and practice a chip of a machine file takes; empty for catalogued chips.
    ``purpose``: what its maker sells it for where that is one thing alone (inference).
    ``achieved_over_predicted`` scales the rate of its kernels: from a measured run (`[anchor]` of a machine file).
    """

    key: str
    title: str
    peak_flops_per_s: Mapping[str, float]
    hbm_bytes: float
    hbm_bytes_per_s: float
    power_cap_w: float
    power_cap_low_w: float
    power_cap_high_w: float
    power_idle_w: float
    assumptions: tuple[Assumption, ...] = ()
    family: str = "gpu"
    like: str = ""
    purpose: str = ""
    achieved_over_predicted: float = 1.0

    @property
    def practised(self) -> tuple[str, ...]:
        """Keys whose measured shares and practice are this chip's, nearest first."""
        return (self.key, self.like) if self.like else (self.key,)


@dataclass(frozen=True, slots=True)
class System:
    """The unit a hall is filled with (node, rack, UltraServer, pod) and how its chips are joined.

    Attributes
    ----------
    chips : int
        Chips in one unit; also the innermost scale-up domain unless ``links`` says otherwise.
    overhead_w_per_chip : float
        Power of hosts, memory, switches, NICs, fans and rack supply per chip, beside the chips themselves.
    provisioned_w_per_chip : float
        What the rack budget reserves per chip, all of the rack included (critical IT power).
    liquid_share : float
        Share of heat that leaves by the liquid loop, 0 to 1.
    coolant_supply_max_c : float
        Warmest coolant that the rack accepts at its inlet (after the CDU). [degC]
    """

    key: str
    title: str
    accelerator: Accelerator
    chips: int
    links: tuple[LinkLevel, ...]
    overhead_w_per_chip: float
    provisioned_w_per_chip: float
    provisioned_low_w_per_chip: float
    provisioned_high_w_per_chip: float
    liquid_share: float
    coolant_supply_max_c: float
    assumptions: tuple[Assumption, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Normals:
    """Monthly climate normals of a place, arrays of shape (12,), January first.

    Percentiles may be unknown (NaN). ``humidity_fact`` says where humidity comes from, if elsewhere than ``fact``.
    """

    place: str
    title: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float
    mean_dry_bulb_c: NDArray[np.float64]
    mean_daily_max_c: NDArray[np.float64]
    mean_daily_min_c: NDArray[np.float64]
    mean_wet_bulb_c: NDArray[np.float64]
    mean_dew_point_c: NDArray[np.float64]
    mean_relative_humidity: NDArray[np.float64]
    pressure_pa: NDArray[np.float64]
    p99_dry_bulb_c: NDArray[np.float64]
    p99_wet_bulb_c: NDArray[np.float64]
    fact: Fact
    humidity_fact: Fact | None = None


@dataclass(frozen=True, slots=True)
class PriceShape:
    """A real price year reduced to a small table that keeps its means and its spikes.

    For each month and hour of the day the month's days are sorted by that hour's price and averaged in bins that hold
    ``bin_frac`` (b,) of the days; ``price_usd_per_mwh`` (12, 24, b) are the bin means, cheapest first, so the
    month's mean at
    each hour is kept exactly. ``day_rank_frac`` (365,) is each day's place (0 to 1) among the days of its
    month by daily
    mean price: which bin the day falls in.
    """

    grid: str
    title: str
    year: int
    bin_frac: NDArray[np.float64]
    price_usd_per_mwh: NDArray[np.float64]
    day_rank_frac: NDArray[np.float64]
    fact: Fact
