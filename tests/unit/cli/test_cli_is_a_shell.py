"""The shell parses, calls and prints: whatever it would compute lives where Python can call it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import megawatt.cli

FILES = sorted(Path(megawatt.cli.__file__).parent.glob("*.py"))
_NUMERIC = {"numpy", "scipy", "statistics", "numba", "decimal"}
_REDUCTIONS = {"sum", "abs", "round", "pow", "divmod", "mean", "cumsum", "argmin", "argmax", "std", "var", "quantile"}
_TEXT_OR_LIST = (ast.JoinedStr, ast.List, ast.Tuple, ast.ListComp)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, _TEXT_OR_LIST) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _scales(node: ast.BinOp) -> bool:
    """``x / 1e6``: another unit for the reader."""
    scale = node.right
    return isinstance(node.op, ast.Div) and isinstance(scale, ast.Constant) and scale.value in (1e3, 1e6, 1e9)


def _formatted(tree: ast.AST) -> set[ast.AST]:
    """Everything inside the braces of an f-string."""
    cells = (node.value for node in ast.walk(tree) if isinstance(node, ast.FormattedValue))
    return {inner for cell in cells for inner in ast.walk(cell)}


def computed(source: str) -> Iterator[str]:
    """Where a module computes: numeric imports, sums and means, and arithmetic on anything but text and lists.

    Allowed are unions (``|``), text and lists put together, and, inside an f-string, the absolute value of a number and
    another unit for it.
    """
    tree = ast.parse(source)
    formatted = _formatted(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"line {line}: imports {name}" for name in names if name.split(".")[0] in _NUMERIC)
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in _REDUCTIONS and not (name == "abs" and node in formatted):
                yield f"line {line}: calls {name}"
        elif isinstance(node, ast.BinOp | ast.AugAssign):
            sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
            joined = isinstance(node.op, ast.BitOr) or (isinstance(node.op, ast.Add) and any(map(_is_text, sides)))
            scaled = isinstance(node, ast.BinOp) and node in formatted and _scales(node)
            if not joined and not scaled:
                yield f"line {line}: arithmetic {ast.unparse(node)}"


@pytest.mark.parametrize("file", FILES, ids=[f.name for f in FILES])
def test_the_shell_computes_nothing(file: Path) -> None:
    assert list(computed(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    ["import numpy as np", "from scipy.stats import norm", "x = a * 2", "x += rate", "x = f'{a * b:.2f}'",
     "x = sum(v)", "x = year.water_l.mean()", "x = best - usd", "x = usd / 1e6", "x = abs(usd)"],
)  # fmt: skip
def test_what_counts_as_computing(source: str) -> None:
    assert len(list(computed(source))) == 1


@pytest.mark.parametrize("source", ["x = f'{usd / 1e6:,.1f}m'", "x = 'a' + b", "x = a | b", "x += [1]", "x |= {1}"])
def test_what_is_put_together_for_print(source: str) -> None:
    assert list(computed(source)) == []
