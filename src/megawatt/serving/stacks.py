"""Serving stacks: a software with its releases, how it schedules, and what it costs beside the chip's kernels.

A stack is written ``vllm@0.17``: a catalogue key (``serving-`` may be left out) and a release. Entry
``serving-vllm@0.17`` says what that release does otherwise than those before it, ``serving-practice`` what holds where
a stack says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.records import Accelerator, Assumption
from megawatt.catalogue.releases import check_runs_on, find_software, releases_until
from megawatt.errors import shown

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["PRACTICE", "ServingStack", "default_serving_stack", "read_serving_stack"]

PRACTICE: Final = "serving-practice"
"""Catalogue entry of what holds for every stack."""
_PREFIX: Final = "serving-"
_ROOM: Final = "serving"
_DEFAULT: Final[Mapping[str, str]] = MappingProxyType({"gpu": "vllm", "tpu": "vllm-tpu", "trn": "nxd-inference"})


@dataclass(frozen=True, slots=True)
class ServingStack:
    """One serving stack.

    Attributes
    ----------
    key : str
        What it is, e.g. ``serving-vllm@0.17``.
    kernels : str
        Library whose measured kernels it uses, e.g. ``trtllm``, ``vllm``.
    continuous : bool
        Requests join and leave between steps; otherwise a batch is served as a whole, from prompt to last token.
    windowed_cache : bool
        Keys and values behind a sliding window are given back.
    whole_answers : bool
        A request is taken in where its prompt and whole answer have room; otherwise where its prompt has, and the last
        one that came is put back and computed anew where answers outgrow the room (arXiv 2309.06180, section 4.5).
    decode_context_parallel : bool
        Ranks of a tensor group can share out a request's keys and values by position.
    latent_absorbed : bool
        Latent attention decodes on the latent vectors themselves (arXiv 2405.04434, section 2.1.2).
    decode_attention_frac : float
        Share of the rate of a long stream at which decoding reads keys and values.
    latent_attention_frac : float
        Share of the 16-bit matrix rate that decoding on latent vectors reaches where arithmetic is the limit.
    weight_stream_frac : float
        Share of the memory rate at which a multiply with few rows reads its weights, over the chip's measured kernels.
    multiply_peak_frac : float
        Most of the chip's peak that multiplies reach where its kernels were not measured.
    step_s, sequence_s : float
        Host time of a step that no kernel hides, and of each sequence in it (scheduling, sampling, detokenising). [s]
    kernel_s : float
        Time of a memory-bound kernel beside its bytes, launched from a graph. [s]
    layer_kernels : float
        Such kernels of a layer beside its multiplies and attention.
    message_s : float
        Shortest time of a tensor-parallel sum or exchange of few bytes. [s]
    prefill_imbalance : float
        Prompt tokens of the busiest attention group over the mean, where groups share experts and wait for each other.
    expert_alpha : float
        Power law of the experts' popularity, 0 for balanced (`megawatt.hardware.expert_cost`).
    cache_frac : float
        Share of the memory left after weights and buffers that holds keys and values.
    buffer_bytes : float
        Context, graphs, activations and communication buffers on a chip. [B]
    most_sequences, most_tokens : float
        Sequences of an engine, and tokens of one step, at most.
    """

    key: str
    kernels: str
    continuous: bool
    windowed_cache: bool
    whole_answers: bool
    decode_context_parallel: bool
    latent_absorbed: bool
    decode_attention_frac: float
    latent_attention_frac: float
    weight_stream_frac: float
    multiply_peak_frac: float
    step_s: float
    sequence_s: float
    kernel_s: float
    layer_kernels: float
    message_s: float
    prefill_imbalance: float
    expert_alpha: float
    cache_frac: float
    buffer_bytes: float
    most_sequences: float
    most_tokens: float


_FLAGS: Final = ("continuous", "windowed_cache", "whole_answers", "decode_context_parallel", "latent_absorbed")


def default_serving_stack(accelerator: Accelerator) -> str:
    """Name of the stack that is usual on a chip."""
    return _DEFAULT[accelerator.family]


def read_serving_stack(
    catalogue: Catalogue, text: str, accelerator: Accelerator
) -> tuple[ServingStack, tuple[Assumption, ...]]:
    """A serving stack as it is written, and the facts behind it.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``serving-...``.
    text : str
        ``NAME[@RELEASE]``; the usual stack of the chip where it is empty. RELEASE is one of its releases or a month
        (YYYY-MM): the newest until then; the newest of all where it is not given.
    accelerator : Accelerator
        The chip: a stack does otherwise on some.

    Raises
    ------
    ScenarioError
        If there is no such release, or the stack does not run on the chip.
    CatalogueError
        If there is no such stack.
    """
    name, at, release = (part.strip() for part in text.strip().partition("@"))
    key = find_software(catalogue, _PREFIX, name or default_serving_stack(accelerator))
    usual = default_serving_stack(accelerator)
    check_runs_on(catalogue, [key], accelerator, f"serving stack {shown(text)}", usual)
    until = releases_until(catalogue, key, release if at else None, f"serving stack {shown(text)}")
    used = _facts(catalogue, key, until, accelerator)
    written = f"{key}@{until[-1]}" if until else key
    values: dict[str, Any] = {}
    for fact_name, assumption in used.items():
        fact = assumption.fact
        if fact_name == "kernels":
            values[fact_name] = str(fact.value)
        else:
            values[fact_name] = fact.number() > 0.5 if fact_name in _FLAGS else fact.number()
    return ServingStack(key=written, **values), tuple(used.values())


def _facts(catalogue: Catalogue, key: str, releases: list[str], accelerator: Accelerator) -> dict[str, Assumption]:
    """Facts of a stack: what holds for all, over it its own and its releases', each on this family of chips."""
    names = [name for name in ServingStack.__dataclass_fields__ if name != "key"]
    used: dict[str, Assumption] = {}
    chips = [accelerator.family, *reversed(accelerator.practised)]
    for base in (PRACTICE, key, *(f"{key}@{r}" for r in releases)):
        for entry in (base, *(f"{base}-{chip}" for chip in chips)):
            if entry in catalogue.entries:
                facts = catalogue.get(entry).facts
                used |= {name: catalogue.assume(entry, name, _ROOM) for name in names if name in facts}
    return used
