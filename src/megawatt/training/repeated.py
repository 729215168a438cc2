"""What the backward pass of a layer computes again, and the time it takes."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IndexArray
from megawatt.hardware import vector_time_s
from megawatt.training.activations import activation_bytes
from megawatt.training.features import MODULES
from megawatt.training.launches import host_wait_s, launched_operators, linear_operators
from megawatt.training.operators import matrix_products
from megawatt.training.practice import Practice
from megawatt.training.recompute import recomputes, repeated_share
from megawatt.training.records import Job, Layouts
from megawatt.training.saved import repeated_multiplies
from megawatt.workload import (
    Attention,
    Gemm,
    Latent,
    LayerKind,
    LayerWork,
)

__all__ = ["Launched", "Repeated"]


_MODULE_MULTIPLIES: Final = MappingProxyType(
    {
        "core_attn": ("scores", "context"),
        "mla_up_proj": ("query_up", "kv_up"),
        "mlp": ("mlp_up", "mlp_down"),
        "shared_experts": ("shared_up", "shared_down"),
        "moe": ("router", "experts_up", "experts_down", "shared_up", "shared_down"),
    }
)
"""Multiplies of the modules that are recomputed by name."""


_WITHIN: Final = (
    {"moe_act": ("mlp", "operators"), "layernorm": ("operators",)},
    {"moe_act": ("moe", "operators"), "layernorm": ("operators",), "shared_experts": ("moe",)},
)
"""Modules that others hold, in dense and in mixture layers: repeated once."""


_MODULE_PARTS: Final = MappingProxyType({"core_attn": ("attention",), "moe": ("experts", "ep")})
"""Parts of a layer's forward pass that belong to them."""


_GRAPH_OF: Final = MappingProxyType({"moe": "experts", "moe_act": "experts", "shared_experts": "shared"})
"""Graph that holds a module, where it is not that of attention."""


@dataclass(frozen=True, slots=True)
class Launched:
    """Backward pass of a layer: time of the host and of the chip, and what the chip waits. [s]"""

    host_s: FloatArray
    busy_s: FloatArray
    waited_s: FloatArray


@dataclass(frozen=True, slots=True)
class Repeated:
    """What the backward pass of one layer can compute again; arrays of its distinct layouts."""

    job: Job
    kind: LayerKind
    layouts: Layouts
    practice: Practice
    work: LayerWork
    gemms: tuple[Gemm, ...]
    forward: dict[str, FloatArray]
    clock: FloatArray
    launched: Launched

    def total_s(self, layouts: Layouts, place: IndexArray) -> FloatArray:
        """Of layouts at these places: nothing, some modules, or the whole of all or of some layers. [s]"""
        share = repeated_share(self.job.arch.layers, layouts)
        total = share * np.asarray(sum(self.forward.values()))[place]
        again = np.zeros_like(total)
        operators = np.zeros_like(total)
        for module in MODULES:
            here = recomputes(layouts, self.practice.stack, module)
            for larger in _WITHIN[self.kind.mixture is not None].get(module, ()):
                here = here & ~recomputes(layouts, self.practice.stack, larger)
            if here.any():
                again = again + np.where(here, self._module_s(module)[place], 0.0)
                operators = operators + np.where(here, self._operators(module)[place], 0.0)
        return np.asarray(total + again + self._waited_s(operators, again, place))

    def _operators(self, module: str) -> FloatArray:
        """What the host launches again; norms and activation functions are one operator, graphs hold the rest of a
        layer but the routed experts. By operator it is asked for each, saved or not."""
        stack, zero = self.practice.stack, np.zeros_like(self.clock)
        if module == "operators":
            return zero + launched_operators(self.work, stack, self.job.precision)
        if {"full", _GRAPH_OF.get(module, "attn")} & set(stack.graphs):
            return zero
        names = _MODULE_MULTIPLIES.get(module, ())
        count = sum(linear_operators(g, self.job.precision) for g in self.gemms if g.name in names)
        return zero + count + (stack.expert_operators if module == "moe" and self.work.experts else 1.0)

    def _waited_s(self, operators: FloatArray, again: FloatArray, place: IndexArray) -> FloatArray:
        """What the chip waits longer for the host where both repeat something. [s]"""
        stack, launched = self.practice.stack, self.launched
        host = launched.host_s[place] + stack.host_operator_s * operators
        waited = host_wait_s(host, launched.busy_s[place] + again, self.work, stack)
        return np.where(operators > 0.0, np.maximum(waited - launched.waited_s[place], 0.0), 0.0)

    def _module_s(self, module: str) -> FloatArray:
        if module in ("layernorm", "moe_act"):
            return self._passes_s(module)
        if module == "operators":
            return self._saved_apart_s()
        names = _MODULE_MULTIPLIES[module]
        parts = [self.forward[name] for name in _MODULE_PARTS.get(module, ()) if name in self.forward]
        if module == "core_attn" and not self.practice.stack.attention_fused:
            # Softmax and dropout go through memory: most of what the vector part is.
            parts.append(self.forward["vector"])
        gemms = [g for g in self.gemms if g.name in names]
        multiplied = matrix_products(self.practice, gemms, self.job.precision, self.clock).forward.at(self.clock)
        return np.asarray(sum(parts, multiplied))

    def _saved_apart_s(self) -> FloatArray:
        """All but what checkpointing by operator saves: passes through memory, multiplies that are not saved, gathered
        inputs of the tensor group, experts but for their way back, recurrences."""
        y, mixture = self.layouts, self.kind.mixture
        shares = repeated_multiplies(self.kind, self.job.arch.hidden)
        total = np.zeros_like(self.clock)
        if self.practice.stack.attention_fused:
            total = total + self.forward["vector"]
        for g in self.gemms:
            share = shares.get(g.name, 0.0)
            if share > 0.0:
                once = matrix_products(self.practice, [g], self.job.precision, self.clock).forward.at(self.clock)
                # Whose sum over the tensor group is saved is not made again.
                total = total + share * once * (np.where(y.tp > 1, 0.0, 1.0) if g.name == "attention_out" else 1.0)
        if mixture is not None and "experts" in self.forward:
            up = 2.0 if mixture.expert.gated else 1.0
            total = total + up / (up + 1.0) * self.forward["experts"]
        if not any(isinstance(mixer, Attention | Latent) for mixer in self.kind.mixers):
            total = total + self.forward["attention"]
        return np.asarray(total + np.where(y.sequence_parallel, 0.5 * self.forward["tp"], 0.0))

    def _passes_s(self, module: str) -> FloatArray:
        """Norms (one read and write of the hidden states) or activation functions (inputs read, products written)."""
        y, arch = self.layouts, self.job.arch
        tokens = y.micro_batch * self.job.seq_len / y.cp.astype(np.float64)
        if module == "layernorm":
            share = np.where(y.sequence_parallel, tokens / y.tp, tokens)
            moved, kernels = 2.0 * self.kind.blocks * share * arch.hidden, float(self.kind.blocks)
        else:
            mixture = self.kind.mixture
            width = tokens * self.kind.dense_width / y.tp
            if mixture is not None:
                width = width + tokens * mixture.per_token / y.tp * mixture.expert.width
            moved, kernels = (3.0 if arch.gated else 2.0) * width, 1.0
        traffic = self.practice.stack.vector_traffic_factor * activation_bytes(self.job.precision) * moved
        return np.asarray(vector_time_s(self.practice.kernels, traffic, kernels))
