"""What every section of a scenario file shares: frozen, no unknown keys, months, refusals."""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from megawatt.errors import shown
from megawatt.scenario.quantity import is_number, quantity

__all__ = ["Month", "Section", "ratio", "refusal"]


def _month(raw: Any) -> str:
    if isinstance(raw, str) and re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", raw):
        return raw
    raise refusal(shown(raw), 'a month as "YYYY-MM", 2000 to 2099')


Month = Annotated[str, BeforeValidator(_month)]
ratio = quantity(ge=0, le=1)
"""A number from 0 to 1, with its source."""


class Section(BaseModel):
    """A section of the scenario: unknown keys are errors, the result is frozen."""

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


def refusal(found: str, allowed: str, hint: str = "") -> PydanticCustomError:
    """The error of a value that cannot be: what was found, what is allowed, what to try."""
    return PydanticCustomError("megawatt", "{found}", {"found": found, "allowed": allowed, "hint": hint})
