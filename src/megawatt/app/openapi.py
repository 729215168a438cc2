"""The description of the page's JSON, from its list of endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from megawatt import __version__

__all__ = ["described"]

_PARAMETERS: Final = {
    "scenario": {"schema": {"type": "string"}, "description": "A key of /api/scenarios; the first where left out."},
    "use": {"schema": {"type": "integer", "minimum": 0, "default": 0}, "description": "Number of the use."},
    "set": {
        "schema": {"type": "array", "items": {"type": "string"}},
        "description": "An input at another value, NAME:VALUE within its range; may be repeated.",
    },
    "week": {"schema": {"type": "integer", "minimum": 0, "maximum": 52}, "description": "Week of the year from 0."},
}
_MOVED: Final = ("scenario", "use", "set")
_PLACES: Final = {
    "plan": {"schema": {"type": "integer"}, "description": "Number of the plan."},
    "name": {"schema": {"type": "string"}, "description": "Name of the file."},
}


def described(endpoints: Iterable[tuple[str, str, str, bool, tuple[str, ...]]]) -> dict[str, Any]:
    """OpenAPI 3.1 of endpoints: path, method, summary, whether a moved use is asked for, more parameters."""
    paths: dict[str, dict[str, Any]] = {}
    for path, method, summary, moved, extra in endpoints:
        plain = path.replace(":int", "")
        parameters = [_parameter(name, "query", _PARAMETERS[name]) for name in (*(_MOVED if moved else ()), *extra)]
        parameters += [_parameter(n, "path", told) for n, told in _PLACES.items() if f"{{{n}}}" in plain]
        answers = {"200": {"description": summary}, "400": _ERROR, "422": _ERROR}
        paths.setdefault(plain, {})[method.lower()] = {
            "summary": summary, "parameters": parameters, "responses": answers,
        }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "megawatt app", "version": __version__},
        "paths": paths,
        "components": {"schemas": {"Error": _SCHEMA}},
    }


_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "infeasible": {"type": "boolean"},
                "problems": {"type": "array", "items": {"type": "object"}},
            },
        }
    },
}
_ERROR: Final = {
    "description": "What was wrong with the question, or what binds.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def _parameter(name: str, place: str, told: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", **told}
