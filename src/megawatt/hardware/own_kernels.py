"""Measured kernels of the user's own (the folder that ``megawatt calibrate kernels`` writes) over the catalogue's."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from megawatt.catalogue.loader import data_hash, read_data
from megawatt.catalogue.records import Entry
from megawatt.errors import CatalogueError, Problem, ScenarioError, counted
from megawatt.files import is_folder
from megawatt.hardware.fitted_numbers import REFERENCE_STACK, STACK_PREFIX, entry_key, stack_values
from megawatt.hardware.kernels import (
    ATTENTION_SHARED,
    ATTENTION_STACK,
    EXPERTS_SHARED,
    EXPERTS_STACK,
    GEMM_SHARED,
    GEMM_STACK,
    LINK_PARAMETERS,
)

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["with_kernels"]

_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "gemm": (*GEMM_SHARED, *GEMM_STACK),
    "attention": (*ATTENTION_SHARED, *ATTENTION_STACK),
    "flash": (*ATTENTION_SHARED, *ATTENTION_STACK),
    "experts": (*EXPERTS_SHARED, *EXPERTS_STACK),
    "links": LINK_PARAMETERS,
}
_NEEDED: Final = "a folder that megawatt calibrate kernels wrote (kernel-gemm.csv, ...)"


def with_kernels(catalogue: Catalogue, folder: Path, *, name: str = "") -> Catalogue:
    """The catalogue with a user's measured kernels in the place of its own, for the chips and precisions in them.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the chips that were measured.
    folder : Path
        Tables ``kernel-*.csv`` in the catalogue's format, as ``megawatt calibrate kernels`` writes them.
    name : str
        What results call the folder: the source of its numbers; its path if not given.

    Raises
    ------
    ScenarioError
        If the folder is not such a folder, or an entry in it is of an unknown chip or lacks a number.
    """
    file = name or str(folder)
    if not is_folder(folder):
        raise ScenarioError(
            f"{file}: no such folder; needed: {_NEEDED}", [Problem("", "no such folder", _NEEDED)], file
        )
    try:
        raw = read_data(folder)
        digest = data_hash(folder)
    except CatalogueError as error:
        raise ScenarioError(f"{file}: {error}", [Problem("", str(error), _NEEDED)], file) from None
    entries = [_own(entry, file) for entry in raw.entries.values()]
    problems = [Problem(entry.key, *told) for entry in entries for told in _wrong(catalogue, entry)]
    if not entries:
        problems = [Problem("", "no table of kernels", _NEEDED)]
    if problems:
        raise ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, file)
    return catalogue.laid_over(entries, file, digest, f"measured kernels in {file}")


def _own(entry: Entry, file: str) -> Entry:
    """The entry with the folder as the source of its numbers; the source that it names stands in the note."""
    facts = {
        name: dataclasses.replace(fact, source=file, note=f"{fact.source}; {fact.note}".rstrip("; "))
        for name, fact in entry.facts.items()
    }
    return dataclasses.replace(entry, facts=facts)


def _wrong(catalogue: Catalogue, entry: Entry) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry: found, and allowed."""
    family = next((f for f in _PARAMETERS if entry.key.startswith(f"kernel-{f}-")), None)
    if family is None:
        yield "no kernels of a chip", f"kernel-<family>-<chip>-<precision>; families: {', '.join(_PARAMETERS)}"
        return
    chips = [c for c in catalogue.keys("accelerator") if entry.key.startswith(f"{entry_key(family, c, '')}")]
    if not chips:
        yield "a chip that is not known", "a chip of the catalogue or of the machine file"
    elif family != "links" and not {"architecture", "cores"} <= catalogue.get(f"kernel-chip-{chips[0]}").facts.keys():
        needed = "chip.architecture and chip.cores, or chip.like, in its machine file"
        yield "a chip without architecture and cores", needed
    if REFERENCE_STACK not in entry.facts:
        yield f"no {REFERENCE_STACK}", "the stack whose numbers count where none is asked for"
        return
    stacks = {str(entry.facts[REFERENCE_STACK].value)}
    stacks |= {f.removeprefix(STACK_PREFIX).rpartition(".")[0] for f in entry.facts if f.startswith(STACK_PREFIX)}
    for stack in sorted(stacks):
        values = stack_values(entry, stack)
        lacking = [name for name in _PARAMETERS[family] if name not in values]
        if lacking:
            yield f"stack {stack} lacks {', '.join(lacking)}", f"all of {', '.join(_PARAMETERS[family])}"
        bad = [f"{n} = {values[n]:g}" for n in _PARAMETERS[family] if not 0.0 <= values.get(n, 0.0) < math.inf]
        if bad:
            yield ", ".join(bad), "finite numbers of 0 or more"
