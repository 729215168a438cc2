"""Power of a CUDA device over a run, from the energy that its driver counts (NVML)."""

from __future__ import annotations

import itertools
import math
import threading
import time
from importlib import import_module
from typing import Any, Final

__all__ = ["EnergyMeter", "mean_power_w"]

_POLL_S: Final = 0.005
"""Time between two looks at the energy counter, which moves every 20 to 100 ms. [s]"""
_SETTLE_SHARE: Final = 0.3
"""Share of a run at its start that is left out: the clock is still falling to the power cap."""


def mean_power_w(samples: list[tuple[float, float]], begin_s: float, end_s: float) -> float:
    """Mean power between the first and the last change of an energy counter inside a window. [W]

    The counter moves in ticks of some tens of milliseconds, so only moments at which it changed say anything.

    Parameters
    ----------
    samples : list of (float, float)
        Time [s] and counter [J], in order of time.
    begin_s, end_s : float
        The window. [s]

    Returns
    -------
    float
        NaN where the counter changed fewer than two times in the window.
    """
    ticks = [
        after for before, after in itertools.pairwise(samples) if after[1] != before[1] and begin_s <= after[0] <= end_s
    ]
    if len(ticks) < 2:
        return math.nan
    (first_s, first_j), (last_s, last_j) = ticks[0], ticks[-1]
    return (last_j - first_j) / (last_s - first_s)


class EnergyMeter:
    """Reads a device's energy counter beside a run; `power_w` is NaN where the driver gives none.

    NVML's power reading is a mean over the last second: at the start of a run it still holds the pause before it. The
    energy counter has no memory.
    """

    def __init__(self, torch: Any) -> None:
        self._samples: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._nvml, self._handle = _handle(torch)

    def __enter__(self) -> EnergyMeter:
        if self._handle is not None:
            self._thread = threading.Thread(target=self._poll, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _poll(self) -> None:
        while not self._stop.wait(_POLL_S):
            joules = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1e3
            self._samples.append((time.monotonic(), joules))

    def power_w(self) -> float:
        """Mean power of the run, its start left out. [W]"""
        if not self._samples:
            return math.nan
        begin, end = self._samples[0][0], self._samples[-1][0]
        return mean_power_w(self._samples, begin + _SETTLE_SHARE * (end - begin), end)


def _handle(torch: Any) -> tuple[Any, Any]:
    """NVML and the handle of the current CUDA device; None where the driver or the counter is missing."""
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return None, None
    try:
        nvml.nvmlInit()
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{properties.uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except (nvml.NVMLError, AttributeError):
        return None, None
    return nvml, handle
