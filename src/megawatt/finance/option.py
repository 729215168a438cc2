"""One decision that can wait, such as a conversion or a refinancing: at which date, on what is known by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import BoolArray, FloatArray
from megawatt.errors import ScenarioError

__all__ = ["OptionValue", "value_option"]


@dataclass(frozen=True, slots=True)
class OptionValue:
    """Worth at the start of month 0 under each plan. [USD]

    ``at_dates`` (dates,): deciding for each date whatever happens, where it is possible then; ``option``: deciding at
    each date on the state then, measured on paths that did not shape the rule, with ``option_error`` (one standard
    error of its gain over never); ``taken`` (dates,): share of paths that decide at each date under that rule;
    ``chosen`` (paths,): the date that each path takes, -1 if none, and ``judged`` (paths,): those that measured it;
    ``bound``: the best date, or never, of each of these paths, known beforehand (no rule is worth more).
    """

    never: float
    at_dates: FloatArray
    option: float
    option_error: float
    taken: FloatArray
    chosen: NDArray[np.int64]
    judged: BoolArray
    bound: float

    @property
    def now(self) -> float:
        """Deciding at the first date."""
        return float(self.at_dates[0])

    @property
    def worth_of_waiting(self) -> float:
        """Option less the best plan that is fixed today (never included), at least 0 up to simulation error."""
        return self.option - max(self.never, float(self.at_dates.max()))


def value_option(
    never_usd: FloatArray, taken_usd: FloatArray, state: FloatArray, possible: BoolArray | None = None
) -> OptionValue:
    """The option to decide once, from what each path is worth under each plan at the start of month 0. [USD]

    The rule is found backwards over the dates by regressing the gain from deciding and the gain from going on, on a
    quadratic of the state (Longstaff and Schwartz, Review of Financial Studies 14, 2001), on every second path; its
    value is measured on the others, so it is a lower bound and not flattered by its own fit. Where the best date that
    is fixed today does better on the paths that shape the rule, it is the rule.

    Parameters
    ----------
    never_usd : (paths,)
        Never deciding.
    taken_usd : (paths, dates)
        Waiting until each date, then deciding, all costs paid.
    state : (paths, dates, features)
        What is known at each date.
    possible : (paths, dates), optional
        Whether a path can decide at each date; only these shape the rule of the date. None: all.

    Raises
    ------
    ScenarioError
        If shapes disagree or a value is not finite.
    """
    if never_usd.ndim != 1 or never_usd.size < 2 or taken_usd.ndim != 2 or taken_usd.shape[0] != never_usd.size:
        raise ScenarioError(f"option: {never_usd.shape} paths without the decision, {taken_usd.shape} with it")
    if state.ndim != 3 or state.shape[:2] != taken_usd.shape:
        raise ScenarioError(f"option: state {state.shape}, must be {taken_usd.shape} and features")
    can = np.ones(taken_usd.shape, dtype=np.bool_) if possible is None else possible
    if can.shape != taken_usd.shape:
        raise ScenarioError(f"option: possible {can.shape}, must be {taken_usd.shape}")
    if not (np.all(np.isfinite(never_usd)) and np.all(np.isfinite(taken_usd)) and np.all(np.isfinite(state))):
        raise ScenarioError("option: a value is not finite; check prices and costs")
    gains = np.where(can, taken_usd - never_usd[:, None], 0.0)
    judged = np.arange(never_usd.size) % 2 == 1
    decides = _rule(state, gains, can, ~judged)
    best = int(gains[~judged].mean(axis=0).argmax())
    if gains[~judged, best].mean() > _earned(gains, decides)[~judged].mean():
        decides = can & (np.arange(can.shape[1]) == best)
    chosen = np.where(decides.any(axis=1), decides.argmax(axis=1), -1)
    tested = _earned(gains, decides)[judged]
    never = float(never_usd.mean())
    spread = float(tested.std(ddof=1)) if tested.size > 1 else 0.0
    return OptionValue(
        never=never,
        at_dates=never + gains.mean(axis=0),
        option=never + float(tested.mean()),
        option_error=spread / float(np.sqrt(tested.size)),
        taken=np.array([(chosen[judged] == d).mean() for d in range(gains.shape[1])]),
        chosen=chosen,
        judged=judged,
        bound=never + float(np.maximum(gains[judged].max(axis=1), 0.0).mean()),
    )


def _earned(gains: FloatArray, decides: BoolArray) -> FloatArray:
    """Gain at the first date at which each path decides, (paths,)."""
    first = decides.argmax(axis=1)[:, None]
    return np.where(decides.any(axis=1), np.take_along_axis(gains, first, axis=1)[:, 0], 0.0)


def _rule(state: FloatArray, gains: FloatArray, can: BoolArray, learn: BoolArray) -> BoolArray:
    """Whether each path would decide at each date if it had not before, (paths, dates)."""
    decides = np.zeros(gains.shape, dtype=np.bool_)
    ahead = np.zeros(gains.shape[0])
    for d in range(gains.shape[1] - 1, -1, -1):
        among = learn & can[:, d]
        if not among.any():
            continue
        basis = _basis(state[:, d], among)
        now = basis @ np.linalg.lstsq(basis[among], gains[among, d], rcond=None)[0]
        wait = basis @ np.linalg.lstsq(basis[among], ahead[among], rcond=None)[0]
        decides[:, d] = can[:, d] & (now > np.maximum(wait, 0.0))
        ahead = np.where(decides[:, d], gains[:, d], ahead)
    return decides


def _basis(state: FloatArray, among: BoolArray) -> FloatArray:
    """Constant, linear and quadratic terms of the standardised features; a feature that does not vary drops out, and
    what too few paths would fit.
    """
    known = state[among]
    spread = known.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(known).max(axis=0), 1e-300)
    z = (state[:, varies] - known[:, varies].mean(axis=0)) / spread[varies]
    pairs = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i, z.shape[1])]
    terms = np.column_stack([np.ones(state.shape[0]), z, *pairs])
    return terms if known.shape[0] >= 2 * terms.shape[1] else terms[:, :1]
