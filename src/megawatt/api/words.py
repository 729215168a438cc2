"""What a user's arguments mean: names, options, values of a scenario."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from megawatt.errors import ScenarioError, shown
from megawatt.run_options import RUN_OPTIONS, SETTINGS

if TYPE_CHECKING:
    from megawatt.api.result import Result

__all__ = ["as_name", "as_names", "options_of", "settings_of"]


def as_name(said: str | Path | Result[Any]) -> str:
    """The key or file of what may be an answer about one."""
    if isinstance(said, str | Path):
        return str(said)
    title = getattr(said, "title", None)
    if not isinstance(title, str):
        raise ScenarioError(f"{shown(said)}; allowed: a key, a file, or what model or system answered")
    return title


def as_names(said: Iterable[str | Path | Result[Any]]) -> list[str]:
    """Keys or files, at least one."""
    if isinstance(said, str | Path) or not (names := [as_name(one) for one in said]):
        raise ScenarioError(f"systems: {shown(said)}; allowed: a list of keys or machine files")
    return names


def options_of(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of a set-up, and those of a whole run.

    Raises
    ------
    ScenarioError
        If one is neither; names the nearest.
    """
    for name in options:
        if name not in RUN_OPTIONS and name not in SETTINGS:
            near = difflib.get_close_matches(name, [*RUN_OPTIONS, *SETTINGS], 1)
            hint = f" ({near[0]}?)" if near else ""
            raise ScenarioError(f"{name}: no option{hint}; allowed: {', '.join((*RUN_OPTIONS, *SETTINGS))}")
    setup = {name: _several(value) if RUN_OPTIONS[name].repeated else value for name, value in options.items()
             if name in RUN_OPTIONS}  # fmt: skip
    return setup, {name: value for name, value in options.items() if name in SETTINGS}


def _several(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def settings_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Values of a scenario as the command's ``--set``: tables go to dotted paths, values are written as TOML.

    Raises
    ------
    ScenarioError
        If a value has no TOML.
    """
    found: list[str] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and not {"value"} <= set(value):
            found += [f"{name}.{setting}" for setting in settings_of(value)]
        else:
            found.append(f"{name}={_toml(value, name)}")
    return tuple(found)


def _toml(value: Any, name: str) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(float(value) if not isinstance(value, int) else int(value))
    if isinstance(value, str | Path | date):
        return json.dumps(str(value))
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one, name)}" for key, one in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_toml(one, name) for one in value) + "]"
    if hasattr(value, "item"):
        return _toml(value.item(), name)
    raise ScenarioError(f"{name} = {shown(value)}; allowed: a number, text, a list or a table")
