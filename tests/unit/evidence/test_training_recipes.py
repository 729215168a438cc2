"""Recipes beside a table of runs, and what notes say."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.errors import ScenarioError
from megawatt.evidence import features_of, with_recipes
from megawatt.training import Features

COLUMNS = (
    "id,dispatcher,cuda_graph_impl,cuda_graph_scope,ep_overlap,recompute,recompute_modules,exp_avg_dtype,mtp_layers,"
    "forced_balance,pp_layout"
)
RECIPES = f"""{COLUMNS}
a,flex hybridep,transformer_engine,moe_router;moe_preprocess,1,selective,mla_up_proj;mlp,bfloat16,1,1,Et|tL
b,alltoall,local,full_iteration,0,none,,float32,0,0,
c,,none,,,full,block 5,,,,
"""


def test_a_recipe_is_joined_by_id(tmp_path: Path) -> None:
    (tmp_path / "training_recipes.csv").write_text(RECIPES, encoding="utf-8")
    rows = with_recipes([{"id": i, "notes": ""} for i in "abcd"], tmp_path / "runs.csv")
    first, second, third, none = (features_of(row) for row in rows)
    assert rows[0]["recipe.pp_layout"] == "Et|tL"
    assert first == Features(
        dispatcher="hybridep",
        graphs=("router", "preprocess"),
        ep_overlap=True,
        recompute=("mla_up_proj", "mlp"),
        balance="forced",
        moment_bytes=2.0,
        mtp_layers=1.0,
        stage_layout="Et|tL",
    )
    assert (second.graphs, second.recompute, second.balance) == (("full",), (), "real")
    # Blocks of whole layers are no modules.
    assert (third.graphs, third.recompute) == ((), ())
    assert none == Features()


def test_without_recipes_rows_stay_as_they_are(tmp_path: Path) -> None:
    rows = [{"id": "a", "notes": "DeepEP"}]
    assert with_recipes(rows, tmp_path / "runs.csv") == rows


def test_the_column_of_a_row_counts_before_its_recipe_and_its_notes() -> None:
    row = {"stack_features": "ep_overlap=off", "recipe.ep_overlap": "1", "notes": "DeepEP; 1F1B overlap"}
    assert features_of(row) == Features(ep_overlap=False, dispatcher="deepep")
    with pytest.raises(ScenarioError, match="ep_overlap = 'perhaps'"):
        features_of({"stack_features": "ep_overlap=perhaps"})


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ("per-op SAC, compile, FSDP2", "- - operators"),
        ("MTP; FP8 blockwise; DeepEP; 1F1B overlap; recompute up_proj+mlp", "deepep on mla_up_proj,mlp"),
        ("HybridEP; expert-parallel overlap off; graphs of router+preprocess", "hybridep off -"),
        ("TP/PP communication overlap off; alltoall dispatcher inside the node", "alltoall - -"),
        ("recipe recomputes MLA up-projection or MoE activation modules only", "- - -"),
    ],
)
def test_notes_are_read(notes: str, said: str) -> None:
    found = features_of({"notes": notes})
    overlap = {None: "-", True: "on", False: "off"}[found.ep_overlap]
    assert f"{found.dispatcher or '-'} {overlap} {','.join(found.recompute or ()) or '-'}" == said


def test_a_cumulative_ablation_keeps_what_came_before(tmp_path: Path) -> None:
    notes = ("alltoall dispatcher", "+ router fusion", "+ HybridEP instead of DeepEP")
    rows = [{"id": str(n), "source": "s", "notes": f"cumulative ablation: {text}"} for n, text in enumerate(notes)]
    found = [features_of(row) for row in with_recipes(rows, tmp_path / "runs.csv")]
    assert [f.dispatcher for f in found] == ["alltoall", "alltoall", "hybridep"]
    assert [f.router_fusion for f in found] == [False, True, True]
