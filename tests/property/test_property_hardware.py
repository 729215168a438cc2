"""Kernel models: more work never takes less time, faster chips never more, power stays within its ends."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.hardware import (
    ExpertShape,
    attention_cost,
    attention_kernel,
    domain_s,
    expert_cost,
    experts_kernel,
    gemm_cost,
    gemm_kernel,
    links_kernel,
)
from megawatt.hardware.expert_load import rank_load
from megawatt.hardware.links import OPERATIONS

CATALOGUE = load_catalogue()
CHIPS = ("a100-80g", "h100-sxm", "h200-sxm", "b200", "gb200", "b300", "gb300", "trn2", "trn3", "tpu-v5p", "tpu-v6e")
chips = st.sampled_from(CHIPS)
gpus = st.sampled_from([chip for chip in CHIPS if not chip.startswith(("tpu", "trn"))])
"""Chips with measured attention and expert layers, or a relative's."""
sizes = st.integers(16, 16384)


@settings(max_examples=60, deadline=None)
@given(chips, sizes, sizes, sizes, st.booleans())
def test_a_deeper_multiply_takes_longer(chip: str, m: int, n: int, k: int, steady: bool) -> None:
    kernel, _ = gemm_kernel(CATALOGUE, CATALOGUE.accelerator(chip), "bf16")
    one, two = gemm_cost(kernel, m, n, np.array([k, 2 * k]), steady=steady).time_s
    assert one <= two * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(chips, sizes, sizes, sizes)
def test_steady_runs_keep_the_cap_and_are_not_faster(chip: str, m: int, n: int, k: int) -> None:
    accelerator = CATALOGUE.accelerator(chip)
    kernel, _ = gemm_kernel(CATALOGUE, accelerator, "bf16")
    steady, short = gemm_cost(kernel, m, n, k), gemm_cost(kernel, m, n, k, steady=False)
    assert accelerator.power_idle_w <= steady.power_w <= accelerator.power_cap_w * (1 + 1e-9)
    assert steady.time_s >= short.time_s * (1 - 1e-12)
    assert 0.0 < steady.clock_share <= 1.0


@settings(max_examples=60, deadline=None)
@given(chips, sizes, sizes, sizes)
def test_no_multiply_beats_its_data_sheet(chip: str, m: int, n: int, k: int) -> None:
    kernel, _ = gemm_kernel(CATALOGUE, CATALOGUE.accelerator(chip), "bf16")
    time = float(gemm_cost(kernel, m, n, k, steady=False).time_s)
    assert 2.0 * m * n * k / time < kernel.peak_flops_per_s
    assert 2.0 * (m * k + k * n + m * n) / time < kernel.hbm_bytes_per_s


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, sizes)
def test_a_higher_cap_never_slows(m: int, n: int, k: int) -> None:
    accelerator = CATALOGUE.accelerator("b200")
    more = dataclasses.replace(accelerator, power_cap_w=accelerator.power_cap_w * 1.3)
    low, high = (float(gemm_cost(gemm_kernel(CATALOGUE, a, "fp8")[0], m, n, k).time_s) for a in (accelerator, more))
    assert high <= low * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(gpus, st.integers(1, 64), st.integers(128, 16384), st.sampled_from((8, 32, 64)), st.booleans())
def test_attention_grows_with_its_keys(chip: str, batch: int, length: int, heads: int, backward: bool) -> None:
    kernel, _ = attention_kernel(CATALOGUE, CATALOGUE.accelerator(chip), "bf16")
    keys = np.array([length, 2 * length])
    one, two = attention_cost(kernel, batch, length, keys, heads, 8, 128, backward=backward).time_s
    assert one < two


@settings(max_examples=40, deadline=None)
@given(gpus, st.integers(1, 65536), st.sampled_from((0.0, 1.01, 1.2)), st.sampled_from((1, 2, 8, 32)))
def test_more_tokens_never_take_less(chip: str, tokens: int, alpha: float, ranks: int) -> None:
    kernel, _ = experts_kernel(CATALOGUE, CATALOGUE.accelerator(chip), "bf16")
    # From a full layer on: below it, a load law may leave more experts without tokens.
    count = np.array([tokens + 4096, 2 * tokens + 8192])
    cost = expert_cost(kernel, ExpertShape(count, 8, 128, 4096, 1536, expert_parallel=ranks, alpha=alpha))
    assert cost.time_s[0] <= cost.time_s[1] * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 65536), st.sampled_from((1, 2, 8)), st.sampled_from((1, 4, 16, 64)), st.floats(0.0, 2.0))
def test_busiest_rank_has_between_its_share_and_everything(t: int, topk: int, ranks: int, alpha: float) -> None:
    load = rank_load(*(np.array([float(v)]) for v in (t, topk, 64, ranks, alpha)))
    assert t * topk / ranks * (1 - 1e-9) <= load.copies[0] <= t * topk * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(chips, st.sampled_from(OPERATIONS), st.floats(1.0, 1e10), st.integers(2, 64))
def test_collectives_grow_with_their_payload(chip: str, operation: str, payload: float, ranks: int) -> None:
    links, _ = links_kernel(CATALOGUE, chip)
    one, two = domain_s(links, operation, np.array([payload, 2 * payload]), ranks)  # type: ignore[arg-type]
    assert 0.0 < one < two
    # No chip sends faster than its link.
    assert payload * (ranks - 1) / ranks / links.link_bytes_per_s < one
