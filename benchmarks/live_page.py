"""The live page on Childress: from a cold start to its first page, and a slider's answer, against their limits."""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

SCENARIO = Path(__file__).parents[1] / "examples" / "childress-gb300.toml"
FIRST_PAGE_S, SLIDER_S, USERS, LOAD_S = 1.5, 0.5, 50, 60.0


def _get(address: str, path: str, **words: object) -> bytes:
    with urlopen(f"{address}{path}?{urlencode(words)}", timeout=300) as answer:
        return bytes(answer.read())


def main() -> dict[str, float]:
    """Seconds to the first page and of a slider's answer, shares of the limits; answers of 50 users in a minute."""
    command = [sys.executable, "-m", "megawatt", "app", str(SCENARIO), "--port", "0"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0].rstrip("/")
            _get(address, "/")
            first = time.perf_counter() - start
            _get(address, "/api/figures")
            rows = json.loads(_get(address, "/api/all-inputs"))["inputs"]
            took = [_timed(address, row["name"], row["low"] + 0.37 * (row["high"] - row["low"])) for row in rows[:60]]
            answers, wrong = _under_load(address)
        finally:
            process.terminate()
    slider = statistics.median(took)
    return {
        "first page, s": first,
        "first page, share of the limit": first / FIRST_PAGE_S,
        "slider, median s": slider,
        "slider, share of the limit": slider / SLIDER_S,
        "answers to 50 users in a minute": float(answers),
        "of these wrong or errors": float(wrong),
    }


def _timed(address: str, name: str, value: float) -> float:
    start = time.perf_counter()
    with contextlib.suppress(HTTPError):  # some ends cannot be built; that is an answer too
        _get(address, "/api/figures", set=f"{name}:{value}")
    return time.perf_counter() - start


def _under_load(address: str) -> tuple[int, int]:
    """Answers to users who move one slider each, and how many differ from what one user alone is told."""
    values = [0.07 + 0.05 * i / 200 for i in range(200)]
    alone = {v: _get(address, "/api/figures", set=f"discount_rate:{v}") for v in values[:20]}
    until, answers, wrong = time.perf_counter() + LOAD_S, 0, 0

    def one(user: int) -> tuple[int, int]:
        mine, bad = 0, 0
        for turn in itertools.count():
            if time.perf_counter() >= until:
                return mine, bad
            value = values[(user * 7 + turn) % len(values)]
            found = _get(address, "/api/figures", set=f"discount_rate:{value}")
            mine, bad = mine + 1, bad + (value in alone and found != alone[value])
        raise AssertionError("time ends it")

    with ThreadPoolExecutor(USERS) as pool:
        for mine, bad in pool.map(one, range(USERS)):
            answers, wrong = answers + mine, wrong + bad
    return answers, wrong


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:45} {value:.4g}")
