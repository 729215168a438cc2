"""Models: whatever stands in a configuration is read or refused; operators, parameters and FLOPs say the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from megawatt.errors import ScenarioError
from megawatt.workload import (
    Attention,
    Latent,
    ModelArch,
    Split,
    check_arch,
    describe_model,
    forward_flops_per_token,
    head_work,
    layer_work,
    model_from_hf_config,
    parameters,
    structure,
)
from tests.model_families.compare import MODELS
from tests.model_families.records import Published

FIELDS = sorted({name for model in MODELS for name in model.config})
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 300), st.sampled_from([10**9, 10**30, 1.5, math.inf, math.nan]),
    st.sampled_from(["", "x", "8"]),
    st.lists(st.integers(0, 2), max_size=4), st.just(["full_attention"]), st.just({"a": 1}),
)  # fmt: skip


@given(st.sampled_from(MODELS), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4))
def test_any_configuration_is_read_or_refused(model: Published, changes: dict[str, Any]) -> None:
    try:
        arch = check_arch(model_from_hf_config({**model.config, **changes}))
    except ScenarioError as error:
        assert str(error)  # noqa: PT017
        return
    found = describe_model(arch, 1024)
    assert sum(found.parts.values()) == found.total >= found.active > 0
    assert found.forward_flops_per_token > 0


@pytest.mark.parametrize("field", FIELDS)
def test_a_number_of_any_size_is_read_or_refused(field: str) -> None:
    for model in MODELS[::7]:
        try:
            arch = check_arch(model_from_hf_config({**model.config, field: 10**9}))
        except ScenarioError:
            continue
        assert describe_model(arch, 64).total > 0


def split(tp: float, ep: float) -> Split:
    one = np.ones(1)
    return Split(tp * one, one, ep * one, one, one, np.array([False]))


def on_one_chip(arch: ModelArch, cut: Split, seq_len: int) -> tuple[float, float]:
    """FLOPs of the multiplies of a forward pass, index scores apart, and weights that get gradients."""
    shape = structure(arch)
    flops, weights = float(head_work(arch, cut, seq_len)[0].flops()[0]) / (1 + arch.mtp_layers), 0.0
    for kind, layers in zip(shape.kinds, shape.counts, strict=True):
        work = layer_work(arch, kind, cut, seq_len, fused_attention=True)
        flops += layers * sum(float(g.flops()[0]) for g in work.gemms if g.name != "index_scores")
        weights += layers * float(work.weights[0])
    return flops, weights


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_multiplies_are_those_of_the_parameters(model: Published) -> None:
    arch, seq_len = model_from_hf_config({**model.config, "num_nextn_predict_layers": 0, "use_mtp": False}), 512
    counts, shape = parameters(arch), structure(arch)
    flops, weights = on_one_chip(arch, split(1, 1), seq_len)
    cores = sum(
        layers * sum(_core(m, seq_len) for m in kind.mixers)
        for kind, layers in zip(shape.kinds, shape.counts, strict=True)
    )
    per_layer = 4.0 * arch.layers * arch.hidden * arch.per_layer_input
    assert flops / seq_len + cores + per_layer == pytest.approx(forward_flops_per_token(arch, seq_len), rel=1e-9)
    # Norms, biases, convolutions, routers and tables are no weights of linear multiplies.
    routers = sum(n * k.router for n, k in zip(shape.counts, counts.kinds, strict=True))
    body = counts.total - counts.embedding - counts.output
    assert weights == pytest.approx(body - routers, rel=0.02)


def _core(mixer: object, seq_len: int) -> float:
    from megawatt.workload.counts import core_flops

    assert hasattr(mixer, "heads")
    return core_flops(mixer, seq_len)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["Qwen3-Next 80B A3B", "Nemotron 3 Super 120B A12B", "DeepSeek-V4 Flash", "MiMo-V2 Flash"]
)
def test_a_tensor_group_shares_the_multiplies(name: str) -> None:
    arch = model_from_hf_config(next(m.config for m in MODELS if m.name == name))
    whole, part = (on_one_chip(arch, split(tp, 1), 4096)[0] for tp in (1, 2))
    assert any(isinstance(m, Attention | Latent) for kind in structure(arch).kinds for m in kind.mixers)
    # Keys of one head that all chips hold are the only multiplies done twice.
    assert whole / 2 <= part < 1.03 * whole / 2
