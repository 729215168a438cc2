"""Step times out of the logs that training frameworks print.

Lines as in Megatron-LM's ``training_log``, NeMo's progress printer, torchtitan's ``metrics.py`` (tokens a second and
device), DeepSpeed's throughput timer and pipeline engine, MaxText's ``metric_logger``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from megawatt.files import read_text, refused

__all__ = ["StepTimes", "read_log"]

Quantity = Literal["seconds", "milliseconds", "tokens per second and device", "sequences per second"]

_LINE: Final = 4000
"""Characters of a line that are looked at."""
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER: Final = r"([0-9][0-9,]{0,15}(?:\.[0-9]{1,12})?(?:[eE][+-]?[0-9]{1,2})?)"
_PRINTED: Final[tuple[tuple[str, Quantity, str], ...]] = (
    ("megatron", "milliseconds", r"iteration\s+([0-9]+)\s*/.*?elapsed time per iteration \(ms\):\s*NUMBER"),
    ("nemo", "seconds", r"global_step[:=]\s*([0-9]+).*?train_step_timing in s[:=]\s*NUMBER"),
    ("maxtext", "seconds", r"completed step:\s*([0-9]+), seconds:\s*NUMBER"),
    ("deepspeed", "seconds", r"steps:\s*([0-9]+) .*?iter time \(s\):\s*NUMBER"),
    ("deepspeed", "sequences per second", r"global_step=([0-9]+),.*?CurrSamplesPerSec=NUMBER"),
    ("torchtitan", "tokens per second and device", r"(?<!validate )step:\s*([0-9]+)\s.*?tps:\s*NUMBER"),
)
"""Framework, what is printed, and the line: step and value. Where a log has several, the first counts."""
_FORMS: Final = tuple(
    (name, quantity, re.compile(pattern.replace("NUMBER", _NUMBER))) for name, quantity, pattern in _PRINTED
)
_WARM: Final = 0.2
"""Share of the steps that is warm-up, at least two and at most ten."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Steps of a log after warm-up: the framework, how many, their median, and the middle nine tenths; in the log's own
    quantity."""

    framework: str
    quantity: Quantity
    steps: int
    median: float
    low: float
    high: float

    def step_s(self, *, tokens: float, sequences: float, devices: float) -> float:
        """The median as seconds of a step of so many tokens or sequences on so many devices. [s]"""
        if self.quantity == "tokens per second and device":
            return tokens / (self.median * devices)
        if self.quantity == "sequences per second":
            return sequences / self.median
        return self.median / 1e3 if self.quantity == "milliseconds" else self.median


def read_log(path: Path) -> StepTimes:
    """Step times of a log; the first fifth of its steps (two to ten) is warm-up.

    Raises
    ------
    ScenarioError
        If it cannot be read, or holds no line that a framework prints for a step.
    """
    lines = [_ESCAPES.sub("", line[:_LINE]) for line in read_text(path, "a log of a training run").splitlines()]
    for framework, quantity, pattern in _FORMS:
        found: dict[int, float] = {}
        for line in lines:
            match = pattern.search(line)
            value = float(match[2].replace(",", "")) if match else 0.0
            if match and value > 0.0 and len(match[1]) < 16:
                found[int(match[1])] = value
        if found:
            values = [found[step] for step in sorted(found)]
            skipped = min(max(round(_WARM * len(values)), 2), 10, len(values) - 1)
            low, middle, high = np.quantile(values[skipped:], (0.05, 0.5, 0.95))
            return StepTimes(framework, quantity, len(values) - skipped, float(middle), float(low), float(high))
    raise refused(path, "no line of a training step", "a log of Megatron-LM, NeMo, torchtitan, DeepSpeed or MaxText")
