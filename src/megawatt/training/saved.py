"""What checkpointing by operator saves (torchtitan's selective checkpointing ``op``), and what it computes again.

Saved are every second multiply by a weight matrix in the order of the layer, the first included, attention and the
messages (`_apply_op_sac` and `_op_sac_save_list` of torchtitan, arXiv 2410.06511); norms, activation functions, grouped
multiplies of experts, the router and the other multiplies are computed again.
"""

from __future__ import annotations

from collections.abc import Iterator

from megawatt.workload import Attention, Latent, LayerKind, Mixer, Mixture

__all__ = ["repeated_multiplies", "saved_multiplies"]


def saved_multiplies(kind: LayerKind, hidden: int) -> frozenset[str]:
    """Names of the matrices whose products are saved: query, key, value, output, gate, up, down and those of latents.

    Parameters
    ----------
    kind : LayerKind
        A kind of layer.
    hidden : int
        Width of the model. [elements]
    """
    return frozenset(name for place, (_, name, _) in enumerate(_matrices(kind, hidden)) if place % 2 == 0)


def repeated_multiplies(kind: LayerKind, hidden: int) -> dict[str, float]:
    """Share of each multiply of `layer_work` that is computed again, by its name.

    The last one is never: nothing of the layer's backward pass waits for it. Neither are experts' products of the way
    back, whose sum is saved.
    """
    matrices = tuple(_matrices(kind, hidden))
    whole, again = dict.fromkeys((gemm for gemm, _, _ in matrices), 0.0), {"router": 1.0, "experts_up": 1.0}
    for place, (gemm, _, columns) in enumerate(matrices):
        whole[gemm] += columns
        if place % 2 and place < len(matrices) - 1:
            again[gemm] = again.get(gemm, 0.0) + columns
    return {gemm: columns / whole.get(gemm, 1.0) for gemm, columns in again.items()}


def _matrices(kind: LayerKind, hidden: int) -> Iterator[tuple[str, str, float]]:
    """Matrices in order, as modules hold them: multiply of `layer_work`, name and output width."""
    for mixer in kind.mixers:
        yield from _mixed(mixer, hidden)
    shared = isinstance(kind.mlp, Mixture)
    mlp = kind.mlp.shared if isinstance(kind.mlp, Mixture) else kind.mlp
    if mlp is not None:
        prefix = "shared" if shared else "mlp"
        if mlp.gated:
            yield f"{prefix}_up", "gate", mlp.width
        yield f"{prefix}_up", "up", mlp.width
        yield f"{prefix}_down", "down", hidden


def _mixed(mixer: Mixer, hidden: int) -> Iterator[tuple[str, str, float]]:
    if isinstance(mixer, Latent):
        if mixer.query_rank:
            yield "latent_down", "query_down", mixer.query_rank
        yield "query_up", "query", mixer.heads * mixer.head_dim
        yield "latent_down", "kv_down", mixer.kv_rank + mixer.rope
        yield "kv_up", "key", mixer.heads * (mixer.nope + mixer.value_dim)
    for p in mixer.projections(hidden):
        if isinstance(mixer, Latent) and p.name in ("latent_down", "query_up", "kv_up"):
            continue
        if p.name == "attention_out":
            yield p.name, "output", p.columns
        elif isinstance(mixer, Attention) and p.name in ("qkv", "kv"):
            if p.columns:
                yield p.name, "query", p.columns
            if mixer.own_keys:
                yield p.name, "key", mixer.kv_heads * mixer.head_dim
                if not mixer.keys_are_values:
                    yield p.name, "value", mixer.kv_heads * mixer.value_dim
        else:
            yield p.name, {"query_up": "query"}.get(p.name, p.name), p.columns
