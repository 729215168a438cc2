"""Cases: files that are read or refused, verdicts, and a claim whose verdict turns with its evidence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from megawatt.cases import (
    CaseFile,
    Claim,
    Computed,
    Measured,
    case_dict,
    case_keys,
    judge,
    read_case,
    render_case,
    run_case,
    with_inputs,
)
from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import cli
from megawatt.errors import ScenarioError

CATALOGUE = load_catalogue()


def small() -> CaseFile:
    """The claim on one small workload without rivals."""
    case = read_case("trn3-claim")
    settings = dict(case.settings) | {"rivals": [], "units": 1, "workloads": list(case.settings["workloads"])[:1]}
    return dataclasses.replace(case, settings=settings)


def test_the_claim_is_a_case_and_its_file_is_whole() -> None:
    assert "trn3-claim" in case_keys()
    case = read_case("trn3-claim")
    assert len(case.settings["workloads"]) == 6
    assert all(i.low <= i.value <= i.high and i.source for i in case.inputs)
    assert all(claim.source for claim in case.claims)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"a": 5.0, "b": 4.0}, "holds"),
        ({"a": 3.0, "b": 4.0}, "holds if"),
        ({"a": 3.0, "b": 2.0}, "does not hold"),
    ],
)
def test_verdicts_by_hand(values: dict[str, float], verdict: str) -> None:
    claim = Claim("k", "four times", "somebody", "speed", at_least=4.0)
    found = judge(claim, Computed({"speed": Measured(values)}))
    assert found.verdict == verdict
    below = judge(dataclasses.replace(claim, at_least=None, at_most=4.0), Computed({"speed": Measured({"a": 4.5})}))
    assert below.verdict == "does not hold"
    assert judge(claim, Computed({})).verdict == "cannot be checked"


def test_the_answer_turns_when_an_input_is_flipped() -> None:
    """At the reported 1,000 W an UltraServer draws far more than before; at 70 W a chip it would draw the same."""
    case = small()
    before = {v.claim.key: v.verdict for v in run_case(case, CATALOGUE).verdicts}
    answer = run_case(case, CATALOGUE).answer
    assert before["same-energy"] == "does not hold"
    assert before["peak-server"] == "holds"
    assert before["real-runs"] == "cannot be checked"
    flipped = run_case(with_inputs(case, ["new.chip_power_w=70", "new.sparsity_factor=4"]), CATALOGUE)
    after = {v.claim.key: v.verdict for v in flipped.verdicts}
    assert after["same-energy"] == "holds if"
    assert after["four-times-watt"] == "holds if"
    assert flipped.answer != answer
    assert len(answer) == 3


def test_readings_and_equal_dollars() -> None:
    base = small()
    rivals = {"rivals": ["hgx-h200"], "rival_model": "llama-3.1-8b", "rival_power_mw": 0.2, "rival_usd_per_hour": 32.0}
    case = dataclasses.replace(base, settings=dict(base.settings) | rivals)
    tables = run_case(case, CATALOGUE).tables
    (readings,) = [table for table in tables if table.title == "Which reading holds where"]
    four = next(row for row in readings.rows if row[0] == "an UltraServer trains four times as fast as the one before")
    assert four[3] == "only with mxfp8"
    assert any("mean power of a chip" in row[0] and row[2].endswith(" W") for row in readings.rows)
    priced = {row[0]: row for row in tables[-1].rows}
    h200, trn3 = priced["NVIDIA HGX H200 node (8 GPUs)"], priced["AWS Trn3 Gen2 UltraServer (144 Trainium3)"]
    # 32 dollars rent 20 chips at 1.60; whole machines are used
    assert h200[1] == "1.60"
    assert int(h200[2]) <= 20
    assert float(h200[4]) == pytest.approx(1.6 * int(h200[2]) / 3600 / float(h200[3].replace(",", "")) * 1e6, abs=1e-3)
    assert trn3[1] == "not published"
    assert trn3[5].startswith("below ")


def test_page_and_json_hold_the_verdicts() -> None:
    result = run_case(small(), CATALOGUE)
    page, plain = render_case(result), case_dict(result)
    assert "does not hold" in page
    assert "<script src" not in page
    assert [v["claim"] for v in plain["verdicts"]] == [c.key for c in result.case.claims]
    assert plain["measures"]["speed per chip"]["low"] <= plain["measures"]["speed per chip"]["value"]


@pytest.mark.parametrize("said", ["x=1", "new.chip_power_w", "new.chip_power_w=", "new.chip_power_w=-5", "=1"])
def test_wrong_inputs_are_refused(said: str) -> None:
    with pytest.raises(ScenarioError, match=r"NAME=NUMBER above 0, of new\.chip_power_w"):
        with_inputs(read_case("trn3-claim"), [said])


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="trn3-claim"):
        read_case("nothing")
    file = tmp_path / "case.toml"
    file.write_text('title = "x"\n')
    with pytest.raises(ScenarioError, match="4 problems") as refused:
        read_case(str(tmp_path))
    assert {p.path for p in refused.value.problems} == {"as_of", "computation", "inputs", "claims"}
    file.write_text('title = "x"\nas_of = "2026-01"\ncomputation = "magic"\ninputs = []\nclaims = [{ key = 1 }]\n')
    with pytest.raises(ScenarioError) as refused:
        read_case(str(tmp_path))
    assert {"claims.0.text", "claims.0.source", "claims.0.measure"} <= {p.path for p in refused.value.problems}
    file.write_text('title = "x"\nas_of = "2026-01"\ncomputation = "magic"\ninputs = []\nclaims = []\n')
    with pytest.raises(ScenarioError, match="allowed: machines"):
        run_case(read_case(str(tmp_path)), CATALOGUE)
    file.write_text('title = "x"\nas_of = "2026-01"\ncomputation = "machines"\ninputs = []\nclaims = []\n')
    with pytest.raises(ScenarioError, match=r"machines\.new"):
        run_case(read_case(str(tmp_path)), CATALOGUE)


def test_the_command_lists_and_refuses() -> None:
    listed = CliRunner().invoke(cli, ["cases", "list"])
    assert listed.exit_code == 0
    assert "trn3-claim" in listed.output


def test_a_case_is_found_by_its_number() -> None:
    assert read_case("7").key == "terawulf-fluidstack"
    with pytest.raises(ScenarioError, match="case '77'"):
        read_case("77")
