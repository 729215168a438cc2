"""Which numbers of nested records a calculation reads: where none of them moved, neither did its result."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

__all__ = ["Path", "Tree", "reading", "tree", "unmoved"]

T = TypeVar("T")
Path = tuple[Any, ...]
"""Names of fields, keys and places from a record to a number within."""
Tree = dict[Any, Any]
"""What paths lead to by name, each again a tree."""
_NOTHING: Final = object()
"""What stands where a path does not lead."""
_NUMBER: Final = object()
"""Name in a tree where a path ends."""


def reading(record: T) -> tuple[T, set[Path]]:
    """A record that behaves as the one given, and the paths of all that is read of it: they fill in as it is used.

    Parameters
    ----------
    record : dataclass, or tuple or mapping of such
        Frozen; its fields may hold further ones. Anything else within counts as one number.
    """
    read: set[Path] = set()
    return _noted(record, (), read), read


def tree(read: Collection[Path]) -> Tree:
    """Paths as a tree of their names."""
    root: Tree = {}
    for path in read:
        here = root
        for name in path:
            here = here.setdefault(name, {})
        here[_NUMBER] = {}
    return root


def unmoved(before: object, after: object, read: Tree) -> bool:
    """Whether two records hold the same at all of some paths; what both hold as one object is not looked into."""
    return before is after or all(
        before == after if name is _NUMBER else unmoved(_of(before, name), _of(after, name), below)
        for name, below in read.items()
    )


def _of(record: Any, name: Any) -> Any:
    try:
        return getattr(record, name) if is_dataclass(record) else record[name]
    except (AttributeError, LookupError, TypeError):
        return _NOTHING


def _noted(value: Any, path: Path, read: set[Path]) -> Any:
    """The value, as a record that notes what is read of it where it is one; noted itself otherwise."""
    if isinstance(value, tuple) and any(map(is_dataclass, value)):
        return tuple(_noted(one, (*path, place), read) for place, one in enumerate(value))
    if isinstance(value, Mapping) and any(map(is_dataclass, value.values())):
        return {name: _noted(one, (*path, name), read) for name, one in value.items()}
    if not is_dataclass(value) or isinstance(value, type):
        read.add(path)
        return value
    record = object.__new__(_noting(type(value)))
    for field in fields(value):
        object.__setattr__(record, field.name, getattr(value, field.name))
    object.__setattr__(record, "noted_at", (path, read))
    return record


@functools.cache
def _noting(kind: Any) -> type[Any]:
    """The class of records that are of a class and note what is read of them; copies made of them do not."""
    names = frozenset(field.name for field in fields(kind))

    def read(self: Any, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name not in names:
            return value
        at: tuple[Path, set[Path]] | None = getattr(self, "noted_at", None)
        return value if at is None else _noted(value, (*at[0], name), at[1])

    noting: type[Any] = type(kind.__name__, (kind,), {"__slots__": ("noted_at",), "__getattribute__": read})
    return noting
