"""Tables of measurements and of facts, described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from megawatt.calibration.published import read_curves
from megawatt.catalogue import Catalogue
from megawatt.catalogue.loader import read_entries
from megawatt.errors import MOST_PROBLEMS, MegawattError, Problem
from megawatt.evidence import read_kernels, read_run, read_runs
from megawatt.evidence.finance_inputs import read_inputs
from megawatt.files import Row, is_folder, parquet_names, read_json, read_table
from megawatt.inspection.records import Description, Line, Section

__all__ = [
    "describe_curves",
    "describe_facts",
    "describe_finance",
    "describe_kernels",
    "describe_profile",
    "describe_runs",
    "describe_table",
]


def _counted(title: str, words: Iterable[str]) -> Section:
    return Section(title, tuple(Line(word or "(none)", n) for word, n in sorted(Counter(words).items())))


def describe_runs(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """Training runs: every row that says it can be scored is read, and each that cannot is a problem."""
    table = read_runs(path)
    rows, problems = table.rows, list[Problem]()
    assumed: Counter[str] = Counter()
    wanted = [(row, line) for row, line in zip(rows, table.lines, strict=True) if row.get("scorable") != "0"]
    for row, line in wanted:
        try:
            assumed.update(read_run(row, catalogue).assumed)
        except MegawattError as error:
            problems.append(_of_row(line, row.get("id", ""), error))
    counts = Section("rows", (Line("rows", len(rows)), Line("to be scored", len(wanted))))
    by_chip = _counted("rows by chip", (row.get("accelerator", "") for row in rows))
    unread = tuple(f"column {c.name}: not read{f'; nearest: {c.nearest}' if c.nearest else ''}" for c in table.unread)
    filled = tuple(f"{what}: in {n:,} rows" for what, n in assumed.most_common())
    return Description("", str(path), "measured training runs", (counts, by_chip), unread + filled, tuple(problems))


def _of_row(line: int, name: str, error: MegawattError) -> Problem:
    where = f"line {line}" + (f" ({name})" if name else "")
    if error.problems:
        first = error.problems[0]
        return Problem(f"{where}: {first.path}" if first.path else where, first.found, first.allowed, first.hint)
    return Problem(where, str(error), "a row as docs/validation.md says")


def describe_kernels(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """Measured kernels, all rows checked."""
    table = read_kernels(path)
    sections = (
        Section("rows", (Line("family", table.family), Line("rows", len(table)))),
        _counted("rows by chip", map(str, table.word("accelerator"))),
        _counted("rows by stack", map(str, table.word("stack"))),
    )
    return Description("", str(path), f"measured kernels: {table.family}", sections)


def describe_curves(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """Published attention throughput."""
    rows = read_curves(path)
    sections = (
        Section("rows", (Line("points", len(rows)),)),
        _counted("points by chip", (row.chip for row in rows)),
        _counted("points by kernel", (row.kernel for row in rows)),
    )
    return Description("", str(path), "published attention throughput", sections)


def describe_finance(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A finance case: its inputs are read as the engine reads them."""
    case = read_json(path, "a finance case")
    read_inputs(case, path)
    outputs = case.get("outputs")
    sizes = (Line("outputs", len(outputs) if isinstance(outputs, dict) else 0),)
    title = str(case.get("title") or case.get("name") or case.get("schema", ""))
    return Description("", str(path), title, (Section("answers", sizes),))


def describe_facts(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A table of facts: the keys that it holds, and how many facts of each kind."""
    entries = read_entries(path)
    kinds = (fact.kind for entry in entries.values() for fact in entry.facts.values())
    held = tuple(Line(key, len(entry.facts), "facts", note=entry.title) for key, entry in entries.items())
    return Description("", str(path), "a table of facts", (Section("keys", held), _counted("facts by kind", kinds)))


def describe_profile(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """The folder of ``megawatt calibrate kernels``: the facts of all its tables."""
    sections: list[Section] = []
    problems: list[Problem] = []
    for file in sorted(path.glob("kernel-*.csv")):
        try:
            found = describe_facts(file, catalogue, seq_len=seq_len, settings=settings)
        except MegawattError as error:
            problems += [Problem(f"{file.name}: {p.path}", p.found, p.allowed, p.hint) for p in error.problems]
        else:
            sections.append(Section(file.name, found.sections[0].lines))
    return Description("", str(path), "kernels fitted by megawatt calibrate", tuple(sections), (), tuple(problems))


_NUMBERS: Final = ("lat", "lon", "pue", "wue_l_per_kwh", "ranks", "bytes", "time_us", "busbw_GBps", "energy_mwh")
"""Columns of published answers that hold a number, or nothing."""


def _not_numbers(row: Row) -> list[Problem]:
    wrong = [name for name in _NUMBERS if row.get(name, "").strip() and row.optional(name) is None]
    return [p for name in wrong for p in row.wrong(name, "a finite number, or an empty cell").problems]


def _columns(names: Iterable[str]) -> Section:
    return Section("", (Line("columns", ", ".join(names)),))


def describe_table(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A table of published answers that nobody here reads further: rows and columns."""
    if is_folder(path) or path.suffix.lower() == ".json":
        return Description("", str(path), path.name)
    if path.suffix.lower() == ".parquet":
        return Description("", str(path), path.name, (_columns(parquet_names(path)),))
    table = read_table(path)
    problems = [p for row in table.rows for p in _not_numbers(row)][: MOST_PROBLEMS + 1]
    rows = Section("rows", (Line("rows", len(table.rows)),))
    return Description("", str(path), path.name, (rows, _columns(table.names)), (), tuple(problems))
