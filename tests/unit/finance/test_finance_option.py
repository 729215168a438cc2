"""An option to decide once, against values worked out by hand and the American puts of Longstaff and Schwartz."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import discount_factors
from megawatt.finance.option import value_option

MONTHS, PATHS, DATES = 36, 400, (0, 6, 12)
FACTORS = discount_factors(0.1, MONTHS)
MINING = np.where(np.arange(MONTHS) < 12, 5.0, 1.0) * FACTORS
NEVER = np.full(PATHS, MINING.sum())


def converted(cost: float = 100.0, ai: np.ndarray | float = 8.0) -> np.ndarray:
    """Worth of mining until each date, six months of building, then AI; mining brings 5 a month and 1 from month 12."""
    cash = np.broadcast_to(ai, (PATHS, MONTHS)) * FACTORS
    return np.stack([MINING[:d].sum() - cost * FACTORS[d] + cash[:, d + 6 :].sum(axis=1) for d in DATES], axis=1)


def known(state: np.ndarray | float = 1.0) -> np.ndarray:
    return np.broadcast_to(np.asarray(state, dtype=float), (PATHS, len(DATES)))[:, :, None]


def test_without_uncertainty_the_option_is_the_best_date() -> None:
    worth = converted()
    value = value_option(NEVER, worth, known())
    assert value.never == pytest.approx(MINING.sum())
    assert value.at_dates == pytest.approx(worth[0])
    assert value.option == pytest.approx(worth[0].max())
    assert value.taken.tolist() == [float(v == worth[0].max()) for v in worth[0]]
    assert value.worth_of_waiting == pytest.approx(0.0, abs=1e-9)


def test_too_dear_means_never() -> None:
    value = value_option(NEVER, converted(cost=500.0), known())
    assert value.option == pytest.approx(value.never)
    assert not value.taken.any()
    assert value.now < value.never


def test_waiting_is_worth_what_it_lets_one_avoid() -> None:
    """From month 6 on AI brings 16 or nothing, each with one half, known in month 6."""
    good = np.arange(PATHS) % 4 < 2
    state = np.stack([np.full(PATHS, 0.5), good, good], axis=1)
    value = value_option(NEVER, converted(ai=np.where(good[:, None], 16.0, 0.0)), known(state))
    if_good = -MINING[6:].sum() - 100 * FACTORS[6] + 16 * FACTORS[12:].sum()
    assert value.option == pytest.approx(MINING.sum() + 0.5 * if_good)
    assert value.taken == pytest.approx([0.0, 0.5, 0.0])
    assert value.worth_of_waiting > 0


def test_a_rule_from_noise_does_not_beat_knowing_nothing() -> None:
    """The state tells nothing of later cash: the option is measured at the best fixed plan, up to noise."""
    rng = np.random.default_rng(5)
    noisy = converted(ai=rng.normal(8.0, 8.0, (PATHS, MONTHS)))
    value = value_option(NEVER, noisy, rng.normal(size=(PATHS, len(DATES), 2)))
    assert value.worth_of_waiting < 3 * value.option_error


@pytest.mark.parametrize(
    ("never", "worth", "state"),
    [
        (NEVER[:1], converted()[:1], known()[:1]),
        (NEVER, converted()[:5], known()),
        (NEVER, converted(), known()[:, :1]),
        (NEVER, np.full((PATHS, 3), np.nan), known()),
    ],
)
def test_what_does_not_fit_is_refused(never: np.ndarray, worth: np.ndarray, state: np.ndarray) -> None:
    with pytest.raises(ScenarioError, match="option"):
        value_option(never, worth, state)


def test_only_paths_that_can_decide_do() -> None:
    """Paths that cannot decide at the best date take the best of the others; where none can, none does."""
    worth, can = converted(), np.ones((PATHS, len(DATES)), dtype=bool)
    can[PATHS // 2 :, int(worth[0].argmax())] = False
    value = value_option(NEVER, worth, known(), can)
    second = np.where(can[-1], worth[0], -np.inf).max()
    assert value.option == pytest.approx((worth[0].max() + second) / 2)
    nobody = value_option(NEVER, worth, known(), np.zeros_like(can))
    assert nobody.option == nobody.never
    assert (nobody.chosen == -1).all()


PUTS = {(36.0, 0.2, 1): 4.478, (44.0, 0.2, 1): 1.110, (36.0, 0.4, 1): 7.101, (36.0, 0.2, 2): 4.840}
"""Spot, volatility, years: finite differences in table 1 of Longstaff and Schwartz (2001), strike 40, rate 6 %."""


@pytest.mark.parametrize(("put", "worth"), PUTS.items())
def test_american_puts_of_longstaff_and_schwartz(put: tuple[float, float, int], worth: float) -> None:
    spot, vol, years = put
    dates, paths, strike, rate = 50 * years, 40_000, 40.0, 0.06
    step = np.random.default_rng(7).standard_normal((paths // 2, dates))
    # mirrors stand two apart, so that each half of the paths has its own
    step = np.stack([step, -step], axis=1).reshape(-1, 2, 2, dates).swapaxes(1, 2).reshape(paths, dates)
    times = np.arange(1, dates + 1) / 50.0
    price = spot * np.exp((rate - vol**2 / 2) * times + vol * np.cumsum(step, axis=1) / np.sqrt(50.0))
    payoff = np.maximum(strike - price, 0.0) * np.exp(-rate * times)
    value = value_option(np.zeros(paths), payoff, price[:, :, None], payoff > 0.0)
    assert worth == pytest.approx(_tree(spot, vol, years), abs=0.002)
    assert value.option == pytest.approx(worth, abs=3.0 * value.option_error)
    assert value.option > payoff.mean(axis=0).max() + 2.0 * value.option_error


def _tree(spot: float, vol: float, years: int, strike: float = 40.0, rate: float = 0.06) -> float:
    """The put that can be exercised 50 times a year, by a binomial tree of 20 steps between two dates."""
    steps = 1000 * years
    dt = years / steps
    up = np.exp(vol * np.sqrt(dt))
    odds, keep = (np.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up), np.exp(-rate * dt)
    value = np.maximum(strike - spot * up ** (2.0 * np.arange(steps + 1) - steps), 0.0)
    for k in range(steps - 1, -1, -1):
        value = keep * (odds * value[1:] + (1.0 - odds) * value[:-1])
        if k % 20 == 0 and k > 0:
            value = np.maximum(value, strike - spot * up ** (2.0 * np.arange(k + 1) - k))
    return float(value[0])
