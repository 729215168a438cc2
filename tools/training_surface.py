"""What `megawatt train` answers over all that can be asked: every system x model x size; two such tables compared.

``python tools/training_surface.py make OUT.json`` plans each model of the catalogue on each system at three sizes;
``python tools/training_surface.py compare OLD.json NEW.json`` lists what moved by more than a tenth, by system and kind
of model, and prints how many did.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

CHIPS = (64, 512, 4096)
TOKENS_PER_CHIP = 8192
SEQ_LEN = 4096
MOVED = 0.1


def answers() -> Iterator[tuple[str, float | None]]:
    """Name and step time of every plan; None where nothing fits or divides. [s]"""
    from megawatt.catalogue import load_catalogue
    from megawatt.errors import MegawattError
    from megawatt.training import Job, plan
    from megawatt.workload import load_model

    catalogue = load_catalogue()
    for system in (catalogue.system(key) for key in catalogue.keys("system")):
        for key in catalogue.keys("model"):
            for chips in CHIPS:
                try:
                    job = Job(load_model(key, catalogue), SEQ_LEN, chips * TOKENS_PER_CHIP // SEQ_LEN)
                    yield f"{system.key}|{key}|{chips}", plan(job, system, chips, catalogue=catalogue).step_time_s
                except MegawattError:
                    yield f"{system.key}|{key}|{chips}", None


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
    """Make a table, or compare two."""
    if len(arguments) == 2 and arguments[0] == "make":
        Path(arguments[1]).write_text(json.dumps(dict(answers())), encoding="utf-8")
    elif len(arguments) == 3 and arguments[0] == "compare":
        old, new = (json.loads(Path(name).read_text(encoding="utf-8")) for name in arguments[1:])
        print("\n".join(compare(old, new)))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
