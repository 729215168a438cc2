"""What software libraries do differently in expert layers, where their source says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["ExpertStack", "expert_stack"]


@dataclass(frozen=True, slots=True)
class ExpertStack:
    """How a library runs an expert layer.

    Attributes
    ----------
    tiles : tuple of (int, int)
        Tiles (tokens, columns) of its grouped multiplies.
    fused_experts, fused_topk : float
        Most experts, and experts per token, that its own routing kernel takes; a general top-k runs above. Both are
        infinite where the caller routes.
    routes : bool
        The layer chooses the experts itself.
    all_rows : bool
        What stands between the multiplies runs over the token copies of all ranks, not only over its own.
    """

    tiles: tuple[tuple[int, int], ...]
    fused_experts: float = float("inf")
    fused_topk: float = float("inf")
    routes: bool = True
    all_rows: bool = False


_GROUPED: Final = ((16, 128), (32, 128), (64, 128), (128, 128), (128, 256))
"""Small tiles for few tokens per expert [nvidia-cutlass]."""
_TRITON: Final = ((16, 32), (16, 64), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256))
"""Blocks of vLLM's fused_moe configurations [vllm-fused-moe]."""
_STACKS: Final[Mapping[str, ExpertStack]] = MappingProxyType(
    {
        # RenormalizeMoeRoutingMethod falls back to torch.topk above these [trtllm-routing].
        "trtllm": ExpertStack(_GROUPED, fused_experts=512.0, fused_topk=16.0),
        "trtllm_1.0": ExpertStack(_GROUPED, fused_experts=128.0, fused_topk=8.0),
        # The collector chooses the experts outside of the timed part [kernel-collector]; activation and sum run over
        # the copies of all ranks [vllm-fused-moe].
        "vllm": ExpertStack(_TRITON, routes=False, all_rows=True),
    }
)
_DEFAULT: Final = ExpertStack(_GROUPED)


def expert_stack(stack: str) -> ExpertStack:
    """How a software stack runs expert layers, e.g. ``trtllm_1.3.0rc20``; grouped multiplies if it is not known."""
    known = [name for name in _STACKS if stack.startswith(name)]
    return _STACKS[max(known, key=len)] if known else _DEFAULT
