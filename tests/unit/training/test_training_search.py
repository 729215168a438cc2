"""The whole space: reasons counted, the front of time and energy, sweeps, ranges, and the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import main
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.launch import read_chips
from megawatt.training import (
    Job,
    Prices,
    best_within,
    layout_reasons,
    one_layout,
    parse_choices,
    plan,
    search_space,
    smallest_within,
    step_time_ranges,
    sweep,
)
from megawatt.training.explain import changed_choices, differences, shares
from megawatt.training.search import pareto_front
from megawatt.training.tables import distinct_rows
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
ARCH, SYSTEM = load_model("llama-2-13b", CATALOGUE), CATALOGUE.system("hgx-h100")
JOB = Job(ARCH, seq_len=4096, global_batch=128)


def test_distinct_rows_number_equal_rows_alike() -> None:
    rng = np.random.default_rng(1)
    columns = [rng.integers(0, 3, 200) for _ in range(4)]
    first, number = distinct_rows(columns)
    rows = np.stack(columns, axis=1)
    assert (rows[first[number]] == rows).all()
    assert len(first) == len(np.unique(rows, axis=0))
    # columns too wide for one code
    wide = [c * 2**40 for c in columns]
    assert len(distinct_rows(wide)[0]) == len(first)


def test_every_layout_of_the_space_is_counted_once() -> None:
    space = search_space(JOB, 32)
    assert space.considered == len(space.layouts) + sum(space.rejected.values())
    assert "tp does not divide the attention heads" in space.rejected
    y = space.layouts
    rows = np.stack([getattr(y, n) for n in ("tp", "pp", "vpp", "cp", "ep", "etp", "dp", "micro_batch", "zero",
                                             "recompute", "sequence_parallel")])  # fmt: skip
    assert len(np.unique(rows, axis=1).T) == len(y)


def test_an_interleaved_pipeline_takes_micro_batches_in_groups() -> None:
    layout = one_layout(pp=4, vpp=2, dp=8)
    fits, breaks = (layout_reasons(Job(ARCH, 4096, batch), layout, chips=32)[0] for batch in (8 * 12, 8 * 10))
    assert fits == ""
    assert breaks == "interleaved: pp does not divide the micro-batches"


def test_the_front_holds_what_nothing_beats() -> None:
    time = np.array([3.0, 1.0, 2.0, 2.0, 4.0])
    energy = np.array([1.0, 5.0, 3.0, 4.0, 1.0])
    # by time: (1, 5), (2, 3), (3, 1); (2, 4) and (4, 1) are beaten
    assert pareto_front(time, energy).tolist() == [1, 2, 0]


def test_objectives_lie_on_the_front() -> None:
    fastest = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE)
    leanest = plan(JOB, SYSTEM, 32, objective="energy", catalogue=CATALOGUE)
    cheapest = plan(JOB, SYSTEM, 32, objective="cost", prices=Prices(2.0, 60.0), catalogue=CATALOGUE)
    assert fastest.front_cost is not None
    assert fastest.front_cost.step_time_s[0] == fastest.step_time_s
    assert fastest.front_cost.step_time_s[-1] == pytest.approx(leanest.step_time_s)
    usd = [p.step_time_s * 32 * (2.0 / 3600 + p.it_w_per_chip * 60.0 / 3.6e9) for p in (fastest, leanest, cheapest)]
    assert usd[2] <= min(usd[:2]) * (1 + 1e-12)
    with pytest.raises(ScenarioError, match="needs a price"):
        plan(JOB, SYSTEM, 32, objective="cost", catalogue=CATALOGUE)


def test_differences_add_up_to_the_gap() -> None:
    found = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE)
    gap = float(found.runners_up_cost.step_time_s[2]) - found.step_time_s
    lost = differences(found.cost, found.runners_up_cost, 2)
    assert sum(d.more_s for d in lost) == pytest.approx(gap)
    assert [d.more_s for d in lost] == sorted((d.more_s for d in lost), reverse=True)
    assert sum(share for *_, share in shares(found.cost)) == pytest.approx(1.0)
    assert changed_choices(one_layout(pp=4, dp=2), one_layout(pp=8, recompute=2)) == [
        "pp 8 instead of 4",
        "dp 1 instead of 2",
        "full recompute instead of no",
    ]
    assert changed_choices(one_layout(tp=2), one_layout(tp=2, sequence_parallel=False)) == [
        "without sequence parallelism"
    ]


def test_sweeps_find_the_smallest_cluster() -> None:
    scaled = list(sweep(JOB, SYSTEM, [16, 32, 43, 64], catalogue=CATALOGUE))
    times = [s.plan.step_time_s for s in scaled if s.plan]
    assert times == sorted(times, reverse=True)
    assert "chips = 43" in scaled[2].why
    best = smallest_within(scaled, times[1])
    assert best is not None
    assert best.chips == 32
    assert smallest_within(scaled, times[-1] / 2) is None
    weak = list(sweep(JOB, SYSTEM, [16, 32], weak=True, catalogue=CATALOGUE))
    assert [s.global_batch for s in weak] == [128, 256]


def test_best_within_a_limit_uses_numbers_with_small_factors() -> None:
    # up to 23 chips: 16, 18, 20 or 21; heads and batch are 40 and 128
    found = best_within(JOB, SYSTEM, 23.9, catalogue=CATALOGUE)
    assert found.chips in (16, 18, 20, 21)
    with pytest.raises(InfeasibleError, match=r"0\.50 chips"):
        best_within(JOB, SYSTEM, 0.5, catalogue=CATALOGUE)


def test_ranges_enclose_the_step() -> None:
    found = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE)
    ranges = step_time_ranges(SYSTEM, found, CATALOGUE)
    widths = [abs(r.step_time_high_s - r.step_time_low_s) for r in ranges]
    assert widths == sorted(widths, reverse=True)
    sustained = next(r for r in ranges if r.name == "training-practice.gemm_frac")
    assert sustained.step_time_low_s > found.step_time_s > sustained.step_time_high_s


def test_numbers_of_chips_as_text() -> None:
    assert read_chips("64") == (64, 64)
    assert read_chips("64..256") == (64, 256)
    with pytest.raises(ScenarioError, match="--chips"):
        read_chips("many")


def test_layouts_as_text() -> None:
    assert parse_choices("tp=8, pp=4,mb=2,recompute=full,sp=off") == {
        "tp": 8, "pp": 4, "micro_batch": 2, "recompute": 2, "sequence_parallel": 0,
    }  # fmt: skip
    with pytest.raises(ScenarioError, match="no such choice; allowed: tp, pp"):
        parse_choices("tq=8")
    with pytest.raises(ScenarioError, match="a whole number"):
        parse_choices("tp=-8")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    return int(stop.value.code or 0), capsys.readouterr().out


def test_train_prints_the_plan_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    trace = tmp_path / "step.json"
    words = ["train", "llama-2-13b", "--system", "hgx-h100", "--chips", "32", "--batch", "128", "--json"]
    code, out = run(capsys, *words, "--timeline", str(trace))
    assert code == 0
    (result,) = json.loads(out)["results"]
    found = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE)
    assert result["step_time_s"] == found.step_time_s
    assert result["considered"] == found.considered
    assert len(result["layouts"]) == 5
    assert result["layouts"][0]["slower_by"] == 0.0
    assert sum(result["layouts"][1]["loses_s"].values()) == pytest.approx(
        result["layouts"][1]["step_time_s"] - found.step_time_s
    )
    assert json.loads(trace.read_text())["otherData"]["step_time_s"] == found.step_time_s


def test_train_takes_one_layout_or_a_part_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "llama-2-13b", "--system", "hgx-h100", "--chips", "32", "--batch", "128", "--json", "--layout"]
    code, out = run(capsys, *words, "tp=4,pp=2,mb=1,recompute=full")
    (result,) = json.loads(out)["results"]
    assert (code, result["considered"], result["layouts"][0]["dp"]) == (0, 1, 4)
    code, out = run(capsys, *words, "tp=4")
    (result,) = json.loads(out)["results"]
    assert {item["tp"] for item in result["layouts"]} == {4}
    code, out = run(capsys, *words, "tp=3,pp=1,mb=1")
    assert code == 2
    assert "does not divide 32 chips" in json.loads(out)["problems"][0]["message"]


def test_train_prints_tables(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "llama-2-13b", "--system", "hgx-h100", "--batch", "128"]
    code, out = run(capsys, *words, "--chips", "32", "--top", "2")
    assert code == 0
    for text in ("time of a step", "runner-up", "MFU", "layouts considered"):
        assert text in out
    code, out = run(capsys, *words, "--chips", "16..32", "--target-s", "1000")
    assert code == 0
    assert "Fewest chips with a step of 1000 s or less: 16" in out


def test_compare_lists_machines_side_by_side(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    words = ["compare", "llama-2-7b", "--systems", "hgx-h100,hgx-a100", "--batch", "64"]
    code, out = run(capsys, *words, "--chips", "16", "--json")
    rows = json.loads(out)["results"]
    assert code == 0
    assert [r["system"] for r in rows] == ["hgx-h100", "hgx-a100"]
    assert rows[0]["tokens_per_s"] > rows[1]["tokens_per_s"]
    assert all(r["step_time_low_s"] <= r["step_time_s"] <= r["step_time_high_s"] for r in rows)
    code, out = run(capsys, *words, "--usd-per-hour", "40", "--prices", "2.5,1.25")
    assert code == 0
    assert "$/M tokens" in out
    code, out = run(capsys, *words, "--chips", "16", "--prices", "on-demand", "--json")
    hourly = [CATALOGUE.number(chip, "price_on_demand_usd_per_chip_hour") for chip in ("h100-sxm", "a100-80g")]
    rows = json.loads(out)["results"]
    assert [r["usd_per_million_tokens"] for r in rows] == pytest.approx(
        [usd * r["chips"] / 3600 / r["tokens_per_s"] * 1e6 for usd, r in zip(hourly, rows, strict=True)]
    )
    code, out = run(capsys, *words, "--usd-per-hour", "40", "--prices", "lottery")
    assert code == 2
    code, _ = run(capsys, *words)
    assert code == 2
