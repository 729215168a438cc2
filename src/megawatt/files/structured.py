"""TOML, JSON and YAML, strictly: finite numbers, each key once, no deep nesting."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files.guard import read_bytes, refused
from megawatt.files.marks import other_kind
from megawatt.files.text import decode

__all__ = ["parse_json", "parse_toml_value", "read_json", "read_toml", "read_yaml", "strict"]

_TOML_BYTES: Final = 2**20
_JSON_BYTES: Final = 8 * 2**20
_YAML_BYTES: Final = 2**18
_MOST_VALUES: Final = 100_000
"""Values of a YAML file, those that an alias repeats counted again."""
_DEEPEST: Final = 40
"""Levels of nesting."""
_LONGEST_WHOLE: Final = 300
"""Digits of a whole number; no double holds more than 308."""
_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


def read_toml(
    path: Path | Traversable, what: str = "a TOML file", kinds: Collection[str] = ()
) -> tuple[dict[str, Any], str]:
    """Content and SHA-256 (hexadecimal) of a TOML file of at most 1 MiB.

    Parameters
    ----------
    path : Path or Traversable
        The file.
    what : str
        What it should be, in words.
    kinds : collection of str
        What it should be, as keys of `TOML_MARKS`; empty: anything.

    Raises
    ------
    ScenarioError
        If it cannot be read, is not TOML (names the line), or is a file of another kind.
    """
    data = read_bytes(path, _TOML_BYTES, what)
    text = decode(path, data)
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise refused(path, "not TOML: nested too deeply", f"{what} in UTF-8, {_DEEPEST} levels deep") from None
    except ValueError as error:
        line = _LINE.search(str(error))
        number = int(line[1]) if line else 0
        raise refused(path, f"not TOML: {error}", f"{what} in UTF-8", line=number) from None
    deep = next(_too_deep(content), None)
    if deep is not None:
        raise refused(path, "nested too deeply", f"{_DEEPEST} levels", where=deep)
    if kinds and (other := other_kind(content, kinds)):
        raise refused(path, f"a file of another kind ({other})", what, hint=f"megawatt show {path}")
    return content, hashlib.sha256(data).hexdigest()


def read_yaml(path: Path, what: str = "a YAML file") -> dict[str, Any]:
    """Content of a YAML 1.2 file of at most 256 KiB, one mapping of plain values; no tags of programs.

    Raises
    ------
    ScenarioError
        If it cannot be read or is not YAML (names the line), repeats itself by aliases beyond 100,000 values, or holds
        a number that is not finite.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    text = decode(path, read_bytes(path, _YAML_BYTES, what))
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise refused(path, "not YAML: nested too deeply", f"{what} in UTF-8, {_DEEPEST} levels deep") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found = f"not YAML: {error.problem or error.context}"
        raise refused(path, found, f"{what} in UTF-8", line=mark.line + 1 if mark else 0) from None
    except (YAMLError, ValueError) as error:
        raise refused(path, f"not YAML: {shown(str(error))}", f"{what} in UTF-8") from None
    if not isinstance(content, dict):
        raise refused(path, f"holds a {type(content).__name__}", f"{what}: names with values")
    for count, (keys, value) in enumerate(_walk(content)):
        if count > _MOST_VALUES or len(keys) > _DEEPEST:
            raise refused(path, "too many values, or nested too deeply", f"{_MOST_VALUES:,} values, {_DEEPEST} levels")
        if isinstance(value, float) and not math.isfinite(value):
            raise refused(path, "no finite number", "a finite number", where=_dotted(keys))
    return content


def parse_toml_value(text: str) -> Any:
    """The value that a text has in TOML; the text itself where it is none.

    Raises
    ------
    ScenarioError
        If it has more than one line, or is nested too deeply.
    """
    if any(c in text for c in "\n\r\0"):
        raise ScenarioError(f"{shown(text)}: more than one line", [Problem("", shown(text), "one value on one line")])
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except RecursionError:
        value = None
    except ValueError:
        return text
    if value is None or next(_too_deep(value), None) is not None:
        raise ScenarioError(f"{shown(text)}: nested too deeply", [Problem("", shown(text), "one value")])
    return value


def strict(content: Any) -> Any:
    """The same plain data for JSON, which has no NaN and no infinity: null stands for them."""
    if isinstance(content, Mapping):
        return {name: strict(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [strict(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


class _TwiceError(ValueError):
    """A key that stands twice in one object."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _TwiceError(f"key {shown(counts.most_common(1)[0][0])} stands twice in one object")
    return found


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_WHOLE else math.inf


def read_json(path: Path, what: str = "a JSON file", *, kind: type | None = dict, finite: bool = True) -> Any:
    """Content of a JSON file of at most 8 MiB.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What is wanted, for messages.
    kind : type, optional
        What the outermost value must be; None lets it be anything.
    finite : bool
        Refuse numbers that are not finite; otherwise they are left to who reads the value.

    Raises
    ------
    ScenarioError
        If it cannot be read, is not JSON (names the line), holds a number that is not finite (names its dotted path),
        a key twice, or is not of the kind.
    """
    content = parse_json(decode(path, read_bytes(path, _JSON_BYTES, what)), path, what, finite=finite)
    if kind is not None and not isinstance(content, kind):
        wanted = "a JSON object" if kind is dict else f"a JSON {kind.__name__}"
        raise refused(path, f"holds a {type(content).__name__}", f"{what}: {wanted}")
    return content


def parse_json(text: str, path: object, what: str = "JSON", *, line: int = 0, finite: bool = True) -> Any:
    """Content of a JSON text; ``path`` and ``line`` are where it stands. Raises as `read_json`."""
    try:
        content = json.loads(text, parse_int=_whole, parse_constant=float, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        found = f"not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise refused(path, found, what, line=line or error.lineno) from None
    except (_TwiceError, RecursionError) as error:
        found = str(error) if isinstance(error, _TwiceError) else "nested too deeply"
        raise refused(path, f"not valid JSON: {found}", what, line=line) from None
    problems = [Problem(where, found, allowed) for where, found, allowed in _wrong(content, finite)]
    if problems:
        raise ScenarioError(f"{path}: {problems[0]}", problems, str(path))
    return content


def _walk(content: Any) -> Iterator[tuple[list[str | int], Any]]:
    """Every value with the keys that lead to it (one list, changed on the way); no deeper than one level too deep."""
    keys: list[str | int] = []
    left: list[Iterator[tuple[Any, Any]]] = []
    value = content
    while True:
        yield keys, value
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        left.append(iter(inside if len(keys) <= _DEEPEST else ()))
        keys.append("")
        while (step := next(left[-1], None)) is None:
            left.pop()
            keys.pop()
            if not left:
                return
        keys[-1], value = step


def _dotted(keys: list[str | int]) -> str:
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys).removeprefix(".")


def _too_deep(content: Any) -> Iterator[str]:
    return (_dotted(keys) for keys, _ in _walk(content) if len(keys) > _DEEPEST)


def _wrong(content: Any, finite: bool) -> Iterator[tuple[str, str, str]]:
    for keys, value in _walk(content):
        if len(keys) > _DEEPEST:
            yield _dotted(keys), "nested too deeply", f"{_DEEPEST} levels"
        elif finite and isinstance(value, float) and not math.isfinite(value):
            yield _dotted(keys), "no finite number (NaN, infinite or above 1.8e308)", "a finite number"
        elif isinstance(value, str) and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            yield _dotted(keys), shown(value), "text of whole Unicode characters"
