"""``python -m tests.fuzz [--scenarios N] [--files N] [--lists N] [--plans N] [--seed S]``: the long run."""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fuzz import arguments, data_files, scenarios
from tests.fuzz.plans import survey_plans
from tests.fuzz.runner import Outcome, call

_MEMORY_BYTES = 6 * 2**30


def scenario_calls(seed: int, count: int, folder: Path) -> Iterator[list[str]]:
    """`check` of mutated scenarios, half mild and half spiteful."""
    made = scenarios.Mutator(seed)
    for n in range(count):
        data = made.mild() if n % 2 else made.spiteful()
        file = folder / "scenario.toml"
        file.write_text(scenarios.as_toml(data), encoding="utf-8")
        yield ["check", str(file)]


def _whole(folder: Path) -> None:
    """Every data file, whole, and the commands on them once: what is compiled at first use is no hang."""
    data_files.write_all(folder, scenarios.EXAMPLES / "childress-bitcoin.toml")
    for kind in data_files.KINDS:
        done = call(kind.arguments(folder), 120.0)
        assert done.code == 0, (kind.name, done.printed)


def file_calls(seed: int, count: int, folder: Path) -> Iterator[list[str]]:
    """Commands on data files of which one is broken."""
    pick = random.Random(seed)
    _whole(folder)
    for n in range(count):
        kind = data_files.KINDS[n % len(data_files.KINDS)]
        path = folder / kind.name
        whole = path.read_bytes()
        path.write_bytes(data_files.broken(whole, pick))
        yield kind.arguments(folder)
        path.write_bytes(whole)


def list_calls(seed: int, count: int, folder: Path) -> Iterator[list[str]]:
    """Argument lists."""
    pick = random.Random(seed)
    _whole(folder)
    for _ in range(count):
        yield arguments.lists(pick, folder)


CALLS: dict[str, Callable[[int, int, Path], Iterator[list[str]]]] = {
    "scenarios": scenario_calls,
    "files": file_calls,
    "lists": list_calls,
}


def survey(kind: str, seed: int, count: int, folder: Path) -> tuple[Counter[str], list[tuple[list[str], Outcome]]]:
    """Counts of exit codes and the calls that went wrong; the input of each is kept under ``folder/wrong``."""
    counts: Counter[str] = Counter()
    wrong = []
    for number, words in enumerate(CALLS[kind](seed, count, folder)):
        done = call(words)
        counts[f"exit {done.code}"] += 1
        if done.wrong:
            wrong.append((words, done))
            kept = folder / "wrong" / f"{kind}-{number}"
            kept.mkdir(parents=True)
            for word in words:
                source = Path(word) if "\0" not in word and len(word) < 255 else Path()
                if source.is_file():
                    (kept / source.name).write_bytes(source.read_bytes())
    return counts, wrong


def main() -> int:
    """Run, print, and say by the exit code whether anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    for kind in CALLS:
        parser.add_argument(f"--{kind}", type=int, default=2000)
    parser.add_argument("--plans", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    folder = Path(tempfile.mkdtemp(prefix="megawatt-fuzz-"))
    os.chdir(folder)
    print(f"inputs: {folder}\n| kind | calls | tracebacks, exit 1 | hangs > 10 s | exit codes |\n|---|---|---|---|---|")
    failed = 0
    for kind in CALLS:
        counts, wrong = survey(kind, given.seed, getattr(given, kind), folder)
        hangs = sum(o.wrong.startswith("hang") for _, o in wrong)
        codes = ", ".join(f"{count:,} x {code}" for code, count in counts.most_common())
        print(f"| {kind} | {counts.total():,} | {len(wrong) - hangs} | {hangs} | {codes} |", flush=True)
        failed += len(wrong)
        for words, outcome in wrong:
            print("   ", [w[:60] for w in words], outcome.wrong[:250], flush=True)
    planned = survey_plans(given.seed, given.plans, folder)
    print("what check passes, plan does:", ", ".join(f"{n:,} {kind}" for kind, n in planned.counts.most_common()))
    print(*planned.wrong, sep="\n")
    failed += len(planned.wrong)
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MiB")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
