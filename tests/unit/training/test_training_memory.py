"""Memory against Korthikanti 2022 and by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.training import Job, Stack, one_layout, practice_for, step_memory
from megawatt.training.memory import layer_activations, shard_degrees
from megawatt.training.stages import stage_layers
from megawatt.workload import load_model, parameters

CATALOGUE = load_catalogue()


def old_stack() -> Stack:
    return practice_for(CATALOGUE, CATALOGUE.system("hgx-a100"), "stack-megatron-2021").stack


@pytest.mark.parametrize(
    ("tp", "sequence_parallel", "recompute", "factor"),
    [
        # arXiv 2205.05198 table 2, in units of s b h; a = 96 heads, h = 12288, s = 2048: 5 a s / h = 80
        (1, False, 0, 34 + 80),
        (8, False, 0, 10 + 24 / 8 + 80 / 8),
        (8, True, 0, (34 + 80) / 8),
        (8, True, 1, 34 / 8),
    ],
)
def test_activations_of_a_layer_as_in_korthikanti(
    tp: int, sequence_parallel: bool, recompute: int, factor: float
) -> None:
    arch = load_model("megatron-175b", CATALOGUE)
    layout = one_layout(tp=tp, sequence_parallel=sequence_parallel, recompute=recompute)
    held = layer_activations(Job(arch, 2048, 64), layout, old_stack())[0]
    assert held[0] == pytest.approx(2048 * 12288 * factor)


@pytest.mark.parametrize(
    ("layers", "pp", "expected"),
    [
        (96, 8, (12, 12, 12)),
        (126, 8, (15, 15, 16)),
        (61, 4, (15, 15, 16)),
        (7, 2, (4, 3, 4)),
        (5, 1, (5, 5, 5)),
        (127, 16, (8, 7, 8)),
    ],
)
def test_uneven_stages_are_filled_from_the_middle(layers: int, pp: int, expected: tuple[int, int, int]) -> None:
    assert [float(v[0]) for v in stage_layers(layers, one_layout(pp=pp))] == list(expected)


def test_model_states_by_hand() -> None:
    arch, system = load_model("llama-2-7b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system)
    total = parameters(arch).total
    job = Job(arch, seq_len=4096, global_batch=64)
    alone = step_memory(job, system, one_layout(dp=8, zero=0), practice=practice)
    sharded = step_memory(job, system, one_layout(dp=8, zero=1), practice=practice)
    # 2 bytes of weights, 2 of gradients, 12 of Adam; the last norm is not attributed to a stage
    assert alone["weights"][0] == pytest.approx(2 * total, rel=1e-5)
    assert alone["gradients"][0] == pytest.approx(2 * total, rel=1e-5)
    assert alone["optimizer"][0] == pytest.approx(12 * total, rel=1e-5)
    assert sharded["optimizer"][0] == pytest.approx(12 * total / 8, rel=1e-5)
    # logits: 4096 tokens x 32000 x (4 + 2) bytes
    assert alone["logits"][0] == 4096 * 32000 * 6
    assert alone["reserve"][0] == pytest.approx(0.06 * 81_559 * 2**20)


def test_fully_sharded_weights_keep_two_layers_gathered() -> None:
    arch, system = load_model("llama-2-70b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system)
    memory = step_memory(Job(arch, 4096, 64), system, one_layout(dp=64, zero=3), practice=practice)
    counts = parameters(arch)
    gathered = 2 * 2 * (counts.total / 80)
    # the shards themselves are the 32-bit masters of the optimizer
    assert memory["weights"][0] == pytest.approx(gathered, rel=0.02)


def test_pipeline_keeps_as_many_micro_batches_as_stages() -> None:
    arch, system = load_model("gpt-3-175b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system)

    def activations(pp: int, vpp: int, batch: int) -> float:
        layout = one_layout(tp=8, pp=pp, vpp=vpp)
        memory = step_memory(Job(arch, 2048, batch), system, layout, practice=practice)
        return float(memory["activations"][0])

    layer = float(layer_activations(Job(arch, 2048, 64), one_layout(tp=8), practice.stack)[0, 0])
    assert activations(8, 1, 64) == pytest.approx(96 * layer)
    # interleaved: 96 x (1 + 7 / (8 x 3)) (Korthikanti 2022, section 4.2.3)
    assert activations(8, 3, 64) == pytest.approx(96 * layer * (1 + 7 / 24))
    # two micro-batches are all there are
    assert activations(8, 1, 2) == pytest.approx(2 * 12 * layer)


def test_experts_are_sharded_over_expert_groups() -> None:
    arch = load_model("mixtral-8x7b", CATALOGUE)
    system = CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system)
    job = Job(arch, seq_len=4096, global_batch=64)
    whole, spread = (
        step_memory(job, system, one_layout(dp=8, ep=ep), practice=practice)["weights"][0] for ep in (1, 8)
    )
    experts = 32 * 8 * parameters(arch).kinds[0].expert
    assert whole - spread == pytest.approx(2 * experts * 7 / 8)
    # eight replicas of dense weights, one of each expert
    dense, expert = shard_degrees(one_layout(dp=8, ep=8))
    assert (dense[0], expert[0]) == (8, 1)


def test_full_recompute_keeps_layer_inputs_and_one_layer() -> None:
    arch, system = load_model("gpt-3-175b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system)
    layout = one_layout(tp=8, pp=8, recompute=2)
    memory = step_memory(Job(arch, 2048, 64), system, layout, practice=practice)
    layer = layer_activations(Job(arch, 2048, 64), layout, practice.stack)[0, 0]
    assert memory["activations"][0] == pytest.approx(96 * 2 * 2048 * 12288 / 8 + layer)


def test_the_405b_reference_layouts_fit_where_they_ran() -> None:
    """NVIDIA's 405B recipe ran on 512 H100 of 80 GB with tp 8, pp 8 x 8, cp 2, micro-batch 1."""
    arch, system = load_model("llama-3.1-405b", CATALOGUE), CATALOGUE.system("hgx-h100")
    layout = one_layout(tp=8, pp=8, vpp=8, cp=2, dp=4)
    memory = step_memory(Job(arch, 8192, 256), system, layout, practice=practice_for(CATALOGUE, system))
    assert 60e9 < sum(v[0] for v in memory.values()) < 80e9


def test_stack_decides_the_width_of_gradients() -> None:
    arch, system = load_model("llama-2-7b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system)
    wide = dataclasses.replace(practice, stack=dataclasses.replace(practice.stack, gradient_bytes=4.0))
    two, four = (
        step_memory(Job(arch, 4096, 64), system, one_layout(dp=8), practice=p)["gradients"] for p in (practice, wide)
    )
    assert np.array_equal(2 * two, four)
