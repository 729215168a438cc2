"""Retargets and fleet switch-off against the network's history."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from megawatt.catalogue import load_catalogue
from megawatt.mining import installed_eh_per_s, network_fleet, predict_difficulty, retarget_prior, running_eh_per_s

pytestmark = pytest.mark.reference

FloatArray = NDArray[np.float64]
PERIOD = 2016
HALVING_2024 = (date(2024, 4, 20), 840_000)
"""The height at the start of that day (UTC) fixes the heights of all others."""


@pytest.fixture(scope="module")
def daily(reference_dir: Path) -> tuple[list[date], dict[str, FloatArray]]:
    names = ("PriceUSD", "HashRate", "BlkCnt", "DiffMean_derived", "IssTotNtv", "FeeTotNtv")
    with (reference_dir / "bitcoin_daily.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [date.fromisoformat(r["date"]) for r in rows], {n: np.array([float(r[n]) for r in rows]) for n in names}


def _retargets(days: list[date], d: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Year, share of the period known and relative error of the prediction at the end of every day of every period."""
    blocks, level = d["BlkCnt"], d["DiffMean_derived"]
    height = np.concatenate(([0.0], np.cumsum(blocks)))
    height += HALVING_2024[1] - height[days.index(HALVING_2024[0])]
    heights = np.arange(int(height[0] // PERIOD) + 1, int(height[-1] // PERIOD) + 1) * PERIOD
    # a period begins within a day: at the share of the day's blocks that come before
    starts = np.interp(heights, height, np.arange(height.size))
    prior, found = retarget_prior(load_catalogue()), []
    for k in range(heights.size - 2):
        inside = np.arange(int(np.ceil(starts[k])), int(np.floor(starts[k + 1])) + 1)
        now, later = (np.median(level[int(np.ceil(starts[i])) : int(np.floor(starts[i + 1]))]) for i in (k, k + 1))
        inside = inside[inside > starts[k]]
        known = height[inside] - heights[k]
        predicted = predict_difficulty(now, known, (inside - starts[k]) * 86_400.0, prior)
        found += [
            (days[int(starts[k])].year, n / PERIOD, p / later - 1.0) for n, p in zip(known, predicted, strict=True)
        ]
    year, share, error = (np.array(column) for column in zip(*found, strict=True))
    return year, share, error


def test_next_difficulty_from_the_blocks_so_far(daily: tuple[list[date], dict[str, FloatArray]]) -> None:
    year, share, error = _retargets(*daily)
    # the prior was measured up to 2021; the years after are out of its sample
    new = year >= 2022
    assert new.sum() > 1000
    assert np.abs(error[new]).mean() < 0.02
    assert abs(error[new].mean()) < 0.01
    # and it sharpens as blocks come in: last quarter of the period, all years
    assert np.abs(error[share > 0.75]).mean() < 0.01
    assert np.abs(error[share < 0.25]).mean() > 0.02


@pytest.mark.parametrize(
    ("year", "before", "after"),
    [
        (2022.87, (date(2022, 10, 8), date(2022, 11, 7)), (date(2022, 11, 14), date(2022, 12, 31))),
        (2024.33, (date(2024, 3, 20), date(2024, 4, 20)), (date(2024, 5, 1), date(2024, 6, 30))),
    ],
    ids=["late 2022", "halving 2024"],
)
def test_fleets_switch_off_at_their_break_even(
    daily: tuple[list[date], dict[str, FloatArray]],
    year: float,
    before: tuple[date, date],
    after: tuple[date, date],
) -> None:
    days, d = daily
    revenue = (d["IssTotNtv"] + d["FeeTotNtv"]) * d["PriceUSD"]
    spans = [slice(days.index(a), days.index(b)) for a, b in (before, after)]
    (hash0, hash1), (revenue0, revenue1) = ([float(v[s].mean()) for s in spans] for v in (d["HashRate"] / 1e6, revenue))
    fleet = network_fleet(load_catalogue(), year)
    predicted = float(running_eh_per_s(fleet, installed_eh_per_s(fleet, hash0, revenue0), revenue1))
    assert hash1 < hash0
    assert predicted == pytest.approx(hash1, rel=0.03)
    assert abs(predicted / hash1 - 1.0) < 0.7 * abs(hash0 / hash1 - 1.0)
