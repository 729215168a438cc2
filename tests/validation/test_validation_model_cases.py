"""Configurations that people have reported as misread: each as it is right, and hostile ones refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.training import Job
from megawatt.workload import load_model, model_flops_per_token, parameters, structure

pytestmark = pytest.mark.reference
CATALOGUE = load_catalogue()
RIGHT = {
    # name: total and active parameters in billions, as published (text part alone of multimodal models)
    "bloom": (176.25, 176.25),
    "commandr": (34.98, 34.98),
    "deepseek-v3.2": (671.0, 37.5),
    "falcon": (41.3, 41.3),
    "gemma3-4b": (3.88, 3.88),
    "gemma3-12b": (11.77, 11.77),
    "gemma4-26b": (25.2, 3.8),
    "glm-5": (744.0, 39.9),
    "gpt2": (0.1244, 0.1244),
    "gptneox": (20.55, 20.55),
    "kimi-k2.5": (1026.0, 31.7),
    "llama-model-class": (8.03, 8.03),
    "llama-noarch": (8.03, 8.03),
    "llama4-scout": (107.77, 17.17),
    "minimax-m2.5": (228.7, 10.0),
    "nemotron-h-56b": (56.3, 56.3),
    "olmo2": (13.7, 13.7),
    "phi3": (3.82, 3.82),
    "qwen2moe-oddshared": (13.787, 2.161),
    "qwen3moe-sparse2": (16.94, 3.35),
    "seed-oss": (36.15, 36.15),
    "starcoder": (15.5, 15.5),
}
TABLES = {"deepseek-v3.2": 1, "glm-5": 2, "kimi-k2.5": 1, "minimax-m2.5": 2}
"""Token tables (input, then output) that the published active count leaves out."""


@pytest.fixture
def cases(reference_dir: Path) -> Path:
    folder = reference_dir.parent / "cases"
    if not folder.is_dir():
        pytest.skip("the folder of cases is not here")
    return folder


@pytest.mark.parametrize("name", RIGHT)
def test_a_reported_configuration_is_read_right(cases: Path, name: str) -> None:
    counts = parameters(load_model(cases / "compute" / name, CATALOGUE))
    total, active = RIGHT[name]
    left_out = (0, counts.embedding, counts.embedding + counts.output)[TABLES.get(name, 0)]
    assert counts.total / 1e9 == pytest.approx(total, rel=0.003)
    assert (counts.active - left_out) / 1e9 == pytest.approx(active, rel=0.02)


def test_every_configuration_is_looked_at(cases: Path) -> None:
    assert {path.parent.name for path in (cases / "compute").glob("*/config.json")} == set(RIGHT)


def test_what_stands_in_the_reports(cases: Path) -> None:
    """Mixtures in every second layer; a shared expert of its own width; sliding windows; hybrids."""
    folder = cases / "compute"
    sparse = structure(load_model(folder / "qwen3moe-sparse2", CATALOGUE))
    assert sum(n for kind, n in zip(sparse.kinds, sparse.counts, strict=True) if kind.mixture) == 24
    odd = load_model(folder / "qwen2moe-oddshared", CATALOGUE)
    assert odd.shared_ffn == 2048
    assert model_flops_per_token(odd, 4096) == pytest.approx(12.30e9, rel=0.001)
    gemma = load_model(folder / "gemma3-4b", CATALOGUE)
    assert (gemma.vocab, gemma.heads, gemma.kv_heads, gemma.head_dim, gemma.window) == (262_208, 8, 4, 256, 1024)
    assert any("262208" in text for text in gemma.assumed)
    hybrid = load_model(folder / "nemotron-h-56b", CATALOGUE)
    assert (hybrid.layers, hybrid.mixers.count("m"), hybrid.mixers.count("f")) == (118, 54, 10)
    picked = load_model(folder / "deepseek-v3.2", CATALOGUE)
    assert (picked.index_topk, picked.mtp_layers, picked.weight_bits) == (2048, 1, 8.0)


def test_more_tokens_than_learned_positions_are_refused(cases: Path) -> None:
    arch = load_model(cases / "compute" / "gpt2", CATALOGUE)
    with pytest.raises(ScenarioError, match=r"8,192 tokens; allowed: up to 1,024"):
        Job(arch, 8192, 512)
    assert Job(arch, 1024, 512).seq_len == 1024


@pytest.mark.parametrize(
    ("name", "field", "kind"),
    [
        ("compute/archobj.json", "architectures", "a list"),
        ("compute/inf.json", "hidden_size", "a number"),
        ("compute/nan.json", "hidden_size", "a number"),
        ("compute/mlponlyint.json", "mlp_only_layers", "a number"),
        ("hostile/arch-int.json", "architectures", "a number"),
    ],
)
def test_a_wrong_field_is_named_with_its_type(cases: Path, name: str, field: str, kind: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_model(cases / name, CATALOGUE)
    problem = caught.value.problems[0]
    assert problem.path == field
    assert f"({kind})" in problem.found


def test_endless_nesting_is_refused(cases: Path) -> None:
    with pytest.raises(ScenarioError, match="nested too deeply"):
        load_model(cases / "hostile" / "deep.json", CATALOGUE)
