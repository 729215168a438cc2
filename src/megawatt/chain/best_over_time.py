"""Decisions over time behind one connection: miners that stay, or give way to AI halls now, later, in steps, or as
prices tell.

The worth of every plan is `megawatt convert`'s (`chain/conversion.py`): the same paths, the same rule by least
squares. What is the mix's own is the connection: halls take first what the miners leave of it, and only what is missing
displaces miners, so that the first halls may displace none and the last ones all that they draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.best_records import Candidate, Programme
from megawatt.chain.conversion import DrawnPlans, draw_plans, rate_of
from megawatt.chain.mixed import MixedPart
from megawatt.finance.option import value_option
from megawatt.scenario.comparison import Conversion

__all__ = ["OverTime", "Plan", "decide_over_time"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan and what it is worth. ``halls`` that are converted at each date whatever happens, () where prices decide;
    ``error_usd`` is one standard error, of an option that of its gain over never."""

    name: str
    halls: tuple[int, ...]
    value_usd: float
    error_usd: float


@dataclass(frozen=True, slots=True)
class OverTime:
    """Plans of one connection, all after tax and before debt at the start of the conversion. [USD]

    ``displaced_mw`` (halls,): megawatts of miners that so many halls displace. ``options`` decide at each date on what
    is known then (lower bounds): all halls at once, and hall by hall; ``converts_frac`` (dates,) share of paths on
    which all halls convert at each date; ``bound_usd`` knows every path beforehand.
    """

    mining: str
    ai: str
    dates: tuple[str, ...]
    months: int
    paths: int
    discount_rate: float
    mining_mw: float
    ai_mw: float
    displaced_mw: tuple[float, ...]
    fixed: tuple[Plan, ...]
    options: tuple[Plan, ...]
    converts_frac: tuple[float, ...]
    bound_usd: float

    @property
    def best_fixed(self) -> Plan:
        """The best plan that is fixed today."""
        return max(self.fixed, key=lambda plan: plan.value_usd)

    @property
    def best_option(self) -> Plan:
        """The better of the options."""
        return max(self.options, key=lambda plan: plan.value_usd)

    @property
    def waiting_usd(self) -> float:
        """What deciding later is worth over the best plan that is fixed today."""
        return self.best_option.value_usd - self.best_fixed.value_usd


def decide_over_time(
    terms: Conversion, programme: Programme, parts: tuple[MixedPart, ...], seed: int, workers: int = 1
) -> OverTime | None:
    """What a part that mines and one that may stand there instead are worth under every plan, behind the connection.

    Of a part with several ways the one that is worth most is taken; both at the largest size that fits. None where one
    of the two is no candidate (its loan does not keep ``lowest_dscr``).
    """
    if not {terms.mining, terms.ai} <= {part.loaded.business for part in parts}:
        return None
    mining, ai = (_chosen(programme, parts, name) for name in (terms.mining, terms.ai))
    sizes = [programme.largest(candidate)[0] for candidate, _ in (mining, ai)]
    mining_mw, ai_mw = (size * c.peak_mw for size, (c, _) in zip(sizes, (mining, ai), strict=True))
    steps = np.arange(1, terms.halls + 1) / terms.halls
    over = np.maximum(mining_mw + steps * ai_mw - programme.limits.grid_mw, 0.0)
    displaced = np.minimum(over / max(mining_mw, 1e-9), 1.0)
    drawn = draw_plans(terms, mining[1].links, ai[1].links, seed, workers)
    gains = _gains(drawn, sizes, displaced)
    never = sizes[0] * drawn.never
    options, converts, bound = _options(never, gains[0], drawn.state)
    return OverTime(
        mining=mining[0].name,
        ai=ai[0].name,
        dates=terms.dates,
        months=terms.months,
        paths=terms.paths,
        discount_rate=rate_of(terms, ai[1].links),
        mining_mw=mining_mw,
        ai_mw=ai_mw,
        displaced_mw=tuple((displaced * mining_mw).tolist()),
        fixed=_fixed(terms, never, gains),
        options=options,
        converts_frac=converts,
        bound_usd=bound,
    )


def _chosen(programme: Programme, parts: tuple[MixedPart, ...], business: str) -> tuple[Candidate, MixedPart]:
    """The way of a business that is worth most for a MW."""
    ways = [(c, p) for c, p in zip(programme.candidates, parts, strict=True) if p.loaded.business == business]
    return max(ways, key=lambda way: way[0].worth_usd / max(way[0].peak_mw, 1e-9))


def _gains(drawn: DrawnPlans, sizes: list[float], displaced: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What each hall gains over never at each date, (paths, halls, dates): the first ones, and those after them."""
    more = np.diff(displaced, prepend=0.0)[:, np.newaxis]
    given_up = sizes[0] * more * (drawn.before - drawn.never[:, np.newaxis])[:, np.newaxis, :]
    first, learned = (sizes[1] / displaced.size * worth[:, np.newaxis, :] for worth in (drawn.first, drawn.learned))
    return given_up + first, given_up + learned


def _plan(name: str, halls: tuple[int, ...], worth_usd: FloatArray) -> Plan:
    return Plan(name, halls, float(worth_usd.mean()), float(worth_usd.std(ddof=1) / np.sqrt(worth_usd.size)))


def _fixed(terms: Conversion, never: FloatArray, gains: tuple[FloatArray, FloatArray]) -> tuple[Plan, ...]:
    """Never, the best number of halls at each date, all of them, and one step after another."""
    count, dates = terms.halls, len(terms.dates)
    plans = [_plan("never", (0,) * dates, never)]
    summed = never[:, np.newaxis, np.newaxis] + np.cumsum(gains[0], axis=1)
    for d, month in enumerate(terms.dates):
        part = int(np.argmax(summed[:, :, d].mean(axis=0)))
        for n in sorted({part, count - 1}):
            halls = tuple(n + 1 if at == d else 0 for at in range(dates))
            plans.append(
                _plan(f"{'all' if n + 1 == count else f'{n + 1} of {count}'} halls in {month}", halls, summed[:, n, d])
            )
    if dates > 1 and count > 1:
        at = np.arange(count) * dates // count if count >= dates else np.arange(count)
        stepped = never + sum(gains[min(d, 1)][:, k, d] for k, d in enumerate(at.tolist()))
        plans.append(_plan("in steps", tuple(np.bincount(at, minlength=dates).tolist()), stepped))
    return tuple(plans)


def _options(
    never: FloatArray, gains: FloatArray, state: FloatArray
) -> tuple[tuple[Plan, ...], tuple[float, ...], float]:
    """All halls at once, and each by itself, decided at each date on what is known then; and the bound of both."""
    none, whole = np.zeros(never.size), float(never.mean())
    together = value_option(none, gains.sum(axis=1), state)
    each = [value_option(none, gains[:, k], state) for k in range(gains.shape[1])]
    plans = (
        Plan("all halls, as prices tell", (), whole + together.option, together.option_error),
        Plan(
            "hall by hall, as prices tell", (), whole + sum(v.option for v in each), sum(v.option_error for v in each)
        ),
    )
    return plans, tuple(together.taken.tolist()), whole + sum(v.bound for v in each)
