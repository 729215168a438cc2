"""Measured kernels in training steps: levels of relatives, one launch for many, and where nothing was measured."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.hardware import gemm_cost, gemm_time_s
from megawatt.training import practice_for
from megawatt.training.multiplies import multiply_s

CATALOGUE = load_catalogue()
H100 = practice_for(CATALOGUE, CATALOGUE.system("hgx-h100"))


def arrays(*values: float) -> list[np.ndarray]:
    return [np.array([v]) for v in values]


def test_a_relative_is_held_to_the_chips_own_best_multiply() -> None:
    practice = practice_for(CATALOGUE, CATALOGUE.system("mi300x-node"))
    kernel = practice.multiplies["bf16"]
    rate = 2 * 8192.0**3 / float(gemm_cost(kernel, 8192.0, 8192.0, 8192.0, steady=False).time_s)
    best = CATALOGUE.number("mi300x", "gemm_achieved_bf16_flops_per_s")
    assert rate == pytest.approx(best, rel=0.1)


def test_one_launch_for_many_small_multiplies() -> None:
    m, n, k, count = arrays(64.0, 512.0, 1024.0, 64.0)
    apart = multiply_s(H100.kernels, H100.multiplies, m, n, k, count, "bf16")[0]
    together = multiply_s(H100.kernels, H100.multiplies, m, n, k, count, "bf16", batched=True)[0]
    assert apart > count[0] * H100.kernels.launch_s
    assert together < 0.2 * apart
    # every one reads its own operands: 2 bytes x (64 x 1024 + 1024 x 512 + 64 x 512)
    moved = count[0] * 2 * (64 * 1024 + 1024 * 512 + 64 * 512)
    assert together >= moved / H100.kernels.hbm_flow_bytes_per_s


def test_groups_pay_for_tiles_that_are_half_empty() -> None:
    shape = arrays(1024.0, 2048.0, 2048.0, 16.0)
    batched = multiply_s(H100.kernels, H100.multiplies, *shape, "bf16", batched=True)[0]
    grouped = multiply_s(H100.kernels, H100.multiplies, *shape, "bf16", grouped=True)[0]
    # half a tile of 128 rows more, of 1,024
    assert 1.02 < grouped / batched < 1.12


def test_without_measured_kernels_the_coarser_model_stays() -> None:
    shape = arrays(4096.0, 4096.0, 4096.0, 2.0)
    assert multiply_s(H100.kernels, {}, *shape, "bf16") == gemm_time_s(H100.kernels, *shape, "bf16")
