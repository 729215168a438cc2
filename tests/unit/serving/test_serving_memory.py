"""Weights, caches and room, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.serving import (
    Layout,
    Service,
    StepModel,
    Traffic,
    check_traffic,
    parse_layout,
    read_serving_stack,
    sequences_that_fit,
    serving_machine,
    weight_bytes,
)
from megawatt.serving.memory import cache_bytes_per_request, cache_bytes_per_token, growing_that_fit
from megawatt.serving.search import most_context_ranks
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
LLAMA = load_model("llama-3.1-70b", CATALOGUE)
CHIP = CATALOGUE.accelerator("h200-sxm")
STACK, _ = read_serving_stack(CATALOGUE, "vllm", CHIP)


def test_weights_of_llama_70b() -> None:
    # 70,553,706,496 parameters, of which 2 x 128,256 x 8,192 in tables (16 bits) and a norm.
    tables = 2 * 128_256 * 8_192
    linear = 70_553_706_496 - tables - 8_192
    whole = weight_bytes(Service(LLAMA, "fp8", 1.0), Layout())
    assert whole == pytest.approx(linear + 2 * tables)
    assert weight_bytes(Service(LLAMA, "fp8", 1.0), Layout(tp=4)) == pytest.approx(whole / 4)
    assert weight_bytes(Service(LLAMA, "nvfp4", 1.0), Layout()) == pytest.approx(0.5625 * linear + 2 * tables)


def test_cache_of_llama_70b() -> None:
    # 80 layers x 8 heads x (128 + 128) elements.
    service = Service(LLAMA, "fp8", 1.0)
    assert cache_bytes_per_token(LLAMA, 1.0) == 80 * 8 * 256
    assert cache_bytes_per_request(service, Layout(), STACK, 1000.0) == 1000 * 80 * 8 * 256
    # Sixteen chips keep a head each although there are eight: nothing is smaller than one.
    assert cache_bytes_per_request(service, Layout(tp=16), STACK, 1000.0) == 1000 * 80 * 256
    # Two cores of a chip that are ranks of their own keep one each.
    assert cache_bytes_per_request(service, Layout(tp=16, shards=2), STACK, 1000.0) == 1000 * 80 * 2 * 256
    assert cache_bytes_per_request(service, Layout(pp=2), STACK, 1000.0) == 1000 * 40 * 8 * 256


def test_latent_cache_is_whole_on_every_chip() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)
    service = Service(arch, "fp8", 1.0)
    for tp in (1, 8):
        assert cache_bytes_per_request(service, Layout(tp=tp), STACK, 100.0) == pytest.approx(100 * 61 * (512 + 64))


def test_windows_give_their_cache_back_where_the_stack_does() -> None:
    arch = load_model("gpt-oss-120b", CATALOGUE)
    service = Service(arch, "mxfp4", 2.0)
    keeps, _ = read_serving_stack(CATALOGUE, "trtllm", CHIP)
    token = 8 * (64 + 64) * 2
    assert cache_bytes_per_request(service, Layout(), STACK, 4096.0) == pytest.approx(token * 18 * (4096 + 128))
    assert cache_bytes_per_request(service, Layout(), keeps, 4096.0) == pytest.approx(token * 36 * 4096)


def test_room_of_an_h200() -> None:
    service = Service(LLAMA, "fp8", 1.0)
    room = STACK.cache_frac * (CHIP.hbm_bytes - weight_bytes(service, Layout()) - STACK.buffer_bytes)
    fit = sequences_that_fit(service, Layout(), STACK, CHIP.hbm_bytes, 2048.0)
    assert fit == pytest.approx(room / (2048 * 80 * 8 * 256))
    assert sequences_that_fit(Service(LLAMA, "bf16", 2.0), Layout(), STACK, 80e9, 2048.0) == 0.0


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("tp=8", Layout(tp=8)),
        ("tp=2, pp=4", Layout(tp=2, pp=4)),
        ("dp=8", Layout(dp=8, ep=8)),
        ("tp=2,dp=4,ep=4", Layout(tp=2, dp=4, ep=4)),
        ("", None),
    ],
)
def test_layouts_as_they_are_written(text: str, layout: Layout | None) -> None:
    assert parse_layout(text) == layout


@pytest.mark.parametrize("text", ["tp", "tp=0", "tp=-1", "tp=2,tp=4", "cp=2", "tp=two", "dp=4,ep=3", "tp=1e3", "tp=٣"])
def test_layouts_that_are_none(text: str) -> None:
    with pytest.raises(ScenarioError, match="layout"):
        parse_layout(text)


@pytest.mark.parametrize(
    "traffic",
    [
        Traffic(0.0, 1.0),
        Traffic(1.0, 0.5),
        Traffic(10.0, 1.0, 1.0),
        Traffic(10.0, 1.0, 0.0, 0.5),
        Traffic(float("nan"), 1),
    ],
)
def test_traffic_that_cannot_be(traffic: Traffic) -> None:
    with pytest.raises(ScenarioError, match=r"serving: .*allowed"):
        check_traffic(traffic)


def test_stacks_say_what_they_do_otherwise() -> None:
    trn = CATALOGUE.accelerator("trn1")
    static, facts = read_serving_stack(CATALOGUE, "transformers-neuronx", trn)
    assert not static.continuous
    assert static.message_s > STACK.message_s
    assert {a.name.rpartition(".")[2] for a in facts} == {n for n in static.__dataclass_fields__ if n != "key"}
    with pytest.raises(ScenarioError, match="no release"):
        read_serving_stack(CATALOGUE, "vllm@9.9", CHIP)


def test_ranks_that_keep_the_same_keys_share_them_out_by_position() -> None:
    service = Service(LLAMA, "fp8", 1.0)
    # Eight heads on sixteen chips: two keep the same one, and with cp = 2 half of its positions each.
    assert cache_bytes_per_request(service, Layout(tp=16, cp=2), STACK, 1000.0) == 500 * 80 * 256
    latent = Service(load_model("deepseek-v3", CATALOGUE), "fp8", 1.0)
    assert cache_bytes_per_request(latent, Layout(tp=8, cp=8), STACK, 800.0) == pytest.approx(100 * 61 * (512 + 64))
    assert most_context_ranks(LLAMA, 16) == 2
    assert most_context_ranks(LLAMA, 8) == 1
    assert most_context_ranks(latent.arch, 8) == 8


def test_decoding_of_long_contexts_gains_from_shared_positions() -> None:
    machine = serving_machine(CATALOGUE, CATALOGUE.system("hgx-h200"), "fp8")
    service = Service(load_model("deepseek-v3", CATALOGUE), "fp8", 1.0)
    apart, shared = (StepModel(service, Layout(tp=8, cp=cp), machine) for cp in (1, 8))
    sequences = np.array([8.0])
    # Each of eight ranks reads an eighth, or all do the arithmetic of their heads on the whole.
    assert shared.decoding(sequences, 1e5).time_s[0] <= apart.decoding(sequences, 1e5).time_s[0]
    assert shared.messages(sequences).time_s[0] > apart.messages(sequences).time_s[0]


def test_growing_answers_fill_the_room_by_hand() -> None:
    # Room for 100 whole requests, 1000 in and 1000 out: n 1500 + 2 sqrt(n) 1000 / sqrt(12) = 200,000.
    service = Service(LLAMA, "fp8", 1.0)
    per_token = cache_bytes_per_request(service, Layout(), STACK, 1.0)
    hbm = weight_bytes(service, Layout()) + STACK.buffer_bytes + 200_000 * per_token / STACK.cache_frac
    n = growing_that_fit(service, Layout(), STACK, hbm, Traffic(1000.0, 1000.0))
    assert n * 1500.0 + 2.0 * n**0.5 * 1000.0 / 12.0**0.5 == pytest.approx(200_000.0)
    assert n == pytest.approx(128.9, abs=0.1)
    assert growing_that_fit(service, Layout(), STACK, hbm, Traffic(300_000.0, 100_000.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["tgi", "practice", "serving-site-practice"])
def test_a_stack_that_is_none_names_those_that_can_be_written(name: str) -> None:
    with pytest.raises(CatalogueError, match=r"stack '.*' is not known; nearest: trtllm, vllm, sglang"):
        read_serving_stack(CATALOGUE, name, CHIP)
