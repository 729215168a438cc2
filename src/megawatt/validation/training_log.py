"""Score the step-time model on a run of one's own: its launch file and its log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import System
from megawatt.launch import Launch, StepTimes, asked, read_launch, read_log, said_of
from megawatt.launch.asking import devices_per_chip
from megawatt.training import Job, cores_per_chip, doublings, evaluate, plan, read_features, switched_text, usual_job
from megawatt.training.layouts import chosen_space
from megawatt.validation.scoring import Case, result_entry
from megawatt.workload import ModelArch

__all__ = ["score_log"]


def score_log(
    log: Path, launch_file: Path, arch: ModelArch, system: System, catalogue: Catalogue, **given: Any
) -> list[dict[str, Any]]:
    """Compare the predicted step of a launch file with the median step of its log.

    Parameters
    ----------
    log, launch_file : Path
        What the run printed, and what it was started with.
    arch, system, catalogue
        Model, machine and catalogue.
    **given
        ``chips``, ``seq_len``, ``global_batch``, ``precision``, ``stack``, where the launch file does not say them, or
        to say them otherwise.

    Returns
    -------
    list of dict
        One entry with one row, in the shape of docs/validation.md; ``assumed`` has what was filled in or not
        understood. Memory decides nothing: ``fits`` says whether the model thinks that it does.

    Raises
    ------
    ScenarioError
        If a file cannot be read, or the layout cannot be set up.
    """
    launch, times = read_launch(launch_file, arch, system, catalogue, str(given.get("chips") or "")), read_log(log)
    question = asked(launch, **given)
    chips = doublings(int(question["chips"]), int(question["chips"]))[0]
    names = ("seq_len", "global_batch", "precision")
    job = usual_job(arch, system.accelerator, **{n: question[n] for n in names}, lora_rank=launch.lora_rank)
    stack = switched_text(question["stack"] or "", read_features(launch.switches)) or None
    set_up = {"stack": stack, "offload": launch.offload, "optimizer": launch.optimizer or None}
    predicted, fits, chosen = _predicted(launch, job, system, chips, catalogue, set_up)
    devices = chips * devices_per_chip(catalogue, system.accelerator.key, launch.framework)
    measured = times.step_s(tokens=job.tokens, sequences=job.global_batch, devices=devices)
    case = Case(
        id=f"{log.name} ({launch_file.name})",
        measured=measured,
        predicted=predicted,
        assumed=(*said_of(launch, arch), *chosen, _spread(times)),
    )
    entry = result_entry(
        file=log.name,
        kind="training-log",
        quantity="step_time",
        unit="s",
        error="relative",
        rows=1,
        scorable=1,
        cases=[case],
        skipped=[],
    )
    return [entry | {"fits": fits}]


def _predicted(
    launch: Launch, job: Job, system: System, chips: int, catalogue: Catalogue, set_up: Mapping[str, Any]
) -> tuple[float, bool, tuple[str, ...]]:
    """Step time, whether it fits, and what was chosen where the file leaves the layout open. [s]"""
    cores = cores_per_chip(catalogue, system.accelerator.key)
    space = chosen_space(job, chips, launch.layout, cores=cores)
    if len(space.layouts) == 1:
        cost = evaluate(job, system, space.layouts, catalogue=catalogue, **set_up)
        return float(cost.step_time_s[0]), bool(cost.feasible[0]), ()
    found = plan(job, system, chips, catalogue=catalogue, layouts=space.layouts, **set_up)
    return found.step_time_s, True, (f"the best of {len(space.layouts):,} layouts that agree with the file",)


def _spread(times: StepTimes) -> str:
    return f"median of {times.steps} steps after warm-up, {times.low:.4g} to {times.high:.4g} {times.quantity}"
