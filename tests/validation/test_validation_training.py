"""Step times against published runs: accuracy out of sample, the null model, rankings, the rules that fill rows."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.evidence.training_rows import read_run
from megawatt.hardware import gemm_cost
from megawatt.training import practice_for, step_cost
from megawatt.validation.training_runs import score

CATALOGUE = load_catalogue()
FILES = {
    # measured mean absolute error of rows that nothing was fitted on, dense and mixtures, and rank agreement, with a
    # margin of a third
    "measured_runs.csv": (0.115, 0.6, 0.6),
    # 0.07 until one speed of dropless multiplies served TPU v5p, v7 and MI355X.
    "measured_runs_tpu_trn.csv": (0.09, 0.10, None),
    "measured_runs_single_node.csv": (0.1, None, 0.75),
}
ROW = {
    "id": "a", "source": "s", "model": "m", "layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "32",
    "head_dim": "128", "ffn": "11008", "gated": "1", "vocab": "32000", "tied_embeddings": "0", "attention": "mha",
    "seq_len": "4096", "accelerator": "h100-sxm", "chips": "16", "chips_per_node": "8", "dtype": "bf16",
    "global_batch": "64", "micro_batch": "1", "tp": "2", "pp": "1", "vpp": "1", "cp": "1", "dp": "8", "zero": "1",
    "seq_parallel": "1", "recompute": "none", "software": "NeMo", "metric": "step_time_s", "value": "2.0",
    "published": "2025-01", "scorable": "1", "scaleout": "8x400Gb/s",
}  # fmt: skip


@pytest.fixture(scope="module")
def entries(reference_dir: Path) -> dict[str, dict[str, Any]]:
    return {name: score(reference_dir / name, CATALOGUE)[0] for name in FILES}


@pytest.mark.reference
@pytest.mark.parametrize("name", FILES)
def test_rows_kept_apart_are_predicted(entries: dict[str, dict[str, Any]], name: str) -> None:
    entry, (dense, mixture, tau) = entries[name], FILES[name]
    assert entry["scored"] == entry["scorable"]
    assert entry["groups"]["fold=score kind=dense"]["mape"] < dense
    if mixture is not None:
        assert entry["groups"]["fold=score kind=mixture"]["mape"] < mixture
    if tau is not None:
        assert entry["tau"]["mean"] > tau
    if "null" in entry:
        dense_rows = entry["groups"]["kind=dense"]
        assert dense_rows["mape"] < 0.5 * dense_rows["null_mape"]
        assert entry["summary"]["mape"] < entry["null"]["mape"]


@pytest.mark.reference
def test_rows_that_are_not_scorable_say_why(entries: dict[str, dict[str, Any]], reference_dir: Path) -> None:
    with (reference_dir / "measured_runs.csv").open(newline="") as file:
        left_out = {row["id"] for row in csv.DictReader(file) if row["scorable"] == "0"}
    skipped = {s["id"]: s["why"] for s in entries["measured_runs.csv"]["skipped"]}
    assert set(skipped) == left_out
    assert all(why.startswith("not scorable") for why in skipped.values())


@pytest.mark.reference
def test_published_hardware_flops_give_the_published_time(reference_dir: Path) -> None:
    """Narayanan 2021, table 1: step time from the paper's own formula, 96 B s l h^2 (1 + s/6h + V/16lh)."""
    with (reference_dir / "measured_runs.csv").open(newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["id"] == "narayanan21-t1-145-6b-1536")
    b, s, n, h, v = 2304, 2048, 80, 12288, 51200
    flops = 96 * b * s * n * h**2 * (1 + s / (6 * h) + v / (16 * n * h))
    assert read_run(row, CATALOGUE).measured_s == pytest.approx(flops / (148e12 * 1536), rel=1e-4)


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    names = sorted({name for row in rows for name in row})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_one_entry_with_null_model_of_other_sources(tmp_path: Path) -> None:
    other = ROW | {"id": "b", "source": "t", "value": "4.0"}
    (entry,) = score(
        write(tmp_path / "runs.csv", [ROW, other, ROW | {"id": "c", "scorable": "0", "why_not": "no"}]), CATALOGUE
    )
    assert (entry["rows"], entry["scorable"], entry["scored"]) == (3, 2, 2)
    assert entry["skipped"] == [{"id": "c", "why": "not scorable: no"}]
    # each null is the other's time: twice and half of the measured
    assert entry["null"]["mape"] == pytest.approx((1.0 + 0.5) / 2)
    assert {g for g in entry["groups"] if g.startswith("source=")} == {"source=s", "source=t"}
    assert entry["cases"][0]["assumed"] == []


def test_a_file_of_one_source_has_no_null_model(tmp_path: Path) -> None:
    assert "null" not in score(write(tmp_path / "runs.csv", [ROW]), CATALOGUE)[0]


@pytest.mark.parametrize(
    ("metric", "value", "seconds"),
    [
        ("step_time_s", "2.0", 2.0),
        # 64 x 4096 tokens / (8192 x 16)
        ("tokens_per_s_per_chip", "8192", 2.0),
        ("samples_per_s", "32", 2.0),
    ],
)
def test_metrics_become_step_times(metric: str, value: str, seconds: float) -> None:
    assert read_run(ROW | {"metric": metric, "value": value}, CATALOGUE).measured_s == pytest.approx(seconds)


def test_flops_are_counted_as_the_source_counts_them() -> None:
    published = ROW | {"metric": "mfu", "value": "0.4", "flops_convention": "model", "causal_halved": "1"}
    half = read_run(published, CATALOGUE)
    full = read_run(published | {"causal_halved": "0"}, CATALOGUE)
    # attention: 6 x s x heads x head_dim x layers per token more when the masked half counts too
    extra = 6 * 4096 * 4096 * 32 * 64 * 4096 / (16 * 0.4 * 989e12)
    assert full.measured_s - half.measured_s == pytest.approx(extra)
    guessed = read_run(published | {"causal_halved": ""}, CATALOGUE)
    assert guessed.measured_s == half.measured_s
    assert "causal_halved" in guessed.assumed


def test_empty_columns_are_filled_and_named() -> None:
    bare = ROW | {"micro_batch": "", "dp": "", "zero": "", "recompute": "", "scaleout": "", "vpp": ""}
    found = read_run(bare, CATALOGUE)
    assert found.layout is not None
    assert (found.layout.dp[0], found.layout.micro_batch[0], found.layout.zero[0]) == (8, 1, 1)
    assert {"micro_batch", "dp", "zero", "recompute", "scaleout"} <= set(found.assumed)


def test_recompute_that_is_not_published_is_the_librarys_default() -> None:
    def recompute(**cells: str) -> int:
        layout = read_run(ROW | cells, CATALOGUE).layout
        assert layout is not None
        return int(layout.recompute[0])

    maxtext = {"software": "MaxText"}
    assert recompute(recompute="") == 0
    assert recompute(recompute="selective") == 1
    assert recompute(recompute="", **maxtext) == 2
    assert recompute(recompute="selective", notes="custom remat", **maxtext) == 2
    assert recompute(recompute="selective", notes='remat policy "minimal"', **maxtext) == 1


def test_the_verdict_of_memory_decides_no_time(tmp_path: Path) -> None:
    # 64 sequences at once in a model that fits: without recompute it cannot run, and is timed as published all the same
    large = ROW | {"id": "large", "micro_batch": "8", "dp": "8", "recompute": "", "full_config": "1"}
    path = write(tmp_path / "runs.csv", [ROW | {"id": "small", "full_config": "1"}, large])
    entry = score(path, CATALOGUE)[0]
    run = read_run(large, CATALOGUE)
    assert run.layout is not None
    cost = step_cost(run.job, run.system, run.layout, practice=practice_for(CATALOGUE, run.system, run.stack))
    assert not cost.feasible[0]
    assert entry["cases"][1]["predicted"] == float(cost.step_time_s[0])
    fit = entry["memory_fit"]
    assert (fit["judged"], fit["fit"], fit["full_config"]) == (2, 1, {"judged": 2, "fit": 1})
    assert fit["misfits"] == [
        {
            "id": "large",
            "needed_bytes": pytest.approx(float(cost.memory_bytes[0])),
            "capacity_bytes": run.system.accelerator.hbm_bytes,
        }
    ]


def test_an_unpublished_layout_is_left_to_the_planner(tmp_path: Path) -> None:
    bare = ROW | {"tp": "", "pp": "", "dp": "", "micro_batch": "", "cp": "", "zero": ""}
    assert read_run(bare, CATALOGUE).layout is None
    assert score(write(tmp_path / "runs.csv", [bare]), CATALOGUE)[0]["scored"] == 1


def test_cores_and_devices_become_chips() -> None:
    trainium = ROW | {"accelerator": "trn1", "tp": "8", "dp": "64", "chips": "256", "chips_per_node": "16"}
    tpu = ROW | {"accelerator": "tpu-v7", "tp": "1", "dp": "32", "micro_batch": "2", "chips": "16", "zero": "3"}
    chips = read_run(trainium, CATALOGUE).layout
    devices = read_run(tpu, CATALOGUE).layout
    assert chips is not None
    assert devices is not None
    assert (chips.tp[0], chips.dp[0]) == (4, 64)
    assert (devices.dp[0], devices.micro_batch[0]) == (16, 4)


def test_network_as_published() -> None:
    # 8 adapters of 400 Gb/s over 8 chips: 50 GB/s each; 800 Gb/s per 16 chips: 6.25 GB/s
    assert read_run(ROW, CATALOGUE).system.links[-1].link_bytes_per_s == 50e9
    efa = ROW | {"scaleout": "EFA 800 Gb/s (trn1) per 16 chips", "accelerator": "trn1", "chips_per_node": "16"}
    assert read_run(efa, CATALOGUE).system.links[-1].link_bytes_per_s == 6.25e9


def test_torchtitans_h100_is_another_chip() -> None:
    run = read_run(ROW | {"software": "torchtitan (PyTorch)"}, CATALOGUE)
    assert (run.system.accelerator.hbm_bytes, run.system.accelerator.power_cap_w) == (96e9, 500.0)
    # the power cap sets the clock of multiplies: 500 of 700 W costs between a tenth and a third of the rate
    slow, fast = (
        gemm_cost(practice_for(CATALOGUE, system).multiplies["bf16"], 8192.0, 8192.0, 8192.0).time_s
        for system in (run.system, CATALOGUE.system("hgx-h100"))
    )
    assert 1.1 < float(slow) / float(fast) < 1.4


def test_a_chip_without_a_catalogued_machine_sits_in_a_usual_node() -> None:
    # Every chip of the catalogue has a machine: one more that has none.
    entry = dataclasses.replace(CATALOGUE.get("h20"), key="h20-alone", aliases=())
    over = CATALOGUE.laid_over([entry], "chip.toml", "", "a chip alone")
    run = read_run(ROW | {"accelerator": "h20-alone", "scaleout": ""}, over)
    assert run.system.accelerator.key == "h20-alone"
    assert run.system.links[0].link_bytes_per_s == CATALOGUE.number("h20", "scaleup_link_bytes_per_s")
    assert "machine" in run.assumed


def test_precision_is_the_first_word_of_the_cell() -> None:
    assert read_run(ROW | {"dtype": "fp8_full"}, CATALOGUE).job.precision == "fp8"
    assert read_run(ROW | {"dtype": "int8"}, CATALOGUE).job.precision == "bf16"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accelerator": "abacus"}, "abacus.*h100-sxm"),
        ({"layers": ""}, "column layers is empty"),
        ({"value": "fast"}, "column value = 'fast'"),
        ({"value": "-1"}, "must be above 0"),
        ({"metric": "time_to_train_min"}, "says nothing about a step"),
        ({"recompute": "some"}, "recompute = 'some'; allowed: none, selective, full"),
        ({"dtype": "fp6"}, "precision = 'fp6'"),
    ],
)
def test_what_no_rule_can_fill_is_skipped_with_the_reason(change: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        read_run(ROW | change, CATALOGUE)
    (entry,) = score(write(tmp_path / "runs.csv", [ROW | change]), CATALOGUE)
    assert entry["scored"] == 0
    assert len(entry["skipped"]) == 1


@pytest.mark.parametrize(
    ("software", "published", "stack"),
    [
        ("Megatron-LM 2021", "2021-04", "stack-megatron-2021"),
        ("Megatron-DeepSpeed 2022", "2022-09", "stack-megatron-deepspeed"),
        ("Megatron-LM / NeMo 2022", "2022-05", "stack-megatron-2022"),
        ("Megatron-LM 0.14 + TE 2.11", "2026-05", "stack-megatron-lm"),
        ("Megatron-Core r0.8.0", "2024-07", "stack-megatron-core"),
        ("LLM Foundry / Composer FSDP (FlashAttention)", "2024-01", "stack-llm-foundry"),
        ("MaxText", "2023-01", "stack-maxtext"),
        ("NeuronX Distributed", "2024-01", "stack-neuron"),
        ("torchtitan", "2024-10", "stack-fsdp-torch"),
        ("something new", "2026-01", "stack-megatron-core"),
    ],
)
def test_software_decides_the_stack(software: str, published: str, stack: str) -> None:
    assert read_run(ROW | {"software": software, "published": published}, CATALOGUE).stack == stack


def test_half_precision_megatron_deepspeed_is_megatron_of_2021() -> None:
    row = ROW | {"software": "Megatron-DeepSpeed 2022", "dtype": "fp16", "published": "2024-09"}
    assert read_run(row, CATALOGUE).stack == "stack-megatron-2021"


def test_adapters_are_read_from_the_model_name() -> None:
    run = read_run(ROW | {"model": "Llama-2-70B LoRA"}, CATALOGUE)
    assert run.job.arch.lora_rank == 16
    assert "adapter rank" in run.assumed
    assert read_run(ROW, CATALOGUE).job.arch.lora_rank == 0


def test_groups_carry_the_error_of_the_null_model(tmp_path: Path) -> None:
    other = ROW | {"id": "b", "source": "t", "value": "4.0"}
    (entry,) = score(write(tmp_path / "runs.csv", [ROW, other]), CATALOGUE)
    # each null is the other's time: twice and half of the measured
    assert entry["groups"]["source=s"]["null_mape"] == pytest.approx(1.0)
    assert entry["groups"]["source=t"]["null_mape"] == pytest.approx(0.5)
