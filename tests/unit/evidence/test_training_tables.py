"""A table of one's own runs: columns as people write them, what is not read, recipes in the table, software."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.evidence import features_of, read_run, read_runs
from megawatt.evidence.training_tables import Unread, unread_columns
from megawatt.training import Features
from megawatt.validation import unscored, validate
from megawatt.validation.scoring import told_of_rows

CATALOGUE = load_catalogue()
ROW = {
    "id": "a", "model": "llama-3.1-8b", "seq_len": "8192", "accelerator": "hgx-h100", "chips": "64", "dtype": "bf16",
    "global_batch": "128", "micro_batch": "1", "tp": "2", "pp": "1", "software": "Megatron-Bridge",
    "metric": "tokens_per_s_per_chip", "value": "9000", "flops_convention": "model",
}  # fmt: skip
MIXTURE = {**ROW, "model": "qwen3-30b-a3b", "ep": "8", "tp": "1", "chips": "8", "source": "NVIDIA"}


def table(folder: Path, *rows: dict[str, str]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names), *(",".join(f'"{row.get(name, "")}"' for name in names) for row in rows)]
    path = folder / "own.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_columns_are_known_however_they_are_written(tmp_path: Path) -> None:
    path = table(tmp_path, {name.upper().replace("_", " "): cell for name, cell in ROW.items()})
    found = read_runs(path)
    assert (found.rows[0]["seq_len"], found.lines, found.unread) == ("8192", [2], ())
    (entry,) = validate(path, CATALOGUE)
    assert entry["scored"] == 1


def test_a_column_that_nobody_reads_is_named_with_the_nearest() -> None:
    names = ("stack_featurs", "micro-batch", "Recipe.dispatcher", "gpu_temp", "grouped_gemm", "peak_gib", "")
    assert unread_columns(names, ("peak_gib",)) == (
        Unread("stack_featurs", "stack_features"),
        Unread("gpu_temp"),
        Unread("grouped_gemm"),
    )


def test_a_misspelt_column_of_the_recipes_beside_is_named(tmp_path: Path) -> None:
    (tmp_path / "training_recipes.csv").write_text("id,ep_overlp,hybridep_sms\na,1,16\n", encoding="utf-8")
    assert read_runs(table(tmp_path, ROW)).unread == (Unread("ep_overlp", "ep_overlap"),)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"dispatcher": "flex HybridEP", "ep_overlap": "1.0"}, Features(dispatcher="hybridep", ep_overlap=True)),
        ({"recipe.dispatcher": "alltoall", "ep_overlap": "off"}, Features(dispatcher="alltoall", ep_overlap=False)),
        ({"cuda_graph_scope": "attn;moe_router"}, Features(graphs=("attn", "router"))),
        ({"cuda_graph_impl": "None", "cuda_graph_scope": "attn"}, Features(graphs=())),
        ({"recompute_modules": "moe_act, layernorm"}, Features(recompute=("moe_act", "layernorm"))),
        ({"exp_avg_dtype": "BF16", "forced_balance": "True"}, Features(moment_bytes=2.0, balance="forced")),
        ({"graphs": "attn,router", "numa_binding": "yes"}, Features(graphs=("attn", "router"), numa_binding=True)),
        ({"fsdp": "megatron_fsdp", "pp_layout": "Et|tL"}, Features(fsdp=True, stage_layout="Et|tL")),
        ({"fsdp": "1", "capacity": "1.25"}, Features(fsdp=True, capacity=1.25)),
        ({"Stack_Features": "Dispatcher=DeepEP; ep_overlap=True"}, Features(dispatcher="deepep", ep_overlap=True)),
    ],
)
def test_recipe_columns_stand_in_the_table_itself(tmp_path: Path, cells: dict[str, str], said: Features) -> None:
    found = read_runs(table(tmp_path, {**MIXTURE, **cells}))
    assert features_of(found.rows[0]) == said
    assert found.unread == ()


def test_the_tables_own_cell_counts_before_the_recipe_beside(tmp_path: Path) -> None:
    (tmp_path / "training_recipes.csv").write_text("id,dispatcher,ep_overlap\na,flex deepep,1\n", encoding="utf-8")
    (row,) = read_runs(table(tmp_path, {**MIXTURE, "dispatcher": "alltoall", "ep_overlap": ""})).rows
    assert features_of(row) == Features(dispatcher="alltoall", ep_overlap=True)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"recompute_modules": "moe_akt"}, "recompute_modules = 'moe_akt'; allowed: core_attn"),
        ({"exp_avg_dtype": "float31"}, "exp_avg_dtype = 'float31'; allowed: float32"),
        ({"cuda_graph_scope": "attention"}, "cuda_graph_scope = 'attention'; allowed: attn"),
        ({"forced_balance": "maybe"}, "forced_balance = 'maybe'"),
        ({"model": "llama-3.1-8"}, "nearest: llama-3.1-8b"),
        ({"model": ""}, "a model of the catalogue"),
        ({"metric": "tokens"}, "tokens_per_s_per_chip"),
        ({"recompute": "moe_act"}, "recompute_modules"),
        ({"software": "megatron-core@99.99"}, "99.99"),
    ],
)
def test_a_cell_that_cannot_be_read_is_the_reason(tmp_path: Path, cells: dict[str, str], words: str) -> None:
    path = table(tmp_path, {**MIXTURE, **cells})
    entries = validate(path, CATALOGUE)
    assert words in entries[0]["skipped"][0]["why"]
    nothing = unscored(path, entries)
    assert nothing is not None
    assert words in str(nothing.problems[0].found)
    assert nothing.exit_code == 2


def test_a_model_by_name_needs_no_columns_of_its_own() -> None:
    named = read_run({**ROW, "model": "LLAMA-3.1-8B", "accelerator": "HGX-H100", "dtype": "BF16"}, CATALOGUE)
    assert "architecture" in named.assumed
    assert (named.job.arch.layers, named.job.arch.vocab, named.job.precision) == (32, 128256, "bf16")
    written = {"layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "8", "head_dim": "128", "ffn": "14336"}
    rest = {"gated": "1", "vocab": "128256", "attention": "GQA", "tied_embeddings": "0"}
    same = read_run({**ROW, **written, **rest}, CATALOGUE)
    assert same.measured_s == pytest.approx(named.measured_s)


@pytest.mark.parametrize(
    ("software", "published", "stack"),
    [
        ("Megatron-Bridge@25.09", "", "stack-megatron-core@25.09"),
        ("STACK-MEGATRON-CORE@25.11", "2026-03", "stack-megatron-core@25.11"),
        ("Megatron-Bridge", "2025-10", "stack-megatron-core@25.09"),
        ("", "", "stack-megatron-core@26.02"),
    ],
)
def test_the_software_that_counts_is_said(tmp_path: Path, software: str, published: str, stack: str) -> None:
    (entry,) = validate(table(tmp_path, {**ROW, "software": software, "published": published}), CATALOGUE)
    assert entry["software"] == {stack: {"rows": 1, "assumed": int(not software)}}
    told = "\n".join(told_of_rows(entry))
    assert (f"{stack} in 1 (assumed in 1)" in told) == (not software)
    assert "architecture in 1" in told


def test_a_table_of_which_something_is_scored_is_no_error(tmp_path: Path) -> None:
    path = table(tmp_path, ROW, {**ROW, "id": "b", "chips": "none"})
    assert unscored(path, validate(path, CATALOGUE)) is None


def test_recompute_by_module_of_the_own_table_moves_the_step() -> None:
    times = []
    for modules in ("", "moe_act"):
        run = read_run({**MIXTURE, "recipe.recompute_modules": modules, "recompute": "selective"}, CATALOGUE)
        times.append(run.layout.modules[0] if run.layout is not None else -1)
    assert times[0] != times[1]


def test_a_broken_table_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError):
        read_runs(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("software", "recompute", "modules"),
    [("neuronx-nemo-megatron", 2, 0), ("NeuronX Distributed", 1, 1), ("optimum-neuron", 0, 0)],
)
def test_recompute_is_what_the_librarys_scripts_ask_for(software: str, recompute: int, modules: int) -> None:
    cells = {"accelerator": "trn1", "tp": "8", "chips": "256", "software": software, "recompute": ""}
    layout = read_run({**ROW, **cells}, CATALOGUE).layout
    assert layout is not None
    assert (int(layout.recompute[0]), int(layout.modules[0] > 0)) == (recompute, modules)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [({"cp_comm": "A2A"}, 1), ({"notes": "Ulysses-style sequence parallel 4"}, 1), ({"cp_comm": "ring"}, 0), ({}, 0)],
)
def test_context_travels_as_the_row_says(cells: dict[str, str], kind: int) -> None:
    layout = read_run({**ROW, "cp": "4", **cells}, CATALOGUE).layout
    assert layout is not None
    assert int(layout.cp_exchange[0]) == kind


def test_a_batch_is_never_one_micro_batch_of_a_pipeline() -> None:
    with pytest.raises(ScenarioError, match="global_batch is empty; needed where pp is above 1"):
        read_run({**ROW, "pp": "4", "global_batch": ""}, CATALOGUE)
    # Left to the planner: about four million tokens in whole sequences of every chip.
    free = read_run({**ROW, "tp": "", "pp": "", "global_batch": ""}, CATALOGUE)
    assert (free.layout, free.job.global_batch) == (None, 512)
    with pytest.raises(ScenarioError, match="cp_comm = 'tree'; allowed: ring"):
        read_run({**ROW, "cp": "4", "cp_comm": "tree"}, CATALOGUE)
