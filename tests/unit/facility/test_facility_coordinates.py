"""Coordinates as text: what is taken, what is refused and how."""

from __future__ import annotations

import pytest

from megawatt.errors import ScenarioError
from megawatt.facility.coordinates import Coordinates, read_coordinates


def test_coordinates_with_and_without_elevation() -> None:
    assert read_coordinates("-33.9, 18.4, 42") == Coordinates(-33.9, 18.4, 42.0)
    assert read_coordinates(" 51.5,-0.1 ") == Coordinates(51.5, -0.1)
    assert str(Coordinates(-33.9, 18.4, 42.0)) == "-33.9, 18.4, 42"
    assert str(Coordinates(51.5, -0.1)) == "51.5, -0.1"


@pytest.mark.parametrize("text", ["cape-town", "site.epw", "", "52 north, 4 east"])
def test_names_are_no_coordinates(text: str) -> None:
    assert read_coordinates(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("95, 200, 9000", "latitude 95, longitude 200, elevation 9000"),
        ("40, 181", "longitude 181"),
        ("40, 20, -500", "elevation -500"),
        ("1, 2, 3, 4", "'1, 2, 3, 4'"),
        ("33.9", "'33.9'"),
        ("1..2, 3", "'1..2, 3'"),
    ],
)
def test_all_that_is_wrong_is_named(text: str, found: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_coordinates(text)
    (problem,) = caught.value.problems
    assert problem.found == found


def test_swapped_order_is_suspected() -> None:
    with pytest.raises(ScenarioError) as caught:
        read_coordinates("151.2, -33.9")
    assert caught.value.problems[0].hint == "the order is latitude, longitude"
