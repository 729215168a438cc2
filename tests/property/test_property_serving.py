"""What holds of every service: more users give more tokens and wait longer; nothing is faster than the chip."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.serving import (
    Layout,
    Service,
    StepModel,
    Traffic,
    at_rate,
    closed_loop,
    front_of,
    largest_concurrency,
    offline,
    serving_machine,
)
from megawatt.workload import forward_flops_per_token, load_model

CATALOGUE = load_catalogue()
KINDS = (
    ("llama-3.1-70b", "hgx-h200", "fp8", Layout(tp=4)),
    ("llama-3.1-8b", "hgx-b200", "nvfp4", Layout()),
    ("qwen3-30b-a3b", "hgx-h100", "bf16", Layout(tp=2, dp=4, ep=8)),
    ("deepseek-v3", "gb200-nvl72", "nvfp4", Layout(dp=8, ep=8)),
    ("llama-3.1-70b", "trn2-node", "bf16", Layout(tp=16, shards=4)),
    ("llama-3.1-8b", "tpu-v6e", "bf16", Layout(tp=4, pp=2)),
)
kinds = st.sampled_from(KINDS)
lengths = st.floats(1.0, 20_000.0)


@functools.cache
def _model(kind: tuple[str, str, str, Layout]) -> StepModel:
    model, system, precision, layout = kind
    machine = serving_machine(CATALOGUE, CATALOGUE.system(system), precision)
    return StepModel(Service(load_model(model, CATALOGUE), precision, 2.0), layout, machine)


@settings(max_examples=40, deadline=None)
@given(kinds, lengths, st.floats(16.0, 20_000.0))
def test_throughput_rises_with_users_and_latency_does_not_fall(
    kind: tuple[str, str, str, Layout], prompt: float, answer: float
) -> None:
    model, traffic = _model(kind), Traffic(prompt, answer)
    users = np.unique(np.round(np.geomspace(1.0, max(largest_concurrency(model, traffic), 1.0), 20)))
    points = closed_loop(model, traffic, users)
    # The wait for a full engine is approximate (with answers of a token or two it is no guide): a tenth of slack.
    assert (np.diff(points.tokens_per_s) >= -0.1 * points.tokens_per_s[:-1]).all()
    assert (np.diff(points.tpot_s) >= -1e-3 * points.tpot_s[:-1]).all()
    assert (points.chip_power_w <= model.machine.power.cap_w * (1 + 1e-9)).all()
    assert (points.chip_power_w >= model.machine.power.idle_w * (1 - 1e-9)).all()


@settings(max_examples=40, deadline=None)
@given(kinds, lengths, lengths, st.floats(1.0, 1e5))
def test_nothing_is_faster_than_the_peak(
    kind: tuple[str, str, str, Layout], prompt: float, answer: float, requests: float
) -> None:
    model, traffic = _model(kind), Traffic(prompt, answer)
    chip = model.machine.accelerator
    peak = model.layout.chips * max(chip.peak_flops_per_s.values())
    weights_once = 2.0 * forward_flops_per_token(model.service.arch, 1) * 0.45
    for rate in (
        float(offline(model, traffic, requests).tokens_per_s[0]),
        float(closed_loop(model, traffic, np.array([32.0])).tokens_per_s[0]),
    ):
        # Every prompt is charged: tokens in and out pass the matrices (attention and tables left aside).
        tokens = rate * (traffic.input_tokens + traffic.output_tokens) / traffic.output_tokens
        assert tokens * weights_once <= peak


@settings(max_examples=25, deadline=None)
@given(kinds, lengths, lengths, st.floats(0.01, 0.9))
def test_a_cached_prefix_never_slows(
    kind: tuple[str, str, str, Layout], prompt: float, answer: float, hit: float
) -> None:
    model = _model(kind)
    users = np.array([4.0])
    most = model.machine.stack.most_tokens
    # Pieces of a prompt follow each other through the stages of a pipeline: one piece fewer can take longer.
    assume(model.layout.pp == 1 or np.ceil(prompt / most) == np.ceil(prompt * (1.0 - hit) / most))
    plain, cached = (closed_loop(model, Traffic(prompt, answer, h), users) for h in (0.0, hit))
    assert cached.ttft_s[0] <= plain.ttft_s[0] * (1 + 1e-9)
    assert cached.tokens_per_s[0] >= plain.tokens_per_s[0] * (1 - 1e-9)


@settings(max_examples=15, deadline=None)
@given(kinds, st.floats(0.01, 1.0))
def test_a_rate_within_reach_is_served(kind: tuple[str, str, str, Layout], share: float) -> None:
    model, traffic = _model(kind), Traffic(512.0, 256.0)
    most = closed_loop(model, traffic, np.array([largest_concurrency(model, traffic)])).tokens_per_s[0] / 256.0
    served = at_rate(model, traffic, 0.8 * share * float(most))
    assert served.fits[0]
    assert served.tokens_per_s[0] == pytest.approx(0.8 * share * float(most) * 256.0, rel=1e-2)
    assert not at_rate(model, traffic, 2.0 * float(most)).fits[0]


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=40))
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    throughput, speed = (np.array(v) for v in zip(*points, strict=True))
    front = front_of(throughput, speed)
    assert (np.diff(speed[front]) >= 0).all()
    for i in range(len(points)):
        assert any(throughput[f] >= throughput[i] and speed[f] >= speed[i] for f in front)
    for f in front:
        assert not any((throughput > throughput[f]) & (speed > speed[f]))
