"""Cases of figures: formulas, questions, ranges, turning values, unknown numbers, refusals."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from megawatt.cases import Answers, case_markdown, read_case, render_cases, run_case, with_inputs
from megawatt.cases.formulas import evaluate, names_in
from megawatt.cases.judging import rests_on
from megawatt.cases.words import figure, rough
from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import cli
from megawatt.errors import MegawattError, ScenarioError

CATALOGUE = load_catalogue()
CASE = """
title = "Does it pay?"
as_of = "2026-11"
computation = "figures"
about = "A machine at a price of power."

[[inputs]]
name = "power"
value = 50
low = 40
high = 90
unit = "USD/MWh"
source = "assumed"

[[inputs]]
name = "fee"
fact = "@mining-operations.pool_fee_frac"

[[unknown]]
name = "secret"
unit = "USD"
note = "nobody has published the secret"

[figures]
story = ["It earns {old.revenue_usd_per_mwh:.1f} and is left {margin} USD/MWh."]

[[figures.runs]]
name = "{each}"
each = ["old"]
room = "mining"
ask = { network = "bitcoin-2024-05", miner = "antminer-s19j-pro", power_usd_per_mwh = "=power" }

[[figures.measures]]
name = "margin"
title = "margin"
unit = "USD/MWh"
formula = "old.margin_usd_per_mwh"

[[figures.measures]]
name = "hidden"
title = "hidden"
formula = "secret / power"

[[figures.tables]]
title = "t"
head = "machine"
rows = ["old"]
columns = [{ title = "J/TH", formula = "{row}.efficiency_j_per_th" }]

[[claims]]
key = "pays"
text = "it pays"
source = "somebody"
measure = "margin"
at_least = 0

[[claims]]
key = "pays-well"
text = "it pays well"
source = "somebody"
measure = "margin"
at_least = 1000

[[claims]]
key = "hidden"
text = "it hides"
source = "somebody"
measure = "hidden"
at_most = 1
"""


def case_of(folder: Path, text: str = CASE) -> str:
    (folder / "case.toml").write_text(text, encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("-(a - 1) / 2", -1.0),
        ("2 ** 3", 8.0),
        ("max(a, b.c, 1)", 5.0),
        ("sqrt(4) + log(exp(1))", 3.0),
    ],
)
def test_formulas_by_hand(formula: str, value: float) -> None:
    assert evaluate(formula, {"a": 3.0, "b.c": 5.0}) == pytest.approx(value)


def test_formulas_that_are_not_defined_are_nan_and_others_refused() -> None:
    assert math.isnan(evaluate("1 / a", {"a": 0.0}))
    assert math.isnan(evaluate("a + 1", {"a": math.nan}))
    assert math.isnan(evaluate("log(0 - 1)", {}))
    assert math.isnan(evaluate("run.x", {}, {"run"}))
    assert names_in("a + b.c * max(d, 1)") == {"a", "b.c", "d"}
    for wrong in (
        "__import__('os')",
        "a.b.c",
        "a if b else c",
        "'x'",
        "a +",
        "lambda: 1",
        "True",
        "x[0]",
        "f(1)",
        "1" * 5000 + "x",
    ):
        with pytest.raises(ScenarioError, match="formula"):
            evaluate(wrong, {"a": 1.0, "b": 1.0, "c": 1.0, "x": 1.0})
    with pytest.raises(ScenarioError, match="allowed: a"):
        evaluate("nothing", {"a": 1.0})


def test_a_case_is_computed_judged_and_turned(tmp_path: Path) -> None:
    case = read_case(case_of(tmp_path))
    result = run_case(case, CATALOGUE)
    by = {v.claim.key: v for v in result.verdicts}
    margin = result.measures["margin"]
    strike = margin.base[1] + 50.0
    assert by["pays"].verdict == "holds if"
    assert by["pays"].turns[0].at == pytest.approx(strike, rel=2e-3)
    assert not by["pays"].turns[0].upward
    assert by["pays-well"].verdict == "does not hold"
    assert "no input alone" in by["pays-well"].would_change
    assert by["hidden"].verdict == "cannot be checked"
    assert by["hidden"].because == "nobody has published the secret"
    assert "is left" in result.story[0]
    assert rests_on(result) == ("Assumed, without a source: power. Of these decide a verdict: power (it pays).",)
    assert figure(margin.base[1]) in result.story[0]
    assert result.tables[0].rows == (("old", "29.5"),)
    assert len(margin.values) == 3  # the fee has a range, but this figure does not rest on it alone: power's two ends
    page = render_cases([result])
    assert "Contents" in page
    assert "<script src" not in page


def test_what_is_published_later_makes_a_claim_checkable(tmp_path: Path) -> None:
    case = read_case(case_of(tmp_path))
    found = {v.claim.key: v.verdict for v in run_case(with_inputs(case, ["secret=10"]), CATALOGUE).verdicts}
    assert found["hidden"] == "holds"
    found = {
        v.claim.key: v.verdict for v in run_case(with_inputs(case, ["power=120", "secret=1e6"]), CATALOGUE).verdicts
    }
    assert found == {"pays": "holds if", "pays-well": "does not hold", "hidden": "does not hold"}


def test_questions_are_asked_once(tmp_path: Path) -> None:
    case, answers = read_case(case_of(tmp_path)), Answers()
    run_case(case, CATALOGUE, answers)
    asked = len(answers.found)
    run_case(case, CATALOGUE, answers)
    assert len(answers.found) == asked


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value = 50", "value = nan", "inputs.0"),
        ("value = 50", "value = true", "inputs.0"),
        ("value = 50", "value = 500", "low <= value <= high"),
        ("value = 50", 'value = 50\nfact = "@a.b"', "either value or fact"),
        ('"@mining-operations.pool_fee_frac"', '"@mining-operations.nothing"', "nothing"),
        ('name = "secret"', 'name = "power"', "two inputs named 'power'"),
        ("at_most = 1", "at_most = 1\nat_least = 0", "one of at_least, at_most, equals"),
        ('room = "mining"', 'room = "kitchen"', "kitchen"),
        ('measure = "hidden"', 'measure = "sought"', "sought"),
        ('"secret / power"', '"secret / sought"', "sought"),
        ('miner = "antminer-s19j-pro"', "miner = 7", "figures.runs.0.ask.miner"),
        ('miner = "antminer-s19j-pro"', 'miner = "antminer-s0"', "case "),
        ('network = "bitcoin-2024-05",', "", "figures.runs.0.ask.network"),
        ("{margin}", "{sought}", "sought"),
    ],
)
def test_wrong_case_files_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in CASE
    with pytest.raises(MegawattError) as refused:
        run_case(read_case(case_of(tmp_path, CASE.replace(old, new, 1))), CATALOGUE)
    assert said in " ".join([str(refused.value), *map(str, refused.value.problems)])


def test_the_commands_show_run_and_refuse(tmp_path: Path) -> None:
    folder = case_of(tmp_path)
    shown = CliRunner().invoke(cli, ["cases", "show", folder])
    assert shown.exit_code == 0, shown.output
    assert "it pays well" in shown.output
    report = tmp_path / "page.html"
    run = CliRunner().invoke(cli, ["cases", "run", folder, "--report", str(report)])
    assert run.exit_code == 0, run.output
    assert "cannot be checked" in run.output
    assert "plot-" in report.read_text(encoding="utf-8")
    assert CliRunner().invoke(cli, ["cases", "run", "all", "--set", "power=1"]).exit_code == 2
    assert '"claims"' in CliRunner().invoke(cli, ["cases", "list", "--json"]).output


BETWEEN = """
title = "Where does it stand?"
as_of = "2026-11"
computation = "figures"

[[inputs]]
name = "months"
value = 9
low = 8
high = 12
unit = "months"
source = "assumed"

[[figures.measures]]
name = "a_year"
title = "return"
unit = "%"
formula = "100 * (1.1778 ** (12 / months) - 1)"

[[claims]]
key = "twenty"
text = "it earned 20 % a year"
source = "somebody"
measure = "a_year"
equals = 20
within_frac = 0.1

[[claims]]
key = "much"
text = "it earned much"
source = "a saying"
measure = "a_year"
at_least = 5
ours = "claim"
"""


def test_a_claim_of_equality_between_two_ends_holds_where_the_input_stands_there(tmp_path: Path) -> None:
    """24.4 % at nine months and 17.8 % at twelve: 20 % within a tenth lies between, though neither end meets it."""
    file = tmp_path / "between" / "case.toml"
    file.parent.mkdir()
    file.write_text(BETWEEN, encoding="utf-8")
    found = {v.claim.key: v for v in run_case(read_case(str(file.parent)), CATALOGUE).verdicts}
    twenty = found["twenty"]
    assert twenty.verdict == "holds if"
    assert twenty.turns[0].at == pytest.approx(12 * math.log(1.1778) / math.log(1.22), rel=2e-3)
    assert twenty.turns[0].upward
    assert twenty.would_change.startswith("holds with months above 9.8")


def test_a_number_or_a_question_of_the_case_is_marked(tmp_path: Path) -> None:
    file = tmp_path / "between" / "case.toml"
    file.parent.mkdir()
    file.write_text(BETWEEN, encoding="utf-8")
    text = case_markdown(run_case(read_case(str(file.parent)), CATALOGUE))
    assert "| asked here: a saying | 24.4 (17.8 to 27.8) %: return | at least 5 % (our bound) |" in text
    assert "| somebody | 24.4 (17.8 to 27.8) %: return | 20 %, within 10 % |" in text


def test_numbers_of_pages_are_short() -> None:
    assert [figure(x) for x in (8_800_016_000.0, 2e12, 1e6, 999_999.9, 501_384.3, 73_728.0, 0.971)] == [
        "8.80 bn", "2 trillion", "1 m", "1 m", "501,384", "73,728", "0.971",
    ]  # fmt: skip
    assert rough(14_247_727.0) == "14.2 m"
    assert rough(501_077.0) == "501,100"
