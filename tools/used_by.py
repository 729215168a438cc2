"""Which commands run the functions that each validation certifies, found by tracing both.

``python -m tools.used_by`` prints it as JSON: per kind of file its predictors, each with the commands that enter it,
and the commands that enter them all.

A predictor is a public function of a model room that a scorer enters and whose return value holds a number that the
scorer then compares (up to a power of a thousand, or its sign). Measuring and fitting (`megawatt.calibration`) are
no models. Commands and scorers run on made-up inputs (`tools.samples`) and the examples.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import numpy as np
from click.testing import CliRunner
from tools.samples import write_samples

import megawatt
from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import cli
from megawatt.validation import validate

__all__ = ["MODEL_ROOMS", "holds", "predictors", "trace_all", "unreached"]

PACKAGE: Final = Path(megawatt.__file__).parent
EXAMPLES: Final = Path(__file__).parents[1] / "examples"
MODEL_ROOMS: Final = (
    "workload",
    "hardware",
    "training",
    "runs",
    "serving",
    "facility",
    "mining",
    "dispatch",
    "finance",
    "contagion",
    "risk",
    "company",
    "chain",
)
_NO_MODELS: Final = ("calibration/", "evidence/", "runs/published")
_MANY: Final = 20_000
"""Elements of a returned array that are looked through."""
_SCALES: Final = (*(sign * 1000.0**n for n in (0, 1, -1, 2, -2) for sign in (1.0, -1.0)), 2.0**30)
_TOLERANCE: Final = 1e-9
_DIGITS: Final = 4
"""A number with fewer significant digits may be anything."""


@dataclasses.dataclass(slots=True)
class _Trace:
    """Public functions of model rooms that were entered, and what `seen` says of their return values."""

    seen: Callable[[Any], bool] | None = None
    entered: set[str] = dataclasses.field(default_factory=set)
    found: set[str] = dataclasses.field(default_factory=set)
    names: dict[CodeType, str] = dataclasses.field(default_factory=dict)

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        if event not in ("call", "return"):
            return
        code = frame.f_code
        name = self.names.get(code)
        if name is None:
            name = self.names[code] = _name(code)
        if not name:
            return
        if event == "call":
            self.entered.add(name)
        elif self.seen is not None and name not in self.found and self.seen(value):
            self.found.add(name)


def _name(code: CodeType) -> str:
    """``room.module:function`` of a public function or method of a model; empty of everything else."""
    try:
        place = Path(code.co_filename).relative_to(PACKAGE)
    except ValueError:
        return ""
    parts = code.co_qualname.split(".")
    if place.parts[0] not in MODEL_ROOMS or place.as_posix().startswith(_NO_MODELS):
        return ""
    if any(part.startswith(("_", "<")) for part in (*parts, place.stem)):
        return ""
    return f"{'.'.join(place.with_suffix('').parts)}:{code.co_qualname}"


@contextmanager
def _tracing(trace: _Trace) -> Iterator[_Trace]:
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def _numbers(value: Any, depth: int = 3) -> Iterator[float]:
    """The numbers in a value: itself, or those of its fields, elements and entries."""
    if isinstance(value, bool | str | bytes) or value is None:
        return
    if isinstance(value, int | float | np.number):
        yield float(value)
    elif isinstance(value, np.ndarray):
        if value.size <= _MANY and value.dtype.kind in "fiu":
            yield from value.ravel().astype(float).tolist()
    elif depth and isinstance(value, Mapping):
        for one in value.values():
            yield from _numbers(one, depth - 1)
    elif depth and dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _numbers(getattr(value, field.name), depth - 1)
    elif depth and isinstance(value, tuple | list):
        for one in value[:_MANY]:
            yield from _numbers(one, depth - 1)


def holds(targets: Sequence[float]) -> Callable[[Any], bool]:
    """Whether a value holds any of some numbers."""
    wanted = np.unique([t * s for t in targets for s in _SCALES if _telling(t)])

    def seen(value: Any) -> bool:
        numbers = np.fromiter(_numbers(value), dtype=float)
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size or not wanted.size:
            return False
        place = np.clip(np.searchsorted(wanted, numbers), 1, len(wanted) - 1)
        near = np.minimum(np.abs(numbers - wanted[place]), np.abs(numbers - wanted[place - 1]))
        return bool((near <= _TOLERANCE * np.abs(numbers)).any())

    return seen


def _telling(number: float) -> bool:
    """Whether a number has so many digits that it does not turn up by chance."""
    return math.isfinite(number) and number != 0.0 and float(f"{number:.{_DIGITS}g}") != number


def predictors(path: Path) -> set[str]:
    """Public functions of models whose results the scorer of a file compares.

    The file is scored twice: to learn what is predicted, and to see who returns it.
    """
    targets = [case["predicted"] for entry in validate(path, load_catalogue()) for case in entry["cases"]]
    with _tracing(_Trace(holds(targets))) as trace:
        validate(path, load_catalogue())
    return trace.found


def _commands(folder: Path, case: Path) -> Iterable[tuple[str, ...]]:
    """What is typed, on small inputs: dense and mixture models, in a node and across, a site of each use, a case."""
    scenarios = []
    for name in ("childress-gb300", "childress-bitcoin"):
        text = (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")
        scenarios.append(folder / f"{name}.toml")
        text = text.replace('model = "llama-3.1-405b"', 'model = "mixtral-8x7b"')
        scenarios[-1].write_text(text + "\n[risk]\npaths = 64\n", encoding="utf-8")
    for model in ("llama-3.1-8b", "mixtral-8x7b"):
        yield ("serve", model, "--system", "hgx-h100", "--chips", "8", "--requests", "100")
        yield ("serve", model, "--system", "hgx-h100", "--chips", "8", "--concurrency", "8")
        yield ("train", model, "--system", "hgx-h100", "--chips", "32", "--batch", "128")
    yield ("train", "llama-3.1-8b", "--system", "hgx-h100", "--chips", "1024", "--batch", "512", "--tokens", "1e12")
    yield ("compare", "mixtral-8x7b", "--systems", "hgx-h200", "--chips", "32", "--batch", "128")
    yield ("hall", "dublin", "--grid-mw", "100")
    yield ("dispatch", str(case))
    yield ("contagion", "--shock", "OpenAI")
    yield ("risk", str(scenarios[0]), "--paths", "64")
    yield ("company", "riot", "--paths", "64")
    for scenario in scenarios:
        yield ("dispatch", str(scenario), "--battery", "20:40")
        yield ("plan", str(scenario), "--out", str(folder / "runs"))


def _entered(folder: Path, case: Path) -> dict[str, set[str]]:
    """Public functions of models that each command enters."""
    found: dict[str, set[str]] = {}
    for words in _commands(folder, case):
        with _tracing(_Trace()) as trace:
            done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
        if done.exit_code:
            raise RuntimeError(f"{' '.join(words)}: exit code {done.exit_code}: {done.output}")
        found.setdefault(words[0], set()).update(trace.entered)
    return found


def trace_all() -> dict[str, dict[str, Any]]:
    """Per kind of file: ``predictors`` (function: commands that enter it) and ``used_by`` (commands that enter all)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = write_samples(folder)
        entered = _entered(folder, samples["dispatch-case"])
        traced = {}
        for kind, path in samples.items():
            found = {
                one: sorted(command for command, functions in entered.items() if one in functions)
                for one in sorted(predictors(path))
            }
            every = [command for command in entered if found and all(command in users for users in found.values())]
            traced[kind] = {"predictors": found, "used_by": sorted(every)}
    return traced


def unreached(traced: Mapping[str, Any]) -> list[str]:
    """Predictors of one kind that no command enters; a kind without any predictor is one itself."""
    found: Mapping[str, list[str]] = traced["predictors"]
    return [name for name, commands in found.items() if not commands] if found else ["no function returns a prediction"]


if __name__ == "__main__":
    print(json.dumps(trace_all(), indent=1))
