"""A number of every unit that a scenario asks for may carry that unit, and no other text is a crash."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import megawatt
from megawatt.catalogue.quantity import _UNITS, _with_unit

PACKAGE = Path(megawatt.__file__).parent


def _asked() -> set[str]:
    """Units of all calls of `quantity` in the package."""
    found = {""}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "quantity":
                found |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def test_every_unit_that_is_asked_for_can_be_written() -> None:
    assert _asked() <= set(_UNITS)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("60 USD/kW/year", "USD/kW/year", 60.0),
        ("5 USD/kW/month", "USD/kW/year", 60.0),
        ("60 USD/MW/year", "USD/kW/year", 0.06),
        ("0.3 USD/kW/day", "USD/MW/day", 300.0),
        ("2 %/year", "1/year", 0.02),
        ("950 bp", "", 0.095),
        ("50 bps", "", 0.005),
        ("50 kUSD", "USD", 50_000.0),
        ("5 ML", "m3", 5_000.0),
        ("5000 m3", "m3", 5_000.0),
        ("3000 kg/year", "t/year", 3.0),
    ],
)
def test_units_are_turned_into_the_fields(text: str, unit: str, value: float) -> None:
    assert _with_unit(text, unit, "a number") == pytest.approx(value)
