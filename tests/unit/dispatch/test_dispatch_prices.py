"""Prices of a site year."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import Fact, PriceShape, load_catalogue
from megawatt.dispatch import price_year, read_prices
from megawatt.errors import ScenarioError
from megawatt.hourly import FilePart
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR, hour_of_day

AT_CHILDRESS = FilePart(utc_offset_hours=-6)
HEADER = "Datetime,Price (USD/MWh)"


def _shape(bin_frac: tuple[float, ...], seed: int = 0) -> PriceShape:
    rng = np.random.default_rng(seed)
    price = np.sort(rng.gamma(1.0, 40.0, (12, 24, len(bin_frac))), axis=2)
    ranks = np.concatenate([rng.permutation(n) / (n - 1) for n in DAYS_IN_MONTH.tolist()])
    return PriceShape("grid", "Grid", 2023, np.array(bin_frac), price, ranks, Fact(0.0, "", "assumed", "assumption"))


@pytest.mark.parametrize("bins", [(1.0,), (0.5, 0.5), (0.25, 0.45, 0.2, 0.07, 0.03), (0.9, 0.09, 0.01)])
def test_means_by_month_and_hour_are_kept_exactly(bins: tuple[float, ...]) -> None:
    shape = _shape(bins)
    price = price_year(shape)
    for month in range(12):
        for hour in (0, 7, 17):
            mean = price[(month == MONTH_OF_HOUR) & (hour_of_day() == hour)].mean()
            assert mean == pytest.approx(shape.price_usd_per_mwh[month, hour] @ shape.bin_frac, rel=1e-12)


def test_whole_day_bins_give_their_means_and_rank_orders_the_days() -> None:
    shape = _shape((15 / 30, 14 / 30, 1 / 30))
    june = price_year(shape)[3624:4344].reshape(30, 24)
    ranks = shape.day_rank_frac[151:181]
    dearest, cheapest = int(ranks.argmax()), int(ranks.argmin())
    assert june[dearest] == pytest.approx(shape.price_usd_per_mwh[5, :, 2])
    assert june[cheapest] == pytest.approx(shape.price_usd_per_mwh[5, :, 0])


def test_catalogue_shape_gives_a_full_year_with_the_mean_of_its_source() -> None:
    catalogue = load_catalogue()
    price = price_year(catalogue.price_shape("ercot-hub", 2023))
    assert price.shape == (HOURS_IN_YEAR,)
    assert price.mean() == pytest.approx(catalogue.number("ercot-hub", "price_2023_mean_usd_per_mwh"), rel=1e-4)


def _csv(path: Path, year: int, *, hours: int | None = None, skip: int = -1, again: int = -1) -> Path:
    """A year of hourly rows in a fixed -6 h; the price is the row's place in the year."""
    zone = timezone(timedelta(hours=-6))
    start = datetime(year, 1, 1, tzinfo=zone)
    count = hours or (8784 if year % 4 == 0 else 8760)
    rows = [f"{start + timedelta(hours=i)},{float(i)}" for i in range(count) if i != skip]
    if again >= 0:
        rows.append(rows[again])
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_leap_year_drops_29_february_and_says_so(tmp_path: Path) -> None:
    year = read_prices(_csv(tmp_path / "p.csv", 2024), AT_CHILDRESS)
    assert (year.year, year.dropped_hours, year.outside_hours) == (2024, 24, 0)
    # 28 February 23:00 is hour 1415; 1 March follows at once, from place 1440 of the file
    assert year.price_usd_per_mwh[1415:1417].tolist() == [1415.0, 1440.0]


def test_daylight_saving_goes_through_utc(tmp_path: Path) -> None:
    path = _csv(tmp_path / "p.csv", 2023)
    lines = path.read_text(encoding="utf-8").splitlines()
    # the same instant written in summer time: 1 July 13:00 at -05:00 is 12:00 standard, place 181 x 24 + 12
    assert lines[1 + 4356].startswith("2023-07-01 12:00:00-06:00")
    lines[1 + 4356] = "2023-07-01 13:00:00-05:00,777"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_prices(path, AT_CHILDRESS).price_usd_per_mwh[4356] == 777.0


def test_gaps_and_duplicates_name_the_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r":102: before this line, 2023-01-05 04:00 .* is missing \(1 hours"):
        read_prices(_csv(tmp_path / "gap.csv", 2023, skip=100), AT_CHILDRESS)
    with pytest.raises(ScenarioError, match=":8762: the time of line 12 is given twice"):
        read_prices(_csv(tmp_path / "twice.csv", 2023, again=10), AT_CHILDRESS)
    with pytest.raises(ScenarioError, match="missing"):
        read_prices(_csv(tmp_path / "zone.csv", 2023), FilePart(utc_offset_hours=-9))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("when,cost\n1,2\n", "columns"),
        (f"{HEADER}\n", "no prices"),
        (
            f"{HEADER}\n2023-01-01 00:00:00,5\n2023-01-01 01:00:00-06:00,5\n",
            ":3: Datetime: .*in every stamp, or in none",
        ),
        (f"{HEADER}\n2023-01-01 00:00:00-06:00,nan\n", "finite"),
        (f"{HEADER}\n2023-01-01 00:00:00-06:00,abc\n", r":2: Price .* 'abc'"),
        (f"{HEADER}\n2023-01-01 00:00:15-06:00,5\n", ":2: Datetime: '2023-01-01 00:00:15-06:00'"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=words):
        read_prices(path, AT_CHILDRESS)
    with pytest.raises(ScenarioError, match="no such file"):
        read_prices(tmp_path / "none.csv", AT_CHILDRESS)
