"""The plain answer follows from the numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from megawatt.chain.records import Comparison, Sensitivity, UseResult
from megawatt.report.decision import answer, overlap, paired_lead, reversals
from tests.report_sample import mining_alone, sample_comparison


@pytest.fixture(scope="module")
def sample() -> Comparison:
    return sample_comparison()


def _valued(
    use: UseResult, value: float, half_range: float = 0.1e6, sensitivities: tuple[Sensitivity, ...] = ()
) -> UseResult:
    head = replace(
        use.headline,
        value_usd_per_grid_mw_year=value,
        value_p5=value - half_range,
        value_p95=value + half_range,
        value_low=value - half_range,
        value_high=value + half_range,
    )
    return replace(use, headline=head, sensitivities=sensitivities)


def _moved(name: str, at_low: float, at_high: float, low: float = 1.0, high: float = 2.0) -> Sensitivity:
    return Sensitivity(name, name, "", low, 1.5, high, at_low, at_high)


def test_the_best_use_its_lead_and_the_overlap_are_named(sample: Comparison) -> None:
    text = answer(sample).sentence
    # 1.23m - 0.81m = 0.42m, 0.42 / 0.81 = 52 %
    assert text.startswith(
        "GB300 under the Microsoft contract leaves most of a grid megawatt-year after capital: $1.23m"
    )
    assert "$420k (52\u202f%) more than Trainium 3, same halls, token parity ($810k)" in text
    assert "their market ranges overlap" in text
    assert "would reverse it" in text
    points = " ".join(answer(sample).points)
    assert "Not earning the discount rate on capital in the base case: Bitcoin mining, S21 XP (−$61.0k)" in points
    assert "3.1\u202f% (95\u202f% interval 2.5\u202f% to 3.8\u202f%)" in points


def test_ranges_apart_and_nothing_reverses(sample: Comparison) -> None:
    a, b = sample.uses[:2]
    text = answer(replace(sample, uses=(_valued(b, 1e6), _valued(a, 2e6)))).sentence
    assert "their market ranges do not overlap" in text
    assert "no input was moved to see what reverses it" in text
    held = _moved("price", 0.9e6, 1.1e6)
    moved = (_valued(b, 1e6, sensitivities=(held,)), _valued(a, 2e6))
    assert "no single input reverses it" in answer(replace(sample, uses=moved)).sentence


def test_all_losing_is_said_and_no_share_of_a_loss_is_given(sample: Comparison) -> None:
    a, b = sample.uses[:2]
    told = answer(replace(sample, uses=(_valued(a, -2e6), _valued(b, -1e6))))
    assert told.sentence.startswith(f"{b.title} leaves most")
    assert "%" not in told.sentence.split(";")[0]
    assert told.points[0] == "No use earns its discount rate on capital in the base case."


def test_a_shared_input_moves_both_uses(sample: Comparison) -> None:
    a, b = sample.uses[:2]
    # At its low end both fall: 1.0 against 0.7. Held against the other's base (1.5) it would wrongly reverse.
    first = _valued(a, 2e6, sensitivities=(_moved("price", 1.0e6, 2.2e6),))
    second = _valued(b, 1.5e6, sensitivities=(_moved("price", 0.7e6, 1.6e6),))
    assert reversals(first, second) == ()
    alone = replace(second, sensitivities=())
    assert [r.first_usd for r in reversals(first, alone)] == [1.0e6]


def test_shared_names_with_other_ends_are_moved_apart(sample: Comparison) -> None:
    a, b = sample.uses[:2]
    first = _valued(a, 2e6, sensitivities=(_moved("capex", 1.9e6, 2.1e6),))
    second = _valued(b, 1.5e6, sensitivities=(_moved("capex", 2.3e6, 1.1e6, low=3.0),))
    found = reversals(first, second)
    assert [(r.second_usd, r.end) for r in found] == [(2.3e6, "3")]
    assert found[0].title == f"capex ({b.title})"


def test_one_use_alone(sample: Comparison) -> None:
    told = answer(replace(sample, uses=sample.uses[:1]))
    assert told.sentence.startswith("GB300 under the Microsoft contract leaves $1.23m per grid megawatt-year")
    losing = answer(mining_alone())
    assert "falls $61.0k per grid megawatt-year short" in losing.sentence
    assert not any("percentile" in point for point in losing.points)  # its market range is not known


def test_undefined_values_rank_last(sample: Comparison) -> None:
    a, b = sample.uses[:2]
    told = answer(replace(sample, uses=(_valued(a, math.nan), b)))
    assert told.sentence.startswith(b.title)
    assert "not defined" in answer(replace(sample, uses=(_valued(a, math.nan),))).sentence
    assert "no use" in answer(replace(sample, uses=())).sentence


def test_paths_are_compared_one_by_one_only_on_the_same_draws(sample: Comparison) -> None:
    a, b = sample.uses[:2]
    fans = {"btc": np.ones((5, 12))}
    value = "value_usd_per_grid_mw_year"
    first = replace(a, risk=replace(a.risk, seed=1, fans=fans, samples={value: np.array([1.0, 2.0, 3.0, 4.0])}))
    second = replace(b, risk=replace(b.risk, seed=1, fans=fans, samples={value: np.array([0.0, 2.5, 2.0, 3.0])}))
    assert paired_lead(first, second) == 0.75  # ahead in the first, third and fourth path
    assert paired_lead(first, replace(second, risk=replace(second.risk, seed=2))) is None
    other = replace(second, risk=replace(second.risk, fans={"btc": 2 * np.ones((5, 12))}))
    assert paired_lead(first, other) is None
    points = answer(replace(sample, uses=(first, second))).points
    assert any("ahead of Trainium 3, same halls, token parity in 75.0\u202f% of them" in point for point in points)


def test_overlap_of_ranges() -> None:
    assert overlap((1, 2), (2, 3))
    assert overlap((3, 1), (2, 2.5))
    assert not overlap((1, 2), (2.1, 3))
    assert not overlap((1, math.nan), (0, 5))


def test_every_use_is_tested_against_the_leader_and_the_unknown_is_called_so(sample: Comparison) -> None:
    a, b, c = sample.uses[:3]
    wide = _moved("price", -0.1e6, 6e6)
    third = _valued(c, 0.2e6, sensitivities=(wide,))
    third = replace(third, headline=replace(third.headline, value_low=-0.1e6, value_high=6e6))
    told = answer(replace(sample, uses=(_valued(a, 1e6), _valued(b, 0.5e6), third)))
    assert f"price ({c.title}) at 2 would put {c.title} ahead" in told.sentence
    unknown = [point for point in told.points if point.startswith("Not known")]
    assert len(unknown) == 1
    assert c.title in unknown[0]
    assert b.title not in unknown[0]
