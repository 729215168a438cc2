"""Converting a mining hall to AI as an option: now, later, partly or never, decided on what is known by then."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.finance.measures import discount_factors

__all__ = ["Conversion", "ConversionValue", "convert_partly", "value_conversion", "value_option"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Conversion:
    """One hall that mines and could be converted once; arrays along the same simulated paths.

    Attributes
    ----------
    mining_cash, ai_cash : (paths, months)
        Cash of the hall in a month if it mines, and if it is live as an AI hall. [USD]
    cost_usd : (months,)
        Cost of converting if decided in that month, net of what miners and old plant fetch. [USD]
    build_months : int
        Months after the decision in which the hall earns nothing.
    decision_months : (decisions,)
        Months in which one may decide, rising.
    state : (paths, months, features)
        What is known in each month (prices, difficulty): the decision may depend on nothing else.
    discount_rate : float
        Annual effective.
    """

    mining_cash: FloatArray
    ai_cash: FloatArray
    cost_usd: FloatArray
    build_months: int
    decision_months: IntArray
    state: FloatArray
    discount_rate: float


@dataclass(frozen=True, slots=True)
class ConversionValue:
    """Worth at the start of month 0 of one hall under each plan. [USD]

    ``at_dates`` (decisions,): converting at each date whatever happens; ``option``: deciding at each date on the state
    then, measured on paths that did not shape the rule, with ``option_error`` (one standard error of its gain over
    never); ``converts`` (decisions,): share of paths that convert at each date under that rule.
    """

    never: float
    at_dates: FloatArray
    option: float
    option_error: float
    converts: FloatArray

    @property
    def now(self) -> float:
        """Converting at the first date."""
        return float(self.at_dates[0])

    @property
    def worth_of_waiting(self) -> float:
        """Option less the best plan that is fixed today (never included), at least 0 up to simulation error."""
        return self.option - max(self.never, float(self.at_dates.max()))


def value_conversion(case: Conversion) -> ConversionValue:
    """Value converting now, at fixed dates, never, and as an option; see `value_option`.

    Raises
    ------
    ScenarioError
        If shapes disagree or dates are out of range.
    """
    _check(case)
    mined = case.mining_cash @ discount_factors(case.discount_rate, case.mining_cash.shape[1])
    return value_option(mined, mined[:, None] + _gains(case), case.state[:, case.decision_months])


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
    )


def convert_partly(case: Conversion, share_now: float, learned_cost_frac: float = 1.0) -> float:
    """Worth per hall of converting a share at the first date and keeping the option on the rest. [USD]

    Parameters
    ----------
    share_now : float
        0 to 1.
    learned_cost_frac : float
        Cost of the later halls over that of the first ones: what building the first ones teaches.

    Raises
    ------
    ScenarioError
        If a share is out of range.
    """
    if not 0.0 <= share_now <= 1.0 or not learned_cost_frac > 0.0:
        raise ScenarioError(f"conversion: share {share_now} now, must be 0 to 1; learned cost {learned_cost_frac} > 0")
    value = value_conversion(case)
    if share_now in (0.0, 1.0):
        return value.now if share_now == 1.0 else value.option
    # the rest cannot go with the first halls: it waits for the second date
    later = replace(case, cost_usd=case.cost_usd * learned_cost_frac, decision_months=case.decision_months[1:])
    rest = value_conversion(later).option if later.decision_months.size else value.never
    return share_now * value.now + (1.0 - share_now) * rest


def _gains(case: Conversion) -> FloatArray:
    """Gain over mining for ever from converting at each date, along each path, (paths, decisions). [USD, month 0]"""
    months = case.mining_cash.shape[1]
    factors = discount_factors(case.discount_rate, months)
    none = np.zeros((case.mining_cash.shape[0], 1))
    mining_left = np.hstack([np.cumsum((case.mining_cash * factors)[:, ::-1], axis=1)[:, ::-1], none])
    ai_left = np.hstack([np.cumsum((case.ai_cash * factors)[:, ::-1], axis=1)[:, ::-1], none])
    live = np.minimum(case.decision_months + case.build_months, months)
    cost = case.cost_usd * factors
    return np.asarray(ai_left[:, live] - mining_left[:, case.decision_months] - cost[case.decision_months])


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


def _check(case: Conversion) -> None:
    shape = case.mining_cash.shape
    if case.mining_cash.ndim != 2 or case.ai_cash.shape != shape or case.state.shape[:2] != shape:
        raise ScenarioError(
            f"conversion: mining cash {shape}, AI cash {case.ai_cash.shape}, state {case.state.shape}; must share "
            "(paths, months)"
        )
    dates = case.decision_months
    if shape[0] < 2 or case.state.ndim != 3 or case.cost_usd.shape != shape[1:]:
        raise ScenarioError("conversion: needs two paths or more, state (paths, months, features), cost (months,)")
    if dates.size == 0 or np.any(np.diff(dates) <= 0) or dates[0] < 0 or dates[-1] >= shape[1]:
        raise ScenarioError(f"conversion: decision months {dates}, must rise within 0 to {shape[1] - 1}")
    if case.build_months < 0:
        raise ScenarioError(f"conversion: build_months = {case.build_months}, must be 0 or more")
