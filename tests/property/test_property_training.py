"""Properties of counts, times, memory and runs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.catalogue.records import LinkLevel
from megawatt.errors import InfeasibleError
from megawatt.hardware import Fabric, LinkKernel, all_gather_s, all_reduce_s, all_to_all_s, gemm_time_s, kernel_profile
from megawatt.runs import Interruption, Process, expected
from megawatt.training import Job, one_layout, practice_for, step_cost
from megawatt.workload import ModelArch, load_model, model_flops_per_token, parameters

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
PRACTICE = practice_for(CATALOGUE, SYSTEM)
ARCH = load_model("llama-2-7b", CATALOGUE)
INSIDE = LinkKernel(4e11, 1e-6, 0.0, 1e30, 0.0, 1.0, 0.8, 0.8, 0.8, 0.7)
FABRIC = Fabric(
    (LinkLevel("a", 8, 4e11, 1e-6, "switch"), LinkLevel("b", float("inf"), 5e10, 5e-6, "switch")),
    (INSIDE, dataclasses.replace(INSIDE, link_bytes_per_s=5e10, base_s=5e-6)),
)
PROFILE = kernel_profile(CATALOGUE, SYSTEM.accelerator)

powers = st.sampled_from([1, 2, 4, 8, 16])


@st.composite
def archs(draw: st.DrawFn) -> ModelArch:
    heads = draw(powers) * 4
    experts = draw(st.sampled_from([0, 8]))
    return ModelArch(
        key="drawn",
        title="drawn",
        layers=draw(st.integers(2, 40)),
        hidden=draw(st.integers(2, 16)) * 256,
        heads=heads,
        kv_heads=draw(st.sampled_from([1, heads])),
        head_dim=128,
        ffn=draw(st.integers(4, 40)) * 256,
        gated=draw(st.booleans()),
        vocab=32000,
        tied_embeddings=draw(st.booleans()),
        attention="gqa",
        experts=experts,
        experts_per_token=2 if experts else 0,
        expert_ffn=1024 if experts else 0,
    )


@given(archs(), st.integers(1, 100_000))
def test_model_flops_exceed_six_per_matrix_parameter(arch: ModelArch, seq_len: int) -> None:
    counts = parameters(arch)
    tables = counts.embedding if not arch.tied_embeddings else 0
    norms = arch.layers * counts.kinds[0].norms + counts.final_norm
    matrices = counts.active - tables - norms
    flops = model_flops_per_token(arch, seq_len)
    assert flops >= 6 * matrices * (1 - 1e-12)
    full = model_flops_per_token(arch, seq_len, causal_half=False)
    assert full - 6 * matrices == pytest.approx(2 * (flops - 6 * matrices), rel=1e-6, abs=1.0)


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_multiply_takes_no_less_than_either_limit_and_grows(m: int, n: int, k: int) -> None:
    dims = [np.array([float(v)]) for v in (m, n, k)]
    one = np.ones(1)
    time = gemm_time_s(PROFILE, *dims, one, "bf16")[0]
    assert time >= 2 * m * n * k / PROFILE.gemm_flops_per_s["bf16"]
    assert time >= 2 * (m * k + k * n + m * n) / PROFILE.hbm_flow_bytes_per_s
    assert gemm_time_s(PROFILE, dims[0] + 1, *dims[1:], one, "bf16")[0] >= time


@given(st.floats(0, 1e12), st.integers(1, 4096), st.sampled_from([1, 2, 4, 8, 64]))
def test_collectives_grow_with_payload_and_are_consistent(payload: float, size: int, stride: int) -> None:
    gather = float(all_gather_s(FABRIC, payload, size, stride))
    assert gather >= 0
    assert float(all_gather_s(FABRIC, payload * 2, size, stride)) >= gather
    # a sum is a scatter and a gather, started once
    assert gather <= float(all_reduce_s(FABRIC, payload, size, stride)) <= 2 * gather * (1 + 1e-9)
    # what a chip sends outside its node never exceeds its payload
    assert float(all_to_all_s(FABRIC, payload, size, stride)) <= payload / (5e10 * 0.7) + 1e-3


@settings(max_examples=60, deadline=None)
@given(powers, powers, st.sampled_from([1, 2, 4]), st.sampled_from([1, 2]), st.sampled_from([0, 2]))
def test_parts_add_up_for_any_layout(tp: int, dp: int, pp: int, micro: int, recompute: int) -> None:
    layout = one_layout(tp=tp, dp=dp, pp=pp, micro_batch=micro, recompute=recompute)
    batch = dp * micro * 4
    cost = step_cost(Job(ARCH, 2048, batch), SYSTEM, layout, practice=PRACTICE)
    assert sum(cost.parts_s.values()) == pytest.approx(cost.step_time_s, rel=1e-12)
    floor = model_flops_per_token(ARCH, 2048) * 2048 * batch / (tp * dp * pp * 989e12)
    assert cost.step_time_s[0] > floor
    assert SYSTEM.accelerator.power_idle_w <= cost.chip_power_w[0] <= SYSTEM.accelerator.power_cap_w


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        [
            ("kernel-links-h100-sxm-bf16", "gather_share"),
            ("kernel-links-across", "gather_share"),
            ("h100-sxm", "hbm_achieved_bytes_per_s"),
            ("kernel-gemm-h100-sxm-bf16", "rate_share"),
            ("kernel-flash-h100-sxm-bf16", "rate_share"),
        ]
    ),
    st.floats(0.3, 0.99),
)
def test_no_step_is_faster_on_a_worse_machine(fact: tuple[str, str], factor: float) -> None:
    worse = CATALOGUE.replace_fact(*fact, CATALOGUE.number(*fact) * factor)
    layout = one_layout(tp=4, pp=2, dp=4)
    job = Job(ARCH, seq_len=2048, global_batch=32)
    before = step_cost(job, SYSTEM, layout, practice=PRACTICE)
    after = step_cost(job, SYSTEM, layout, practice=practice_for(worse, SYSTEM))
    assert after.step_time_s[0] >= before.step_time_s[0] * (1.0 - 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([0, 1, 2]), st.sampled_from([1, 2, 4]))
def test_memory_falls_with_sharding_and_recompute(dp: int, recompute: int, micro: int) -> None:
    def memory(zero: int, again: int, size: int) -> float:
        layout = one_layout(dp=dp, zero=zero, recompute=again, micro_batch=size)
        cost = step_cost(Job(ARCH, 2048, 64), SYSTEM, layout, practice=PRACTICE)
        return float(cost.memory_bytes[0])

    levels = [memory(zero, recompute, micro) for zero in range(4)]
    assert levels == sorted(levels, reverse=True)
    assert memory(1, 2, micro) <= memory(1, 1, micro) <= memory(1, 0, micro)
    assert memory(1, recompute, micro) <= memory(1, recompute, 2 * micro)


@given(st.floats(1, 1e5), st.floats(0.1, 1e3), st.floats(0, 1e4), st.floats(1e4, 1e8))
def test_failures_only_cost_time(interval: float, checkpoint: float, restart: float, between: float) -> None:
    def wall(apart_s: float) -> float:
        return expected(Process((Interruption("any", 1.0 / apart_s, restart),), interval, checkpoint), 1e6).wall_s

    try:
        found = wall(between)
    except InfeasibleError:
        return  # interruptions come so fast that the run does not end
    assert found >= 1e6 * (1 - 1e-9)
    assert found >= wall(2 * between) * (1 - 1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5))
def test_step_time_is_linear_in_micro_batches(multiple: int) -> None:
    """Without replicas and pipelines a step is its micro-batches, and the optimizer."""
    layout = one_layout(tp=8)
    practice = dataclasses.replace(PRACTICE, straggler_frac=0.0)
    one, many = (step_cost(Job(ARCH, 2048, b), SYSTEM, layout, practice=practice) for b in (1, multiple))
    fixed = one.parts_s["optimizer"][0]
    assert many.step_time_s[0] - fixed == pytest.approx(multiple * (one.step_time_s[0] - fixed))
