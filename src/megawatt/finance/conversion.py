"""Converting a mining hall to AI as an option: now, later or never, decided on what is known by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError

__all__ = ["ConversionValue", "value_option"]


@dataclass(frozen=True, slots=True)
class ConversionValue:
    """Worth at the start of month 0 of one hall under each plan. [USD]

    ``at_dates`` (decisions,): converting at each date whatever happens; ``option``: deciding at each date on the state
    then, measured on paths that did not shape the rule, with ``option_error`` (one standard error of its gain over
    never); ``converts`` (decisions,): share of paths that convert at each date under that rule; ``bound``: the best
    date, or never, of each of these paths, known beforehand (no rule is worth more).
    """

    never: float
    at_dates: FloatArray
    option: float
    option_error: float
    converts: FloatArray
    bound: float

    @property
    def now(self) -> float:
        """Converting at the first date."""
        return float(self.at_dates[0])

    @property
    def worth_of_waiting(self) -> float:
        """Option less the best plan that is fixed today (never included), at least 0 up to simulation error."""
        return self.option - max(self.never, float(self.at_dates.max()))


def value_option(never_usd: FloatArray, converted_usd: FloatArray, state: FloatArray) -> ConversionValue:
    """The option to convert once, from what each path is worth under each plan at the start of month 0. [USD]

    The rule is found backwards over the dates by regressing the gain from converting and the gain from going on, on a
    quadratic of the state (Longstaff and Schwartz, Review of Financial Studies 14, 2001), on every second path; its
    value is measured on the others, so it is a lower bound and not flattered by its own fit.

    Parameters
    ----------
    never_usd : (paths,)
        Mining to the end.
    converted_usd : (paths, decisions)
        Mining until each date, AI after it, all costs paid.
    state : (paths, decisions, features)
        What is known at each date.

    Raises
    ------
    ScenarioError
        If shapes disagree or a value is not finite.
    """
    if never_usd.ndim != 1 or never_usd.size < 2 or converted_usd.shape[:1] != never_usd.shape:
        raise ScenarioError(f"conversion: {never_usd.shape} paths of mining, {converted_usd.shape} converted")
    if state.ndim != 3 or state.shape[:2] != converted_usd.shape:
        raise ScenarioError(f"conversion: state {state.shape}, must be {converted_usd.shape} and features")
    if not (np.all(np.isfinite(never_usd)) and np.all(np.isfinite(converted_usd)) and np.all(np.isfinite(state))):
        raise ScenarioError("conversion: a value is not finite; check prices and costs")
    gains = converted_usd - never_usd[:, None]
    learn, judge = np.arange(gains.shape[0]) % 2 == 0, np.arange(gains.shape[0]) % 2 == 1
    decides = _rule(state, gains, learn)
    chosen = np.where(decides.any(axis=1), decides.argmax(axis=1), -1)
    earned = np.where(chosen >= 0, np.take_along_axis(gains, np.maximum(chosen, 0)[:, None], axis=1)[:, 0], 0.0)
    tested = earned[judge]
    never = float(never_usd.mean())
    spread = float(tested.std(ddof=1)) if tested.size > 1 else 0.0
    return ConversionValue(
        never=never,
        at_dates=never + gains.mean(axis=0),
        option=never + float(tested.mean()),
        option_error=spread / float(np.sqrt(tested.size)),
        converts=np.array([(chosen[judge] == d).mean() for d in range(gains.shape[1])]),
        bound=never + float(np.maximum(gains[judge].max(axis=1), 0.0).mean()),
    )


def _rule(state: FloatArray, gains: FloatArray, learn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each path would convert at each date if it had not before, (paths, decisions)."""
    paths, decisions = gains.shape
    decides = np.zeros((paths, decisions), dtype=np.bool_)
    ahead = np.zeros(paths)
    for d in range(decisions - 1, -1, -1):
        basis = _basis(state[:, d], learn)
        convert = basis @ np.linalg.lstsq(basis[learn], gains[learn, d], rcond=None)[0]
        wait = basis @ np.linalg.lstsq(basis[learn], ahead[learn], rcond=None)[0]
        decides[:, d] = convert > np.maximum(wait, 0.0)
        ahead = np.where(decides[:, d], gains[:, d], ahead)
    return decides


def _basis(state: FloatArray, learn: NDArray[np.bool_]) -> FloatArray:
    """Constant, linear and quadratic terms of the standardised features; a feature that does not vary drops out."""
    spread = state[learn].std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(state[learn]).max(axis=0), 1e-300)
    z = (state[:, varies] - state[learn][:, varies].mean(axis=0)) / spread[varies]
    pairs = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i, z.shape[1])]
    return np.column_stack([np.ones(state.shape[0]), z, *pairs])
