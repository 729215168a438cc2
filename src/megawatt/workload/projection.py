"""Weight matrices of mixers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Projection"]


@dataclass(frozen=True, slots=True)
class Projection:
    """One weight matrix and how a tensor-parallel group cuts its multiply.

    ``columns`` is its output width; beside it stand ``shared_heads`` of ``shared_width`` columns each, of which a chip
    never holds less than one. ``cut``: ``columns``, ``rows`` (the input width), or ``tokens`` (whole on every chip,
    each multiplying its share of the tokens).
    """

    name: str
    rows: int
    columns: int
    cut: Literal["columns", "rows", "tokens"]
    shared_heads: int = 0
    shared_width: int = 0

    @property
    def weights(self) -> int:
        """Elements of the matrix."""
        return self.rows * (self.columns + self.shared_heads * self.shared_width)
