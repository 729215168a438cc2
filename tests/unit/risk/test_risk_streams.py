"""Calls handed out one by one: results in order, no worker waits for another."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from megawatt.errors import MachineError
from megawatt.risk import stream_calls


def _wait(number: int, marker: Path, last: int) -> int:
    """The first call ends once the last has begun; none of those between waits."""
    if number == last:
        marker.touch()
    deadline = time.monotonic() + 60.0
    while number == 0 and not marker.exists():
        if time.monotonic() > deadline:
            return -1
        time.sleep(0.01)
    return number


def held_up(folder: Path, calls: int = 8) -> list[Callable[[], int]]:
    """Calls of which the first cannot end before another worker has made all of the others."""
    return [partial(_wait, number, folder / "last", calls - 1) for number in range(calls)]


def _fail() -> int:
    raise MachineError("one call failed", [])


def test_a_worker_goes_on_while_another_is_held_up(tmp_path: Path) -> None:
    assert list(stream_calls(held_up(tmp_path), 2)) == list(range(8))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_before_a_failed_call_are_handed_over(tmp_path: Path, workers: int) -> None:
    calls = [*held_up(tmp_path, 1), _fail, *held_up(tmp_path, 1)]
    made = []
    with pytest.raises(MachineError, match="one call failed"):
        made.extend(stream_calls(calls, workers))
    assert made == [0]


def test_no_calls_are_no_results() -> None:
    assert list(stream_calls([], 2)) == []
