"""``megawatt validate``: the package against published answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from megawatt.cli.options import Whole, kernels_option
from megawatt.cli.output import console, emit_json, problems_of, say
from megawatt.cli.tables import print_table
from megawatt.errors import MegawattError

__all__ = ["validate"]


_REASONS = 3
"""Reasons that are printed for rows without a score, the most frequent first."""


def _errors(entry: dict[str, Any], part: str) -> list[str]:
    """Mean, median and 90th percentile of the errors of a part, in percent or in the quantity's unit."""
    stats = entry.get(part) or {}
    kind, told = ("ape", "{:.2%}") if entry["error"] == "relative" else ("ae", "{:.4g}")
    names = (f"m{kind}", f"median_{kind}", f"p90_{kind}")
    return [told.format(stats[name]) if stats.get("n") else "-" for name in names]


def _print(entry: dict[str, Any]) -> None:
    from megawatt.validation.scoring import skipped_reasons, told_of_rows

    to = console()
    scored = f"{entry['scored']} of {entry['scorable']} rows"
    to.print(f"{entry['file']}: {entry['quantity']} ({entry['kind']}), {scored}", style="bold")
    null = [["trivial predictor", *_errors(entry, "null")]] if "null" in entry else []
    rows = [[f"{entry['error']} error", *_errors(entry, "summary")], *null]
    print_table(("", "mean", "median", "90 % within"), rows)
    if "tau" in entry:
        to.print(f"rank agreement (tau): {entry['tau']['mean']:.2f} over {entry['tau']['groups']} groups")
    _print_memory(entry)
    for line in told_of_rows(entry):
        to.print(line)
    if "simulated" in entry:
        near = entry["simulated"]
        told = f"{near['within_4']} of {near['n']}, farthest {near['largest']:.1f}"
        to.print(f"simulated, within four standard errors: {told}")
    if "auc" in entry:
        low, high = (f"{end:.2f}" for end in entry["auc"]["interval"])
        to.print(f"AUC {entry['auc']['value']:.2f} ({low} to {high}, bootstrap over companies)")
    if "brier" in entry:
        brier = entry["brier"]
        low, high = (f"{end:.3f}" for end in brier["interval"])
        to.print(f"Brier {brier['value']:.3f} ({low} to {high}; the base rate for all {brier['base_rate']:.3f})")
        rows = [[row["id"], f"{row['measured']:g}", f"{row['predicted']:.1%}"] for row in entry["cases"]]
        print_table(("", "happened", "predicted"), rows)
    if entry["kind"] == "training-log":
        (row,) = entry["cases"]
        fits = "" if entry["fits"] else ", judged not to fit in memory"
        to.print(f"measured {row['measured']:.4g} s, predicted {row['predicted']:.4g} s ({row['error']:+.1%}){fits}")
        for note in row["assumed"]:
            to.print(note)
    if entry["kind"] == "meter":
        _print_months(entry)
    reasons, others = skipped_reasons(entry, _REASONS)
    for count, why in ((count, why) for why, count in reasons):
        to.print(f"not scored: {count} x {why}")
    if others:
        to.print(f"not scored for other reasons: {others} (--json)")


def _print_memory(entry: dict[str, Any]) -> None:
    if entry.get("memory_fit", {}).get("judged"):
        fit, full = entry["memory_fit"], entry["memory_fit"]["full_config"]
        whole = f" (fully configured: {full['fit']} of {full['judged']})" if full["judged"] else ""
        console().print(f"ran, judged to fit: {fit['fit']} of {fit['judged']}{whole}")
    if entry.get("out_of_memory", {}).get("judged"):
        lost = entry["out_of_memory"]
        console().print(f"went out of memory, judged not to fit: {lost['not_fit']} of {lost['judged']}")


def _print_months(entry: dict[str, Any]) -> None:
    unit = f" {entry['unit']}" if entry["unit"] else ""
    told = "{:+.3f}" if entry["error"] == "absolute" else "{:+.1%}"
    number = "{:,.3f}" if entry["error"] == "absolute" else "{:,.0f}"
    rows = [
        [row["id"], number.format(row["measured"]), number.format(row["predicted"]), told.format(row["error"])]
        for row in entry["cases"]
    ]
    print_table(("", f"measured{unit}", f"predicted{unit}", "error"), rows)
    hours = entry["hours"]
    if hours["n"]:
        console().print(f"by the hour: mean error {hours['mae']:.4g}, bias {hours['bias']:+.4g}")
    for finding in entry["findings"] if entry["quantity"] == "energy" else ():
        console().print(finding)


def _own_run(
    log: Path, launch: Path | None, systems: tuple[str, ...], model: str | None, kernels: Path | None, **said: Any
) -> list[dict[str, Any]]:
    from megawatt.catalogue import load_catalogue
    from megawatt.training import open_machine
    from megawatt.validation.training_log import score_log
    from megawatt.workload import load_model

    if launch is None or len(systems) != 1 or model is None:
        raise click.UsageError("--log needs --launch, --model and one --system")
    catalogue, system = open_machine(load_catalogue(), systems[0], kernels=kernels)
    return score_log(log, launch, load_model(model, catalogue), system, catalogue, **said)


@click.command(epilog="Example: megawatt validate measured_runs.csv dispatch_case/ --json")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--system", "systems", multiple=True, metavar="KEY|FILE",
    help="Machine file whose chip or machine rows may name; the machine of the run of --log.",
)  # fmt: skip
@kernels_option
@click.option("--scenario", "scenario", type=click.Path(path_type=Path), metavar="FILE",
              help="Site of an hourly meter among PATHS; default: FILE.toml beside it.")  # fmt: skip
@click.option("--log", type=click.Path(path_type=Path), help="Log of a training run: its steps against the prediction.")
@click.option("--launch", type=click.Path(path_type=Path), help="What the run of --log was started with.")
@click.option("--model", help="Model of the run of --log: a key or a file.")
@click.option("--chips", type=Whole(1), help="Chips of that run, where its launch file does not say.")
@click.option("--seq", "seq_len", type=Whole(1), help="Tokens of a sequence of that run, likewise.")
@click.option("--batch", type=Whole(1), help="Sequences per step of that run, likewise.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/validation.md).")
def validate(
    paths: tuple[Path, ...],
    systems: tuple[str, ...],
    kernels: Path | None,
    scenario: Path | None,
    log: Path | None,
    launch: Path | None,
    model: str | None,
    chips: int | None,
    seq_len: int | None,
    batch: int | None,
    as_json: bool,
) -> int:
    """Compare the package with published or third-party answers, or with your own measurements.

    Each of PATHS is a file or a folder; its kind is read from its contents. The exit code is the gravest of the paths'.
    With --log, --launch, --system and --model a run of your own is compared: the predicted step of its launch file with
    the median step of its log.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.training import open_machines
    from megawatt.validation import unscored
    from megawatt.validation import validate as score

    if not paths and log is None:
        raise click.UsageError("give PATHS, or --log of a training run")
    catalogue, _ = open_machines(load_catalogue(), systems if log is None else (), kernels=kernels)
    results: list[dict[str, Any]] = []
    problems: list[dict[str, str]] = []
    code = 0
    for path in paths:
        try:
            found = score(path, catalogue, scenario)
            results.extend(found)
            if (nothing := unscored(path, found)) is not None:
                raise nothing
        except MegawattError as error:
            problems += [p | {"file": p["file"] or str(path)} for p in problems_of(error)]
            code = max(code, error.exit_code)
    if log is not None:
        said = {"chips": str(chips or ""), "seq_len": seq_len, "global_batch": batch, "precision": None, "stack": None}
        results.extend(_own_run(log, launch, systems, model, kernels, **said))
    if as_json:
        emit_json("validate", results, problems, code)
        return code
    for entry in results:
        _print(entry)
    for problem in problems:
        say(f"{problem['file']}: {problem['message'].removeprefix(problem['file'] + ': ')}", err=True)
    return code
