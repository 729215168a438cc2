"""Fits recover the parameters that made the data; tables round-trip through the catalogue's format."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

from megawatt.calibration.attention import attention_precision
from megawatt.calibration.catalogue_rows import FittedEntry, render
from megawatt.calibration.experts import is_gated, load_exponent
from megawatt.calibration.family import fit_family, stacks_in_order
from megawatt.calibration.gemm import gemm_family
from megawatt.calibration.links import fit_links
from megawatt.calibration.readings import (
    Instrument,
    Series,
    earlier_shapes,
    fit_instrument,
    instrument_of,
    reading_w,
    series_of,
)
from megawatt.calibration.solver import Parameter, quality, solve
from megawatt.calibration.tables import calibrate
from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.evidence.kernel_rows import row_problems
from megawatt.evidence.kernel_tables import KernelTable, family_of, read_kernels
from megawatt.hardware import core_layout, domain_s, gemm_cost
from megawatt.hardware.fitted_numbers import entry_key
from megawatt.hardware.kernels import gemm_from
from megawatt.hardware.links import LinkKernel

CATALOGUE = load_catalogue()
TRUE = {
    "rate_share": 0.8,
    "edge_rows": 10.0,
    "prologue_s": 2e-6,
    "wave_overlap": 0.7,
    "hbm_share": 0.7,
    "flop_j": 9e-13,
    "byte_j": 6e-11,
    "clock_exponent": 2.0,
    "launch_s": 3e-6,
    "interval_s": 1e-7,
    "quantise_factor": 0.0,
    "speed": 1.0,
}


def made_table(seed: int = 1, rows: int = 600) -> KernelTable:
    """Short and steady runs of a chip whose parameters are known."""
    rng = np.random.default_rng(seed)
    # Few rows in a third of the shapes: those stream their weights.
    m, n, k = (np.round(2.0 ** rng.uniform(low, 14, rows)) for low in (2, 9, 9))
    steady = np.arange(rows) % 2 == 0
    chip, layout = CATALOGUE.accelerator("h200-sxm"), core_layout(CATALOGUE, "h200-sxm")
    kernel = gemm_from(layout, chip, "bf16", "a", TRUE)
    short, long = gemm_cost(kernel, m, n, k, steady=False), gemm_cost(kernel, m, n, k)
    time = np.where(steady, long.time_s, short.time_s)
    columns = {
        "accelerator": np.array(["h200-sxm"] * rows, dtype=object),
        "stack": np.where(steady, "long", "short").astype(object),
        "dtype": np.array(["bf16"] * rows, dtype=object),
        "fold": np.array(["fit"] * rows, dtype=object),
        "m": m,
        "n": n,
        "k": k,
        "latency_ms": time * 1e3 * np.exp(rng.normal(0, 0.01, rows)),
        "power_w": np.where(steady, long.power_w, np.nan),
        "power_limit_w": np.where(steady, 700.0, np.nan),
    }
    return KernelTable("gemm", columns)


def test_fit_recovers_the_chip_from_short_and_steady_runs() -> None:
    chip, layout = CATALOGUE.accelerator("h200-sxm"), core_layout(CATALOGUE, "h200-sxm")
    table = made_table()
    fit = fit_family(chip, "bf16", table, gemm_family(layout, chip, "bf16", True))
    assert next(iter(fit.stacks)) == "short"  # the reference stack runs at the full clock
    assert fit.shared["rate_share"] == pytest.approx(0.8, rel=0.05)
    assert fit.shared["hbm_share"] == pytest.approx(0.7, rel=0.1)
    assert fit.shared["flop_j"] == pytest.approx(9e-13, rel=0.1)
    assert fit.stacks["long"]["speed"] == pytest.approx(1.0, rel=0.03)


def test_stacks_of_short_runs_come_first() -> None:
    assert stacks_in_order(made_table()) == ("short", "long")


def test_links_are_recovered() -> None:
    true = LinkKernel(4.5e11, 6e-6, 7e-7, 1.5e12, 4e-6, 1e6, 0.78, 0.75, 0.8, 0.7, 0.5)
    operations = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")
    rows = [(o, r, 2.0**p) for o in operations for r in (2, 4, 8) for p in range(8, 28)]
    time = [float(domain_s(true, o, 2 * s, r)) for o, r, s in rows]  # type: ignore[arg-type]
    columns = {
        "accelerator": np.array(["h200-sxm"] * len(rows), dtype=object),
        "dtype": np.array(["fp16"] * len(rows), dtype=object),
        "op_name": np.array([o for o, _, _ in rows], dtype=object),
        "num_gpus": np.array([r for _, r, _ in rows], dtype=float),
        "message_size": np.array([s for _, _, s in rows]),
        "latency_ms": np.array(time) * 1e3,
    }
    found = fit_links(4.5e11, KernelTable("collectives", columns))
    assert found["gather_share"] == pytest.approx(0.78, rel=0.03)
    assert found["exchange_share"] == pytest.approx(0.7, rel=0.03)


def test_low_readings_pull_less_where_readings_hold_pauses() -> None:
    # Half of the readings are at 0.7 of the power: even weights meet in the middle, uneven ones stay near the rest.
    chip, layout = CATALOGUE.accelerator("h200-sxm"), core_layout(CATALOGUE, "h200-sxm")
    table = made_table(rows=300)
    low = np.where(np.arange(300) % 4 == 0, 0.7, 1.0)
    table = KernelTable("gemm", {**table.columns, "power_w": table.number("power_w") * low})
    even = gemm_family(layout, chip, "bf16", True)
    uneven = dataclasses.replace(even, above_reading=0.1)
    found = [fit_family(chip, "bf16", table, family).shared["flop_j"] / TRUE["flop_j"] for family in (even, uneven)]
    assert found[0] < 0.95 < found[1] < 1.03


def test_robust_fit_ignores_a_tenth_of_outliers() -> None:
    x = np.linspace(1.0, 10.0, 100)
    y = 3.0 * x
    y[::10] *= 5.0
    found = solve(lambda v: np.log(v["a"] * x / y), {"a": Parameter(1.0, 10.0)})
    assert found["a"] == pytest.approx(3.0, rel=0.02)
    fixed = solve(lambda v: np.log(v["a"] * v["b"] * x / y), {"a": Parameter(1.0, 10.0), "b": Parameter(2.0, 1, 2, 2)})
    assert fixed["a"] == pytest.approx(1.5, rel=0.02)


def test_quality_is_median_and_ninth_decile() -> None:
    found = quality(np.array([1.0, 1.1, 1.2]), np.ones(3))
    assert (found.rows, found.median) == (3, pytest.approx(0.1))
    assert found.p90 == pytest.approx(0.18)  # 0.1 + 0.8 x 0.1


def series(rows: int, *, first: bool = False, unwritten: bool = False) -> Series:
    flag = np.ones(rows, dtype=bool)
    return Series(np.ones(rows), np.zeros(rows), flag, flag & first, flag & unwritten)


def test_a_second_after_a_pause_is_read_as_half_run_half_rest() -> None:
    # Samples at 0, 0.1 .. 1.0 s see 0, 0.1 .. 1.0 of the run: a half; measured on one H200: 380 W of 691 after 2 s.
    found = Instrument(133.0, 0.0, 0.0, 1.5, 2e-5)
    power, time = np.array([691.0]), np.array([1e-3])
    after_pause = reading_w(power, power, time, series(1, first=True), found)
    assert after_pause[0] == pytest.approx(133.0 + 0.5 * (691.0 - 133.0), rel=0.01)
    # In a series without pauses it is the power at work, whatever the length of the run.
    assert reading_w(power, power, time, series(1), found)[0] == pytest.approx(691.0)
    # A run of microseconds is over before a sample sees it: what is read is what came before.
    short = reading_w(np.array([200.0]), np.array([600.0]), np.array([1e-6]), series(1), found)
    assert short[0] == pytest.approx(600.0)
    zeros = reading_w(power, power, time, series(1, unwritten=True), dataclasses.replace(found, zero_share=0.7))
    assert zeros[0] == pytest.approx(0.7 * 691.0)


def test_an_instrument_is_recovered_from_its_readings_and_an_energy_counter_has_none() -> None:
    rng = np.random.default_rng(3)
    power, time = rng.uniform(300.0, 700.0, 200), rng.uniform(2e-5, 2e-3, 200)
    earlier = np.minimum(1.3 * power, 700.0)
    true = Instrument(133.0, 0.3, 0.0, 0.3, 2e-5)
    read = reading_w(power, earlier, time, series(200), true)
    assert fit_instrument(power, earlier, time, read, series(200), 133.0) == true
    assert fit_instrument(power, earlier, time, 1.01 * power, series(200), 133.0) is None


def test_series_of_a_node_begins_anew_on_each_of_its_chips() -> None:
    m = np.array([32768.0, 8192.0, 4353.0, 4352.0, 256.0])
    columns = {"m": m, "n": 0.0 * m + 4096.0, "k": 0.0 * m + 4096.0, "latency_ms": 0.0 * m + 1.0}
    table = KernelTable("gemm", columns)
    on_four = series_of(CATALOGUE, table, "gb200", "bf16", "trtllm_1.3.0rc17")
    assert on_four.first.tolist() == [True, True, True, False, False]
    assert on_four.layers[0] == 4.0  # copies of 33.6 MB fill a cache of 126 MB
    on_eight = series_of(CATALOGUE, table, "b200", "bf16", "trtllm_1.3.0rc15")
    assert on_eight.first.tolist() == [True, True, True, True, False]
    # Weights beyond the cache stay from one m to the next: no pause.
    wide = KernelTable("gemm", {**columns, "n": 0.0 * m + 65536.0, "k": 0.0 * m + 8192.0})
    assert not series_of(CATALOGUE, wide, "gb200", "bf16", "trtllm_1.3.0rc17").waits.any()


def test_instruments_of_published_tables_alone() -> None:
    found = instrument_of(CATALOGUE, "gemm", "b200", "bf16", "trtllm_1.3.0rc15")
    assert found is not None
    assert found.rest_w == 250.0
    assert instrument_of(CATALOGUE, "gemm", "b200", "bf16", "torch_2.11") is None
    assert earlier_shapes(made_table(rows=3)).number("m")[0] > made_table(rows=3).number("m")[0]


def test_table_is_read_back_by_the_catalogue(tmp_path: Path) -> None:
    from megawatt.catalogue.loader import read_data

    table = made_table(rows=200)
    chip, layout = CATALOGUE.accelerator("h200-sxm"), core_layout(CATALOGUE, "h200-sxm")
    fit = fit_family(chip, "bf16", table, gemm_family(layout, chip, "bf16", True))
    empty = quality(np.array([]), np.array([]))
    entry = FittedEntry("gemm", "Test", fit, {s: (quality(np.ones(2), np.ones(2)), empty) for s in fit.stacks}, {})
    text = render([entry], source="mine", date="2026-07-01", note="fitted")
    assert all(len(row) == 10 for row in csv.reader(io.StringIO(text)))
    (tmp_path / "kernel-gemm.csv").write_text(text)
    read = read_data(tmp_path).entries[entry_key("gemm", "h200-sxm", "bf16")]
    assert read.facts["rate_share"].number() == pytest.approx(fit.shared["rate_share"], rel=1e-3)
    assert read.facts["flop_j"].unit == "J"
    assert read.facts["reference_stack"].value == "short"


def test_words_of_the_tables() -> None:
    assert attention_precision("bf16", "fp8") == "bf16_kv8"
    assert attention_precision("fp8", "fp8") == "fp8"
    assert load_exponent("power_law_1.2") == 1.2
    assert load_exponent("balanced") == 0.0
    assert is_gated(np.array([8.0, 22.0]), "trtllm_1.3.0rc20").tolist() == [1.0, 0.0]
    assert is_gated(np.array([22.0]), "vllm_0.22.0").tolist() == [1.0]
    assert family_of({"accelerator", "stack", "dtype", "latency_ms", "m", "n", "k", "x"}) == "gemm"
    assert family_of({"m", "n", "k"}) is None


def write_parquet(path: Path, rows: str) -> None:
    import duckdb

    duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) t(accelerator, stack, dtype, m, n, k, latency_ms)) TO '{path}'")


def test_every_row_that_cannot_be_is_named() -> None:
    words = {name: np.array([word] * 5, dtype=object) for name, word in (("dtype", "bf16"), ("stack", "s"))}
    load = np.array(["balanced", "power_law_1.2", "lopsided", "power_law_", "balanced"], dtype=object)
    numbers = {
        "num_experts": np.full(5, 8.0),
        "moe_ep_size": np.array([1.0, 3.0, 5.0, 6.0, 7.0]),
        "topk": np.full(5, 2.0),
    }
    time = {"latency_ms": np.array([1.0, 2.0, np.inf, -1.0, 0.0]), "power_w": np.array([np.nan, 0.0, 1.0, 1.0, 1.0])}
    told = [str(p) for p in row_problems({**words, "distribution": load, **numbers, **time})]
    assert told == [
        "row 3, distribution: 'lopsided'; allowed: balanced or power_law_<exponent>",
        "row 4, distribution: 'power_law_'; allowed: balanced or power_law_<exponent>",
        "row 3, latency_ms: inf; allowed: a number above 0",
        "row 4, latency_ms: -1; allowed: a number above 0",
        "row 5, latency_ms: 0; allowed: a number above 0",
        "row 2, power_w: 0; allowed: a number above 0",
        "row 2, moe_ep_size: 3; allowed: a divisor of num_experts",
        "row 3, moe_ep_size: 5; allowed: a divisor of num_experts",
        "row 4, moe_ep_size: 6; allowed: a divisor of num_experts",
        "moe_ep_size: 1 more row; allowed: a divisor of num_experts",
    ]
    sent = {"num_gpus": np.array([1.0, 8.0]), "op_name": np.array(["all_reduce", "shuffle"], dtype=object)}
    told = [str(p) for p in row_problems({**sent, "dtype": np.array(["bf16", "fp6"], dtype=object)})]
    assert [text.partition(";")[0] for text in told] == [
        "row 2, op_name: 'shuffle'",
        "row 1, num_gpus: 1",
        "row 2, dtype: 'fp6'",
    ]


def test_files_are_read_or_refused_with_the_reason(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    write_parquet(good, "('b200', 's', 'bf16', 256, 256, 256, 0.01), ('b200', 's', 'bf16', 512, 256, 256, NULL)")
    with pytest.raises(ScenarioError, match=r"row 2, latency_ms: nan; allowed: a number above 0$"):
        read_kernels(good)
    write_parquet(good, "('b200', 's', 'bf16', 256, 256, 256, 0.01)")
    table = read_kernels(good)
    assert (table.family, table.word("fold")[0], len(table)) == ("gemm", "fit", 1)
    assert np.isnan(table.number("power_w")).all()
    bad.write_text("no parquet")
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_kernels(bad)
    with pytest.raises(ScenarioError, match=r"type \.txt"):
        calibrate(CATALOGUE, tmp_path / "x.txt")
