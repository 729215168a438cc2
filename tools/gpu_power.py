"""What a power reading holds besides power: content of the operands, and the pause before a run.

    python tools/gpu_power.py OUT.json

Multiplies in bf16, 2.5 s each: weights of random numbers, of small ones, and of zeros; then the mean of NVML's
power samples over the first second after a pause and after work, beside the energy counter.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from megawatt.calibration.measure import timed
from megawatt.calibration.meter import EnergyMeter

SHAPES = ((2304, 2048, 65536), (1536, 7168, 65536), (2304, 2048, 51200), (8192, 8192, 8192), (3072, 51200, 51200))


def contents(m: int, n: int, k: int) -> list[dict[str, float | str]]:
    rows: list[dict[str, float | str]] = []
    a = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
    for name in ("random", "small", "zeros"):
        b = torch.zeros(n, k, device="cuda", dtype=torch.bfloat16)
        if name != "zeros":
            b.normal_(0.0, 1.0 if name == "random" else 0.02)
        read = timed(torch, lambda b=b: a @ b.t(), 2.5)
        rows.append({"m": m, "n": n, "k": k, "weights": name, "time_s": read.time_s, "power_w": read.power_w})
        rows[-1] |= {"clock_mhz": read.clock_mhz, "tflops": 2.0 * m * n * k / read.time_s / 1e12}
        del b
    return rows


def first_second(pause_s: float) -> dict[str, float]:
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    begin = time.monotonic()
    while pause_s == 0.0 and time.monotonic() - begin < 2.0:
        for _ in range(20):
            a @ b
        torch.cuda.synchronize()
    time.sleep(pause_s)
    samples: list[float] = []
    begin, due = time.monotonic(), 0.0
    with EnergyMeter(torch) as meter:
        while (now := time.monotonic() - begin) < 1.0:
            if now >= due:
                samples.append(torch.cuda.power_draw() / 1e3)
                due += 0.1
            for _ in range(8):
                a @ b
            torch.cuda.synchronize()
    return {"pause_s": pause_s, "mean_of_samples_w": sum(samples) / len(samples), "counter_w": meter.power_w()}


def main() -> None:
    result = {
        "device": torch.cuda.get_device_name(),
        "contents": [row for shape in SHAPES for row in contents(*shape)],
        "first_second": [first_second(pause) for pause in (0.0, 0.3, 2.0)],
    }
    print(json.dumps(result))
    Path(sys.argv[1]).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
