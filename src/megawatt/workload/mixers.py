"""What layers are made of: token mixers and MLPs."""

from __future__ import annotations

from dataclasses import dataclass

from megawatt.workload.attention import Attention, Latent
from megawatt.workload.recurrent import Linear, Mamba

__all__ = ["Attention", "Latent", "Linear", "Mamba", "Mixer", "Mixture", "Mlp", "StateSpace"]

StateSpace = Linear | Mamba
"""Mixers whose memory of past tokens has one size however long the sequence is."""
Mixer = Attention | Latent | Linear | Mamba


@dataclass(frozen=True, slots=True)
class Mlp:
    """A dense MLP of two matrices, three where ``gated``."""

    width: int
    gated: bool
    bias: bool = False

    @property
    def matrices(self) -> int:
        """Weight matrices."""
        return 3 if self.gated else 2

    def parameters(self, hidden: int) -> int:
        """Elements of matrices and biases."""
        bias = (self.matrices - 1) * self.width + hidden if self.bias else 0
        return self.matrices * hidden * self.width + bias


@dataclass(frozen=True, slots=True)
class Mixture:
    """Routed experts, and what every token passes beside them (``shared_width``, a whole width however many experts).

    ``latent``: width of the tokens that the experts see (0: that of the model). ``groups``: of experts, and how many of
    them one token may choose from ((0, 0): all).
    """

    experts: int
    per_token: int
    expert: Mlp
    shared: Mlp | None = None
    latent: int = 0
    groups: tuple[int, int] = (0, 0)

    def expert_input(self, hidden: int) -> int:
        """Width of a routed token."""
        return self.latent or hidden

    @property
    def shared_width(self) -> int:
        """Width of what every token passes."""
        return self.shared.width if self.shared else 0
