"""Errors that a user can cause or must hear about, and the exit code of each.

MegawattError
├── ScenarioError            2  the input is wrong; carries every problem found
├── CatalogueError           2  no such key, or a catalogue file is wrong
├── InfeasibleError          3  no plan satisfies the limits; names the binding ones
├── SolverError              4  a solver gave up
├── MissingDependencyError   5  an optional package is needed
├── NotSupportedError        6  known kind of question, no model yet
└── MachineError             7  the machine: a place that cannot be written, a process killed, no memory
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = [
    "MOST_PROBLEMS",
    "CatalogueError",
    "InfeasibleError",
    "MachineError",
    "MegawattError",
    "MissingDependencyError",
    "NotSupportedError",
    "Problem",
    "ScenarioError",
    "SolverError",
    "counted",
    "cut",
    "folded",
    "shown",
]

MOST_PROBLEMS: Final = 50
"""Problems of one error that are kept; the rest is counted."""
_MOST_QUOTED: Final = 80
"""Characters of a user's text that a message repeats."""
_MOST_FIELD: Final = 400
"""Characters of one part of a problem."""
_MOST_MESSAGE: Final = 4000
"""Characters of a message."""

_LINE: Final = re.compile(r"^line \d+: ")
"""How what was found begins where its line is known."""


def cut(text: str, most: int) -> str:
    """Text from outside on one line: control characters escaped, at most ``most`` characters of it, then its length."""
    end = "" if len(text) <= most else f"... ({len(text):,} characters)"
    kept = text[:most]
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in kept)
    return kept + end


def folded(text: str, width: int) -> str:
    """Lines cut at spaces alone, what follows indented; a word, such as a path, is never cut. [columns], >= 40 taken"""
    import textwrap  # only where there is something to tell

    def one(line: str) -> str:
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        least = max(width, 40)
        return textwrap.fill(line, least, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

    return "\n".join(line if len(line) <= width else one(line) for line in text.splitlines())


def counted(number: int, noun: str) -> str:
    """A number of things, in the singular where it is one: ``1 problem``, ``1,024 sequences``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown(value: object) -> str:
    """A user's value as an error quotes it: as Python writes it, on one line, at most 80 characters of it."""
    if isinstance(value, str):
        end = "" if len(value) <= _MOST_QUOTED else f"... ({len(value):,} characters)"
        return repr(value[:_MOST_QUOTED]) + end
    if isinstance(value, dict | list | tuple) and len(value) > _MOST_QUOTED // 8:
        return f"a {'table' if isinstance(value, dict) else 'list'} of {len(value):,}"
    try:
        return cut(repr(value), _MOST_QUOTED)
    except (ValueError, RecursionError):
        return "a whole number of thousands of digits" if isinstance(value, int) else f"a {type(value).__name__}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input.

    Attributes
    ----------
    path : str
        Dotted path inside the file, e.g. ``hall.ups_loss_frac``; empty for the file as a whole.
    found : str
        What was found, with its unit.
    allowed : str
        What is allowed.
    hint : str
        What to try (nearest key, an example); may be empty.
    """

    path: str
    found: str
    allowed: str
    hint: str = ""

    def __post_init__(self) -> None:
        for name in ("path", "found", "hint"):
            object.__setattr__(self, name, cut(getattr(self, name), _MOST_FIELD))
        object.__setattr__(self, "allowed", cut(self.allowed, _MOST_MESSAGE))

    def __str__(self) -> str:
        text = f"{self.path}: {self.found}; allowed: {self.allowed}" if self.path else f"{self.found}; {self.allowed}"
        return f"{text} ({self.hint})" if self.hint else text


class MegawattError(Exception):
    """Base of every error that the package raises on purpose; its message is one line of bounded length.

    Parameters
    ----------
    message : str
        One line that stands alone.
    problems : iterable of Problem
        All problems found, of which `MOST_PROBLEMS` are kept and the others counted; empty when the message says
        everything.
    file : str
        The file the problems are in.
    """

    exit_code = 1
    remedy = "report it: every error on purpose is of a kind below"

    def __init__(self, message: str = "", problems: Iterable[Problem] = (), file: str = "") -> None:
        super().__init__(cut(message, _MOST_MESSAGE))
        found = tuple(problems)
        kept = found[:MOST_PROBLEMS]
        if len(found) > len(kept):
            kept += (Problem("", f"{len(found) - len(kept):,} more problems", "mend these first"),)
        self.problems = kept
        self.file = cut(file, _MOST_FIELD)
        for line in self.lines()[1:]:
            self.add_note(f"  {line}")

    def lines(self) -> list[str]:
        """What is told of it, each problem once: in the message if it is there alone, else a line each."""
        message = str(self)
        said = [str(p) in message for p in self.problems]
        if any(said) and len(said) > 1:
            head = f"{self.file}: {len(said)} problems" if self.file else f"{len(said)} problems"
            return [head, *map(str, self.problems)]
        return [message, *(str(p) for p in self.problems if not _said(p, message))]


def _said(problem: Problem, message: str) -> bool:
    if problem.found == "missing" and " lacks " in message:
        return problem.path.rpartition(".")[2] in message
    found = _LINE.sub("", problem.found)  # the message has the line behind the file
    return str(problem) in message or (not problem.path and found in message)


class ScenarioError(MegawattError):
    """The user's input is wrong; holds every problem of the file at once."""

    exit_code = 2
    remedy = "mend what the line names; `megawatt check` shows all problems of a file at once"


class CatalogueError(MegawattError):
    """A catalogue key does not exist, or a catalogue file is malformed."""

    exit_code = 2
    remedy = "take one of the nearest keys that the line names; `megawatt catalogue list`"


class InfeasibleError(MegawattError):
    """No plan satisfies the limits; the message names those that bind."""

    exit_code = 3
    remedy = "loosen the limit that the line names as binding"


class SolverError(MegawattError):
    """A solver stopped without an answer."""

    exit_code = 4
    remedy = "simplify the case, or try `--solver highs`; report it with the scenario"


class MissingDependencyError(MegawattError):
    """An optional package is needed; the message says how to install it."""

    exit_code = 5
    remedy = "install the package that the line names"


class NotSupportedError(MegawattError):
    """A known kind of question for which the package has no model yet."""

    exit_code = 6
    remedy = "ask another question, or a simpler one; the line says what has no model"


class MachineError(MegawattError):
    """The machine failed, not the input: a place cannot be written, a process was killed, memory ran out."""

    exit_code = 7
    remedy = "free disk or memory, take another place to write, fewer `--workers`; nothing half-written is left"
