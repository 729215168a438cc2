"""Calendar months, halls and escalators."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import Hall, escalator, live_share, make_spine, repeat_year


def test_months_follow_the_calendar_over_a_leap_year() -> None:
    spine = make_spine(2027, 12, 15)
    assert [spine.label(i) for i in (0, 1, 2, 14)] == ["2027-12", "2028-01", "2028-02", "2029-02"]
    # December 31 x 24, February 2028 (leap) 29 x 24, February 2029 28 x 24
    assert spine.hours[[0, 2, 14]].tolist() == [744.0, 696.0, 672.0]
    assert spine.year_index[[0, 1, 14]].tolist() == [0, 1, 2]
    assert make_spine(2028, 1, 12).hours.sum() == 8784.0


def test_live_share_steps_up_with_each_hall() -> None:
    assert live_share((Hall(1, 0.25), Hall(3, 0.5)), 5).tolist() == [0.0, 0.25, 0.25, 0.75, 0.75]


def test_escalator_steps_once_a_year_after_its_start() -> None:
    index = escalator(27, 0.03, from_month=2)
    assert index[[0, 2, 13]].tolist() == [1.0, 1.0, 1.0]
    assert index[14] == pytest.approx(1.03)
    assert index[26] == pytest.approx(1.03**2)


def test_a_repeated_year_gives_the_leap_february_its_day() -> None:
    laid = repeat_year(make_spine(2027, 2, 13), np.arange(1.0, 13.0) * 28)
    assert laid[0] == 56.0
    assert laid[12] == pytest.approx(58.0)  # 2 x 28 x 29 / 28


@pytest.mark.parametrize(
    ("halls", "words"),
    [((), "none given"), ((Hall(-1, 0.5),), "month = -1"), ((Hall(0, 0.6), Hall(1, 0.6)), "sum to 1.2")],
)
def test_bad_halls_are_refused(halls: tuple[Hall, ...], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        live_share(halls, 12)


@pytest.mark.parametrize(("month", "months"), [(0, 12), (13, 12), (1, 0)])
def test_bad_calendars_are_refused(month: int, months: int) -> None:
    with pytest.raises(ScenarioError):
        make_spine(2026, month, months)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(ScenarioError, match="escalator"):
        escalator(12, -1.0)
    with pytest.raises(ScenarioError, match="must be 12"):
        repeat_year(make_spine(2026, 1, 3), np.ones(11))
