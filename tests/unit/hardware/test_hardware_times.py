"""Operator and collective times, power: hand-computed."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.catalogue.records import LinkLevel
from megawatt.errors import ScenarioError
from megawatt.hardware import (
    Fabric,
    KernelProfile,
    LinkKernel,
    PowerModel,
    across_s,
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    attention_time_s,
    chip_power_w,
    domain_s,
    gemm_time_s,
    grouped_gemm_time_s,
    kernel_profile,
    maker,
    peak_precision,
    power_model,
    reduce_scatter_s,
    send_receive_s,
    vector_time_s,
)

PROFILE = KernelProfile(
    accelerator="test",
    gemm_flops_per_s=MappingProxyType({"bf16": 8e14, "fp8": 1.4e15}),
    peak_flops_per_s=MappingProxyType({"bf16": 1e15, "fp8": 2e15}),
    hbm_flow_bytes_per_s=3e12,
    launch_s=3e-6,
    roofline_exponent=4.0,
    attention_share=0.5,
    attention_half_tokens=500.0,
    expert_tile_rows=128.0,
)
# Two nodes of 8: 100 GB/s inside at the full rate, 10 GB/s outside.
LINKS = (LinkLevel("in", 8.0, 100e9, 1e-6, "switch"), LinkLevel("out", float("inf"), 10e9, 5e-6, "switch"))
FABRIC = Fabric(LINKS, ring_share=1.0, all_to_all_share=1.0)


def arrays(*values: float) -> list[np.ndarray]:
    return [np.array([v]) for v in values]


def test_large_multiply_runs_at_its_rate() -> None:
    m, n, k, count = arrays(8192, 8192, 8192, 1)
    # 2 x 8192^3 / 8e14 = 1.3744 ms; memory 3 x 2 x 8192^2 / 3e12 = 0.134 ms, a corner of (0.0977)^4 / 4 = 2e-5
    assert gemm_time_s(PROFILE, m, n, k, count, "bf16")[0] == pytest.approx(3e-6 + 1.3744e-3, rel=1e-3)


def test_thin_multiply_streams_its_weights() -> None:
    m, n, k, count = arrays(1, 8192, 8192, 1)
    # 2 x 8192^2 / 3e12 = 44.7 us
    assert gemm_time_s(PROFILE, m, n, k, count, "bf16")[0] == pytest.approx(3e-6 + 44.75e-6, rel=1e-2)
    # one-byte weights take half of that
    assert gemm_time_s(PROFILE, m, n, k, count, "fp8")[0] == pytest.approx(3e-6 + 22.37e-6, rel=1e-2)


def test_at_the_ridge_both_limits_count() -> None:
    profile = dataclasses.replace(PROFILE, launch_s=0.0)
    m, n, k, count = arrays(4096, 4096, 4096, 1)
    arithmetic = 2 * 4096**3 / 8e14
    balanced = dataclasses.replace(profile, hbm_flow_bytes_per_s=3 * 2 * 4096**2 / arithmetic)
    assert gemm_time_s(balanced, m, n, k, count, "bf16")[0] == pytest.approx(arithmetic * 2**0.25)


def test_experts_share_one_launch_and_pad_their_last_tile() -> None:
    m, n, k, count = arrays(1000, 4096, 4096, 8)
    padded, _, _, _ = arrays(1064, 0, 0, 0)
    one_by_one = gemm_time_s(PROFILE, padded, n, k, count, "bf16")[0]
    assert grouped_gemm_time_s(PROFILE, m, n, k, count, "bf16")[0] == pytest.approx(one_by_one - 7 * 3e-6)


def test_attention_gains_with_length() -> None:
    flops = np.array([1e12, 1e12, 0.0])
    keys = np.array([500.0, 1e9, 1000.0])
    # half of 0.5 x 1e15 at the half length: 4 ms; 2 ms at great length; nothing for no work
    assert attention_time_s(PROFILE, flops, keys) == pytest.approx([4e-3 + 3e-6, 2e-3 + 3e-6, 0.0])


def test_memory_bound_operators() -> None:
    assert vector_time_s(PROFILE, np.array([3e9]), 2.0)[0] == pytest.approx(1e-3 + 6e-6)


@pytest.mark.parametrize(
    ("size", "stride", "expected"),
    [
        (1, 1, 0.0),
        # inside: 7/8 x 800 MB / 100 GB/s, three start-ups
        (8, 1, 7e-3 + 3e-6),
        # members 8 apart: each alone in its node: 1/2 x 800 MB / 10 GB/s
        (2, 8, 40e-3 + 5e-6),
        # 16: inside 7/8 x 800 MB / 100 GB/s = 7 ms; outside 1/2 x 100 MB / 10 GB/s = 5 ms; the slower, all start-ups
        (16, 1, 7e-3 + 3e-6 + 5e-6),
        # members 2 apart: 4 in a node; outside 1/2 x 200 MB / 10 GB/s = 10 ms
        (8, 2, 10e-3 + 2e-6 + 5e-6),
    ],
)
def test_all_gather_by_hand(size: int, stride: int, expected: float) -> None:
    assert all_gather_s(FABRIC, 800e6, size, stride) == pytest.approx(expected)
    assert reduce_scatter_s(FABRIC, 800e6, size, stride) == pytest.approx(expected)
    assert all_reduce_s(FABRIC, 800e6, size, stride) == pytest.approx(2 * expected)


def test_all_to_all_sends_outside_what_belongs_outside() -> None:
    # 16 members: 8/16 of 160 MB leave the node at 10 GB/s = 8 ms; inside 7/16 at 100 GB/s
    assert all_to_all_s(FABRIC, 160e6, 16) == pytest.approx(8e-3 + 3e-6 + 5e-6)
    assert all_to_all_s(FABRIC, 160e6, 1) == 0.0


def test_send_receive_takes_the_slowest_pair() -> None:
    time = send_receive_s(FABRIC, 100e6, np.array([1.0, 4.0, 8.0, 4.0]), np.array([1.0, 2.0, 2.0, 8.0]))
    assert time == pytest.approx([0.0, 1e-3 + 1e-6, 10e-3 + 5e-6, 10e-3 + 5e-6])


def test_software_start_up_counts_once() -> None:
    fabric = dataclasses.replace(FABRIC, startup_s=1e-3)
    assert all_gather_s(fabric, 0.0, np.array([1.0, 8.0])) == pytest.approx([0.0, 1e-3 + 3e-6])


def test_a_network_must_reach_everywhere() -> None:
    with pytest.raises(ScenarioError, match="outermost link level"):
        Fabric(LINKS[:1], 1.0, 1.0)


def test_measured_share_of_link_gives_the_published_bus_bandwidth() -> None:
    """8 x H200, all-gather of a large message: 361 GB/s of bus bandwidth measured on 450 GB/s."""
    system = load_catalogue().system("hgx-h200")
    fabric = Fabric(system.links, 0.8, 0.71)
    time = all_gather_s(fabric, 16e9, 8)
    assert 16e9 * 7 / 8 / time == pytest.approx(361e9, rel=0.02)


def test_power_between_idle_and_cap() -> None:
    model = PowerModel(idle_w=100.0, cap_w=700.0, arithmetic=1.0, memory=0.5, communication=0.25)
    power = chip_power_w(model, np.array([0.0, 1.0, 0.5]), np.array([0.0, 0.0, 0.2]), np.array([0.0, 0.0, 0.2]))
    # 100 + 600 x (0.5 + 0.1 + 0.05) = 490
    assert power == pytest.approx([100.0, 700.0, 490.0])


def test_profile_uses_the_chips_own_measurement() -> None:
    catalogue = load_catalogue()
    chip = catalogue.accelerator("h100-sxm")
    profile = kernel_profile(catalogue, chip)
    sustained = catalogue.number("training-practice", "gemm_sustained_gpu_frac")
    assert profile.gemm_flops_per_s["bf16"] == pytest.approx(794.5e12 * sustained)
    assert profile.hbm_flow_bytes_per_s == 2.84e12
    kinds = {a.name: a.fact.kind for a in profile.assumptions}
    assert kinds["h100-sxm.gemm_achieved_bf16_frac"] == "measured"


def test_profile_of_an_unmeasured_chip_is_derived_from_its_relatives() -> None:
    catalogue = load_catalogue()
    profile = kernel_profile(catalogue, catalogue.accelerator("gb300"))
    facts = {a.name: a.fact for a in profile.assumptions}
    share = facts["gb300.gemm_achieved_fp8_frac"]
    assert share.kind == "derived"
    assert "h100-sxm" in share.note
    assert share.low is not None
    assert share.high is not None
    assert share.low <= share.number() <= share.high < 1.0


def test_a_variant_reaches_the_same_share_of_its_own_peak() -> None:
    catalogue = load_catalogue()
    chip = catalogue.accelerator("h100-sxm")
    slower = dataclasses.replace(
        chip,
        peak_flops_per_s={k: v / 2 for k, v in chip.peak_flops_per_s.items()},
        hbm_bytes_per_s=chip.hbm_bytes_per_s / 2,
    )
    full, half = kernel_profile(catalogue, chip), kernel_profile(catalogue, slower)
    assert half.gemm_flops_per_s["bf16"] == pytest.approx(full.gemm_flops_per_s["bf16"] / 2)
    assert half.hbm_flow_bytes_per_s == pytest.approx(full.hbm_flow_bytes_per_s / 2)


def test_unknown_precision_names_those_there_are() -> None:
    with pytest.raises(ScenarioError, match=r"fp8.*a100-80g.*bf16"):
        peak_precision(load_catalogue().accelerator("a100-80g"), "fp8")
    assert peak_precision(load_catalogue().accelerator("gb300"), "fp16") == "bf16"


@pytest.mark.parametrize(
    ("key", "family"), [("tpu-v5p", "tpu"), ("trn3", "trn"), ("h100-sxm", "gpu"), ("mi300x", "gpu")]
)
def test_makers(key: str, family: str) -> None:
    assert maker(key) == family


def test_power_model_has_the_ends_of_the_chip() -> None:
    catalogue = load_catalogue()
    model = power_model(catalogue, catalogue.accelerator("tpu-v4"))
    assert (model.idle_w, model.cap_w) == (90.0, 192.0)


MEASURED = LinkKernel(
    4.5e11, base_s=6e-6, step_s=1e-6, copy_bytes_per_s=1e12, ramp_s=5e-6, ramp_bytes=1e6,
    gather_share=0.8, scatter_share=0.75, reduce_share=0.7, exchange_share=0.6,
)  # fmt: skip


def test_groups_within_a_domain_follow_the_measured_links() -> None:
    fabric = dataclasses.replace(FABRIC, inner=MEASURED)
    for function, operation in (
        (all_gather_s, "all_gather"),
        (reduce_scatter_s, "reduce_scatter"),
        (all_reduce_s, "all_reduce"),
        (all_to_all_s, "all_to_all"),
    ):
        assert function(fabric, 64e6, 8.0) == pytest.approx(domain_s(MEASURED, operation, 64e6, 8.0))  # type: ignore[arg-type]
        # beyond the domain nothing changes
        assert function(fabric, 64e6, 32.0) == function(FABRIC, 64e6, 32.0)


def test_a_long_ring_pays_for_every_hop_and_crosses_each_domain_with_nearly_all() -> None:
    ring = dataclasses.replace(FABRIC, hop_inside_s=2e-6, hop_across_s=5e-6)
    # 64 members in domains of 8: 56 hops inside, 8 across
    hops = 56 * 2e-6 + 8 * 5e-6
    assert all_gather_s(ring, 0.0, 64.0) - all_gather_s(FABRIC, 0.0, 64.0) == pytest.approx(hops)
    # two domains of 8: each rail carries 15/16 of its eighth instead of 1/2
    outer = FABRIC.links[-1].link_bytes_per_s
    big = 64e9
    start = all_gather_s(ring, 0.0, 16.0)
    assert all_gather_s(ring, big, 16.0) - start == pytest.approx(15 / 16 * big / 8 / outer, rel=1e-6)
    assert all_gather_s(FABRIC, big, 16.0) - all_gather_s(FABRIC, 0.0, 16.0) == pytest.approx(
        max(1 / 2 * big / 8 / outer, 7 / 8 * big / FABRIC.links[0].link_bytes_per_s), rel=1e-6
    )
    # one domain has no such ring
    assert all_gather_s(ring, 64e6, 8.0) == all_gather_s(FABRIC, 64e6, 8.0)


def test_sums_over_domains_follow_both_levels_of_measured_links() -> None:
    outer = dataclasses.replace(MEASURED, link_bytes_per_s=5e10, tree=True)
    fabric = dataclasses.replace(FABRIC, inner=MEASURED, outer=outer)
    assert all_reduce_s(fabric, 64e6, 32.0) == pytest.approx(across_s(MEASURED, outer, "all_reduce", 64e6, 32.0, 8.0))
