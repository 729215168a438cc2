"""Results of functions of the catalogue with what each was made from: what rests on the same is not made again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, TypeVarTuple, cast

from pydantic import BaseModel

from megawatt.catalogue.reads import FactsRead, recording, still_hold

if TYPE_CHECKING:
    from megawatt.catalogue.store import Catalogue

__all__ = ["Made", "Memo", "resolved"]

T = TypeVar("T")
P = ParamSpec("P")
Inputs = TypeVarTuple("Inputs")

_BY_VALUE: Final = (bool, int, float, str, Path, BaseModel, type(None))
"""Inputs that are compared by value, tuples of them too; anything else is another input unless the same object."""


@dataclass(frozen=True, slots=True)
class Made:
    """A result, the inputs that it was made with, and the facts that it read."""

    result: Any
    inputs: tuple[Any, ...]
    read: FactsRead


@dataclass(frozen=True, slots=True)
class Memo:
    """Makes results, or takes them from an earlier memo where everything they were made from is the same.

    A result is a function of the catalogue and of other inputs: scenario numbers, and results made before it. What it
    reads of the catalogue is recorded while it is made, so that no list says what depends on what. What `resolved`
    functions make on the way is kept too: a result that has to be made again makes only those parts anew that moved.

    Attributes
    ----------
    catalogue : Catalogue
        Facts to make results with.
    before : mapping of str to tuple of Made
        Results of an earlier memo whose catalogue had the same entries, by name.
    made : dict of str to tuple of Made
        Results of this one.
    """

    catalogue: Catalogue
    before: Mapping[str, tuple[Made, ...]] = field(default_factory=dict)
    made: dict[str, tuple[Made, ...]] = field(default_factory=dict)

    def __call__(self, name: str, function: Callable[[Catalogue, *Inputs], T], *inputs: *Inputs) -> T:
        """The result of ``function(catalogue, *inputs)``, earlier or new."""
        return self.at(self.catalogue, name, function, *inputs)

    def at(self, facts: Catalogue, name: str, function: Callable[[Catalogue, *Inputs], T], *inputs: *Inputs) -> T:
        """The same with facts that others watch: they see what it was made from, also where it was made before."""
        for results, here in ((self.made, True), (self.before, False)):
            for known in results.get(name, ()):
                if _same(known.inputs, inputs) and still_hold(facts, known.read):
                    return cast("T", (known if here else self._keep(name, known)).result)
        view, read = recording(facts, self)
        return cast("T", self._keep(name, Made(function(view, *inputs), inputs, read)).result)

    def _keep(self, name: str, made: Made) -> Made:
        self.made[name] = (*self.made.get(name, ()), made)
        return made


def resolved(function: Callable[Concatenate[Catalogue, P], T]) -> Callable[Concatenate[Catalogue, P], T]:
    """Mark a function of the catalogue whose result a `Memo` keeps while it makes what calls it.

    It has to rest on the facts that it reads and on its other inputs alone.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def found(catalogue: Catalogue, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if catalogue.memo is None:
            return function(catalogue, *args, **kwargs)
        inputs = (*args, *sorted(kwargs.items()))
        return catalogue.memo.at(catalogue, name, lambda view, *_: function(view, *args, **kwargs), *inputs)

    return found


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    return before is after or (isinstance(before, _BY_VALUE) and before == after)
