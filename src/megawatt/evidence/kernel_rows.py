"""Rows of measured kernels that cannot be: every problem of a table at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import Problem
from megawatt.hardware.links import Operation

__all__ = ["ELEMENT_BYTES", "LOADS", "OPERATION_OF", "row_problems"]

Columns = Mapping[str, NDArray[Any]]

ELEMENT_BYTES: Final[Mapping[str, float]] = {
    "fp16": 2.0,
    "bf16": 2.0,
    "half": 2.0,
    "int8": 1.0,
    "fp8": 1.0,
    "fp32": 4.0,
    "float": 4.0,
}
"""Bytes of an element of a message."""
OPERATION_OF: Final[Mapping[str, Operation]] = {
    "all_reduce": "all_reduce",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "alltoall": "all_to_all",
    "all_to_all": "all_to_all",
}
"""Collectives by their names in tables."""
LOADS: Final = re.compile(r"balanced|power_law_(\d+(?:\.\d+)?)")
"""Names of load laws, ``distribution``; the exponent is the group."""
_SHOWN: Final = 3
"""Rows that are named per problem."""
_FREE: Final = frozenset({"power_w", "power_limit_w"})
"""May be missing."""

_WORDS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "distribution": (lambda word: LOADS.fullmatch(word) is not None, "balanced or power_law_<exponent>"),
    "op_name": (OPERATION_OF.__contains__, ", ".join(OPERATION_OF)),
}


def _pairs(columns: Columns) -> Iterator[tuple[str, NDArray[np.bool_], str]]:
    """What one column allows another: the column that is wrong, where, and what is allowed."""
    if "moe_ep_size" in columns:
        experts = columns["num_experts"]
        ranks = np.where(columns["moe_ep_size"] > 0.0, columns["moe_ep_size"], 1.0)
        yield "moe_ep_size", experts % ranks != 0.0, "a divisor of num_experts"
        yield "topk", columns["topk"] > experts, "at most num_experts"
    if "num_key_value_heads" in columns:
        groups = np.where(columns["num_key_value_heads"] > 0.0, columns["num_key_value_heads"], 1.0)
        yield "num_key_value_heads", columns["num_heads"] % groups != 0.0, "a divisor of num_heads"
    if "num_gpus" in columns:
        yield "num_gpus", columns["num_gpus"] < 2.0, "2 or more"
        sent = np.array([str(word) in ELEMENT_BYTES for word in columns["dtype"]], dtype=np.bool_)
        yield "dtype", ~sent, ", ".join(ELEMENT_BYTES)


def _wrong(columns: Columns) -> Iterator[tuple[str, NDArray[np.bool_], str]]:
    for name, values in columns.items():
        if name in _WORDS:
            known, allowed = _WORDS[name]
            yield name, np.array([not known(str(word)) for word in values], dtype=np.bool_), allowed
        elif values.dtype != object:
            missing = np.isnan(values)
            bad = np.where(missing, name not in _FREE, ~(values > 0.0) | np.isinf(values))
            yield name, np.asarray(bad, dtype=np.bool_), "a number above 0"
    yield from _pairs(columns)


def row_problems(columns: Columns) -> list[Problem]:
    """Every column with rows that cannot be; the first three rows of each by number, and how many more.

    Parameters
    ----------
    columns : mapping of str to array
        Columns of one table of kernels, words as object arrays.
    """
    found = []
    for name, bad, allowed in _wrong(columns):
        places = np.flatnonzero(bad)
        for place in places[:_SHOWN]:
            value = columns[name][place]
            shown = f"{value:g}" if columns[name].dtype != object else repr(str(value))
            found.append(Problem(f"row {place + 1}, {name}", shown, allowed))
        more = len(places) - _SHOWN
        if more > 0:
            found.append(Problem(name, f"{more} more row{'s' if more > 1 else ''}", allowed))
    return found
