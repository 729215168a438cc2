"""The fit of training constants gives back constants that made the data, and leaves out what its rules leave out."""

from __future__ import annotations

import dataclasses

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_rows import Run, read_run
from megawatt.training import practice_for
from megawatt.validation.training_fit import GROUPS, Group, fit_group
from megawatt.validation.training_runs import predict

CATALOGUE = load_catalogue()
BASE = {
    "source": "s", "model": "m", "layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "32", "head_dim": "128",
    "ffn": "11008", "gated": "1", "vocab": "32000", "tied_embeddings": "0", "attention": "mha", "seq_len": "4096",
    "accelerator": "h100-sxm", "chips_per_node": "8", "dtype": "bf16", "micro_batch": "1", "pp": "1", "vpp": "1",
    "cp": "1", "zero": "1", "seq_parallel": "1", "recompute": "none", "software": "NeMo", "metric": "step_time_s",
    "published": "2025-01", "scorable": "1", "scaleout": "8x400Gb/s", "value": "1.0",
}  # fmt: skip
ANY = "training-practice"
GROUP = Group("made", ("stack-megatron-core",), ("h100",), {"gemm_frac": (0.5, 1.0), "tp_overlap_frac": (0.0, 1.0)})


def made_rows(gemm_frac: float, tp_overlap_frac: float) -> list[tuple[Row, Run]]:
    """Runs whose step times follow from these constants without error."""
    rows = []
    for tp, chips, hidden in ((1, 8, 2048), (2, 16, 4096), (4, 32, 4096), (8, 64, 8192), (8, 16, 4096)):
        row = BASE | {"id": f"{tp}-{chips}", "tp": str(tp), "dp": str(chips // tp), "chips": str(chips)}
        row |= {"hidden": str(hidden), "head_dim": str(hidden // 32), "global_batch": str(8 * chips // tp)}
        run = read_run(row, CATALOGUE)
        practice = practice_for(CATALOGUE, run.system, run.stack)
        stack = dataclasses.replace(practice.stack, gemm_frac=gemm_frac, tp_overlap_frac=tp_overlap_frac)
        time_s = predict(run, CATALOGUE, dataclasses.replace(practice, stack=stack))
        rows.append((row, dataclasses.replace(run, measured_s=time_s)))
    return rows


def test_constants_that_made_the_data_come_back() -> None:
    found = {c.name: c for c in fit_group(GROUP, made_rows(0.71, 0.35), CATALOGUE)}
    assert found["gemm_frac"].value == pytest.approx(0.71, abs=1e-3)
    assert found["tp_overlap_frac"].value == pytest.approx(0.35, abs=1e-2)
    assert found["gemm_frac"].error < 1e-3
    assert found["gemm_frac"].catalogue == CATALOGUE.number("training-practice", "gemm_frac")


def test_rows_of_other_stacks_chips_and_named_exceptions_are_left_out() -> None:
    row, run = made_rows(0.8, 0.5)[0]
    assert GROUP.holds(row, run)
    assert not GROUP.holds(row, dataclasses.replace(run, stack="stack-maxtext"))
    assert not GROUP.holds(row, dataclasses.replace(run, layout=None))
    assert not dataclasses.replace(GROUP, without="NeMo").holds(row, run)
    assert not dataclasses.replace(GROUP, chips=("tpu",)).holds(row, run)
    assert fit_group(dataclasses.replace(GROUP, chips=("tpu",)), [(row, run)], CATALOGUE) == []


BLACKWELL = f"{ANY}-blackwell"
"""Entry of what holds on that generation alone."""


def test_every_constant_of_the_groups_is_one_of_the_catalogue() -> None:
    for group in GROUPS:
        for name in group.fields:
            owners = (f"{group.stacks[0]}-{group.chips[0]}", group.stacks[0], f"practice-{group.chips[0]}", BLACKWELL)
            owner = next((o for o in owners if CATALOGUE.entries.get(o) and name in CATALOGUE.get(o).facts), ANY)
            low, high = group.fields[name]
            assert low <= CATALOGUE.number(owner, name) <= high, (group.name, name)
