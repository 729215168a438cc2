"""Operators of one micro-batch: FLOPs add up to the model's, splits divide them, messages have the right size."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.workload import (
    ModelArch,
    Split,
    head_work,
    layer_work,
    load_model,
    model_flops_per_token,
    structure,
)


def split(tp: int = 1, cp: int = 1, ep: int = 1, etp: int = 1, micro_batch: int = 1, sp: bool = False) -> Split:
    tp_, cp_, ep_, etp_, mb = (np.array([float(v)]) for v in (tp, cp, ep, etp, micro_batch))
    return Split(tp_, cp_, ep_, etp_, mb, np.array([sp]))


def forward_flops(arch: ModelArch, cut: Split, seq_len: int) -> float:
    """Forward FLOPs of the whole model for one micro-batch on one chip."""
    total = 0.0
    shape = structure(arch)
    for kind, layers in zip(shape.kinds, shape.counts, strict=True):
        work = layer_work(arch, kind, cut, seq_len, fused_attention=True)
        total += layers * float(sum(o.flops()[0] for o in (*work.gemms, *work.attention)))
    return total + float(head_work(arch, cut, seq_len)[0].flops()[0])


@pytest.mark.parametrize("key", ["llama-3.1-405b", "llama-2-7b", "mixtral-8x7b", "qwen3-235b-a22b", "gpt-oss-20b"])
@pytest.mark.parametrize(("tp", "cp"), [(1, 1), (4, 2)])
def test_operators_carry_the_models_flops(key: str, tp: int, cp: int) -> None:
    arch, seq_len = load_model(key, load_catalogue()), 4096
    chip = forward_flops(arch, split(tp, cp, micro_batch=2), seq_len)
    # Forward is a third of forward and backward; every chip of a tensor and context group does its share.
    assert chip * tp * cp == pytest.approx(model_flops_per_token(arch, seq_len) / 3 * 2 * seq_len, rel=1e-9)


def test_experts_are_shared_out() -> None:
    arch = load_model("mixtral-8x7b", load_catalogue())
    for cut in (split(), split(ep=8), split(tp=2, etp=2, ep=4), split(tp=2, ep=4)):
        work = layer_work(arch, structure(arch).kinds[0], cut, 4096, fused_attention=True)
        up = next(g for g in work.gemms if g.name == "experts_up")
        # tokens x 2 experts x 2 matrices x 4096 x 14336, a tensor group's chips do the tokens of one micro-batch
        assert up.flops()[0] == pytest.approx(2 * 4096 * 2 * 2 * 4096 * 14336 / cut.tp[0])


def test_message_sizes_by_hand() -> None:
    arch = load_model("mixtral-8x7b", load_catalogue())
    work = layer_work(
        arch, structure(arch).kinds[0], split(tp=2, cp=4, ep=8, micro_batch=3, sp=True), 8192, fused_attention=True
    )
    tokens = 3 * 8192 / 4
    assert work.tp_bytes[0] == 2 * tokens * 4096
    # keys and values: 8 heads x 128 / tp 2, two of them, 2 bytes
    assert work.cp_bytes[0] == 2 * tokens * 2 * 4 * 128
    # each chip dispatches its half of the tokens, to two experts each
    assert work.ep_bytes[0] == 2 * tokens / 2 * 2 * 4096


def test_key_value_heads_are_copied_when_tp_is_larger() -> None:
    arch = load_model("llama-3.1-405b", load_catalogue())
    few, many = (layer_work(arch, structure(arch).kinds[0], split(tp=tp), 4096, fused_attention=True) for tp in (8, 16))
    assert few.cp_bytes[0] == many.cp_bytes[0] == 2 * 4096 * 2 * 128


def test_unfused_attention_multiplies_the_masked_half_too() -> None:
    arch = load_model("megatron-175b", load_catalogue())
    fused = layer_work(arch, structure(arch).kinds[0], split(), 2048, fused_attention=True)
    chain = layer_work(arch, structure(arch).kinds[0], split(), 2048, fused_attention=False)
    scores = sum(g.flops()[0] for g in chain.gemms if g.name in ("scores", "context"))
    assert scores == pytest.approx(2 * fused.attention[0].flops()[0])
    assert chain.vector_bytes[0] > fused.vector_bytes[0]


def test_sequence_parallelism_shards_norms_and_residuals() -> None:
    arch = load_model("llama-2-7b", load_catalogue())
    plain, sharded = (
        layer_work(arch, structure(arch).kinds[0], split(tp=8, sp=sp), 4096, fused_attention=True)
        for sp in (False, True)
    )
    # norms and residuals: 20 bytes per token and hidden element, of which seven eighths go
    assert plain.vector_bytes[0] - sharded.vector_bytes[0] == pytest.approx(20 * 4096 * 4096 * 7 / 8)
