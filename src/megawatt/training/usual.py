"""What is trained where a question leaves it open: about four million tokens a step, in 16 bits."""

from __future__ import annotations

from typing import Final

from megawatt.catalogue.records import Accelerator
from megawatt.training.records import Job
from megawatt.workload import ModelArch

__all__ = ["usual_job", "usual_precision"]

_BATCH_TOKENS: Final = 4_194_304
"""Tokens per optimizer step, usual for large models (Llama 3, arXiv 2407.21783, section 3.4, starts at 4 million)."""


def usual_precision(chip: Accelerator) -> str:
    """bf16 where the chip has it, else fp16."""
    return "bf16" if "bf16" in chip.peak_flops_per_s else "fp16"


def usual_job(
    arch: ModelArch, chip: Accelerator, *, seq_len: int, global_batch: int | None = None, precision: str | None = None
) -> Job:
    """A job of which only the sequence length has to be known.

    Parameters
    ----------
    arch : ModelArch
        The model.
    chip : Accelerator
        The chip that runs it.
    seq_len : int
        [tokens], >= 1
    global_batch : int, optional
        Sequences per optimizer step; those of 4,194,304 tokens if not given, at least one.
    precision : str, optional
        Of the linear layers; `usual_precision` if not given.

    Raises
    ------
    ScenarioError
        If a size is below 1.
    """
    batch = max(1, _BATCH_TOKENS // max(seq_len, 1)) if global_batch is None else global_batch
    return Job(arch, seq_len, batch, precision or usual_precision(chip))
