"""What `megawatt train` answers over all that can be asked: every system x model x size; two such tables compared.

``python tools/training_surface.py make OUT.json`` plans each model of the catalogue on each system at three sizes, or
those of ``--models A,B --systems C,D --chips 64,512``, in the usual or another ``--precision``;
``python tools/training_surface.py compare OLD.json NEW.json`` lists what moved by more than a tenth, by system and kind
of model, and prints how many did; ``check NEW.json`` lists what cannot be: a newer chip slower than the one
before it, more chips slower in total.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

CHIPS = (64, 512, 4096)
TOKENS_PER_CHIP = 8192
SEQ_LEN = 4096
MOVED = 0.1
NEWER = {
    "hgx-a100": "hgx-h100",
    "hgx-h100": "hgx-h200",
    "hgx-h200": "hgx-b200",
    "hgx-b200": "gb200-nvl72",
    "gb200-nvl72": "gb300-nvl72",
    "mi300x-node": "mi355x-node",
}
Answer = tuple[str, float | None]


def answers(models: Sequence[str], systems: Sequence[str], chips: Sequence[int], precision: str) -> Iterator[Answer]:
    """Name and step time of every plan; None where nothing fits or divides. [s]"""
    from megawatt.catalogue import load_catalogue
    from megawatt.errors import MegawattError
    from megawatt.training import Job, plan
    from megawatt.workload import load_model

    catalogue = load_catalogue()
    for system in (catalogue.system(key) for key in systems or catalogue.keys("system")):
        for key in models or catalogue.keys("model"):
            for count in chips:
                try:
                    job = Job(load_model(key, catalogue), SEQ_LEN, count * TOKENS_PER_CHIP // SEQ_LEN, precision)
                    yield f"{system.key}|{key}|{count}", plan(job, system, count, catalogue=catalogue).step_time_s
                except MegawattError:
                    yield f"{system.key}|{key}|{count}", None


def check(found: dict[str, float | None]) -> Iterator[str]:
    """Lines: answers that cannot be, of the same tokens a chip: successors slower than what they follow, and more chips
    that train fewer tokens in all."""
    for name, time_s in found.items():
        system, model, count = name.split("|")
        newer = found.get(f"{NEWER.get(system)}|{model}|{count}")
        if time_s is not None and newer is not None and newer > time_s:
            yield f"{NEWER[system]} slower than {system}: {model} on {count}: {newer:.2f} s against {time_s:.2f} s"
        for other in found:
            if time_s is not None and other.startswith(f"{system}|{model}|"):
                more, longer = int(other.split("|")[2]), found[other]
                if longer is not None and more > int(count) and longer / more > time_s / int(count):
                    yield f"{name}: {more} chips train fewer tokens a second in all"


def compare(old: dict[str, float | None], new: dict[str, float | None]) -> Iterator[str]:
    """Lines: counts, then the median and extreme change by system and model of what moved by more than a tenth."""
    both = {name: (old[name], new[name]) for name in old if name in new}
    changes = {n: b / a - 1.0 for n, (a, b) in both.items() if a is not None and b is not None}
    moved = {n: c for n, c in changes.items() if abs(c) > MOVED}
    lost = [n for n, (a, b) in both.items() if (a is None) != (b is None)]
    yield f"{len(changes)} answers in both, {len(moved)} moved by more than {MOVED:.0%}, {len(lost)} in one alone"
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for name, change in moved.items():
        system, model, _ = name.split("|")
        groups[system, model].append(change)
    for (system, model), values in sorted(groups.items()):
        furthest = max(values, key=abs)
        yield f"{system} {model}: {len(values)} sizes, median {statistics.median(values):+.0%}, to {furthest:+.0%}"
    yield from (f"only in one: {name}" for name in lost)


def main(arguments: list[str]) -> None:
    """Make a table, compare two, or check one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "compare", "check"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--models", default="")
    parser.add_argument("--systems", default="")
    parser.add_argument("--chips", default=",".join(map(str, CHIPS)))
    parser.add_argument("--precision", default="bf16")
    given = parser.parse_args(arguments)
    if given.what == "make":
        models, systems = (list(filter(None, text.split(","))) for text in (given.models, given.systems))
        sizes = [int(text) for text in given.chips.split(",")]
        found = dict(answers(models, systems, sizes, given.precision))
        given.files[0].write_text(json.dumps(found), encoding="utf-8")
        return
    tables = [json.loads(name.read_text(encoding="utf-8")) for name in given.files]
    print("\n".join(compare(*tables) if given.what == "compare" else check(*tables)))


if __name__ == "__main__":
    main(sys.argv[1:])
