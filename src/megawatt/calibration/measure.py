"""Measure the kernels of the machine this runs on (CUDA through PyTorch), in the format of the published tables."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt import __version__
from megawatt.calibration.meter import EnergyMeter
from megawatt.errors import MissingDependencyError, ScenarioError
from megawatt.writing import Content, write_columns, write_folder

__all__ = ["Reading", "chip_of_device", "measure_machine", "require_torch", "write_tables"]

_DEVICES: Final = (
    # Marketing name of a device, in the order to look for; catalogue key of its usual module.
    ("GB300", "gb300"),
    ("GB200", "gb200"),
    ("B300", "b300"),
    ("B200", "b200"),
    ("H200", "h200-sxm"),
    ("H100", "h100-sxm"),
    ("H800", "h800"),
    ("H20", "h20"),
    ("A100-SXM4-40", "a100-40g"),
    ("A100", "a100-80g"),
    ("MI355X", "mi355x"),
    ("MI325X", "mi325x"),
    ("MI300X", "mi300x"),
)
_ROWS: Final = (256, 1024, 2048, 4096, 4097, 8192, 16384)
"""Tokens of a multiply: from few to a long micro-batch, and one beyond a whole number of tiles."""
_COLUMNS: Final = ((1024, 4096), (4096, 4096), (4096, 14336), (8192, 8192), (16384, 4096), (1024, 8192), (28672, 8192))
"""(n, k) of common layers: projections and feed-forward of 7B to 70B models."""
_ATTENTION: Final = tuple(
    (b, s, h, g, d) for s in (512, 2048, 8192) for b, h, g, d in ((1, 32, 8, 128), (4, 64, 8, 64))
)
_COPY_BYTES: Final = tuple(2**p for p in (21, 24, 27, 30))
_MESSAGES: Final = tuple(2**p for p in range(10, 29, 2))
_SHORT_RUNS: Final = 10
"""Runs of a kernel before its length is known."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Mean time of one kernel [s], mean power over the run [W] and clock at its end [MHz]; NaN where not read."""

    time_s: float
    power_w: float
    clock_mhz: float


def require_torch() -> Any:
    """PyTorch with a CUDA device.

    Raises
    ------
    MissingDependencyError
        If PyTorch is not installed or sees no device.
    """
    try:
        torch = import_module("torch")
    except ImportError:
        raise MissingDependencyError(
            "calibrate run: needs PyTorch with CUDA to measure kernels; install it from pytorch.org for this machine"
        ) from None
    if not torch.cuda.is_available():
        raise MissingDependencyError("calibrate run: PyTorch sees no CUDA device; run this on the machine to measure")
    return torch


def chip_of_device(name: str) -> str:
    """Catalogue key of a device from the name that its driver gives.

    Raises
    ------
    ScenarioError
        If the name is not known.
    """
    for word, key in _DEVICES:
        if word in name.replace(" ", "-") or word in name:
            return key
    known = ", ".join(word for word, _ in _DEVICES)
    raise ScenarioError(f"calibrate run: device {name!r} is not known; known: {known}. Name it with --accelerator KEY")


def _sample(torch: Any) -> tuple[float, float]:
    """Power [W] and clock [MHz] by NVML; NaN where the library is missing."""
    try:
        return torch.cuda.power_draw() / 1e3, float(torch.cuda.clock_rate())
    except (RuntimeError, ModuleNotFoundError, AttributeError):
        return math.nan, math.nan


def timed(torch: Any, kernel: Callable[[], object], seconds: float) -> Reading:
    """Run a kernel for a while and read its mean time and power.

    Power is the rise of the driver's energy counter; where there is none, the mean of power samples in the second half
    of the run (NVML averages over the last second, so the first half still holds what came before).
    ``seconds`` = 0 is a short run of ten, without power.
    """
    for _ in range(3):
        kernel()
    torch.cuda.synchronize()
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    once_s = _batch_s(torch, kernel, first, last, _SHORT_RUNS) / _SHORT_RUNS
    if seconds <= 0.0:
        return Reading(once_s, math.nan, math.nan)
    batch = max(1, round(0.05 / once_s))
    powers, clock, spent, count = [], math.nan, 0.0, 0
    begin = time.monotonic()
    with EnergyMeter(torch) as meter:
        while (elapsed := time.monotonic() - begin) < seconds:
            batch_s = _batch_s(torch, kernel, first, last, batch)
            if elapsed >= 0.5 * seconds:
                power, clock = _sample(torch)
                powers.append(power)
                spent, count = spent + batch_s, count + batch
    counted_w, sampled_w = meter.power_w(), sum(powers) / len(powers) if powers else math.nan
    return Reading(spent / count if count else once_s, sampled_w if math.isnan(counted_w) else counted_w, clock)


def _batch_s(torch: Any, kernel: Callable[[], object], first: Any, last: Any, count: int) -> float:
    """Time of ``count`` kernels in a row. [s]"""
    first.record()
    for _ in range(count):
        kernel()
    last.record()
    torch.cuda.synchronize()
    return float(first.elapsed_time(last)) / 1e3


def _gemms(torch: Any, chip: str, stack: str, seconds: float) -> Iterator[dict[str, Any]]:
    eight_bits = getattr(torch, "float8_e4m3fn", None) if torch.cuda.get_device_capability() >= (8, 9) else None
    for n, k in _COLUMNS:
        for m in _ROWS:
            a = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
            b = torch.randn(n, k, device="cuda", dtype=torch.bfloat16)
            kernels: list[tuple[str, Callable[[], object]]] = [("bf16", lambda a=a, b=b: a @ b.t())]  # type: ignore[misc]
            if eight_bits is not None and m % 16 == 0:
                a8, b8, one = a.to(eight_bits), b.to(eight_bits), torch.ones((), device="cuda")
                kernels.append(
                    ("fp8", lambda a=a8, b=b8, s=one: torch._scaled_mm(a, b.t(), s, s, out_dtype=torch.bfloat16))  # type: ignore[misc]
                )
            for dtype, kernel in kernels:
                for length, name in ((0.0, f"{stack}-short"), (seconds, f"{stack}-steady")):
                    read = timed(torch, kernel, length)
                    shape = {"m": m, "n": n, "k": k}
                    yield _row(chip, name, dtype, read) | shape


def _row(chip: str, stack: str, dtype: str, read: Reading) -> dict[str, Any]:
    power = None if math.isnan(read.power_w) else read.power_w
    return {
        "accelerator": chip,
        "stack": stack,
        "dtype": dtype,
        "latency_ms": read.time_s * 1e3,
        "power_w": power,
        "clock_mhz": None if math.isnan(read.clock_mhz) else read.clock_mhz,
    }


def _attention(torch: Any, chip: str, stack: str, seconds: float) -> Iterator[dict[str, Any]]:
    product = torch.nn.functional.scaled_dot_product_attention
    for batch, length, heads, groups, width in _ATTENTION:
        q = torch.randn(batch, heads, length, width, device="cuda", dtype=torch.bfloat16)
        k, v = (torch.randn(batch, groups, length, width, device="cuda", dtype=torch.bfloat16) for _ in range(2))

        def forward(q: Any = q, k: Any = k, v: Any = v) -> object:
            return product(q, k, v, is_causal=True, enable_gqa=True)

        shape = {"kv_cache_dtype": "bfloat16", "batch_size": batch, "isl": length, "num_heads": heads}
        shape |= {"num_key_value_heads": groups, "head_dim": width}
        yield _row(chip, stack, "bf16", timed(torch, forward, seconds)) | shape


def _curves(torch: Any, chip: str) -> Iterator[dict[str, Any]]:
    """Forward and backward at 16,384 tokens and width 2,048: the published benchmark."""
    product = torch.nn.functional.scaled_dot_product_attention
    for width in (64, 128):
        for length in (512, 1024, 2048, 4096, 8192, 16384):
            size = (16384 // length, 2048 // width, length, width)
            q, k, v = (torch.randn(*size, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
            gradient = torch.randn(*size, device="cuda", dtype=torch.bfloat16)

            def forward(q: Any = q, k: Any = k, v: Any = v) -> Any:
                return product(q, k, v, is_causal=True)

            def both(forward: Any = forward, gradient: Any = gradient) -> None:
                forward().backward(gradient)

            work = 2.0 * 16384 * length * 2048
            for name, kernel, factor in (("fwd", forward, 1.0), ("fwd+bwd", both, 3.5)):
                rate = factor * work / timed(torch, kernel, 0.0).time_s / 1e12
                row = {"accelerator": chip, "kernel": "torch-sdpa", "pass": name, "dtype": "bf16", "head_dim": width}
                yield row | {"causal": 1, "seq_len": length, "tflops": rate, "source_url": "none"}


def _copies(torch: Any) -> list[dict[str, float]]:
    rows = []
    for size in _COPY_BYTES:
        source = torch.empty(size, device="cuda", dtype=torch.uint8)
        target = torch.empty_like(source)
        read = timed(torch, lambda s=source, t=target: t.copy_(s), 0.0)  # type: ignore[misc]
        rows.append({"bytes": float(size), "bytes_per_s": 2.0 * size / read.time_s})
    return rows


def _collective_worker(rank: int, ranks: int, queue: Any) -> None:
    """One rank: every operation and message size; rank 0 reports times."""
    torch = import_module("torch")
    distributed = import_module("torch.distributed")
    torch.cuda.set_device(rank)
    distributed.init_process_group("nccl", init_method="tcp://127.0.0.1:29577", rank=rank, world_size=ranks)
    for elements in _MESSAGES:
        whole = torch.zeros(elements, device="cuda", dtype=torch.float16)
        part = torch.zeros(elements // ranks, device="cuda", dtype=torch.float16)
        other = torch.zeros_like(whole)
        kernels: dict[str, Callable[[], object]] = {
            "all_reduce": lambda w=whole: distributed.all_reduce(w),  # type: ignore[misc]
            "all_gather": lambda w=whole, p=part: distributed.all_gather_into_tensor(w, p),  # type: ignore[misc]
            "reduce_scatter": lambda w=whole, p=part: distributed.reduce_scatter_tensor(p, w),  # type: ignore[misc]
            "alltoall": lambda w=whole, o=other: distributed.all_to_all_single(o, w),  # type: ignore[misc]
        }
        for name, kernel in kernels.items():
            read = timed(torch, kernel, 0.0)
            if rank == 0:
                queue.put({"op_name": name, "message_size": elements, "latency_ms": read.time_s * 1e3})
    distributed.destroy_process_group()
    if rank == 0:
        queue.put(None)


def _collectives(torch: Any, chip: str, stack: str) -> Iterator[dict[str, Any]]:
    processes = import_module("torch.multiprocessing").get_context("spawn")
    devices = int(torch.cuda.device_count())
    for ranks in (r for r in (2, 4, 8) if r <= devices):
        queue = processes.Queue()
        workers = [processes.Process(target=_collective_worker, args=(r, ranks, queue)) for r in range(ranks)]
        for worker in workers:
            worker.start()
        while (row := queue.get()) is not None:
            yield {"accelerator": chip, "stack": stack, "dtype": "fp16", "num_gpus": ranks} | row
        for worker in workers:
            worker.join()


def measure_machine(accelerator: str = "", seconds: float = 1.0) -> dict[str, Sequence[dict[str, Any]]]:
    """Measure this machine's multiplies, attention, memory copies and, with several devices, collectives.

    Parameters
    ----------
    accelerator : str
        Catalogue key; found from the device's name where it is empty.
    seconds : float
        Length of a steady run: long enough for the power cap to act and for the instrument to settle. [s]

    Returns
    -------
    dict
        Rows by table: ``gemm``, ``attention``, ``curves``, ``copy`` and ``collectives``.

    Raises
    ------
    MissingDependencyError
        Without PyTorch or a CUDA device.
    ScenarioError
        If the device is not known.
    """
    torch = require_torch()
    chip = accelerator or chip_of_device(str(torch.cuda.get_device_name()))
    stack = f"torch_{str(torch.__version__).split('+')[0]}"
    return {
        "gemm": list(_gemms(torch, chip, stack, seconds)),
        "attention": list(_attention(torch, chip, stack, seconds)),
        "curves": list(_curves(torch, chip)),
        "copy": _copies(torch),
        "collectives": list(_collectives(torch, chip, stack)),
    }


def write_tables(tables: dict[str, Sequence[dict[str, Any]]], folder: Path) -> list[Path]:
    """Write measured tables: Parquet for kernels, CSV for attention curves, JSON for memory copies.

    The folder is made, or replaced as a whole if it holds nothing but such tables, unchanged.
    """
    files: dict[str, Content] = {}
    for name, rows in tables.items():
        if not rows:
            continue
        if name == "copy":
            files["copy.json"] = json.dumps(list(rows), indent=1)
        elif name == "curves":
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            files["attention_curves.csv"] = text.getvalue()
        else:
            columns = {key: np.array([math.nan if row[key] is None else row[key] for row in rows]) for key in rows[0]}
            files[f"{name}.parquet"] = partial(write_columns, columns=columns, units={})
    write_folder(folder, files, {"megawatt": __version__})
    return [folder / name for name in files]
