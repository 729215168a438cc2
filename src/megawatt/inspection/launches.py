"""Launch files and logs of training frameworks, described."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from megawatt.catalogue import Catalogue
from megawatt.inspection.records import Description, Line, Section
from megawatt.launch import launch_alone, read_log
from megawatt.training import worded

__all__ = ["describe_launch", "describe_log"]

_UNSAID: Final = ("zero_group", "schedule", "first_layers", "last_layers")
"""Choices that 0 leaves to what is usual."""
_NAMES: Final = {"cp_exchange": "cp_comm"}
"""Fields of a layout that `--layout` names otherwise."""


def describe_launch(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A launch file: what it says of the run, what it leaves open and what was not understood."""
    launch = launch_alone(path)
    said: dict[str, float | int | str | None] = {
        "tokens of a sequence": launch.seq_len,
        "sequences of a step": launch.global_batch,
        "precision": launch.precision,
        "devices": launch.devices,
        "stack": launch.stack,
        "in the host's memory": ", ".join(launch.offload) or None,
        "rank of adapters": launch.lora_rank or None,
        **launch.model,
    }
    run = tuple(Line(name, value) for name, value in said.items() if value is not None)
    chosen = {name: value for name, value in launch.layout.items() if value or name not in _UNSAID}
    layout = tuple(Line(_NAMES.get(name, name), worded(name, int(value))) for name, value in chosen.items())
    left = tuple(f"{name}: not said" for name, value in list(said.items())[:4] if value is None)
    unknown = (f"not understood: {', '.join(launch.unknown)}",) if launch.unknown else ()
    others = (f"options without effect on time or memory: {launch.ignored}",) if launch.ignored else ()
    sections = (Section("run", run), Section("layout, degrees in devices", layout))
    notes = (*launch.notes, *left, *unknown, *others)
    return Description("", str(path), f"launch file of {launch.framework}", sections, notes)


def describe_log(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A log of a training run: its steps after warm-up."""
    times = read_log(path)
    lines = (
        Line("steps after warm-up", times.steps),
        Line("median", times.median, times.quantity, times.low, times.high),
    )
    return Description("", str(path), f"log of {times.framework}", (Section("steps", lines),))
