"""The shipped tables against the reference they were derived from."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.hours import DAYS_IN_MONTH

pytestmark = pytest.mark.reference

TOOLS = Path(__file__).parents[2] / "tools"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def standard_time_prices(path: Path) -> np.ndarray:
    prices = {}
    for row in rows_of(path):
        hour = datetime.fromisoformat(row["Datetime"]).astimezone(UTC).replace(tzinfo=None) - timedelta(hours=6)
        prices[hour] = float(row["Price (USD/MWh)"])
    return np.array([prices[hour] for hour in sorted(prices)])


@pytest.mark.parametrize("year", [2022, 2023])
def test_price_shape_keeps_the_mean_of_every_month_and_hour(reference_dir: Path, year: int) -> None:
    hourly = standard_time_prices(reference_dir / "prices" / f"ERCOT_HB_HUBAVG_DAM_{year}.csv").reshape(365, 24)
    shape = load_catalogue().price_shape("ercot-hub", year)
    starts = np.concatenate(([0], np.cumsum(DAYS_IN_MONTH)[:-1]))
    means = np.add.reduceat(hourly, starts, axis=0) / DAYS_IN_MONTH[:, None]
    np.testing.assert_allclose(shape.price_usd_per_mwh @ shape.bin_frac, means, atol=1e-3)
    assert shape.fact.number() == pytest.approx(hourly.mean(), abs=1e-3)


@pytest.mark.parametrize("year", [2022, 2023])
def test_day_ranks_follow_daily_means(reference_dir: Path, year: int) -> None:
    daily = (
        standard_time_prices(reference_dir / "prices" / f"ERCOT_HB_HUBAVG_DAM_{year}.csv").reshape(365, 24).mean(axis=1)
    )
    ranks = load_catalogue().price_shape("ercot-hub", year).day_rank_frac
    start = 0
    for days in DAYS_IN_MONTH:
        month = slice(start, start + int(days))
        assert np.all(np.diff(daily[month][np.argsort(ranks[month])]) >= 0)
        start += int(days)


def test_the_dearest_bin_keeps_the_cost_of_spikes(reference_dir: Path) -> None:
    # The dearest tenth of the days of each month and hour carries 32 % of a flat load's bill; flat prices give 10 %.
    hourly = standard_time_prices(reference_dir / "prices" / "ERCOT_HB_HUBAVG_DAM_2023.csv")
    shape = load_catalogue().price_shape("ercot-hub", 2023)
    dearest = (shape.price_usd_per_mwh[:, :, -1] * shape.bin_frac[-1]).sum(axis=1) @ DAYS_IN_MONTH
    assert dearest / hourly.sum() == pytest.approx(0.319, abs=0.005)


def _from_memory(catalogue: Catalogue, key: str) -> bool:
    return bool(key) and "from memory" in catalogue.normals(key).fact.note


def test_normals_equal_the_reference(reference_dir: Path) -> None:
    catalogue = load_catalogue()
    by_title = {catalogue.get(key).title: key for key in catalogue.keys("place")}
    rows = [
        row
        for row in rows_of(reference_dir / "climate_normals.csv")
        # remembered places give way to stations that were read
        if row["confidence"] != "memory" or _from_memory(catalogue, by_title.get(row["place"], ""))
    ]
    assert len({row["place"] for row in rows}) == 28
    for row in rows:
        normals = catalogue.normals(by_title[row["place"]])
        month = int(row["month"]) - 1
        assert normals.mean_dry_bulb_c[month] == float(row["mean_dry_bulb_c"])
        assert normals.mean_wet_bulb_c[month] == float(row["mean_wet_bulb_c"])
        assert normals.mean_dew_point_c[month] == float(row["mean_dew_point_c"])
        assert normals.mean_relative_humidity[month] == pytest.approx(float(row["mean_rh_pct"]) / 100)
        if "pressure from the elevation" not in normals.fact.note:
            assert normals.pressure_pa[month] == pytest.approx(float(row["pressure_kpa"]) * 1000)
        if row["p99_dry_bulb_c"]:
            assert normals.p99_dry_bulb_c[month] == float(row["p99_dry_bulb_c"])
            assert normals.p99_wet_bulb_c[month] == float(row["p99_wet_bulb_c"])
        else:
            assert "guessed" in normals.fact.note


def test_only_tokyo_needs_its_pressure_corrected() -> None:
    # Its weather file holds 93 kPa at 6 m above the sea, the pressure of 700 m.
    catalogue = load_catalogue()
    corrected = [
        key for key in catalogue.keys("place") if "pressure from the elevation" in catalogue.normals(key).fact.note
    ]
    assert corrected == ["tokyo"]


def test_remembered_facts_are_assumptions(reference_dir: Path) -> None:
    catalogue = load_catalogue()
    remembered = {
        row["deal_key"].replace("_", "-")
        for row in rows_of(reference_dir / "deals.csv")
        if row["confidence"] == "memory"
    }
    for key in remembered:
        assert any(fact.kind == "assumed" and "from memory" in fact.note for fact in catalogue.get(key).facts.values())


def test_all_deals_are_held(reference_dir: Path) -> None:
    catalogue = load_catalogue()
    rows = rows_of(reference_dir / "deals.csv")
    counts = {key: sum(row["deal_key"] == key for row in rows) for key in {row["deal_key"] for row in rows}}
    for key, count in counts.items():
        assert len(catalogue.get(key.replace("_", "-")).facts) >= count, key


def test_peaks_and_capacity_equal_the_reference(reference_dir: Path) -> None:
    catalogue = load_catalogue()
    checked = 0
    for row in rows_of(reference_dir / "accelerators.csv"):
        key = {"gb200-nvl72": "gb200", "gb300-nvl72": "gb300"}.get(row["key"], row["key"])
        if (
            row["kind"] != "chip"
            or not row["field"].startswith("peak_dense_")
            or key not in catalogue.keys("accelerator")
        ):
            continue
        fact = catalogue.fact(key, f"peak_{row['field'].removeprefix('peak_dense_')}_flops_per_s")
        published = float(row["value"]) * 1e12
        if (key, row["field"]) == ("b300", "peak_dense_nvfp4"):  # corrected since: four sources, 12.6 to 15 PFLOPS
            assert fact.low is not None
            assert fact.high is not None
            assert fact.low <= published <= fact.high
        else:
            assert fact.number() == pytest.approx(published), row
        checked += 1
    assert checked > 90


def test_generated_files_are_reproduced_byte_for_byte(reference_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    try:
        import derive_catalogue

        assert derive_catalogue.differing(reference_dir) == []
    finally:
        for name in [name for name in sys.modules if name == "derive_catalogue" or name.startswith("derivation")]:
            del sys.modules[name]
