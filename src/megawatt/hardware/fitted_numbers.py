"""Fitted kernel parameters from the catalogue: a chip's own, or those of its relatives by a stated rule."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Assumption, Entry
from megawatt.errors import CatalogueError
from megawatt.hardware.cores import relatives

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["REFERENCE_STACK", "STACK_PREFIX", "Fitted", "entry_key", "fitted", "stack_values"]

STACK_PREFIX: Final = "stack."
"""Facts that differ by software stack are named ``stack.<stack>.<parameter>``."""
REFERENCE_STACK: Final = "reference_stack"
_ROOM: Final = "hardware"

# Precisions whose kernels are alike, nearest first; then what is left.
_NEAR: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fp16": ("fp16", "bf16"),
        "bf16": ("bf16", "fp16"),
        "mxfp8": ("mxfp8", "fp8_block"),
        "int8": ("int8", "fp8"),
        "mxfp4": ("mxfp4", "nvfp4"),
    }
)
_FAR: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "mxfp8": ("fp8", "bf16"),
        "fp8_block": ("fp8", "bf16"),
        "fp8": ("fp8_block", "bf16"),
        "nvfp4": ("mxfp4", "fp8_block", "fp8", "bf16"),
        "mxfp4": ("fp8_block", "fp8", "bf16"),
        "int8": ("fp8_block", "bf16"),
        "fp16": (),
        "bf16": (),
    }
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Parameters of one family of kernels.

    Attributes
    ----------
    chip, precision, stack : str
        Whose they are: the chip asked for, or the relative that stands in.
    values : mapping of str to float
        Parameters by name; those of the stack override none of the shared ones.
    own : bool
        True if measured on the chip and precision asked for.
    assumptions : tuple of Assumption
        The facts behind them.
    """

    chip: str
    precision: str
    stack: str
    values: Mapping[str, float]
    own: bool
    assumptions: tuple[Assumption, ...] = ()

    @property
    def rests_on(self) -> str:
        """What stands behind the numbers: kernels measured on this chip or on a relative, or data sheets."""
        if not self.values.get("fit_rows"):
            return f"data sheet of {self.chip}"
        return "measured on this chip" if self.own else f"measured on {self.chip} in {self.precision}"


def entry_key(family: str, chip: str, precision: str) -> str:
    """Catalogue key of a family's parameters, e.g. ``kernel-gemm-b200-fp8-block``."""
    return f"kernel-{family}-{chip}-{precision}".replace("_", "-")


def _candidates(chips: tuple[str, ...], precision: str) -> Iterator[tuple[str, str]]:
    near = _NEAR.get(precision, (precision,))
    for names in (near, _FAR.get(precision, ("bf16",))):
        for chip in chips:
            for name in names:
                yield chip, name


def _version(stack: str) -> tuple[str, tuple[int, ...]]:
    library, _, version = stack.partition("_")
    return library, tuple(int(n) for n in re.findall(r"\d+", version))


def _nearest_stack(stack: str | None, known: Collection[str]) -> str | None:
    """The stack itself, or the nearest version of its library; None where there is none of it."""
    if stack is None:
        return None
    library, version = _version(stack)
    alike = sorted(s for s in known if _version(s)[0] == library)
    if not alike:
        return None

    def distance(other: str) -> tuple[int, ...]:
        pairs = itertools.zip_longest(version, _version(other)[1], fillvalue=0)
        return tuple(abs(a - b) for a, b in pairs)

    return min(alike, key=distance)


def stack_values(entry: Entry, stack: str) -> dict[str, float]:
    """Parameters of an entry for one stack, by name; those of the stack before the shared ones."""
    prefix = f"{STACK_PREFIX}{stack}."
    values = {}
    for name, fact in entry.facts.items():
        if isinstance(fact.value, str):
            continue
        if name.startswith(prefix):
            values[name.removeprefix(prefix)] = fact.value
        elif not name.startswith(STACK_PREFIX):
            values.setdefault(name, fact.value)
    return values


@resolved
def fitted(
    catalogue: Catalogue,
    family: str,
    chip: str,
    precision: str,
    stack: str | None = None,
    *,
    exclude: Collection[str] = (),
) -> Fitted:
    """Parameters of a family of kernels on a chip.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``kernel-<family>-<chip>-<precision>``.
    family : str
        ``gemm``, ``attention``, ``experts`` or ``links``.
    chip, precision : str
        Catalogue key of the accelerator; precision of the kernel.
    stack : str, optional
        Software stack; where it was not measured the nearest version of its library, else the entry's reference stack.
    exclude : collection of str
        Chips that count as not measured (leave one chip out).

    Raises
    ------
    CatalogueError
        If neither the chip nor a relative has parameters of this family.

    Notes
    -----
    Rule for a chip without measurements: the shares and per-operation energies of its nearest relative
    (``kernel-chip-<chip>.relatives``) over its own data sheet, cores and power cap.
    """
    chip = catalogue.get(chip, "accelerator").key
    chips = tuple(c for c in (chip, *relatives(catalogue, chip)) if c not in exclude)
    for source, name in _candidates(chips, precision):
        entry = catalogue.entries.get(entry_key(family, source, name))
        if entry is None:
            continue
        reference = str(entry.facts[REFERENCE_STACK].value)
        known = {field.split(".", 1)[1].rsplit(".", 1)[0] for field in entry.facts if field.startswith(STACK_PREFIX)}
        chosen = _nearest_stack(stack, known) or reference
        used = tuple(
            Assumption(f"{entry.key}.{field}", _ROOM, fact)
            for field, fact in entry.facts.items()
            if not isinstance(fact.value, str)
            and (not field.startswith(STACK_PREFIX) or field.startswith(f"{STACK_PREFIX}{chosen}."))
        )
        values = MappingProxyType(stack_values(entry, chosen))
        return Fitted(source, name, chosen, values, source == chip and name == precision, used)
    raise CatalogueError(
        f"catalogue: no {family} parameters of {chip} at {precision} or of its relatives "
        f"({', '.join(chips) or 'none'}); measure it with `megawatt calibrate run` "
        "and fit with `megawatt calibrate kernels FILE`"
    )
