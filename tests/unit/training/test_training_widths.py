"""Widths of what travels and goes through memory, second copies, and the optimizer's traffic, by hand."""

from __future__ import annotations

import dataclasses

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.training import Job, Layouts, StepCost, one_layout, practice_for
from megawatt.training.exchange import optimizer_traffic_bytes
from megawatt.training.pipeline import message_s
from megawatt.training.step import step_cost
from megawatt.workload import Split, layer_work, load_model, structure

CATALOGUE = load_catalogue()
H100 = CATALOGUE.system("hgx-h100")


def cost(job: Job, layout: Layouts, stack: str = "stack-megatron-core") -> StepCost:
    return step_cost(job, H100, layout, practice=practice_for(CATALOGUE, H100, stack))


def part(job: Job, layout: Layouts, name: str, stack: str = "stack-megatron-core") -> float:
    return float(cost(job, layout, stack).parts_s[name][0])


def test_elements_of_32_bits_are_twice_the_bytes() -> None:
    arch = load_model("mixtral-8x7b", CATALOGUE)
    one = one_layout(tp=2).tp.astype(float)
    cut = Split(tp=one, cp=one, ep=one, etp=one / one, micro_batch=one, sequence_parallel=one > 1)
    work = layer_work(arch, structure(arch).kinds[0], cut, 4096, fused_attention=True)
    wide = work.at_width(4.0)
    assert wide.element_bytes == 4.0
    for name in (
        "vector_bytes",
        "vector_bytes_backward",
        "routed_bytes",
        "tp_bytes",
        "cp_bytes",
        "ep_bytes",
        "etp_bytes",
    ):
        assert float(getattr(wide, name)[0]) == pytest.approx(2 * float(getattr(work, name)[0]))
    assert wide.gemms == work.gemms
    assert wide.at_width(4.0) is wide


@pytest.mark.parametrize(
    ("name", "layout"), [("pp", {"pp": 4, "dp": 2}), ("tp", {"tp": 8}), ("shard", {"dp": 8, "zero": 3})]
)
def test_messages_of_32_bits_take_about_twice_as_long(name: str, layout: dict[str, int]) -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    narrow, wide = (
        part(Job(arch, 8192, 8, precision), one_layout(**layout, recompute=2), name) for precision in ("bf16", "tf32")
    )
    assert 1.6 * narrow < wide < 2.6 * narrow


def test_a_message_between_stages_is_as_wide_as_its_elements() -> None:
    job = Job(load_model("llama-3.1-405b", CATALOGUE), 8192, 64)
    practice = practice_for(CATALOGUE, CATALOGUE.system("hgx-h100"))
    narrow, wide = (
        float(message_s(dataclasses.replace(job, precision=p), one_layout(pp=8), practice)[0]) for p in ("bf16", "fp32")
    )
    assert wide == pytest.approx(2 * narrow, rel=0.05)


def test_memory_bound_operators_of_32_bits_take_twice_as_long() -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    narrow, wide = (part(Job(arch, 4096, 8, p), one_layout(dp=8), "vector") for p in ("bf16", "tf32"))
    assert 1.7 * narrow < wide < 2.1 * narrow


def test_attention_in_32_bits_is_as_much_slower_as_multiplies() -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    narrow, wide = (part(Job(arch, 4096, 8, p), one_layout(dp=8), "attention") for p in ("bf16", "tf32"))
    assert wide == pytest.approx(2 * narrow, rel=0.1), "tf32 is half the rate"


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("adam", 30.0),
        ("adam-main-grads", 30.0),
        ("adam-bf16", 22.0),
        ("adam-8bit", 18.12),
        ("muon", 22.0),
        ("sgd", 22.0),
    ],
)
def test_the_optimizer_moves_what_it_holds(optimizer: str, expected: float) -> None:
    """States read and written, a 32-bit gradient read, a 16-bit weight written."""
    practice = practice_for(CATALOGUE, H100, optimizer=optimizer)
    assert practice.optimizer.kind == optimizer
    assert optimizer_traffic_bytes(practice, "bf16") == pytest.approx(expected)
    assert optimizer_traffic_bytes(practice, "fp32") == pytest.approx(expected - 2.0)


def test_a_kind_of_optimizer_counts_in_time_and_memory() -> None:
    job = Job(load_model("llama-2-7b", CATALOGUE), 4096, 8)
    adam, eight = (
        step_cost(job, H100, one_layout(dp=8), practice=practice_for(CATALOGUE, H100, optimizer=kind))
        for kind in ("adam", "adam-8bit")
    )
    ratio = float(eight.parts_s["optimizer"][0] / adam.parts_s["optimizer"][0])
    assert ratio == pytest.approx(18.12 / 30.0)
    held = (float(c.memory_parts_bytes["optimizer"][0]) for c in (eight, adam))
    assert next(held) / next(held) == pytest.approx(6.06 / 12.0)


def test_dualpipe_exchanges_both_of_a_devices_stages() -> None:
    """A device holds a stage of either direction: twice the gradients and weights, over twice the replicas."""
    job = Job(load_model("llama-3.1-70b", CATALOGUE), 4096, 512)
    layout = one_layout(tp=2, pp=8, dp=16, zero=1, schedule=4)
    plain = dataclasses.replace(layout, schedule=layout.schedule * 0 + 1)
    practice = practice_for(CATALOGUE, H100)
    # Nothing hides the exchange.
    bare = dataclasses.replace(practice, stack=dataclasses.replace(practice.stack, dp_overlap_frac=0.0))
    double, single = (step_cost(job, H100, y, practice=bare).parts_s for y in (layout, plain))
    assert double["dp"][0] / single["dp"][0] == pytest.approx(2.0 * (31 / 32) / (15 / 16), rel=0.1)
    assert double["optimizer"][0] == pytest.approx(single["optimizer"][0], rel=0.1), "states are sharded over both"
