"""Results of links with what each was made from: a link whose inputs are the same is not made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple, cast

from pydantic import BaseModel

from megawatt.catalogue import Catalogue
from megawatt.catalogue.reads import FactsRead, recording, still_hold

__all__ = ["Made", "Memo"]

T = TypeVar("T")
Inputs = TypeVarTuple("Inputs")

_BY_VALUE: Final = (bool, int, float, str, Path, BaseModel, type(None))
"""Inputs that are compared by value, tuples of them too; anything else is another input unless the same object."""


@dataclass(frozen=True, slots=True)
class Made:
    """A link's result, the inputs that it was called with, and the facts that it read."""

    result: Any
    inputs: tuple[Any, ...]
    read: FactsRead


@dataclass(frozen=True, slots=True)
class Memo:
    """Makes links, or takes them from an earlier chain where everything they were made from is the same.

    A link is a function of the catalogue and of the inputs that it is called with: scenario numbers, and results of
    links before it. What it reads of the catalogue is recorded while it runs, so that no list says what depends on
    what.

    Attributes
    ----------
    catalogue : Catalogue
        Facts of this chain.
    before : mapping of str to Made
        Links of the earlier chain, by name.
    made : dict of str to Made
        Links of this one.
    """

    catalogue: Catalogue
    before: Mapping[str, Made] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)

    def __call__(self, name: str, link: Callable[[Catalogue, *Inputs], T], *inputs: *Inputs) -> T:
        """The result of ``link(catalogue, *inputs)``, earlier or new."""
        made = self.before.get(name)
        if made is None or not (_same(made.inputs, inputs) and still_hold(self.catalogue, made.read)):
            view, read = recording(self.catalogue)
            made = Made(link(view, *inputs), inputs, read)
        self.made[name] = made
        return cast("T", made.result)


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    return before is after or (isinstance(before, _BY_VALUE) and before == after)
