"""Back-test a site on its own meters: power, bill, hash rate and PUE by hour and month against its scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.errors import Problem, ScenarioError
from megawatt.facility import site_clock
from megawatt.files import is_file
from megawatt.hourly import FilePart, HourlyFile, read_hourly
from megawatt.hours import MONTH_NAMES, MONTH_OF_HOUR
from megawatt.scenario import LoadedScenario, load
from megawatt.scenario.site_files import place_of_site
from megawatt.validation.meter_model import MeteredYear, metered_year
from megawatt.validation.scoring import Case, result_entry, summary

__all__ = ["score", "score_meter"]

_LAGS: Final = range(-3, 4)
"""Shifts of the clock that are looked for. [h]"""
_BIAS: Final = 0.01
"""A steady difference of this share is told."""
_STEADY: Final = 0.5
"""Half the hours lie within this share of a steady difference's size."""


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A measured and a predicted year of one quantity, (8760,), NaN where there is none; months are sums or means."""

    name: str
    unit: str
    measured: FloatArray
    predicted: FloatArray
    null: FloatArray
    summed: bool
    absolute: bool = False


def score(path: Path | str, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Score a meter's file whose scenario lies beside it under the same name, ``FILE.toml``.

    Raises
    ------
    ScenarioError
        If there is none, or a file cannot be read.
    """
    beside = Path(path).with_suffix(".toml")
    if not is_file(beside):
        problem = Problem("", "a meter without its site", f"a scenario: --scenario FILE, or {beside.name} beside it")
        raise ScenarioError(f"{path}: no scenario to compare with", [problem], str(path))
    return score_meter(path, beside, catalogue)


def score_meter(path: Path | str, scenario: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Compare an hourly meter with a scenario's site at the metered prices and temperatures.

    The model decides by itself what runs in an hour: energy, bill and hash rate say how the site was run too. PUE does
    not: both sides take the power of the miners from the metered hash rate. Null model: all miners on in every hour;
    for PUE the model's mean.

    Parameters
    ----------
    path : Path or str
        Time and power; hash rate, temperature, price where there are (docs/hourly-files.md). Hours may be missing.
    scenario : Path
        The site.
    catalogue : Catalogue
        Facts.

    Returns
    -------
    list of dict
        An entry per quantity, as `result_entry` makes it with months as cases, and ``hours`` (the same statistics by
        hour, and the mean error by hour of the day) and ``findings`` (steady differences in words).

    Raises
    ------
    MegawattError
        If a file cannot be read or the site not be built.
    """
    uses = load(scenario, catalogue).uses
    if len(uses) != 1:
        raise ScenarioError(f"{scenario}: a comparison of {len(uses)} uses; give the scenario of the metered one")
    file = _read(Path(path), uses[0], catalogue)
    values = {name: hours[-1] for name, hours in file.values.items()}
    year = file.years[-1] or None
    _in_usd(file, uses[0], values)
    model = metered_year(uses[0], catalogue, values, year)
    quantities = _quantities(values, model)
    findings = _findings(values, model)
    return [_entry(str(path), quantity, model, findings) for quantity in quantities]


def _read(path: Path, use: LoadedScenario, catalogue: Catalogue) -> HourlyFile:
    power = use.scenario.power
    clock = site_clock(place_of_site(use.scenario.site, use.folder), catalogue, power.utc_offset_hours)
    return read_hourly(
        path,
        "meter",
        FilePart(unit=power.price_unit, utc_offset_hours=clock.utc_offset_hours, zone=clock.zone, gaps=True),
    )


def _in_usd(file: HourlyFile, use: LoadedScenario, values: dict[str, FloatArray]) -> None:
    if "price" not in values or file.currency in ("", "USD"):
        return
    rate = use.scenario.power.usd_per_currency
    if rate is None:
        found, allowed = f"prices in {file.currency}", "USD, or power.usd_per_currency in the scenario"
        raise ScenarioError(f"{file.file}: {found}", [Problem("price", found, allowed)], file.file)
    values["price"] = values["price"] * rate.number()


def _quantities(values: dict[str, FloatArray], model: MeteredYear) -> list[_Quantity]:
    power, charge = values["power"], model.charge_usd_per_mwh
    found = [
        _Quantity("energy", "MWh", power, model.power_mw, model.full_mw, summed=True),
        _Quantity("bill", "USD", power * charge, model.power_mw * charge, model.full_mw * charge, summed=True),
    ]
    hashes = values.get("hash_rate")
    if hashes is None or model.hash_ph is None or model.full_hash_ph is None:
        return found
    found.append(_Quantity("hash_rate", "PH/s", hashes, model.hash_ph, model.full_hash_ph, summed=False))
    it_mw, pue = model.pue_at(hashes)
    mean = np.full_like(pue, np.nanmean(pue)) if np.isfinite(pue).any() else pue
    return [*found, _Quantity("pue", "", power / it_mw, pue, mean, summed=False, absolute=True)]


def _entry(file: str, quantity: _Quantity, model: MeteredYear, findings: tuple[str, ...]) -> dict[str, Any]:
    both = np.isfinite(quantity.measured) & np.isfinite(quantity.predicted)
    cases = []
    for month, name in enumerate(MONTH_NAMES):
        hours = both & (month == MONTH_OF_HOUR)
        if _counts(quantity, hours):
            measured, predicted, null = (
                _month(part, hours, quantity) for part in (quantity.measured, quantity.predicted, quantity.null)
            )
            cases.append(Case(name, measured, predicted, model.assumed, null=null))
    entry = result_entry(
        file=file,
        kind="meter",
        quantity=quantity.name,
        unit=quantity.unit,
        error="absolute" if quantity.absolute else "relative",
        rows=quantity.measured.size,
        scorable=int(both.sum()),
        cases=cases,
    )
    return entry | {"scored": int(both.sum()), "hours": _hours(quantity, both), "findings": list(findings)}


def _counts(quantity: _Quantity, hours: np.ndarray[Any, np.dtype[np.bool_]]) -> bool:
    """Whether a month has an answer: hours, and something other than nothing measured in them."""
    return bool(hours.any()) and (quantity.absolute or float(np.abs(quantity.measured[hours]).sum()) > 0.0)


def _month(part: FloatArray, hours: np.ndarray[Any, np.dtype[np.bool_]], quantity: _Quantity) -> float:
    return float(part[hours].sum() if quantity.summed else part[hours].mean())


def _hours(quantity: _Quantity, both: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    """Statistics by hour: differences in the quantity's unit, as hours may measure nothing."""
    measured, predicted = quantity.measured[both], quantity.predicted[both]
    clock = np.arange(quantity.measured.size)[both] % 24
    gap = predicted - measured
    by_hour = [float(gap[clock == hour].mean()) if (clock == hour).any() else None for hour in range(24)]
    return summary(measured.tolist(), predicted.tolist(), "absolute") | {"bias_by_hour_of_day": by_hour}


def _findings(values: dict[str, FloatArray], model: MeteredYear) -> tuple[str, ...]:
    found = []
    hashes, power = values.get("hash_rate"), values["power"]
    if hashes is not None and model.hash_ph is not None:
        it_mw, pue = model.pue_at(hashes)
        found += _steady(power, it_mw * pue, "power drawn", "the metered hash rate explains")
        found += _steady(hashes, model.hash_ph, "hash rate", "the fleet has in hours that pay")
    else:
        found += _steady(power, model.power_mw, "power drawn", "the model has in hours that pay")
    return (*found, *_shifted(power, model.power_mw))


def _steady(measured: FloatArray, predicted: FloatArray, what: str, than: str) -> list[str]:
    """A difference by the same share in most hours in which both are at work."""
    least = 0.05 * np.nanmax(predicted, initial=0.0)
    both = np.isfinite(measured) & np.isfinite(predicted)
    at_work = both & (np.nan_to_num(measured) > least) & (np.nan_to_num(predicted) > least)
    if np.count_nonzero(at_work) < 24:
        return []
    ratio = measured[at_work] / predicted[at_work] - 1.0
    low, middle, high = np.quantile(ratio, (0.25, 0.5, 0.75))
    if abs(middle) < _BIAS or high - low > _STEADY * abs(middle):
        return []
    return [f"{what} is {abs(middle):.1%} {'above' if middle > 0 else 'below'} what {than}, steadily"]


def _shifted(measured: FloatArray, predicted: FloatArray) -> list[str]:
    """The meter's clock is off by whole hours: another shift of it fits much better."""
    gaps = {lag: float(np.nanmean(np.abs(np.roll(measured, -lag) - predicted))) for lag in _LAGS}
    best = min(gaps, key=lambda lag: gaps[lag])
    if best == 0 or not gaps[0] > 0.0 or gaps[best] > 0.7 * gaps[0]:
        return []
    side, share = "late" if best > 0 else "early", gaps[best] / gaps[0]
    return [f"the meter looks {abs(best)} h {side}: so shifted it is {share:.0%} as far off"]
