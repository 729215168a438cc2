"""Pipelines: messages by stage, schedules, and the replayed timeline as a check of the closed form."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.training import Job, Layouts, one_layout, practice_for, step_cost
from megawatt.training.pipeline import message_s
from megawatt.training.stages import layers_by_stage, stage_layers
from megawatt.training.timeline import Timeline, chrome_trace, step_timeline
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
PRACTICE = practice_for(CATALOGUE, SYSTEM)


def timeline(key: str, layout: Layouts, batch: int, seq_len: int = 2048) -> Timeline:
    return step_timeline(Job(load_model(key, CATALOGUE), seq_len, batch), SYSTEM, layout, practice=PRACTICE)


def test_message_between_stages_by_hand() -> None:
    job = Job(load_model("gpt-3-175b", CATALOGUE), seq_len=2048, global_batch=8)
    sent = message_s(job, one_layout(tp=8, pp=8), PRACTICE)[0]
    # 2 bytes x 2048 tokens x 12288 / 8 chips over 50 GB/s x 0.78, and the start of a message
    latency = SYSTEM.links[-1].latency_s
    assert sent == pytest.approx(2 * 2048 * 12288 / 8 / 39e9 + latency, rel=1e-6)
    # without sequence parallelism each chip still sends an eighth; the rest is gathered over NVLink
    gathered = message_s(job, one_layout(tp=8, pp=8, sequence_parallel=False), PRACTICE)[0] - sent
    assert 7 / 8 * 2 * 2048 * 12288 / 360e9 < gathered < 3 * 2 * 2048 * 12288 / 360e9
    whole = dataclasses.replace(PRACTICE, stack=dataclasses.replace(PRACTICE.stack, pp_scattered=False))
    plain = message_s(job, one_layout(tp=8, pp=8, sequence_parallel=False), whole)[0]
    assert plain == pytest.approx(2 * 2048 * 12288 / 39e9 + latency, rel=1e-6)
    assert message_s(job, one_layout(tp=8), PRACTICE)[0] == 0.0


def test_end_stages_exchange_once_less() -> None:
    # one layer per stage and a tiny vocabulary: the middle sets the pace, with two exchanges per micro-batch
    job = Job(dataclasses.replace(load_model("gpt-3-175b", CATALOGUE), layers=4, vocab=8), 2048, 16)
    parts = step_cost(job, SYSTEM, one_layout(tp=8, pp=4), practice=PRACTICE).parts_s
    message = message_s(job, one_layout(tp=8, pp=4), PRACTICE)[0]
    assert parts["pp"][0] == pytest.approx((16 * 2 + 2 * 3) * message)


@pytest.mark.parametrize("schedule", ["zb-h1", "dualpipe"])
def test_schedules_shrink_the_bubble_by_their_papers_formula(schedule: str) -> None:
    job = Job(dataclasses.replace(load_model("gpt-3-175b", CATALOGUE), vocab=8), seq_len=2048, global_batch=64)
    stack = dataclasses.replace(PRACTICE.stack, schedule=schedule)
    layout = one_layout(tp=8, pp=8)
    plain = step_cost(job, SYSTEM, layout, practice=PRACTICE).parts_s
    other = step_cost(job, SYSTEM, layout, practice=dataclasses.replace(PRACTICE, stack=stack)).parts_s
    # forward : input gradient : weight gradient of the multiplies are 1 : 1 : 1; 7 other stages
    weight = plain["gemm"][0] / 64 / 3 * 7
    rest = plain["bubble"][0]
    forward = rest / 3
    expected = rest - 2 * weight if schedule == "zb-h1" else 3 / 7 * (2 * rest - forward - 3 * weight)
    assert other["bubble"][0] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("layers", "stages"), [(96, 8), (126, 8), (61, 16), (7, 2), (5, 5), (127, 16)])
def test_layers_by_stage_agree_with_the_ends(layers: int, stages: int) -> None:
    held = layers_by_stage(layers, stages)
    first, last, middle = (float(v[0]) for v in stage_layers(layers, one_layout(pp=stages)))
    assert sum(held) == layers
    assert (held[0], held[-1], max(held[1:-1], default=middle)) == (first, last, middle)


@pytest.mark.parametrize(
    ("key", "layout", "batch"),
    [
        ("gpt-3-175b", one_layout(tp=8, pp=8, dp=2), 128),
        ("gpt-3-175b", one_layout(tp=8, pp=8, vpp=12, dp=2), 128),
        ("llama-3.1-405b", one_layout(tp=8, pp=16, vpp=8, dp=4), 256),
        ("deepseek-v3", one_layout(tp=2, pp=16, dp=32, ep=64), 8192),
    ],
)
def test_a_replayed_schedule_takes_as_long_as_the_closed_form(key: str, layout: Layouts, batch: int) -> None:
    """1F1B and interleaved, even and uneven stages: operation by operation against one formula, within 1 %."""
    found = timeline(key, layout, batch)
    assert found.stretch == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("layout", [one_layout(dp=8), one_layout(tp=4, pp=4, vpp=2, dp=2)])
def test_the_timeline_ends_with_the_predicted_step(layout: Layouts) -> None:
    found = timeline("llama-2-7b", layout, 64)
    assert max(e.start_s + e.length_s for e in found.events) == pytest.approx(found.step_time_s, rel=1e-9)
    # no stage does two things at once
    for stage in {e.stage for e in found.events}:
        bars = sorted((e.start_s, e.length_s) for e in found.events if e.stage == stage and e.stream != "PP")
        ends = np.array([s + n for s, n in bars])
        starts = np.array([s for s, _ in bars])
        assert (starts[1:] >= ends[:-1] - 1e-9).all()


def test_the_trace_has_a_row_per_stage_and_stream() -> None:
    found = timeline("llama-2-7b", one_layout(tp=4, pp=2, dp=4), 64)
    trace = json.loads(json.dumps(chrome_trace(found, "7B")))
    assert trace["otherData"]["step_time_s"] == found.step_time_s
    bars = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert {e["pid"] for e in bars} == {0, 1}
    assert {e["cat"] for e in bars} >= {"compute", "TP", "PP", "DP"}
    assert max(e["ts"] + e["dur"] for e in bars) == pytest.approx(found.step_time_s * 1e6)


def test_a_timeline_is_of_one_layout() -> None:
    two = one_layout(dp=8).take(np.array([0, 0]))
    with pytest.raises(ScenarioError, match="timeline of 2 layouts"):
        timeline("llama-2-7b", two, 64)
