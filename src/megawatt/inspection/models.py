"""Models, described: parameters by part, kinds of layers, work of a token, keys and values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from megawatt.catalogue import Catalogue
from megawatt.inspection.records import Description, Line, Section
from megawatt.workload import ModelArch, describe_model, load_model

__all__ = ["describe_model_file", "model_sections"]


def model_sections(arch: ModelArch, seq_len: int) -> tuple[Section, ...]:
    """Parameters of a model and its layers, and the work and memory of a token at a length of sequences. [tokens]"""
    found = describe_model(arch, seq_len)
    counts = [Line("total", found.total), Line("met by a token", found.active)]
    counts += [Line(name, count) for name, count in found.parts.items()]
    counts += [Line("multi-token prediction, beside the total", found.mtp)] if found.mtp else []
    counts += [Line("weights as published", found.weight_bytes, "byte")]
    layers = tuple(Line("layers", group.count, note=group.words) for group in found.layers)
    both = found.forward_flops_per_token + found.backward_flops_per_token
    work = (
        Line("forward and backward", both, "FLOP"),
        Line("forward", found.forward_flops_per_token, "FLOP"),
        Line("backward", found.backward_flops_per_token, "FLOP"),
        Line("of it attention and recurrences", found.attention_share),
    )
    held = (
        Line("keys and values of one more token", found.kv_bytes_per_token, "byte"),
        Line("keys and values of a sequence", found.kv_bytes_per_sequence, "byte"),
        Line("states of a sequence", found.state_bytes_per_sequence, "byte"),
    )
    return (
        Section("parameters", tuple(counts)),
        Section("layers", layers),
        Section(f"work of a token, sequences of {seq_len:,}", work),
        Section(f"memory of past tokens in 16 bits, sequences of {seq_len:,}", held),
    )


def describe_model_file(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A Hugging Face configuration, the folder that holds it, adapters, or a model in TOML."""
    arch = load_model(path, catalogue)
    return Description("model", str(path), arch.title, model_sections(arch, seq_len), assumed=arch.assumed)
