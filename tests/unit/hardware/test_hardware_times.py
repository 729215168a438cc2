"""Operator and collective times, power: hand-computed."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
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
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    attention_time_s,
    chip_power_w,
    collective_s,
    domain_s,
    fabric_for,
    gemm_time_s,
    grouped_gemm_time_s,
    kernel_profile,
    level_share,
    neighbour_share,
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


def plain(link_bytes_per_s: float, base_s: float) -> LinkKernel:
    """Bytes over rates and one start-up: for arithmetic by hand."""
    return LinkKernel(link_bytes_per_s, base_s, 0.0, 1e30, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)


FABRIC = Fabric(LINKS, (plain(100e9, 1e-6), plain(10e9, 5e-6)))


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
    ("size", "stride", "sent_s", "starts_s"),
    [
        (1, 1, 0.0, 0.0),
        # inside: 7/8 x 800 MB / 100 GB/s
        (8, 1, 7e-3, 1e-6),
        # members 8 apart: each alone in its node: 1/2 x 800 MB / 10 GB/s
        (2, 8, 40e-3, 5e-6),
        # 16: inside 7/8 x 800 MB / 100 GB/s = 7 ms; outside 1/2 x 100 MB / 10 GB/s = 5 ms; the slower one
        (16, 1, 7e-3, 1e-6),
        # members 2 apart: 4 in a node; outside 1/2 x 200 MB / 10 GB/s = 10 ms, after the start inside
        (8, 2, 10e-3, 1e-6 + 5e-6),
    ],
)
def test_gathers_and_sums_by_hand(size: int, stride: int, sent_s: float, starts_s: float) -> None:
    assert all_gather_s(FABRIC, 800e6, size, stride) == pytest.approx(sent_s + starts_s)
    assert reduce_scatter_s(FABRIC, 800e6, size, stride) == pytest.approx(sent_s + starts_s)
    assert all_reduce_s(FABRIC, 800e6, size, stride) == pytest.approx(2 * sent_s + starts_s)


def test_all_to_all_sends_outside_what_belongs_outside() -> None:
    # 16 members: 8/16 of 160 MB leave the node at 10 GB/s = 8 ms; inside 7/16 at 100 GB/s
    assert all_to_all_s(FABRIC, 160e6, 16) == pytest.approx(8e-3 + 5e-6)
    assert all_to_all_s(FABRIC, 160e6, 1) == 0.0


def test_send_receive_takes_the_slowest_pair() -> None:
    time = send_receive_s(FABRIC, 100e6, np.array([1.0, 4.0, 8.0, 4.0]), np.array([1.0, 2.0, 2.0, 8.0]))
    assert time == pytest.approx([0.0, 1e-3 + 1e-6, 10e-3 + 5e-6, 10e-3 + 5e-6])


def test_a_network_must_reach_everywhere() -> None:
    with pytest.raises(ScenarioError, match="outermost link level"):
        Fabric(LINKS[:1], FABRIC.kernels[:1])
    with pytest.raises(ScenarioError, match="2 link levels, 1 sets of collectives"):
        Fabric(LINKS, FABRIC.kernels[:1])


def test_measured_share_of_link_gives_the_published_bus_bandwidth() -> None:
    """8 x H200, all-gather of a large message: 361 GB/s of bus bandwidth measured on 450 GB/s."""
    catalogue = load_catalogue()
    system = catalogue.system("hgx-h200")
    fabric, found, _ = fabric_for(catalogue, system.accelerator.key, system.links)
    time = all_gather_s(fabric, 16e9, 8)
    # fitted on tables that end at 256 MiB: 7 % below
    assert 16e9 * 7 / 8 / time == pytest.approx(361e9, rel=0.08)
    assert "kernel-links-h200-sxm-bf16.gather_share" in {a.name for a in found.assumptions}


def test_two_chips_of_a_mesh_have_one_link() -> None:
    """MI300X: all-reduce of two GPUs measured at 47.7 GB/s of bus bandwidth, one link of 64 GB/s."""
    catalogue = load_catalogue()
    system = catalogue.system("mi300x-node")
    fabric, _, _ = fabric_for(catalogue, "mi300x", system.links)
    assert 1e9 / float(all_reduce_s(fabric, 1e9, 2)) == pytest.approx(47.7e9, rel=0.12)
    # all eight use all seven links
    assert 1e9 * 2 * 7 / 8 / float(all_reduce_s(fabric, 1e9, 8)) > 5 * 47.7e9


MESH = LinkLevel("mesh", 8.0, 1e11, 1e-6, "mesh")
TORUS = LinkLevel("ici", 256.0, 1e11, 1e-6, "torus", dimensions=2, wrap_chips=256.0)


def test_groups_use_the_links_that_their_topology_gives_them() -> None:
    assert level_share(LINKS[0], 2) == 1.0
    assert level_share(MESH, np.array([2.0, 4.0, 8.0])) == pytest.approx([1 / 7, 3 / 7, 1.0])
    # two chips: one link of four; a block of 8: one per dimension; the closed pod: all
    assert level_share(TORUS, np.array([2.0, 8.0, 256.0])) == pytest.approx([1 / 4, 2 / 4, 1.0])
    # 16 members, 16 apart: one whole dimension
    assert level_share(TORUS, 16.0, 16.0) == pytest.approx(1 / 2)
    assert (neighbour_share(LINKS[0]), neighbour_share(MESH), neighbour_share(TORUS)) == (1.0, 1 / 7, 1 / 4)


def test_power_between_idle_and_cap() -> None:
    model = PowerModel(idle_w=100.0, cap_w=700.0, rated_w=700.0, arithmetic=1.0, memory=0.5, communication=0.25)
    shares = np.array([0.0, 0.0, 0.2]), np.array([0.0, 0.0, 0.2])
    power = chip_power_w(model, np.array([0.0, 650.0, 300.0]), *shares)
    # 100 + 300 + 600 x (0.1 + 0.05) = 490
    assert power == pytest.approx([100.0, 700.0, 490.0])
    # A lower cap takes nothing from what draws less.
    assert chip_power_w(replace(model, cap_w=600.0), np.array([0.0, 650.0, 300.0]), *shares) == pytest.approx(
        [100.0, 600.0, 490.0]
    )


def test_profile_uses_the_chips_own_measurement() -> None:
    catalogue = load_catalogue()
    chip = catalogue.accelerator("h100-sxm")
    profile = kernel_profile(catalogue, chip)
    assert profile.gemm_flops_per_s["bf16"] == pytest.approx(794.5e12)
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
    assert load_catalogue().accelerator(key).family == family


def test_power_model_has_the_ends_of_the_chip() -> None:
    catalogue = load_catalogue()
    model = power_model(catalogue, catalogue.accelerator("tpu-v4"))
    assert (model.idle_w, model.cap_w) == (90.0, 192.0)


MEASURED = LinkKernel(
    4.5e11, base_s=6e-6, step_s=1e-6, copy_bytes_per_s=1e12, ramp_s=5e-6, ramp_bytes=1e6,
    gather_share=0.8, scatter_share=0.75, reduce_share=0.7, exchange_share=0.6,
)  # fmt: skip


def test_groups_within_a_domain_follow_the_measured_links() -> None:
    fabric = dataclasses.replace(FABRIC, kernels=(MEASURED, FABRIC.kernels[1]))
    for operation in ("all_gather", "reduce_scatter", "all_reduce", "all_to_all"):
        found = collective_s(fabric, operation, 64e6, 8.0)  # type: ignore[arg-type]
        assert found == pytest.approx(domain_s(MEASURED, operation, 64e6, 8.0))  # type: ignore[arg-type]


def test_a_long_ring_pays_for_every_hop_and_crosses_each_domain_with_nearly_all() -> None:
    ring = dataclasses.replace(FABRIC, hop_inside_s=2e-6, hop_across_s=5e-6)
    # 64 members in domains of 8: 56 hops inside, 8 across, and the starts of both levels
    assert all_gather_s(ring, 0.0, 64.0) == pytest.approx(56 * 2e-6 + 8 * 5e-6 + 1e-6 + 5e-6)
    # two domains of 8: each rail carries 15/16 of its eighth instead of 1/2
    outer = FABRIC.links[-1].link_bytes_per_s
    big = 64e9
    start = all_gather_s(ring, 0.0, 16.0)
    assert all_gather_s(ring, big, 16.0) - start == pytest.approx(15 / 16 * big / 8 / outer, rel=1e-6)
    # one domain has no such ring
    assert all_gather_s(ring, 64e6, 8.0) == all_gather_s(FABRIC, 64e6, 8.0)


def test_sums_over_domains_follow_both_levels_of_measured_links() -> None:
    outer = dataclasses.replace(MEASURED, link_bytes_per_s=1e10, tree=True)
    fabric = Fabric(LINKS, (MEASURED, outer))
    # an eighth of it across four domains, after the start inside
    across = domain_s(outer, "all_reduce", 8e6, 4.0, in_switch=False) + MEASURED.base_s
    assert all_reduce_s(fabric, 64e6, 32.0) == pytest.approx(across)
