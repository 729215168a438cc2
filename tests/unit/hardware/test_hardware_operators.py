"""Attention, expert layers, memory-bound operators and collectives: hand-computed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.hardware import (
    AttentionKernel,
    ExpertKernel,
    LinkKernel,
    PowerLaw,
    StreamKernel,
    across_s,
    attention_cost,
    domain_s,
    expert_cost,
    links_kernel,
    outer_links,
    stream_cost,
    stream_kernel,
    torus_share,
)
from megawatt.hardware.experts import rank_load

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
    cores=100,
    peak_flops_per_s=1e15,
    hbm_bytes_per_s=1e12,
    rate_share=1.0,
    hbm_share=1.0,
    core_bytes_per_s=1e15,
    wave_overlap=1.0,
    skew=1.0,
    law=COOL,
    launch_s=1e-5,
    route_passes=0.0,
    expert_s=0.0,
)


def test_few_tokens_stream_the_weights_in_use() -> None:
    # 8 experts, 1 token, top 2: two experts of 3 x 1,024 x 4,096 x 2 B = 25.2 MB at 1e12 B/s = 50.3 us
    cost = expert_cost(EXPERTS, 1, 2, 8, 1024, 4096)
    assert cost.time_s == pytest.approx(1e-5 + 2 * 3 * 1024 * 4096 * 2 / 1e12, rel=0.01)
    ungated = expert_cost(EXPERTS, 1, 2, 8, 1024, 4096, gated=False)
    assert ungated.time_s == pytest.approx(1e-5 + 2 * 2 * 1024 * 4096 * 2 / 1e12, rel=0.01)


def test_balanced_ranks_share_alike() -> None:
    one = [np.array([v]) for v in (1024.0, 2.0, 64.0, 8.0, 0.0)]
    load = rank_load(*one)
    assert load.copies[0] == pytest.approx(1024 * 2 / 8)
    assert load.experts[0] == 8.0
    assert np.allclose(load.tokens, 1024 * 2 / 64)


def test_busiest_rank_carries_more_but_not_all() -> None:
    even, skewed = (rank_load(*(np.array([v]) for v in (1024.0, 2.0, 64.0, 8.0, a))) for a in (0.0, 1.2))
    assert even.copies[0] < skewed.copies[0] <= 8 * even.copies[0]
    assert skewed.tokens.max() <= 1024


def test_streams_move_each_tensor_once() -> None:
    kernel = StreamKernel("test", 1e12, 2e-6, 100.0, 1e-10, 1000.0)
    # A norm of 1e9 elements: 4e9 bytes and the 4e6 of a filling pipeline at 1e12 B/s, one launch.
    cost = stream_cost(kernel, "norm", 1e9)
    assert cost.time_s == pytest.approx(2e-6 + 4.004e-3)
    assert cost.power_w == pytest.approx(100.0 + 4e9 * 1e-10 / 4.006e-3, rel=1e-3)
    with pytest.raises(ScenarioError, match="softmax"):
        stream_cost(kernel, "softmax", 1.0)  # type: ignore[arg-type]


def test_stream_rate_is_the_measured_one() -> None:
    catalogue = load_catalogue()
    kernel = stream_kernel(catalogue, catalogue.accelerator("h200-sxm"))
    assert 0.8 * 4.8e12 < kernel.stream_bytes_per_s < 0.92 * 4.8e12


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


def test_across_domains_the_slower_level_counts() -> None:
    outer = dataclasses.replace(LINKS, link_bytes_per_s=1e10, switch_share=0.0)
    # 16 ranks in two domains of 8: 1/8 GB across, 2 x 1/2 x 0.125e9 / 8e9 = 15.6 ms beats the 12.5 ms inside.
    time = float(across_s(LINKS, outer, "all_reduce", 1e9, 16, 8))
    assert time == pytest.approx(1e-5 + 1e-5 + 2e-6 + 0.125e9 / 8e9)
    # Two groups on one link take twice as long on it.
    shared = float(across_s(LINKS, outer, "all_reduce", 1e9, 16, 8, groups_per_link=2))
    assert shared - time == pytest.approx(0.125e9 / 8e9)


def test_part_of_a_torus_has_fewer_links() -> None:
    assert torus_share(4, 3, 9216) == pytest.approx(2 / 6)  # 2 x 2 x 1
    assert torus_share(9216, 3, 9216) == 1.0


def test_unknown_collective_is_refused() -> None:
    with pytest.raises(ScenarioError, match="allowed: all_reduce"):
        domain_s(LINKS, "broadcast", 1.0, 2)  # type: ignore[arg-type]


def test_links_of_the_catalogue() -> None:
    catalogue = load_catalogue()
    links, found = links_kernel(catalogue, "h200-sxm")
    assert found.own
    # Published: 480 GB/s bus rate in-switch on 16 GiB over 8 chips = 62.7 ms.
    assert float(domain_s(links, "all_reduce", 2.0**34, 8)) == pytest.approx(62.7e-3, rel=0.25)
    inside, outer = outer_links(catalogue, "a100-80g", "2 x p4de.24xlarge")
    assert (inside, outer.link_bytes_per_s) == (8.0, 6.25e9)
