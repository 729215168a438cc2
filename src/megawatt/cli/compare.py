"""``megawatt compare``: the best layout of a model on each of several machines, side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from megawatt.cli.options import WORDS, Number, Whole, kernels_option, run_options
from megawatt.cli.output import emit_json, say
from megawatt.cli.tables import print_table
from megawatt.errors import ScenarioError

if TYPE_CHECKING:
    from megawatt.training import Machine

__all__ = ["compare"]


def _counts(systems: list[str], prices: str, limits: dict[str, float | None]) -> dict[str, float]:
    """The price of a chip-hour of each machine, where prices are given; checks that one limit is given."""
    given = [name for name, value in limits.items() if value is not None]
    if len(given) != 1:
        raise ScenarioError(f"compare at equal chips, power or cost: give one of {', '.join(limits)}")
    if not 0.0 < (limits[given[0]] or 0.0) < math.inf:
        raise ScenarioError(f"{given[0]} {limits[given[0]]}: allowed: a number above 0")
    if not prices:
        if limits["--usd-per-hour"] is not None:
            raise ScenarioError("--usd-per-hour needs --prices, one price of a chip-hour for each of --systems")
        return {}
    try:
        values = [float(p) for p in prices.split(",")]
    except ValueError:
        raise ScenarioError(f"--prices {prices!r}: allowed: numbers, USD per chip-hour") from None
    if len(values) != len(systems) or not all(0.0 < v < math.inf for v in values):
        raise ScenarioError(f"--prices {prices!r}: allowed: {len(systems)} numbers above 0, one for each of --systems")
    return dict(zip(systems, values, strict=True))


@click.command(
    epilog="Example: megawatt compare llama-3.1-70b --systems hgx-h100,gb300-nvl72,trn3-gen2-ultraserver --power-mw 10"
)
@click.argument("model")
@click.option("--systems", type=WORDS, required=True, metavar="A,B,...", help="Machines: keys or machine files.")
@click.option("--chips", type=Whole(1), help="Equal chips, at most.")
@click.option("--power-mw", type=Number(0.0, 1e6, above=True), help="Equal provisioned IT power. [MW]")
@click.option("--usd-per-hour", type=Number(0.0, above=True), help="Equal cost of chip-hours; needs --prices.")
@click.option("--prices", type=WORDS, default="", metavar="P,Q,...", help="USD per chip-hour of each machine.")
@click.option("--batch", type=Whole(1), help="Sequences per step (default: about 4 million tokens).")
@click.option(
    "--seq",
    "seq_len",
    type=Whole(1),
    help="Tokens each; 4,096 unless given, fewer where the model has fewer positions.",
)
@click.option("--precision", help="Precision of the linear layers (default: bf16).")
@run_options()
@kernels_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/training.md).")
def compare(
    model: str,
    systems: str,
    chips: int | None,
    power_mw: float | None,
    usd_per_hour: float | None,
    prices: str,
    batch: int | None,
    seq_len: int | None,
    precision: str | None,
    kernels: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """What does each of several machines make of MODEL, at equal chips, power or cost?

    Step times come with their range when each input is moved to the ends of its published range, one at a time.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.training import Setup, chips_within, machine_within, open_machines, usual_job
    from megawatt.workload import load_model

    names = [name.strip() for name in systems.split(",") if name.strip()]
    if not names:
        raise ScenarioError("--systems: none is given; allowed: catalogue keys or machine files, separated by commas")
    catalogue, keys = open_machines(load_catalogue(), names, kernels=kernels)
    arch = load_model(model, catalogue)
    priced = _counts(keys, prices, {"--chips": chips, "--power-mw": power_mw, "--usd-per-hour": usd_per_hour})
    setup = Setup(**options)
    held = setup.question()
    asked: dict[str, Any] = {"seq_len": seq_len, "global_batch": batch, "precision": precision}
    asked |= {"lora_rank": setup.lora, "packing": setup.packing}
    rows: list[dict[str, Any]] = []
    for key in keys:
        system, price = catalogue.system(key), priced.get(key)
        limits = {"chips": chips, "power_mw": power_mw, "usd_per_hour": usd_per_hour}
        limit = chips_within(system, **limits, usd_per_chip_hour=price)
        job = usual_job(arch, system.accelerator, **asked)
        found = machine_within(job, system, limit, catalogue=catalogue, usd_per_chip_hour=price, **held)
        rows.append(_figures(found))
    if as_json:
        emit_json("compare", rows)
    else:
        _show(rows, bool(priced))


def _figures(machine: Machine) -> dict[str, Any]:
    from megawatt.cli.training_views import plan_dict

    row: dict[str, Any] = {"system": machine.system.key, "why": machine.why}
    if machine.plan is None:
        return row
    low, _, high = machine.step_time_s
    row |= plan_dict(machine.system, machine.plan, 1)
    row |= {
        "step_time_low_s": low,
        "step_time_high_s": high,
        "provisioned_it_mw": machine.provisioned_it_mw,
        "it_mw": machine.it_mw,
        "widest_inputs": [
            {"name": r.name, "low": r.low, "high": r.high, "step_time_s": [r.step_time_low_s, r.step_time_high_s]}
            for r in machine.ranges[:5]
        ],
    }
    if machine.usd_per_million_tokens is not None:
        row["usd_per_million_tokens"] = machine.usd_per_million_tokens
    return row


_FIGURES: Final = ("chips", "step", "tokens/s", "MFU", "IT MW", "J/token")


def _show(rows: list[dict[str, Any]], priced: bool) -> None:
    """The machines' figures, then how sure their steps are and under which layout."""
    figures, layouts = [], []
    for row in rows:
        if row["why"]:
            figures.append([row["system"], *("-" for _ in _FIGURES), *(["-"] if priced else [])])
            layouts.append((row["system"], "-", row["why"]))
            continue
        cells = [f"{row['chips']:,}", f"{row['step_time_s']:.3f} s", f"{row['tokens_per_s']:,.0f}", f"{row['mfu']:.1%}"]
        cells += [f"{row['it_mw']:.2f}", f"{row['it_energy_j_per_token']:.3g}"]
        figures.append([row["system"], *cells, *([f"{row['usd_per_million_tokens']:.3f}"] if priced else [])])
        span = f"{row['step_time_low_s']:.3f} to {row['step_time_high_s']:.3f} s"
        layouts.append((row["system"], span, row["layouts"][0]["short"]))
    print_table(("system", *_FIGURES, *(["$/M tokens"] if priced else [])), figures)
    say("")
    print_table(("system", "step, inputs at their ends", "layout"), layouts, fold="layout")
