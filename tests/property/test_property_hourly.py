"""Whatever the order, the offsets, the clock changes or the steps of a file: its hours are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.errors import ScenarioError
from megawatt.hourly import FilePart, HourlyFile, read_hourly

ZONES = ("America/Chicago", "America/New_York", "Europe/Berlin", "Europe/London", "Australia/Sydney", "Asia/Kolkata")
FEW = settings(max_examples=4, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def _year(zone: str, year: int) -> list[datetime]:
    """Hours of the year of a zone's standard time, in UTC."""
    offsets = [datetime(year, month, 15, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7)]
    first = datetime(year, 1, 1, tzinfo=UTC) - min(o for o in offsets if o is not None)
    days = 366 if year % 4 == 0 else 365
    return [first + timedelta(hours=i) for i in range(24 * days)]


def _standard_h(zone: str) -> float:
    offsets = [datetime(2023, month, 15, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7)]
    return min(o for o in offsets if o is not None).total_seconds() / 3600


def _read(rows: list[str], part: FilePart) -> HourlyFile:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_text("\n".join(["Datetime,Price (USD/MWh)", *rows]), encoding="utf-8")
        return read_hourly(path, "prices", part)


@FEW
@given(zone=st.sampled_from(ZONES), year=st.integers(2020, 2026), seed=seeds)
def test_order_and_offsets_do_not_matter(zone: str, year: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    at, price = _year(zone, year), rng.normal(40, 20, 8784).round(3)
    clocks = [ZoneInfo(ZONES[i]) for i in rng.integers(0, len(ZONES), len(at))]
    rows = [f"{when.astimezone(clock).isoformat()},{p}" for when, clock, p in zip(at, clocks, price, strict=False)]
    part = FilePart(utc_offset_hours=_standard_h(zone))
    file = _read([rows[i] for i in rng.permutation(len(rows))], part)
    kept = np.delete(price, slice(1416, 1440)) if year % 4 == 0 else price[:8760]
    assert np.array_equal(file.values["price"][0], kept)
    assert file.dropped_hours == (24 if year % 4 == 0 else 0)


@FEW
@given(zone=st.sampled_from(ZONES[:5]), year=st.integers(2021, 2023), seed=seeds, backwards=st.booleans())
def test_wall_time_is_standard_time_with_two_changes(zone: str, year: int, seed: int, backwards: bool) -> None:
    price = np.random.default_rng(seed).normal(40, 20, 8760).round(3)
    place = ZoneInfo(zone)
    rows = [f"{when.astimezone(place):%Y-%m-%d %H:%M},{p}" for when, p in zip(_year(zone, year), price, strict=True)]
    part = FilePart(utc_offset_hours=_standard_h(zone), zone=zone, year=year)
    file = _read(rows[::-1] if backwards else rows, part)
    assert np.array_equal(file.values["price"][0], price)


@FEW
@given(parts=st.sampled_from((2, 4, 6, 12)), seed=seeds)
def test_averaging_conserves_the_mean(parts: int, seed: int) -> None:
    price = np.random.default_rng(seed).normal(40, 20, 8760 * parts).round(3)
    start, step = datetime(2023, 1, 1), timedelta(minutes=60 // parts)
    rows = [f"{start + i * step}-06:00,{p}" for i, p in enumerate(price)]
    file = _read(rows, FilePart(utc_offset_hours=-6.0))
    assert file.values["price"].mean() == pytest.approx(price.mean(), rel=1e-12)
    assert file.values["price"][0] == pytest.approx(price.reshape(-1, parts).mean(axis=1))


@FEW
@given(lost=st.integers(0, 8759), seed=seeds)
def test_a_lost_hour_or_a_double_is_never_read(lost: int, seed: int) -> None:
    start = datetime(2023, 1, 1)
    rows = [f"{start + timedelta(hours=i)}-06:00,{20 + i % 7}" for i in range(8760)]
    order = np.random.default_rng(seed).permutation(8760)
    part = FilePart(utc_offset_hours=-6.0, year=2023)
    with pytest.raises(ScenarioError, match="is missing"):
        _read([rows[i] for i in order if i != lost], part)
    with pytest.raises(ScenarioError, match="given twice"):
        _read([rows[i] for i in (*order, lost)], part)
