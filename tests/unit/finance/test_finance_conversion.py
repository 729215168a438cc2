"""The option to convert, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import discount_factors
from megawatt.finance.conversion import Conversion, convert_partly, value_conversion

MONTHS, PATHS = 36, 400


def certain(cost: float = 100.0) -> Conversion:
    """Mining brings 5 a month and falls to 1 from month 12 on; AI would bring 8; six months of building."""
    mining = np.where(np.arange(MONTHS) < 12, 5.0, 1.0)
    return Conversion(
        mining_cash=np.tile(mining, (PATHS, 1)),
        ai_cash=np.full((PATHS, MONTHS), 8.0),
        cost_usd=np.full(MONTHS, cost),
        build_months=6,
        decision_months=np.array([0, 6, 12]),
        state=np.ones((PATHS, MONTHS, 1)),
        discount_rate=0.1,
    )


def test_without_uncertainty_the_option_is_the_best_date() -> None:
    case = certain()
    factors = discount_factors(0.1, MONTHS)
    mining = case.mining_cash[0] * factors
    by_hand = [mining[:d].sum() - 100 * factors[d] + 8 * factors[d + 6 :].sum() for d in (0, 6, 12)]
    value = value_conversion(case)
    assert value.never == pytest.approx(mining.sum())
    assert value.at_dates == pytest.approx(by_hand)
    assert value.option == pytest.approx(max(by_hand))
    assert value.converts.tolist() == [float(v == max(by_hand)) for v in by_hand]
    assert value.worth_of_waiting == pytest.approx(0.0, abs=1e-9)


def test_too_dear_means_never() -> None:
    value = value_conversion(certain(cost=500.0))
    assert value.option == pytest.approx(value.never)
    assert not value.converts.any()
    assert value.now < value.never


def test_waiting_is_worth_what_it_lets_one_avoid() -> None:
    """From month 6 on AI brings 16 or nothing, each with one half, known in month 6."""
    case = certain()
    good = np.arange(PATHS) % 4 < 2
    ai = np.where(good[:, None], 16.0, 0.0) * np.ones((1, MONTHS))
    known = np.where(np.arange(MONTHS) >= 6, good[:, None] * 1.0, 0.5)[:, :, None]
    value = value_conversion(replace(case, ai_cash=ai, state=known))
    factors = discount_factors(0.1, MONTHS)
    mining = case.mining_cash[0] * factors
    if_good = -mining[6:].sum() - 100 * factors[6] + 16 * factors[12:].sum()
    assert value.option == pytest.approx(mining.sum() + 0.5 * if_good)
    assert value.converts == pytest.approx([0.0, 0.5, 0.0])
    assert value.worth_of_waiting > 0


def test_some_halls_now_and_what_they_teach() -> None:
    case = certain()
    value = value_conversion(case)
    assert convert_partly(case, 1.0) == pytest.approx(value.now)
    assert convert_partly(case, 0.0) == pytest.approx(value.option)
    rest = value_conversion(replace(case, cost_usd=0.8 * case.cost_usd, decision_months=case.decision_months[1:]))
    assert convert_partly(case, 0.25, 0.8) == pytest.approx(0.25 * value.now + 0.75 * rest.option)


def test_a_rule_from_noise_does_not_beat_knowing_nothing() -> None:
    """The state tells nothing of later cash: the option is measured at the best fixed plan, up to noise."""
    rng = np.random.default_rng(5)
    case = certain()
    noisy = replace(case, ai_cash=rng.normal(8.0, 8.0, (PATHS, MONTHS)), state=rng.normal(size=(PATHS, MONTHS, 2)))
    value = value_conversion(noisy)
    assert value.worth_of_waiting < 3 * value.option_error


@pytest.mark.parametrize(
    "change",
    [
        {"decision_months": np.array([6, 0])},
        {"decision_months": np.array([40])},
        {"build_months": -1},
        {"cost_usd": np.ones(3)},
        {"ai_cash": np.ones((2, 2))},
    ],
)
def test_what_is_out_of_range_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match="conversion"):
        value_conversion(replace(certain(), **change))  # type: ignore[arg-type]
