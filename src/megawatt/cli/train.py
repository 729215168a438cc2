"""``megawatt train``: the best parallel layouts of a model on a machine, or the cost of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from megawatt.cli.output import emit_json, note
from megawatt.errors import ScenarioError

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.catalogue.records import System
    from megawatt.training import Job, Layouts, TrainingPlan

__all__ = ["train"]

_BATCH_TOKENS: Final = 4_194_304
"""Tokens per step where no batch is given: about four million, usual for large models."""
_DEGREES: Final = ("tp", "pp", "vpp", "cp", "ep", "etp", "dp", "micro_batch", "zero", "recompute", "sequence_parallel")
_LAYOUT_HELP: Final = f"Fix choices: {', '.join(_DEGREES)}. With tp, pp and micro_batch: this layout alone."
_WORDS: Final = {"none": 0, "no": 0, "selective": 1, "full": 2, "on": 1, "off": 0}
_MOST_SWEPT: Final = 12


def chip_counts(text: str) -> list[int]:
    """One number of chips, or the doublings from one to another (``256..4096``, both ends included)."""
    first, dots, last = text.partition("..")
    try:
        low = int(first)
        high = int(last) if dots else low
    except ValueError:
        raise ScenarioError(f"--chips {text!r}: allowed: a number, or a range such as 256..4096") from None
    if low < 1 or high < low:
        raise ScenarioError(f"--chips {text!r}: allowed: 1 or more, the smaller number first")
    counts = [low]
    while counts[-1] * 2 <= high and len(counts) < _MOST_SWEPT:
        counts.append(counts[-1] * 2)
    return counts if counts[-1] == high else [*counts, high]


def parse_layout(text: str) -> dict[str, int]:
    """``tp=8,pp=16,recompute=full`` as numbers by field.

    Raises
    ------
    ScenarioError
        If a field or a value is unknown.
    """
    values: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = part.partition("=")
        name = {"mb": "micro_batch", "sp": "sequence_parallel"}.get(name.strip(), name.strip().replace("-", "_"))
        if name not in _DEGREES:
            raise ScenarioError(f"--layout {part!r}: no such choice; allowed: {', '.join(_DEGREES)}")
        word = value.strip().lower()
        if word not in _WORDS and not word.isdigit():
            raise ScenarioError(f"--layout {part!r}: allowed: a whole number, or none, selective, full, on, off")
        values[name] = _WORDS[word] if word in _WORDS else int(word)
    return values


def layouts_like(text: str, job: Job, chips: int) -> Layouts | None:
    """One layout where it is given in full, the layouts that agree with what is given otherwise; None without any."""
    import numpy as np

    from megawatt.training import layout_reasons, one_layout, search_space

    given = parse_layout(text)
    if not given:
        return None
    model = given.get("tp", 1) * given.get("pp", 1) * given.get("cp", 1)
    if {"tp", "pp", "micro_batch"} <= set(given):
        if "dp" not in given and chips % model:
            raise ScenarioError(f"--layout: tp x pp x cp = {model} does not divide {chips} chips")
        full: dict[str, Any] = {"dp": chips // model} | given
        if "sequence_parallel" in full:
            full["sequence_parallel"] = bool(full["sequence_parallel"])
        layout = one_layout(**full)
        reason = layout_reasons(job, layout, chips=chips)[0]
        if reason:
            sizes = f"{chips} chips, {job.global_batch} sequences of {job.seq_len} tokens"
            raise ScenarioError(f"--layout {text}: {reason} ({sizes})")
        return layout
    space = search_space(job, chips)
    agree = np.ones(len(space.layouts), dtype=bool)
    for name, value in given.items():
        agree &= getattr(space.layouts, name).astype(np.int64) == value
    if not agree.any():
        raise ScenarioError(
            f"--layout {text}: none of {len(space.layouts):,} layouts of {chips} chips has these values"
        )
    return space.layouts.take(agree)


def default_precision(system: System) -> str:
    """bf16 where the chip has it, else fp16."""
    return "bf16" if "bf16" in system.accelerator.peak_flops_per_s else "fp16"


def read_precisions(text: str | None, system: System) -> tuple[str, ...]:
    """Names after ``--precision``; ``any``: all that the chip trains in."""
    from megawatt.training import trained_precisions

    if not text:
        return (default_precision(system),)
    if text.strip().lower() == "any":
        return trained_precisions(system.accelerator)
    names = tuple(filter(None, (name.strip().lower() for name in text.split(","))))
    if not names:
        raise ScenarioError(f"--precision {text!r}: names none; allowed: one or more that the chip has, or any")
    return names


def default_batch(seq_len: int) -> int:
    """Sequences of about four million tokens."""
    return max(1, _BATCH_TOKENS // seq_len)


@click.command(
    epilog="Example: megawatt train gpt-3-175b --system hgx-h100 --chips 1024 --batch 1536 --seq 2048 --top 3"
)
@click.argument("model")
@click.option("--system", "system_key", required=True, metavar="KEY", help="Machine, e.g. hgx-h100, gb300-nvl72.")
@click.option("--chips", required=True, metavar="N|A..B", help="Chips to use, or a range to sweep in doublings.")
@click.option("--layout", default="", metavar="NAME=N,...", help=_LAYOUT_HELP)
@click.option("--batch", type=click.IntRange(min=1), help="Sequences per step (default: about 4 million tokens).")
@click.option("--seq", "seq_len", type=click.IntRange(min=1), default=4096, show_default=True, help="Tokens each.")
@click.option("--precision", metavar="NAME,...|any", help="Of the linear layers; several are ranked together (bf16).")
@click.option("--stack", help="Training stack, a catalogue key (default: the usual one of the chip).")
@click.option("--offload", default="", metavar="WHAT,...", help="Keep in the host's memory: optimizer, activations.")
@click.option("--objective", type=click.Choice(["time", "energy", "cost"]), default="time", show_default=True)
@click.option("--price", type=float, default=0.0, metavar="USD", help="Price of a chip-hour, for --objective cost.")
@click.option("--energy-price", type=float, default=0.0, metavar="USD", help="Price of a MWh, for --objective cost.")
@click.option("--top", type=click.IntRange(1, 10), default=5, show_default=True, help="Layouts to list.")
@click.option("--scaling", type=click.Choice(["strong", "weak"]), default="strong", show_default=True,
              help="In a sweep: keep the batch, or let it grow with the chips.")  # fmt: skip
@click.option("--target-s", type=float, metavar="S", help="In a sweep: name the fewest chips whose step is this short.")
@click.option("--timeline", type=click.Path(path_type=Path), help="Write one step as a Chrome trace (Perfetto).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/training.md).")
def train(
    model: str,
    system_key: str,
    chips: str,
    layout: str,
    batch: int | None,
    seq_len: int,
    precision: str | None,
    stack: str | None,
    offload: str,
    objective: str,
    price: float,
    energy_price: float,
    top: int,
    scaling: str,
    target_s: float | None,
    timeline: Path | None,
    as_json: bool,
) -> None:
    """How long is one training step of MODEL, under which parallel layout, and where does the time go?

    MODEL is a catalogue key or the path of a Hugging Face config.json. All layouts that divide are costed and the best
    are listed; --layout fixes some or all choices.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.cli import training_views as views
    from megawatt.training import Job, Prices, plan, sweep
    from megawatt.workload import load_model

    catalogue = load_catalogue()
    system = catalogue.system(system_key)
    counts = chip_counts(chips)
    precisions = read_precisions(precision, system)
    job = Job(load_model(model, catalogue), seq_len, batch or default_batch(seq_len), precisions[0])
    question: dict[str, Any] = {
        "precisions": precisions,
        "catalogue": catalogue,
        "stack": stack,
        "offload": tuple(filter(None, (word.strip() for word in offload.split(",")))),
    }
    if len(counts) > 1:
        if layout or timeline:
            raise ScenarioError("--layout and --timeline are for one number of chips, not for a sweep")
        scaled = list(sweep(job, system, counts, weak=scaling == "weak", **question))
        views.show_sweep(scaled, target_s, as_json)
        return
    given = layouts_like(layout, job, counts[0])
    prices = Prices(price, energy_price)
    found = plan(job, system, counts[0], objective=objective, layouts=given, prices=prices, **question)  # type: ignore[arg-type]
    if timeline is not None:
        _write_timeline(timeline, system, found, catalogue)
    best = plan(job, system, counts[0], objective=objective, prices=prices, **question) if given is not None else None  # type: ignore[arg-type]
    if as_json:
        against = {} if best is None else {"best_of_all": views.plan_dict(system, best, 1)}
        emit_json("train", [views.plan_dict(system, found, top, prices) | against])
    else:
        views.show_plan(system, found, top)
        if best is not None:
            click.echo(views.against_best(found, best))
        if timeline is not None:
            click.echo(f"Timeline: {timeline} (open in https://ui.perfetto.dev)")


def _write_timeline(path: Path, system: System, found: TrainingPlan, catalogue: Catalogue) -> None:
    import json

    from megawatt.training import describe_layout, practice_for
    from megawatt.training.timeline import chrome_trace, step_timeline

    practice = practice_for(catalogue, system, found.stack, offload=found.offload)
    timeline = step_timeline(found.job, system, found.layout, practice=practice)
    title = f"{found.job.arch.key} on {found.chips} x {system.accelerator.key}: {describe_layout(found.layout)}"
    try:
        path.write_text(json.dumps(chrome_trace(timeline, title)), encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"--timeline {path}: {error.strerror}; allowed: a path that can be written") from None
    note(f"{path}: {len(timeline.events):,} events")
