"""Several precisions in one search: the merged ranking is that of all layouts of all precisions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli import main
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.training import Job, Prices, choices_of, one_layout, plan, trained_precisions
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
ARCH = load_model("llama-2-13b", CATALOGUE)
H100 = CATALOGUE.system("hgx-h100")
QUESTION = {"system": H100, "chips": 32, "catalogue": CATALOGUE}


@pytest.mark.parametrize("objective", ["time", "energy", "cost"])
def test_the_merged_plan_lists_the_best_of_all(objective: str) -> None:
    prices = Prices(2.0, 50.0)
    one = {p: plan(Job(ARCH, 4096, 128, p), objective=objective, prices=prices, **QUESTION) for p in ("bf16", "fp8")}  # type: ignore[arg-type]
    both = plan(Job(ARCH, 4096, 128), precisions=("bf16", "fp8"), objective=objective, prices=prices, **QUESTION)  # type: ignore[arg-type]
    overhead = H100.overhead_w_per_chip * 32

    def score(time_s: float, energy_j: float) -> float:
        joules = energy_j + overhead * time_s
        return {"time": time_s, "energy": joules, "cost": 32 * 2.0 / 3600 * time_s + 50.0 / 3.6e9 * joules}[objective]

    every = []
    for name, p in one.items():
        every.append((score(p.step_time_s, float(p.cost.energy_j[0])), name))
        rest = zip(p.runners_up_cost.step_time_s, p.runners_up_cost.energy_j, strict=True)
        every += [(score(float(t), float(e)), name) for t, e in rest]
    expected = sorted(every)[:10]
    assert both.precisions == tuple(name for _, name in expected)
    listed = [(both.step_time_s, float(both.cost.energy_j[0]))]
    listed += list(zip(both.runners_up_cost.step_time_s, both.runners_up_cost.energy_j, strict=True))
    assert [score(float(t), float(e)) for t, e in listed] == pytest.approx([v for v, _ in expected])
    assert both.job.precision == both.precisions[0]
    assert both.considered == sum(p.considered for p in one.values())
    assert sum(both.rejected.values()) == sum(sum(p.rejected.values()) for p in one.values())


def test_the_front_holds_nothing_that_another_beats() -> None:
    both = plan(Job(ARCH, 4096, 128), precisions=("bf16", "fp8"), **QUESTION)  # type: ignore[arg-type]
    assert both.front_cost is not None
    time = both.front_cost.step_time_s
    energy = both.front_cost.energy_j + H100.overhead_w_per_chip * 32 * time
    assert len(both.front_precisions) == len(time)
    assert (np.diff(time) > 0).all()
    assert (np.diff(energy) < 0).all()


def test_precisions_of_a_chip() -> None:
    assert trained_precisions(CATALOGUE.accelerator("a100-80g")) == ("bf16",)
    assert trained_precisions(CATALOGUE.accelerator("h100-sxm")) == ("bf16", "fp8")
    assert "nvfp4" in trained_precisions(CATALOGUE.accelerator("gb300"))
    with pytest.raises(ScenarioError, match=r"nvfp4.*no such peak"):
        plan(Job(ARCH, 4096, 128), precisions=("bf16", "nvfp4"), **QUESTION)  # type: ignore[arg-type]
    assert plan(Job(ARCH, 4096, 128, "fp8"), **QUESTION).precisions[0] == "fp8"  # type: ignore[arg-type]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    return int(stop.value.code or 0), capsys.readouterr().out


def test_train_ranks_precisions_together(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "llama-2-13b", "--system", "hgx-h100", "--chips", "32", "--batch", "128"]
    code, out = run(capsys, *words, "--precision", "any", "--price", "2", "--top", "10", "--json")
    (result,) = json.loads(out)["results"]
    assert code == 0
    assert result["precision"] == result["layouts"][0]["precision"] == "fp8"
    assert {item["precision"] for item in result["layouts"]} <= {"bf16", "fp8"}
    # a dollar figure for each layout of the front: 32 chips at 2 USD an hour
    for item in result["front"]:
        assert item["usd"] == pytest.approx(32 * 2 * item["step_time_s"] / 3600)
    code, out = run(capsys, *words, "--precision", "bf16, fp8")
    assert code == 0
    assert ", fp8" in " ".join(out.split())
    for unknown in (",", "fp8,int3"):
        code, out = run(capsys, *words, "--precision", unknown, "--json")
        assert code == 2
    assert "int3" in json.loads(out)["problems"][0]["message"]


def test_a_precision_that_fits_nowhere_stops_no_other() -> None:
    # One layout between the two: its fp8 inputs are kept in half the bytes.
    asked: dict[str, Any] = {"choices": choices_of(one_layout(tp=8, pp=1, dp=4, micro_batch=16, zero=1)), **QUESTION}
    with pytest.raises(InfeasibleError, match="GB are missing"):
        plan(Job(ARCH, 5376, 128, "bf16"), **asked)
    narrow = plan(Job(ARCH, 5376, 128, "fp8"), **asked)
    for precisions in (("bf16", "fp8"), ("fp8", "bf16")):
        found = plan(Job(ARCH, 5376, 128), precisions=precisions, **asked)
        assert (found.job.precision, found.step_time_s) == ("fp8", narrow.step_time_s)
        assert found.precisions == ("fp8",)
        assert found.considered == 2
        assert sum(found.rejected.values()) == 1
        assert any(note.startswith("Nothing fits in bf16: ") for note in found.notes)
    with pytest.raises(InfeasibleError) as nearest:  # the message is that of the precision that lacks least
        plan(
            Job(ARCH, 65536, 32),
            precisions=("bf16", "fp8"),
            **asked | {"choices": {"tp": 1, "pp": 1, "micro_batch": 1}},
        )
    with pytest.raises(InfeasibleError) as alone:
        plan(Job(ARCH, 65536, 32, "fp8"), **asked | {"choices": {"tp": 1, "pp": 1, "micro_batch": 1}})
    assert str(nearest.value) == str(alone.value)
