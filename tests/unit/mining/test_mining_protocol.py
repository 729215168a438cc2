"""Consensus arithmetic: subsidy, halvings, difficulty, retarget, hashprice."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.mining import (
    difficulty,
    halving_time,
    hashprice_usd_per_ph_day,
    network_eh_per_s,
    retarget,
    subsidy_btc,
    subsidy_by_month,
)


def test_subsidy_halves_every_210_000_blocks_in_whole_satoshi() -> None:
    heights = [0, 209_999, 210_000, 840_000, 1_050_000, 10 * 210_000, 32 * 210_000, 33 * 210_000, 64 * 210_000]
    # 5e9 satoshi >> 10 = 4,882,812; >> 32 = 1; >> 33 = 0; a shift by 64 is zero by rule
    expected = [50.0, 50.0, 25.0, 3.125, 1.5625, 0.04882812, 1e-8, 0.0, 0.0]
    assert subsidy_btc(heights).tolist() == expected


def test_all_coins_are_just_under_21_million() -> None:
    eras = subsidy_btc(np.arange(34) * 210_000)
    assert eras.sum() * 210_000 == pytest.approx(20_999_999.9769, abs=1e-4)


def test_next_halving_is_210_000_ten_minute_blocks_after_the_last() -> None:
    # 210,000 x 10 min = 1,458 d 8 h after 2024-04-20: 3 x 365 + 366 = 1,461 would be 2028-04-20; 2 d 16 h less
    assert halving_time(4) == datetime(2024, 4, 20)
    assert halving_time(5) == datetime(2028, 4, 17, 8)
    with pytest.raises(ScenarioError, match="must be >= 1"):
        halving_time(0)


def test_month_of_a_halving_has_the_average_of_its_days() -> None:
    march, april, may = subsidy_by_month(2028, 3, 3)
    # 1 to 17 April 08:00 is 16 1/3 days at 3.125, the remaining 13 2/3 at 1.5625
    assert march == 3.125
    assert april == pytest.approx((16 + 1 / 3) / 30 * 3.125 + (13 + 2 / 3) / 30 * 1.5625)
    assert may == 1.5625
    assert subsidy_by_month(2013, 1, 1)[0] == 25.0
    # December to January crosses the year; 2020-05-11 is ten days into a month of 31
    assert subsidy_by_month(2019, 12, 2).tolist() == [12.5, 12.5]
    assert subsidy_by_month(2020, 5, 1)[0] == pytest.approx((10 * 12.5 + 21 * 6.25) / 31)


@pytest.mark.parametrize(("year", "month"), [(2012, 12), (2026, 0), (2026, 13)])
def test_a_start_outside_the_calendar_is_refused(year: int, month: int) -> None:
    with pytest.raises(ScenarioError, match="January 2013 or later"):
        subsidy_by_month(year, month, 1)


def test_difficulty_and_hash_rate_are_inverse() -> None:
    # 1 EH/s x 600 s / 2^32 = 6e20 / 4294967296 = 139,698,386,192.3
    assert float(difficulty(1.0)) == pytest.approx(139_698_386_192.3, rel=1e-12)
    assert float(network_eh_per_s(difficulty(1074.0))) == pytest.approx(1074.0)
    # a period 10 % faster than ten minutes needs 1 / 0.9 of the hash rate
    assert float(network_eh_per_s(difficulty(900.0), block_s=540.0)) == pytest.approx(1000.0)


def test_retarget_returns_to_ten_minutes_and_is_clamped_at_four() -> None:
    two_weeks = 2016 * 600.0
    # twice the hash rate: half the time, so twice the difficulty
    assert float(retarget(100.0, two_weeks / 2)) == 200.0
    assert float(retarget(100.0, two_weeks * 1.25)) == 80.0
    assert float(retarget(100.0, two_weeks / 10)) == 400.0
    assert float(retarget(100.0, two_weeks * 10)) == 25.0


def test_hashprice_is_the_reward_shared_by_hash_rate() -> None:
    # (450 + 5) BTC x 100,000 USD / 1,000,000 PH/s = 45.5 USD
    assert float(hashprice_usd_per_ph_day(450.0, 5.0, 100_000.0, 1000.0)) == pytest.approx(45.5)
