"""``megawatt compare``: the best layout of a model on each of several machines, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from megawatt.cli.options import WORDS, Number, Whole, kernels_option, run_options
from megawatt.cli.output import emit_json, say
from megawatt.cli.tables import print_table
from megawatt.errors import ScenarioError

__all__ = ["compare"]

_AT: Final = {
    "chips": "--chips", "power": "--power-mw", "cost": "--usd-per-hour", "unit": "--units", "time": "--step-s",
}  # fmt: skip
"""What machines may be equal in, and the option that says how much of it."""


def _equal(at: str | None, given: dict[str, Any]) -> str:
    """What the machines are equal in: what ``--at`` says, or the one amount that is given."""
    said = [name for name, option in _AT.items() if given[option] is not None]
    if at == "unit" and not said:
        return at
    if len(said) != 1 or (at is not None and said != [at]):
        found = " and ".join(_AT[name] for name in said) or "no amount"
        allowed = _AT[at] if at else ", ".join(_AT.values())
        raise ScenarioError(f"compare at equal {at or ', '.join(_AT)}: {found}; allowed: one of {allowed}")
    return said[0]


def _each(text: str, systems: list[str], option: str) -> list[float]:
    """One number for all machines, or one for each."""
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        raise ScenarioError(f"{option} {text!r}: allowed: numbers with commas between them") from None
    if len(values) not in (1, len(systems)) or not all(0.0 < value < float("inf") for value in values):
        raise ScenarioError(f"{option} {text!r}: allowed: one number above 0, or {len(systems)}, one for each machine")
    return values if len(values) > 1 else [values[0] for _ in systems]


def _precisions(text: str | None, systems: list[str]) -> list[str | None]:
    """One precision for all machines (or ``any``), or one for each."""
    words: list[str | None] = [word.strip() for word in text.split(",")] if text else [None]
    if len(words) not in (1, len(systems)):
        raise ScenarioError(f"--precision {text!r}: allowed: one, any, or {len(systems)}, one for each machine")
    return words if len(words) > 1 else [words[0] for _ in systems]


@click.command(
    epilog="Example: megawatt compare llama-3.1-70b --systems hgx-h100,gb300-nvl72,trn3-gen2-ultraserver --power-mw 10"
)
@click.argument("model")
@click.option("--systems", type=WORDS, required=True, metavar="A,B,...", help="Machines: keys or machine files.")
@click.option("--at", type=click.Choice(list(_AT)),
              help="What is equal (default: what an amount is given of); unit: whole machines.")  # fmt: skip
@click.option("--chips", type=WORDS, metavar="N[,M,...]", help="Equal chips, at most; or those of each machine.")
@click.option("--power-mw", type=Number(0.0, 1e6, above=True), help="Equal provisioned IT power. [MW]")
@click.option("--usd-per-hour", type=Number(0.0, above=True), help="Equal cost of chip-hours; needs --prices.")
@click.option("--units", type=WORDS, metavar="N[,M,...]", help="So many whole machines (default with --at unit: 1).")
@click.option("--step-s", type=Number(0.0, above=True), metavar="S",
              help="Equal time: the fewest chips whose step takes no longer.")  # fmt: skip
@click.option("--prices", type=WORDS, default="", metavar="P,Q,...|KIND",
              help="USD per chip-hour of each machine; or on-demand, neocloud, ...: the catalogue's.")  # fmt: skip
@click.option("--batch", type=Whole(1), help="Sequences per step on every machine (default: about 4 million tokens, "
              "at least 1,024 a chip; with --step-s 4 million).")  # fmt: skip
@click.option(
    "--seq",
    "seq_len",
    type=Whole(1),
    help="Tokens each; 4,096 unless given, fewer where the model has fewer positions.",
)
@click.option(
    "--precision",
    type=WORDS,
    metavar="NAME|any|A,B,...",
    help="Of the linear layers: of all machines, the best of each, or one for each (default: bf16).",
)
@run_options()
@kernels_option
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write charts into.")
@click.option("--force", is_flag=True, help="Replace a report that was changed since it was written.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/training.md).")
def compare(
    model: str,
    systems: str,
    at: str | None,
    chips: str | None,
    power_mw: float | None,
    usd_per_hour: float | None,
    units: str | None,
    step_s: float | None,
    prices: str,
    batch: int | None,
    seq_len: int | None,
    precision: str | None,
    kernels: Path | None,
    report: Path | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """What does each of several machines make of MODEL, at equal chips, power, cost, time or in whole machines?

    Figures come with their range when each input is moved to the ends of its published range, one at a time. What holds
    a step back is the share of it that twice as much of one thing would save. Chips that the limit allows and the best
    plan does not use are counted as idle; energy and cost are of the chips in use.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.launch import compare_machines
    from megawatt.training import Setup
    from megawatt.training.telling import machine_dict
    from megawatt.writing import check_text, write_text

    if report is not None:
        check_text(report, force=force)
    names = [name.strip() for name in systems.split(",") if name.strip()]
    if not names:
        raise ScenarioError("--systems: none is given; allowed: catalogue keys or machine files, separated by commas")
    given = {"--chips": chips, "--power-mw": power_mw, "--usd-per-hour": usd_per_hour, "--units": units}
    equal = _equal(at, given | {"--step-s": step_s})
    if equal == "cost" and not prices:
        raise ScenarioError("--usd-per-hour needs --prices: one price of a chip-hour for each of --systems, or a kind "
                            "of price in the catalogue, such as on-demand, rental-3yr or neocloud")  # fmt: skip
    found = compare_machines(
        load_catalogue(), model, names,
        chips=_each(chips, names, "--chips") if chips else (),
        units=_each(units or "1", names, "--units") if equal == "unit" else (),
        power_mw=power_mw, usd_per_hour=usd_per_hour, step_s=step_s,
        usd_per_chip_hour=prices if prices[:1].isalpha() else _each(prices, names, "--prices") if prices else (),
        precisions=_precisions(precision, names), global_batch=batch, seq_len=seq_len, kernels=kernels,
        setup=Setup(**options),
    )  # fmt: skip
    rows = [machine_dict(machine) for machine in found]
    if report is not None:
        from megawatt.report import render_compare

        write_text(
            report, render_compare(model, f"At equal {equal}: the best layout of each machine.", rows), force=force
        )
    if as_json:
        emit_json("compare", rows)
    else:
        _show(rows, bool(prices))


_FIGURES: Final = ("chips", "idle", "batch", "step", "tokens/s", "MFU", "IT MW")


def _show(rows: list[dict[str, Any]], priced: bool) -> None:
    """The machines' figures, how sure they are, what holds each back, and under which layout."""
    figures, spans, layouts = [], [], []
    for row in rows:
        if row["why"]:
            figures.append([row["system"], *("-" for _ in _FIGURES)])
            layouts.append((row["system"], row["why"], "-"))
            continue
        cells = [f"{row['chips']:,}", f"{row['idle_chips']:,}", f"{row['global_batch']:,}"]
        cells += [f"{row['step_time_s']:.3f} s", f"{row['tokens_per_s']:,.0f}", f"{row['mfu']:.1%}"]
        figures.append([row["system"], *cells, f"{row['it_mw']:.2f}"])
        span = [f"{row['step_time_low_s']:.3f} to {row['step_time_high_s']:.3f} s"]
        names = ("it_energy_j_per_token", "it_energy_low_j_per_token", "it_energy_high_j_per_token")
        span.append("{:.3g} ({:.3g}-{:.3g})".format(*(row[name] for name in names)))
        if priced:
            ends = (row[f"usd_per_million_tokens{end}"] for end in ("", "_low", "_high"))
            span.append("{:.3g} ({:.3g}-{:.3g})".format(*ends))
        spans.append((row["system"], *span))
        held = [f"{name} {share:.0%}" for name, share in row["saved_by_twice"].items() if share >= _SEEN]
        layouts.append((row["system"], row["layouts"][0]["short"], ", ".join(held[:3]) or "nothing alone"))
    print_table(("system", *_FIGURES), figures)
    if spans:
        say("")
        print_table(("inputs at their ends", "step", "J/token", *(["$/M tokens"] if priced else [])), spans)
    say("")
    print_table(("system", "layout", "twice as much of it saves"), layouts, fold="layout")


_SEEN: Final = 0.01
"""Least share of a step that is worth a word."""
