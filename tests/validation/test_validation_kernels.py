"""Measured kernels: errors on shapes that no fit has seen, beside trivial predictors, and one chip left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.validation import kernels, kernels_curves, kernels_links
from megawatt.validation.registry import validate

pytestmark = pytest.mark.reference
CHIPS = ("a100-80g", "h100-sxm", "h200-sxm", "b200", "gb200")


@pytest.fixture(scope="module")
def gemm(reference_dir: Path) -> list[dict[str, Any]]:
    return kernels.score(reference_dir / "kernels" / "gemm.parquet", load_catalogue())


def within(group: dict[str, Any], median: float, p90: float) -> bool:
    return bool(group["median_ape"] < median and group["p90_ape"] < p90)


def test_large_multiplies(gemm: list[dict[str, Any]]) -> None:
    latency = gemm[0]
    for name, group in latency["groups"].items():
        if name.startswith("cell=") and name.endswith("large score"):
            plain = " bf16 " in name or " fp8 " in name
            assert within(group, *((0.06, 0.18) if plain else (0.10, 0.30))), (name, group)


def test_all_multiplies_by_chip_and_stack(gemm: list[dict[str, Any]]) -> None:
    latency = gemm[0]
    parts = {n: g for n, g in latency["groups"].items() if n.startswith("part=") and n.endswith("score")}
    assert len(parts) == 8
    for name, group in parts.items():
        assert within(group, 0.10, 0.35), (name, group)
    assert latency["summary"]["median_ape"] < 0.25 * latency["null"]["median_ape"]


def test_power_of_long_multiplies(gemm: list[dict[str, Any]]) -> None:
    groups = gemm[1]["groups"]
    for cell in ("h200-sxm bf16", "b200 bf16", "b200 fp8", "gb200 bf16", "gb200 fp8"):
        assert within(groups[f"long={cell} score"], 0.08, 0.25), cell
    assert gemm[1]["summary"]["median_ape"] < gemm[1]["null"]["median_ape"]


def test_a_chip_left_out_is_predicted_from_its_relatives(reference_dir: Path) -> None:
    latency = kernels.score(reference_dir / "kernels" / "gemm.parquet", load_catalogue(), leave_out=True)[0]
    large = {n: g for n, g in latency["groups"].items() if n.startswith("cell=") and n.endswith("large score")}
    assert {n.removeprefix("cell=").split()[0] for n in large} == set(CHIPS)
    for name, group in large.items():
        assert within(group, 0.12, 0.30), (name, group)
    assert all(case["assumed"] for case in latency["cases"][:50])


def test_attention_forward(reference_dir: Path) -> None:
    latency = kernels.score(reference_dir / "kernels" / "attention.parquet", load_catalogue())[0]
    for name, group in latency["groups"].items():
        if name.startswith("part=") and name.endswith("score"):
            assert within(group, 0.08, 0.25), (name, group)


def test_published_attention(reference_dir: Path) -> None:
    groups = kernels_curves.score(reference_dir / "attention_published.csv", load_catalogue())[0]["groups"]
    assert within(groups["cell=backward held=1"], 0.15, 0.35)
    assert within(groups["cell=forward held=1"], 0.08, 0.25)


def test_experts(reference_dir: Path) -> None:
    latency = kernels.score(reference_dir / "kernels" / "moe.parquet", load_catalogue())[0]
    for name, group in latency["groups"].items():
        if name.startswith("part=") and name.endswith("score"):
            # 90 % within 40 % is not met where the source mixes tuned and untuned kernels (docs/kernels.md).
            assert within(group, 0.165, 0.70), (name, group)
        if name.startswith("cell=") and " fp8_block " in name and name.endswith("score"):
            assert within(group, 0.15, 0.55), (name, group)
    assert latency["summary"]["median_ape"] < 0.2 * latency["null"]["median_ape"]


def test_collectives_in_one_domain(reference_dir: Path) -> None:
    entry = kernels_links.score(reference_dir / "kernels" / "collectives.parquet", load_catalogue())[0]
    for chip in CHIPS:
        assert within(entry["groups"][f"cell={chip} large score"], 0.08, 0.25), chip


def test_published_collectives(reference_dir: Path) -> None:
    entry = kernels_links.score_published(reference_dir / "collectives_published.csv", load_catalogue())[0]
    assert within(entry["groups"]["cell=across large"], 0.20, 0.40)
    assert within(entry["groups"]["cell=domain large"], 0.12, 0.35)
    assert entry["summary"]["median_ape"] < entry["null"]["median_ape"]


def test_registry_knows_the_kernel_kinds(reference_dir: Path) -> None:
    entries = validate(reference_dir / "kernels" / "collectives.parquet", load_catalogue())
    assert (entries[0]["kind"], entries[0]["scored"]) == ("kernels-collectives", entries[0]["rows"])
