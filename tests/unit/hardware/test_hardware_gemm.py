"""Tiles, waves, splits and the power cap of matrix multiplies: hand-computed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.hardware import GemmKernel, PowerLaw, Tile, capped_clock, core_layout, fitted, gemm_cost, gemm_kernel
from megawatt.hardware.cores import element_bytes, peak_of
from megawatt.hardware.gemm import gemm_kernel_s

# 100 cores of 10 TFLOP/s, one tile of 128 x 128; endless memory unless a test says otherwise.
KERNEL = GemmKernel(
    chip="test",
    precision="bf16",
    stack="test",
    tiles=(Tile(128, 128),),
    cores=100,
    peak_flops_per_s=1e15,
    hbm_bytes_per_s=1e15,
    rate_share=1.0,
    edge_rows=0.0,
    prologue_s=1e-6,
    wave_overlap=0.0,
    hbm_share=1.0,
    law=PowerLaw(100.0, 1000.0, 1e-15, 1e-15, 2.0),
    launch_s=2e-6,
)
# One tile over k = 1,000: 2 x 128 x 128 x 1,000 / 1e13 = 3.2768 us.
LOOP_S = 3.2768e-6


def seconds(kernel: GemmKernel, m: float, n: float, k: float) -> float:
    return float(gemm_kernel_s(kernel, np.array([m]), np.array([n]), np.array([k]))[0])


def test_one_full_wave() -> None:
    # 10 x 10 tiles on 100 cores: one wave.
    assert seconds(KERNEL, 1280, 1280, 1000) == pytest.approx(LOOP_S + 1e-6)


def test_one_tile_more_is_one_wave_more() -> None:
    # 11 x 10 tiles: two waves, the second almost empty.
    assert seconds(KERNEL, 1281, 1280, 1000) == pytest.approx(2 * (LOOP_S + 1e-6))


def test_overlap_hides_its_share_of_the_last_wave() -> None:
    # 110 tiles: 1.1 waves; half of the missing 0.9 is hidden: 2 - 0.45 = 1.55.
    half = dataclasses.replace(KERNEL, wave_overlap=0.5)
    assert seconds(half, 1281, 1280, 1000) == pytest.approx(1.55 * (LOOP_S + 1e-6))


def test_few_tiles_split_the_depth() -> None:
    # 10 tiles on 100 cores: k in 8 parts (the most), one wave of 1/8 of the loop, two prologues, partial sums of
    # 8 x 128 x 1,280 x 2 / 1e15 = 2.6e-9 s.
    assert seconds(KERNEL, 128, 1280, 1000) == pytest.approx(LOOP_S / 8 + 2e-6 + 2.62e-9, rel=1e-3)


def test_edge_makes_square_tiles_better() -> None:
    # Edge 32: a 64 x 256 tile costs 1 + 32 (1/64 + 1/256) = 1.625, 128 x 128 costs 1.5 for the same work.
    edged = dataclasses.replace(KERNEL, edge_rows=32.0, prologue_s=1e-12)
    flat = dataclasses.replace(edged, tiles=(Tile(64, 256),))
    assert seconds(flat, 1280, 2560, 1000) / seconds(edged, 1280, 2560, 1000) == pytest.approx(1.625 / 1.5)


def test_two_cores_share_a_tile() -> None:
    # 25 tiles of 256 x 256 on 50 pairs; each core does half: 2 x 256 x 128 x 1,000 / 1e13 = 6.55 us.
    pair = dataclasses.replace(KERNEL, tiles=(Tile(256, 256, 2),), cores=50)
    rate = dataclasses.replace(pair, peak_flops_per_s=0.5e15)
    assert seconds(rate, 1280, 1280, 1000) == pytest.approx(2 * LOOP_S + 1e-6)


def test_memory_bounds_a_thin_multiply_and_launch_adds() -> None:
    # 2 x (1 x 8,192 + 8,192 x 8,192) + 2 x 8,192 bytes at 1e12 B/s = 134.25 us
    slow = dataclasses.replace(KERNEL, hbm_bytes_per_s=1e12)
    assert gemm_cost(slow, 1, 8192, 8192).time_s == pytest.approx(134.25e-6 + 2e-6, rel=1e-3)


def test_host_interval_is_a_floor() -> None:
    slow_host = dataclasses.replace(KERNEL, interval_s=7e-5)
    assert gemm_cost(slow_host, 128, 128, 128).time_s == pytest.approx(7e-5)


def test_quantising_reads_the_left_operand_once_more() -> None:
    # (2 + 1) bytes x 1,280 x 1,000 at 1e12 B/s = 3.84 us on top of the same kernel.
    base = dataclasses.replace(KERNEL, precision="fp8", hbm_bytes_per_s=1e12)
    plain = gemm_cost(base, 1280, 1280, 1000).time_s
    with_pass = gemm_cost(dataclasses.replace(base, quantise_factor=1.0), 1280, 1280, 1000).time_s
    assert float(with_pass - plain) == pytest.approx(3.84e-6)


def test_power_cap_sets_the_clock_of_steady_runs() -> None:
    # Room 900 W, wanted 3,600 W: clock (1/4)^(1/2) = 0.5.
    assert capped_clock(KERNEL.law, np.array([3600.0]))[0] == pytest.approx(0.5)
    hot = dataclasses.replace(KERNEL, law=PowerLaw(100.0, 1000.0, 4e-12, 0.0, 2.0), launch_s=0.0, prologue_s=0.0)
    short, steady = gemm_cost(hot, 1280, 1280, 1000, steady=False), gemm_cost(hot, 1280, 1280, 1000)
    # 2 x 1,280^2 x 1,000 = 3.28 GFLOP in 3.2768 us is 1e15 FLOP/s x 4e-12 J = 4,000 W: clock (900/4,000)^(1/2) = 0.4743
    assert short.power_w == pytest.approx(4100.0)
    assert steady.clock_share == pytest.approx(0.474342, rel=1e-5)
    assert steady.time_s == pytest.approx(LOOP_S / 0.474342, rel=1e-5)
    assert steady.power_w == pytest.approx(1000.0)
    assert float(steady.energy_j) == pytest.approx(1000.0 * LOOP_S / 0.474342, rel=1e-5)


def test_bad_dimension_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"n = 0, must be > 0"):
        gemm_cost(KERNEL, 1.0, np.array([4.0, 0.0]), 1.0)


def test_elements_carry_their_scales() -> None:
    assert element_bytes("bf16") == 2.0
    assert element_bytes("fp8_block") == pytest.approx(1.03125)  # one fp32 per 128
    assert element_bytes("nvfp4") == pytest.approx(0.5625)  # one byte per 16


def test_layout_comes_from_the_catalogue() -> None:
    layout = core_layout(load_catalogue(), "gb200")
    assert (layout.cores, layout.architecture) == (152, "blackwell")
    assert Tile(256, 256, 2) in layout.tiles


def test_measured_chip_uses_its_own_numbers() -> None:
    catalogue = load_catalogue()
    kernel, found = gemm_kernel(catalogue, catalogue.accelerator("h200-sxm"), "bf16")
    assert found.own
    assert (found.chip, kernel.cores) == ("h200-sxm", 132)
    # A large multiply of a steady run draws the cap and reaches 0.62 to 0.78 of the data sheet (notes: 0.65 to 0.75).
    cost = gemm_cost(kernel, 8192, 8192, 8192)
    assert cost.power_w == pytest.approx(700.0)
    assert 0.62 < 2 * 8192**3 / float(cost.time_s) / 989e12 < 0.78


def test_chip_without_measurements_takes_its_relatives() -> None:
    catalogue = load_catalogue()
    kernel, found = gemm_kernel(catalogue, catalogue.accelerator("b300"), "nvfp4")
    assert (found.chip, found.own) == ("b200", False)
    assert kernel.peak_flops_per_s == peak_of(catalogue.accelerator("b300"), "nvfp4")
    assert kernel.law.cap_w == catalogue.accelerator("b300").power_cap_w
    _, second = gemm_kernel(catalogue, catalogue.accelerator("h200-sxm"), "bf16", exclude=("h200-sxm",))
    assert second.chip == "h100-sxm"


def test_unknown_stack_takes_the_nearest_version() -> None:
    catalogue = load_catalogue()
    assert fitted(catalogue, "gemm", "gb200", "bf16", "trtllm_1.3.0rc16").stack == "trtllm_1.3.0rc17"
    assert fitted(catalogue, "gemm", "gb200", "bf16", "sglang_0.5").stack == "trtllm_1.3.0rc20"


def test_no_parameters_says_how_to_get_them() -> None:
    catalogue = load_catalogue()
    with pytest.raises(CatalogueError, match="calibrate run"):
        fitted(catalogue, "gemm", "trn2", "bf16", exclude=("trn2",))


def test_unknown_arithmetic_is_refused() -> None:
    catalogue = load_catalogue()
    with pytest.raises(ScenarioError, match="nvfp4"):
        gemm_kernel(catalogue, catalogue.accelerator("h100-sxm"), "nvfp4")


def test_systolic_arrays_reach_what_is_published_or_their_clock() -> None:
    catalogue = load_catalogue()
    tpu, found = gemm_kernel(catalogue, catalogue.accelerator("tpu-v6e"), "bf16")
    assert found.own
    # tpu-recipes: 8,192 cubed in bf16 at 827 TFLOP/s.
    assert 2 * 8192**3 / float(gemm_cost(tpu, 8192, 8192, 8192).time_s) == pytest.approx(827e12, rel=0.02)
    trn, _ = gemm_kernel(catalogue, catalogue.accelerator("trn2"), "bf16")
    rate = 2 * 16384**3 / float(gemm_cost(trn, 16384, 16384, 16384, steady=False).time_s)
    # 8 engines x 128 x 128 x 2 x 2.4 GHz = 629 TFLOP/s is the ceiling.
    assert 0.9 * 629e12 < rate < 631e12
