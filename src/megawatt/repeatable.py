"""Same seed, same result: what has to be set before numpy is imported."""

from __future__ import annotations

from typing import Final

__all__ = ["ONE_THREAD"]

ONE_THREAD: Final = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "BLIS", "NUMEXPR")
}
"""Environment in which sums are made in one order, whatever the machine; replaces what a user has set."""
