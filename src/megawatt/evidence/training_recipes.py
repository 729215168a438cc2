"""What a published training run switched on: its recipe, a column of its own, or the words of its notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from megawatt.errors import MegawattError, ScenarioError, shown
from megawatt.evidence.training_layouts import Row
from megawatt.files import is_file, read_table
from megawatt.training.features import FEATURES, MODULES, Features, merge_features, read_features, read_switch

__all__ = [
    "CUMULATIVE",
    "RECIPES",
    "SAID",
    "WITHOUT_EFFECT",
    "features_of",
    "known_recipe_columns",
    "recipe_features",
    "with_recipes",
]


RECIPES: Final = "training_recipes.csv"
"""Name of the table of recipes that is looked for beside a table of runs."""
SAID: Final = "stack_features"
"""Column of a table of runs that says the same in one cell."""
CUMULATIVE: Final = "cumulative ablation"
"""Words of a row that stands on the rows before it."""
_BASELINE: Final = Features(graphs=(), ep_overlap=False, router_fusion=False, permute_fusion=False, numa_binding=False)
"""What such a series begins without."""
_COLUMN: Final = "recipe."
"""Columns of a recipe carry this before their names once they are joined."""


def with_recipes(rows: Sequence[Row], path: Path) -> list[Row]:
    """Rows with the columns of their recipe (``recipe.dispatcher``, ...): their own, and where these are empty those of
    the table of recipes beside.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of a table of runs; what they hold of a recipe stands under its columns' names.
    path : Path
        That table; ``training_recipes.csv`` of its folder holds one recipe per ``id``.

    Raises
    ------
    ScenarioError
        If the table of recipes cannot be read or has no column ``id``.
    """
    beside, recipes = path.parent / RECIPES, {}
    if is_file(beside):
        table = read_table(beside, needed=("id",), what="a table of recipes").rows
        recipes = {row["id"]: {_COLUMN + name: cell for name, cell in row.items() if name != "id"} for row in table}
    own = ({_COLUMN + name: row[name] for name in _OWN if (row.get(name) or "").strip()} for row in rows)
    return _cumulated(
        [{**row, **recipes.get(row.get("id", ""), {}), **said} for row, said in zip(rows, own, strict=True)]
    )


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
        out.append({**row, SAID: before.text()})
    return out


def features_of(row: Row) -> Features:
    """What a run switched on: its own column first, then its recipe, then its notes.

    Raises
    ------
    ScenarioError
        If the column ``stack_features`` holds what is not allowed.
    """
    return merge_features(read_features(row.get(SAID, "") or ""), recipe_features(row), _noted(row.get("notes") or ""))


_SCOPES: Final[Mapping[str, str]] = {
    "attn": "attn", "moe_router": "router", "moe_preprocess": "preprocess", "moe": "router,preprocess,shared,experts",
    "mlp": "", "mamba": "",
}  # fmt: skip
"""Megatron's scopes of CUDA graphs and what they cover; dense layers' multiplies never wait for the host."""
_WIDTHS: Final[Mapping[str, str]] = {
    "float32": "4", "fp32": "4", "bfloat16": "2", "bf16": "2", "float16": "2", "fp16": "2", "fp8": "1", "uint8": "1",
}  # fmt: skip
_WHOLE_LAYERS: Final = r"(?:block|uniform)(?: \d+)?"
"""How Megatron names recompute of whole layers, which are no modules."""


def _named(column: str, text: str, names: Mapping[str, str]) -> str:
    """What a word of a recipe stands for."""
    if text.lower() not in names:
        raise ScenarioError(f"column {column} = {shown(text)}; allowed: {', '.join(names)}")
    return names[text.lower()]


def _listed(column: str, text: str, names: Mapping[str, str]) -> str:
    parts = (part.strip() for part in re.split("[;,]", text) if part.strip() not in ("", "none"))
    found = [_named(column, part, names) for part in parts if not re.fullmatch(_WHOLE_LAYERS, part)]
    return ",".join(dict.fromkeys(filter(None, found))) or "none"


def _graphs(implementation: str, scope: str) -> str:
    """What graphs cover: by scope, all of a step, or every layer as a whole."""
    if not implementation + scope or implementation.lower() in ("none", "off", "0", "false"):
        return "none" if implementation else ""
    if "full_iteration" in scope:
        return "full"
    return _listed("cuda_graph_scope", scope, _SCOPES) if scope else "attn,router,preprocess,shared,experts"


def _sharded(text: str) -> str:
    """Whether weights are sharded: on, off, or the name of what shards them."""
    word = text.lower()
    return "on" if "fsdp" in word else "off" if word.startswith("none") else text


_TEXTS: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    ("dispatcher", "dispatcher", lambda text: text.lower().removeprefix("flex ")),
    ("recompute", "recompute_modules",
     lambda text: _listed("recompute_modules", text, dict(zip(MODULES, MODULES, strict=True)))),
    ("moment_bytes", "exp_avg_dtype", lambda text: _named("exp_avg_dtype", text, _WIDTHS)),
    ("gradient_bytes", "main_grads_dtype", lambda text: _named("main_grads_dtype", text, _WIDTHS)),
    ("balance", "forced_balance", lambda text: "forced" if read_switch("forced_balance", text) else "real"),
    ("fsdp", "fsdp", _sharded),
    ("stage_layout", "pp_layout", str),
    ("capacity", "token_drop_capacity", str),
    ("offload_layers", "cpu_offload_layers", str),
    ("shared_overlap", "shared_expert_overlap", str),
    ("tp_overlap", "tp_comm_overlap", str),
    ("fused_mlp", "cutedsl_grouped_mlp", str),
    *((name, name, str) for name in FEATURES if name not in ("dispatcher", "fsdp", "recompute")),
)  # fmt: skip
"""Feature, column, and what a cell of it says: columns of a recipe, then the features' own names."""
_OWN: Final = (*dict.fromkeys(c for _, c, _ in _TEXTS), "cuda_graph_impl", "cuda_graph_scope", "recipe_etp")
"""Columns that may stand in a table of runs as well."""


WITHOUT_EFFECT: Final = (
    "release", "recipe_ref", "recipe_key", "match", "mismatches", "recompute_num_layers", "hybridep_sms", "delay_wgrad",
    "full_iteration_graph", "fp8_output_proj", "grouped_gemm", "te_op_fuser", "cross_entropy_fusion", "rope_fusion",
    "precision_aware_optimizer", "grad_reduce_in_fp32", "overlap_grad_reduce", "overlap_param_gather",
    "overlap_param_gather_with_opt_step", "fsdp_strategy", "recipe_tp", "recipe_pp", "recipe_vpp", "recipe_cp",
    "recipe_ep", "recipe_gbs", "recipe_mbs", "activation_offload", "offload_modules", "optimizer_offload",
    "paged_stash", "moe_router_padding_for_fp8", "first_last_layers_bf16", "tokens_per_s_per_gpu", "published_tflops",
)  # fmt: skip
"""Columns of a recipe that move nothing here."""


def known_recipe_columns() -> tuple[str, ...]:
    """Columns of a recipe that are read, in a table of recipes or in a table of runs."""
    return _OWN


def recipe_features(row: Row) -> Features:
    """What the joined recipe of a run says; nothing where it has none.

    Raises
    ------
    ScenarioError
        If a cell holds what is not allowed.
    """

    def cell(column: str) -> str:
        return (row.get(_COLUMN + column) or "").strip()

    said = {"graphs": _graphs(cell("cuda_graph_impl"), cell("cuda_graph_scope"))}
    said |= {name: read(cell(column)) for name, column, read in _TEXTS if cell(column)}
    if cell("recompute").lower() == "none":
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
