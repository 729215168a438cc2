"""A table of training runs: its columns, those that nobody reads, and rows with what they switched on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_recipes import RECIPES, SAID, WITHOUT_EFFECT, known_recipe_columns, with_recipes
from megawatt.files import column_name, is_file, read_table

__all__ = ["COLUMNS", "RunTable", "Unread", "read_runs", "unread_columns"]

COLUMNS: Final = (
    "id", "source", "source_url", "published", "model", "layers", "hidden", "heads", "kv_heads", "head_dim", "ffn",
    "gated", "vocab", "tied_embeddings", "attention", "experts", "experts_per_token", "expert_ffn", "shared_experts",
    "dense_layers", "params_b", "seq_len", "accelerator", "chips", "chips_per_node", "scaleout", "dtype",
    "global_batch", "micro_batch", "tp", "pp", "vpp", "cp", "cp_comm", "ep", "dp", "zero", "seq_parallel", "recompute",
    "software", "metric", "value", "flops_convention", "causal_halved", "inferred", "notes", "scorable", "why_not",
    "full_config", "fold",
)  # fmt: skip
"""Columns of a table of runs (docs/validation.md); those of a recipe may stand beside them."""
_ALIKE: Final = 0.75
"""Likeness from which a column that nobody reads may be a misspelt one."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A column that nobody reads, and the known one that looks like it; empty where none does."""

    name: str
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class RunTable:
    """Rows of a table of runs, columns under their known names, recipes joined (`with_recipes`); the line of each row;
    columns that nobody reads, of a table of recipes beside it but for those without effect."""

    rows: list[Row]
    lines: list[int]
    unread: tuple[Unread, ...]


def unread_columns(names: Iterable[str], more: Iterable[str] = ()) -> tuple[Unread, ...]:
    """Columns of a table of runs that nobody reads; ``more`` are known besides."""
    known = (*COLUMNS, SAID, *known_recipe_columns(), *more)
    left = [name for name in names if name and column_name(name).removeprefix("recipe.") not in known]
    return tuple(Unread(n, "" if n in WITHOUT_EFFECT else _nearest(column_name(n), known)) for n in left)


def _nearest(name: str, known: Sequence[str]) -> str:
    return "".join(get_close_matches(name[:80], known, 1, _ALIKE))


def read_runs(path: Path, more: Iterable[str] = ()) -> RunTable:
    """A table of training runs, with the recipes that stand in its own columns or in the table beside it.

    Parameters
    ----------
    path : Path
        A CSV file.
    more : iterable of str
        Columns that it may have besides those of a run.

    Raises
    ------
    ScenarioError
        If the table, or the table of recipes, cannot be read.
    """
    table = read_table(path)
    unread, beside = unread_columns(table.names, more), path.parent / RECIPES
    if is_file(beside):
        unread += unread_columns(read_table(beside).names, WITHOUT_EFFECT)
    rows = [{column_name(name): cell for name, cell in row.items()} for row in table.rows]
    return RunTable(with_recipes(rows, path), [row.line for row in table.rows], unread)
