"""Which parts of a layer the backward pass computes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.training.features import MODULES
from megawatt.training.records import Layouts
from megawatt.training.stacks import Stack

__all__ = ["group_sizes", "module_bits", "module_names", "recomputes", "repeated_share"]


_USUAL: Final = ("layernorm", "moe_act")
"""What "selective" repeats where nobody says more and attention is fused: norms and activation functions."""
_USUAL_UNFUSED: Final = ("core_attn",)
"""The same where scores go through memory (arXiv 2205.05198)."""


def module_bits(modules: Sequence[str]) -> int:
    """Modules as the bits of `Layouts.modules`."""
    return sum(1 << MODULES.index(name) for name in set(modules))


def recomputes(layouts: Layouts, stack: Stack, module: str) -> NDArray[np.bool_]:
    """Whether selective recomputation repeats a module; where a layout names none, those of its stack. Shape (n,)

    By operator, scores that are not fused are among what is repeated.
    """
    usual = module_bits(stack.recomputed or (_USUAL if stack.attention_fused else _USUAL_UNFUSED))
    named = np.where(layouts.modules > 0, layouts.modules, usual)
    wanted = 1 << MODULES.index(module)
    if module == "core_attn" and not stack.attention_fused:
        wanted |= module_bits(("operators",))
    return np.asarray((layouts.recompute == 1) & (named & wanted > 0))


def repeated_share(layers: int, layouts: Layouts) -> FloatArray:
    """Share of the layers that full recomputation repeats: all, or so many of each chunk of the pipeline. Shape (n,)"""
    some = layouts.repeated_layers * layouts.pp * layouts.vpp
    share = np.where(layouts.repeated_layers > 0, np.minimum(some, layers) / layers, 1.0)
    return np.asarray(np.where(layouts.recompute == 2, share, 0.0))


def group_sizes(layouts: Layouts) -> FloatArray:
    """Layers that full recomputation repeats together. Shape (n,)"""
    return np.maximum(layouts.group_layers.astype(np.float64), 1.0)


def module_names(bits: int) -> tuple[str, ...]:
    """Modules of a value of `Layouts.modules`."""
    return tuple(name for place, name in enumerate(MODULES) if bits >> place & 1)
