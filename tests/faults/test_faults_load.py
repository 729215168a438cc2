"""A short load: nothing is left behind by many calls in one process, and what is left behind is seen."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tools import load


@pytest.mark.parametrize("setup", [load.searches, load.years])
def test_calls_of_the_interface_leave_nothing_behind(setup: Callable[[], Callable[[int], object]]) -> None:
    done = load.make(setup(), 40, 2.0, warm=10)
    assert done.wrong(4096.0) == ""
    assert done.calls > 10


def test_plans_in_one_process_leave_nothing_behind(tmp_path: Path) -> None:
    done = load.make(load.plans(tmp_path, 1), 2, 4.0, warm=1)
    assert done.wrong(load.BOUNDS["plans"]) == ""


def test_what_is_left_behind_is_seen() -> None:
    """A leak of 8 MB a call: above what the allocator of a process that has run other tests moves by itself."""
    kept: list[bytes] = []
    stop = threading.Event()
    with contextlib.ExitStack() as files:

        def leak(number: int) -> None:
            kept.append(b"\1" * 2**23)
            if number == 10:
                files.enter_context(Path("/dev/null").open())
                threading.Thread(target=stop.wait, daemon=True).start()

        found = load.make(leak, 20, 1.0, warm=2).wrong(2.0**16)
        stop.set()
    assert "1 more files" in found
    assert "1 more threads" in found
    growth = re.search(r"memory grows by ([\d,]+) bytes", found)
    assert growth is not None
    assert 2.0**22 < int(growth[1].replace(",", "")) < 2.0**24
