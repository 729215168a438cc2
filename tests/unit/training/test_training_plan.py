"""Search, reasons."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.training import (
    Job,
    default_stack,
    describe_layout,
    enumerate_layouts,
    evaluate,
    layout_reasons,
    one_layout,
    plan,
    practice_for,
    search_space,
)
from megawatt.training.axes import divisors
from megawatt.workload import load_model, model_flops_per_token

CATALOGUE = load_catalogue()


def small_plan(**changes: object):  # type: ignore[no-untyped-def]
    of_job = {name: changes.pop(name) for name in ("global_batch", "precision") if name in changes}
    job = dataclasses.replace(Job(load_model("llama-2-13b", CATALOGUE), seq_len=4096, global_batch=128), **of_job)  # type: ignore[arg-type]
    return plan(job, CATALOGUE.system("hgx-h100"), 32, catalogue=CATALOGUE, **changes)  # type: ignore[arg-type]


def test_divisors() -> None:
    assert divisors(72).tolist() == [1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36, 72]
    assert divisors(1).tolist() == [1]


def test_the_plan_is_the_best_of_all_layouts() -> None:
    system = CATALOGUE.system("hgx-h100")
    found = small_plan()
    space = search_space(found.job, 32)
    layouts = space.layouts
    every = evaluate(found.job, system, layouts, catalogue=CATALOGUE)
    assert found.considered == space.considered == len(layouts) + sum(space.rejected.values())
    assert found.rejected == space.rejected | {"memory": int((~every.feasible).sum())}
    assert found.step_time_s == pytest.approx(every.step_time_s[every.feasible].min(), rel=1e-12)
    assert (found.runners_up_cost.step_time_s >= found.step_time_s).all()
    assert found.cost.memory_bytes[0] <= system.accelerator.hbm_bytes


def test_plan_figures_follow_from_the_step() -> None:
    found = small_plan()
    arch, system = load_model("llama-2-13b", CATALOGUE), CATALOGUE.system("hgx-h100")
    tokens_per_s = 128 * 4096 / found.step_time_s
    assert found.tokens_per_s == pytest.approx(tokens_per_s)
    assert found.tokens_per_s_per_chip == pytest.approx(tokens_per_s / 32)
    assert found.mfu == pytest.approx(model_flops_per_token(arch, 4096) * tokens_per_s / (32 * 989e12))
    assert found.it_w_per_chip == pytest.approx(found.chip_power_w + system.overhead_w_per_chip)
    assert found.it_energy_j_per_token == pytest.approx(found.it_w_per_chip * 32 / tokens_per_s)
    names = [a.name for a in found.assumptions]
    assert len(names) == len(set(names))
    assert {"h100-sxm.power_cap_w", "kernel-flash-h100-sxm-bf16.rate_share", "llama-2-13b.layers"} <= set(names)


def test_least_energy_is_not_more_than_that_of_the_fastest() -> None:
    fastest, leanest = small_plan(), small_plan(objective="energy")
    assert leanest.it_energy_j_per_token <= fastest.it_energy_j_per_token
    assert leanest.step_time_s >= fastest.step_time_s


def test_every_enumerated_layout_divides() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)
    job = Job(arch, seq_len=4096, global_batch=1024)
    layouts = enumerate_layouts(job, 256)
    reasons = layout_reasons(job, layouts, chips=256)
    assert set(reasons) == {""}
    assert len(layouts) > 1000
    assert set(np.unique(layouts.ep)) > {1, 8, 64}


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (one_layout(tp=3, dp=8), "tp does not divide the attention heads"),
        (one_layout(dp=23), "tp x pp x cp x dp is not the number of chips"),
        (one_layout(pp=2, vpp=40, dp=12), "more pipeline stages than layers"),
        (one_layout(vpp=2, dp=24), "virtual stages need pipeline stages"),
        (one_layout(cp=3, dp=8), "2 x cp does not divide the sequence"),
        (one_layout(tp=2, dp=12), "dp x micro-batch does not divide the global batch"),
        (one_layout(tp=8, pp=3, ep=2), "expert parallelism needs experts"),
    ],
)
def test_reasons_of_layouts_that_cannot_be_set_up(layout, reason: str) -> None:  # type: ignore[no-untyped-def]
    arch = load_model("llama-3.1-8b", CATALOGUE)
    assert layout_reasons(Job(arch, 4096, 128), layout, chips=24)[0] == reason


def test_a_model_that_does_not_fit_says_by_how_much() -> None:
    arch, system = load_model("llama-3.1-405b", CATALOGUE), CATALOGUE.system("hgx-h100")
    with pytest.raises(InfeasibleError, match=r"none of [\d,]+ layouts fits.*tp \d+.*GB are missing.*more chips"):
        plan(Job(arch, 8192, 8), system, 8, catalogue=CATALOGUE)


def test_chips_that_divide_nothing_name_their_neighbours() -> None:
    arch, system = load_model("llama-3.1-8b", CATALOGUE), CATALOGUE.system("hgx-h100")
    with pytest.raises(ScenarioError, match=r"chips = 37.*these numbers of chips do: 3[0-9]"):
        plan(Job(arch, 8192, 128), system, 37, catalogue=CATALOGUE)


def test_bad_arguments_are_the_users_error() -> None:
    with pytest.raises(ScenarioError, match="objective = 'cost'"):
        small_plan(objective="cost")
    with pytest.raises(ScenarioError, match="precision = 'fp6'"):
        small_plan(precision="fp6")
    with pytest.raises(ScenarioError, match="global_batch = 0"):
        small_plan(global_batch=0)


def test_a_large_search_considers_every_layout() -> None:
    arch, system = load_model("deepseek-v3", CATALOGUE), CATALOGUE.system("gb300-nvl72")
    found = plan(Job(arch, 4096, 15360, "fp8"), system, 4608, catalogue=CATALOGUE)
    assert found.considered > 100_000


@pytest.mark.parametrize("system", ["gb300-nvl72", "trn3-gen2-ultraserver", "hgx-h200", "tpu-v5p-pod"])
def test_plausible_efficiency_on_every_kind_of_machine(system: str) -> None:
    arch, machine = load_model("llama-3.1-70b", CATALOGUE), CATALOGUE.system(system)
    found = plan(Job(arch, 8192, 1152), machine, 576, catalogue=CATALOGUE)
    assert 0.2 < found.mfu < 0.75
    assert machine.accelerator.power_idle_w < found.chip_power_w <= machine.accelerator.power_cap_w


def test_describe_layout() -> None:
    layout = one_layout(tp=8, pp=16, vpp=8, dp=64, recompute=2)
    assert describe_layout(layout) == "tp 8, pp 16 x 8, dp 64, micro-batch 1, zero 1, full recompute"


def test_stacks_by_chip() -> None:
    keys = {k: default_stack(CATALOGUE.accelerator(k)) for k in ("h100-sxm", "tpu-v5p", "trn3")}
    assert keys == {"h100-sxm": "stack-megatron-core", "tpu-v5p": "stack-maxtext", "trn3": "stack-neuron"}
    wild = CATALOGUE.replace_fact("training-practice", "gemm_frac", 9.0)
    with pytest.raises(ScenarioError, match=r"gemm_frac = 9"):
        practice_for(wild, CATALOGUE.system("hgx-h100"))


def test_layouts_fill_their_defaults() -> None:
    layout = one_layout(dp=4)
    bare = dataclasses.replace(layout, etp=np.empty(0, np.int64), zero_group=np.empty(0, np.int64))
    assert bare.etp.tolist() == [1]
    assert bare.zero_group.tolist() == [0]
    assert len(bare.take(np.array([True]))) == 1


def test_a_plan_says_what_its_times_rest_on() -> None:
    mixture = Job(load_model("mixtral-8x7b", CATALOGUE), seq_len=4096, global_batch=64)
    found = plan(mixture, CATALOGUE.system("gb300-nvl72"), 64, catalogue=CATALOGUE)
    assert found.evidence == {
        "matrix multiplies": "measured on gb200 in bf16",
        "collectives": "measured on gb200 in bf16",
        "attention": "measured on this chip",
        "routed experts": "measured on gb200 in bf16",
    }
    systolic = plan(mixture, CATALOGUE.system("tpu-v5p-pod"), 64, catalogue=CATALOGUE).evidence
    assert (systolic["attention"], systolic["routed experts"]) == ("roofline over its data sheet",) * 2
    assert systolic["matrix multiplies"] == "data sheet of tpu-v6e"
    own = plan(mixture, CATALOGUE.system("hgx-h100"), 64, catalogue=CATALOGUE).evidence
    assert own["routed experts"] == "measured on this chip"
    assert found.rests_on == "relative"
    assert dataclasses.replace(found, evidence=systolic).rests_on == "data sheet"
    assert dataclasses.replace(found, evidence=own).rests_on == "silicon"
