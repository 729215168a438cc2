"""Published switches of training software against ours: pairs of runs of one source that differ in one thing.

``python -m megawatt.validation.training_ablations FILE...`` prints them as a Markdown table, with the share of right
signs and of sizes within half.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from megawatt.catalogue import load_catalogue
from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_recipes import CUMULATIVE, features_of
from megawatt.evidence.training_tables import read_runs
from megawatt.training import Features
from megawatt.validation.training_runs import predictions

__all__ = ["Switched", "main", "switched_pairs"]


_SMALL: Final = 0.01
"""Published effect below which its sign says nothing."""
_HALF: Final = 0.5
"""Share of the published size by which ours may be off."""
_SAME: Final = (
    "source",
    "model",
    "seq_len",
    "accelerator",
    "chips",
    "global_batch",
    "micro_batch",
    "tp",
    "pp",
    "vpp",
    "cp",
    "ep",
    "zero",
)
_KNOWN: Final = (
    "dispatcher",
    "graphs",
    "ep_overlap",
    "router_fusion",
    "fused_mlp",
    "numa_binding",
    "recompute",
    "balance",
    "capacity",
)
"""Features that a step's time knows."""


@dataclass(frozen=True, slots=True)
class Switched:
    """Two runs and what the second does otherwise.

    ``published`` and ``ours``: step time of the second over the first, less one. ``what`` is empty where nothing that
    time knows was switched: such a step is listed and not counted.
    """

    first: str
    second: str
    what: str
    published: float
    ours: float

    @property
    def counted(self) -> bool:
        """Whether its sign says anything."""
        return bool(self.what) and abs(self.published) >= _SMALL

    @property
    def right_sign(self) -> bool:
        """Same direction; no effect at all is wrong."""
        return self.published * self.ours > 0.0

    @property
    def within_half(self) -> bool:
        """Size of the effect (of log time) half to one and a half times the published one."""
        return abs(math.log1p(self.ours) / math.log1p(self.published) - 1.0) <= _HALF


def _differences(first: Row, second: Row) -> list[str]:
    """What two runs of one configuration do differently, as ``name=before -> after``."""
    found = [
        f"{name} {cells[0]} -> {cells[1]}"
        for name in ("dtype",)
        if (cells := (first.get(name) or "", second.get(name) or ""))[0] != cells[1]
    ]
    before, after = features_of(first), features_of(second)
    for name in _KNOWN:
        texts = [Features(**{name: getattr(f, name)}).text().partition("=")[2] or "-" for f in (before, after)]
        if texts[0] != texts[1]:
            found.append(f"{name} {texts[0]} -> {texts[1]}")
    return found


def _pairs(rows: Sequence[Row]) -> Iterator[tuple[int, int, str]]:
    """Successive steps of cumulative series, and other pairs of one source that differ in one thing."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[tuple(row.get(name) or "" for name in _SAME)].append(i)
    for group in groups.values():
        series = [CUMULATIVE in (rows[i].get("notes") or "") for i in group]
        chosen = itertools.pairwise(group) if all(series) else itertools.combinations(group, 2)
        for i, j in chosen:
            found = _differences(rows[i], rows[j])
            if len(found) == 1 or all(series):
                yield i, j, "; ".join(found)


def switched_pairs(paths: Sequence[Path]) -> list[Switched]:
    """Every pair of scored runs of some files of training runs that shows one switch."""
    out: list[Switched] = []
    catalogue = load_catalogue()
    for path in paths:
        cases = {case.id: case for case in predictions(path, catalogue).cases}
        rows = [row for row in read_runs(path).rows if row.get("id", "").strip() in cases]
        for i, j, what in _pairs(rows):
            a, b = (cases[rows[n].get("id", "").strip()] for n in (i, j))
            out.append(Switched(a.id, b.id, what, b.measured / a.measured - 1.0, b.predicted / a.predicted - 1.0))
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the pairs and the shares of right signs and sizes."""
    parser = argparse.ArgumentParser(description="Published switches of training software against ours")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    given = parser.parse_args(arguments)
    pairs = switched_pairs(given.files)
    sys.stdout.write("| run | switched | published | ours | sign | within half |\n|---|---|---|---|---|---|\n")
    for pair in pairs:
        words = (
            ("-", "-") if not pair.counted else tuple("yes" if y else "no" for y in (pair.right_sign, pair.within_half))
        )
        what = pair.what or "nothing that time knows"
        sys.stdout.write(
            f"| {pair.second} | {what} | {pair.published:+.1%} | {pair.ours:+.1%} | {words[0]} | {words[1]} |\n"
        )
    counted = [pair for pair in pairs if pair.counted]
    if counted:
        signs, sizes = (sum(getattr(p, name) for p in counted) for name in ("right_sign", "within_half"))
        sys.stdout.write(f"\n{len(counted)} switches: sign right {signs / len(counted):.0%}, ")
        sys.stdout.write(f"size within half {sizes / len(counted):.0%}\n")


if __name__ == "__main__":
    main()
