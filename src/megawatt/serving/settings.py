"""The chosen point as arguments of a serving engine: vLLM, TensorRT-LLM, SGLang."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from megawatt.errors import ScenarioError
from megawatt.serving.planning import ServingPlan
from megawatt.serving.records import ServingChoice

__all__ = ["ENGINES", "engine_settings"]

_MODEL: Final = "MODEL"
"""Stands for the folder or name of the weights, which the package does not know."""


def engine_settings(plan: ServingPlan, engine: str) -> str:
    """Command lines that start the plan's first choice, one for each kind of replica.

    Parameters
    ----------
    plan : ServingPlan
        With a choice.
    engine : str
        One of `ENGINES`.

    Raises
    ------
    ScenarioError
        If the engine is not known, or does not run on the chip.
    """
    if engine not in ENGINES:
        raise ScenarioError(f"engine {engine!r}; allowed: {', '.join(ENGINES)}")
    family = plan.system.accelerator.family
    if family not in _RUNS_ON[engine]:
        raise ScenarioError(
            f"engine {engine} does not run on {plan.system.accelerator.key}; it runs on {', '.join(_RUNS_ON[engine])}"
        )
    best = plan.best
    head = [
        f"# {plan.service.arch.key} in {plan.service.precision} on {best.chips:.0f} x {plan.system.accelerator.key}: "
        f"{best.name}, {best.replicas:.0f} replicas of the command below",
        f"# {best.tokens_per_s:.0f} output tokens/s expected at {best.concurrency:.0f} requests a replica, "
        f"{plan.traffic.input_tokens:.0f} tokens in and {plan.traffic.output_tokens:.0f} out",
    ]
    head.append(f"# {_MODEL}: weights in {plan.service.precision}, or the engine's own quantisation to it")
    if plan.traffic.draft_frac:
        head.append(
            f"# {plan.traffic.accepted_tokens:g} tokens a step by speculation are counted; its options are yours to add"
        )
    if best.prompt_share > 0.0:
        head.append(f"# {best.prompt_share:.0%} of the chips take in prompts; a router joins both kinds")
    return "\n".join([*head, _COMMANDS[engine](plan, best)]) + "\n"


def _sizes(plan: ServingPlan, best: ServingChoice) -> tuple[int, int, int]:
    """Longest request, sequences of an engine, tokens of a step."""
    longest = math.ceil(plan.traffic.input_tokens + plan.traffic.output_tokens)
    held = max(math.ceil(best.concurrency / best.layout.dp), 1)
    return longest, held, round(plan.machine.stack.most_tokens)


def _joined(words: list[str]) -> str:
    return " \\\n    ".join(words)


def _vllm(plan: ServingPlan, best: ServingChoice) -> str:
    longest, held, tokens = _sizes(plan, best)
    layout = best.layout
    words = [
        f"vllm serve {_MODEL}",
        f"--tensor-parallel-size {layout.tp}",
        f"--pipeline-parallel-size {layout.pp}",
        f"--max-model-len {longest}",
        f"--max-num-seqs {held}",
        f"--max-num-batched-tokens {tokens}",
        f"--gpu-memory-utilization {plan.machine.stack.cache_frac:.2f}",
    ]
    if layout.dp > 1:
        words.append(f"--data-parallel-size {layout.dp}")
    if layout.ep > 1:
        words.append("--enable-expert-parallel")
    if layout.cp > 1:
        words.append(f"--decode-context-parallel-size {layout.cp}")
    if plan.service.cache_bytes < 2.0:
        words.append("--kv-cache-dtype fp8")
    if plan.traffic.prefix_hit_frac:
        words.append("--enable-prefix-caching")
    return _joined(words)


def _trtllm(plan: ServingPlan, best: ServingChoice) -> str:
    longest, held, tokens = _sizes(plan, best)
    layout = best.layout
    ranks = layout.tp * layout.dp
    words = [
        f"trtllm-serve {_MODEL}",
        "--backend pytorch",
        f"--tp_size {ranks}",
        f"--pp_size {layout.pp}",
        f"--max_seq_len {longest}",
        f"--max_batch_size {held}",
        f"--max_num_tokens {tokens}",
        f"--kv_cache_free_gpu_memory_fraction {plan.machine.stack.cache_frac:.2f}",
    ]
    if layout.ep > 1:
        words.append(f"--ep_size {layout.ep}")
    options = ["cuda_graph_config:", "  enable_padding: true"]
    if layout.dp > 1:
        options.append("enable_attention_dp: true")
    if plan.service.cache_bytes < 2.0:
        options += ["kv_cache_config:", "  dtype: fp8"]
    words.append("--extra_llm_api_options options.yml")
    return "\n".join([_joined(words), "# options.yml:", *(f"# {line}" for line in options)])


def _sglang(plan: ServingPlan, best: ServingChoice) -> str:
    longest, held, tokens = _sizes(plan, best)
    layout = best.layout
    words = [
        f"python -m sglang.launch_server --model-path {_MODEL}",
        f"--tp {layout.tp * layout.dp}",
        f"--pp-size {layout.pp}",
        f"--context-length {longest}",
        f"--max-running-requests {held * layout.dp}",
        f"--chunked-prefill-size {tokens}",
        f"--mem-fraction-static {plan.machine.stack.cache_frac:.2f}",
    ]
    if layout.dp > 1:
        words += [f"--dp {layout.dp}", "--enable-dp-attention"]
    if layout.ep > 1:
        words.append(f"--ep-size {layout.ep}")
    if layout.cp > 1:
        words.append(f"--dcp-size {layout.cp}")
    if plan.service.cache_bytes < 2.0:
        words.append("--kv-cache-dtype fp8_e4m3")
    return _joined(words)


_COMMANDS: Final[Mapping[str, Callable[[ServingPlan, ServingChoice], str]]] = MappingProxyType(
    {"vllm": _vllm, "trtllm": _trtllm, "sglang": _sglang}
)
_RUNS_ON: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"vllm": ("gpu", "tpu"), "trtllm": ("gpu",), "sglang": ("gpu", "tpu")}
)
"""Families of chips that an engine runs on."""
ENGINES: Final = tuple(_COMMANDS)
"""Engines whose arguments are written."""
