"""What people count: chips, cores of a chip, whole machines; and what to say where one is taken for another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from megawatt.catalogue.records import System
from megawatt.errors import counted

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["core_hint", "cores_per_chip", "purpose_note", "unit_note"]

_PAIRED: Final = ("trn2", "trn3")
"""Chips whose software joins two physical cores into one logical core by default (AWS Neuron documentation, logical
NeuronCore configuration)."""

_NEAR: Final = 16
"""Machines more or fewer that are looked at for a whole number with a layout."""


def cores_per_chip(catalogue: Catalogue, chip: str) -> tuple[int, ...]:
    """Cores of a chip that launchers count as devices, physical and logical; none on GPUs, whose device is the chip."""
    entry = catalogue.get(chip, "accelerator")
    if catalogue.accelerator(chip).family == "gpu" or "cores" not in entry.facts:
        return ()
    cores = int(entry.facts["cores"].number())
    counts = (cores, cores // 2) if chip in _PAIRED else (cores,)
    return tuple(n for n in counts if n > 1)


def core_hint(choices: Mapping[str, int], chips: int, cores: Sequence[int]) -> str:
    """What to write where degrees seem to count cores; empty where they do not.

    Parameters
    ----------
    choices : mapping of str to int
        Degrees by field.
    chips : int
        Chips that they should make up.
    cores : sequence of int
        From `cores_per_chip`.
    """
    product = math.prod(choices.get(name, 1) for name in ("tp", "pp", "cp", "dp"))
    counts = [n for n in cores if product % n == 0 and chips % (product // n) == 0 and chips % product]
    # The count that uses up the chips is the likely one.
    for count in sorted(counts, key=lambda n: product // n != chips):
        whole = next((name for name in ("tp", "dp", "cp") if choices.get(name, 1) % count == 0), None)
        if whole is not None:
            value = choices[whole]
            said = f"{whole}={value} cores are {value // count} chips of {count} cores"
            return f"degrees count chips: {said}, {whole}={value // count}"
    return ""


def unit_note(system: System, chips: int, divides: Callable[[int], bool] = lambda count: True) -> str:
    """A sentence where chips are no whole number of a machine, nor an even part of one; empty otherwise.

    Parameters
    ----------
    divides : callable
        Whether a number of chips has a layout: the whole numbers that are named do.
    """
    unit = system.chips
    if chips % unit == 0 or (chips < unit and unit % chips == 0):
        return ""
    idle, whole = -chips % unit, -(-chips // unit)
    sides = (range(whole - 1, max(whole - 1 - _NEAR, 0), -1), range(whole, whole + _NEAR))
    near = [next((n * unit for n in side if divides(n * unit)), 0) for side in sides]
    named = "; whole: " + " or ".join(f"{n:,}" for n in near if n) if any(near) else ""
    return (
        f"{chips:,} chips are no whole number of {system.key} ({unit:,} chips each): of {whole:,} of them "
        f"{counted(idle, 'chip')} {'stands' if idle == 1 else 'stand'} idle, and no cost or power here counts "
        f"those{named}."
    )


def purpose_note(system: System) -> str:
    """A sentence where the chip is made for something else than training; empty otherwise."""
    chip = system.accelerator
    if chip.purpose in ("", "training"):
        return ""
    return (
        f"{chip.key} is sold for {chip.purpose}: no maker's software trains on it, and nobody has published a training "
        "run; its training is costed as if its relatives' software ran on it."
    )
