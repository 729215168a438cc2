"""The short run of the fuzzers: seeded, in the normal suite. ``make fuzz`` is the long one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import forge
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.scenario import load
from tests.fuzz.__main__ import CALLS, survey
from tests.fuzz.scenarios import SPITE, Mutator, as_toml

COUNTS = {"scenarios": 100, "files": 60, "lists": 60}


@pytest.mark.parametrize("kind", CALLS)
def test_nothing_ends_in_a_traceback_or_hangs(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, which the command shows and does not stop at
        counts, wrong = survey(kind, 7, COUNTS[kind], tmp_path)
    assert not wrong, [(words, outcome.wrong) for words, outcome in wrong]
    assert counts["exit 2"] > COUNTS[kind] // 10
    assert counts.total() == COUNTS[kind]


def test_equal_seeds_make_equal_scenarios() -> None:
    one, two = Mutator(3), Mutator(3)
    assert [as_toml(one.mild()) for _ in range(5)] == [as_toml(two.mild()) for _ in range(5)]
    assert as_toml(one.spiteful()) == as_toml(two.spiteful())


def _depth(node: Any) -> int:
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return 1 + max(map(_depth, inside), default=0)


def test_a_scenario_knows_nothing_of_those_before_it() -> None:
    made, spite, bases = Mutator(4), repr(SPITE), repr(Mutator(4).bases)
    deepest = max(_depth(made.spiteful()) for _ in range(2000))
    assert (repr(SPITE), repr(made.bases)) == (spite, bases)
    assert deepest < 16


def test_what_check_passes_the_chain_computes(tmp_path: Path) -> None:
    """Every refusal after a passing check is one that only the computed year can know, and says what binds."""
    catalogue, made = load_catalogue(), Mutator(5)
    made.bases = [base for base in made.bases if base["use"] != "ai-cloud"]  # a training search is seconds, not this
    refusals = []
    passed = 0
    for number in range(14):
        file = tmp_path / f"{number}.toml"
        file.write_text(as_toml(made.mild()), encoding="utf-8")
        try:
            use = load(file, catalogue).uses[0]
        except ScenarioError:
            continue
        passed += 1
        try:
            forge(use.scenario, catalogue, use.folder)
        except InfeasibleError as error:
            refusals.append(str(error))
    assert passed >= 5
    assert all("_mw" in text for text in refusals), refusals
