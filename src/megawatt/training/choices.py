"""Choices of a layout as people write them: ``tp=8,pp=4,schedule=zb-h1,hsdp=8x4``, and a layout in such words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from megawatt.errors import ScenarioError, shown
from megawatt.training.features import MODULES
from megawatt.training.layouts import LIMITS
from megawatt.training.recompute import module_bits
from megawatt.training.records import Layouts
from megawatt.training.schedules import CODES, SCHEDULES

__all__ = [
    "CHOICES",
    "CONTEXT_EXCHANGES",
    "RECOMPUTE",
    "choices_of",
    "is_short",
    "parse_choices",
    "parse_schedules",
    "sharded",
    "worded",
]

RECOMPUTE: Final = ("none", "selective", "full")
_SWITCH: Final = {"off": 0, "on": 1, "no": 0, "yes": 1, "false": 0, "true": 1}
CONTEXT_EXCHANGES: Final = {"ring": 0, "p2p": 0, "a2a": 1, "ulysses": 1}
"""How context parallelism exchanges, by its words: round the ring, or heads for tokens."""
_WORDS: Final[Mapping[str, Mapping[str, int]]] = {
    "recompute": {name: place for place, name in enumerate(RECOMPUTE)} | {"no": 0},
    "sequence_parallel": _SWITCH,
    "schedule": CODES | {"interleaved": CODES["1f1b"]},
    "cp_exchange": CONTEXT_EXCHANGES,
}
"""Words of the fields that have some."""
_ALIASES: Final[Mapping[str, str]] = {
    "mb": "micro_batch",
    "sp": "sequence_parallel",
    "cp_comm": "cp_exchange",
    "cp_comm_type": "cp_exchange",
    "first": "first_layers",
    "last": "last_layers",
}
_SHARDING: Final = ("fsdp", "hsdp", "dp_shard", "dp_replicate")
_FIELDS: Final = tuple(name for name in LIMITS if name != "modules")
CHOICES: Final = (
    "tp, pp, vpp, cp, ep, etp, dp, micro_batch (mb), zero, fsdp=N, hsdp=SHARDxREPLICAS, dp_shard, dp_replicate, "
    "recompute=none|selective|full, modules (moe_act+layernorm) or operators (op), repeated_layers, "
    "sequence_parallel=on|off (sp), "
    f"schedule={'|'.join(SCHEDULES)}, cp_comm=ring|a2a, first_layers, last_layers"
)
"""What can be chosen, for help and messages."""
_HYBRID: Final = re.compile(r"([0-9]{1,8})(?:x([0-9]{1,8}))?")
_SHORT: Final = re.compile(
    r"(?P<name>tp|pp|dp|cp|ep|etp|mb|z|first|last)(?P<number>[0-9]{1,9})(?:[x/](?P<of>[0-9]{1,9}))?"
)
"""Words of a table of layouts (`megawatt.training.explain.short_layout`) that have numbers."""
_SHORT_PAIRS: Final = {"pp": "vpp", "z": "zero_group"}
"""What the second number of such a word is."""
_SHORT_WORDS: Final = {"full": "recompute=full", "selective": "recompute=selective", "a2a": "cp_comm=a2a"} | {
    "no-sp": "sp=off",
    **{name: f"schedule={name}" for name in SCHEDULES},
}
"""Words of a table of layouts without a number."""
_DIGITS: Final = 9
"""Longest number of a choice."""


def parse_choices(text: str) -> dict[str, int]:
    """``tp=8,pp=16,recompute=full,fsdp=64`` as numbers by field of `Layouts`.

    ``fsdp`` and ``hsdp`` are ZeRO 3: weights sharded over all replicas, or over SHARD of them in REPLICAS copies;
    ``dp_shard`` and ``dp_replicate`` say the same in two words. The words of a table of layouts (`is_short`) will do.

    Raises
    ------
    ScenarioError
        If a field or a value is unknown.
    """
    values: dict[str, int] = {}
    sharding: dict[str, str] = {}
    text = re.sub(r"\s*=\s*", "=", text)
    for part in filter(None, (p.strip() for p in (_from_short(text) or text).split(","))):
        name, _, value = (word.strip().lower() for word in part.partition("="))
        name = name.replace("-", "_")
        name = _ALIASES.get(name, name)
        if name in values or name in sharding:
            raise ScenarioError(f"--layout {shown(text)}: {name} is said twice; allowed: once")
        if name in _SHARDING:
            sharding[name] = value
        elif name == "recompute" and _modules(value):
            values |= {"recompute": RECOMPUTE.index("selective"), "modules": _modules(value)}
        elif name in _FIELDS:
            values[name] = _value(name, value, part)
        else:
            raise ScenarioError(f"--layout {shown(part)}: no such choice; allowed: {CHOICES}")
    return values | _replicas(sharding, values) if sharding else values


def _modules(text: str) -> int:
    """Modules with plus signs between them as the bits of `Layouts.modules`; 0 where a word is none."""
    names = ["operators" if name == "op" else name for name in text.split("+")]
    return module_bits(names) if set(names) <= set(MODULES) else 0


def is_short(text: str) -> bool:
    """Whether a layout is in the words of a table of layouts: ``tp8 pp16x8 dp64 mb1 z1 full``."""
    return bool(_from_short(text))


def _from_short(text: str) -> str:
    """The words of a table of layouts, and choices beside them, as choices; empty where a word is neither."""
    choices = []
    for word in text.lower().replace(",", " ").split():
        found = _SHORT.fullmatch(word)
        if "=" in word:
            choices.append(word)
        elif word in _SHORT_WORDS:
            choices.append(_SHORT_WORDS[word])
        elif _modules(word):
            choices.append(f"recompute={word}")
        elif found is None or (found["of"] and found["name"] not in _SHORT_PAIRS):
            return ""
        else:
            choices.append(f"{'zero' if found['name'] == 'z' else found['name']}={found['number']}")
            if found["of"]:
                choices.append(f"{_SHORT_PAIRS[found['name']]}={found['of']}")
    return ",".join(choices)


def worded(name: str, value: int) -> int | str:
    """The word for a value of a field that has words (``recompute``, ``sequence_parallel``), else the value."""
    return next((word for word, code in _WORDS.get(name, {}).items() if code == value), value)


def parse_schedules(text: str) -> tuple[str, ...]:
    """Names of pipeline schedules with commas between; ``any``: all of them. Empty where nothing is said."""
    names = tuple(word.strip().lower() for word in text.split(",") if word.strip())
    return SCHEDULES if names == ("any",) else tuple("1f1b" if name == "interleaved" else name for name in names)


def _value(name: str, word: str, part: str) -> int:
    """The number of a word, within the limits of its field."""
    words = _WORDS.get(name, {})
    low, high = LIMITS[name]
    number = words.get(word, int(word) if word.isascii() and word.isdigit() and len(word) <= _DIGITS else -1)
    # Schedules have names, not numbers.
    if (name == "schedule" and word not in words) or not low <= number <= high:
        allowed = (
            ", ".join(words)
            if words
            else f"a whole number, {low} to {high:,}"
            if high < 10
            else f"a whole number, {low} or more"
        )
        if name == "recompute":
            allowed += f", or modules with + between: {', '.join(MODULES)} (op)"
        raise ScenarioError(f"--layout {shown(part)}: allowed: {allowed}")
    return number


def _replicas(sharding: Mapping[str, str], values: Mapping[str, int]) -> dict[str, int]:
    """ZeRO 3 from the words of sharded data parallelism."""
    degrees: dict[str, int] = {}
    for name, word in sharding.items():
        found = _HYBRID.fullmatch(word)
        numbers = [int(n) for n in found.groups() if n] if found else []
        if not numbers or min(numbers) < 1 or (len(numbers) > 1 and name != "hsdp"):
            form = "SHARDxREPLICAS, such as 8x4" if name == "hsdp" else "a whole number, 1 or more"
            raise ScenarioError(f"--layout {shown(f'{name}={word}')}: allowed: {form}")
        if name == "fsdp":
            degrees |= {"shard": numbers[0], "copies": 1}
        elif name == "hsdp":
            degrees |= dict(zip(("shard", "copies"), numbers, strict=False))
        else:
            degrees["shard" if name == "dp_shard" else "copies"] = numbers[0]
    return sharded(degrees.get("shard"), degrees.get("copies"), values)


def sharded(shard: int | None, copies: int | None, values: Mapping[str, int]) -> dict[str, int]:
    """Replicas, ZeRO stage and sharding group of weights sharded over so many replicas, in so many copies.

    Parameters
    ----------
    shard, copies : int, optional
        Degrees; None where one is not known.
    values : mapping of str to int
        Other choices: ``cp``, whose ranks shard too, and ``dp`` or ``zero``, which must not disagree.

    Raises
    ------
    ScenarioError
        If they disagree.
    """
    found: dict[str, int] = {}
    if shard is not None and copies is not None:
        found["dp"] = shard * copies
    if shard is not None and copies != 1:
        found["zero_group"] = shard * values.get("cp", 1)
    if shard != 1:
        found["zero"] = 3
    else:
        found.pop("zero_group", None)
    for name in ("dp", "zero"):
        if name in found and values.get(name, found[name]) != found[name]:
            raise ScenarioError(f"--layout: {name} = {values[name]} beside sharding that makes it {found[name]}")
    return found


def choices_of(layouts: Layouts, index: int = 0) -> dict[str, int]:
    """Values by field of one layout."""
    return {name: int(getattr(layouts, name)[index]) for name in LIMITS}
