"""A published model and what is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Published"]


@dataclass(frozen=True)
class Published:
    """One model as published.

    ``total`` and ``active`` parameters are in billions, as the source words them (text, so that its digits count); no
    text for active: a dense model, or not stated. ``tables``: what the active count has of token tables: ``all``,
    ``output`` (the output projection alone) or ``none``. ``mtp``: the total counts multi-token prediction. ``beside``:
    parameters in billions that the total counts and a language model lacks (vision).
    """

    family: str
    name: str
    total: str
    active: str
    source: str
    config: Mapping[str, Any]
    tables: str = "all"
    mtp: bool = False
    beside: float = 0.0
