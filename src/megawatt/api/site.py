"""Sites: read one from its file, or say one with its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from megawatt.api.typed import typed
from megawatt.api.words import settings_of
from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError, shown
from megawatt.files import read_toml
from megawatt.scenario import LoadedComparison

if TYPE_CHECKING:
    from megawatt.scenario.mixed import LoadedMix

__all__ = ["Site", "load"]

_PRACTICE: Final = "@finance-practice."
_USUAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "mining": {
        "discount_rate": f"{_PRACTICE}discount_rate_mining",
        "hall": {"design": "mining-air"},
        "mining": {"miner": "antminer-s21", "network": "bitcoin-2025-11"},
        "capex": {"shell_usd_per_mw": f"{_PRACTICE}mining_shell_usd_per_mw", "build_months": 6, "chip_lead_months": 1},
        "opex": {"site_usd_per_kw_month": f"{_PRACTICE}mining_opex_usd_per_kw_month"},
    },
    "ai-cloud": {
        "discount_rate": f"{_PRACTICE}discount_rate_ai_cloud",
        "hall": {"design": "liquid-dry-cooler"},
        "capex": {"shell_usd_per_mw": f"{_PRACTICE}ai_shell_usd_per_mw", "build_months": 12, "chip_lead_months": 1},
        "opex": {"site_usd_per_kw_month": f"{_PRACTICE}ai_cloud_opex_usd_per_kw_month"},
    },
    "ai-colocation": {
        "discount_rate": f"{_PRACTICE}discount_rate_colocation",
        "hall": {"design": "liquid-dry-cooler"},
        "capex": {"shell_usd_per_mw": f"{_PRACTICE}ai_shell_usd_per_mw", "build_months": 12},
        "opex": {"site_usd_per_kw_month": f"{_PRACTICE}colocation_opex_usd_per_kw_month"},
    },
}
"""What a site of a use has where nothing is said: the catalogue's figures, which carry their sources and ranges."""


@dataclass(frozen=True)
class Site:
    """A site and what it is used for: a valid scenario, comparison or mixed site.

    Make one with `load` from a file, or with its tables::

        Site.of("mining", place="childress-tx", grid_mw=50, power={"grid": "ercot-hub", "tariff": "ercot-transmission"})
    """

    loaded: LoadedComparison | LoadedMix
    file: str = ""
    settings: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    @typed
    def of(
        cls,
        use: str,
        *,
        place: str,
        grid_mw: float | str | Mapping[str, Any],
        power: Mapping[str, Any],
        name: str = "site",
        title: str = "",
        start: str = "2026-01",
        operating_months: int = 60,
        halls: Sequence[Mapping[str, Any]] = (),
        site: Mapping[str, Any] | None = None,
        folder: str | Path = ".",
        **sections: Any,
    ) -> Site:
        """A site from what is known of it; the rest is usual for its use (catalogue entry ``finance-practice``).

        Parameters
        ----------
        use : str
            ``mining``, ``ai-cloud`` or ``ai-colocation``.
        place : str
            A catalogued place, or ``"latitude, longitude[, elevation]"``.
        grid_mw : float
            Contracted power. [MW]
        power : mapping
            Section ``[power]``: grid or prices, and tariff.
        start : str
            Month 0, ``YYYY-MM``.
        halls : sequence of mapping
            Months in which parts of the site go live; none: all of it after ``capex.build_months``.
        site : mapping, optional
            More of the section ``[site]``, e.g. ``it_mw``.
        folder : str or Path
            Where the paths of files start from.
        **sections
            Any other section or key of a scenario; a section's values take the place of the usual ones.

        Raises
        ------
        ScenarioError
            With every problem found.
        """
        from megawatt.scenario import load_tables

        if use not in _USUAL:
            raise ScenarioError(f"use = {shown(use)}; allowed: {', '.join(_USUAL)}, or a file (load)")
        tables: dict[str, Any] = {name: dict(value) if isinstance(value, Mapping) else value
                                  for name, value in _USUAL[use].items()}  # fmt: skip
        for section, value in sections.items():
            usual = tables.get(section)
            merged = isinstance(usual, dict) and isinstance(value, Mapping)
            tables[section] = {**usual, **value} if isinstance(usual, dict) and merged else value
        live = halls or ({"live": _months_after(start, _build_months(tables.get("capex"))), "share": 1.0},)
        top = {"format": 1, "name": name, "title": title or f"{use} at {place}", "use": use}
        tables |= {
            "site": {"place": place, "grid_mw": grid_mw, **(site or {})},
            "power": dict(power),
            "timeline": {"start": start, "operating_months": operating_months, "halls": [dict(hall) for hall in live]},
        }
        return cls(load_tables(top | tables, load_catalogue(), Path(folder)))

    @property
    def title(self) -> str:
        """What it calls itself."""
        return self.loaded.title if isinstance(self.loaded, LoadedComparison) else self.loaded.mix.title

    def __str__(self) -> str:
        return self.title

    def uses(self) -> LoadedComparison:
        """The scenario or comparison; a mixed site is none.

        Raises
        ------
        ScenarioError
            For a mixed site.
        """
        if not isinstance(self.loaded, LoadedComparison):
            raise ScenarioError(f"{self.file}: a mixed site; allowed: best")
        return self.loaded


def _build_months(capex: Any) -> int:
    """Months of building; 0 where they are none: the scenario's check names it."""
    months = capex.get("build_months") if isinstance(capex, Mapping) else None
    return months if isinstance(months, int) else 0


def _months_after(start: str, months: int) -> str:
    """A calendar month so many after another; as it stands where it is none: the scenario's check names it."""
    year, _, month = start.partition("-")
    if not (year.isdecimal() and month.isdecimal()):
        return start
    count = int(year) * 12 + int(month) - 1 + months
    return f"{count // 12}-{count % 12 + 1:02d}"


@typed
def load(file: str | Path, values: Mapping[str, Any] | None = None) -> Site:
    """Read and check a scenario, a comparison or a mixed site.

    Parameters
    ----------
    file : str or Path
        TOML file.
    values : mapping, optional
        Values that replace the file's: ``{"site.grid_mw": 320}``, or ``{"site": {"grid_mw": 320}}``.

    Raises
    ------
    ScenarioError
        With every problem found in the file.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.load("examples/childress-bitcoin.toml", {"site.grid_mw": 50}).title
    'Bitcoin mining with Antminer S21'
    """
    from megawatt.scenario import load as read
    from megawatt.scenario.mixed import is_mix, load_mix

    settings, known = settings_of(values or {}), load_catalogue()
    raw, _ = read_toml(Path(file), "a scenario file (TOML); megawatt init writes a starter")
    if is_mix(raw):
        return Site(load_mix(file, known, settings, candidates=True), str(file), settings)
    return Site(read(file, known, settings), str(file), settings)
