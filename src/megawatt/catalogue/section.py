"""What every section of a file of ours shares (frozen, no unknown keys), and its problems in words."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable
from typing import Any, Final, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from megawatt.catalogue.quantity import is_number, refusal
from megawatt.errors import MOST_PROBLEMS, Problem, shown

__all__ = ["Section", "as_problems"]

_MOST_NAMED: Final = 20
"""Fields that a message about an unknown one lists."""


class Section(BaseModel):
    """A section of a file: unknown keys are errors, the result is frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @field_validator("*", mode="before")
    @classmethod
    def _plain_number(cls, raw: Any, info: ValidationInfo) -> Any:
        """True is no number, and a number as text is read by the grammar of quantities."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        wanted = {type(a) if isinstance(a, int) else a for a in get_args(annotation) or (annotation,)} & {int, float}
        if wanted and (isinstance(raw, bool) or (isinstance(raw, str) and not is_number(raw))):
            raise refusal(shown(raw), "a whole number" if int in wanted else "a number")
        return raw


_LETTERS = re.compile(r"\^\[((?:[a-z](?!-[a-z]))+-?)\]\*\$")
"""A pattern of one letter after another, each of a few."""
_OF_KEY = "[key]"
"""What pydantic adds to the location of a name that may not stand in a table."""
_PLAIN = {
    "bool": "true or false",
    "string_type": "text in quotes",
    "string_too_short": "some text",
    "string_pattern_mismatch": "lower-case letters, digits and hyphens",
    "too_short": "at least one entry",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list",
    "model_type": "a section (table)",
    "dict_type": "a section (table)",
    "model_attributes_type": "a section (table)",
}


def as_problems(model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """The problems that pydantic found in a file of this model; those that are only counted are not worded."""
    errors = _without_echoes(error.errors(include_url=False))
    worded = [_as_problem(model, e) for e in errors[:MOST_PROBLEMS]]
    return worded + [Problem(".".join(map(str, e["loc"])), "wrong too", "") for e in errors[MOST_PROBLEMS:]]


def _without_echoes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """The errors but for lists that are called too short since each of their entries is wrong."""
    inner = {tuple(e["loc"][:-1]) for e in errors if e["loc"] and isinstance(e["loc"][-1], int)}
    return [e for e in errors if not (e["type"] == "too_short" and tuple(e["loc"]) in inner)]


def _as_problem(model: type[BaseModel], error: ErrorDetails) -> Problem:
    path = ".".join(str(p) for p in error["loc"] if p != _OF_KEY)
    context = error.get("ctx", {})
    if error["type"] == "megawatt":
        return Problem(path, context["found"], context["allowed"], context["hint"])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1])[:80], known, 1, 0.5)
        others = f" and {len(known) - _MOST_NAMED} others (`megawatt schema`)" if len(known) > _MOST_NAMED else ""
        allowed = f"one of {', '.join(known[:_MOST_NAMED])}{others}"
        return Problem(path, "unknown key", allowed, f"did you mean {near[0]}?" if near else "")
    if error["type"] == "missing":
        return Problem(path, "missing", _describe(model, error["loc"]))
    letters = _LETTERS.fullmatch(context.get("pattern", ""))
    if letters:
        return Problem(path, shown(error["input"]), f"these letters alone: {' '.join(letters[1])}")
    allowed = _PLAIN.get(error["type"], error["msg"].replace("Input should be", "").strip())
    return Problem(path, shown(error["input"]), allowed)


def _submodel(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation holds, in a union, a list or a table of named ones."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple, typing.Annotated, dict):
        found = (_submodel(a) for a in typing.get_args(annotation))
        return next((m for m in found if m is not None), None)
    return None


def _at(model: type[BaseModel], loc: Iterable[int | str]) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The section that a location leads to, and the field that it names last; None where it leads nowhere."""
    current: type[BaseModel] | None = model
    info: FieldInfo | None = None
    named = False
    for part in loc:
        if named or isinstance(part, int):
            named = False
            continue
        if current is None:
            return None, None
        info = current.model_fields.get(part)
        current = _submodel(info.annotation) if info else None
        named = info is not None and typing.get_origin(info.annotation) is dict
    return current, info


def _fields_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    section, _ = _at(model, loc)
    return sorted(section.model_fields) if section else []


def _describe(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    _, info = _at(model, loc)
    return (info.description if info and info.description else None) or f"a section [{'.'.join(map(str, loc))}]"
