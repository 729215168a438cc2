"""The registry names fitted and assumed constants with what they move."""

from __future__ import annotations

from pathlib import Path

from megawatt.catalogue import load_catalogue
from megawatt.evidence.training_rows import read_run
from megawatt.validation.training_registry import registry, table

CATALOGUE = load_catalogue()
ROW = {
    "id": "one", "source": "s", "model": "m", "layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "32",
    "head_dim": "128", "ffn": "11008", "gated": "1", "vocab": "32000", "tied_embeddings": "0", "attention": "mha",
    "seq_len": "4096", "accelerator": "h100-sxm", "chips": "16", "chips_per_node": "8", "scaleout": "8x400Gb/s",
    "dtype": "bf16", "global_batch": "64", "micro_batch": "1", "tp": "2", "pp": "1", "vpp": "1", "cp": "1", "dp": "8",
    "zero": "1", "seq_parallel": "1", "recompute": "none", "software": "NeMo", "metric": "step_time_s",
    "published": "2025-01", "scorable": "1", "value": "1.0",
}  # fmt: skip


def test_constants_say_what_they_rest_on_and_what_they_move() -> None:
    found = {f"{one.entry}.{one.field}": one for one in registry([read_run(ROW, CATALOGUE)], CATALOGUE)}
    multiplies = found["training-practice.gemm_frac"]
    assert (multiplies.rows, multiplies.evidence) == (1, "fitted")
    # A tenth more of the rate saves part of a tenth of the step.
    assert 0.01 < multiplies.time_moved < 0.1
    assert multiplies.memory_moved == 0.0
    # No experts: nothing for the host to wait for, and no run of another stack.
    assert found["stack-megatron-core.host_exposed_frac"].time_moved == 0.0
    assert found["stack-neuron.gemm_frac"].rows == 0
    # What its sources report is no constant of ours.
    assert "stack-megatron-core.dispatch_wide_frac" not in found


def known(page: str) -> list[list[str]]:
    """Name, value, bounds, evidence, standard error and mechanism of every line of a table; what moves is left out."""
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return [[*line[:5], line[-1]] for line in lines]


def test_the_page_of_constants_is_that_of_the_catalogue() -> None:
    page = Path(__file__).parents[3] / "docs" / "training-constants.md"
    now = table(registry([], CATALOGUE))
    assert known(page.read_text(encoding="utf-8")) == known(now), (
        "write it anew: python -m megawatt.validation.training_registry RUNS.csv --page docs/training-constants.md"
    )
    assert now.splitlines()[-1] in page.read_text(encoding="utf-8")
