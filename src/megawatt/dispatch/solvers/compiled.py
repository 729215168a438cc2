"""Compiling kernels: kept on disk where a place can be written, in memory alone on a read-only install."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function; without the interpreter's lock, with numpy's rules for division by zero."""
    try:
        return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # neither beside the source nor in the user's cache
        return cast(F, njit(nogil=True, error_model="numpy")(function))
