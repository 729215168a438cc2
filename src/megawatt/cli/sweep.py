"""``megawatt sweep`` and ``runs``: many values of the inputs, and results asked in SQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from megawatt.cli.options import SETTING, Whole, cluster_option
from megawatt.cli.output import emit_json, note, say
from megawatt.cli.tables import print_table
from megawatt.repeatable import ONE_THREAD

__all__ = ["runs", "sweep"]

_runs_option = click.option(
    "--runs", "root", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
    help="Folder of runs.",
)  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")


@click.command(epilog="Example: megawatt sweep examples/childress-bitcoin.toml --over power.price_scale=0.5..1.5:0.25")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--over", "over", type=SETTING, multiple=True, required=True, metavar="PATH=VALUES",
              help="start..stop:step, start..stop (with --sample), or a,b,c; repeat for a grid.")  # fmt: skip
@click.option("--sample", type=Whole(0, 1_000_000), default=0, help="Points of a Latin hypercube instead of the grid.")
@click.option("--seed", type=Whole(0), default=20260101, show_default=True, help="Root of the sample's randomness.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Default: runs/sweep-NAME.")
@click.option("--set", "settings", type=SETTING, multiple=True, metavar="PATH=VALUE", help="Replace a value of all.")
@click.option("--workers", type=Whole(1), default=1, show_default=True, help="Processes; files are the same.")
@cluster_option
@_json
def sweep(
    scenario: Path, over: tuple[str, ...], sample: int, seed: int, out: Path | None, settings: tuple[str, ...],
    workers: int, cluster: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Value SCENARIO (or a mixed site) at every point of a grid or a sample of its inputs: base case, no simulation.

    The folder is one Parquet data set; a sweep that was stopped goes on where it was when it is called again.
    """
    os.environ.update(ONE_THREAD)
    from megawatt.catalogue import load_catalogue
    from megawatt.chain.sweep import axis_of
    from megawatt.results.sweeps import run_sweep
    from megawatt.risk import asked_cluster

    target = out or Path("runs", f"sweep-{scenario.stem}")

    def told(done: int, points: int, seconds: float) -> None:
        note(f"{done:,} of {points:,} points, {seconds:,.0f} s to go")

    axes = [axis_of(text) for text in over]
    with asked_cluster(cluster, workers) as there:
        points, computed = run_sweep(
            scenario, load_catalogue(), axes, target, sample=sample, seed=seed, settings=settings, workers=workers,
            cluster=there, progress=told,
        )  # fmt: skip
    if as_json:
        emit_json("sweep", [{"folder": str(target), "points": points, "computed": computed}])
        return
    say(f"{target}: {points:,} points, {computed:,} of them now")
    say(f"Ask: megawatt runs query --runs {target.parent} 'SELECT * FROM \"{target.name}\"'")


@click.group(epilog="Example: megawatt runs list")
def runs() -> None:
    """What was run, and questions in SQL over all of it (DuckDB)."""


@runs.command("list", epilog="Example: megawatt runs list")
@_runs_option
@_json
def runs_list(root: Path, as_json: bool) -> None:
    """Runs and sweeps of a folder."""
    from megawatt.results.sweeps import list_runs

    rows = list_runs(root)
    if as_json:
        emit_json("runs", rows)
        return
    if not rows:
        say(f"{root}: no runs")
        return
    cells = [(r["name"], r["kind"], r["from"], "" if r["points"] is None else f"{r['points']:,}") for r in rows]
    print_table(("name", "kind", "from", "points"), cells, left=("kind", "from"), fold="from")


@runs.command("query", epilog="Example: megawatt runs query 'SELECT use, max(value_usd) FROM \"sweep-x\" GROUP BY use'")
@click.argument("sql", type=SETTING)
@_runs_option
@_json
def runs_query(sql: str, root: Path, as_json: bool) -> None:
    """Rows of a question; every sweep is a table of its name, a run's tables are NAME_hourly, NAME_monthly ..."""
    from megawatt.results.sweeps import query_runs

    names, rows = query_runs(root, sql)
    if as_json:
        emit_json("runs", [dict(zip(names, row, strict=True)) for row in rows])
        return
    print_table(names, [tuple("" if cell is None else str(cell) for cell in row) for row in rows])


@runs.command("show", epilog="Example: megawatt runs show childress-bitcoin")
@click.argument("name", type=SETTING)
@_runs_option
@_json
def runs_show(name: str, root: Path, as_json: bool) -> None:
    """Figures of one run (megawatt explain says where each comes from)."""
    from megawatt.results.explanation import figures_in
    from megawatt.results.run_folders import run_folder

    rows = figures_in(run_folder(name, root))
    if as_json:
        emit_json("runs", rows)
        return
    print_table(("figure", "value"), [(row["number"], row["told"]) for row in rows], left=("value",))


@runs.command("diff", epilog="Example: megawatt runs diff childress-bitcoin childress-bitcoin-2")
@click.argument("a", type=SETTING)
@click.argument("b", type=SETTING)
@_runs_option
@_json
def runs_diff(a: str, b: str, root: Path, as_json: bool) -> None:
    """Which inputs and which code differ between the runs A and B, and which figures moved by how much."""
    from megawatt.results.run_diff import diff_runs
    from megawatt.results.run_folders import run_folder

    found = diff_runs(run_folder(a, root), run_folder(b, root))
    if as_json:
        emit_json("runs", [found])
        return
    _print_diff(found)


def _print_diff(found: dict[str, Any]) -> None:
    code = found["rooms"]
    said = "not recorded" if code is None else ", ".join(room or "package" for room in code) or "the same"
    say(f"Code that differs: {said}.")
    origin = ", ".join(row["name"] for row in found["origin"])
    say(f"Of the manifest differs: {origin or 'nothing'}.")
    for use in found["uses"]:
        say(f"\n{use['name']}")
        rows = [
            (" / ".join(dict.fromkeys((row["name"], row["name_b"]))), _cell(row["a"]), _cell(row["b"]), row["unit"],
             _cell(row["moves"].get("value")))
            for row in use["inputs"]
        ]  # fmt: skip
        head = ("input", "A", "B", "unit", "moves the value by")
        print_table(head, rows, left=("unit",), fold="input") if rows else say("Inputs: the same.")
        cells = [
            (row["name"], _cell(row["a"]), _cell(row["b"]), _cell(row.get("change")),
             "" if row.get("change_frac") is None else f"{row['change_frac']:+.1%}")
            for row in use["figures"]
        ]  # fmt: skip
        print_table(("figure", "A", "B", "change", ""), cells, fold="figure") if cells else say("Figures: the same.")
        for name, rest in use["unexplained"].items():
            say(f"{name}: {rest:,.6g} of the move is not of these inputs alone (others, interactions, code).")
    for side, names in found["only_in"].items():
        if names:
            say(f"Only in {side.upper()}: {', '.join(names)}.")


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:,.5g}" if isinstance(value, float) else str(value)
