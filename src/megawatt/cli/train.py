"""``megawatt train``: the best parallel layouts of a model on a machine, or the cost of one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from megawatt.cli.options import WORDS, Number, Whole, force_option, kernels_option, run_options, whole_run_options
from megawatt.cli.output import console, emit_json, note, say
from megawatt.errors import MegawattError, ScenarioError

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.catalogue.records import System
    from megawatt.launch import Question
    from megawatt.training import Objective, TrainingPlan

__all__ = ["train"]


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
@run_options(launch_file=True)
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
@kernels_option
@click.option("--objective", type=click.Choice(["time", "energy", "cost"]), default="time", show_default=True)
@click.option(
    "--price", type=Number(0.0), default=0.0, metavar="USD", help="Price of a chip-hour, for --objective cost."
)
@click.option(
    "--energy-price", type=Number(0.0), default=0.0, metavar="USD", help="Price of a MWh, for --objective cost."
)
@click.option("--top", type=Whole(1, 10), default=5, show_default=True, help="Layouts to list.")
@click.option("--scaling", type=click.Choice(["strong", "weak"]), default="strong", show_default=True,
              help="In a sweep: keep the batch, or let it grow with the chips.")  # fmt: skip
@click.option(
    "--target-s",
    type=Number(0.0, above=True),
    metavar="S",
    help="In a sweep: name the fewest chips whose step is this short.",
)
@click.option("--tokens", type=Number(0.0, 1e16, above=True), metavar="N",
              help="Tokens of the whole run: days with what interrupts it, and energy (docs/runs.md).")  # fmt: skip
@click.option("--pue", type=Number(1.0, 5.0), help="With --tokens: facility over IT power (1).")
@click.option("--carbon", type=Number(0.0, 5000.0), metavar="KG", help="With --tokens: carbon of a MWh of the grid.")
@click.option("--water", type=Number(0.0, 100.0), metavar="L", help="With --tokens: water of the hall, a kWh of IT.")
@click.option("--embodied", type=Number(0.0, 1e6), metavar="KG",
              help="With --tokens: carbon of making a chip with its share of the host, over 5 years.")  # fmt: skip
@click.option("--swing-limit", type=Number(0.0), metavar="MW",
              help="With --tokens: the largest swing of power that the connection allows, step by step.")  # fmt: skip
@click.option("--ramp-limit", type=Number(0.0, above=True), metavar="MW/MIN",
              help="With --tokens: the fastest change of power that the connection allows.")  # fmt: skip
@whole_run_options
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
    batch: int | None,
    seq_len: int | None,
    precision: str | None,
    kernels: Path | None,
    objective: Objective,
    price: float,
    energy_price: float,
    top: int,
    scaling: str,
    target_s: float | None,
    tokens: float | None,
    pue: float | None,
    carbon: float | None,
    water: float | None,
    embodied: float | None,
    swing_limit: float | None,
    ramp_limit: float | None,
    memory: bool,
    timeline: Path | None,
    write_launch: tuple[str, Path] | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """How long is one training step of MODEL, under which parallel layout, and where does the time go?

    MODEL is a catalogue key, a Hugging Face config.json or a model file (docs/models.md); --system a key or a machine
    file (docs/machines.md). All layouts that divide are costed and the best are listed; --layout fixes some or all
    choices, or reads them (with batch, sequence, precision and stack) from the launch file of a run: Megatron-LM or
    NeMo, torchtitan, DeepSpeed, MaxText, NxD Training.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.cli import training_views as views
    from megawatt.launch import ask
    from megawatt.run_options import SETTINGS
    from megawatt.runs import embodied_per_chip_hour
    from megawatt.training import Setup, memory_answer, sweep
    from megawatt.writing import check_text

    said = {name: value for name in SETTINGS if (value := options.pop(name)) not in (None, ())}
    made = None if embodied is None else embodied_per_chip_hour(embodied)
    facility = {
        "pue": pue, "location_kg_per_mwh": carbon, "water_l_per_kwh": water, "embodied_kg_per_chip_hour": made,
    }  # fmt: skip
    site = {name: value for name, value in facility.items() if value is not None}
    rule = {name: value for name, value in (("swing_mw", swing_limit), ("ramp_mw_per_min", ramp_limit))
            if value is not None}  # fmt: skip
    _check_run(tokens, said, site | rule, memory)

    for path in (timeline, write_launch and write_launch[1]):
        if path is not None:
            check_text(path, force=force)
    question = ask(
        load_catalogue(), model, system_key, chips=chips, seq_len=seq_len, global_batch=batch, precision=precision,
        kernels=kernels, setup=Setup(**options),
    )  # fmt: skip
    if memory or len(question.counts) > 1:
        _say_notes(question)
    once = {"--memory": memory, "--timeline": timeline, "--write-launch": write_launch, "--price": price}
    once |= {"--energy-price": energy_price, "--objective": objective != "time", "--tokens": tokens}
    many = len(question.counts) > 1
    _refuse_mixed(many, once, {"--target-s": target_s, "--scaling": scaling != "strong"})
    if many:
        scaled = sweep(question.job, question.system, question.counts, weak=scaling == "weak", **question.asked)
        views.show_sweep(list(scaled), target_s, as_json)
    elif memory:
        asked = {name: value for name, value in question.asked.items() if name != "precisions"}
        views.show_memory(
            question.job, memory_answer(question.job, question.system, question.counts[0], **asked), as_json
        )
    else:
        usd = (price, energy_price)
        files: dict[str, Any] = {"write_launch": write_launch, "timeline": timeline, "force": force}
        _answer(question, objective, usd, top, as_json, tokens=tokens, said=said, site=site, rule=rule, **files)


def _check_run(tokens: float | None, said: dict[str, Any], site: dict[str, float], memory: bool) -> None:
    """Refuse what is said of a whole run where there is none, or is wrong, before anything is planned."""
    from megawatt.runs import RunSettings

    if tokens is None and said:
        raise ScenarioError(f"{', '.join('--' + name.replace('_', '-') for name in said)}: allowed: with --tokens")
    if tokens is None and site:
        found = "--pue, --carbon, --water, --embodied, --swing-limit, --ramp-limit"
        raise ScenarioError(f"{found}: allowed: with --tokens")
    if tokens is not None and memory:
        raise ScenarioError("--memory: allowed: without --tokens")
    RunSettings(**said)


def _answer(
    question: Question,
    objective: Objective,
    usd: tuple[float, float],
    top: int,
    as_json: bool,
    *,
    tokens: float | None,
    said: dict[str, Any],
    site: dict[str, float],
    rule: dict[str, float],
    write_launch: tuple[str, Path] | None,
    timeline: Path | None,
    force: bool,
) -> None:
    """The best plan of a question, and its run where there are tokens, as files and as text or JSON."""
    from megawatt.cli import run_views
    from megawatt.cli import training_views as views
    from megawatt.launch import said_of
    from megawatt.runs import PATHS, BillPrices, ConnectionRule, RunSettings, around_run, run, run_dict
    from megawatt.training import Prices, against, plan
    from megawatt.training.telling import plan_dict

    system, prices = question.system, Prices(*usd)
    ranked: dict[str, Any] = {"objective": objective, "prices": prices}
    try:
        found = plan(question.job, system, question.counts[0], **question.asked, **ranked)
    except MegawattError:
        _say_notes(question)
        raise
    if question.launch is not None:
        found = dataclasses.replace(found, notes=(*found.notes, *said_of(question.launch, found.job.arch)))
    if write_launch is not None:
        _write_launch(*write_launch, force, system, found, question.catalogue)
    if timeline is not None:
        _write_timeline(timeline, force, system, found, question.catalogue)
    whole = around = None
    if tokens is not None:
        whole = run(
            found, system=system, tokens=tokens, catalogue=question.catalogue, settings=RunSettings(**said), paths=PATHS
        )
        limits = ConnectionRule(**rule) if rule else None
        around = around_run(found, whole, system, question.catalogue, BillPrices(*usd, **site), limits)
    free = question.free
    best = None if free is None else plan(question.job, system, question.counts[0], **free, **ranked)
    if as_json:
        beside = {} if best is None else {"best_of_all": plan_dict(system, best, 1)}
        if whole is not None and around is not None:
            beside |= {"run": run_dict(whole) | around.plain()}
        emit_json("train", [plan_dict(system, found, top, prices) | beside])
        return
    views.show_plan(system, found, top, prices)
    if best is not None:
        console().print(views.against_best(best, against(best, found, system)))
    if whole is not None and around is not None:
        run_views.show_run(whole, around)
    if timeline is not None:
        say(f"Timeline: {timeline} (open in https://ui.perfetto.dev)")
    asked = f"{found.job.arch.key} --system {system.key} --chips {found.chips}"
    note(
        f"\nNext: megawatt train {asked} --memory   what fills a chip\n"
        f"      megawatt train {asked} --tokens 1e12   the whole run, failures included\n"
        f"      megawatt compare {found.job.arch.key} --systems {system.key},gb300-nvl72 --chips {found.chips}"
    )


def _say_notes(question: Question) -> None:
    """What should not be hidden of the launch file, where no plan carries it."""
    from megawatt.launch import said_of

    for text in said_of(question.launch, question.job.arch) if question.launch is not None else ():
        say(text, err=True)


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
