"""What the host launches, and how long the chip waits for it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.training import Job, Practice, one_layout, practice_for, step_cost
from megawatt.training.launches import host_wait_s, launched_operators
from megawatt.training.layer import split_of
from megawatt.training.stacks import Stack
from megawatt.workload import LayerWork, layer_work, load_model, structure

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
ARCH = load_model("qwen3-30b-a3b", CATALOGUE)
STACK = Stack("made", attention_fused=True, router_operators=8.0, expert_operators=10.0)


def mixture(ranks: int) -> LayerWork:
    kind = next(k for k in structure(ARCH).kinds if k.mixture)
    return layer_work(ARCH, kind, split_of(one_layout(dp=8, ep=ranks)), 4096, fused_attention=True, dropout=False)


def launched(stack: Stack, ranks: int = 8, precision: str = "bf16") -> float:
    return float(launched_operators(mixture(ranks), stack, precision)[0])


def test_linear_layers_in_narrow_types_are_launched_twice() -> None:
    linear = sum(g.linear and not g.grouped and g.name != "router" for g in mixture(8).gemms)
    assert linear == 2  # queries, keys and values in one; the output
    assert launched(STACK, precision="fp8") - launched(STACK) == linear


def test_grouped_products_are_launched_expert_by_expert() -> None:
    each = dataclasses.replace(STACK, expert_launches=0.5)
    # 128 experts over 8 ranks, and over 32: half an operator each, twice that where inputs are quantised
    assert launched(each) - launched(STACK) == pytest.approx(8.0)
    assert launched(each, ranks=32) - launched(STACK, ranks=32) == pytest.approx(2.0)
    assert launched(each, precision="mxfp8") - launched(STACK, precision="mxfp8") == pytest.approx(16.0)
    assert launched(dataclasses.replace(each, graphs=("full",))) == 0.0
    assert launched(dataclasses.replace(each, graphs=("experts",))) == launched(
        dataclasses.replace(STACK, graphs=("experts",))
    )


def test_dispatchers_do_part_of_the_routing() -> None:
    # 31 kernels to 17, four to an operator
    assert launched(STACK) - launched(dataclasses.replace(STACK, dispatcher="deepep")) == 3.5
    few = dataclasses.replace(STACK, router_operators=2.0)
    assert launched(few) - launched(dataclasses.replace(few, dispatcher="hybridep")) == 2.0


def test_the_chip_waits_for_what_the_host_takes_longer() -> None:
    work, stack = mixture(8), dataclasses.replace(STACK, host_exposed_frac=0.2)
    host, busy = np.array([1.0, 3.0]), np.array([2.0, 2.0])
    assert host_wait_s(host, busy, work, stack) == pytest.approx([0.2, 1.0 + 0.4])
    # What the exchange runs beside does not tell the host how many tokens came.
    assert host_wait_s(host, busy, work, dataclasses.replace(stack, ep_overlap=True)) == pytest.approx([0.2, 1.4])


def test_a_graph_of_attention_leaves_shared_experts_to_the_host() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)
    kind = next(k for k in structure(arch).kinds if k.mixture)
    work = layer_work(arch, kind, split_of(one_layout(dp=8, ep=8)), 4096, fused_attention=True, dropout=False)
    attention, both = (dataclasses.replace(STACK, graphs=graphs) for graphs in (("attn",), ("attn", "shared")))
    # two linear layers; twice that where inputs are quantised
    for precision, each in (("bf16", 1.0), ("fp8", 2.0)):
        left = launched_operators(work, attention, precision) - launched_operators(work, both, precision)
        assert left == pytest.approx(2.0 * each)


def made(**changes: object) -> Practice:
    practice = practice_for(CATALOGUE, SYSTEM, "stack-megatron-core@26.02")
    stack = dataclasses.replace(practice.stack, graphs=(), **changes)  # type: ignore[arg-type]
    return dataclasses.replace(practice, stack=stack)


def recomputed(practice: Practice, modules: int) -> float:
    layout = dataclasses.replace(one_layout(dp=8, ep=8, recompute=1), modules=np.array([modules]))
    return float(step_cost(Job(ARCH, 4096, 64), SYSTEM, layout, practice=practice).parts_s["recompute"][0])


def test_what_is_repeated_is_launched_again() -> None:
    """Where the host is the limit, the norms of the 48 layers wait for it once more; in a graph they do not."""
    norms = 1 << 1
    slow, quick = (recomputed(made(host_operator_s=each), norms) for each in (1e-3, 0.0))
    repeats = 48 * 8  # layers and micro-batches
    # the chip's share of them shows as far as the host cannot run ahead
    assert slow == pytest.approx(repeats * 1e-3 + made().stack.host_exposed_frac * quick, rel=1e-6)
    assert 0.0 < quick < 0.1 * slow
    graphed = made(host_operator_s=1e-3)
    graphed = dataclasses.replace(graphed, stack=dataclasses.replace(graphed.stack, graphs=("attn",)))
    assert recomputed(graphed, norms) == pytest.approx(quick)


def test_processes_that_are_not_bound_take_longer_to_launch() -> None:
    bound, loose = (
        practice_for(CATALOGUE, SYSTEM, f"stack-megatron-core; numa_binding={word}").stack.host_operator_s
        for word in ("on", "off")
    )
    assert loose == pytest.approx(bound * CATALOGUE.number("training-practice", "unbound_factor"))


def test_fused_experts_are_launched_at_once() -> None:
    plain, fused = (
        practice_for(CATALOGUE, SYSTEM, f"stack-megatron-core; fused_mlp={word}").stack.expert_launches
        for word in ("off", "on")
    )
    assert (plain, fused) == (0.5, 0.0)
