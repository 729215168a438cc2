"""Fit collectives inside one scale-up domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.calibration.solver import Parameter, solve, standard_errors
from megawatt.evidence.kernel_rows import ELEMENT_BYTES, OPERATION_OF
from megawatt.evidence.kernel_tables import KernelTable
from megawatt.hardware.kernels import SWITCH_PARAMETERS
from megawatt.hardware.links import SWITCH_RANKS, LinkKernel, domain_s, links_from

__all__ = ["domain_times_s", "fit_links", "link_errors", "message_widths"]


# Start: rings reach 0.8 of the link, all-to-all 0.7, sums in switches 0.6 (480 GB/s bus rate on 450); small messages
# take 5 to 25 us [kernel-published-collectives].
_START: Final[Mapping[str, Parameter]] = {
    "base_s": Parameter(4e-6, 0.7, 1e-7, 1e-4),
    "step_s": Parameter(8e-7, 0.7, 1e-8, 1e-5),
    "copy_bytes_per_s": Parameter(1e12, 0.7, 1e11, 1e13),
    "ramp_s": Parameter(2e-6, 0.7, 1e-8, 1e-4),
    "ramp_bytes": Parameter(6.5e4, 1.0, 1e3, 1e7),
    "gather_share": Parameter(0.8, 0.2, 0.2, 1.0),
    "scatter_share": Parameter(0.8, 0.2, 0.2, 1.0),
    "reduce_share": Parameter(0.8, 0.2, 0.2, 1.0),
    "exchange_share": Parameter(0.7, 0.2, 0.2, 1.0),
    "switch_share": Parameter(0.6, 0.1, 0.2, 1.0),
    "switch_ramp_s": Parameter(4e-5, 0.7, 1e-8, 1e-3),
    "switch_ramp_bytes": Parameter(1e7, 1.0, 1e4, 1e9),
}
_SCALE: Final = 0.15
"""Errors beyond 15 % count with their size: libraries change algorithm with the message."""
_LARGE_BYTES: Final = 2.0**20
_LARGE_WEIGHT: Final = 3.0
"""Training moves megabytes: these rows count three times."""


def message_widths(table: KernelTable) -> FloatArray:
    """Bytes of an element of each row's message. [B]"""
    return np.array([ELEMENT_BYTES[str(d)] for d in table.word("dtype")])


def domain_times_s(links: LinkKernel, table: KernelTable) -> FloatArray:
    """Predicted time of the rows of a table of collectives. [s]"""
    width = message_widths(table)
    payload, ranks = table.number("message_size") * width, table.number("num_gpus")
    floats = width >= 2.0
    time = np.full(len(table), np.nan)
    for name in set(table.word("op_name")):
        rows = table.word("op_name") == name
        time[rows] = domain_s(links, OPERATION_OF[str(name)], payload[rows], ranks[rows], in_switch=floats[rows])
    return time


def fit_links(link_bytes_per_s: float, table: KernelTable, *, in_switch: bool = True) -> dict[str, float]:
    """Fit the collectives of one chip on all rows of a table (give it only the rows to fit on).

    Parameters
    ----------
    link_bytes_per_s : float
        One-way rate of a chip in the domain. [B/s]
    table : KernelTable
        Rows of one chip.
    in_switch : bool
        The chip's switches can sum.

    Returns
    -------
    dict
        Numbers by name; those of sums in switches only where a row shows them (`SWITCH_RANKS` and more).
    """
    problem, parameters = _problem(link_bytes_per_s, table, in_switch)
    return solve(problem, parameters, scale=_SCALE)


def link_errors(
    link_bytes_per_s: float, table: KernelTable, values: Mapping[str, float], *, in_switch: bool = True
) -> dict[str, float]:
    """Standard errors of `fit_links`, as shares of the values; rows of one operation and group err together."""
    problem, parameters = _problem(link_bytes_per_s, table, in_switch)
    labels = [f"{o} {n:g}" for o, n in zip(table.word("op_name"), table.number("num_gpus"), strict=True)]
    clusters = np.unique(labels, return_inverse=True)[1]
    return standard_errors(problem, parameters, values, clusters, scale=_SCALE)


def _problem(
    link_bytes_per_s: float, table: KernelTable, in_switch: bool
) -> tuple[Callable[[dict[str, float]], FloatArray], dict[str, Parameter]]:
    """Errors of the rows, and what is to be fitted."""
    width = message_widths(table)
    summed = in_switch & (table.word("op_name") == "all_reduce") & (width >= 2.0)
    summed &= table.number("num_gpus") >= SWITCH_RANKS
    parameters = {name: start for name, start in _START.items() if summed.any() or name not in SWITCH_PARAMETERS}
    large = table.number("message_size") * width >= _LARGE_BYTES
    weight = np.where(large, _LARGE_WEIGHT, 1.0)
    measured = table.number("latency_ms") * 1e-3

    def residuals(values: dict[str, float]) -> FloatArray:
        time = domain_times_s(links_from(link_bytes_per_s, values), table)
        return np.asarray(weight * np.log(time / measured))

    return residuals, parameters
