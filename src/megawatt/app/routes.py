"""The page, its JSON, its downloads: one list of endpoints, from which the routes and their OpenAPI come."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from megawatt import __version__
from megawatt.app.asked import Asked, read_asked, whole
from megawatt.app.guard import LOCAL_NAMES, Guard
from megawatt.app.shelf import Shelf
from megawatt.errors import InfeasibleError, MegawattError
from megawatt.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from megawatt.app.work import Plans, Rankings

__all__ = ["make_app"]

_MOST_ANSWERS: Final = 512
"""Answers of a scenario that are kept."""
_STATIC: Final = {
    "/static/app.js": ("megawatt.app", "static/app.js", "text/javascript"),
    "/static/charts.js": ("megawatt.report", "templates/charts.js", "text/javascript"),
    "/static/echarts.js": ("megawatt.report", "vendor/echarts.min.js", "text/javascript"),
    "/static/early.js": ("megawatt.report", "templates/early.js", "text/javascript"),
    "/static/report.css": ("megawatt.report", "templates/style.css", "text/css"),
    "/static/app.css": ("megawatt.app", "static/app.css", "text/css"),
}
"""Files of the package that the page asks for: room, path, type."""
_LARGEST: Final = 8 * 2**20
"""Size of such a file, at most. [B]"""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Path, method, what it answers, and its parameters beside ``scenario``, ``use`` and ``set``."""

    path: str
    method: str
    answer: Callable[[_Desk, Request], Response]
    summary: str
    moved: bool = True
    extra: tuple[str, ...] = ()


class _Desk:
    """What the endpoints share."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._work: tuple[Rankings, Plans] | None = None

    @property
    def rankings(self) -> Rankings:
        """Searches for what moves a use most."""
        return self._works()[0]

    @property
    def plans(self) -> Plans:
        """Whole plans."""
        return self._works()[1]

    def _works(self) -> tuple[Rankings, Plans]:
        from megawatt.app.work import Plans, Rankings

        with self.shelf.lock:
            if self._work is None:
                self._work = Rankings(self.shelf), Plans(self.shelf)
            return self._work

    def close(self) -> None:
        """Stop what runs."""
        if self._work is not None:
            self._work[1].close()

    def kept(self, request: Request, name: str, made: Callable[[Any], Any], *more: Any) -> Any:
        """An answer on a use with moved inputs, worked out once; one calculation at a time."""
        return self.worked_out(read_asked(request.query_params, self.shelf.first), name, made, *more)

    def worked_out(self, asked: Asked, name: str, made: Callable[[Any], Any], *more: Any) -> Any:
        """`kept` on a link that has been read."""
        with self.shelf.lock:
            live, kept = self.shelf.use(asked.scenario, asked.use), self.shelf.kept(asked.scenario)
            key = (name, asked.use, asked.moves, *more)
            if key not in kept.answers:
                kept.answers[key] = made((live, asked.by_name))
            kept.answers.move_to_end(key)
            while len(kept.answers) > _MOST_ANSWERS:
                kept.answers.popitem(last=False)
            return kept.answers[key]


def _page(desk: _Desk, request: Request) -> Response:
    return Response(_asset("megawatt.app", "static/app.html"), media_type="text/html")


def _asset(room: str, path: str) -> bytes:
    return read_bytes(files(room).joinpath(*path.split("/")), _LARGEST, "a file of the package")


def _static(desk: _Desk, request: Request) -> Response:
    room, path, kind = _STATIC[request.url.path]
    return Response(_asset(room, path), media_type=kind, headers={"cache-control": "no-cache"})


def _scenarios(desk: _Desk, request: Request) -> Response:
    listed = [{"key": one.key, "title": one.title} for one in desk.shelf.listed.values()]
    return JSONResponse({"version": __version__, "scenarios": listed, "files_left_out": desk.shelf.left_out})


def _scenario(desk: _Desk, request: Request) -> Response:
    asked = read_asked(request.query_params, desk.shelf.first)
    with desk.shelf.lock:
        loaded = desk.shelf.kept(asked.scenario).loaded
    uses = [{"use": n, "name": u.scenario.name, "title": u.scenario.title} for n, u in enumerate(loaded.uses)]
    told = {"key": asked.scenario, "title": loaded.title, "question": loaded.question, "uses": uses}
    return JSONResponse(told)


def _figures(desk: _Desk, request: Request) -> Response:
    from megawatt.app.answers import figures_json

    def made(both: Any) -> Any:
        live, moves = both
        return live.figures(moves)

    asked = read_asked(request.query_params, desk.shelf.first)
    with desk.shelf.lock:  # both of one reading of the file
        moved = desk.worked_out(asked, "figures", made)
        base = desk.worked_out(replace(asked, moves=()), "figures", made)
    return JSONResponse({"figures": figures_json(moved, base), "moves": asked.by_name})


def _inputs(desk: _Desk, request: Request) -> Response:
    return JSONResponse(desk.rankings.of(read_asked(request.query_params, desk.shelf.first)).told())


def _stop_inputs(desk: _Desk, request: Request) -> Response:
    desk.rankings.cancel(read_asked(request.query_params, desk.shelf.first))
    return JSONResponse({"cancelled": True})


def _all_inputs(desk: _Desk, request: Request) -> Response:
    from megawatt.app.answers import input_json

    told = desk.kept(request, "inputs", lambda both: [input_json(both[0].input_of(name)) for name in both[0].inputs])
    return JSONResponse({"inputs": told})


def _week(desk: _Desk, request: Request) -> Response:
    from megawatt.app.answers import week_json

    week = whole(request.query_params, "week", 28, 52)
    return JSONResponse(desk.kept(request, "week", lambda both: week_json(both[0].week(both[1], week)), week))


def _layouts(desk: _Desk, request: Request) -> Response:
    from megawatt.app.answers import layouts_json
    from megawatt.training import layout_map

    def made(both: Any) -> Any:
        live, moves = both
        links = live.moved(moves)
        if links.compute is None or links.compute.plan is None:
            return {"cells": [], "note": "This use trains nothing."}
        return layouts_json(layout_map(links.compute.plan, links.catalogue), links.compute.plan)

    return JSONResponse(desk.kept(request, "layouts", made))


def _hours(desk: _Desk, request: Request) -> Response:
    year = desk.kept(request, "hours", lambda both: both[0].year(both[1]))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["hour", *year])
    writer.writerows(
        (hour, *(f"{float(v):.6g}" for v in row)) for hour, row in enumerate(zip(*year.values(), strict=True))
    )
    return _attached(text.getvalue(), "hours.csv", "text/csv")


def _moved_file(desk: _Desk, request: Request) -> Response:
    from megawatt.app.answers import moved_scenario

    asked = read_asked(request.query_params, desk.shelf.first)
    with desk.shelf.lock:
        live = desk.shelf.use(asked.scenario, asked.use)
        live.inputs_at(asked.by_name)
        use = desk.shelf.kept(asked.scenario).loaded.uses[asked.use]
    return _attached(moved_scenario(use, asked.by_name), f"{use.scenario.name}-moved.toml", "application/toml")


def _attached(text: str, name: str, kind: str) -> Response:
    return Response(text, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def _network(desk: _Desk, request: Request) -> Response:
    from megawatt.app.network import network_page

    with desk.shelf.lock:
        page, policy = network_page()
    return Response(page, media_type="text/html", headers={"content-security-policy": policy})


def _start_plan(desk: _Desk, request: Request) -> Response:
    return JSONResponse(desk.plans.start(read_asked(request.query_params, desk.shelf.first)), 202)


def _plan(desk: _Desk, request: Request) -> Response:
    return JSONResponse(desk.plans.told(request.path_params["plan"]))


def _stop_plan(desk: _Desk, request: Request) -> Response:
    return JSONResponse(desk.plans.cancel(request.path_params["plan"]))


def _plan_file(desk: _Desk, request: Request) -> Response:
    path = desk.plans.file(request.path_params["plan"], request.path_params["name"])
    return FileResponse(path, filename=path.name)


def _openapi(desk: _Desk, request: Request) -> Response:
    from megawatt.app.openapi import described

    return JSONResponse(described([(e.path, e.method, e.summary, e.moved, e.extra) for e in _ENDPOINTS]))


_ENDPOINTS: Final = (
    _Endpoint("/", "GET", _page, "The page.", moved=False),
    _Endpoint("/network", "GET", _network, "Who pays whom, and who falls with whom: a page of its own.", moved=False),
    _Endpoint("/api/scenarios", "GET", _scenarios, "Scenarios that may be opened.", moved=False),
    _Endpoint("/api/scenario", "GET", _scenario, "A scenario's title and uses."),
    _Endpoint("/api/figures", "GET", _figures, "Figures of a use with inputs moved, beside those unmoved."),
    _Endpoint("/api/inputs", "GET", _inputs, "The inputs that move a use most, as far as they are found."),
    _Endpoint("/api/inputs", "DELETE", _stop_inputs, "Stop looking for them."),
    _Endpoint("/api/all-inputs", "GET", _all_inputs, "Every input with a range."),
    _Endpoint("/api/week", "GET", _week, "A week by the hour, as a chart and a table.", extra=("week",)),
    _Endpoint("/api/layouts", "GET", _layouts, "The best layout of every tp, pp and ep, and why it is no better."),
    _Endpoint("/api/hours.csv", "GET", _hours, "The year by the hour."),
    _Endpoint("/api/scenario.toml", "GET", _moved_file, "The scenario with the inputs moved."),
    _Endpoint("/api/plans", "POST", _start_plan, "Plan the moved scenario anew, layout and loan found again."),
    _Endpoint("/api/plans/{plan:int}", "GET", _plan, "How far a plan is, and its files.", moved=False),
    _Endpoint("/api/plans/{plan:int}", "DELETE", _stop_plan, "Stop a plan.", moved=False),
    _Endpoint("/api/plans/{plan:int}/{name}", "GET", _plan_file, "A file of a plan.", moved=False),
    _Endpoint("/openapi.json", "GET", _openapi, "This description.", moved=False),
)


def make_app(shelf: Shelf, *, names: tuple[str, ...] = LOCAL_NAMES, token: str = "") -> Starlette:
    """The application on a shelf of scenarios.

    Parameters
    ----------
    shelf : Shelf
        What may be opened.
    names : tuple of str
        Host names that are answered.
    token : str
        Asked of everyone where it is not empty.
    """
    desk = _Desk(shelf)

    def route(path: str, methods: list[str], answer: Callable[[_Desk, Request], Response]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(_told, answer, desk, request)

        return Route(path, endpoint, methods=methods)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        desk.close()

    routes = [route(e.path, [e.method], e.answer) for e in _ENDPOINTS]
    routes += [route(path, ["GET"], _static) for path in _STATIC]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Guard, names=names, token=token)])


def _told(answer: Callable[[_Desk, Request], Response], desk: _Desk, request: Request) -> Response:
    """An answer, or what was wrong with the question."""
    try:
        return answer(desk, request)
    except MegawattError as error:
        problems = [
            {"path": p.path, "found": p.found, "allowed": p.allowed, "hint": p.hint}
            for p in getattr(error, "problems", ())
        ]
        told = {"message": str(error), "infeasible": isinstance(error, InfeasibleError), "problems": problems}
        return JSONResponse({"error": told}, 422 if isinstance(error, InfeasibleError) else 400)
