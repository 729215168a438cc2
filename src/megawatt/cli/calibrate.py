"""``megawatt calibrate``: kernel parameters from measurements, measurements of this machine, and a page of both."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Final

import click

from megawatt import __version__
from megawatt.cli.options import DAY, KEY, Number, force_option
from megawatt.cli.output import emit_json, say
from megawatt.cli.tables import print_table

__all__ = ["calibrate"]

_FILES: Final = {
    "gemm": "kernel-gemm.csv",
    "attention": "kernel-attention.csv",
    "experts": "kernel-experts.csv",
    "links": "kernel-links.csv",
    "flash": "kernel-flash.csv",
}


@click.group(epilog="Example: megawatt calibrate kernels gemm.parquet --out profile/")
def calibrate() -> None:
    """Fit a chip's kernels on measurements, or measure this machine."""


def _summary(entry: Any) -> dict[str, Any]:
    stacks = {}
    for stack, (kept, held) in entry.qualities.items():
        stacks[stack] = {
            part: {"n": q.rows, "median_ape": q.median if q.rows else None, "p90_ape": q.p90 if q.rows else None}
            for part, q in (("fit", kept), ("held", held))
        }
    return {
        "family": entry.family,
        "accelerator": entry.fit.chip,
        "precision": entry.fit.precision,
        "parameters": dict(entry.fit.shared),
        "stacks": {s: {"parameters": dict(v), **stacks[s]} for s, v in entry.fit.stacks.items()},
    }


def _rows(entry: Any) -> list[tuple[str, ...]]:
    """A row of a table for each stack: what its errors are, of the rows held out where there are any."""
    rows: list[tuple[str, ...]] = []
    for stack, (kept, held) in entry.qualities.items():
        shown, word = (held, "held out") if held.rows else (kept, "fitted")
        fit = (entry.family, entry.fit.chip, entry.fit.precision, stack)
        rows.append((*fit, f"{shown.median:.1%}", f"{shown.p90:.1%}", f"{shown.rows:,} {word}"))
    return rows


@calibrate.command(epilog="Example: megawatt calibrate kernels gemm.parquet attention.parquet --out profile/")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("kernel-profile"), show_default=True,
    help="Folder for the tables, in the catalogue's format.",
)  # fmt: skip
@click.option(
    "--source", type=KEY, default="kernel-measurements", show_default=True, help="Key of the measurements' source."
)
@click.option("--date", type=DAY, default="", help="Date of the measurements, YYYY-MM-DD; today where it is not given.")
@click.option("--fold", default="fit", show_default=True, help="Rows to fit on; the others judge the fit.")
@click.option("--system", "systems", multiple=True, metavar="FILE", help="Machine file with a chip that was measured.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def kernels(
    files: tuple[Path, ...], out: Path, source: str, date: str, fold: str, systems: tuple[str, ...], as_json: bool
) -> None:
    """Fit the parameters of every chip in FILES and write them as sourced tables.

    FILES are Parquet tables of measured kernels (docs/kernels.md), or a CSV of published attention throughput.
    """
    from megawatt.calibration.catalogue_rows import render
    from megawatt.calibration.tables import calibrate as fit_file
    from megawatt.catalogue import load_catalogue
    from megawatt.training import open_machines
    from megawatt.writing import check_folder, write_folder

    check_folder(out)
    catalogue, _ = open_machines(load_catalogue(), systems)
    entries: list[Any] = []
    for path in files:
        entries.extend(fit_file(catalogue, path, fold=fold))
    day = date or datetime.date.today().isoformat()
    note = f"fitted on rows with fold = {fold}"
    found = {name: [e for e in entries if e.family == family] for family, name in _FILES.items()}
    tables: dict[str, Any] = {
        name: render(mine, source=source, date=day, note=note) for name, mine in found.items() if mine
    }
    write_folder(out, tables, {"megawatt": __version__}, add=True)
    if as_json:
        emit_json("calibrate", [_summary(e) for e in entries], [], 0)
        return
    columns = ("kernels", "chip", "precision", "stack", "median", "90 % in", "rows")
    print_table(columns, [row for entry in entries for row in _rows(entry)], left=columns[:4])
    say(f"tables in {out}", err=True)


@calibrate.command(epilog="Example: megawatt calibrate run --out measured/")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("measured-kernels"), show_default=True,
    help="Folder for the measurements.",
)  # fmt: skip
@click.option("--accelerator", default="", help="Catalogue key of the chip, where its device name is not known.")
@click.option("--seconds", type=Number(0.0, 3600.0), default=1.0, show_default=True, help="Length of a steady run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(out: Path, accelerator: str, seconds: float, as_json: bool) -> None:
    """Measure this machine's kernels (CUDA through PyTorch), with power and clocks.

    Writes the tables that `calibrate kernels` reads: multiplies, attention, attention curves with the backward pass,
    memory copies and, with several devices, collectives.
    """
    from megawatt.calibration.measure import measure_machine, write_tables
    from megawatt.writing import check_folder

    check_folder(out)
    tables = measure_machine(accelerator, seconds)
    written = write_tables(tables, out)
    if as_json:
        rows = {path.name: str(path) for path in written}
        emit_json("calibrate", [{"files": rows, "rows": {name: len(t) for name, t in tables.items()}}], [], 0)
        return
    for path in written:
        say(str(path))


@calibrate.command(epilog="Example: megawatt calibrate plot gemm.parquet attention.parquet --out kernels.svg")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("kernels.svg"), show_default=True,
    help="SVG file to write.",
)  # fmt: skip
@click.option("--fold", default="score", show_default=True, help="Rows to show; all where a file has no such rows.")
@force_option
def plot(files: tuple[Path, ...], out: Path, fold: str, force: bool) -> None:
    """Draw predicted against measured for every family in FILES, as one SVG page."""
    from megawatt.catalogue import load_catalogue
    from megawatt.validation.kernels_plot import collect_all, page
    from megawatt.writing import check_text, write_text

    check_text(out, force=force)
    catalogue = load_catalogue()
    sets = [found for path in files for found in collect_all(path, catalogue)]
    write_text(out, page(sets, fold=fold), force=force)
    say(str(out))
