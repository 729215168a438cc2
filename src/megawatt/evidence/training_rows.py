"""One row of a published training run, made complete: model, machine, layout, stack, measured step time.

Empty columns are filled by the rules in this file; every filled column is named in ``assumed``.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import System
from megawatt.errors import MegawattError, ScenarioError, shown
from megawatt.evidence.training_layouts import Cells, Row, read_layout
from megawatt.evidence.training_recipes import features_of
from megawatt.hardware import peak_precision
from megawatt.training import Features, Job, Layouts, Practice, default_stack, practice_for, switched_text
from megawatt.training.features import merge_features
from megawatt.training.usual import USUAL_BATCH_TOKENS
from megawatt.workload import (
    ModelArch,
    attention_flops_per_token,
    check_arch,
    load_model,
    model_flops_per_token,
    parameters,
)

__all__ = ["Run", "Setup", "measured_step_s", "read_run", "read_setup", "run_practice"]


_STACKS: Final[tuple[tuple[str, str], ...]] = (
    (r"megatron-deepspeed|megatron-lm 2021|metaseq", "stack-megatron-2021"),
    (r"nemo 2022", "stack-megatron-2022"),
    (r"hai-llm", "stack-dualpipe"),
    (r"maxtext|\bpax|\bjax\b|axlearn|levanter|lingvo|t5x|torch.?xla|torchprime", "stack-maxtext"),
    (r"neuron", "stack-neuron"),
    (r"fsdp\+tp|nemo|megatron[- ](core|bridge)|megatron-lm dev|primus", "stack-megatron-core"),
    (r"megatron", "stack-megatron-lm"),
    (r"foundry|composer", "stack-llm-foundry"),
    (r"deepspeed", "stack-deepspeed"),
    (
        r"fsdp|lit-?gpt|torchtitan|torchtune|meta internal|pytorch|nanotron|colossal|accelerate|transformers"
        r"|axolotl|unsloth|olmo",
        "stack-fsdp-torch",
    ),
)
"""Software column to stack; the first match counts."""

_BARE: Final = ("stack-megatron-2021", "stack-megatron-2022")
"""Stacks of Megatron-LM that DeepSpeed runs too."""
_USUAL_NODE: Final = "hgx-h100"
_VARIANT_POWER_W: Final = 500.0
"""Its power cap. [W]"""
_VARIANT_HBM_BYTES: Final = 96e9
"""Its memory. [B]"""
_VARIANT_HBM_BYTES_PER_S: Final = 2.4e12
"""The H100 that torchtitan's published runs used: 96 GB of HBM2e at 500 W (torchtitan performance notes)."""


_FORCED: Final = ("stack-megatron-core", "stack-megatron-lm")
"""Stacks whose published benchmarks force balanced routing."""
_VENDORS: Final = r"NVIDIA|NeMo|Megatron|AI-Hypercomputer|SimuMax"
"""Sources of such benchmarks (SimuMax checks a simulator against one); where others say nothing, routing is real."""
_BUCKET_BYTES: Final = 2e9
"""Two buckets of 500 million 16-bit elements, DeepSpeed's defaults [training-deepspeed-config]."""
_ADAPTER_RANK: Final = 16
"""Rank of the MLPerf Training fine-tuning benchmark (Llama 2 70B LoRA), where a row does not say."""


_OFFLOADED: Final = r"offloaded|activation offload|custom remat"
"""Words for layers' inputs (or more) in the host's memory; "custom remat" of MaxText's recipes for TPUs is that: their
workloads set ``decoder_layer_input`` to offload (AI-Hypercomputer/tpu-recipes)."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a row says that ran, complete.

    ``layout`` is None where neither tensor nor pipeline degrees are published: the planner chooses. ``features`` is
    what the row says of its software (`features_of`), ``software`` its stack with the month of publication and those
    features, as `megawatt.training.read_stack` reads it.
    """

    id: str
    job: Job
    system: System
    chips: int
    stack: str
    layout: Layouts | None
    features: Features
    software: str
    assumed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run(Setup):
    """A row of a table of runs: a setup and how long its step took. ``peak_flops_per_s`` is the data sheet's rate of
    one chip in this precision."""

    measured_s: float
    peak_flops_per_s: float


def read_setup(row: Row, catalogue: Catalogue) -> Setup:
    """Complete what a row says that ran.

    Raises
    ------
    MegawattError
        If the row lacks what no rule can fill, or names an unknown accelerator; the message says what.
    """
    return _setup(Cells(row), row, catalogue)


def _setup(read: Cells, row: Row, catalogue: Catalogue) -> Setup:
    features = features_of(row)
    arch = _arch(read, features, catalogue)
    if features.offload_layers is None and re.search(_OFFLOADED, read.text("notes")):
        features = dataclasses.replace(features, offload_layers=float(arch.layers))
    chips = read.integer("chips", least=1)
    system = _system(read, catalogue)
    if system.accelerator.family != "gpu":
        # Dispatchers are libraries of GPUs; what notes of others say of them is a comparison.
        features = dataclasses.replace(features, dispatcher=None)
    seq_len = read.integer("seq_len")
    stack = _stack(read, system, catalogue)
    if stack in _BARE and "deepspeed" in read.text("software").lower():
        features = merge_features(features, Features(bucket_bytes=_BUCKET_BYTES))
    if arch.experts and features.balance is None and stack in _FORCED and not re.match(_VENDORS, read.text("source")):
        features = dataclasses.replace(features, balance="real")
        read.assume("balance")
    layout = read_layout(read, arch, system, chips, stack, features)
    job = Job(arch, seq_len, _batch(read, layout, chips, seq_len), _precision(read))
    release = re.search(r"@\s*([\w.-]+)", read.text("software"))
    month = re.match(r"([0-9]{4}-[0-9]{2})", read.text("published"))
    of = release or month
    software = switched_text(f"{stack}@{of[1]}" if of else stack, features)
    return Setup(read.text("id"), job, system, chips, stack, layout, features, software, tuple(read.assumed))


def _batch(read: Cells, layout: Layouts | None, chips: int, seq_len: int) -> int:
    """Sequences of a step: as published, else one micro-batch of every replica, or where the planner chooses the usual
    tokens in whole sequences of every chip. [sequences]

    Raises
    ------
    ScenarioError
        If a pipeline is published without its batch: its bubble depends on it.
    """
    if layout is None:
        return read.integer("global_batch", chips * max(round(USUAL_BATCH_TOKENS / (max(seq_len, 1) * chips)), 1))
    if layout.pp[0] > 1 and not read.text("global_batch"):
        raise ScenarioError("column global_batch is empty; needed where pp is above 1: the bubble depends on it")
    return read.integer("global_batch", int(layout.dp[0] * layout.micro_batch[0]))


def read_run(row: Row, catalogue: Catalogue) -> Run:
    """Complete one row of a table of runs.

    Raises
    ------
    MegawattError
        As `read_setup`, and if its metric says nothing about a step.
    """
    read = Cells(row)
    setup = _setup(read, row, catalogue)
    # Published efficiencies refer to the data sheet, whatever variant of the chip ran.
    chip = catalogue.accelerator(setup.system.accelerator.key)
    peak = chip.peak_flops_per_s[peak_precision(chip, setup.job.precision)]
    measured = measured_step_s(read, setup.job, setup.chips, peak)
    known = {f.name: getattr(setup, f.name) for f in dataclasses.fields(setup)} | {"assumed": tuple(read.assumed)}
    return Run(**known, measured_s=measured, peak_flops_per_s=peak)


def run_practice(run: Setup, catalogue: Catalogue) -> Practice:
    """How a run used its machine: its stack, with the moments and the layers on the host as it says."""
    said = run.features
    practice = practice_for(
        catalogue, run.system, run.software, offload=("activations",) if said.offload_layers else ()
    )
    if said.moment_bytes:
        # A 32-bit master and two moments.
        states = 4.0 + 2.0 * said.moment_bytes
        kept = dataclasses.replace(practice.optimizer, state_bytes=states, gradient_bytes=0.0)
        practice = dataclasses.replace(practice, optimizer=kept)
    if practice.host is not None and said.offload_layers:
        host = dataclasses.replace(practice.host, layers=said.offload_layers)
        practice = dataclasses.replace(practice, host=host)
    return practice


def _arch(read: Cells, features: Features, catalogue: Catalogue) -> ModelArch:
    """The model of a row: its own columns, or the catalogue's of that name where it has none."""
    if any(read.text(name) for name in ("layers", "hidden", "heads")):
        return _with_design(_written_arch(read, features), catalogue)
    key = read.text("model")
    if not key:
        raise ScenarioError(
            "columns model, layers, hidden and heads are empty; allowed: a model of the catalogue, or all"
        )
    read.assume("architecture")
    known = load_model(catalogue.get(key, "model").key, catalogue)
    extra = known.mtp_layers if features.mtp_layers is None else round(features.mtp_layers)
    return check_arch(dataclasses.replace(known, mtp_layers=extra, lora_rank=_adapter_rank(read)))


def _written_arch(read: Cells, features: Features) -> ModelArch:
    hidden, heads = read.integer("hidden"), read.integer("heads")
    experts = read.integer("experts") if read.text("experts") else 0
    attention = read.word("attention") or ("mha" if read.text("kv_heads") in ("", str(heads)) else "gqa")
    mla: dict[str, Any] = {}
    if attention == "mla":
        # DeepSeek-V2 and V3 share these (arXiv 2405.04434, 2412.19437); the columns hold the head width alone.
        mla = {"q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64}
        mla["v_head_dim"] = 128
        read.assume("latent dimensions")
    base = ModelArch(
        key=read.text("model") or "model",
        title=read.text("model"),
        layers=read.integer("layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=read.integer("kv_heads", heads),
        head_dim=read.integer("head_dim", 192 if mla else hidden // heads),
        ffn=read.integer("ffn") if read.text("ffn") or not experts else 0,
        gated=read.text("gated") == "1",
        vocab=read.integer("vocab", 32_000),
        tied_embeddings=read.text("tied_embeddings") == "1",
        attention=attention,  # type: ignore[arg-type]  # checked below
        experts=experts,
        experts_per_token=read.integer("experts_per_token") if experts else 0,
        expert_ffn=read.integer("expert_ffn") if experts else 0,
        shared_ffn=read.integer("shared_experts", 0) * read.integer("expert_ffn") if experts else 0,
        dense_layers=read.integer("dense_layers", 0) if experts else 0,
        mtp_layers=_extra_layers(read, features),
        lora_rank=_adapter_rank(read),
        **mla,
    )
    return check_arch(_gate(read, base))


_DESIGN: Final = ("window", "mixers", "attention_bias", "mlp_bias", "expert_groups", "groups_per_token")
"""What the columns of a row do not hold: windowed layers, biases, groups of experts."""


def _with_design(arch: ModelArch, catalogue: Catalogue) -> ModelArch:
    """Windows and biases of the catalogue's model of that name and size, where there is one."""
    key = arch.key.lower()
    if key not in catalogue.keys("model"):
        return arch
    known = load_model(key, catalogue)
    if (known.layers, known.hidden) != (arch.layers, arch.hidden):
        return arch
    return check_arch(dataclasses.replace(arch, **{name: getattr(known, name) for name in _DESIGN}))


def _extra_layers(read: Cells, features: Features) -> int:
    """Modules of multi-token prediction, as the recipe says; else one where the notes name them."""
    if features.mtp_layers is not None:
        return round(features.mtp_layers)
    return 1 if re.search(r"(?<!no )\bMTP\b(?! not)", read.text("notes")) else 0


def _precision(read: Cells) -> str:
    """Precision of the multiplies; quantised training to int8 runs them at the 16-bit rate at least."""
    text = read.word("dtype") or "bf16"
    named = re.match(r"(nvfp4|mxfp4|mxfp8|fp8|bf16|fp16|tf32|fp32|int8)", text)
    precision = named[1] if named else text
    return "bf16" if precision == "int8" else precision


def _adapter_rank(read: Cells) -> int:
    """Rank of low-rank adapters; 0 where the row trains all weights."""
    text = f"{read.text('model')} {read.text('notes')}"
    if not re.search(r"\bLoRA\b", text, re.IGNORECASE):
        return 0
    read.assume("adapter rank")
    return _ADAPTER_RANK


def _gate(read: Cells, arch: ModelArch) -> ModelArch:
    """Where the kind of MLP is not given, the one whose parameters come nearest to the published count."""
    if read.text("gated"):
        return arch
    options = [dataclasses.replace(arch, gated=gated) for gated in (False, True)]
    read.assume("gated")
    published = read.number("params_b", parameters(options[0]).total / 1e9)
    return min(options, key=lambda a: abs(parameters(a).total / 1e9 - published))


def _system(read: Cells, catalogue: Catalogue) -> System:
    """The machine of the row, where it names one; or its chip, its scale-up domain and its network as published."""
    key = read.text("accelerator")
    if catalogue.knows(key) and catalogue.get(key).family == "system":
        return catalogue.system(key)
    nodes = read.integer("chips_per_node") if read.text("chips_per_node") else 0
    if not catalogue.knows(key):
        near = ", ".join(catalogue.near(key, "accelerator")) or _known(catalogue)
        raise ScenarioError(f"accelerator {shown(key)} is not in the catalogue; nearest: {near}")
    key = catalogue.get(key, "accelerator").key
    systems = [catalogue.system(name) for name in catalogue.keys("system")]
    matches = [s for s in systems if s.accelerator.key == key]
    if matches:
        system = min(matches, key=lambda s: (abs(s.chips - nodes) if nodes else 0, s.chips))
    else:
        system = _node_of(key, nodes, catalogue)
        read.assume("machine")
    links = list(system.links)
    if nodes and key.startswith("tpu"):
        # A slice is the scale-up domain of the run, not the whole pod.
        links[0] = dataclasses.replace(links[0], domain_chips=float(nodes))
    rate = _scaleout_bytes_per_s(read.text("scaleout"), nodes or system.chips)
    if rate:
        links[-1] = dataclasses.replace(links[-1], link_bytes_per_s=rate)
    elif not key.startswith("tpu"):
        read.assume("scaleout")
    if "torchtitan" in read.text("software").lower() and key == "h100-sxm":
        system = _variant(system)
        read.assume("accelerator")
    return dataclasses.replace(system, links=tuple(links))


def _known(catalogue: Catalogue) -> str:
    return ", ".join(sorted(catalogue.keys("accelerator")))


def _node_of(key: str, nodes: int, catalogue: Catalogue) -> System:
    """A node of a chip that no catalogued machine holds: the usual eight-chip node with the chip's own links."""
    base = catalogue.system(_USUAL_NODE)
    links = [
        dataclasses.replace(link, link_bytes_per_s=catalogue.number(key, f"{name}_link_bytes_per_s"))
        for link, name in ((base.links[0], "scaleup"), (base.links[-1], "scaleout"))
    ]
    links[0] = dataclasses.replace(links[0], domain_chips=float(nodes or base.chips))
    return dataclasses.replace(base, accelerator=catalogue.accelerator(key), links=tuple(links))


def _variant(system: System) -> System:
    """The 500 W H100: the same arithmetic at a lower power cap, which sets the clock, and memory as listed."""
    slower = dataclasses.replace(
        system.accelerator,
        hbm_bytes=_VARIANT_HBM_BYTES,
        hbm_bytes_per_s=_VARIANT_HBM_BYTES_PER_S,
        power_cap_w=_VARIANT_POWER_W,
    )
    return dataclasses.replace(system, accelerator=slower)


def _scaleout_bytes_per_s(text: str, chips_per_node: int) -> float:
    """Bytes per second and chip, one direction, of a network as published; 0 where it says nothing."""
    adapters = re.search(r"(\d+)\s*x\s*(\d+)\s*[Gg](?:b(?:/s|it/s|ps|E)|\b)", text)
    if adapters:
        return float(adapters[1]) * float(adapters[2]) * 1e9 / 8.0 / chips_per_node
    node = re.search(r"(\d+)\s*Gb/s.*per (?:node|16 chips)", text)
    return float(node[1]) * 1e9 / 8.0 / chips_per_node if node else 0.0


def _stack(read: Cells, system: System, catalogue: Catalogue) -> str:
    software = read.word("software").partition("@")[0].strip()
    year = read.text("published")[:4]
    usual = default_stack(system.accelerator)
    if system.accelerator.family != "gpu" and software:
        # Whatever frontend is named, a systolic-array chip runs what its compiler made.
        return usual
    if "megatron-deepspeed" in software and read.word("dtype") == "bf16":
        return "stack-megatron-deepspeed"
    if software.startswith("stack-") and catalogue.knows(software):
        return catalogue.get(software, "practice").key
    for pattern, stack in _STACKS:
        if re.search(pattern, software):
            old = stack.startswith("stack-megatron") and year.isdigit() and int(year) < 2023
            return f"stack-megatron-{max(int(year), 2021)}" if old and "deepspeed" not in software else stack
    read.assume("software")
    return usual


_METRICS: Final = ("step_time_s", "tokens_per_s_per_chip", "samples_per_s", "tflops_per_chip", "mfu")
"""What may be published of a step."""


def measured_step_s(read: Cells, job: Job, chips: int, peak_flops_per_s: float) -> float:
    """The published metric as seconds per optimizer step. [s]

    Raises
    ------
    MegawattError
        If the metric is unknown or not a number.
    """
    value, metric = read.number("value"), read.word("metric")
    if value <= 0:
        raise ScenarioError(f"value = {value:g}, must be above 0")
    tokens = float(job.tokens)
    if metric == "step_time_s":
        return value
    if metric == "tokens_per_s_per_chip":
        return tokens / (value * chips)
    if metric == "samples_per_s":
        return job.global_batch / value
    if metric in ("tflops_per_chip", "mfu"):
        flops = _published_flops_per_token(read, job.arch, job.seq_len) * tokens
        return flops / (chips * value * (1e12 if metric == "tflops_per_chip" else peak_flops_per_s))
    raise ScenarioError(f"metric {shown(metric)} says nothing about a step; allowed: {', '.join(_METRICS)}")


def _published_flops_per_token(read: Cells, arch: ModelArch, seq_len: int) -> float:
    """FLOPs per token as the source counts them. [FLOP]"""
    halved = read.text("causal_halved")
    if not halved:
        read.assume("causal_halved")
    half = halved != "0"
    model = model_flops_per_token(arch, seq_len, causal_half=half)
    convention = read.word("flops_convention")
    if convention != "hardware" or read.word("recompute") != "full":
        if convention not in ("model", "hardware"):
            read.assume("flops_convention")
        return model
    # Hardware FLOPs of full recompute: one more forward pass of the layers, none of the output projection.
    if arch.experts:
        raise MegawattError("hardware FLOPs of a mixture with full recompute: not defined by any source")
    kind = parameters(arch).kinds[0]
    layers = arch.layers * (kind.total - kind.norms)
    return model + 2.0 * layers + attention_flops_per_token(arch, seq_len, causal_half=half)
