"""Choices as people write them: schedules, sharding, context by all-to-all, layers of the ends, packing, cores."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.training import (
    SCHEDULES,
    Job,
    choices_of,
    cores_per_chip,
    evaluate,
    is_short,
    layouts_like,
    one_layout,
    parse_choices,
    parse_schedules,
    plan,
    practice_for,
    step_memory,
    usual_job,
)
from megawatt.training.explain import short_layout
from megawatt.training.layouts import chosen_space, divides
from megawatt.training.schedules import CODES, Passes, bubble_s, codes_of, in_flight, weight_copies
from megawatt.training.stages import layers_by_stage, stage_layers
from megawatt.training.units import unit_note
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
SEVEN = load_model("llama-2-7b", CATALOGUE)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("tp=8, mb=2, sp=off", {"tp": 8, "micro_batch": 2, "sequence_parallel": 0}),
        ("recompute=full,schedule=zb-v", {"recompute": 2, "schedule": CODES["zb-v"]}),
        ("fsdp=64", {"dp": 64, "zero": 3}),
        ("hsdp=8x4", {"dp": 32, "zero": 3, "zero_group": 8}),
        ("hsdp=8,cp=2", {"cp": 2, "zero": 3, "zero_group": 16}),
        ("dp_shard=16,dp-replicate=4", {"dp": 64, "zero": 3, "zero_group": 16}),
        ("dp_shard=1,dp_replicate=4", {"dp": 4}),
        ("cp=4,cp_comm=a2a", {"cp": 4, "cp_exchange": 1}),
        ("first=6,last_layers=5", {"first_layers": 6, "last_layers": 5}),
        ("tp8,pp4x2, mb1", {"tp": 8, "pp": 4, "vpp": 2, "micro_batch": 1}),
        ("tp8 pp4x2 mb1 z1", {"tp": 8, "pp": 4, "vpp": 2, "micro_batch": 1, "zero": 1}),
    ],
)
def test_choices_are_read_as_people_write_them(text: str, values: dict[str, int]) -> None:
    assert parse_choices(text) == values


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("tp=0", "1 or more"),
        ("tp=²", "1 or more"),
        ("tp=-1", "1 or more"),
        ("zero=4", "a whole number, 0 to 3"),
        ("schedule=1", "1f1b, zb-h1"),
        ("schedule=gpipe", "1f1b, zb-h1"),
        ("tq=1", "micro_batch \\(mb\\)"),
        ("fsdp=8x2", "a whole number"),
        ("hsdp=0x2", "SHARDxREPLICAS"),
        ("fsdp=8,dp=4", "dp = 4 beside sharding that makes it 8"),
        ("fsdp=8,zero=1", "zero = 1 beside"),
        ("tp=8,pp=2,tp=4", "tp is said twice"),
        ("mb=1,micro_batch=2", "micro_batch is said twice"),
        ("fsdp=8,fsdp=4", "fsdp is said twice"),
        ("tp8/2", "no such choice"),
        ("tp8 mb1x2", "no such choice"),
    ],
)
def test_wrong_choices_name_what_is_allowed(text: str, allowed: str) -> None:
    with pytest.raises(ScenarioError, match=allowed):
        parse_choices(text)


def test_a_full_and_a_partial_layout_meet_the_same_rules() -> None:
    job = Job(SEVEN, 4096, 64)
    for some in ({"tp": 64}, {"micro_batch": 128}, {"cp": 3}, {"zero_group": 3, "tp": 1}):
        full = {"tp": 1, "pp": 1, "micro_batch": 1} | some
        with pytest.raises(ScenarioError) as one:
            layouts_like(job, 64, some)
        with pytest.raises(ScenarioError) as other:
            layouts_like(job, 64, full)
        said = [str(e.value).split(": ", 1)[1].split(" (")[0].split("=")[0] for e in (one, other)]
        assert said[1] in said[0] or said[0] in said[1], said


def _replayed_zb_v(stages: int, count: int, times: tuple[float, float, float]) -> float:
    """Time that the slowest device waits in one step of ZB-V, operation by operation; times of a chunk: forward, input
    gradient, weight gradient. The order is that of arXiv 2401.10241, figure 7."""
    lengths = dict(zip("FBW", times, strict=True))
    orders = [_order_of_zb_v(stage, stages, count) for stage in range(stages)]
    done: dict[tuple[str, int, int, int], float] = {}
    at, free = [0] * stages, [0.0] * stages
    while any(at[s] < len(orders[s]) for s in range(stages)):
        for s in range(stages):
            while at[s] < len(orders[s]):
                kind, chunk, micro = orders[s][at[s]]
                needs = _needs_of_zb_v(kind, chunk, micro, s, stages)
                if needs is not None and needs not in done:
                    break
                start = max(free[s], done[needs] if needs else 0.0)
                free[s] = done[kind, chunk, micro, s] = start + lengths[kind]
                at[s] += 1
    return max(free) - 2 * count * sum(times)


def _order_of_zb_v(stage: int, stages: int, count: int) -> list[tuple[str, int, int]]:
    made: dict[tuple[str, int], int] = {}
    order: list[tuple[str, int, int]] = []

    def run(*steps: tuple[str, int]) -> None:
        for step in steps:
            order.append((*step, made.setdefault(step, 0)))
            made[step] += 1

    run(*[("F", 0)] * (2 * (stages - stage) - 1), *[("F", 1), ("F", 0)] * stage)
    run(*[("F", 1), ("B", 1), ("W", 1)] * (stages - stage))
    while made["F", 1] < made["F", 0] or made["F", 0] < count:
        run(*[("F", 0)] * (made["F", 0] < count), ("B", 0), ("W", 0), ("F", 1), ("B", 1), ("W", 1))
    run(*[("B", 0), ("B", 1)] * stage, *[("B", 0), ("W", 0)] * (stages - stage))
    for chunk in (1, 0):
        run(*[("W", chunk)] * (made["B", chunk] - made["W", chunk]))
    return order


def _needs_of_zb_v(kind: str, chunk: int, micro: int, stage: int, stages: int) -> tuple[str, int, int, int] | None:
    if kind == "W":
        return "B", chunk, micro, stage
    if kind == "F":
        if chunk == 0:
            return ("F", 0, micro, stage - 1) if stage else None
        return ("F", 0, micro, stage) if stage == stages - 1 else ("F", 1, micro, stage + 1)
    if chunk == 1:
        return ("B", 1, micro, stage - 1) if stage else ("F", 1, micro, 0)
    return ("B", 1, micro, stage) if stage == stages - 1 else ("B", 0, micro, stage + 1)


@pytest.mark.parametrize("times", [(1, 1, 1), (1, 1.2, 1), (1, 1.2, 0.8), (1, 1.5, 0.7), (1, 1.3, 0.6), (1, 0.8, 1)])
@pytest.mark.parametrize("stages", [4, 8])
def test_the_bubble_of_zb_v_is_that_of_the_replayed_schedule(stages: int, times: tuple[float, float, float]) -> None:
    replayed = _replayed_zb_v(stages, 4 * stages, times)
    forward, back, weight = (np.array([2.0 * (stages - 1) * t]) for t in times)
    layout = one_layout(pp=stages, schedule=CODES["zb-v"])
    found = bubble_s(codes_of(layout, "1f1b"), layout, Passes(forward, forward + back + weight, weight))[0]
    assert found == pytest.approx(replayed, rel=0.06)


def test_in_flight_and_weights_are_those_of_the_papers() -> None:
    many = np.array([1000.0])
    expected = {"1f1b": (8, 1), "zb-h1": (8, 8), "zb-v": (8, 8), "dualpipe": (9, 9), "dualpipev": (8.5, 8.5)}
    for name, ends in expected.items():
        layout = one_layout(pp=8, schedule=CODES[name])
        codes = codes_of(layout, "1f1b")
        assert tuple(in_flight(codes, layout, many, place=place)[0] for place in (0, 2)) == ends
        assert weight_copies(codes, layout)[0] == (2 if name == "dualpipe" else 1)
        assert in_flight(codes, layout, np.array([3.0]), place=0)[0] == 3
    interleaved = one_layout(pp=8, vpp=4)
    assert in_flight(codes_of(interleaved, "1f1b"), interleaved, many, place=0)[0] == pytest.approx(8 * (1 + 7 / 32))


def test_a_schedule_of_the_layout_counts_before_the_stack_s() -> None:
    job = Job(load_model("gpt-3-175b", CATALOGUE), 2048, 128)
    practice = practice_for(CATALOGUE, SYSTEM)
    layouts = {name: one_layout(tp=8, pp=8, dp=2, schedule=CODES[name]) for name in SCHEDULES}
    costs = {name: evaluate(job, SYSTEM, layout, catalogue=CATALOGUE) for name, layout in layouts.items()}
    bubbles = {name: float(cost.parts_s["bubble"][0]) for name, cost in costs.items()}
    assert bubbles["1f1b"] > bubbles["zb-h1"] > bubbles["zb-v"] > 0.0
    assert bubbles["dualpipe"] < bubbles["1f1b"]
    plain = evaluate(job, SYSTEM, one_layout(tp=8, pp=8, dp=2), catalogue=CATALOGUE)
    assert plain.step_time_s[0] == costs["1f1b"].step_time_s[0]
    held = {name: step_memory(job, SYSTEM, layout, practice=practice) for name, layout in layouts.items()}
    assert held["dualpipe"]["weights"][0] == pytest.approx(2 * held["zb-h1"]["weights"][0], rel=0.02)


def test_schedules_are_searched_together_and_only_on_request() -> None:
    job = Job(load_model("gpt-3-175b", CATALOGUE), 2048, 32)
    choices = {"tp": 8, "vpp": 1, "micro_batch": 1, "cp": 1}
    own = plan(job, SYSTEM, 64, catalogue=CATALOGUE, choices=choices)
    found = plan(job, SYSTEM, 64, catalogue=CATALOGUE, choices=choices, schedules=parse_schedules("any"))
    assert not own.layout.schedule[0]
    assert found.layout.schedule[0] > CODES["1f1b"]
    assert found.step_time_s < own.step_time_s
    assert found.considered > own.considered
    with pytest.raises(ScenarioError, match="allowed: 1f1b, zb-h1"):
        chosen_space(job, 64, {}, ["gpipe"])


@pytest.mark.parametrize(
    ("choices", "rule"),
    [
        ({"schedule": CODES["zb-h1"], "vpp": 2}, "virtual stages are of the schedule 1f1b"),
        ({"schedule": CODES["zb-h1"], "pp": 1}, "needs pipeline stages"),
        ({"schedule": CODES["dualpipe"], "pp": 16}, "2 x pp micro-batches"),
        ({"first_layers": 4, "pp": 1}, "need pipeline stages"),
        ({"first_layers": 20, "last_layers": 12, "pp": 4}, "leave too few layers"),
        ({"first_layers": 20, "last_layers": 10, "pp": 2}, "do not hold all layers"),
        ({"cp": 16, "cp_exchange": 1, "tp": 4}, "does not divide a chip's key-value heads"),
        ({"zero_group": 3, "tp": 1}, "sharding group does not divide"),
    ],
)
def test_rules_of_what_no_search_varies(choices: dict[str, int], rule: str) -> None:
    job = Job(SEVEN, 4096, 16)
    with pytest.raises(ScenarioError, match=rule):
        layouts_like(job, 64, {"micro_batch": 1} | choices)


def test_layers_of_the_ends() -> None:
    for first, last in ((3, 0), (0, 3), (3, 5), (6, 1)):
        layout = one_layout(pp=8, first_layers=first, last_layers=last)
        found = [float(v[0]) for v in stage_layers(61, layout)]
        held = layers_by_stage(61, 8, first, last)
        assert sum(held) == 61
        assert found == [held[0], held[-1], max(held[1:-1])]
        assert not first or held[0] == first
        assert not last or held[-1] == last
    job = Job(SEVEN, 4096, 64)
    even, uneven = (
        evaluate(job, SYSTEM, one_layout(pp=4, dp=2, **ends), catalogue=CATALOGUE).step_time_s[0]
        for ends in ({}, {"first_layers": 14})
    )
    # 14 of 32 layers on one stage instead of 8
    assert 1.4 < uneven / even < 14 / 8


def test_context_by_all_to_all_moves_queries_and_outputs_too() -> None:
    job = Job(SEVEN, 65536, 8)
    parts = [
        evaluate(job, SYSTEM, one_layout(cp=8, cp_exchange=kind), catalogue=CATALOGUE).parts_s["cp"][0]
        for kind in (0, 1)
    ]
    # 4 x 2 bytes x 8,192 tokens x 4,096 wide a layer and pass; 7/8 of it leaves the chip; 32 layers, two passes
    moved = 8 * 4 * 2 * 8192 * 4096 * 7 / 8 * 32 * 2
    rate = moved / parts[1]
    assert 150e9 < rate < 450e9
    assert parts[0] < parts[1]


def test_hybrid_sharding_keeps_gathers_inside() -> None:
    job = Job(SEVEN, 4096, 512)
    whole, hybrid = (one_layout(dp=512, zero=3, zero_group=group) for group in (0, 8))
    practice = practice_for(CATALOGUE, SYSTEM, "stack-fsdp-torch")
    costs = [evaluate(job, SYSTEM, y, catalogue=CATALOGUE, stack="stack-fsdp-torch") for y in (whole, hybrid)]
    assert costs[1].parts_s["shard"][0] < costs[0].parts_s["shard"][0]
    held = [step_memory(job, SYSTEM, y, practice=practice)["optimizer"][0] for y in (whole, hybrid)]
    assert held[1] == pytest.approx(64 * held[0])


def test_packed_documents_attend_to_themselves() -> None:
    asked: dict[str, Any] = {"seq_len": 32768, "global_batch": 64}
    chip = SYSTEM.accelerator
    whole, packed, filled = (
        usual_job(SEVEN, chip, **asked, packing=text) for text in ("", "mean=1024", "mean=1024,fill=0.5")
    )
    layout = one_layout(dp=8, recompute=2)
    costs = [evaluate(job, SYSTEM, layout, catalogue=CATALOGUE) for job in (whole, packed, filled)]
    attention = [c.parts_s["attention"][0] for c in costs]
    # documents of 1,024 in 32,768 tokens: a 32nd of the scores, at a lower rate of the kernel
    assert attention[0] / 32 < attention[1] < attention[0] / 10
    assert costs[2].step_time_s[0] == costs[1].step_time_s[0]
    assert filled.tokens == packed.tokens // 2
    assert usual_job(SEVEN, chip, **asked, packing="mean=1000,cv=0.5").attended == 1250
    assert usual_job(SEVEN, chip, **asked, packing="mean=30000,cv=2").attended == 32768
    for wrong in ("mean=0", "fill=2", "width=3", "mean=x"):
        with pytest.raises(ScenarioError, match="allowed: mean=1"):
            usual_job(SEVEN, chip, **asked, packing=wrong)


def test_adapters_are_trained_on_request() -> None:
    chip = SYSTEM.accelerator
    jobs = [usual_job(SEVEN, chip, seq_len=4096, global_batch=64, lora_rank=rank) for rank in (0, 16)]
    full, adapted = (evaluate(job, SYSTEM, one_layout(dp=8), catalogue=CATALOGUE) for job in jobs)
    assert adapted.memory_parts_bytes["optimizer"][0] < 0.01 * full.memory_parts_bytes["optimizer"][0]
    assert 0.6 < adapted.step_time_s[0] / full.step_time_s[0] < 0.8


@pytest.mark.parametrize(
    ("system", "chips", "choices", "hint"),
    [
        ("trn1-node", 16, {"tp": 32, "pp": 1, "micro_batch": 1}, "tp=32 cores are 16 chips of 2 cores, tp=16"),
        ("trn2-node", 16, {"tp": 64, "pp": 1, "micro_batch": 1}, "tp=64 cores are 16 chips of 4 cores, tp=16"),
        ("tpu-v7-pod", 64, {"tp": 1, "pp": 1, "dp": 128, "micro_batch": 1}, "dp=128 cores are 64 chips"),
    ],
)
def test_degrees_that_count_cores_are_said(system: str, chips: int, choices: dict[str, int], hint: str) -> None:
    machine = CATALOGUE.system(system)
    job = Job(dataclasses.replace(SEVEN, heads=64, kv_heads=64), 4096, 256)
    with pytest.raises(ScenarioError, match=f"degrees count chips: .*{hint}"):
        plan(job, machine, chips, catalogue=CATALOGUE, choices=choices)
    assert not cores_per_chip(CATALOGUE, "h100-sxm")


def test_slices_and_whole_machines() -> None:
    for name, said in (("tpu-v4-8", "tpu-v4-pod --chips 4"), ("v5p-128", "tpu-v5p-pod --chips 64")):
        with pytest.raises(CatalogueError, match=f"{name} counts TensorCores, two a chip: --system {said}"):
            CATALOGUE.system(name)
    rack = CATALOGUE.system("trn3-gen2-ultraserver")
    assert "of 2 of them 143 chips stand idle" in unit_note(rack, 145)
    assert not unit_note(rack, 288)
    assert not unit_note(rack, 72)
    job = Job(SEVEN, 4096, 144)
    found = plan(job, SYSTEM, 12, catalogue=CATALOGUE)
    assert found.notes == (unit_note(SYSTEM, 12, partial(divides, job)),)
    assert "whole: 8 or 16." in found.notes[0]


def test_whole_machines_that_are_named_have_a_layout() -> None:
    note = unit_note(SYSTEM, 60, lambda count: count % 3 == 0)
    assert "whole: 48 or 72." in note
    assert "whole" not in unit_note(SYSTEM, 60, lambda count: False).partition("idle")[2]


def test_choices_of_a_layout_make_it_again() -> None:
    layout = one_layout(tp=2, pp=4, dp=8, zero=3, zero_group=4, schedule=3, first_layers=5)
    again = one_layout(**choices_of(layout))
    assert choices_of(again) == choices_of(layout)


@pytest.mark.parametrize(
    "choices",
    [
        {"tp": 8, "pp": 16, "vpp": 8, "dp": 64, "cp": 2, "micro_batch": 1, "zero": 3, "zero_group": 8, "recompute": 2},
        {"tp": 2, "pp": 4, "dp": 8, "ep": 8, "etp": 2, "micro_batch": 4, "zero": 1, "sequence_parallel": 0},
        {"tp": 1, "pp": 4, "dp": 2, "micro_batch": 1, "zero": 0, "schedule": CODES["zb-v"], "first_layers": 3,
         "last_layers": 2, "cp": 4, "cp_exchange": 1, "recompute": 1},
    ],
)  # fmt: skip
def test_a_layout_is_read_in_the_words_of_the_table(choices: dict[str, int]) -> None:
    layout = one_layout(**choices)
    words = short_layout(layout)
    assert is_short(words)
    assert choices_of(one_layout(**parse_choices(words))) == choices_of(layout)


def test_schedules_are_held_or_searched_and_never_both() -> None:
    assert parse_schedules("Interleaved, zb-v") == ("1f1b", "zb-v")
    job = Job(SEVEN, 4096, 64)
    with pytest.raises(ScenarioError, match="allowed: one of the two"):
        chosen_space(job, 8, {"pp": 4, "schedule": CODES["zb-v"]}, ("dualpipe",))


def test_experts_have_tensor_groups_only_where_there_are_experts() -> None:
    with pytest.raises(ScenarioError, match="needs experts"):
        chosen_space(Job(SEVEN, 4096, 64), 8, {"tp": 2, "etp": 2})


def test_words_of_a_table_and_choices_may_stand_together() -> None:
    assert (
        parse_choices("tp8 pp2 recompute=full")
        == parse_choices("tp = 8, pp=2,full")
        == {"tp": 8, "pp": 2, "recompute": 2}
    )
    assert parse_choices("tp=8 pp=2") == {"tp": 8, "pp": 2}
    with pytest.raises(ScenarioError, match="none, selective, full, no, or modules with"):
        parse_choices("recompute=ops")
