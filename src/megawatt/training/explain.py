"""Why one layout beats another, and what limits the best one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.training.recompute import module_names
from megawatt.training.records import Layouts, StepCost
from megawatt.training.schedules import schedule_name

__all__ = ["Difference", "changed_choices", "differences", "shares", "short_layout"]

_CHOICES = (
    ("tp", "tp"),
    ("pp", "pp"),
    ("vpp", "virtual stages"),
    ("cp", "cp"),
    ("ep", "ep"),
    ("etp", "etp"),
    ("dp", "dp"),
    ("micro_batch", "micro-batch"),
    ("zero", "zero"),
    ("zero_group", "sharding group"),
    ("schedule", "schedule"),
    ("cp_exchange", "context by all-to-all"),
    ("first_layers", "layers of the first stage"),
    ("last_layers", "layers of the last stage"),
    ("recompute", "recompute"),
    ("sequence_parallel", "sequence parallelism"),
)
_RECOMPUTE = ("no", "selective", "full")


@dataclass(frozen=True, slots=True)
class Difference:
    """Seconds that another layout spends more (or less, negative) in one part of a step."""

    part: str
    more_s: float


def differences(best: StepCost, other: StepCost, row: int = 0) -> list[Difference]:
    """Part by part, how much longer a layout takes than the best; the largest loss first. They add up to the gap.

    Parameters
    ----------
    best : StepCost
        Of one layout.
    other : StepCost
        Of layouts, of which ``row`` is looked at.
    """
    names = sorted(set(best.parts_s) | set(other.parts_s))
    found = [Difference(n, _at(other.parts_s, n, row) - _at(best.parts_s, n, 0)) for n in names]
    return sorted((d for d in found if d.more_s != 0.0), key=lambda d: -d.more_s)


def _at(parts: Mapping[str, NDArray[np.float64]], name: str, row: int) -> float:
    return float(parts[name][row]) if name in parts else 0.0


def changed_choices(best: Layouts, other: Layouts, row: int = 0) -> list[str]:
    """What another layout chooses otherwise, e.g. ``pp 8 instead of 4``."""
    words, own = [], "of the stack"
    for field, name in _CHOICES:
        a, b = getattr(best, field)[0], getattr(other, field)[row]
        if a == b:
            continue
        if field == "recompute":
            words.append(f"{_RECOMPUTE[b]} recompute instead of {_RECOMPUTE[a]}")
        elif field == "schedule":
            words.append(f"schedule {schedule_name(b) or own} instead of {schedule_name(a) or own}")
        elif field in ("sequence_parallel", "cp_exchange"):
            words.append(f"{'with' if b else 'without'} {name}")
        else:
            words.append(f"{name} {b} instead of {a}")
    return words


def short_layout(layouts: Layouts, row: int = 0) -> str:
    """A layout in the fewest words, for tables: ``tp8 pp16x8 dp64 mb1 z1 full``; what is usual is left out.

    ``pp16x8`` has 8 virtual stages on each of 16; ``mb`` is the micro-batch; ``z3/8`` is ZeRO 3 over groups of 8;
    ``full`` and ``selective`` are of recompute; ``no-sp`` is tensor without sequence parallel; ``a2a`` is context by
    all-to-all.
    """
    at = {name: int(getattr(layouts, name)[row]) for name, _ in _CHOICES}
    words = [f"tp{at['tp']}", f"pp{at['pp']}" + (f"x{at['vpp']}" if at["vpp"] > 1 else ""), f"dp{at['dp']}"]
    words += [f"{name}{at[name]}" for name in ("cp", "ep", "etp") if at[name] > 1]
    words += [f"mb{at['micro_batch']}", f"z{at['zero']}" + (f"/{at['zero_group']}" if at["zero_group"] else "")]
    modules = "+".join(module_names(int(layouts.modules[row])))
    words += [("", modules or "selective", "full")[at["recompute"]], schedule_name(at["schedule"])]
    words += [f"{end}{at[f'{end}_layers']}" if at[f"{end}_layers"] else "" for end in ("first", "last")]
    words += ["a2a" if at["cp_exchange"] else "", "no-sp" if at["tp"] > 1 and not at["sequence_parallel"] else ""]
    return " ".join(filter(None, words))


def shares(cost: StepCost, row: int = 0) -> list[tuple[str, float, float]]:
    """(part, seconds, share of the step) of one layout, the longest first, without parts that take no time."""
    total = float(cost.step_time_s[row])
    found = [(name, float(v[row]), float(v[row]) / total) for name, v in cost.parts_s.items() if v[row] > 0.0]
    return sorted(found, key=lambda item: -item[1])
