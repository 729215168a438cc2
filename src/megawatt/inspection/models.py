"""Models, described: parameters, work of a token, cache."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from megawatt.catalogue import Catalogue
from megawatt.inspection.records import Description, Line, Section
from megawatt.workload import ModelArch, load_model, model_flops_per_token, parameters

__all__ = ["describe_config", "model_sections"]


def model_sections(arch: ModelArch, seq_len: int) -> tuple[Section, ...]:
    """Parameters of a model, and the work of a token at a length of sequences. [tokens]"""
    counts = parameters(arch)
    held = (Line("total", counts.total), Line("met by a token", counts.active))
    work = Line("forward and backward", model_flops_per_token(arch, seq_len), "FLOP")
    return Section("parameters", held), Section(f"work of a token, sequences of {seq_len:,}", (work,))


def describe_config(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A Hugging Face ``config.json``, or the folder that holds it."""
    arch = load_model(path, catalogue)
    return Description("model", str(path), arch.title, model_sections(arch, seq_len))
