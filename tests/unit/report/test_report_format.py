"""Numbers as people read them: hand-written expectations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from megawatt.report import format as fmt

N = fmt.NARROW
M = fmt.MINUS


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (1_234_000, "$1.23m"),
        (-450_000, f"{M}$450k"),
        (9.7e9, "$9.70bn"),
        (999_600, "$1.00m"),  # would round to $1000k
        (12.345, "$12.3"),
        (0, "$0"),
        (-0.0, "$0"),
        (2.5e12, "$2.50tn"),
        (math.nan, fmt.DASH),
        (None, fmt.DASH),
    ],
)
def test_money(usd: float | None, text: str) -> None:
    assert fmt.money(usd) == text


def test_money_with_sign_and_range_in_order() -> None:
    assert fmt.money(1e6, sign=True) == "+$1.00m"
    assert fmt.money(-1e6, sign=True) == f"{M}$1.00m"
    assert fmt.money_range(2e6, -1e6) == f"{M}$1.00m to $2.00m"
    assert fmt.money_range(math.nan, 1.0) == fmt.DASH


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.83e9, f"1.83{N}billion"), (76_000, f"76{N}000"), (412, "412"), (15e12, f"15.0{N}trillion"), (2.5, "2.5")],
)
def test_count(value: float, text: str) -> None:
    assert fmt.count(value) == text


def test_shares_probabilities_and_ratios() -> None:
    assert fmt.percent(0.12) == f"12{N}%"
    assert fmt.percent(-0.034) == f"{M}3.4{N}%"
    assert fmt.percent(0.412, 3) == f"41.2{N}%"
    assert fmt.percent(0.00001) == f"<{N}0.01{N}%"
    assert fmt.chance(0.031) == f"3.1{N}%"
    assert fmt.chance(0.0042) == f"0.42{N}%"
    assert fmt.chance(0.0) == f"0{N}%"
    assert fmt.chance(1.0) == f"100.0{N}%"
    assert fmt.factor(1.346) == "1.35×"
    assert fmt.fixed(3.42, "MW") == f"3.4{N}MW"
    assert fmt.fixed(-12345.6, "MW", 0) == f"{M}12{N}346{N}MW"


@pytest.mark.parametrize(
    ("value", "unit", "name", "text"),
    [
        (14.8e6, "USD/MW", "capex", "$14.8m/MW"),
        (4.1, "USD/MWh", "delivery", "$4.1/MWh"),
        (-3.2, "USD/MWh", "credit", f"{M}$3.2/MWh"),
        (288e9, "byte", "hbm", f"288{N}GB"),
        (3.35e12, "byte/s", "hbm", f"3.35{N}TB/s"),
        (1400.0, "W", "cap", f"1.4{N}kW"),
        (989e12, "1/s", "peak", f"9.89{N}×{N}10¹⁴/s"),
        (6.0, "delta_degC", "approach", f"6{N}K"),
        (21.5, "degC", "supply", f"21.5{N}°C"),
        (13.5, "J/terahash", "efficiency", f"13.5{N}J/TH"),
        (0.025, "", "ups_loss_frac", f"2.50{N}%"),
        (0.2, "", "ratio", "0.2"),
        (0.09, "", "discount_rate", f"9.00{N}%"),
        (20.0, "year", "life", f"20{N}years"),
        (1.0, "month", "lag", f"1{N}month"),
        (0.38, "1/year", "growth_per_year", "0.38/year"),
        ("switch", "", "topology", "switch"),
        (math.inf, "chip", "domain", "unlimited"),
        (3.0, "m**2", "area", f"3{N}m²"),
    ],
)
def test_quantity(value: float | str, unit: str, name: str, text: str) -> None:
    assert fmt.quantity(value, unit, name) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_number_leaks_its_python_form(value: float) -> None:
    texts = (
        fmt.money(value),
        fmt.count(value),
        fmt.percent(value),
        fmt.plain(value),
        fmt.fixed(value),
        fmt.factor(value),
    )
    for text in texts:
        assert "nan" not in text
        assert "inf" not in text
        assert "e+" not in text
        assert "-" not in text  # only the true minus sign
