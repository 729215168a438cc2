"""Pairs of published runs that differ in one thing, and what counts of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from megawatt.validation.training_ablations import Switched, switched_pairs

ROW = {
    "source": "s", "model": "m", "layers": "8", "hidden": "2048", "heads": "16", "kv_heads": "16", "head_dim": "128",
    "ffn": "1024", "gated": "1", "vocab": "32000", "tied_embeddings": "0", "attention": "mha", "experts": "64",
    "experts_per_token": "6", "expert_ffn": "1024", "shared_experts": "0", "dense_layers": "0", "seq_len": "4096",
    "accelerator": "h100-sxm", "chips": "64", "chips_per_node": "8", "scaleout": "8x400Gb/s", "dtype": "bf16",
    "global_batch": "128", "micro_batch": "1", "tp": "1", "pp": "1", "vpp": "1", "cp": "1", "ep": "64", "dp": "64",
    "zero": "1", "seq_parallel": "0", "recompute": "none", "software": "Megatron-Core", "metric": "step_time_s",
    "published": "2026-03", "scorable": "1",
}  # fmt: skip


def table(tmp_path: Path, *rows: dict[str, str]) -> Path:
    path = tmp_path / "runs.csv"
    fields = [*ROW, "id", "value", "notes", "stack_features"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields, restval="")
        writer.writeheader()
        writer.writerows(ROW | {"id": f"r{i}"} | row for i, row in enumerate(rows))
    return path


def test_runs_of_one_source_that_differ_in_one_switch_are_pairs(tmp_path: Path) -> None:
    off = {"value": "2.0", "stack_features": "dispatcher=alltoall; ep_overlap=off"}
    on = {"value": "1.5", "stack_features": "dispatcher=deepep; ep_overlap=off"}
    both = {"value": "1.2", "stack_features": "dispatcher=hybridep; ep_overlap=on"}
    elsewhere = {"source": "t", **on}
    pairs = switched_pairs([table(tmp_path, off, on, both, elsewhere)])
    assert [(p.first, p.second, p.what) for p in pairs] == [("r0", "r1", "dispatcher alltoall -> deepep")]
    # Across eight nodes one copy per node is less than one per expert.
    assert pairs[0].published == pytest.approx(-0.25)
    assert pairs[0].ours < -0.01
    assert pairs[0].counted
    assert pairs[0].right_sign


def test_steps_of_a_cumulative_series_follow_each_other(tmp_path: Path) -> None:
    notes = ("alltoall dispatcher", "+ DeepEP instead of NCCL all-to-all", "+ tuned DeepEP")
    rows = [{"value": v, "notes": f"cumulative ablation: {n}"} for v, n in zip("321", notes, strict=True)]
    pairs = switched_pairs([table(tmp_path, *rows)])
    assert [(p.first, p.second) for p in pairs] == [("r0", "r1"), ("r1", "r2")]
    assert pairs[0].what == "dispatcher alltoall -> deepep"
    assert (pairs[1].what, pairs[1].counted) == ("", False)


def test_sign_and_size() -> None:
    assert Switched("a", "b", "x", -0.2, -0.15).within_half
    assert not Switched("a", "b", "x", -0.2, -0.05).within_half
    assert not Switched("a", "b", "x", -0.2, 0.0).right_sign
    assert not Switched("a", "b", "x", -0.005, -0.1).counted
