"""Long work of the page: what moves a use most, looked for beside the sliders; whole plans in their own processes."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from megawatt.app.answers import input_json
from megawatt.app.asked import Asked
from megawatt.app.shelf import Shelf
from megawatt.errors import MegawattError, ScenarioError
from megawatt.writing import own_folder

__all__ = ["Plans", "Ranking", "Rankings"]

_LEADING: Final = 12
"""Inputs that get a slider."""
_PLANS: Final = 4
"""Plans whose results are kept, the one that runs included."""
_ENDING_S: Final = 5.0
"""Time that a process gets to end. [s]"""


@dataclass
class Ranking:
    """A search for the inputs that move a use most in a file's state: how far it is, and what it found so far."""

    sha256: str
    done: int = 0
    total: int = 0
    running: bool = True
    error: str = ""
    inputs: list[dict[str, Any]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in ("done", "total", "running", "error", "inputs")}


class Rankings:
    """Rankings by scenario and use; each runs in a thread and lets the sliders in between two inputs."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._found: dict[tuple[str, int], Ranking] = {}

    def of(self, asked: Asked) -> Ranking:
        """The ranking of a use; started when it is asked for, anew where it was cancelled or the file has changed."""
        key = (asked.scenario, asked.use)
        with self._shelf.lock:
            sha256 = "".join(use.sha256 for use in self._shelf.kept(asked.scenario).loaded.uses)
            found = self._found.get(key)
            if found is not None and found.sha256 != sha256:
                found.cancelled.set()
                found = None
            if found is None or (found.cancelled.is_set() and not found.running):
                found = self._found[key] = Ranking(sha256)
                threading.Thread(target=self._run, args=(found, *key), daemon=True).start()
            return found

    def cancel(self, asked: Asked) -> None:
        """Stop a ranking; what it found stays."""
        found = self._found.get((asked.scenario, asked.use))
        if found is not None:
            found.cancelled.set()

    def _run(self, ranking: Ranking, scenario: str, use: int) -> None:
        try:
            with self._shelf.lock:
                live = self._shelf.use(scenario, use)
                names = list(live.inputs)
            ranking.total = len(names)
            found = []
            for ranking.done, name in enumerate(names):
                if ranking.cancelled.is_set():
                    break
                with self._shelf.lock:
                    one = live.swung(name)
                if one is not None:
                    found.append(one)
                    found.sort(key=lambda i: (-i.swing_usd, i.name))
                    ranking.inputs = [input_json(i) for i in found[:_LEADING]]
            else:
                ranking.done = ranking.total
        except MegawattError as error:
            ranking.error = str(error)
        finally:
            ranking.running = False


@dataclass
class _Plan:
    asked: Asked
    place: TemporaryDirectory[str]
    process: Any
    pipe: Connection
    state: str = "running"
    text: str = "starting"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self.place.name)

    def listen(self) -> None:
        """Take in what the process said, and whether it ended."""
        try:
            while self.state == "running" and self.pipe.poll():
                self.state, self.text = self.pipe.recv()
        except EOFError:
            self.state, self.text = "failed", "the process ended without a result"


class Plans:
    """Whole plans of moved scenarios, one after the other, each in a process that can be stopped."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._plans: dict[int, _Plan] = {}
        self._numbers = itertools.count(1)

    def start(self, asked: Asked) -> dict[str, Any]:
        """Start one; what runs already is refused.

        Raises
        ------
        ScenarioError
            If another one runs, or a move is none.
        """
        with self._shelf.lock:
            if any(self.told(number)["state"] == "running" for number in self._plans):
                raise ScenarioError("a plan runs already: wait for it, or cancel it")
            self._shelf.use(asked.scenario, asked.use).inputs_at(asked.by_name)
            number = next(self._numbers)
            place = own_folder()
            here, there = multiprocessing.Pipe(duplex=False)
            path = self._shelf.listed[asked.scenario].path
            context = multiprocessing.get_context("spawn")
            process = context.Process(target=_planned, args=(path, asked, Path(place.name), there), daemon=True)
            process.start()
            there.close()
            self._plans[number] = _Plan(asked, place, process, here)
            for old in list(self._plans)[:-_PLANS]:
                self._plans.pop(old).place.cleanup()
            return self.told(number)

    def told(self, number: int) -> dict[str, Any]:
        """State of a plan, and its files where it is done.

        Raises
        ------
        ScenarioError
            If there is none of that number.
        """
        plan = self._of(number)
        plan.listen()
        files = sorted(path.name for path in plan.folder.rglob("*") if path.is_file()) if plan.state == "done" else []
        return {"plan": number, "state": plan.state, "text": plan.text, "files": files}

    def cancel(self, number: int) -> dict[str, Any]:
        """Stop a plan that runs."""
        plan = self._of(number)
        plan.listen()
        if plan.state == "running":
            plan.process.terminate()
            plan.process.join(_ENDING_S)
            plan.state, plan.text = "cancelled", "cancelled"
        return self.told(number)

    def file(self, number: int, name: str) -> Path:
        """A file of a plan that is done.

        Raises
        ------
        ScenarioError
            If it has none of that name.
        """
        plan = self._of(number)
        found = next((p for p in plan.folder.rglob("*") if p.is_file() and p.name == name), None)
        if plan.state != "done" or found is None:
            raise ScenarioError(f"plan {number} has no file {name[:80]!r}")
        return found

    def close(self) -> None:
        """Stop what runs, and remove what was written."""
        for number in self._plans:
            self.cancel(number)
            self._plans[number].place.cleanup()

    def _of(self, number: int) -> _Plan:
        if number not in self._plans:
            raise ScenarioError(f"no plan {number}")
        return self._plans[number]


def _planned(path: Path, asked: Asked, folder: Path, told: Connection) -> None:
    """Plan a moved scenario in a process of its own: layout and loan are found anew."""
    try:
        _plan_into(path, asked, folder, told)
        told.send(("done", "done"))
    except MegawattError as error:
        told.send(("failed", str(error)))
    finally:
        told.close()


def _plan_into(path: Path, asked: Asked, folder: Path, told: Connection) -> None:
    from megawatt.catalogue import load_catalogue
    from megawatt.chain import compare
    from megawatt.chain.live import live_use
    from megawatt.report import render, render_credit
    from megawatt.results import make_manifest, save
    from megawatt.scenario import load

    told.send(("running", "reading"))
    loaded = load(path, load_catalogue())
    use = loaded.uses[asked.use]
    scenario, catalogue = live_use(use, loaded.catalogue).inputs_at(asked.by_name)
    one = replace(
        loaded, uses=(replace(use, scenario=scenario),), conversion=None, name=scenario.name, title=scenario.title
    )
    comparison = compare(one, catalogue, progress=lambda text: told.send(("running", text)))
    comparison = replace(comparison, manifest=make_manifest(comparison.manifest) | {"moved": asked.by_name})
    told.send(("running", "report"))
    pages = {"report.html": render(comparison, catalogue.sources)} | render_credit(comparison)
    save(comparison, folder / comparison.name, pages)
