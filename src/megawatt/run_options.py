"""How a training run is set up, option by option: the one list behind the command line and scenario files.

It holds words alone, so that a command can list its options without loading a model of anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["MOST_RANK", "RUN_OPTIONS", "RunOption"]

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
            "Kind of optimizer: adam, adam-main-grads, adam-bf16, adam-8bit, muon, sgd (default: the stack's usual).",
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
