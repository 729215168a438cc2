"""Paths a second of a levered project of 180 months on six factors, by numpy and compiled, beside raw normals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from megawatt.risk.kernel import KERNEL_FACTORS, LeveredTerms, levered_compiled, levered_numpy

MONTHS, BLOCK, PATHS = 180, 2048, 400_000
LIMIT_NUMPY, LIMIT_COMPILED = 60_000.0, 500_000.0


def terms() -> LeveredTerms:
    """300 MW of halls let at market terms beside a few miners, 70 % debt."""
    correlation = np.eye(len(KERNEL_FACTORS))
    for i, j, rho in ((0, 2, 0.2), (0, 3, 0.3), (2, 3, 0.6), (1, 3, 0.1), (4, 5, -0.2), (3, 5, -0.4)):
        correlation[i, j] = correlation[j, i] = rho
    return LeveredTerms(
        rent=45e6, elasticity=0.5, mined=3e6, power=9e6, fixed=5e6, debt_usd=1.3e9, rate=0.075, tenor=144, start=12,
        cash_usd=60e6, discount_rate=0.1, volatility=np.array([0.58, 0.74, 0.35, 0.2, 0.01, 0.012]),
        reversion=np.array([0.0, 1.0, 1.0, 0.5, 0.3, 0.7]), drift=np.array([0.0, 0.0, -0.02, 0.0, 0.0, 0.0]),
        root=np.asarray(np.linalg.cholesky(correlation), np.float64), months=MONTHS,
    )  # fmt: skip


def _cpu(call: Callable[[], Any]) -> float:
    """CPU seconds of the process, the best of three, so that others on the machine do not count."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def main() -> dict[str, float | str]:
    """Figures by name; paths a second are those of two cores by CPU time."""
    project, cores = terms(), 2
    rng = np.random.Generator(np.random.SFC64(1))
    raw = _cpu(lambda: [rng.standard_normal((6, BLOCK), dtype=np.float32) for _ in range(MONTHS * 10)]) / (10 * BLOCK)
    plain = _cpu(lambda: [levered_numpy(project, BLOCK, rng) for _ in range(10)]) / (10 * BLOCK)
    levered_compiled(project, 1000, 1)
    fast = _cpu(lambda: levered_compiled(project, PATHS, 1)) / PATHS
    slow_value, slow_default = levered_numpy(project, 200_000, rng)
    value, default = levered_compiled(project, PATHS, 1)
    error = np.hypot(slow_value.std() / np.sqrt(200_000), value.std() / np.sqrt(PATHS))
    return {
        "numpy paths/s": cores / plain,
        "numpy, of raw normals": raw / plain,
        "numpy limit": LIMIT_NUMPY,
        "compiled paths/s": cores / fast,
        "compiled, of raw normals": raw / fast,
        "compiled limit": LIMIT_COMPILED,
        "mean value apart, std errors": float((value.mean() - slow_value.mean()) / error),
        "default probability numpy": float((slow_default >= 0).mean()),
        "default probability compiled": float((default >= 0).mean()),
    }
