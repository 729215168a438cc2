"""Properties of the catalogue: replaced numbers, price bins that conserve means, exact number text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from megawatt.catalogue import load_catalogue

TOOLS = Path(__file__).parents[2] / "tools"
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
RANGED = load_catalogue().ranged()


@pytest.fixture(scope="module")
def tools() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(TOOLS))
    try:
        from derivation import grids, rows

        yield {"grids": grids, "rows": rows}
    finally:
        sys.path.remove(str(TOOLS))
        for name in [name for name in sys.modules if name.startswith("derivation")]:
            del sys.modules[name]


@given(st.sampled_from(RANGED), st.floats(1e-12, 1e20))
def test_a_replaced_number_is_read_back_and_nothing_else_changes(place: tuple[str, str], value: float) -> None:
    catalogue = load_catalogue()
    key, field = place
    other = catalogue.replace_fact(key, field, value)
    assert other.number(key, field) == value
    fact = other.fact(key, field)
    assert fact.low is None or fact.low <= value
    assert fact.high is None or value <= fact.high
    assert {k for k in catalogue.entries if other.entries[k] is not catalogue.entries[k]} == {key}
    unchanged = {f for f in catalogue.get(key).facts if other.fact(key, f) is catalogue.fact(key, f)}
    assert unchanged == set(catalogue.get(key).facts) - {field}


@settings(max_examples=20, deadline=None)
@given(arrays(np.float64, (365, 24), elements=st.floats(-250, 5000)))
def test_bins_conserve_every_mean_and_are_ordered(tools: dict[str, Any], hourly: np.ndarray) -> None:
    grids = tools["grids"]
    bins = grids.price_bins(hourly.reshape(-1))
    starts = np.concatenate(([0], np.cumsum(DAYS)[:-1]))
    means = np.add.reduceat(hourly, starts, axis=0) / DAYS[:, None]
    np.testing.assert_allclose(bins @ np.array(grids.BIN_FRAC), means, atol=1e-7)
    assert np.all(np.diff(bins, axis=2) >= -1e-7)
    assert bins.max() <= hourly.max() + 1e-7
    assert bins.min() >= hourly.min() - 1e-7


@settings(max_examples=20, deadline=None)
@given(arrays(np.float64, (365, 24), elements=st.floats(-250, 5000)))
def test_day_ranks_permute_the_days_of_each_month(tools: dict[str, Any], hourly: np.ndarray) -> None:
    ranks = tools["grids"].day_ranks(hourly.reshape(-1))
    start = 0
    for days in DAYS:
        np.testing.assert_allclose(np.sort(ranks[start : start + days]), (np.arange(days) + 0.5) / days)
        start += days


@given(st.decimals(min_value=-(10**15), max_value=10**15, allow_nan=False, places=4))
def test_number_text_loses_nothing(tools: dict[str, Any], value: Any) -> None:
    assert float(tools["rows"].number(value)) == float(value)
