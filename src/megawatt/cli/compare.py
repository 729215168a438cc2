"""``megawatt compare``: the best layout of a model on each of several machines, side by side."""

from __future__ import annotations

from typing import Any

import click

from megawatt.cli.output import emit_json
from megawatt.errors import MegawattError, ScenarioError

__all__ = ["compare"]


def _counts(systems: list[str], prices: str, limits: dict[str, float | None]) -> dict[str, float]:
    """The price of a chip-hour of each machine, where prices are given; checks that one limit is given."""
    given = [name for name, value in limits.items() if value is not None]
    if len(given) != 1:
        raise ScenarioError(f"compare at equal chips, power or cost: give one of {', '.join(limits)}")
    if not prices:
        if limits["--usd-per-hour"] is not None:
            raise ScenarioError("--usd-per-hour needs --prices, one price of a chip-hour for each of --systems")
        return {}
    try:
        values = [float(p) for p in prices.split(",")]
    except ValueError:
        raise ScenarioError(f"--prices {prices!r}: allowed: numbers, USD per chip-hour") from None
    if len(values) != len(systems) or min(values) <= 0:
        raise ScenarioError(f"--prices {prices!r}: allowed: {len(systems)} numbers above 0, one for each of --systems")
    return dict(zip(systems, values, strict=True))


@click.command(
    epilog="Example: megawatt compare llama-3.1-70b --systems hgx-h100,gb300-nvl72,trn3-gen2-ultraserver --power-mw 10"
)
@click.argument("model")
@click.option("--systems", required=True, metavar="A,B,...", help="Machines, catalogue keys.")
@click.option("--chips", type=click.IntRange(min=1), help="Equal chips, at most.")
@click.option("--power-mw", type=float, help="Equal provisioned IT power. [MW]")
@click.option("--usd-per-hour", type=float, help="Equal cost of chip-hours; needs --prices.")
@click.option("--prices", default="", metavar="P,Q,...", help="USD per chip-hour of each machine.")
@click.option("--batch", type=click.IntRange(min=1), help="Sequences per step (default: about 4 million tokens).")
@click.option("--seq", "seq_len", type=click.IntRange(min=1), default=4096, show_default=True, help="Tokens each.")
@click.option("--precision", help="Precision of the linear layers (default: bf16).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/training.md).")
def compare(
    model: str,
    systems: str,
    chips: int | None,
    power_mw: float | None,
    usd_per_hour: float | None,
    prices: str,
    batch: int | None,
    seq_len: int,
    precision: str | None,
    as_json: bool,
) -> None:
    """What does each of several machines make of MODEL, at equal chips, power or cost?

    Step times come with their range when each input is moved to the ends of its published range, one at a time.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.cli.train import default_batch, default_precision
    from megawatt.training import Job, best_within, step_time_ranges
    from megawatt.workload import load_model

    catalogue = load_catalogue()
    arch = load_model(model, catalogue)
    keys = [key.strip() for key in systems.split(",") if key.strip()]
    priced = _counts(keys, prices, {"--chips": chips, "--power-mw": power_mw, "--usd-per-hour": usd_per_hour})
    rows: list[dict[str, Any]] = []
    for key in keys:
        system = catalogue.system(key)
        if chips is not None:
            limit = float(chips)
        elif power_mw is not None:
            limit = power_mw * 1e6 / system.provisioned_w_per_chip
        else:
            limit = (usd_per_hour or 0.0) / priced[key]
        row: dict[str, Any] = {"system": key, "why": ""}
        rows.append(row)
        try:
            found = best_within(
                Job(arch, seq_len, batch or default_batch(seq_len), precision or default_precision(system)),
                system,
                limit,
                catalogue=catalogue,
            )
        except MegawattError as error:
            row["why"] = str(error)
            continue
        row |= _figures(system, found, step_time_ranges(system, found, catalogue), priced.get(key))
    if as_json:
        emit_json("compare", rows)
    else:
        _show(rows, bool(priced))


def _figures(system: Any, found: Any, ranges: Any, price: float | None) -> dict[str, Any]:
    from megawatt.cli.training_views import plan_dict

    ends = [t for r in ranges for t in (r.step_time_low_s, r.step_time_high_s)] or [found.step_time_s]
    figures: dict[str, Any] = plan_dict(system, found, 1)
    figures |= {
        "step_time_low_s": min(*ends, found.step_time_s),
        "step_time_high_s": max(*ends, found.step_time_s),
        "provisioned_it_mw": found.chips * system.provisioned_w_per_chip / 1e6,
        "it_mw": found.chips * found.it_w_per_chip / 1e6,
        "widest_inputs": [
            {"name": r.name, "low": r.low, "high": r.high, "step_time_s": [r.step_time_low_s, r.step_time_high_s]}
            for r in ranges[:5]
        ],
    }
    if price is not None:
        figures["usd_per_million_tokens"] = price * found.chips / 3600.0 / found.tokens_per_s * 1e6
    return figures


def _show(rows: list[dict[str, Any]], priced: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=True, header_style="bold", pad_edge=False, box=None)
    names = ["system", "chips", "step (range of inputs)", "tokens/s", "MFU", "IT MW", "J/token"]
    for name in [*names, *(["$/M tokens"] if priced else []), "layout"]:
        table.add_column(name, overflow="fold")
    for row in rows:
        if row["why"]:
            table.add_row(row["system"], *["-"] * (len(names) - 1 + priced), row["why"])
            continue
        span = f"{row['step_time_s']:.3f} s ({row['step_time_low_s']:.3f} to {row['step_time_high_s']:.3f})"
        cells = [row["system"], f"{row['chips']:,}", span, f"{row['tokens_per_s']:,.0f}", f"{row['mfu']:.1%}"]
        cells += [f"{row['it_mw']:.2f}", f"{row['it_energy_j_per_token']:.3g}"]
        cells += [f"{row['usd_per_million_tokens']:.3f}"] if priced else []
        table.add_row(*cells, row["layouts"][0]["text"])
    Console(highlight=False).print(table)
