"""What every section of a scenario file shares: frozen, no unknown keys, months, refusals."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from megawatt.scenario.quantity import quantity

__all__ = ["Month", "Section", "ratio", "refusal"]


def _month(raw: Any) -> str:
    if isinstance(raw, str) and re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", raw):
        return raw
    raise refusal(repr(raw), 'a month as "YYYY-MM", 2000 to 2099')


Month = Annotated[str, BeforeValidator(_month)]
ratio = quantity(ge=0, le=1)
"""A number from 0 to 1, with its source."""


class Section(BaseModel):
    """A section of the scenario: unknown keys are errors, the result is frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def refusal(found: str, allowed: str, hint: str = "") -> PydanticCustomError:
    """The error of a value that cannot be: what was found, what is allowed, what to try."""
    return PydanticCustomError("megawatt", "{found}", {"found": found, "allowed": allowed, "hint": hint})
