"""Every case: its figures and verdicts, its page, and a verdict that turns when its evidence does.

Written anew by ``python -m tools.cases_page``; say in the commit what moved and why.
"""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import zip_longest
from typing import Any, Final

import pytest
from tools.cases_page import FOLDER, GOLDEN, PAGE, golden, page

from megawatt.cases import (
    Answers,
    CaseFile,
    CaseResult,
    case_keys,
    case_markdown,
    formulas_of,
    questions_of,
    read_case,
    run_case,
    with_inputs,
)
from megawatt.catalogue import load_catalogue

KEYS: Final = tuple(key for key in case_keys() if key != "trn3-claim")
"""The claim on Trainium 3 has tests of its own, on one workload: all of them take half a minute."""
TOLERANCE: Final = 0.02
"""Relative: what a library's version or a small mending of a room may move; more is a change to speak of."""
_NUMBER: Final = re.compile(r"-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?")
CATALOGUE = load_catalogue()
HELD: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", KEYS)
def test_a_case_is_as_it_was(key: str) -> None:
    answers = Answers()
    result = run_case(read_case(key), CATALOGUE, answers)
    found = golden(result)
    assert found["verdicts"] == HELD[key]["verdicts"]
    for name, value in HELD[key]["measures"].items():
        assert found["measures"][name] == pytest.approx(value, rel=TOLERANCE, abs=1e-9), name
    _page_is_fresh(key, result)
    _verdict_turns(result, answers)


def _page_is_fresh(key: str, result: CaseResult) -> None:
    """Words as they were written, numbers but for the tolerance."""
    written = (FOLDER / key / "README.md").read_text(encoding="utf-8")
    made = case_markdown(result)
    assert _NUMBER.sub("#", made) == _NUMBER.sub("#", written), f"python -m tools.cases_page {key}"
    for new, old in zip_longest(_NUMBER.findall(made), _NUMBER.findall(written)):
        here, there = (float(text.replace(",", "")) for text in (new, old))
        assert here == pytest.approx(there, rel=3 * TOLERANCE, abs=0.011), f"python -m tools.cases_page {key}"


def _verdict_turns(result: CaseResult, answers: Answers) -> None:
    """An input set past the value that the page names turns the claim at the base; or the page says that none does."""
    turning = [(v, turn) for v in result.verdicts for turn in v.turns if turn.published]
    for verdict, turn in turning[:1]:
        assert turn.low <= turn.at <= turn.high
        far = turn.low if turn.at < turn.base else turn.high
        alone = dataclasses.replace(_still(result.case), claims=(verdict.claim,))
        moved = run_case(with_inputs(alone, [f"{turn.input}={far!r}"]), CATALOGUE, answers)
        here, there = (r.measures[verdict.claim.measure].base[1] for r in (result, moved))
        assert verdict.claim.met(here) != verdict.claim.met(there)
        assert {v.verdict for v in moved.verdicts} != {v.verdict for v in run_case(alone, CATALOGUE, answers).verdicts}
    if not turning:
        assert all("no input" in v.would_change or v.verdict == "cannot be checked" for v in result.verdicts)


def _still(case: CaseFile) -> CaseFile:
    """The case without ranges."""
    return dataclasses.replace(
        case, inputs=tuple(dataclasses.replace(i, low=i.value, high=i.value) for i in case.inputs)
    )


def test_the_page_of_all_is_made_of_theirs() -> None:
    assert set(HELD) == set(case_keys())
    assert PAGE.read_text(encoding="utf-8") == page(HELD), "python -m tools.cases_page"


def test_every_case_says_where_its_numbers_come_from() -> None:
    for key in case_keys():
        case = read_case(key)
        assert case.number, key
        assert all(i.source for i in case.inputs), key
        for claim in case.claims:
            # What somebody said has a day, or a year at least; what is asked here says so.
            assert claim.ours == "claim" or re.search(r"\b(1[89]|20)\d\d\b", claim.source), (key, claim.key)


def test_every_input_and_figure_is_read_by_something() -> None:
    for key in case_keys():
        case = read_case(key)
        if case.figures is None:
            continue
        formulas = formulas_of(case)
        cells = [c.formula.replace("{row}", row.replace("-", "_")) for t in case.figures.tables for row in t.rows
                 for c in t.columns]  # fmt: skip
        asked = [arguments for _, arguments in questions_of(case).values()]
        read = set(re.findall(r"\w+", " ".join((*formulas.values(), *asked, *cells, *case.figures.story))))
        read |= {claim.measure for claim in case.claims}
        assert {i.name for i in case.inputs} - read == set(), key
        assert set(formulas) - read == set(), key
