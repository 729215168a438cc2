"""Fit the risk factors from daily history: drifts, volatilities, jumps, reversion, correlations, tails, with errors."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import Row, read_table

__all__ = ["FactorFit", "fit_factors"]

_RATES: Final = ("pct", "VIX")
"""Endings and names of series that are rates: they return to a mean and are fitted as such."""
_LATE: Final = "20"
"""Day of a month from which its last value is taken for its end."""
_MONTH: Final = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")
_DAY: Final = re.compile(_MONTH.pattern + r"-(0[1-9]|[12][0-9]|3[01])(?:[T ].*)?")
_LEAST: Final = 24
"""Months that a fit needs."""
_ROUNDING: Final = 1e-12
"""Differences of changes that rounding makes."""
_JUMP: Final = 2.5
"""Months whose return lies so many robust standard deviations below the middle are jumps."""
_DEGREES: Final = (2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 25.0, 50.0, 100.0, 1000.0)
"""Degrees of freedom of a t copula that are tried."""


@dataclass(frozen=True, slots=True)
class FactorFit:
    """One fitted number of ``series`` (two joined by a slash for a correlation), with standard error and months."""

    series: str
    parameter: str
    value: float
    standard_error: float
    months: int
    first: str
    last: str

    def row(self) -> dict[str, Any]:
        """As plain numbers."""
        return {name: getattr(self, name) for name in self.__slots__}


def fit_factors(paths: Sequence[Path], until: str = "") -> tuple[list[FactorFit], list[Problem]]:
    """Fit every series of some files from its month-ends.

    Parameters
    ----------
    paths : sequence of Path
        CSV with ``date, series, close`` (one line a day and series), or with ``date`` and a column per series.
    until : str
        Last month that is read, YYYY-MM; empty: all.

    Returns
    -------
    fits : list of FactorFit
        Prices: drift and volatility a year, skewness, excess kurtosis, jumps (rate, mean, standard deviation). Rates:
        mean, reversion and volatility of the exact Ornstein-Uhlenbeck step. Then correlations of the monthly changes of
        each pair and the degrees of freedom of their common t copula.
    left_out : list of Problem
        Series that cannot be fitted, and why: too few months, gaps, no variation.

    Raises
    ------
    ScenarioError
        If a file holds no such columns, a date that is none, a cell that is no number, a price that is not above 0 or
        a series' day twice; if ``until`` is no month, or no series can be fitted (with a problem for each).
    """
    if until and _MONTH.fullmatch(until) is None:
        raise ScenarioError(f"--until {shown(until)}", [Problem("--until", shown(until), "a month, YYYY-MM")])
    series: dict[str, dict[str, float]] = {}
    for path in paths:
        for name, values in _read(path).items():
            series.setdefault(name, {}).update(values)
    if all(coin in series for coin in _BASKET):
        series["CoinDesk20_basket"] = _basket([series[coin] for coin in _BASKET])
    monthly = {name: _month_ends(values, until) for name, values in sorted(series.items())}
    left_out = [problem for name, values in monthly.items() for problem in _unfit(name, values)]
    monthly = {name: monthly[name] for name in monthly.keys() - {problem.path for problem in left_out}}
    if not monthly:
        raise ScenarioError(f"calibrate: {len(series)} series, none that can be fitted", left_out)
    fits: list[FactorFit] = []
    for name, values in sorted(monthly.items()):
        fits += _reverting(name, values) if _is_rate(name) else _geometric(name, values)
    return fits + _together(monthly), left_out


def _unfit(name: str, values: Mapping[str, float]) -> Iterator[Problem]:
    """Why a series cannot be fitted."""
    _, steps = _steps(values, logs=not _is_rate(name))
    if steps.size < _LEAST:
        found = f"{len(values)} months, {steps.size} of them after the month before"
        yield Problem(name, found, f"at least {_LEAST} such months", f"a month needs a value from its day {_LATE} on")
    elif np.ptp(steps) <= _ROUNDING:
        same = np.ptp(list(values.values())) == 0.0
        found = f"no variation: {'the same value' if same else 'the same change'} in all {len(values)} months"
        yield Problem(name, found, "a series that moves", "leave it out, or look whether its column is filled")


_BASKET: Final = ("BTC-USD", "ETH-USD")
"""Coins whose equal mix stands in for the CoinDesk 20, of which no series is at hand."""


def _basket(coins: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Geometric mean of coins on the days that all have."""
    days = set.intersection(*(set(coin) for coin in coins))
    return {day: math.exp(sum(math.log(coin[day]) for coin in coins) / len(coins)) for day in days}


def _is_rate(name: str) -> bool:
    return name.endswith(_RATES) or name in _RATES


def _read(path: Path) -> dict[str, dict[str, float]]:
    """Values by series and date."""
    table = read_table(path, ("date",))
    found: dict[str, dict[str, float]] = {}
    long = {"series", "close"} <= set(table.names)
    columns = [] if long else [name for name in table.names if name not in ("date", "src", "source")]
    for row in table.rows:
        cells = [(row["series"], "close")] if long else [(name, name) for name in columns]
        date = row["date"].strip()
        if _DAY.fullmatch(date) is None:
            raise row.wrong("date", "a day, YYYY-MM-DD")
        for name, column in cells:
            if not name.strip():
                raise row.wrong("series", "the name of a series")
            value = _value(row, name, column)
            if value is None:
                continue
            days = found.setdefault(name, {})
            if date[:10] in days:
                raise row.wrong("date", f"each day once of {shown(name)}")
            days[date[:10]] = value
    if not found:
        raise ScenarioError(f"{path}: no numbers", [Problem("", "no numbers", "date, series, close, or a column each")])
    return found


def _value(row: Row, name: str, column: str) -> float | None:
    """The number of a cell (None where it is empty or says that there is none): of a price, above 0."""
    if row[column].strip().lower() in _NONE:
        return None
    value = row.number(column)
    if value <= 0.0 and not _is_rate(name):
        raise row.wrong(column, f"a price above 0 (rates end in {' or '.join(_RATES)})")
    return value


_NONE: Final = ("", ".", "-", "na", "n/a", "nan", "null")
"""Cells of a day without a value: FRED's point, and what spreadsheets and data frames write."""


def _month_ends(values: Mapping[str, float], until: str) -> dict[str, float]:
    """The last value of each month that was read to near its end."""
    ends: dict[str, float] = {}
    for date in sorted(values):
        if date[8:] >= _LATE and (not until or date[:7] <= until):
            ends[date[:7]] = values[date]
    return ends


def _steps(values: Mapping[str, float], logs: bool) -> tuple[list[str], FloatArray]:
    """Months and changes of neighbouring months; gaps are left out."""
    months = sorted(values)
    numbers = {m: int(m[:4]) * 12 + int(m[5:7]) for m in months}
    pairs = [(a, b) for a, b in itertools.pairwise(months) if numbers[b] == numbers[a] + 1]
    usable = [(a, b) for a, b in pairs if not logs or (values[a] > 0.0 and values[b] > 0.0)]
    change = [math.log(values[b] / values[a]) if logs else values[b] - values[a] for a, b in usable]
    return [b for _, b in usable], np.asarray(change)


def _geometric(name: str, values: Mapping[str, float]) -> list[FactorFit]:
    months, steps = _steps(values, logs=True)
    n = steps.size
    sd, mean = float(steps.std(ddof=1)), float(steps.mean())
    z = (steps - mean) / sd
    middle = float(np.median(steps))
    robust = 1.4826 * float(np.median(np.abs(steps - middle)))
    jumps = steps[steps < middle - _JUMP * max(robust, 1e-12)] - middle
    size = float(jumps.mean()) if jumps.size else 0.0
    spread = float(jumps.std(ddof=1)) if jumps.size > 1 else 0.0
    rest = np.sort(steps)[jumps.size :]
    found = {
        "drift_per_year": (12 * (mean + sd**2 / 2), 12 * sd / math.sqrt(n)),
        "volatility_per_sqrt_year": (math.sqrt(12) * sd, math.sqrt(12) * sd / math.sqrt(2 * n) * _fat(z)),
        "skewness": (float((z**3).mean()), math.sqrt(6 / n)),
        "excess_kurtosis": (float((z**4).mean()) - 3.0, math.sqrt(24 / n)),
        "jumps_per_year": (12 * jumps.size / n, 12 * math.sqrt(max(jumps.size, 1)) / n),
        "jump_mean": (size, spread / math.sqrt(max(jumps.size, 1))),
        "jump_sd": (spread, spread / math.sqrt(2 * max(jumps.size - 1, 1))),
        "diffusion_volatility_per_sqrt_year": (math.sqrt(12) * float(rest.std(ddof=1)), math.sqrt(6 / n) * sd),
    }
    return [FactorFit(name, p, v, e, n, months[0], months[-1]) for p, (v, e) in found.items()]


def _fat(z: FloatArray) -> float:
    """Standard error of a standard deviation over that of normal returns."""
    return math.sqrt(max(float((z**4).mean()) - 1.0, 0.5) / 2.0)


def _reverting(name: str, values: Mapping[str, float]) -> list[FactorFit]:
    months, steps = _steps(values, logs=False)
    y = np.array([values[m] for m in months])
    x, n = y - steps, steps.size
    slope, intercept = np.polyfit(x, y, 1)
    residual = y - slope * x - intercept
    sd = float(residual.std(ddof=2))
    slope_error = sd / (float(x.std()) * math.sqrt(n))
    kept = float(np.clip(slope, 1e-6, 1.0 - 1e-6))
    speed = -12.0 * math.log(kept)
    scale = math.sqrt(2.0 * speed / (1.0 - kept**2)) if speed > 0 else math.sqrt(12.0)
    found = {
        "mean": (float(intercept / (1.0 - kept)), sd / ((1.0 - kept) * math.sqrt(n))),
        "reversion_per_year": (speed, 12.0 * slope_error / kept),
        "volatility_per_sqrt_year": (sd * scale, sd * scale / math.sqrt(2 * n)),
    }
    return [FactorFit(name, p, v, e, n, min(values), months[-1]) for p, (v, e) in found.items()]


def _together(monthly: Mapping[str, Mapping[str, float]]) -> list[FactorFit]:
    """Correlations of monthly changes by pair, and the t copula that fits all of them best."""
    changes = {}
    for name, values in sorted(monthly.items()):
        months, steps = _steps(values, logs=not _is_rate(name))
        changes[name] = dict(zip(months, steps, strict=True))
    fits = []
    names = sorted(changes)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            shared = sorted(changes[first].keys() & changes[second].keys())
            if len(shared) < _LEAST:
                continue
            a, b = (np.array([changes[name][m] for m in shared]) for name in (first, second))
            rho = float(np.corrcoef(a, b)[0, 1])
            error = (1.0 - rho**2) / math.sqrt(len(shared) - 1)
            fits.append(FactorFit(f"{first}/{second}", "correlation", rho, error, len(shared), shared[0], shared[-1]))
    return fits + _copula(changes)


def _copula(changes: Mapping[str, Mapping[str, float]]) -> list[FactorFit]:
    """Degrees of freedom of the t copula of all series by likelihood on ranks, months that all have."""
    from scipy.special import gammaln
    from scipy.stats import rankdata, t

    shared = sorted(set.intersection(*(set(c) for c in changes.values()))) if len(changes) > 1 else []
    if len(shared) < _LEAST:
        return []
    ranks = np.array([rankdata([c[m] for m in shared]) / (len(shared) + 1.0) for c in changes.values()])
    d, n = ranks.shape
    scores = []
    for df in _DEGREES:
        x = t.ppf(ranks, df)
        corr = np.corrcoef(x)
        inverse, sign_log = np.linalg.pinv(corr), np.linalg.slogdet(corr + 1e-9 * np.eye(d))[1]
        form = np.einsum("in,ij,jn->n", x, inverse, x)
        joint = gammaln((df + d) / 2) - gammaln(df / 2) - d / 2 * math.log(df * math.pi) - sign_log / 2
        scores.append(float((joint - (df + d) / 2 * np.log1p(form / df) - t.logpdf(x, df).sum(axis=0)).sum()))
    best = int(np.argmax(scores))
    near = [df for df, score in zip(_DEGREES, scores, strict=True) if score > scores[best] - 0.5]
    error = (max(near) - min(near)) / 2.0
    return [FactorFit("all", "t_copula_degrees", _DEGREES[best], error, n, shared[0], shared[-1])]
