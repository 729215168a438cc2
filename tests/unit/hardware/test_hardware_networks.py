"""Networks as they are built: what a group of chips gets of the links between them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from megawatt.catalogue import LinkLevel, load_catalogue
from megawatt.hardware import Fabric, all_gather_s, all_reduce_s, all_to_all_s, fabric_for, send_receive_s
from megawatt.hardware.links import LinkKernel, exchange_share, level_share

NVLINK, NETWORK = 4.5e11, 5e10
BYTES = 1e9


def catalogued(key: str) -> Fabric:
    catalogue = load_catalogue()
    system = catalogue.system(key)
    return fabric_for(catalogue, system.accelerator.key, system.links)[0]


def perfect(rate: float) -> LinkKernel:
    """Links without latency that reach their rate."""
    return LinkKernel(rate, 0.0, 0.0, 1e30, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def nodes(topology: str, leaf_chips: float = 1.0, oversubscription: float = 1.0) -> Fabric:
    """Nodes of eight chips under a network."""
    inner = LinkLevel("nvlink", 8.0, NVLINK, 0.0, "switch")
    outer = LinkLevel("network", math.inf, NETWORK, 0.0, topology)
    outer = dataclasses.replace(outer, leaf_chips=leaf_chips, oversubscription=oversubscription)
    return Fabric((inner, outer), (perfect(NVLINK), perfect(NETWORK)))


def torus(*sides: int, wraps: bool = True) -> LinkLevel:
    chips = float(math.prod(sides))
    wrap = chips if wraps else math.inf
    return LinkLevel("ici", chips, 1.0, 0.0, "torus", len(sides), wrap, longest_side=float(max(sides)))


@pytest.mark.parametrize(("ranks", "links"), [(2, 1), (4, 3), (8, 7)])
def test_mesh_of_mi300x_gives_a_group_the_links_between_its_members(ranks: int, links: int) -> None:
    """Case F11: two GPUs share one link of 64 GB/s (47.7 GB/s measured), eight have all seven."""
    fabric = catalogued("mi300x-node")
    assert fabric.kernels[0].switch_share == 0.0, "no switch to sum in"
    bus = 2.0 * (ranks - 1) / ranks * 4e9 / float(all_reduce_s(fabric, 4e9, ranks)) / 1e9
    assert 0.7 * 64.0 * links < bus < 64.0 * links
    if ranks == 2:
        assert bus == pytest.approx(47.7, rel=0.08)


def test_small_groups_on_a_torus() -> None:
    """Case F26: eight chips of a v5e gather over both directions of one axis (373 us in the scaling book, which
    sends all where 7/8 are sent), two over one link."""
    fabric = catalogued("tpu-v5e-pod")
    link = fabric.links[0]
    np.testing.assert_allclose(level_share(link, np.array([2.0, 4.0, 8.0, 256.0])), [0.25, 0.5, 0.5, 1.0])
    payload = 33.554432e6
    book_s = payload / 9e10
    assert float(all_gather_s(fabric, payload, 8)) == pytest.approx(book_s, rel=0.06)
    assert float(all_gather_s(fabric, payload, 2)) == pytest.approx(payload / 2.0 / (0.95 * 4.5e10), rel=0.03)


@pytest.mark.parametrize(
    ("payload", "measured_s"), [(1.572864e6, 16.4e-6), (25.165824e6, 116.6e-6), (402.653184e6, 1.689e-3)]
)
def test_a_block_of_tpu_v7_gathers_as_measured(payload: float, measured_s: float) -> None:
    """Two links a chip on 2 x 2 x 1 without wrap-around (AI-Hypercomputer/tpu-recipes, ironwood all_gather)."""
    assert float(all_gather_s(catalogued("tpu-v7-pod"), payload, 4)) == pytest.approx(measured_s, rel=0.06)


def test_a_ring_is_a_torus_of_one_dimension() -> None:
    ring = LinkLevel("ring", 8.0, 1.0, 0.0, "ring", 1, 8.0)
    sizes = np.array([2.0, 4.0, 8.0])
    np.testing.assert_array_equal(level_share(ring, sizes), level_share(torus(8), sizes))
    np.testing.assert_allclose(level_share(ring, sizes), [0.5, 0.5, 1.0])


@pytest.mark.parametrize("chips", [4, 8, 16, 64])
def test_all_to_all_on_a_ring_is_bound_by_its_middle(chips: int) -> None:
    """Half of what a ring of n holds crosses two links each way: n P / 8 b (the scaling book's quarter of a gather)."""
    link = dataclasses.replace(torus(chips), link_bytes_per_s=2.0)
    outer = LinkLevel("network", math.inf, 1.0, 0.0, "switch")
    fabric = Fabric((link, outer), (perfect(2.0), perfect(1.0)))
    assert float(all_to_all_s(fabric, BYTES, chips)) == pytest.approx(chips * BYTES / 8.0)


def test_all_to_all_on_a_torus_is_bound_by_its_longest_side() -> None:
    square, long = torus(16, 16), torus(4, 64)
    assert float(exchange_share(square, 256)) == pytest.approx(4.0 * 255 / 256 / 16 / 2)
    assert float(exchange_share(long, 256)) == pytest.approx(float(exchange_share(square, 256)) / 4)
    open_ends = float(exchange_share(torus(16, 16, wraps=False), 256))
    assert open_ends == pytest.approx(float(exchange_share(square, 256)) / 2)
    assert float(exchange_share(square, 2)) == 0.25


@pytest.mark.parametrize("topology", ["rail", "fat-tree"])
def test_a_ring_loses_only_what_the_uplinks_lack(topology: str) -> None:
    """Of four nodes below a leaf one sends on: uplinks for half of the chips do, for an eighth they halve the rate."""
    free = float(all_reduce_s(nodes("switch"), BYTES, 512))
    shares = {r: free / float(all_reduce_s(nodes(topology, 32.0, r), BYTES, 512)) for r in (1.0, 2.0, 4.0, 8.0)}
    assert shares == pytest.approx({1.0: 1.0, 2.0: 1.0, 4.0: 1.0, 8.0: 0.5})


@pytest.mark.parametrize("topology", ["rail", "fat-tree"])
def test_members_that_are_alone_below_their_leaf_share_the_uplinks(topology: str) -> None:
    free = all_reduce_s(nodes("switch"), BYTES, 16, 64)
    assert all_reduce_s(nodes(topology, 32.0, 3.0), BYTES, 16, 64) == pytest.approx(3.0 * free)
    sent = send_receive_s(nodes("switch"), BYTES, 16, 64)
    assert send_receive_s(nodes(topology, 32.0, 3.0), BYTES, 16, 64) == pytest.approx(3.0 * sent)


def test_a_group_below_one_leaf_loses_nothing() -> None:
    for size, stride in ((32, 1), (4, 8)):
        free = all_reduce_s(nodes("switch"), BYTES, size, stride)
        assert all_reduce_s(nodes("fat-tree", 32.0, 8.0), BYTES, size, stride) == pytest.approx(free)
        free = all_to_all_s(nodes("switch"), BYTES, size, stride)
        assert all_to_all_s(nodes("fat-tree", 32.0, 8.0), BYTES, size, stride) == pytest.approx(free)


def test_all_to_all_above_the_leaves_shares_the_uplinks() -> None:
    """What leaves a leaf of 32 of 256 chips, 224 of 256, at a half of the rate."""
    time = float(all_to_all_s(nodes("fat-tree", 32.0, 2.0), BYTES, 256))
    assert time == pytest.approx(BYTES * 224 / 256 * 2.0 / NETWORK)
    assert float(all_to_all_s(nodes("fat-tree", 32.0, 1.0), BYTES, 256)) == pytest.approx(BYTES * 248 / 256 / NETWORK)


def test_rails_keep_more_below_their_leaves_and_forward_over_the_inner_links() -> None:
    """The same switches joined by rails hold eight times the nodes below a leaf: among 32 nodes nothing leaves it."""
    tree, rail = nodes("fat-tree", 32.0, 4.0), nodes("rail", 256.0, 4.0)
    assert float(all_to_all_s(tree, BYTES, 256)) > 3.0 * float(all_to_all_s(rail, BYTES, 256))
    assert float(all_to_all_s(rail, BYTES, 256)) == pytest.approx(BYTES * 248 / 256 / NETWORK)
    slow_inside = dataclasses.replace(rail, kernels=(perfect(NETWORK / 2.0), perfect(NETWORK)))
    inside, forwarded = BYTES * 8 / 256 * 7 / 8 / NETWORK * 2.0, BYTES * 248 / 256 * 7 / 8 / NETWORK * 2.0
    assert float(all_to_all_s(slow_inside, BYTES, 256)) == pytest.approx(inside + forwarded)


def test_one_rail_needs_no_forwarding() -> None:
    """Chips of one place in their nodes exchange on their own rail."""
    rail = nodes("rail", 256.0)
    slow_inside = dataclasses.replace(rail, kernels=(perfect(1.0), perfect(NETWORK)))
    assert float(all_to_all_s(slow_inside, BYTES, 32, 8)) == pytest.approx(BYTES * 31 / 32 / NETWORK)


@pytest.mark.parametrize("topology", ["mesh", "ring", "torus", "rail", "fat-tree", "switch"])
def test_shares_are_shares(topology: str) -> None:
    link = LinkLevel("x", 64.0, 1.0, 0.0, topology, 2 if topology == "torus" else int(topology == "ring"), 64.0)
    link = dataclasses.replace(link, leaf_chips=16.0, oversubscription=3.0)
    sizes, strides = np.meshgrid(2.0 ** np.arange(7), 2.0 ** np.arange(7))
    for share in (level_share(link, sizes, strides), exchange_share(link, sizes, strides)):
        assert (share > 0.0).all()
        assert (share <= 1.0).all()
