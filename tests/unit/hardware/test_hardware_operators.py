"""Attention, expert layers, memory-bound operators and collectives: hand-computed."""

from __future__ import annotations

import dataclasses

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.hardware import (
    AttentionKernel,
    ExpertKernel,
    ExpertShape,
    LinkKernel,
    PowerLaw,
    attention_cost,
    domain_s,
    expert_cost,
    expert_gradient_costs,
    experts_kernel,
    flash_kernel,
    links_kernel,
    outer_links,
)
from megawatt.hardware.expert_stacks import ExpertStack, expert_stack

COOL = PowerLaw(100.0, 1000.0, 1e-15, 1e-15, 2.0)
# 100 cores of 10 TFLOP/s, no cost beside products and keys.
ATTENTION = AttentionKernel(
    chip="test",
    precision="bf16",
    stack="test",
    cores=100,
    peak_flops_per_s=1e15,
    hbm_bytes_per_s=1e18,
    rate_share=1.0,
    score_width=0.0,
    overhead_keys=0.0,
    prologue_s=0.0,
    query_passes=1.0,
    kv_passes=1.0,
    law=COOL,
    launch_s=0.0,
)


def test_attention_without_mask_does_all_products() -> None:
    # 4 x 8 x 32 x 4,096^2 x 128 / 1e15 = 2.199 ms; 8 x 32 x 32 blocks fill 100 cores.
    cost = attention_cost(ATTENTION, 8, 4096, 4096, 32, 32, 128, visible=1.0)
    assert cost.time_s == pytest.approx(4 * 8 * 32 * 4096**2 * 128 / 1e15, rel=1e-4)


def test_causal_attention_does_half_and_its_diagonal() -> None:
    # Half of the keys and half a tile more: (2,048 + 64) / 4,096 of the full product.
    full = attention_cost(ATTENTION, 8, 4096, 4096, 32, 32, 128, visible=1.0).time_s
    assert float(attention_cost(ATTENTION, 8, 4096, 4096, 32, 32, 128).time_s) == pytest.approx(
        float(full) * 2112 / 4096, rel=1e-4
    )


def test_backward_has_five_products_for_two() -> None:
    forward = attention_cost(ATTENTION, 8, 4096, 4096, 32, 32, 128).time_s
    slower = dataclasses.replace(ATTENTION, backward_share=0.8)
    backward = attention_cost(slower, 8, 4096, 4096, 32, 32, 128, backward=True).time_s
    assert float(backward / forward) == pytest.approx(2.5 / 0.8, rel=1e-4)


def test_one_block_cannot_be_shared() -> None:
    # One sequence, one head, 128 queries over 4,096 keys: one core does 4 x 128 x 4,096 x 128 / 1e13 = 26.8 us.
    cost = attention_cost(ATTENTION, 1, 128, 4096, 1, 1, 128)
    assert cost.time_s == pytest.approx(4 * 128 * 4096 * 128 / 1e13, rel=1e-4)


def test_latent_attention_has_narrower_values() -> None:
    wide = attention_cost(ATTENTION, 8, 4096, 4096, 32, 32, 192).time_s
    latent = attention_cost(ATTENTION, 8, 4096, 4096, 32, 32, 192, value_dim=128).time_s
    assert float(latent / wide) == pytest.approx((192 + 128) / (2 * 192), rel=1e-4)


def test_grouped_keys_move_less() -> None:
    # 8 x 4,096 tokens x 2 B x 256: queries and output of 32 heads, keys and values of 8.
    slow = dataclasses.replace(ATTENTION, hbm_bytes_per_s=1e12, peak_flops_per_s=1e21)
    assert attention_cost(slow, 8, 4096, 4096, 32, 8, 128).time_s == pytest.approx(
        8 * 4096 * 2 * 256 * (32 + 8) / 1e12, rel=1e-3
    )


EXPERTS = ExpertKernel(
    chip="test",
    precision="bf16",
    stack="test",
    rules=ExpertStack(((16, 128), (128, 128)), fused_experts=512.0, fused_topk=16.0),
    cores=100,
    peak_flops_per_s=1e15,
    hbm_bytes_per_s=1e12,
    rate_share=1.0,
    hbm_share=1.0,
    core_bytes_per_s=1e15,
    step_s=0.0,
    wave_overlap=1.0,
    expert_s=0.0,
    topk_s=2e-5,
    sort_passes=0.0,
    law=COOL,
    launch_s=1e-5,
    row_passes=0.0,
)


def test_few_tokens_stream_the_weights_in_use() -> None:
    # 8 experts, 1 token, top 2: two experts of 3 x 1,024 x 4,096 x 2 B = 25.2 MB at 1e12 B/s = 50.3 us; the arithmetic
    # of two tiles of 16 rows adds its square, some 1 %.
    cost = expert_cost(EXPERTS, ExpertShape(1, 2, 8, 1024, 4096))
    assert cost.time_s == pytest.approx(1e-5 + 2 * 3 * 1024 * 4096 * 2 / 1e12, rel=0.02)
    ungated = expert_cost(EXPERTS, ExpertShape(1, 2, 8, 1024, 4096, gated=False))
    assert ungated.time_s == pytest.approx(1e-5 + 2 * 2 * 1024 * 4096 * 2 / 1e12, rel=0.02)


def test_first_tile_waits_for_memory() -> None:
    # 1,024 and 4,096 elements of 2 B in steps of 128 B: 16 + 64 waits of 100 ns, whatever the experts.
    slow = dataclasses.replace(EXPERTS, step_s=1e-7)
    assert expert_cost(slow, ExpertShape(1, 2, 8, 1024, 4096)).time_s - expert_cost(
        EXPERTS, ExpertShape(1, 2, 8, 1024, 4096)
    ).time_s == (pytest.approx(80e-7, rel=1e-6))


def test_many_choices_take_a_general_top_k() -> None:
    # 16 experts per token are fused, 17 are not: 20 us of launches on top of one more expert's weights.
    fused, general = (expert_cost(EXPERTS, ExpertShape(1, k, 512, 1024, 128)).time_s for k in (16, 17))
    one_expert_s = 3 * 1024 * 128 * 2 / 1e12
    assert float(general - fused) == pytest.approx(2e-5 + one_expert_s, rel=0.01)
    outside = dataclasses.replace(EXPERTS, rules=dataclasses.replace(EXPERTS.rules, routes=False))
    assert float(expert_cost(outside, ExpertShape(1, 17, 512, 1024, 128)).time_s) < float(general) - 2e-5 + 1e-9


def test_some_libraries_pass_over_the_rows_of_all_ranks() -> None:
    # 4,096 tokens of 2 experts, width 1,024, one pass of 2 B at 1e12 B/s: 16.8 us for all, 2.1 us for one of 8 ranks.
    own = dataclasses.replace(EXPERTS, row_passes=1.0)
    every = dataclasses.replace(own, rules=dataclasses.replace(EXPERTS.rules, all_rows=True))
    times = [
        expert_cost(k, ExpertShape(4096, 2, 64, 1024, 512, expert_parallel=8)).time_s for k in (EXPERTS, own, every)
    ]
    assert float(times[1] - times[0]) == pytest.approx(4096 * 2 / 8 * 1024 * 2 / 1e12, rel=1e-6)
    assert float(times[2] - times[0]) == pytest.approx(4096 * 2 * 1024 * 2 / 1e12, rel=1e-6)


def test_small_four_bit_layers_launch_less() -> None:
    lean = dataclasses.replace(EXPERTS, lean_share=0.6)
    small, large = (
        float(
            expert_cost(EXPERTS, ExpertShape(1, 1, e, 128, 128)).time_s
            - expert_cost(lean, ExpertShape(1, 1, e, 128, 128)).time_s
        )
        for e in (256, 512)
    )
    assert small == pytest.approx(4e-6, rel=1e-6)
    assert large == 0.0


def test_the_cap_slows_the_arithmetic_of_experts() -> None:
    # Far above the cap at the full clock, exponent 1: power and clock fall alike, time rises as the clock falls.
    hot = dataclasses.replace(EXPERTS, hbm_bytes_per_s=1e15, law=PowerLaw(100.0, 700.0, 1e-11, 0.0, 1.0))
    free = expert_cost(hot, ExpertShape(65536, 2, 8, 4096, 8192), steady=False)
    capped = expert_cost(hot, ExpertShape(65536, 2, 8, 4096, 8192))
    assert float(free.power_w) > 700.0
    assert float(capped.power_w) == pytest.approx(700.0)
    assert float(capped.time_s / free.time_s) == pytest.approx(1.0 / float(capped.clock_share), rel=0.02)


def test_library_rules_by_the_longest_name() -> None:
    assert expert_stack("trtllm_1.0.0").fused_topk == 8.0
    assert expert_stack("trtllm_1.3.0rc20").fused_topk == 16.0
    assert not expert_stack("vllm_0.22.0").routes
    assert expert_stack("neuron").routes
    assert expert_stack("neuron").fused_topk == float("inf")


def test_a_library_keeps_its_rules_with_anothers_numbers() -> None:
    catalogue = load_catalogue()
    kernel, found = experts_kernel(catalogue, catalogue.accelerator("b300"), "nvfp4", "vllm_0.22.0")
    assert (kernel.stack, found.chip) == ("trtllm_1.3.0rc20", "b200")
    assert kernel.rules == expert_stack("vllm_0.22.0") != expert_stack(kernel.stack)


def test_layers_that_cannot_be_are_refused() -> None:
    with pytest.raises(ScenarioError, match="expert_parallel = 3 must divide experts = 8"):
        expert_cost(EXPERTS, ExpertShape(1, 2, 8, 1024, 4096, expert_parallel=3))
    with pytest.raises(ScenarioError, match="topk = 9 must be at most experts = 8"):
        expert_cost(EXPERTS, ExpertShape(1, [2, 9], 8, 1024, 4096))
    with pytest.raises(ScenarioError, match="alpha = -1, must be >= 0"):
        expert_cost(EXPERTS, ExpertShape(1, 2, 8, 1024, 4096, alpha=-1.0))
    with pytest.raises(ScenarioError, match="hidden = 0, must be > 0"):
        expert_cost(EXPERTS, ExpertShape(1, 2, 8, 0, 4096))


def test_gradients_of_experts_are_the_same_products_turned() -> None:
    shape = (65536, 2, 8, 4096, 14336)
    forward = expert_cost(EXPERTS, ExpertShape(*shape), steady=False)
    inputs, weights = expert_gradient_costs(EXPERTS, ExpertShape(*shape), steady=False)
    # as many operations each, so about as long where arithmetic decides; nothing is routed backward
    assert float(inputs.time_s) == pytest.approx(float(forward.time_s), rel=0.35)
    assert float(weights.time_s) == pytest.approx(float(forward.time_s), rel=0.35)
    with pytest.raises(ScenarioError, match="topk = 9 must be at most experts = 8"):
        expert_gradient_costs(EXPERTS, ExpertShape(1, 9, 8, 1024, 4096))


def test_training_attention_is_of_the_chips_generation() -> None:
    catalogue = load_catalogue()
    kernel = {key: flash_kernel(catalogue, catalogue.accelerator(key), "cudnn") for key in ("h200-sxm", "b300")}
    # H200 has H100's die, whose curves are published; B300 GB300's
    assert (kernel["h200-sxm"][1].chip, kernel["h200-sxm"][0].stack) == ("h100-sxm", "cudnn")
    assert (kernel["b300"][1].chip, kernel["b300"][0].stack) == ("gb300", "cudnn")
    # kernels of an older generation run no faster on later chips
    old = flash_kernel(catalogue, catalogue.accelerator("mi355x"), "fa2")[0]
    assert old.peak_flops_per_s == catalogue.accelerator("gb200").peak_flops_per_s["bf16"]
    with pytest.raises(CatalogueError, match="no attention parameters of tpu-v5e"):
        flash_kernel(catalogue, catalogue.accelerator("tpu-v5e"), "xla")


LINKS = LinkKernel(
    link_bytes_per_s=1e11,
    base_s=1e-5,
    step_s=1e-6,
    copy_bytes_per_s=1e20,
    ramp_s=0.0,
    ramp_bytes=1e6,
    gather_share=0.8,
    scatter_share=0.8,
    reduce_share=0.8,
    exchange_share=0.5,
    switch_share=0.8,
)


def test_ring_gather_passes_all_parts_but_one() -> None:
    # 7/8 x 1 GB / (0.8 x 1e11) = 10.94 ms, 7 steps
    assert float(domain_s(LINKS, "all_gather", 1e9, 8)) == pytest.approx(1e-5 + 7e-6 + 0.875e9 / 8e10)
    assert float(domain_s(LINKS, "all_gather", 1e9, 1)) == 0.0


def test_switches_reduce_in_one_pass() -> None:
    # Ring: 2 x 7/8 GB / 8e10 = 21.9 ms; switches: 1 GB / 8e10 = 12.5 ms, with at least 8 ranks and floats only.
    ring = 1e-5 + 14e-6 + 1.75e9 / 8e10
    assert float(domain_s(LINKS, "all_reduce", 1e9, 8)) == pytest.approx(1e-5 + 14e-6 + 1e9 / 8e10)
    assert float(domain_s(LINKS, "all_reduce", 1e9, 8, in_switch=False)) == pytest.approx(ring)
    assert float(domain_s(LINKS, "all_reduce", 1e9, 4)) == pytest.approx(1e-5 + 6e-6 + 1.5e9 / 8e10)


def test_switches_lose_a_bounded_time_while_channels_fill() -> None:
    filling = dataclasses.replace(LINKS, switch_ramp_s=6e-5, switch_ramp_bytes=1e7)
    # Half of it at 10 MB; nearly all of it at 1 GB.
    for payload, lost in ((1e7, 3e-5), (1e9, 6e-5 / 1.01)):
        expected = 1e-5 + 14e-6 + lost + payload / 8e10
        assert float(domain_s(filling, "all_reduce", payload, 8)) == pytest.approx(expected)


def test_sums_in_switches_come_from_a_relative_where_no_group_was_large_enough() -> None:
    catalogue = load_catalogue()
    own, found = links_kernel(catalogue, "gb200")
    other, _ = links_kernel(catalogue, "b200")
    assert found.own
    assert (own.switch_share, own.switch_ramp_s) == (other.switch_share, other.switch_ramp_s)
    assert own.gather_share != other.gather_share
    assert "kernel-links-b200-bf16.switch_share" in {a.name for a in found.assumptions}


def test_unknown_collective_is_refused() -> None:
    with pytest.raises(ScenarioError, match="allowed: all_reduce"):
        domain_s(LINKS, "broadcast", 1.0, 2)  # type: ignore[arg-type]


def test_links_of_the_catalogue() -> None:
    catalogue = load_catalogue()
    links, found = links_kernel(catalogue, "h200-sxm")
    assert found.own
    # Published: 480 GB/s bus rate in-switch on 16 GiB over 8 chips = 62.7 ms.
    assert float(domain_s(links, "all_reduce", 2.0**34, 8)) == pytest.approx(62.7e-3, rel=0.25)
    assert outer_links(catalogue).tree
