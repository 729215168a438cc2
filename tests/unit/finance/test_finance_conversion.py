"""The option to convert, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import discount_factors
from megawatt.finance.conversion import value_option

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
    assert value.converts.tolist() == [float(v == worth[0].max()) for v in worth[0]]
    assert value.worth_of_waiting == pytest.approx(0.0, abs=1e-9)


def test_too_dear_means_never() -> None:
    value = value_option(NEVER, converted(cost=500.0), known())
    assert value.option == pytest.approx(value.never)
    assert not value.converts.any()
    assert value.now < value.never


def test_waiting_is_worth_what_it_lets_one_avoid() -> None:
    """From month 6 on AI brings 16 or nothing, each with one half, known in month 6."""
    good = np.arange(PATHS) % 4 < 2
    state = np.stack([np.full(PATHS, 0.5), good, good], axis=1)
    value = value_option(NEVER, converted(ai=np.where(good[:, None], 16.0, 0.0)), known(state))
    if_good = -MINING[6:].sum() - 100 * FACTORS[6] + 16 * FACTORS[12:].sum()
    assert value.option == pytest.approx(MINING.sum() + 0.5 * if_good)
    assert value.converts == pytest.approx([0.0, 0.5, 0.0])
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
    with pytest.raises(ScenarioError, match="conversion"):
        value_option(never, worth, state)
