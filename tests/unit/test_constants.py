"""Every numeric constant of a module says in words what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import megawatt

PACKAGE = Path(megawatt.__file__).parent


def _is_number(node: ast.expr) -> bool:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    numbers = value if isinstance(value, tuple) else (value,)
    return bool(numbers) and all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)


def _silent(code: str) -> Iterator[int]:
    """Lines of numeric constants with neither a docstring below nor a comment beside or above."""
    body, lines = ast.parse(code).body, code.splitlines()
    for place, node in enumerate(body):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None or not _is_number(node.value):
            continue
        below = body[place + 1] if place + 1 < len(body) else None
        told = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        above = lines[node.lineno - 2].lstrip().startswith("#") if node.lineno > 1 else False
        if not (told or above or "#" in lines[node.lineno - 1]):
            yield node.lineno


def test_numeric_constants_say_what_they_are() -> None:
    silent = [f"{f.relative_to(PACKAGE)}:{n}" for f in PACKAGE.rglob("*.py") for n in _silent(f.read_text("utf-8"))]
    assert not silent, silent


def test_the_search_finds_them() -> None:
    assert list(_silent('A = 3\n"""Three."""\nB = 4.0\nC = (1, 2)\n')) == [3, 4]
