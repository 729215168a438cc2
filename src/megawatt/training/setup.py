"""How a run is set up, as `megawatt.run_options` lists it: read, checked, and handed to a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.records import System
from megawatt.errors import MegawattError, Problem, ScenarioError, shown
from megawatt.run_options import MOST_RANK, RUN_OPTIONS
from megawatt.training.choices import parse_choices, parse_schedules
from megawatt.training.features import Features, read_features
from megawatt.training.optimizers import check_optimizer
from megawatt.training.practice import check_offload
from megawatt.training.records import Job
from megawatt.training.schedules import CODES
from megawatt.training.stacks import read_stack, switched_text
from megawatt.training.usual import job_of, packed_lengths
from megawatt.workload import ModelArch

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Setup"]

_ELSEWHERE: Final = MappingProxyType(
    {
        "recompute": "layout: recompute=moe_act+layernorm",
        "stage_layout": "layout: first_layers, last_layers",
        "moment_bytes": "optimizer: adam-bf16, adam-8bit, ...",
        "offload_layers": "offload: activations",
        "mtp_layers": "the model's own file",
    }
)
"""Features of published runs that are said otherwise in a question."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a run is set up beside its model and sizes; fields are those of `megawatt.run_options.RUN_OPTIONS`, in the
    same words; empty or 0 where nothing is said."""

    layout: str = ""
    schedule: str = ""
    stack: str = ""
    set_stack: tuple[str, ...] = ()
    optimizer: str = ""
    offload: str = ""
    lora: int = 0
    packing: str = ""

    @property
    def of_the_job(self) -> Setup:
        """What holds on any machine: optimizer, adapters, packing; the rest is of one machine."""
        return Setup(optimizer=self.optimizer, lora=self.lora, packing=self.packing)

    def question(self) -> dict[str, Any]:
        """What `megawatt.training.plan` is asked beside job, machine and chips.

        Raises
        ------
        ScenarioError
            If an option has no value that it can have; `problems` names all.
        """
        return {
            "choices": parse_choices(self.layout),
            "schedules": _schedules(self.schedule),
            "stack": switched_text(self.stack, self._switches()) or None,
            "offload": _words(self.offload),
            "optimizer": self.optimizer or None,
        }

    def job(self, arch: ModelArch, seq_len: int, global_batch: int, precision: str) -> Job:
        """The job: a model with its adapters, whole or packed sequences.

        Raises
        ------
        ScenarioError
            As `Job` and `packed_lengths`.
        """
        return job_of(arch, seq_len, global_batch, precision, self.lora, self.packing)

    def problems(self, catalogue: Catalogue, system: System, seq_len: int) -> Iterator[Problem]:
        """What is wrong with each option on a machine, all of it; the chips of a layout are not looked at."""

        def with_stack() -> None:
            read_stack(catalogue, self.stack or None, system.accelerator)

        rules: dict[str, tuple[Any, Callable[[], object]]] = {
            "layout": (self.layout, lambda: parse_choices(self.layout)),
            "schedule": (self.schedule, lambda: _schedules(self.schedule)),
            "stack": (self.stack, with_stack),
            "set_stack": ("; ".join(self.set_stack), self._switches),
            "optimizer": (self.optimizer, lambda: check_optimizer(self.optimizer)),
            "offload": (self.offload, lambda: check_offload(_words(self.offload))),
            "lora": (self.lora, self._rank),
            "packing": (self.packing, lambda: packed_lengths(self.packing, seq_len)),
        }
        for name, (said, rule) in rules.items():
            if said:
                try:
                    rule()
                except MegawattError as error:
                    found, _, allowed = str(error).removeprefix("--layout ").partition("; allowed: ")
                    yield Problem(name, found, allowed or f"see {RUN_OPTIONS[name].flag} of megawatt train")

    def _rank(self) -> None:
        if not 0 <= self.lora <= MOST_RANK:
            raise ScenarioError(f"lora = {self.lora}; allowed: a whole number, 0 to {MOST_RANK:,}")

    def _switches(self) -> Features:
        found = read_features("; ".join(self.set_stack))
        for name in found.said():
            if name in _ELSEWHERE:
                raise ScenarioError(f"stack feature {name}: not a switch of the stack; allowed: {_ELSEWHERE[name]}")
        return found


def _schedules(text: str) -> tuple[str, ...]:
    names = parse_schedules(text)
    for name in names:
        if name not in CODES:
            raise ScenarioError(f"schedule {shown(name)}; allowed: {', '.join(CODES)}, any")
    return names


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for word in text.split(","))))
