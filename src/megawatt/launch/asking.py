"""From a launch file to a question, and from a plan to a launch file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError, shown
from megawatt.files import is_file
from megawatt.launch.deepspeed import read_deepspeed, write_deepspeed
from megawatt.launch.maxtext import read_maxtext, write_maxtext
from megawatt.launch.megatron import read_megatron, read_nxd, write_megatron, write_nxd
from megawatt.launch.options import read_options
from megawatt.launch.records import Launch, Options
from megawatt.launch.torchtitan import read_torchtitan, write_torchtitan
from megawatt.training import TrainingPlan, choices_of, cores_per_chip, is_short
from megawatt.workload import ModelArch

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = [
    "FRAMEWORKS",
    "asked",
    "differing",
    "is_launch",
    "launch_alone",
    "launch_of",
    "read_launch",
    "said_of",
    "write_launch",
]

_READERS: Final[Mapping[str, Callable[[Options, int], Launch]]] = {
    "megatron": read_megatron,
    "torchtitan": read_torchtitan,
    "deepspeed": read_deepspeed,
    "maxtext": read_maxtext,
    "nxd": read_nxd,
}
_WRITERS: Final[Mapping[str, Callable[[Launch, int], tuple[str, tuple[str, ...]]]]] = {
    "megatron": write_megatron,
    "torchtitan": write_torchtitan,
    "deepspeed": write_deepspeed,
    "maxtext": write_maxtext,
    "nxd": write_nxd,
}
FRAMEWORKS: Final = tuple(_WRITERS)
_COUNT: Final = re.compile(r"[1-9][0-9]{0,8}")
_TWO_DEVICES: Final = ("tpu-v7",)
"""Chips that JAX shows as two devices each (Cloud TPU documentation, TPU7x)."""


def is_launch(text: str) -> bool:
    """Whether what stands for a layout is the name of a file rather than choices."""
    return bool(text) and (is_file(Path(text)) or ("=" not in text and not is_short(text)))


def devices_per_chip(catalogue: Catalogue, chip: str, framework: str) -> int:
    """Devices that a framework sees of a chip: cores on Trainium (logical ones), two on TPU7x, else one."""
    if framework == "nxd":
        return min(cores_per_chip(catalogue, chip), default=1)
    return 2 if framework == "maxtext" and chip in _TWO_DEVICES else 1


def launch_alone(path: Path) -> Launch:
    """What a launch file says of itself, without a model or a machine: degrees count devices.

    Raises
    ------
    ScenarioError
        As `read_launch`.
    """
    framework, options = read_options(path)
    return _READERS[framework](options, 0)


def read_launch(path: Path, arch: ModelArch, system: System, catalogue: Catalogue, chips: str = "") -> Launch:
    """What a launch file says of a run, degrees in chips.

    Parameters
    ----------
    path : Path
        The file; `megawatt.launch.options.read_options` tells the framework from its contents.
    arch, system, catalogue
        The model (layers that the file does not name), the machine whose chips count, and the catalogue.
    chips : str
        Chips that are asked for: files that leave the number of devices open say the rest, and the batch of a step,
        relative to it.

    Raises
    ------
    ScenarioError
        If it cannot be read, or an option has no value that it can have.
    """
    framework, options = read_options(path)
    count = devices_per_chip(catalogue, system.accelerator.key, framework)
    options.devices = int(chips) * count if _COUNT.fullmatch(chips) else 0
    launch = _READERS[framework](options, arch.layers)
    layout = _by(dict(launch.layout), count, str(path)) if count > 1 else launch.layout
    devices = launch.devices
    if devices and devices % count:
        raise ScenarioError(f"{path}: {devices} devices are no whole number of chips of {count} devices each")
    whole = devices // count if devices else None
    notes = (*launch.notes, f"degrees counted devices, {count} a chip") if count > 1 else launch.notes
    return replace(launch, layout=layout, devices=whole, notes=notes)


def _by(layout: dict[str, int], count: int, file: str) -> dict[str, int]:
    """Degrees over chips of so many devices: the devices of a chip are one tensor, context or data group."""
    if layout.get("tp", 1) % count == 0:
        for name in ("tp", *(("etp",) if layout.get("etp") == layout["tp"] else ())):
            layout[name] //= count
        layout["sequence_parallel"] = int(bool(layout.get("sequence_parallel")) and layout["tp"] > 1)
    elif layout.get("cp", 1) % count == 0:
        layout["cp"] //= count
    elif layout.get("dp", count) % count == 0 and "micro_batch" in layout:
        layout |= {"dp": layout["dp"] // count} if "dp" in layout else {}
        layout["micro_batch"] *= count
    else:
        raise ScenarioError(f"{file}: no degree is a multiple of the {count} devices of a chip")
    return layout


def differing(launch: Launch, arch: ModelArch) -> tuple[str, ...]:
    """Dimensions that the file names and the model has otherwise, as sentences."""
    pairs = ((name, value, getattr(arch, name)) for name, value in launch.model.items())
    return tuple(f"the launch file says {name} = {a}, {arch.key} has {b}" for name, a, b in pairs if a != b)


def said_of(launch: Launch, arch: ModelArch) -> tuple[str, ...]:
    """What should not be hidden of a launch file: what it says of another model, what was taken for something near,
    what was not understood, and how many options were left aside."""
    notes = [*differing(launch, arch), *launch.notes]
    if launch.unknown:
        notes.append(f"not understood: {', '.join(launch.unknown)}")
    if launch.ignored:
        notes.append(f"{launch.ignored} option{'s' * (launch.ignored > 1)} without effect on time or memory")
    return tuple(f"Launch file ({launch.framework}): {note}." for note in notes)


def asked(launch: Launch | None, **given: Any) -> dict[str, Any]:
    """What is asked: what is given, else what the launch file says, else what is usual.

    Parameters
    ----------
    launch : Launch or None
        The file.
    **given
        ``chips``, ``precision``, ``stack``, ``offload`` (text), ``seq_len``, ``global_batch``, ``lora_rank``; None, 0
        or empty where nothing is said.

    Raises
    ------
    ScenarioError
        If nobody says how many chips.
    """
    said: dict[str, Any] = {}
    if launch is not None:
        names = ("seq_len", "global_batch", "precision", "stack", "lora_rank", "optimizer")
        said = {name: getattr(launch, name) for name in names}
        said |= {"offload": ",".join(launch.offload), "chips": str(launch.devices) if launch.devices else ""}
    found = {name: value or said.get(name) or value for name, value in given.items()}
    if not found["chips"]:
        raise ScenarioError(
            "--chips: not given, nor said by a launch file; allowed: a number, or a range such as 8..64"
        )
    return found


def launch_of(found: TrainingPlan, framework: str, catalogue: Catalogue, system: System) -> Launch:
    """The best layout of a plan as a run of a framework, degrees in its devices."""
    count = devices_per_chip(catalogue, system.accelerator.key, framework)
    layout = choices_of(found.layout)
    layout |= {"tp": layout["tp"] * count, "etp": layout["etp"] * (count if layout["etp"] > 1 else 1)}
    job = found.job
    named = {"layers": job.arch.layers, "experts": job.arch.experts}
    return Launch(
        framework=framework,
        layout=layout,
        stack=found.stack.partition(";")[0],
        switches=found.stack.partition(";")[2].strip(),
        optimizer=found.optimizer,
        seq_len=job.seq_len,
        global_batch=job.global_batch,
        precision=job.precision,
        devices=found.chips * count,
        offload=found.offload,
        lora_rank=job.arch.lora_rank,
        model={name: value for name, value in named.items() if value},
    )


def write_launch(launch: Launch) -> tuple[str, tuple[str, ...]]:
    """The text of a launch file of its framework, and the choices that the framework has no words for.

    Raises
    ------
    ScenarioError
        If there is no such framework.
    """
    if launch.framework not in _WRITERS:
        raise ScenarioError(f"launch file of {shown(launch.framework)}; allowed: {', '.join(FRAMEWORKS)}")
    text, lost = _WRITERS[launch.framework](launch, launch.model.get("layers", 0))
    if launch.framework != "megatron":
        lost += tuple(filter(None, [launch.switches and f"switches {launch.switches}"]))
        # torchtitan's own words for modules say what they lose.
        names = ("repeated_layers",) if launch.framework == "torchtitan" else ("modules", "repeated_layers")
        lost += tuple(name for name in names if launch.layout[name])
    return text, lost
