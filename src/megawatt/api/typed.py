"""Arguments of the wrong kind end as every other wrong input does: in one error that says what is allowed."""

from __future__ import annotations

import builtins
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from inspect import Parameter, signature
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError, shown

__all__ = ["at_least", "check_kinds", "numbers", "typed"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_WORDS: Final[Mapping[Any, str]] = {
    str: "text", Path: "a path", float: "a finite number", int: "a whole number", bool: "True or False",
    Mapping: "a mapping", type(None): "None",
}  # fmt: skip
"""What is allowed, in words."""
_NUMBERS: Final[Mapping[Any, tuple[type, ...]]] = {float: (int, float, np.integer, np.floating), int: (int, np.integer)}
"""What counts as a number; True and False do not."""


class _Names(dict[str, Any]):
    """Names of annotations: those of the module; anything where one is known to type checkers alone."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        super().__init__(vars(builtins) | dict(module) | {"ArrayLike": Any})

    def __missing__(self, name: str) -> Any:
        return Any


@cache
def _kinds(function: Callable[..., Any]) -> Mapping[str, tuple[Any, ...]]:
    """The kinds that each parameter allows."""
    hints = typing.get_type_hints(function, localns=_Names(vars(sys.modules[function.__module__])))
    return {name: _alternatives(hint) for name, hint in hints.items()}


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        return tuple(kind for one in typing.get_args(hint) for kind in _alternatives(one))
    return (hint,)


def _kind(hint: Any) -> Any:
    return typing.get_origin(hint) or hint


def _is(value: Any, hint: Any) -> bool:
    kind = _kind(hint)
    if kind is Literal:
        return isinstance(value, str) and value in typing.get_args(hint)
    if kind in _NUMBERS:
        known = isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
        return known and bool(abs(value) <= sys.float_info.max)
    if kind in (Sequence, Iterable):
        if not isinstance(value, kind | np.ndarray) or isinstance(value, str | bytes):
            return False
        inside = _alternatives(*typing.get_args(hint)) if isinstance(value, list | tuple | np.ndarray) else (Any,)
        return all(any(_is(one, each) for each in inside) for one in value)
    return kind is Any or not isinstance(kind, type) or isinstance(value, kind)


def _word(hint: Any) -> str:
    kind = _kind(hint)
    if kind is Literal:
        return ", ".join(typing.get_args(hint))
    if kind not in (Sequence, Iterable):
        return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))
    inside = " or ".join(_word(one) for one in _alternatives(*typing.get_args(hint)))
    return f"a list of {inside}" if inside != "Any" else "a list"


def check_kinds(annotated: Callable[..., Any], given: Iterable[tuple[str, Any]]) -> None:
    """Check named values against the annotations of a function or a class.

    Raises
    ------
    ScenarioError
        If one is of another kind, or a number is not finite; names every such value.
    """
    kinds, wrong = _kinds(annotated), []
    for name, value in given:
        allowed = kinds.get(name, (Any,))
        if not any(_is(value, hint) for hint in allowed):
            words = dict.fromkeys(_word(hint) for hint in allowed)
            wrong.append(f"{name} = {shown(value)}; allowed: {', '.join(words)}")
    if wrong:
        raise ScenarioError("; ".join(wrong))


def at_least(least: float, **given: float | None) -> None:
    """Refuse numbers below the least that is allowed.

    Raises
    ------
    ScenarioError
        If one is; names each.
    """
    wrong = [f"{name} = {value:g}" for name, value in given.items() if value is not None and value < least]
    if wrong:
        raise ScenarioError(f"{', '.join(wrong)}; allowed: {least:g} or more")


def numbers(values: ArrayLike, count: int, name: str) -> FloatArray:
    """So many finite numbers; one number holds everywhere.

    Raises
    ------
    ScenarioError
        If they are others.
    """
    allowed = f"allowed: {count:,} finite numbers, or one"
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ScenarioError(f"{name} = {shown(values)}; {allowed}") from None
    array = np.full(count, float(array)) if array.ndim == 0 else array
    if array.shape != (count,) or not np.isfinite(array).all():
        raise ScenarioError(f"{name}: shape {array.shape}; {allowed}")
    return array


def typed(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function whose arguments are checked against its annotations (`check_kinds`)."""
    known = signature(function)

    @wraps(function)
    def checked(*arguments: _P.args, **named: _P.kwargs) -> _T:
        given = [
            (name, one)
            for name, value in known.bind(*arguments, **named).arguments.items()
            if known.parameters[name].kind is not Parameter.VAR_KEYWORD
            for one in (value if known.parameters[name].kind is Parameter.VAR_POSITIONAL else (value,))
        ]
        check_kinds(function, given)
        return function(*arguments, **named)

    return checked
