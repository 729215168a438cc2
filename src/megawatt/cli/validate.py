"""``megawatt validate``: the package against published answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from megawatt.cli.options import kernels_option
from megawatt.cli.output import emit_json, problems_of, say
from megawatt.errors import MegawattError

__all__ = ["validate"]


_REASONS = 3
"""Reasons that are printed for rows without a score, the most frequent first."""


def _percent(entry: dict[str, Any], part: str) -> str:
    stats = entry.get(part) or {}
    if not stats.get("n"):
        return "-"
    if entry["error"] == "relative":
        return f"{stats['mape']:.2%} (median {stats['median_ape']:.2%}, 90 % within {stats['p90_ape']:.2%})"
    return f"{stats['mae']:.4g} (median {stats['median_ae']:.4g}, 90 % within {stats['p90_ae']:.4g})"


def _lines(entry: dict[str, Any]) -> list[str]:
    from megawatt.validation.scoring import skipped_reasons

    lines = [
        f"{entry['file']}: {entry['quantity']} ({entry['kind']}), {entry['scored']} of {entry['scorable']} rows",
        f"  mean {entry['error']} error  {_percent(entry, 'summary')}",
    ]
    if "null" in entry:
        lines.append(f"  trivial predictor    {_percent(entry, 'null')}")
    if "tau" in entry:
        lines.append(f"  rank agreement (tau) {entry['tau']['mean']:.2f} over {entry['tau']['groups']} groups")
    if "memory_fit" in entry:
        fit, full = entry["memory_fit"], entry["memory_fit"]["full_config"]
        counted = f"{fit['fit']} of {fit['judged']} (fully configured: {full['fit']} of {full['judged']})"
        lines.append(f"  ran, judged to fit   {counted}")
    reasons, others = skipped_reasons(entry, _REASONS)
    lines += [f"  not scored: {count} x {why}" for why, count in reasons]
    return [*lines, *([f"  not scored for other reasons: {others} (--json)"] if others else [])]


@click.command(epilog="Example: megawatt validate measured_runs.csv dispatch_case/ --json")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--system", "systems", multiple=True, metavar="FILE", help="Machine file whose chip or machine rows may name."
)
@kernels_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/validation.md).")
def validate(paths: tuple[Path, ...], systems: tuple[str, ...], kernels: Path | None, as_json: bool) -> int:
    """Compare the package with published or third-party answers, or with your own measurements.

    Each of PATHS is a file or a folder; its kind is read from its contents. The exit code is the gravest of the paths'.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.training import open_machines
    from megawatt.validation import validate as score

    catalogue, _ = open_machines(load_catalogue(), systems, kernels=kernels)
    results: list[dict[str, Any]] = []
    problems: list[dict[str, str]] = []
    code = 0
    for path in paths:
        try:
            results.extend(score(path, catalogue))
        except MegawattError as error:
            problems += [p | {"file": p["file"] or str(path)} for p in problems_of(error)]
            code = max(code, error.exit_code)
    if as_json:
        emit_json("validate", results, problems, code)
        return code
    for entry in results:
        say("\n".join(_lines(entry)))
    for problem in problems:
        say(f"{problem['file']}: {problem['message'].removeprefix(problem['file'] + ': ')}", err=True)
    return code
