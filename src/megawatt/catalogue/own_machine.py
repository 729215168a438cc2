"""A machine of the user's own, laid over the catalogue: the same entries and facts, whose source is the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from megawatt.catalogue.anchor_rows import with_row
from megawatt.catalogue.machine_file import Anchor, Chip, MachineFile
from megawatt.catalogue.own_network import USUAL, Network, Sheet, times
from megawatt.catalogue.records import Entry, Fact
from megawatt.catalogue.section import as_problems
from megawatt.catalogue.store import Catalogue
from megawatt.errors import CatalogueError, Problem, ScenarioError, counted, shown
from megawatt.files import read_toml

__all__ = ["OwnMachine", "is_machine_file", "read_machine"]

_ALONE: Final = "none"
"""``chip.like`` of a chip that rests on its data sheet alone."""
_DATA_SHEET_LINKS: Final = "kernel-links-trn2-bf16"
"""Collectives by assumption, for a chip of which no relative was measured."""
_TILES: Final = "kernel-tiles-"
_SCALED: Final = ("overhead_w_per_chip", "provisioned_w_per_chip")
_ACHIEVED: Final = ("gemm_achieved_", "hbm_achieved_")
"""Measured rates are looked up at the chip that they were measured on, as shares of its own peak."""


@dataclass(frozen=True, slots=True)
class OwnMachine:
    """A machine file as it was understood.

    Attributes
    ----------
    key : str
        Of the machine, in ``catalogue``.
    catalogue : Catalogue
        The catalogue with the machine in it.
    anchor : Anchor, optional
        The measured run that its kernels are yet to be scaled by.
    file : str
        Source of its facts.
    folder : Path
        Where its relative paths start.
    """

    key: str
    catalogue: Catalogue
    anchor: Anchor | None
    file: str
    folder: Path


_WHAT: Final = "a machine file (TOML); megawatt init --machine writes an example"


def is_machine_file(name: str) -> bool:
    """Whether a word is the path of a machine file, not a key of the catalogue."""
    return name.lower().endswith(".toml") or "/" in name or "\\" in name


def read_machine(path: Path, catalogue: Catalogue, *, name: str = "") -> OwnMachine:
    """Read a machine file.

    Parameters
    ----------
    path : Path
        TOML; `MachineFile` says what may stand in it.
    catalogue : Catalogue
        What ``like`` refers to.
    name : str
        What results call the file; its path if not given.

    Raises
    ------
    ScenarioError
        With every problem of the file.
    """
    file = name or str(path)
    try:
        raw, digest = read_toml(path, _WHAT, ("machine",))
    except ScenarioError as error:
        raise ScenarioError(str(error), error.problems, file) from None
    if catalogue.files.get(file) == digest and isinstance(raw.get("name"), str):
        return OwnMachine(raw["name"], catalogue, None, file, path.parent)
    anchor = raw.get("anchor")
    if isinstance(anchor, dict) and ("runs" in anchor or "row" in anchor):
        try:
            raw["anchor"] = with_row(anchor, path.parent)
        except ScenarioError as error:
            raise ScenarioError(f"{file}: {error}", error.problems, file) from None
    try:
        spec = MachineFile.model_validate(raw, context={"catalogue": catalogue, "source": file})
    except ValidationError as error:
        raise _refused(file, as_problems(MachineFile, error)) from None
    try:
        entries = _Builder(spec, catalogue, file).entries()
        over = catalogue.laid_over(entries, file, digest, f"machine file {spec.name}")
        over.system(spec.name)
    except CatalogueError as error:
        raise _refused(file, [Problem("", str(error), "a machine with all its numbers")]) from None
    return OwnMachine(spec.name, over, spec.anchor, file, path.parent)


def _refused(file: str, problems: list[Problem]) -> ScenarioError:
    return ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, file)


class _Builder:
    """Entries of one machine file."""

    def __init__(self, spec: MachineFile, catalogue: Catalogue, file: str) -> None:
        self.spec, self.catalogue, self.sheet = spec, catalogue, Sheet(catalogue, file)
        self.chip = spec.chip or Chip.model_validate({})
        self.like: Entry | None = None
        self.chip_like: Entry | None = None

    def entries(self) -> list[Entry]:
        """Chip (where it is its own), its cores and links, and the system; every problem in one error."""
        self._check_names()
        self.chip_like, self.like = self._chip_like(), None
        self.like = self._system_like()
        if self.like is not None and self.chip_like is None and self.chip.like is None:
            self.chip_like = self.catalogue.get(str(self.like.facts["accelerator"].value), "accelerator")
        own = self.spec.chip is not None or self.spec.anchor is not None
        alike = self.chip_like.facts if self.chip_like else {}
        if self.sheet.problems and self.chip_like is None and self.chip.like not in (None, _ALONE):
            raise _refused(self.sheet.file, self.sheet.problems)  # what else is lacking follows from its like
        chip_facts = self._chip_facts() if own else dict(alike)
        if not own and self.chip_like is None:
            self.sheet.lacks("chip", "a section [chip], or like = a machine of the catalogue")
        system_facts = self._system_facts(chip_facts)
        if self.sheet.problems:
            raise _refused(self.sheet.file, self.sheet.problems)
        key = self._chip_key() if own else str(self.chip_like.key if self.chip_like else "")
        system_facts["accelerator"] = self.sheet.word(key)
        title = self.spec.title or self.spec.name
        system = Entry(self.spec.name, "system", title, system_facts)
        if not own:
            return [system]
        chip_facts |= {"scaleup_link_bytes_per_s": system_facts["level1_link_bytes_per_s"]}
        chip = Entry(key, "accelerator", self.chip.title or f"chip of {title}", chip_facts)
        return [system, chip, *self._kernels(key)]

    # what is alike

    def _check_names(self) -> None:
        tiles = [k.removeprefix(_TILES) for k in self.catalogue.keys("kernel") if k.startswith(_TILES)]
        name = self.chip.architecture
        if name is not None and name not in tiles:
            near = ", ".join(get_close_matches(name[:80], tiles, 3))
            hint = f"nearest: {near}" if near else ""
            self.sheet.problems.append(Problem("chip.architecture", shown(name), f"one of {', '.join(tiles)}", hint))
        for path, key in (("name", self.spec.name), ("chip.name", self._chip_key())):
            if key in self.catalogue.entries or key in self.catalogue.aliases:
                entry = self.catalogue.get(key)
                files = {fact.source for fact in entry.facts.values()} & self.catalogue.files.keys()
                found = f"{key!r} is in {min(files, default='the catalogue')} already"
                self.sheet.problems.append(Problem(path, found, "a name of your own", f"my-{key}"))

    def _chip_key(self) -> str:
        return self.chip.name or f"{self.spec.name}-chip"

    def _chip_like(self) -> Entry | None:
        name = self.chip.like
        if name is None or name == _ALONE:
            return None
        try:
            return self.catalogue.get(name, "accelerator")
        except CatalogueError as error:
            hint = str(error).rpartition("; ")[2]
            self.sheet.problems.append(
                Problem("chip.like", shown(name), f"a chip of the catalogue, or '{_ALONE}'", hint)
            )
            return None

    def _system_like(self) -> Entry | None:
        """The machine that is alike: as named, or the only one of the chip that is alike."""
        if self.spec.like is not None:
            return self.catalogue.get(self.spec.like, "system")
        if self.chip_like is None or self.spec.links:
            return None
        of = self.catalogue.systems_of(self.chip_like.key)
        if len(of) == 1:
            return self.catalogue.get(of[0])
        self.sheet.lacks("like", f"a machine of the catalogue ({', '.join(of) or 'none has this chip'}), or [links.*]")
        return None

    # facts

    def _chip_facts(self) -> dict[str, Fact]:
        base = self.chip_like.facts if self.chip_like else {}
        facts = {name: fact for name, fact in base.items() if not name.startswith(_ACHIEVED)}
        peaks = {f"peak_{p}_flops_per_s": self.sheet.own(f, "1/s") for p, f in self.chip.peak_flops_per_s.items()}
        facts |= peaks | self.sheet.given(self.chip, ("hbm_bytes", "hbm_bytes_per_s", "power_cap_w", "power_idle_w"))
        if not {"peak_bf16_flops_per_s", "peak_fp16_flops_per_s"} & facts.keys():
            self.sheet.lacks("chip.peak_flops_per_s", "a dense rate for bf16 or fp16, e.g. bf16 = '400 TFLOP/s'")
        for name in ("hbm_bytes", "hbm_bytes_per_s", "power_cap_w"):
            if name not in facts:
                self.sheet.lacks(f"chip.{name}", str(Chip.model_fields[name].description))
        if "power_idle_w" not in facts and "power_cap_w" in facts:
            facts["power_idle_w"] = self._by_cap("power_idle_w", facts["power_cap_w"])
        facts |= self._achieved(facts)
        if {"power_cap_w", "power_idle_w"} <= facts.keys():
            idle, cap = facts["power_idle_w"].number(), facts["power_cap_w"].number()
            if idle >= cap:
                self.sheet.problems.append(
                    Problem("chip.power_idle_w", f"{idle:g} W", f"below power_cap_w = {cap:g} W")
                )
        family = self.chip.family or self._family()
        facts["family"] = self.sheet.word(family)
        if self.chip_like is not None:
            facts["like"] = self.sheet.word(self.chip_like.key)
        return facts

    def _family(self) -> str:
        return self.catalogue.accelerator(self.chip_like.key).family if self.chip_like else "gpu"

    def _achieved(self, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        """Measured shares of the data sheet, as the rates that the catalogue keeps."""
        found: dict[str, Fact] = {}
        shares = [
            (f"gemm_achieved_{p}_flops_per_s", f"peak_{p}_flops_per_s", f)
            for p, f in self.chip.gemm_achieved_frac.items()
        ]
        if self.chip.hbm_achieved_frac is not None:
            shares.append(("hbm_achieved_bytes_per_s", "hbm_bytes_per_s", self.chip.hbm_achieved_frac))
        for name, of, share in shares:
            if of in facts:
                listed = facts[of]
                found[name] = times(self.sheet.own(share, listed.unit), listed.number())
            else:
                self.sheet.lacks(f"chip.{of}", f"the data sheet's rate beside {name.rsplit('_', 3)[0]}_frac")
        return found

    def _by_cap(self, name: str, cap: Fact) -> Fact:
        """A power that the file does not give: that of the machine that is alike, or of the usual node, by the cap."""
        system = self.catalogue.system(self.like.key if self.like else USUAL)
        chip = self.chip_like.key if self.chip_like else system.accelerator.key
        base = self.catalogue.accelerator(chip if self.like else system.accelerator.key)
        fact = self.catalogue.fact(base.key if name == "power_idle_w" else system.key, name)
        factor = cap.number() / base.power_cap_w
        if self.like is not None and factor == 1.0:
            return fact
        note = f"not in {self.sheet.file}: that of {system.key}, by the power cap"
        return dataclasses.replace(times(fact, factor), kind="assumed", note=note)

    def _system_facts(self, chip: Mapping[str, Fact]) -> dict[str, Fact]:
        base = dict(self.like.facts) if self.like else {}
        facts = {name: fact for name, fact in base.items() if not name.startswith("level")}
        names = ("chips", *_SCALED, "liquid_share", "coolant_supply_max_c")
        facts |= self.sheet.given(self.spec, names)
        if "chips" not in facts:
            self.sheet.lacks("chips", str(MachineFile.model_fields["chips"].description))
        for name in _SCALED:
            if getattr(self.spec, name) is None and "power_cap_w" in chip:
                facts[name] = self._by_cap(name, chip["power_cap_w"])
        for name in ("liquid_share", "coolant_supply_max_c"):
            if name not in facts:
                usual = self.catalogue.fact(USUAL, name)
                facts[name] = dataclasses.replace(usual, kind="assumed", note=f"not in {self.sheet.file}: as {USUAL}")
        return facts | Network(self.sheet, self.spec.links, base).facts()

    # kernels

    def _kernels(self, key: str) -> Iterator[Entry]:
        """Cores and relatives as of the chip that is alike; without one, collectives by assumption."""
        own = self.sheet.given(self.chip, ("cores",))
        if self.chip.architecture is not None:
            own["architecture"] = self.sheet.word(self.chip.architecture)
        if self.chip_like is not None:
            cores = self.catalogue.entries.get(f"kernel-chip-{self.chip_like.key}")
            if cores is not None:
                nearer = str(cores.facts["relatives"].value) if "relatives" in cores.facts else ""
                own["relatives"] = self.sheet.word(f"{self.chip_like.key} {nearer}".strip())
                yield Entry(f"kernel-chip-{key}", cores.family, f"Cores of {key}", {**cores.facts, **own})
            return
        yield Entry(f"kernel-chip-{key}", "kernel", f"Cores of {key}", own | {"relatives": self.sheet.word("")})
        links = self.catalogue.get(_DATA_SHEET_LINKS)
        yield Entry(f"kernel-links-{key}-bf16", "kernel", f"Collectives of {key}, assumed", links.facts)
