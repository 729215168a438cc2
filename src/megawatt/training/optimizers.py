"""Kinds of optimizer: what each keeps for a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError, shown
from megawatt.hardware import PRACTICE_KEY

__all__ = ["OPTIMIZERS", "Optimizer", "check_optimizer", "optimizer_of"]

_ROOM: Final = "training"
_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "adam": {},
    "adam-main-grads": {"gradient_bytes": 4.0},
    "adam-whole-master": {"whole_bytes": 4.0},
    "adam-bf16": {},
    "adam-8bit": {},
    "adam-pure-bf16": {"mastered": False},
    "muon": {},
    "sgd": {},
}
OPTIMIZERS: Final = tuple(_KINDS)
"""Kinds of optimizer, each beside a 32-bit master: Adam with 32-bit moments (and 32-bit gradients of its own, or a
master that every replica holds whole: DeepSpeed's first bf16 optimizer), with moments in 16 or 8 bits, Muon, SGD with
momentum; ``adam-pure-bf16`` has 16-bit moments and no master."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """What a kind of optimizer keeps for a parameter. [B]

    ``state_bytes`` holds the 32-bit master (unless not ``mastered``: weights are the masters). ``whole_bytes`` of it
    are on every replica, ``gradient_bytes`` are gradients of its own, read and written as gradients are.
    """

    kind: str
    state_bytes: float
    whole_bytes: float = 0.0
    gradient_bytes: float = 0.0
    mastered: bool = True

    @property
    def updated_bytes(self) -> float:
        """States that are read and written in a step. [B]"""
        return self.state_bytes - self.gradient_bytes


def check_optimizer(kind: str) -> None:
    """Refuse what is no kind of optimizer."""
    if kind not in OPTIMIZERS:
        raise ScenarioError(f"optimizer = {shown(kind)}; allowed: {', '.join(OPTIMIZERS)}")


def optimizer_of(catalogue: Catalogue, kind: str) -> tuple[Optimizer, Assumption]:
    """An optimizer with the fact that its states are of.

    Raises
    ------
    ScenarioError
        If there is no such kind.
    """
    check_optimizer(kind)
    states = catalogue.assume(PRACTICE_KEY, f"states_{kind.replace('-', '_')}_bytes", _ROOM)
    return Optimizer(kind, states.fact.number(), **_KINDS[kind]), states
