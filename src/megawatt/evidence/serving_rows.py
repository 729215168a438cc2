"""Measured serving: what a row of a table of throughput and latency says, and by which rules gaps are filled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from megawatt.catalogue import Catalogue, System
from megawatt.errors import CatalogueError, ScenarioError, shown
from megawatt.files import parse_number
from megawatt.serving import Layout, Service, Traffic, cache_width
from megawatt.workload import ModelArch, load_model, structure

__all__ = ["METRICS", "ServedRow", "read_served"]

METRICS: Final = ("tokens_per_s_total", "tokens_per_s_per_chip", "ttft_ms", "tpot_ms")
"""What is measured: output tokens of the machine or of a chip, mean latencies."""
_SUFFIXES: Final = re.compile(r"-(instruct|chat|it|base|hf|[0-9]{4}|fp8|fp4|nvfp4|bf16)$")
_PRECISIONS: Final = {"fp16/bf16": "bf16", "": "bf16", "fp8-block": "fp8_block", "fp4": "nvfp4", "w4a16": "int4"}
_BLOCK_SCALED: Final = ("deepseek-",)
"""Models whose own 8-bit weights have a scale for each block (arXiv 2412.19437, section 3.3)."""
_STACKS: Final = (
    ("tensorrt", "trtllm"),
    ("trt-llm", "trtllm"),
    ("vllm tpu", "vllm-tpu"),
    ("tpu", "vllm-tpu"),
    ("vllm", "vllm"),
    ("sglang", "sglang"),
    ("neuronx", "transformers-neuronx"),
    ("nxd", "nxd-inference"),
)
"""Words in the name of a software, first match first."""
_REQUESTS: Final = {
    (128, 128): 30000, (128, 2048): 3000, (128, 4096): 1500, (500, 2000): 3000, (1000, 1000): 3000,
    (1000, 2000): 1500, (2048, 128): 3000, (2048, 2048): 1500, (5000, 500): 1500, (20000, 2000): 1000,
    (1024, 1024): 3000, (8192, 1024): 1500, (1024, 8192): 1500, (32768, 1024): 1000, (1024, 32768): 1000,
}  # fmt: skip
"""Requests of the published offline benchmark by input and output length [serving-trtllm-overview]."""
_DRAFT: Final = (3.7, 0.3)
"""Tokens of a step and time of drafting where a run says that it speculates and not how well: some seven drafts of a
1B model, each taken at 0.8."""
_NODE_CHIPS: Final = 8
"""Chips of a server, where a row does not count them."""


@dataclass(frozen=True, slots=True)
class ServedRow:
    """One measured value and the deployment behind it.

    ``concurrency`` is 0 at maximum load; ``requests`` of an offline run on one replica; ``median`` where a latency is
    one; ``replicas`` of the layout on the machine; ``assumed`` names what the row does not say.
    """

    id: str
    metric: str
    value: float
    service: Service
    system: System
    stack: str
    layout: Layout
    replicas: float
    traffic: Traffic
    concurrency: float
    requests: float
    median: bool
    assumed: tuple[str, ...]


def read_served(row: Mapping[str, str], catalogue: Catalogue) -> ServedRow:
    """A row with its gaps filled.

    Raises
    ------
    ScenarioError
        If the row lacks what no rule fills, or a number is none.
    CatalogueError
        If its model or chip is not known.
    """
    assumed: list[str] = []
    metric = row.get("metric", "")
    if metric not in METRICS:
        raise ScenarioError(f"metric {metric!r}; allowed: {', '.join(METRICS)}")
    value = _number(row, "value")
    if not value > 0.0:
        raise ScenarioError(f"value = {value:g}; allowed: above 0")
    arch = _model(row.get("model", ""), catalogue)
    system = _system(row.get("accelerator", ""), catalogue)
    precision = _PRECISIONS.get(row.get("dtype", "").strip(), row.get("dtype", "").strip())
    if precision == "fp8" and arch.key.startswith(_BLOCK_SCALED):
        precision = "fp8_block"
    if not row.get("dtype"):
        assumed.append("dtype")
    notes = row.get("notes", "")
    layout, chips = _layout(row, arch, assumed)
    loaded = row.get("batch_or_concurrency", "").strip().lower()
    concurrency = 0.0 if loaded.startswith("max") else _number(row, "batch_or_concurrency")
    output = _number(row, "output_len", 1.0)
    traffic = Traffic(_number(row, "input_len"), output)
    if "speculation" in notes and "no speculation" not in notes:
        traffic = replace(traffic, accepted_tokens=_DRAFT[0], draft_frac=_DRAFT[1])
        assumed.append("accepted drafts")
    requests = float("inf")
    if not concurrency:
        requests = float(_REQUESTS.get((round(traffic.input_tokens), round(output)), float("inf")))
    width = 1.0 if "FP8 KV" in notes else cache_width(precision, system.accelerator)
    return ServedRow(
        id=row.get("id", ""),
        metric=metric,
        value=value,
        service=Service(arch, precision, width),
        system=system,
        stack=_stack(row, system.accelerator.family, assumed),
        layout=layout,
        replicas=max(chips / layout.chips, 1.0),
        traffic=traffic,
        concurrency=concurrency,
        requests=requests,
        median="median" in notes or "P50" in notes,
        assumed=tuple(assumed),
    )


def _number(row: Mapping[str, str], name: str, default: float | None = None) -> float:
    text = (row.get(name) or "").strip()
    if not text:
        if default is None:
            raise ScenarioError(f"{name}: not given")
        return default
    found = parse_number(text)
    if found is None:
        raise ScenarioError(f"{name} = {shown(text)}: not a number")
    return found


def _model(name: str, catalogue: Catalogue) -> ModelArch:
    """A model by the name of a table: words, dates and notes in brackets left out."""
    text = re.sub(r"\s*\(.*", "", name).strip().lower().replace(" ", "-").replace("_", "-")
    tried = [text]
    while _SUFFIXES.search(tried[-1]):
        tried.append(_SUFFIXES.sub("", tried[-1]))
    for key in tried:
        if key in catalogue.entries or key in catalogue.aliases:
            return load_model(key, catalogue)
    raise CatalogueError(f"model {name!r} is not in the catalogue")


def _system(name: str, catalogue: Catalogue) -> System:
    chip = name.strip().lower()
    if not chip:
        raise ScenarioError("accelerator: not given")
    return _machine(catalogue, catalogue.get(chip, "accelerator").key)


def _machine(catalogue: Catalogue, chip: str) -> System:
    """The smallest machine that the catalogue knows of a chip."""
    built = [key for key in catalogue.keys("system") if catalogue.get(key).facts["accelerator"].value == chip]
    if not built:
        raise CatalogueError(f"catalogue: no machine is built of {chip}")
    return min((catalogue.system(key) for key in built), key=lambda s: (s.chips, s.key))


def _layout(row: Mapping[str, str], arch: ModelArch, assumed: list[str]) -> tuple[Layout, float]:
    """Layout of one replica, and chips of the machine."""
    ranks, stages = _number(row, "tp", 0.0), _number(row, "pp", 1.0)
    chips, experts = _number(row, "chips", 0.0), _number(row, "ep", 0.0)
    if not chips:
        assumed.append("chips")
        chips = ranks * stages or float(_NODE_CHIPS)
    ranks = ranks or chips / stages
    cores = max(round(ranks * stages / chips), 1)
    tp = max(round(ranks / cores), 1)
    mixture = any(kind.mixture for kind in structure(arch).kinds)
    if not mixture or tp == 1:
        return Layout(tp=tp, pp=round(stages), ep=1, shards=cores), chips
    notes = row.get("notes", "").lower()
    apart = "attention dp" in notes or "dep" in notes.split()
    if not apart and "tensorrt" in row.get("software", "").lower() and not experts:
        # Its own recipe for mixtures switches attention data parallelism on [serving-trtllm-overview].
        assumed.append("attention data parallelism")
        apart = True
    ep = min(max(round(experts / cores), 1), tp) if experts else (tp if apart else 1)
    own, groups = (1, tp) if apart else (tp, 1)
    return Layout(own, round(stages), groups, ep, shards=cores), chips


def _stack(row: Mapping[str, str], family: str, assumed: list[str]) -> str:
    software = row.get("software", "").lower()
    found = next((stack for word, stack in _STACKS if word in software), "")
    if not found:
        assumed.append("software")
    # vLLM runs on other chips through plug-ins that are stacks of their own.
    return {"tpu": "vllm-tpu", "trn": "nxd-inference"}.get(family, found) if found == "vllm" else found
