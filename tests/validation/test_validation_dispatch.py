"""Dispatch and mining against published answers and history."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from megawatt.catalogue import load_catalogue
from megawatt.dispatch import price_year, read_prices
from megawatt.errors import ScenarioError
from megawatt.hourly import FilePart
from megawatt.mining import (
    NetworkState,
    halving_time,
    hash_response,
    hashprice_usd_per_ph_day,
    network_eh_per_s,
    project_network,
    retarget,
    subsidy_btc,
)
from megawatt.validation.dispatch_case import score

pytestmark = pytest.mark.reference

TESTED_VARIANTS = ("base", "double_battery_energy")
"""A scaled parameter beside the base; `megawatt validate` solves them all."""


@pytest.fixture(scope="module")
def case_folder(reference_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published case with some of its variants."""
    folder = tmp_path_factory.mktemp("dispatch_case")
    for name in ("parameters.json", "hourly.csv", "reference.json"):
        shutil.copy(reference_dir / "dispatch_case" / name, folder / name)
    lines = (reference_dir / "dispatch_case" / "variants.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines[1:] if line.split(",")[0] in TESTED_VARIANTS]
    (folder / "variants.csv").write_text("\n".join([lines[0], *kept]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def short_case(case_folder: Path, tmp_path: Path) -> Path:
    """The case's first ten days: what is tested with it does not depend on the optimum."""
    folder = tmp_path / "case"
    shutil.copytree(case_folder, folder)
    lines = (folder / "hourly.csv").read_text(encoding="utf-8").splitlines()
    (folder / "hourly.csv").write_text("\n".join(lines[:241]) + "\n", encoding="utf-8")
    parameters = json.loads((folder / "parameters.json").read_text(encoding="utf-8")) | {"hours": 240}
    (folder / "parameters.json").write_text(json.dumps(parameters), encoding="utf-8")
    return folder


def test_dispatch_reaches_the_published_optimum(case_folder: Path) -> None:
    entries = {entry["quantity"]: entry for entry in score(case_folder, load_catalogue())}
    objective = entries["objective"]
    assert objective["scored"] == 1 + len(TESTED_VARIANTS)
    assert max(abs(case["error"]) for case in objective["cases"]) <= 1e-6
    # published tolerance of totals: 0.1 % or 5 MWh, whichever is larger
    for name in ("annual_energy", "peak", "emissions", "bill_parts"):
        for case in entries[name]["cases"]:
            assert abs(case["error"]) <= max(5.0, 0.001 * abs(case["measured"])), case["id"]


def test_a_broken_change_is_skipped_with_its_reason(short_case: Path) -> None:
    variants = short_case / "variants.csv"
    variants.write_text('variant,change,objective_usd\nodd,"{""gass_mw"": 1}",1\n', encoding="utf-8")
    objective = score(short_case, load_catalogue())[0]
    assert [s["id"] for s in objective["skipped"]] == ["variants:odd"]
    assert "gass_mw" in objective["skipped"][0]["why"]
    assert objective["scored"] == 1
    variants.write_text("variant,change,objective_usd\nodd,[1],1\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=":2: change"):
        score(short_case, load_catalogue())


def test_scores_serialise_and_variants_are_optional(short_case: Path) -> None:
    (short_case / "variants.csv").unlink()
    entries = score(short_case, load_catalogue())
    assert json.loads(json.dumps(entries)) == entries
    assert {entry["kind"] for entry in entries} == {"dispatch-case"}
    assert [entry["quantity"] for entry in entries] == ["objective", "annual_energy", "peak", "emissions", "bill_parts"]


@pytest.mark.parametrize("year", [2022, 2023])
def test_price_shape_keeps_the_real_year(reference_dir: Path, year: int) -> None:
    real = read_prices(reference_dir / "prices" / f"ERCOT_HB_HUBAVG_DAM_{year}.csv", FilePart(utc_offset_hours=-6))
    assert (real.year, real.dropped_hours, real.outside_hours) == (year, 0, 0)
    shaped = price_year(load_catalogue().price_shape("ercot-hub", year))
    assert shaped.mean() == pytest.approx(real.price_usd_per_mwh.mean(), rel=1e-5)
    # what a flexible load at 75 USD/MWh would gain from the year, which lives in the spikes
    gain = [np.maximum(75.0 - price, 0.0).sum() for price in (shaped, real.price_usd_per_mwh)]
    assert gain[0] == pytest.approx(gain[1], rel=0.02)


Daily = dict[str, NDArray[np.float64]]


@pytest.fixture(scope="module")
def daily(reference_dir: Path) -> tuple[list[date], Daily]:
    """Published daily network data, days with all columns only."""
    columns = (
        "PriceUSD",
        "HashRate",
        "BlkCnt",
        "DiffMean_derived",
        "IssTotNtv",
        "FeeTotNtv",
        "hashprice_usd_per_ph_day",
    )
    with (reference_dir / "bitcoin_daily.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if all(row[name] for name in columns)]
    values = {name: np.array([float(row[name]) for row in rows]) for name in columns}
    return [date.fromisoformat(row["date"]) for row in rows], values


def test_hashprice_identity_holds_on_every_published_day(daily: tuple[list[date], Daily]) -> None:
    _, d = daily
    # hash rate is published in TH/s
    ours = hashprice_usd_per_ph_day(d["IssTotNtv"], d["FeeTotNtv"], d["PriceUSD"], d["HashRate"] / 1e6)
    assert ours.size > 2500
    assert ours == pytest.approx(d["hashprice_usd_per_ph_day"], rel=1e-4)


def test_hash_rate_follows_from_difficulty_and_block_count(daily: tuple[list[date], Daily]) -> None:
    _, d = daily
    ours = network_eh_per_s(d["DiffMean_derived"], block_s=86_400.0) * d["BlkCnt"]
    assert ours == pytest.approx(d["HashRate"] / 1e6, rel=1e-5)


def test_subsidy_is_what_the_chain_issued(daily: tuple[list[date], Daily]) -> None:
    days, d = daily
    halvings = [halving_time(number).date() for number in range(1, 6)]
    # the day of a halving mixes two subsidies, and its neighbours by the data's day boundary
    clear = np.array([all(abs((day - when).days) > 1 for when in halvings) for day in days])
    era = np.array([sum(day >= when for when in halvings) for day in days])
    assert set(era.tolist()) == {2, 3, 4}
    assert (d["IssTotNtv"] / d["BlkCnt"])[clear] == pytest.approx(subsidy_btc(era * 210_000)[clear], rel=1e-9)


def test_difficulty_moves_as_the_retarget_rule_says(daily: tuple[list[date], Daily]) -> None:
    _, d = daily
    # days within one period share a difficulty; the day of a change mixes two and is left out
    level, blocks = d["DiffMean_derived"], d["BlkCnt"]
    steady = np.flatnonzero(np.abs(np.diff(level) / level[:-1]) < 1e-5)
    runs = [run for run in np.split(steady, np.flatnonzero(np.diff(steady) > 1) + 1) if run.size >= 6]
    ratios, predicted = [], []
    for now, later in itertools.pairwise(runs):
        if later[0] - now[-1] > 3:
            continue
        seconds_per_block = 86_400.0 * now.size / blocks[now].sum()
        predicted.append(float(retarget(1.0, 2016 * seconds_per_block)))
        ratios.append(level[later[0]] / level[now[0]])
    # a run sees most, not all, of its period's blocks: the noise of some 300 unseen blocks is 2 to 3 %
    error = np.array(predicted) / np.array(ratios) - 1.0
    assert error.size > 100
    assert abs(np.median(error)) < 0.01
    assert np.median(np.abs(error)) < 0.03
    assert np.corrcoef(np.log(predicted), np.log(ratios))[0, 1] > 0.8


@pytest.mark.parametrize(("start", "tolerance"), [((2023, 1), 0.15), ((2024, 1), 0.25), ((2024, 5), 0.15)])
def test_hash_rate_response_on_history(
    daily: tuple[list[date], Daily], start: tuple[int, int], tolerance: float
) -> None:
    days, d = daily
    months = sorted({(day.year, day.month) for day in days})
    index = np.array([months.index((day.year, day.month)) for day in days])
    price, hashes, fees = (
        np.bincount(index, d[name]) / np.bincount(index) for name in ("PriceUSD", "HashRate", "FeeTotNtv")
    )
    first, last = months.index(start), months.index((2025, 5))
    state = NetworkState("history", *start, price[first], hashes[first] / 1e6, fees[first], 0.0)
    relative = price[first : last + 1][np.newaxis] / price[first]
    r = hash_response(load_catalogue())
    path = project_network(
        state, *start, last - first + 1, relative, elasticity=r.elasticity, lag_months=r.lag_months, growth=r.growth
    )
    ours, constant, actual = path.network_eh_per_s[0, -1], hashes[first] / 1e6, hashes[last] / 1e6
    assert ours == pytest.approx(actual, rel=tolerance)
    assert abs(np.log(ours / actual)) < 0.6 * abs(np.log(constant / actual))
