"""``megawatt train``: the best parallel layouts of a model on a machine, or the cost of one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from megawatt.cli.options import (
    WORDS,
    Number,
    Whole,
    force_option,
    kernels_option,
    launch_option,
    lora_option,
    packing_option,
    schedule_option,
)
from megawatt.cli.output import console, emit_json, note, say
from megawatt.errors import ScenarioError, shown

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.catalogue.records import System
    from megawatt.training import TrainingPlan

__all__ = ["train"]


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
    """Names after ``--precision``; ``any``: all that the chip trains in. Empty where nothing is said."""
    from megawatt.training import trained_precisions

    if not text:
        return ()
    if text.strip().lower() == "any":
        return trained_precisions(system.accelerator)
    names = tuple(filter(None, (name.strip().lower() for name in text.split(","))))
    if not names:
        raise ScenarioError(f"--precision {text!r}: names none; allowed: one or more that the chip has, or any")
    return names


def _refuse_mixed(swept: bool, once: dict[str, Any], many: dict[str, Any]) -> None:
    """Refuse options of a single number of chips in a sweep, and those of a sweep without one."""
    given = [name for name, value in (once if swept else many).items() if value]
    if given:
        words = "one number of chips, not for a sweep" if swept else "a sweep, such as --chips 256..4096"
        raise ScenarioError(f"{', '.join(given)}: for {words}")


@click.command(
    epilog="Example: megawatt train gpt-3-175b --system hgx-h100 --chips 1024 --batch 1536 --seq 2048 --top 3"
)
@click.argument("model")
@click.option("--system", "system_key", required=True, metavar="KEY|FILE", help="Machine: hgx-h100, ./my-machine.toml.")
@click.option("--chips", default="", metavar="N|A..B",
              help="Chips to use, or a range to sweep in doublings (default: those of a launch file).")  # fmt: skip
@launch_option
@schedule_option
@click.option("--batch", type=Whole(1), help="Sequences per step (default: about 4 million tokens).")
@click.option(
    "--seq",
    "seq_len",
    type=Whole(1),
    help="Tokens each; a launch file's, or 4,096, unless given, fewer where the model has fewer positions.",
)
@click.option(
    "--precision", type=WORDS, metavar="NAME,...|any", help="Of the linear layers; several are ranked together (bf16)."
)
@lora_option
@packing_option
@kernels_option
@click.option(
    "--stack",
    metavar="NAME[@RELEASE]",
    default="",
    help="Training stack and its release (or a month), e.g. megatron-bridge@26.02 (default: the chip's usual).",
)
@click.option("--set-stack", "switches", multiple=True, metavar="NAME=VALUE",
              help="Switch one feature of the stack, e.g. ep_overlap=on, dispatcher=deepep, graphs=none.")  # fmt: skip
@click.option(
    "--offload", type=WORDS, default="", metavar="WHAT,...", help="Keep in the host's memory: optimizer, activations."
)
@click.option("--objective", type=click.Choice(["time", "energy", "cost"]), default="time", show_default=True)
@click.option(
    "--price", type=Number(0.0), default=0.0, metavar="USD", help="Price of a chip-hour, for --objective cost."
)
@click.option("--energy-price", type=Number(), default=0.0, metavar="USD", help="Price of a MWh, for --objective cost.")
@click.option("--top", type=Whole(1, 10), default=5, show_default=True, help="Layouts to list.")
@click.option("--scaling", type=click.Choice(["strong", "weak"]), default="strong", show_default=True,
              help="In a sweep: keep the batch, or let it grow with the chips.")  # fmt: skip
@click.option(
    "--target-s",
    type=Number(0.0, above=True),
    metavar="S",
    help="In a sweep: name the fewest chips whose step is this short.",
)
@click.option("--memory", is_flag=True, help="What fills the fullest chip, and which changes would make it fit.")
@click.option(
    "--timeline", type=click.Path(path_type=Path, dir_okay=False), help="Write one step as a Chrome trace (Perfetto)."
)
@click.option(
    "--write-launch",
    type=(click.Choice(["megatron", "torchtitan", "deepspeed", "maxtext", "nxd"]), click.Path(path_type=Path)),
    metavar="FRAMEWORK FILE",
    help="Write the best layout as a launch file: megatron, torchtitan, deepspeed, maxtext, nxd.",
)
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/training.md).")
def train(
    model: str,
    system_key: str,
    chips: str,
    layout: str,
    schedule: str,
    batch: int | None,
    seq_len: int | None,
    precision: str | None,
    lora: int,
    packing: str,
    kernels: Path | None,
    stack: str,
    switches: tuple[str, ...],
    offload: str,
    objective: str,
    price: float,
    energy_price: float,
    top: int,
    scaling: str,
    target_s: float | None,
    memory: bool,
    timeline: Path | None,
    write_launch: tuple[str, Path] | None,
    force: bool,
    as_json: bool,
) -> None:
    """How long is one training step of MODEL, under which parallel layout, and where does the time go?

    MODEL is a catalogue key, a Hugging Face config.json or a model file (docs/models.md); --system a key or a machine
    file (docs/machines.md). All layouts that divide are costed and the best are listed; --layout fixes some or all
    choices, or reads them (with batch, sequence, precision and stack) from the launch file of a run: Megatron-LM or
    NeMo, torchtitan, DeepSpeed, MaxText, NxD Training. Serving of models is not modelled.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.cli import training_views as views
    from megawatt.launch import asked, is_launch, read_launch, said_of
    from megawatt.training import (
        Prices,
        against,
        doublings,
        memory_answer,
        open_machine,
        parse_choices,
        parse_schedules,
        plan,
        read_features,
        sweep,
        switched_text,
        usual_job,
    )
    from megawatt.workload import load_model
    from megawatt.writing import check_text

    for path in (timeline, write_launch and write_launch[1]):
        if path is not None:
            check_text(path, force=force)
    catalogue, system = open_machine(load_catalogue(), system_key, kernels=kernels)
    arch = load_model(model, catalogue)
    launch = read_launch(Path(layout), arch, system, catalogue, chips) if is_launch(layout) else None
    said = asked(
        launch, chips=chips, seq_len=seq_len, global_batch=batch, precision=precision, stack=stack or None,
        lora_rank=lora, offload=tuple(filter(None, (word.strip() for word in offload.split(",")))),
    )  # fmt: skip
    precisions = read_precisions(said["precision"], system)
    job = usual_job(
        arch, system.accelerator, seq_len=said["seq_len"], global_batch=said["global_batch"],
        precision=next(iter(precisions), None), lora_rank=said["lora_rank"], packing=packing,
    )  # fmt: skip
    question: dict[str, Any] = {
        "precisions": precisions,
        "catalogue": catalogue,
        "stack": switched_text(said["stack"] or "", read_features("; ".join(switches))) or None,
        "offload": said["offload"],
    }
    choices = launch.layout if launch is not None else parse_choices(layout)
    held: dict[str, Any] = {"choices": choices, "schedules": parse_schedules(schedule)}
    counts = doublings(*read_chips(said["chips"]))
    once = {"--memory": memory, "--timeline": timeline, "--write-launch": write_launch, "--price": price}
    once |= {"--energy-price": energy_price, "--objective": objective != "time"}
    _refuse_mixed(len(counts) > 1, once, {"--target-s": target_s, "--scaling": scaling != "strong"})
    if len(counts) > 1:
        scaled = list(sweep(job, system, counts, weak=scaling == "weak", **question, **held))
        views.show_sweep(scaled, target_s, as_json)
        return
    if memory:
        asked_for = {"catalogue": catalogue, "stack": said["stack"], "offload": said["offload"]}
        views.show_memory(job, memory_answer(job, system, counts[0], **asked_for, **held), as_json)
        return
    question |= {"objective": objective, "prices": Prices(price, energy_price)}
    found = plan(job, system, counts[0], **question, **held)
    if launch is not None:
        found = dataclasses.replace(found, notes=(*found.notes, *said_of(launch, arch)))
    if write_launch is not None:
        _write_launch(*write_launch, force, system, found, catalogue)
    if timeline is not None:
        _write_timeline(timeline, force, system, found, catalogue)
    best = plan(job, system, counts[0], **question) if any(held.values()) else None
    if as_json:
        beside = {} if best is None else {"best_of_all": views.plan_dict(system, best, 1)}
        emit_json("train", [views.plan_dict(system, found, top, question["prices"]) | beside])
    else:
        views.show_plan(system, found, top, question["prices"])
        if best is not None:
            console().print(views.against_best(best, against(best, found, system)))
        if timeline is not None:
            say(f"Timeline: {timeline} (open in https://ui.perfetto.dev)")


def _write_launch(
    framework: str, path: Path, force: bool, system: System, found: TrainingPlan, catalogue: Catalogue
) -> None:
    from megawatt.launch import launch_of, write_launch
    from megawatt.writing import write_text

    text, lost = write_launch(launch_of(found, framework, catalogue, system))
    write_text(path, text, force=force, seal=False)
    if lost:
        say(f"{path}: {framework} has no words for {', '.join(lost)}", err=True)


def _write_timeline(path: Path, force: bool, system: System, found: TrainingPlan, catalogue: Catalogue) -> None:
    import json

    from megawatt.training import chrome_trace, describe_layout, plan_timeline
    from megawatt.writing import write_text

    timeline = plan_timeline(found, system, catalogue)
    title = f"{found.job.arch.key} on {found.chips} x {system.accelerator.key}: {describe_layout(found.layout)}"
    write_text(path, json.dumps(chrome_trace(timeline, title)), force=force)
    note(f"{path}: {len(timeline.events):,} events")
