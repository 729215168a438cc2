"""One million shapes of matrix multiplies costed on one core, against the limit."""

from __future__ import annotations

import time

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.hardware import gemm_cost, gemm_kernel

LIMIT_S = 0.5
SHAPES = 1_000_000


def main() -> dict[str, float]:
    """Seconds for a million shapes (median of five) on the chips with most tiles, and the share of the limit."""
    catalogue = load_catalogue()
    rng = np.random.default_rng(7)
    m, n, k = (np.exp(rng.uniform(np.log(16.0), np.log(65536.0), SHAPES)) for _ in range(3))
    figures: dict[str, float] = {}
    for chip, precision in (("h200-sxm", "bf16"), ("gb200", "fp8_block")):
        kernel, _ = gemm_kernel(catalogue, catalogue.accelerator(chip), precision)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            gemm_cost(kernel, m, n, k)
            times.append(time.perf_counter() - start)
        figures[f"{chip}_{precision}_s"] = sorted(times)[2]
    figures["share_of_limit"] = max(figures.values()) / LIMIT_S
    return figures


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:24} {value:.4g}")
