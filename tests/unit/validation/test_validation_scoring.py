"""Statistics of validation against hand arithmetic, and the kinds of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.errors import ScenarioError
from megawatt.validation.registry import KINDS, kind_of
from megawatt.validation.scoring import Case, Skipped, kendall_tau, result_entry, skipped_reasons, summary


def test_summary_of_relative_and_absolute_errors() -> None:
    # errors 0.1, -0.2, 0.0: mean 0.1, median 0.1, bias -0.0333
    relative = summary([10, 10, 10], [11, 8, 10], "relative")
    assert relative == pytest.approx({"n": 3, "mape": 0.1, "median_ape": 0.1, "p90_ape": 0.18, "bias": -1 / 30})
    absolute = summary([1.1, 0], [1.2, 0.3], "absolute")
    assert absolute == pytest.approx({"n": 2, "mae": 0.2, "median_ae": 0.2, "p90_ae": 0.28, "bias": 0.2})
    assert summary([], [], "relative") == {"n": 0}


def test_kendall_tau() -> None:
    assert kendall_tau([1, 2, 3, 4], [10, 20, 30, 40]) == 1
    assert kendall_tau([1, 2, 3, 4], [4, 3, 2, 1]) == -1
    assert kendall_tau([1, 2, 3], [1, 3, 2]) == pytest.approx(1 / 3)  # two pairs agree, one does not


def test_entry_holds_every_case_group_null_and_ranking() -> None:
    cases = [Case(f"r{i}", 1.0 + i, 1.1 * (1 + i), ("micro_batch",), ("fold=score",), null=2.0) for i in range(4)]
    entry = result_entry(
        file="f.csv",
        kind="training-runs",
        quantity="step_time",
        unit="s",
        error="relative",
        rows=6,
        scorable=5,
        cases=cases,
        skipped=[Skipped("x", "no model")],
        rankings=[["r0", "r1", "r2", "r3"], ["r0", "r1"]],
    )
    assert entry["summary"]["mape"] == pytest.approx(0.1)
    assert entry["null"]["n"] == 4
    assert entry["tau"] == {"groups": 1, "mean": 1.0}
    assert entry["groups"]["fold=score"]["n"] == 4
    assert entry["cases"][1] == {"id": "r1", "measured": 2.0, "predicted": 2.2, "error": pytest.approx(0.1),
                                 "assumed": ["micro_batch"]}  # fmt: skip
    assert entry["skipped"] == [{"id": "x", "why": "no model"}]


@pytest.mark.reference
def test_every_reference_file_is_recognised_or_said_to_be_facts(reference_dir: Path) -> None:
    facts = {"accelerators.csv", "bitcoin_daily.csv", "bitcoin_network.csv", "climate_normals.csv", "deals.csv",
             "counterparty_flows.csv", "daily_sources.csv", "demand.csv", "energy_costs.csv", "grid_carbon.csv",
             "market_daily.csv", "miners.csv",
             "moe_facts.csv", "training_recipes.csv"}  # fmt: skip
    names = {k.name for k in KINDS}
    for path in [
        *reference_dir.glob("*.csv"),
        *reference_dir.glob("kernels/*.parquet"),
        *reference_dir.glob("*_cases/*"),
    ]:
        if path.name in facts:
            with pytest.raises(ScenarioError):
                kind_of(path)
        else:
            assert kind_of(path).name in names, path.name
    assert kind_of(reference_dir / "dispatch_case").name == "dispatch-case"


def test_the_command_says_why_rows_have_no_score(capsys: pytest.CaptureFixture[str]) -> None:
    from megawatt.cli.validate import _print

    reasons = ["no place"] * 3 + ["no chip"] * 2 + ["late", "later"]
    entry = {"file": "f.csv", "quantity": "pue", "kind": "facility", "scored": 1, "scorable": 8, "error": "absolute",
             "summary": {"n": 0}, "skipped": [{"id": str(i), "why": why} for i, why in enumerate(reasons)]}  # fmt: skip
    _print(entry)
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "not scored: 3 x no place",
        "not scored: 2 x no chip",
        "not scored: 1 x late",
        "not scored for other reasons: 1 (--json)",
    ]


def test_reasons_for_rows_without_a_score() -> None:
    entry = {"skipped": [{"id": str(i), "why": why} for i, why in enumerate("aabbbcd")]}
    assert skipped_reasons(entry, 2) == ([("b", 3), ("a", 2)], 2)
    assert skipped_reasons({}, 2) == ([], 0)


@pytest.mark.parametrize(
    ("head", "told"),
    [("metric,value,model", "nearest: training-runs, which has flops_convention too"),
     ("op,busbw_GBps", "nearest: collectives-published, which has ranks too"),
     ("model,system", "a table of runs has the columns flops_convention, metric, value")],
)  # fmt: skip
def test_a_table_of_no_kind_names_what_it_lacks(tmp_path: Path, head: str, told: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"{head}\n{','.join('1' for _ in head.split(','))}\n")
    with pytest.raises(ScenarioError) as refused:
        kind_of(path)
    assert told in refused.value.problems[0].found
