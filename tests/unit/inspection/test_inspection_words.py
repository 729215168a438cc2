"""Numbers in words."""

from __future__ import annotations

import math

import pytest

from megawatt.inspection import Line
from megawatt.words import amount, plain, span


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (3.35e12, "byte/s", "3.35 TB/s"),
        (80e9, "byte", "80 GB"),
        (989e12, "FLOP/s", "989 TFLOP/s"),
        (1000.0, "byte", "1 kB"),
        (999.0, "byte", "999 B"),
        (0.0, "byte", "0 B"),
        (1275.0, "W", "1275 W"),
        (25_000.0, "USD", "25,000 USD"),
        (405_853_388_800, "", "405,853,388,800"),
        (0.00074, "", "0.00074"),
        (1e-6, "s", "1e-06 s"),
        (123456.789, "USD", "123,457 USD"),
        (2023, "", "2023"),
        (math.inf, "byte/s", "unlimited"),
        ("nvlink", "", "nvlink"),
        (None, "W", "none"),
    ],
)
def test_amounts(value: float | str | None, unit: str, words: str) -> None:
    assert amount(value, unit) == words


@pytest.mark.parametrize(
    ("low", "high", "value", "unit", "words"),
    [
        (60.0, 105.0, 70.0, "W", "60 to 105"),
        (400e9, 1.2e12, 450e9, "byte/s", "400 to 1200"),
        (None, 2.0, 1.0, "", "to 2"),
        (1.0, None, 1.0, "", "from 1"),
        (None, None, 1.0, "", ""),
    ],
)
def test_a_range_is_in_the_unit_of_its_value(
    low: float | None, high: float | None, value: float, unit: str, words: str
) -> None:
    assert span(low, high, value, unit) == words


def test_long_words_stand_beside_an_empty_cell() -> None:
    text = "Microsoft may terminate if delivery dates are missed"
    assert Line("termination", text, kind="reported").cells == ("termination", "", text, "reported")
    assert Line("layers", 3, note="of a kind").cells == ("layers", "3", "of a kind", "")
    assert Line("power", 70.0, "W", 60.0, 105.0, source="me", note="why").cells == ("power", "70 W", "60 to 105", "")


def test_json_has_a_word_for_no_limit() -> None:
    assert plain(math.inf) == "unlimited"
    assert plain(3.0) == 3.0
