"""Where a figure comes from: formula, parts, inputs with their sources, and what moves it most."""

from megawatt.results.explanation.answers import explain_answer
from megawatt.results.explanation.records import Explanation, Input, Mover, Part, unit_of
from megawatt.results.explanation.runs import RunTables, explain_run, explained, run_tables, tables_in_memory
from megawatt.results.explanation.told import explain_path, figures_in

__all__ = [
    "Explanation",
    "Input",
    "Mover",
    "Part",
    "RunTables",
    "explain_answer",
    "explain_path",
    "explain_run",
    "explained",
    "figures_in",
    "run_tables",
    "tables_in_memory",
    "unit_of",
]
