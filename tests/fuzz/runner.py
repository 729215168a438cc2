"""One call of the command in this process, watched: how it ended, and whether that is allowed."""

from __future__ import annotations

import contextlib
import io
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

from megawatt.cli import main

ALLOWED = (0, 2, 3, 4, 5, 6, 7)
"""Exit codes that are answers; 1 is a bug of ours, 130 an interrupt."""
SECONDS = 10.0
_MOST_PRINTED = 2_000_000


class Hang(BaseException):  # must pass every `except Exception` of the code under test
    """The time is up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: exit code, what it printed, seconds, and what is wrong with that ('' if nothing)."""

    code: int
    printed: str
    seconds: float
    wrong: str


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Hang` after so many seconds of this process's own time, or six times as many on the clock (it waits)."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, 6.0 * seconds))
    before = [signal.signal(number, stop) for _, number, _ in timers]
    for timer, _, most in timers:
        signal.setitimer(timer, most)
    try:
        yield
    finally:
        for (timer, number, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0.0)
            signal.signal(number, handler)


def call(arguments: Sequence[str], seconds: float = SECONDS) -> Outcome:
    """Run the command; nothing that it does may end this process."""
    out, err = io.StringIO(), io.StringIO()
    started, code, wrong = time.perf_counter(), 0, ""
    try:
        with time_limit(seconds), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(list(arguments))
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    except Hang:
        code, wrong = -1, f"hang: more than {seconds:g} s"
    except BaseException as error:
        code, wrong = 1, f"left the command: {type(error).__name__}: {error}"
    printed = out.getvalue() + err.getvalue()
    if "Traceback (most recent call last)" in printed:
        wrong = wrong or "traceback: " + printed.rpartition("Traceback")[2].strip().splitlines()[-2][:200]
    elif code not in ALLOWED:
        wrong = wrong or f"exit {code}"
    if len(printed) > _MOST_PRINTED:
        wrong = wrong or f"printed {len(printed):,} characters"
    return Outcome(code, printed, time.perf_counter() - started, wrong)
