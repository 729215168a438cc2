"""Ending at once when told to: Ctrl-C and SIGTERM, from the first import on, with no traceback and nothing left behind.

The command ends inside the signal's handler rather than by an exception, which a library may swallow or print. Worker
processes notice that their parent is gone, however that came about, and end by themselves.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

__all__ = ["end_with_parent", "stoppable"]

_SIGNALS: Final = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}

_WATCH_S: Final = 0.1
"""Time between two looks at whether the parent lives. [s]"""


def end_with_parent(parent: int) -> None:
    """In a worker process: end soon after the process of this number, even if it was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _stop(number: int, frame: FrameType | None) -> None:
    """Clear what is half written, say so, and end with 128 and the signal's number (130 for Ctrl-C)."""
    writing = sys.modules.get("megawatt.writing")
    with contextlib.suppress(Exception):
        if writing is not None:
            writing.abandon()
    with contextlib.suppress(OSError):
        os.write(2, f"{_SIGNALS[signal.Signals(number)]}; nothing was left half-written\n".encode())
    os._exit(128 + number)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Answer Ctrl-C and SIGTERM by `_stop` inside the block, unless they are ignored (``nohup``, ``cmd &``)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.getsignal(s) for s in _SIGNALS}
    for s, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(s, _stop)
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
