"""One question of training from words: model, machine, chips, sizes, and how the run is set up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError, shown
from megawatt.launch.asking import asked, is_launch, read_launch
from megawatt.launch.records import Launch
from megawatt.training import (
    Job,
    Setup,
    doublings,
    open_machine,
    read_features,
    switched_text,
    trained_precisions,
    usual_job,
)
from megawatt.workload import load_model

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Question", "ask", "read_chips", "read_precisions"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is trained on what: ``asked`` is what `megawatt.training.plan` takes beside job, machine and chips;
    ``launch`` the launch file that says part of it, or None."""

    catalogue: Catalogue
    system: System
    job: Job
    counts: Sequence[int]
    asked: dict[str, Any]
    launch: Launch | None

    @property
    def free(self) -> dict[str, Any] | None:
        """The same without what is held of the layout; None where nothing is."""
        if not (self.asked["choices"] or self.asked["schedules"]):
            return None
        return self.asked | {"choices": None, "schedules": ()}


def read_chips(text: str) -> tuple[int, int]:
    """A number of chips, or a range (``256..4096``), as its two ends.

    Raises
    ------
    ScenarioError
        If it is neither.
    """
    first, dots, last = text.partition("..")
    ends = (first, last if dots else first)
    try:
        if "_" in text or not text.isascii():
            raise ValueError(text)
        return int(ends[0]), int(ends[1])
    except ValueError:
        raise ScenarioError(f"--chips {shown(text)}: allowed: a number, or a range such as 256..4096") from None


def read_precisions(text: str | None, system: System) -> tuple[str, ...]:
    """Names with commas between; ``any``: all that the chip trains in. Empty where nothing is said.

    Raises
    ------
    ScenarioError
        If the text names none.
    """
    if not text:
        return ()
    if text.strip().lower() == "any":
        return trained_precisions(system.accelerator)
    names = tuple(filter(None, (name.strip().lower() for name in text.split(","))))
    if not names:
        raise ScenarioError(f"--precision {text!r}: names none; allowed: one or more that the chip has, or any")
    return names


def ask(
    catalogue: Catalogue,
    model: str,
    machine: str,
    *,
    chips: str = "",
    seq_len: int | None = None,
    global_batch: int | None = None,
    precision: str | None = None,
    kernels: Path | None = None,
    setup: Setup | None = None,
) -> Question:
    """A question as it is put, with what its launch file says where nothing else does, and what is usual elsewhere.

    Parameters
    ----------
    catalogue : Catalogue
        The catalogue.
    model, machine : str
        Keys or files.
    chips : str
        A number or a range; the launch file's if not given.
    seq_len, global_batch, precision
        As of `usual_job` and `read_precisions`.
    kernels : Path, optional
        Measured kernels in the place of the catalogue's.
    setup : Setup, optional
        How the run is set up; its layout may be the name of a launch file.

    Raises
    ------
    ScenarioError
        If a file cannot be read, an option has no value that it can have, or nobody says how many chips.
    """
    setup = setup or Setup()
    catalogue, system = open_machine(catalogue, machine, kernels=kernels)
    arch = load_model(model, catalogue)
    launch = None
    if is_launch(setup.layout):
        launch = read_launch(Path(setup.layout), arch, system, catalogue, chips)
        setup = replace(setup, layout="")
    said = asked(
        launch, chips=chips, seq_len=seq_len, global_batch=global_batch, precision=precision, stack=setup.stack,
        lora_rank=setup.lora, offload=setup.offload, optimizer=setup.optimizer,
    )  # fmt: skip
    stack = said["stack"] or ""
    if launch is not None:
        stack = switched_text(stack, read_features(launch.switches))
    setup = replace(setup, stack=stack, lora=said["lora_rank"], offload=said["offload"], optimizer=said["optimizer"])
    precisions = read_precisions(said["precision"], system)
    job = usual_job(
        arch, system.accelerator, seq_len=said["seq_len"], global_batch=said["global_batch"],
        precision=next(iter(precisions), None), lora_rank=setup.lora, packing=setup.packing,
    )  # fmt: skip
    question = setup.question() | {"precisions": precisions, "catalogue": catalogue}
    if launch is not None:
        question["choices"] = launch.layout
    return Question(catalogue, system, job, doublings(*read_chips(said["chips"])), question, launch)
