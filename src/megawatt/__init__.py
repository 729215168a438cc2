"""What is a megawatt of AI compute worth, put to its best use, and does its owner survive a slump?

`import megawatt as mw` has a function for each question (docs/python.md); none of them is imported before it is asked
for. The rooms follow the chain; a room imports only from rooms before it (docs/design.md).
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

TYPE_CHECKING = False  # as of typing, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

    from megawatt.api import (
        Loan,
        MegawattError,
        Site,
        best,
        cases,
        cash,
        catalogue,
        company,
        compare,
        contagion,
        convert,
        dispatch,
        explain,
        hall,
        load,
        miners,
        model,
        plan,
        prices,
        report,
        risk,
        save,
        serve,
        sweep,
        system,
        tariff,
        timeline,
        train,
        validate,
        weather,
        workbook,
    )

__all__ = [
    "Loan",
    "MegawattError",
    "Site",
    "best",
    "cases",
    "cash",
    "catalogue",
    "company",
    "compare",
    "contagion",
    "convert",
    "dispatch",
    "explain",
    "hall",
    "load",
    "miners",
    "model",
    "plan",
    "prices",
    "report",
    "risk",
    "save",
    "serve",
    "sweep",
    "system",
    "tariff",
    "timeline",
    "train",
    "validate",
    "weather",
    "workbook",
]
__version__ = "0.1.0"

_ROOMS = ("cases", "catalogue", "company", "contagion", "dispatch", "report", "risk", "tariff")
"""Questions that a room has the name of."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'megawatt' has no attribute {name!r}")
    if name in _ROOMS:
        return importlib.import_module(f"megawatt.{name}")
    return getattr(importlib.import_module("megawatt.api"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Room(ModuleType):
    """A room that is also a question: `megawatt.dispatch` holds its functions, `megawatt.dispatch(...)` asks it."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module("megawatt.api"), name)(*arguments, **named)


class _Package(ModuleType):
    """The package, whose rooms of a question's name can be called once they are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in _ROOMS:
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
