"""What a published training run switched on: its recipe, a column of its own, or the words of its notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from megawatt.errors import MegawattError
from megawatt.evidence.training_layouts import Row
from megawatt.files import is_file, read_table
from megawatt.training.features import MODULES, Features, merge_features, read_features

__all__ = ["CUMULATIVE", "RECIPES", "features_of", "recipe_features", "with_recipes"]


RECIPES: Final = "training_recipes.csv"
"""Name of the table of recipes that is looked for beside a table of runs."""
_SAID: Final = "stack_features"
"""Column of a table of runs that says the same in one cell."""
CUMULATIVE: Final = "cumulative ablation"
"""Words of a row that stands on the rows before it."""
_BASELINE: Final = Features(graphs=(), ep_overlap=False, router_fusion=False, permute_fusion=False, numa_binding=False)
"""What such a series begins without."""
_COLUMN: Final = "recipe."
"""Columns of a recipe carry this before their names once they are joined."""


def with_recipes(rows: Sequence[Row], path: Path) -> list[Row]:
    """Rows with the columns of their recipe (``recipe.dispatcher``, ...), where a table of recipes stands beside.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of a table of runs.
    path : Path
        That table; ``training_recipes.csv`` of its folder holds one recipe per ``id``.

    Raises
    ------
    ScenarioError
        If the table of recipes cannot be read or has no column ``id``.
    """
    beside = path.parent / RECIPES
    if not is_file(beside):
        return _cumulated(rows)
    table = read_table(beside, needed=("id",), what="a table of recipes").rows
    recipes = {row["id"]: {_COLUMN + name: cell for name, cell in row.items() if name != "id"} for row in table}
    return _cumulated([{**row, **recipes.get(row.get("id", ""), {})} for row in rows])


def _cumulated(rows: Sequence[Row]) -> list[Row]:
    """Rows of a cumulative ablation, whose notes name only what came on top, with all that came before."""
    out: list[Row] = []
    before, source = Features(), ""
    for row in rows:
        if CUMULATIVE not in (row.get("notes") or ""):
            out.append(row)
            continue
        same = row.get("source", "") == source
        before, source = merge_features(features_of(row), before if same else _BASELINE), row.get("source", "")
        out.append({**row, _SAID: before.text()})
    return out


def features_of(row: Row) -> Features:
    """What a run switched on: its own column first, then its recipe, then its notes.

    Raises
    ------
    ScenarioError
        If the column ``stack_features`` holds what is not allowed.
    """
    return merge_features(read_features(row.get(_SAID, "") or ""), recipe_features(row), _noted(row.get("notes") or ""))


_SCOPES: Final[Mapping[str, str]] = {"moe_router": "router", "moe_preprocess": "preprocess", "attn": "attn"}
_WIDTHS: Final[Mapping[str, str]] = {"float32": "4", "bfloat16": "2", "float16": "2", "fp8": "1"}


def _listed(text: str, names: Mapping[str, str]) -> str:
    found = [names[part] for part in text.split(";") if part in names]
    return ",".join(dict.fromkeys(found)) or "none"


def _graphs(implementation: str, scope: str) -> str:
    """What graphs cover: by scope, all of a step, or every layer as a whole."""
    if implementation in ("", "none"):
        return implementation
    if "full_iteration" in scope:
        return "full"
    return _listed(scope, _SCOPES) if scope else "attn,router,preprocess,shared,experts"


_TEXTS: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    ("dispatcher", "dispatcher", lambda text: text.removeprefix("flex ")),
    ("recompute", "recompute_modules", lambda text: _listed(text, dict(zip(MODULES, MODULES, strict=True)))),
    ("moment_bytes", "exp_avg_dtype", lambda text: _WIDTHS.get(text, "")),
    ("gradient_bytes", "main_grads_dtype", lambda text: _WIDTHS.get(text, "")),
    ("balance", "forced_balance", lambda text: {"1": "forced", "0": "real"}.get(text, "")),
    ("fsdp", "fsdp", lambda text: "on" if "fsdp" in text else "off"),
    ("stage_layout", "pp_layout", str),
    ("capacity", "token_drop_capacity", str),
    ("mtp_layers", "mtp_layers", str),
    ("offload_layers", "cpu_offload_layers", str),
    ("ep_overlap", "ep_overlap", str),
    ("shared_overlap", "shared_expert_overlap", str),
    ("tp_overlap", "tp_comm_overlap", str),
    ("fused_mlp", "cutedsl_grouped_mlp", str),
    ("router_fusion", "router_fusion", str),
    ("permute_fusion", "permute_fusion", str),
    ("fp8_attention", "fp8_attention", str),
)
"""Feature, column of a recipe, and what a cell of it says."""


def recipe_features(row: Row) -> Features:
    """What the joined recipe of a run says; nothing where it has none."""
    cells = {name: (row.get(_COLUMN + column) or "").strip() for name, column, _ in _TEXTS}
    said = {name: read(cells[name]) for name, _, read in _TEXTS if cells[name]}
    said["graphs"] = _graphs(*((row.get(f"{_COLUMN}cuda_graph_{part}") or "").strip() for part in ("impl", "scope")))
    if (row.get(f"{_COLUMN}recompute") or "") == "none":
        said["recompute"] = "none"
    return read_features("; ".join(f"{name}={text}" for name, text in said.items() if text))


_NOTES: Final[tuple[tuple[str, str], ...]] = (
    (r"instead of DeepEP|\bHybridEP\b", "dispatcher=hybridep"),
    (r"\bDeepEP\b", "dispatcher=deepep"),
    (r"alltoall dispatcher|all-to-all dispatcher", "dispatcher=alltoall"),
    (r"full-iteration (?:CUDA )?graph", "graphs=full"),
    (
        r"graphs? (?:over |of |)attn(?:, |\+)(?:moe_)?router(?:(?:, |\+)(?:moe_)?preprocess)?",
        "graphs=attn,router,preprocess",
    ),
    (r"graphs? of router\+preprocess", "graphs=router,preprocess"),
    (r"partial graphs|; CUDA graphs", "graphs=attn,router,preprocess"),
    (r"no graphs", "graphs=none"),
    (r"expert-parallel overlap off", "ep_overlap=off"),
    (r"graphs of attention, router, preprocess", "graphs=attn,router,preprocess"),
    (r"shared expert captured in the graph", "graphs=attn,router,preprocess,shared"),
    (r"router fusion", "router_fusion=on"),
    (r"(?i)\b(?:per-op|op-level|by operator) (?:SAC|selective|AC\b|recompute|activation)", "recompute=operators"),
    (r"fused zeroing and permutation", "permute_fusion=on"),
    (r"1F1B (?:expert-parallel )?overlap|expert-parallel overlap|overlap \+ delayed wgrad", "ep_overlap=on"),
    (r"fused (?:CuTe )?grouped MLP", "fused_mlp=on"),
    (r"CPU core binding", "numa_binding=on"),
    (r"real (?:dropless )?routing(?! not)|real C4", "balance=real"),
    (r"forced balanced?|balanced by force|force-balanced", "balance=forced"),
)
"""Words of notes and what they say; of several about one feature the first counts."""
_REPEATED: Final = r"recompute (?:only )?((?:[a-z_]+(?:\+|, | and )?)+)"
_OTHER_NAMES: Final[Mapping[str, str]] = {"norm": "layernorm", "act": "moe_act", "up_proj": "mla_up_proj"}


def _noted(notes: str) -> Features:
    """What the notes of a run say."""
    found: dict[str, str] = {}
    for pattern, said in _NOTES:
        if re.search(pattern, notes):
            name, _, value = said.partition("=")
            found.setdefault(name, value)
    repeated = re.search(_REPEATED, notes)
    if repeated:
        words = (_OTHER_NAMES.get(w, w) for w in re.split(r"\W+", repeated[1]))
        modules = [w for w in words if w in MODULES]
        if modules:
            found["recompute"] = ",".join(modules)
    capacity = re.search(r"capacity factor ([0-9.]*[0-9])", notes)
    if capacity:
        found["capacity"] = capacity[1]
    try:
        return read_features("; ".join(f"{name}={value}" for name, value in found.items()))
    except MegawattError:
        return Features()
