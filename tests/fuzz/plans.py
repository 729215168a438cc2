"""What `check` passes, `plan` does: valid scenarios by the thousand through the chain, a few of them whole."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from megawatt.chain.links import forge
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.scenario import load
from tests.fuzz.runner import call
from tests.fuzz.scenarios import Mutator, as_toml

_PATH = re.compile(r"\b[a-z]+(_[a-z]+)*\.[a-z][a-z_]*\b")
WHOLE_EVERY = 20
"""One in so many valid scenarios is run whole, as a command that writes its folder."""


@dataclass
class Planned:
    """How scenarios ended, by kind, and what is wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def _refusal(text: str) -> str:
    """What is wrong with a refusal that comes after `check` has passed: it has to name a field of the scenario."""
    return "" if _PATH.search(text) else f"refused without a path: {text[:300]}"


def _by_chain(file: Path, made: Mutator) -> tuple[str, str]:
    """How a scenario ends that is forged here: kind, and what is wrong with it."""
    try:
        use = load(file, made.catalogue).uses[0]
    except ScenarioError:
        return "refused by check", ""
    try:
        forge(use.scenario, made.catalogue, use.folder)
    except InfeasibleError as error:
        return "infeasible", _refusal(str(error))
    except Exception as error:
        return "broken", f"{type(error).__name__}: {error}"
    return "planned", ""


def _by_command(verb: str, file: Path, folder: Path) -> tuple[str, str]:
    """How the command ends on a scenario: kind, and what is wrong with it."""
    done = call([verb, str(file), "--out", str(folder / "runs")] if verb == "plan" else [verb, str(file)], 240.0)
    if done.wrong or done.code not in (0, 3):
        return "broken", done.wrong or f"exit {done.code}: {done.printed[:300]}"
    return (f"{verb} done", "") if done.code == 0 else ("infeasible", _refusal(done.printed))


def _conversion(file: Path, folder: Path) -> tuple[str, str]:
    if call(["check", str(file)]).code:
        return "refused by check", ""
    return _by_command("convert", file, folder)


def survey_plans(seed: int, count: int, folder: Path, *, whole_every: int = WHOLE_EVERY) -> Planned:
    """Check and plan so many scenarios; every ``whole_every``-th is a conversion, or run whole by the command."""
    made, found = Mutator(seed), Planned()
    for number in range(1, count + 1):
        file, whole = folder / f"plan-{number}.toml", number % whole_every == 0
        converts = whole and number // whole_every % 2 == 0
        file.write_text(as_toml(made.conversion() if converts else made.mild()), encoding="utf-8")
        kind, wrong = _conversion(file, folder) if converts else _by_chain(file, made)
        if kind == "planned" and whole:
            kind, wrong = _by_command("plan", file, folder)
        found.counts[kind] += 1
        if wrong:
            found.wrong.append(f"{file}: {wrong}")
        else:
            file.unlink()
    return found
