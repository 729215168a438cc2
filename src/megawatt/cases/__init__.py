"""Published claims, computed again: does it hold, under what, and what would change it?"""

from megawatt.cases.judging import claimed, judge, rests_on
from megawatt.cases.page import render_case, render_cases
from megawatt.cases.points import Answers
from megawatt.cases.reading import case_keys, read_case, with_inputs
from megawatt.cases.records import (
    CaseFile,
    CaseInput,
    CaseResult,
    CaseTable,
    Claim,
    Computed,
    Happened,
    Measured,
    Turn,
    Unknown,
    Verdict,
)
from megawatt.cases.running import case_dict, run_case
from megawatt.cases.telling import case_markdown, counts_text
from megawatt.cases.tracing import formulas_of, questions_of

__all__ = [
    "Answers",
    "CaseFile",
    "CaseInput",
    "CaseResult",
    "CaseTable",
    "Claim",
    "Computed",
    "Happened",
    "Measured",
    "Turn",
    "Unknown",
    "Verdict",
    "case_dict",
    "case_keys",
    "case_markdown",
    "claimed",
    "counts_text",
    "formulas_of",
    "judge",
    "questions_of",
    "read_case",
    "render_case",
    "render_cases",
    "rests_on",
    "run_case",
    "with_inputs",
]
