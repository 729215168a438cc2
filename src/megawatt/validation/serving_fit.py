"""Constants of serving stacks, fitted on published measurements with ``fold = fit``: the table of docs/serving.md.

``python -m megawatt.validation.serving_fit FILE`` prints each with its standard error beside the catalogue's.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.errors import MegawattError
from megawatt.evidence.serving_rows import ServedRow, read_served
from megawatt.files import read_table
from megawatt.serving import ServingMachine, serving_machine
from megawatt.validation.serving_runs import predicted
from megawatt.validation.training_fit import Constant

__all__ = ["GROUPS", "ServingGroup", "fit_serving", "main"]

_ROBUST: Final = 0.1
"""Residual of the logarithm from which the loss grows linearly."""


@dataclass(frozen=True, slots=True)
class ServingGroup:
    """Rows of one family of chips, and the constants of a serving stack that they settle, with their ranges."""

    name: str
    family: str
    fields: Mapping[str, tuple[float, float]]

    def holds(self, row: ServedRow) -> bool:
        """Whether a row settles them: chips are published, and the prompt is not faster than the chips' peak."""
        return row.system.accelerator.family == self.family and "chips" not in row.assumed


GROUPS: Final = (
    ServingGroup(
        "GPUs",
        "gpu",
        MappingProxyType(
            {
                "step_s": (1e-5, 1e-2),
                "sequence_s": (1e-7, 1e-4),
                "prefill_imbalance": (1.0, 4.0),
            }
        ),
    ),
    ServingGroup(
        "Trainium 1",
        "trn",
        MappingProxyType(
            {"decode_attention_frac": (0.05, 1.0), "multiply_peak_frac": (0.05, 1.0), "message_s": (1e-6, 3e-4)}
        ),
    ),
)


def fit_serving(group: ServingGroup, rows: Sequence[tuple[ServedRow, ServingMachine]]) -> list[Constant]:
    """Fit the constants of a group to its rows.

    Least squares of log(predicted / measured) with a robust loss (soft L1 beyond 10 %), within the given ranges.

    Parameters
    ----------
    group : ServingGroup
        Constants and their ranges.
    rows : sequence of (row, machine)
        Rows and the machines they ran on, with the catalogue's constants.

    Returns
    -------
    list of Constant
        Value and standard error, linearised at the optimum; empty without rows.
    """
    from scipy.optimize import least_squares

    chosen = [(row, machine) for row, machine in rows if group.holds(row)]
    if not chosen:
        return []
    names = list(group.fields)
    low, high = (np.log([group.fields[n][i] for n in names]) for i in (0, 1))

    def residuals(x: FloatArray) -> FloatArray:
        changed = dict(zip(names, np.exp(x).tolist(), strict=True))
        found = [
            predicted(row, dataclasses.replace(m, stack=dataclasses.replace(m.stack, **changed))) for row, m in chosen
        ]
        return np.asarray(np.log(np.array(found) / np.array([row.value for row, _ in chosen])))

    start = np.array([float(getattr(chosen[0][1].stack, name)) for name in names])
    inside = np.clip(np.log(start), low + 0.02 * (high - low), high - 0.02 * (high - low))
    found = least_squares(residuals, inside, bounds=(low, high), loss="soft_l1", f_scale=_ROBUST, diff_step=1e-2)
    freedom = max(len(chosen) - len(names), 1)
    spread = np.linalg.pinv(found.jac.T @ found.jac) * 2.0 * found.cost / freedom
    values = np.exp(found.x)
    errors = values * np.sqrt(np.maximum(np.diag(spread), 0.0))
    return [Constant(n, *v) for n, v in zip(names, zip(values, errors, start, strict=True), strict=True)]


def _rows(paths: Sequence[Path], catalogue: Catalogue) -> list[tuple[ServedRow, ServingMachine]]:
    rows = []
    for path in paths:
        for row in read_table(path).rows:
            if row.get("fold") != "fit":
                continue
            try:
                served = read_served(row, catalogue)
                machine = serving_machine(
                    catalogue,
                    served.system,
                    served.service.precision,
                    served.stack,
                    cache_bytes=served.service.cache_bytes,
                )
                rows.append((served, machine))
            except MegawattError as error:
                sys.stderr.write(f"{row.get('id')}: left out: {error}\n")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fitted constants of every group as a Markdown table."""
    parser = argparse.ArgumentParser(description="Constants of serving stacks, fitted on rows with fold = fit")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of measured serving")
    given = parser.parse_args(arguments)
    rows = _rows(given.files, load_catalogue())
    sys.stdout.write("| rows | constant | fitted | standard error | catalogue |\n|---|---|---|---|---|\n")
    for group in GROUPS:
        for c in fit_serving(group, rows):
            figures = f"{c.value:.4g} | {c.error:.2g} | {c.catalogue:.4g}"
            sys.stdout.write(f"| {group.name} | `{c.name}` | {figures} |\n")


if __name__ == "__main__":
    main()
