"""Arithmetic of a case file: numbers, names, ``run.figure``, + - * / **, and a few functions; nothing else."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

from megawatt.errors import ScenarioError, shown

__all__ = ["evaluate", "names_in"]

_BINARY: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = MappingProxyType(
    {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
     ast.Pow: math.pow}
)  # fmt: skip
_FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = MappingProxyType(
    {"min": min, "max": max, "abs": abs, "log": math.log, "exp": math.exp, "sqrt": math.sqrt, "round": round}
)
_DEEPEST: Final = 40
"""Nesting of a formula."""


def _parsed(formula: str) -> ast.expr:
    try:
        return ast.parse(formula, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ScenarioError(f"formula {shown(formula)}; allowed: arithmetic, such as a.npv_usd / 1e9") from None


def names_in(formula: str) -> set[str]:
    """Names that a formula reads, dotted where they are figures of a run.

    Raises
    ------
    ScenarioError
        If it is no arithmetic.
    """
    found: set[str] = set()

    def named(name: str) -> float:
        found.add(name)
        return 1.0

    _walk(_parsed(formula), formula, named, 0, lambda *_: 1.0)
    return found


def evaluate(formula: str, values: Mapping[str, float], void: Collection[str] | None = None) -> float:
    """The value of a formula; nan where it is not defined (a division by nothing, a name that is nan), or reads a run
    of ``void``, which could not be asked. ``void`` None: a name that is not there is nan too where it is dotted.

    Raises
    ------
    ScenarioError
        If it is no arithmetic, or names what there is not.
    """

    def named(name: str) -> float:
        if name not in values:
            if "." in name and (name.partition(".")[0] in void if void is not None else not _known(name, values)):
                return math.nan
            near = (
                sorted(n for n in values if n.partition(".")[0] == name.partition(".")[0])[:30] or sorted(values)[:30]
            )
            raise ScenarioError(f"formula {shown(formula)}: {shown(name)}; allowed: {', '.join(near)}")
        return values[name]

    def applied(function: Callable[..., float], *numbers: float) -> float:
        if any(math.isnan(n) for n in numbers):
            return math.nan
        try:
            return float(function(*numbers))
        except (ArithmeticError, ValueError):
            return math.nan

    return _walk(_parsed(formula), formula, named, 0, applied)


def _known(name: str, values: Mapping[str, float]) -> bool:
    """Whether the run of a dotted name has figures at all."""
    return any(other.startswith(name.partition(".")[0] + ".") for other in values)


def _walk(
    node: ast.expr, formula: str, named: Callable[[str], float], depth: int, applied: Callable[..., float]
) -> float:
    def inner(part: ast.expr) -> float:
        return _walk(part, formula, named, depth + 1, applied)

    if depth > _DEEPEST:
        raise ScenarioError(f"formula {shown(formula)}; allowed: nested up to {_DEEPEST} deep")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name):
            return named(name)
        case ast.Attribute(value=ast.Name(id=run), attr=figure):
            return named(f"{run}.{figure}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -inner(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return applied(_BINARY[type(op)], inner(left), inner(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and args:
            return applied(_FUNCTIONS[name], *(inner(part) for part in args))
    raise ScenarioError(f"formula {shown(formula)}; allowed: numbers, names, + - * / **, {', '.join(_FUNCTIONS)}")
