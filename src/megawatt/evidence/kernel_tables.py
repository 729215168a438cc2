"""Read files of measured kernels: Parquet tables with one measured shape per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.evidence.kernel_rows import row_problems
from megawatt.files import parquet_columns

__all__ = ["COLUMNS", "KernelTable", "family_of", "read_kernels"]

_COMMON: Final = ("accelerator", "stack", "dtype", "latency_ms")
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "gemm": (*_COMMON, "m", "n", "k"),
    "moe": (
        *_COMMON,
        "num_tokens",
        "hidden_size",
        "inter_size",
        "topk",
        "num_experts",
        "moe_tp_size",
        "moe_ep_size",
        "distribution",
    ),
    "attention": (*_COMMON, "kv_cache_dtype", "batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim"),
    "collectives": (*_COMMON, "op_name", "num_gpus", "message_size"),
}
"""Columns that each family of kernel tables must have."""
_WORDS: Final = ("accelerator", "stack", "dtype", "kv_cache_dtype", "distribution", "op_name", "fold")
_OPTIONAL: Final = ("power_w", "power_limit_w")


@dataclass(frozen=True, slots=True)
class KernelTable:
    """Measured kernels of one family: columns of equal length; words as object arrays, numbers as float64.

    ``power_w`` and ``power_limit_w`` are NaN where they were not measured; ``fold`` is "fit" where the file has none.
    """

    family: str
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns["latency_ms"])

    def number(self, name: str) -> NDArray[np.float64]:
        """One numeric column."""
        return np.asarray(self.columns[name], dtype=np.float64)

    def word(self, name: str) -> NDArray[Any]:
        """One column of words."""
        return self.columns[name]

    def where(self, mask: NDArray[np.bool_]) -> KernelTable:
        """The rows of a mask."""
        return KernelTable(self.family, {name: values[mask] for name, values in self.columns.items()})


def family_of(names: set[str]) -> str | None:
    """Family of a table from its column names; None if it is none of them."""
    return next((family for family, needed in COLUMNS.items() if set(needed) <= names), None)


def _column(name: str, values: Any, count: int) -> NDArray[Any]:
    if name in _WORDS:
        return np.array([str(v) for v in values], dtype=object)
    if values is None:
        return np.full(count, np.nan)
    if isinstance(values, np.ma.MaskedArray):
        values = np.where(np.ma.getmaskarray(values), np.nan, values.data.astype(np.float64))
    return np.asarray(values, dtype=np.float64)


def read_kernels(path: Path | str) -> KernelTable:
    """Read one Parquet file of measured kernels.

    Raises
    ------
    ScenarioError
        If the file cannot be read, is no kernel table, or holds rows that cannot be (all of them are named).
    """
    path = Path(path)
    raw = parquet_columns(path)
    family = family_of(set(raw))
    if family is None:
        wanted = "; ".join(f"{name}: {', '.join(needed)}" for name, needed in COLUMNS.items())
        raise ScenarioError(f"{path}: no table of kernels: columns {', '.join(sorted(raw))}; needed: {wanted}")
    count = len(raw["latency_ms"])
    try:
        columns = {name: _column(name, raw[name], count) for name in COLUMNS[family]}
        columns |= {name: _column(name, raw.get(name), count) for name in _OPTIONAL}
    except (TypeError, ValueError) as error:
        raise ScenarioError(f"{path}: a column of numbers holds words: {error}", file=str(path)) from None
    columns["fold"] = _column("fold", raw["fold"], count) if "fold" in raw else np.array(["fit"] * count, dtype=object)
    problems = row_problems(columns)
    if problems:
        more = f", and {len(problems) - 1} more problems" if len(problems) > 1 else ""
        raise ScenarioError(f"{path}: {problems[0]}{more}", problems, str(path))
    return KernelTable(family, columns)
