"""How a training run is set up, option by option: the one list behind the command line and scenario files.

It holds words alone, so that a command can list its options without loading a model of anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["MOST_RANK", "RUN_OPTIONS", "SETTINGS", "RunOption", "Setting"]

MOST_RANK: Final = 65_536
"""Largest rank of adapters."""


@dataclass(frozen=True, slots=True)
class RunOption:
    """One option: its flag, what stands after it, and what it says; ``repeated``: it may stand several times (a list in
    a scenario); ``whole``: a whole number from 0 instead of text."""

    flag: str
    metavar: str
    help: str
    repeated: bool = False
    whole: bool = False


RUN_OPTIONS: Final[Mapping[str, RunOption]] = MappingProxyType(
    {
        "layout": RunOption(
            "--layout",
            "NAME=N,...",
            "Fix choices: tp, pp, vpp, cp, cp_comm=ring|a2a, ep, etp, dp, fsdp=N, hsdp=SHARDxREPLICAS, micro_batch "
            "(mb), zero, recompute=none|selective|full|MODULE+..., repeated_layers, sequence_parallel (sp), schedule, "
            "first_layers, last_layers; or as the table of layouts says it, 'tp8 pp4 mb1 z1'. Degrees count chips. "
            "With tp, pp and micro_batch: this layout alone.",
        ),
        "schedule": RunOption(
            "--schedule",
            "NAME,...|any",
            "Pipeline schedules to search together: 1f1b (interleaved with vpp), zb-h1, zb-v, dualpipe, dualpipev "
            "(default: the stack's own).",
        ),
        "stack": RunOption(
            "--stack",
            "NAME[@RELEASE]",
            "Training stack and its release (or a month), e.g. megatron-bridge@26.02 (default: the chip's usual).",
        ),
        "set_stack": RunOption(
            "--set-stack",
            "NAME=VALUE",
            "Switch one feature of the stack, e.g. ep_overlap=on, dispatcher=deepep, graphs=none, balance=real.",
            repeated=True,
        ),
        "optimizer": RunOption(
            "--optimizer",
            "KIND",
            "Kind of optimizer: adam, adam-main-grads, adam-whole-master, adam-bf16, adam-8bit, "
            "adam-pure-bf16, muon, sgd (default: the stack's usual).",
        ),
        "offload": RunOption("--offload", "WHAT,...", "Keep in the host's memory: optimizer, activations."),
        "lora": RunOption("--lora", "RANK", "Train low-rank adapters beside frozen weights.", whole=True),
        "packing": RunOption(
            "--packing",
            "mean=N,...",
            "Documents packed into a sequence: mean=TOKENS, cv=SPREAD of their lengths, fill=SHARE that is no padding.",
        ),
    }
)
"""By the name that scenarios and `megawatt.training.Setup` have for it."""


class Setting(NamedTuple):
    """``low`` (``above`` it) and ``high`` of a number (``whole`` or not), the ``words`` it may be, or free text."""

    metavar: str
    help: str
    low: float = 0.0
    above: bool = False
    high: float = math.inf
    whole: bool = False
    words: tuple[str, ...] = ()
    repeated: bool = False
    text: bool = False


SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        "ramp": Setting("BATCH:TOKENS", "The batch grows from BATCH sequences over TOKENS.", text=True),
        "phase": Setting(
            "tokens=N,...",
            "A further phase after the first (long context, annealing): tokens=N, and what differs: seq=N, batch=N, "
            "layout='tp8 cp4 pp2'.",
            repeated=True,
            text=True,
        ),
        "interruptions": Setting(
            "N", "Unplanned interruptions in 1,000 node-days, all causes (default: published runs).", high=10_000.0
        ),
        "recovery": Setting(
            "HOW", "manual, automatic, or standby nodes that are warm.", words=("manual", "automatic", "standby")
        ),
        "spares": Setting("N", "Spare nodes (default: 5 % of those of the run).", high=1e6, whole=True),
        "shortage": Setting("WHAT", "With more nodes broken than spare: wait, or elastic.", words=("wait", "elastic")),
        "checkpoint": Setting(
            "HOW",
            "sync (the run stands while it is written), async, or memory (copies in other nodes' memory, storage "
            "beside).",
            words=("sync", "async", "memory"),
        ),
        "interval_s": Setting("S", "Useful time between checkpoints (default: the best).", above=True, high=1e8),
        "storage_gb_per_s": Setting("GB/S", "What storage takes in (default: 0.12 a chip).", above=True, high=1e9),
        "planned_stops": Setting("N", "Planned stops in 30 days (default: 26, as Llama 3's).", high=10_000.0),
    }
)
"""What is said of a whole run, by the name in scenarios, `megawatt.runs.RunSettings` and (with dashes) options."""
