"""What the commands about training print, asked from Python: usual jobs, chosen layouts, alternatives, machines."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.training import (
    Job,
    Machine,
    Prices,
    against,
    alternatives,
    chips_within,
    chrome_trace,
    doublings,
    front_steps,
    layouts_like,
    machine_within,
    per_chip_fracs,
    plan,
    plan_timeline,
    sweep,
    usual_job,
    usual_precision,
)
from megawatt.training.explain import short_layout
from megawatt.training.layouts import one_layout
from megawatt.training.schedules import CODES
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
ARCH, SYSTEM = load_model("llama-2-13b", CATALOGUE), CATALOGUE.system("hgx-h100")
JOB = Job(ARCH, seq_len=4096, global_batch=128)


def test_a_job_leaves_nothing_open() -> None:
    # 4,194,304 tokens of 4,096 each
    assert usual_job(ARCH, SYSTEM.accelerator, seq_len=4096) == Job(ARCH, 4096, 1024, "bf16")
    assert usual_job(ARCH, SYSTEM.accelerator, seq_len=10_000_000).global_batch == 1
    assert usual_job(ARCH, SYSTEM.accelerator, seq_len=4096, global_batch=8, precision="fp8") == Job(
        ARCH, 4096, 8, "fp8"
    )
    older = dataclasses.replace(SYSTEM.accelerator, peak_flops_per_s={"fp16": 125e12})
    assert usual_precision(older) == "fp16"
    assert JOB.tokens == 4096 * 128
    with pytest.raises(ScenarioError, match="no such peak"):
        Job(ARCH, 4096, 8, "nvfp4").on(SYSTEM.accelerator)


@pytest.mark.parametrize(
    ("ends", "counts"), [((64, 64), [64]), ((64, 256), [64, 128, 256]), ((96, 300), [96, 192, 300])]
)
def test_sweeps_double(ends: tuple[int, int], counts: list[int]) -> None:
    assert doublings(*ends) == counts


@pytest.mark.parametrize("ends", [(8, 4), (0, 0)])
def test_sweeps_need_chips(ends: tuple[int, int]) -> None:
    with pytest.raises(ScenarioError, match="allowed: 1 to 10,000,000"):
        doublings(*ends)


def test_one_layout_where_it_is_given_in_full() -> None:
    found = layouts_like(JOB, 32, {"tp": 4, "pp": 2, "micro_batch": 1, "recompute": 2, "sequence_parallel": 0})
    assert (len(found), int(found.dp[0]), int(found.recompute[0]), bool(found.sequence_parallel[0])) == (1, 4, 2, False)
    part = layouts_like(JOB, 32, {"tp": 4, "recompute": 2})
    assert len(part) > 10
    assert set(part.tp.tolist()) == {4}
    assert set(part.recompute.tolist()) == {2}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"tp": 3, "pp": 1, "micro_batch": 1}, "does not divide 32 chips"),
        ({"tp": 0, "pp": 1, "micro_batch": 1}, "tp: 0; allowed: 1 to 10,000,000"),
        ({"pp": 0}, "pp: 0; allowed: 1 to 10,000,000"),
        ({"tp": 2, "pp": 1, "micro_batch": 3}, "does not divide the global batch"),
        ({"tp": 3}, "does not divide 32 chips"),
        ({"tp": 32, "cp": 2}, "does not divide 32 chips"),
        ({"tp": 16, "pp": 2, "cp": 1, "dp": 2}, "= 64 does not make up 32 chips"),
        ({"micro_batch": 3}, "does not divide the global batch"),
        ({"ep": 2}, "needs experts"),
        ({"tq": 3}, "tq; allowed"),
        ({}, "no choice"),
    ],
)
def test_layouts_that_there_are_none_of(choices: dict[str, int], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        layouts_like(JOB, 32, choices)


def test_alternatives_stand_beside_the_best() -> None:
    found = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE, precisions=("bf16", "fp8"))
    listed = alternatives(found, SYSTEM, 10)
    first, second = listed[:2]
    assert len(listed) == 10
    assert (first.slower_by, first.more_s, first.loses, first.chooses) == (0.0, 0.0, (), ())
    assert (first.mfu, first.tokens_per_s_per_chip) == (found.mfu, found.tokens_per_s_per_chip)
    assert first.it_energy_j_per_token == pytest.approx(found.it_energy_j_per_token)
    assert sum(d.more_s for d in second.loses) == pytest.approx(second.more_s)
    assert second.step_time_s == pytest.approx(found.step_time_s * (1 + second.slower_by))
    assert all(d.more_s > 0 for d in second.lost)
    assert all(d.more_s < 0 for d in second.won)
    narrow = next(one for one in listed if one.precision == "fp8")
    tokens = JOB.tokens / narrow.step_time_s / 32
    assert narrow.tokens_per_s_per_chip == pytest.approx(tokens)
    # the same model FLOPs over twice the peak of bf16
    assert narrow.mfu / first.mfu == pytest.approx(
        first.step_time_s / narrow.step_time_s * (1 if first.precision == "fp8" else 0.5), rel=1e-3
    )
    slow = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE, layouts=layouts_like(JOB, 32, {"recompute": 2}))
    beside = against(found, slow, SYSTEM)
    assert beside.saves_frac == pytest.approx(1 - found.step_time_s / slow.step_time_s)


def test_the_front_has_prices() -> None:
    found = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE)
    bare, priced = front_steps(found, SYSTEM), front_steps(found, SYSTEM, Prices(2.0, 60.0))
    assert found.front_cost is not None
    assert [s.step_time_s for s in bare] == found.front_cost.step_time_s.tolist()
    assert all(s.usd is None for s in bare)
    for step in priced:
        assert step.usd == pytest.approx(32 * 2.0 / 3600 * step.step_time_s + 60.0 / 3.6e9 * step.it_energy_j)
        machine_j = SYSTEM.overhead_w_per_chip * 32 * step.step_time_s
        assert step.it_energy_j > machine_j


def test_throughput_of_a_chip_against_the_first_plan() -> None:
    scaled = list(sweep(JOB, SYSTEM, [43, 16, 32], catalogue=CATALOGUE))
    none, one, share = per_chip_fracs(scaled)
    assert (none, one) == (None, 1.0)
    assert share is not None
    assert 0.5 < share < 1.05


def test_limits_on_a_machine() -> None:
    assert chips_within(SYSTEM, chips=24) == 24.0
    assert chips_within(SYSTEM, power_mw=1.0) == pytest.approx(1e6 / SYSTEM.provisioned_w_per_chip)
    assert chips_within(SYSTEM, usd_per_hour=40.0, usd_per_chip_hour=2.5) == 16.0
    for wrong in (
        {},
        {"chips": 1, "power_mw": 1.0},
        {"usd_per_hour": 4.0},
        {"usd_per_hour": 4.0, "usd_per_chip_hour": -1.0},
    ):
        with pytest.raises(ScenarioError):
            chips_within(SYSTEM, **wrong)  # type: ignore[arg-type]


def test_a_machine_with_its_ranges_and_price() -> None:
    machine = machine_within(JOB, SYSTEM, 16.0, catalogue=CATALOGUE, usd_per_chip_hour=2.5)
    low, planned, high = machine.step_time_s
    assert low < planned < high
    assert machine.plan is not None
    assert machine.it_mw == pytest.approx(16 * machine.plan.it_w_per_chip / 1e6)
    assert machine.it_mw < machine.provisioned_it_mw
    assert machine.usd_per_million_tokens == pytest.approx(2.5 * 16 / 3600 / machine.plan.tokens_per_s * 1e6)
    none = machine_within(JOB, SYSTEM, 0.5, catalogue=CATALOGUE)
    assert none.plan is None
    assert "0.50 chips" in none.why
    with pytest.raises(ScenarioError, match="there is no plan"):
        _ = Machine(SYSTEM, None, "nothing").it_mw


def test_a_plan_as_a_trace() -> None:
    found = plan(JOB, SYSTEM, 32, catalogue=CATALOGUE)
    trace = chrome_trace(plan_timeline(found, SYSTEM, CATALOGUE), "title")
    assert trace["otherData"]["step_time_s"] == found.step_time_s
    assert json.loads(json.dumps(trace))["traceEvents"]
    assert np.isfinite(trace["otherData"]["schedule_stretch"])


def test_a_layout_in_the_fewest_words() -> None:
    plain = one_layout(tp=8, pp=16, vpp=8, dp=64, recompute=2)
    assert short_layout(plain) == "tp8 pp16x8 dp64 mb1 z1 full"
    rare = one_layout(
        tp=2, cp=4, ep=8, etp=2, micro_batch=3, zero=3, zero_group=4, recompute=1, sequence_parallel=False
    )
    assert short_layout(rare) == "tp2 pp1 dp1 cp4 ep8 etp2 mb3 z3/4 selective no-sp"
    staged = one_layout(pp=4, schedule=CODES["dualpipe"], first_layers=3, last_layers=2, cp=2, cp_exchange=1)
    assert short_layout(staged) == "tp1 pp4 dp1 cp2 mb1 z1 dualpipe first3 last2 a2a"


def test_stages_of_zero_on_one_replica_are_one_layout() -> None:
    found = plan(JOB, SYSTEM, 8, catalogue=CATALOGUE, layouts=layouts_like(JOB, 8, {"tp": 8, "pp": 1}))
    told = [one.layout for one in alternatives(found, SYSTEM)]
    apart = {(int(y.micro_batch[0]), int(y.recompute[0]), bool(y.sequence_parallel[0])) for y in told}
    assert len(told) == len(apart) > 3
    shared = plan(JOB, SYSTEM, 8, catalogue=CATALOGUE, layouts=layouts_like(JOB, 8, {"tp": 4, "pp": 1}))
    assert len({int(one.layout.zero[0]) for one in alternatives(shared, SYSTEM)}) > 1


def test_free_energy_and_free_chips_cost_nothing_and_a_plan_by_cost_has_its_price() -> None:
    for prices in (Prices(2.0), Prices(0.0, 50.0), Prices(2.0, 50.0)):
        found = plan(JOB, SYSTEM, 8, catalogue=CATALOGUE, objective="cost", prices=prices)
        usd = [one.usd_per_million_tokens for one in alternatives(found, SYSTEM, 5, prices)]
        assert usd == sorted(usd)  # type: ignore[type-var]
        chips = prices.usd_per_chip_hour * 8 * found.step_time_s / 3600
        energy = prices.usd_per_mwh * found.it_w_per_chip * 8 * found.step_time_s / 3.6e9
        assert usd[0] == pytest.approx((chips + energy) / JOB.tokens * 1e6)
    assert alternatives(found, SYSTEM)[0].usd_per_million_tokens is None


def test_a_stack_goes_by_its_key_with_or_without_the_word() -> None:
    short = plan(JOB, SYSTEM, 8, catalogue=CATALOGUE, stack="Megatron-LM")
    assert short.stack == "stack-megatron-lm"
    with pytest.raises(CatalogueError, match="stack 'megatron-l' is not known; nearest: megatron-lm"):
        plan(JOB, SYSTEM, 8, catalogue=CATALOGUE, stack="megatron-l")
