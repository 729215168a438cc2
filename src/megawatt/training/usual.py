"""What is trained where a question leaves it open: about four million tokens a step, in 16 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from megawatt.catalogue.records import Accelerator
from megawatt.errors import ScenarioError, shown
from megawatt.files import parse_number
from megawatt.training.records import Job
from megawatt.workload import ModelArch

__all__ = ["USUAL_BATCH_TOKENS", "job_of", "packed_lengths", "usual_job", "usual_precision"]

USUAL_BATCH_TOKENS: Final = 4_194_304
"""Tokens per optimizer step, usual for large models (Llama 3, arXiv 2407.21783, section 3.4, starts at 4 million)."""

_SEQ_LEN: Final = 4096
"""Tokens of a sequence in pre-training, usual since 2023."""


_PACKING: Final = {"mean": (1.0, 1e7), "cv": (0.0, 10.0), "fill": (0.01, 1.0)}
"""What is said of packed documents, with its limits."""


def usual_precision(chip: Accelerator) -> str:
    """bf16 where the chip has it, else fp16."""
    return "bf16" if "bf16" in chip.peak_flops_per_s else "fp16"


def usual_job(
    arch: ModelArch,
    chip: Accelerator,
    *,
    seq_len: int | None = None,
    global_batch: int | None = None,
    precision: str | None = None,
    lora_rank: int = 0,
    packing: str = "",
) -> Job:
    """A job of which only the model has to be known.

    Parameters
    ----------
    arch : ModelArch
        The model.
    chip : Accelerator
        The chip that runs it.
    seq_len : int, optional
        4,096 if not given, fewer where the model has fewer learned positions. [tokens], >= 1
    global_batch : int, optional
        Sequences per optimizer step; those of 4,194,304 tokens if not given, at least one.
    precision : str, optional
        Of the linear layers; `usual_precision` if not given.
    lora_rank : int
        Rank of low-rank adapters beside frozen weights; 0 trains as the model says.
    packing : str
        Lengths of the documents that fill a sequence, as in `packed_lengths`; empty: sequences are whole.

    Raises
    ------
    ScenarioError
        If a size is below 1, or the sequence longer than the model has learned positions.
    """
    if seq_len is None:
        seq_len = min(_SEQ_LEN, arch.learned_positions or _SEQ_LEN)
    batch = max(1, USUAL_BATCH_TOKENS // max(seq_len, 1)) if global_batch is None else global_batch
    return job_of(arch, seq_len, batch, precision or usual_precision(chip), lora_rank, packing)


def job_of(
    arch: ModelArch, seq_len: int, global_batch: int, precision: str, lora_rank: int = 0, packing: str = ""
) -> Job:
    """A job with adapters beside frozen weights, whole or packed sequences; as `usual_job`, with nothing left open."""
    trained = replace(arch, lora_rank=lora_rank) if lora_rank else arch
    return Job(trained, seq_len, global_batch, precision, *packed_lengths(packing, seq_len))


def packed_lengths(text: str, seq_len: int) -> tuple[int, float]:
    """``mean=900,cv=0.8,fill=0.97`` as the length of the document that a token is in, on average over tokens, and the
    share of a sequence that is filled.

    ``mean`` and ``cv`` are of the documents' lengths (mean in tokens, standard deviation over mean; 0 if not given):
    a token is in a document of mean (1 + cv^2), no longer than the sequence. Without ``mean`` sequences are padded, not
    packed, and ``fill`` alone counts.

    Raises
    ------
    ScenarioError
        If a name is unknown, or a value is no number in its limits.
    """
    values: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, word = (w.strip() for w in part.partition("="))
        number = parse_number(word)
        low, high = _PACKING.get(name, (0.0, 0.0))
        if name not in _PACKING or number is None or not low <= number <= high:
            limits = ", ".join(f"{n}={lo:g}..{hi:g}" for n, (lo, hi) in _PACKING.items())
            raise ScenarioError(f"packing {shown(part)}; allowed: {limits}")
        values[name] = number
    document = values.get("mean", 0.0) * (1.0 + values.get("cv", 0.0) ** 2)
    return min(round(document), seq_len), values.get("fill", 1.0)
