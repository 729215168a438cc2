"""The packaged table of measured runs behind `megawatt.training.confidence`, derived from tables of published ones.

``python -m megawatt.validation.training_evidence`` prints how many runs of sources left out the 80 % ranges hold;
``--files FILE...`` derives the table anew and prints it: every run predicted by constants that were fitted without its
source (pages and releases of one publisher's benchmark are one source), and its distance to the nearest other source.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_rows import Run
from megawatt.training import held_out, score_range
from megawatt.training.confidence import Evidence, chip_distances, distances
from megawatt.validation.training_fit import fit_rows
from megawatt.validation.training_leave_out import Linear, left_out_errors
from megawatt.workload import parameters

__all__ = ["derive", "main", "source_of"]

_ONE_SOURCE: Final = (
    "Megatron-Bridge perf", "Megatron-LM README", "tpu-recipes", "vTrain", "AWS Neuron", "MaxText", "BigScience",
)  # fmt: skip
"""Benchmarks that are published in several pages or releases."""
_WORDS: Final = ("source", "url", "model", "kind", "chip", "family", "precision", "stack")
_SIZES: Final = ("parameters_b", "chips", "seq_len")


def source_of(name: str) -> str:
    """A source without the release, table or section that a row stands in."""
    known = next((word for word in _ONE_SOURCE if word in name), None)
    return known or re.sub(r"\s+(v?\d[\w.]*|table \d+|sec [\d.]+)(?=\s|$).*$", "", name)


def derive(files: Sequence[Path], catalogue: Catalogue) -> list[dict[str, Any]]:
    """Rows of the table: what ran, the error of its prediction by constants of other sources, its distance to them."""
    rows = list(fit_rows(files, catalogue, lambda row: row.get("scorable") != "0"))
    known: dict[str, Linear] = {}
    errors: dict[str, float] = {}
    for source in sorted({source_of(row.get("source", "")) for row, _ in rows}):

        def out(row: Row, source: str = source) -> bool:
            return source_of(row.get("source", "")) == source

        errors |= left_out_errors(rows, out, catalogue, known)
    return with_distances([_record(*item, errors) for item in rows if not item[1].job.arch.lora_rank], catalogue)


def _record(row: Row, run: Run, errors: dict[str, float]) -> dict[str, Any]:
    return {
        "source": source_of(row.get("source", "")), "url": row.get("source_url", ""), "model": row.get("model", ""),
        "kind": "mixture" if run.job.arch.experts else "dense", "chip": run.system.accelerator.key,
        "family": run.system.accelerator.family, "precision": run.job.precision, "stack": run.stack,
        "parameters_b": f"{parameters(run.job.arch).total / 1e9:.3g}", "chips": run.chips, "seq_len": run.job.seq_len,
        "error": f"{errors[run.id]:.3f}",
    }  # fmt: skip


def with_distances(records: list[dict[str, Any]], catalogue: Catalogue) -> list[dict[str, Any]]:
    """The rows with their distance to the nearest run of another source."""
    blank = np.zeros(len(records))
    known = Evidence(
        {name: np.array([str(r[name]) for r in records]) for name in _WORDS},
        {name: np.array([float(r[name]) for r in records]) for name in _SIZES}, blank, blank,
    )  # fmt: skip
    near = {c: chip_distances(catalogue, catalogue.accelerator(c), known.families) for c in known.families}
    found = []
    for record in records:
        far = distances(known, record, {name: float(record[name]) for name in _SIZES}, near[record["chip"]])
        others = far[known.words["source"] != record["source"]]
        found.append(record | {"distance": f"{float(others.min()):.3f}"})
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the coverage of the packaged table, or derive it anew."""
    parser = argparse.ArgumentParser(description="Measured training runs behind the ranges of plans")
    parser.add_argument(
        "--files", nargs="+", type=Path, default=[], help="CSV files of training runs; prints the table"
    )
    given = parser.parse_args(arguments)
    if given.files:
        rows = derive(given.files, load_catalogue())
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return
    by_run, by_source = held_out()
    low, high = score_range()
    sys.stdout.write(
        f"80 % ranges of sources left out hold {by_run:.1%} of their runs, {by_source:.1%} of a source's on average; "
        f"at distance 0: {np.expm1(low):+.1%} to {np.expm1(high):+.1%} of the step time.\n"
    )


if __name__ == "__main__":
    main()
