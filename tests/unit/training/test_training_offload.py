"""Optimizer states and activations in the host's memory: what is saved on the chip, what the way costs."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli import main
from megawatt.errors import ScenarioError
from megawatt.training import Job, Layouts, StepCost, one_layout, practice_for, step_cost
from megawatt.training.practice import OFFLOADS, Host, Practice
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
ARCH = load_model("llama-3.1-70b", CATALOGUE)
PLAIN = practice_for(CATALOGUE, SYSTEM)


def offloading(*what: str, link: float = 50e9, memory: float = 60e9) -> Practice:
    return dataclasses.replace(PLAIN, host=Host(frozenset(what), link, memory))


def cost(practice: Practice, layout: Layouts) -> StepCost:
    return step_cost(Job(ARCH, 4096, 32), SYSTEM, layout, practice=practice)


def test_optimizer_states_leave_the_chip_and_cross_the_link_twice() -> None:
    layout = one_layout(tp=8, pp=2, dp=4, zero=1)
    plain, away = cost(PLAIN, layout), cost(offloading("optimizer"), layout)
    assert away.memory_parts_bytes["optimizer"][0] == 0.0
    for name in ("weights", "gradients", "activations", "logits"):
        assert away.memory_parts_bytes[name][0] == plain.memory_parts_bytes[name][0]
    # the chip's optimizer streams 30 bytes per parameter; the host's memory does so at 60 GB/s (500 ps a byte x 30),
    # the link moves 2 bytes at 50 GB/s beside it
    trained = plain.parts_s["optimizer"][0] * PLAIN.kernels.hbm_flow_bytes_per_s / 30
    assert away.parts_s["optimizer"][0] == pytest.approx(trained * 30 / 60e9)
    fast_host = cost(offloading("optimizer", memory=1e15), layout)
    assert fast_host.parts_s["optimizer"][0] == pytest.approx(trained * 2 / 50e9)
    assert sum(away.parts_s.values()) == pytest.approx(away.step_time_s, rel=1e-12)


def test_masters_in_the_hosts_memory_leave_a_narrow_shard() -> None:
    layout = one_layout(dp=64, zero=3)
    plain, away = cost(PLAIN, layout), cost(offloading("optimizer"), layout)
    shard = 70.55e9 / 64
    extra = away.memory_parts_bytes["weights"][0] - plain.memory_parts_bytes["weights"][0]
    assert extra == pytest.approx(2 * shard, rel=0.01)


def test_two_layers_of_activations_stay() -> None:
    layout = one_layout(tp=8, pp=2, dp=4)
    plain, away = cost(PLAIN, layout), cost(offloading("activations"), layout)
    # first of two stages: 40 layers of two micro-batches in flight, then two layers
    assert plain.memory_parts_bytes["activations"][0] == pytest.approx(40 * away.memory_parts_bytes["activations"][0])


def test_a_fast_link_hides_activations_and_a_slow_one_does_not() -> None:
    layout = one_layout(tp=8, pp=2, dp=4)
    plain = cost(PLAIN, layout).step_time_s[0]
    assert cost(offloading("activations", link=1e15), layout).step_time_s[0] == pytest.approx(plain)
    slow = cost(offloading("activations", link=1e8), layout)
    kept = cost(offloading("activations"), layout).memory_parts_bytes["activations"][0] / 2
    # 8 micro-batches, 40 layers, out and back at 0.1 GB/s, less what the passes of a stage hide
    whole = 8 * 2 * 40 * kept / 1e8
    assert 0.9 * whole < slow.parts_s["offload"][0] < whole
    links = [cost(offloading("activations", link=rate), layout).step_time_s[0] for rate in (1e9, 1e10, 1e11)]
    assert links == sorted(links, reverse=True)


def test_full_recompute_sends_the_inputs_of_layers_alone() -> None:
    slow = offloading("activations", link=1e8)
    whole, inputs = (cost(slow, one_layout(tp=8, dp=8, recompute=r)).parts_s["offload"][0] for r in (0, 2))
    assert inputs < 0.15 * whole


def test_rates_come_from_the_catalogue_and_unknown_words_are_refused() -> None:
    rack = practice_for(CATALOGUE, CATALOGUE.system("gb300-nvl72"), offload=OFFLOADS)
    node = practice_for(CATALOGUE, SYSTEM, offload=("optimizer",))
    assert rack.host is not None
    assert node.host is not None
    assert rack.host.link_bytes_per_s > 3 * node.host.link_bytes_per_s
    assert any("host_link" in a.name for a in node.assumptions)
    assert not any("host_link" in a.name for a in PLAIN.assumptions)
    with pytest.raises(ScenarioError, match="offload = 'weights'; allowed: activations, optimizer"):
        practice_for(CATALOGUE, SYSTEM, offload=("weights",))


@pytest.mark.parametrize("key", ["hgx-a100", "tpu-v5p-pod", "trn2-ultraserver", "gb200-nvl72", "mi300x-node"])
def test_every_family_has_host_rates(key: str) -> None:
    practice = practice_for(CATALOGUE, CATALOGUE.system(key), offload=OFFLOADS)
    assert practice.host is not None
    assert np.isfinite(practice.host.link_bytes_per_s)


def test_train_plans_with_offload(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "llama-3.1-70b", "--system", "hgx-h100", "--chips", "8", "--batch", "64", "--json"]
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 3
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "fits in memory" in problem["message"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--offload", "optimizer"])
    assert stop.value.code == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["offload"] == ["optimizer"]
    assert result["layouts"][0]["memory_parts_bytes"]["optimizer"] == 0.0
