"""Published claims, computed again: does it hold, under what, and what would change it?"""

from megawatt.cases.judging import judge
from megawatt.cases.page import render_case
from megawatt.cases.reading import case_keys, read_case, with_inputs
from megawatt.cases.records import CaseFile, CaseInput, CaseResult, CaseTable, Claim, Happened, Measured, Verdict
from megawatt.cases.running import case_dict, run_case

__all__ = [
    "CaseFile",
    "CaseInput",
    "CaseResult",
    "CaseTable",
    "Claim",
    "Happened",
    "Measured",
    "Verdict",
    "case_dict",
    "case_keys",
    "judge",
    "read_case",
    "render_case",
    "run_case",
    "with_inputs",
]
