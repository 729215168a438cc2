"""Redundancy N, N+1 or 2N, and the UPS's mode: what is installed, and hence at which part load it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from megawatt.catalogue.records import Assumption, Fact
from megawatt.errors import Problem, ScenarioError
from megawatt.facility.cooling import Chiller
from megawatt.facility.design import HallDesign

__all__ = ["LEVELS", "UPS_MODES", "installed_over_needed", "redundant"]

LEVELS: Final = ("N", "N+1", "2N")
UPS_MODES: Final = ("double-conversion", "eco")

_TRANSFORMER_OVER_IT: Final = 1.15
"""Transformers carry the whole facility: IT capacity and 15 % (assumed: the worst hour of an economised hall)."""

# Losses of 1.2 % (eco) and 3.75 % (double conversion) of the output at full load, 1.5 and 3.5 % at half load: published
# ranges are 1 to 1.5 % and 3 to 4 % of the load [schneider-wp108 for the shape]. Assumed.
_UPS_LOSSES: Final = {"double-conversion": (0.0105, 0.027), "eco": (0.006, 0.006)}


def installed_over_needed(level: str, modules: int = 4) -> float:
    """Installed rating over the rating needed at full load.

    Parameters
    ----------
    level : str
        ``N``, ``N+1`` (one module more than needed) or ``2N``.
    modules : int
        Modules that carry the full load together, 1 to 100.

    Raises
    ------
    ScenarioError
        If the level is unknown or the number of modules is out of range.
    """
    if level not in LEVELS:
        problem = Problem("redundancy", repr(level), " or ".join(LEVELS), "N+1 for cooling and 2N for power is usual")
        raise ScenarioError(str(problem), [problem])
    if not 1 <= modules <= 100:
        raise ScenarioError(f"redundancy modules = {modules}, allowed: 1 to 100 that carry the full load together")
    return {"N": 1.0, "N+1": (modules + 1) / modules, "2N": 2.0}[level]


def redundant(
    design: HallDesign,
    *,
    power: str | None = None,
    cooling: str | None = None,
    modules: int = 4,
    ups_mode: str | None = None,
) -> HallDesign:
    """The design with another redundancy of its transformers and UPS, of its chillers, and another UPS mode.

    More equipment runs at lower load: transformers and UPS pay their no-load losses more often and their load losses
    less, chillers gain from smaller terminal differences. That is energy, not capacity: what a connection carries has
    to hold with the redundant units out (``without_spares``). A hall without UPS or chiller stays without.

    Parameters
    ----------
    design : HallDesign
    power, cooling : str, optional
        ``N``, ``N+1`` or ``2N`` of the electrical chain (2N if anything else is given) and of the chillers (likewise
        N+1).
    modules : int
        Modules that carry the full load together.
    ups_mode : str, optional
        ``double-conversion`` or ``eco``; by default the design's own losses. Without any of the three the design is
        returned as it is.

    Raises
    ------
    ScenarioError
        If a level, the number of modules or the mode is unknown.
    """
    if power is None and cooling is None and ups_mode is None:
        return design
    power, cooling = power or "2N", cooling or "N+1"
    e = design.electrical
    over_power, over_cooling = installed_over_needed(power, modules), installed_over_needed(cooling, modules)
    has_ups = e.ups_no_load_frac > 0.0 or e.ups_load_frac > 0.0
    no_load, load = e.ups_no_load_frac, e.ups_load_frac
    if ups_mode is not None:
        if ups_mode not in UPS_MODES:
            problem = Problem("ups_mode", repr(ups_mode), " or ".join(UPS_MODES))
            raise ScenarioError(str(problem), [problem])
        no_load, load = _UPS_LOSSES[ups_mode] if has_ups else (0.0, 0.0)
    words = f"power {power}, cooling {cooling}, {modules} modules{', UPS ' + ups_mode if ups_mode else ''}"
    fact = Fact(words, "", "assumed", "assumption", note="redundancy asked for; replaces that of the design")
    installed, needed = (_equipped(design, p, c, (no_load, load)) for p, c in ((over_power, over_cooling), (1.0, 1.0)))
    return replace(
        installed,
        assumptions=(*design.assumptions, Assumption(f"{design.key}.redundancy", "facility", fact)),
        without_spares=None if needed == installed else needed,
    )


def _equipped(
    design: HallDesign, over_power: float, over_cooling: float, ups_losses: tuple[float, float]
) -> HallDesign:
    """The design with so much electrical and chiller plant over its need."""
    no_load, load = ups_losses
    electrical = replace(
        design.electrical,
        transformer_installed_ratio=_TRANSFORMER_OVER_IT * over_power,
        ups_installed_ratio=over_power,
        ups_no_load_frac=no_load,
        ups_load_frac=load,
    )
    liquid = design.liquid
    if liquid is not None:
        liquid = replace(liquid, chiller=_sized(liquid.chiller, over_cooling))
    air = replace(design.air, chiller=_sized(design.air.chiller, over_cooling))
    return replace(design, electrical=electrical, liquid=liquid, air=air, assumptions=(), without_spares=None)


def _sized(chiller: Chiller | None, over_needed: float) -> Chiller | None:
    """A chiller plant that carries the loop's design heat ``over_needed`` times."""
    return None if chiller is None else replace(chiller, capacity_frac=over_needed)
