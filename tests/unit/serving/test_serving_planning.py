"""The command's question: targets, rates, layouts that are refused, settings that are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import cli
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.serving import ENGINES, ServingPlan, Targets, Traffic, engine_settings, parse_layout, serve, simulated
from megawatt.workload import load_model

CATALOGUE = load_catalogue()


def _plan(
    model: str = "llama-3.1-8b", chips: int = 8, layout: str = "", precision: str = "fp8", **asked: object
) -> ServingPlan:
    return serve(
        load_model(model, CATALOGUE),
        CATALOGUE.system("hgx-h200"),
        chips,
        Traffic(2048.0, 512.0),
        catalogue=CATALOGUE,
        precision=precision,
        layout=parse_layout(layout),
        **asked,  # type: ignore[arg-type]
    )


def test_targets_are_kept_and_cost_throughput() -> None:
    free, held = _plan(), _plan(targets=Targets(ttft_s=0.2, tpot_s=0.01))
    assert held.best.ttft_s <= 0.2
    assert held.best.tpot_s <= 0.01
    assert held.best.tokens_per_s < free.best.tokens_per_s
    assert free.best.chips <= 8
    assert free.best.tokens_per_s == pytest.approx(free.best.tokens_per_s_per_chip * free.best.chips)
    assert free.best.it_j_per_token > free.best.chip_power_w / free.best.tokens_per_s_per_chip


def test_a_rate_takes_the_fewest_chips() -> None:
    few, many = (_plan(chips=64, targets=Targets(requests_per_s=r)).best for r in (5.0, 100.0))
    assert few.chips < many.chips <= 64
    with pytest.raises(InfeasibleError, match=r"rate = 1e\+06: the chips give at most"):
        _plan(chips=1, targets=Targets(requests_per_s=1e6))
    with pytest.raises(ScenarioError, match="allowed: one of them"):
        _plan(concurrency=4.0, targets=Targets(requests_per_s=1.0))


def test_a_load_beyond_the_memory_names_the_room() -> None:
    with pytest.raises(InfeasibleError, match=r"concurrency = 1e\+06: memory holds at most [\d,]+ requests"):
        _plan(concurrency=1e6)


@pytest.mark.parametrize("rate", [0.5, 8.0, 40.0])
def test_chips_for_prompts_apart_are_whole_replicas(rate: float) -> None:
    plan = _plan(chips=16, divided=True, targets=Targets(requests_per_s=rate), listed=100)
    apart = [c for c in plan.choices if c.prompt_share > 0.0]
    assert apart
    for choice in apart:
        decode = choice.replicas * choice.layout.chips
        assert choice.replicas == round(choice.replicas) >= 1.0
        assert choice.chips == round(choice.chips) > decode
        assert choice.prompt_share == pytest.approx(1.0 - decode / choice.chips)
        assert choice.tokens_per_s == pytest.approx(512.0 * rate)
        assert choice.tokens_per_s_per_chip == pytest.approx(choice.tokens_per_s / choice.chips)
        # What is in work by Little's law; loads are costed in steps of some 8 %.
        in_work = choice.replicas * choice.concurrency
        assert in_work * choice.tokens_per_s_per_user == pytest.approx(choice.tokens_per_s, rel=0.15) or in_work < 2.0
    with pytest.raises(ScenarioError, match="divided: allowed: at a rate"):
        _plan(divided=True, concurrency=4.0)


def test_chips_for_prompts_apart_fill_the_machine_with_whole_replicas() -> None:
    plan = _plan(chips=7, divided=True, listed=100)
    apart = [c for c in plan.choices if c.prompt_share > 0.0]
    assert apart
    for choice in apart:
        assert choice.replicas * choice.layout.chips < choice.chips <= 7
        assert choice.chips == round(choice.chips)


def test_a_simulation_says_whether_it_reached_the_load() -> None:
    plan = _plan(chips=1, targets=Targets(requests_per_s=2.0))
    users = plan.best.concurrency
    assert not simulated(plan, int(2.0 * users)).settled
    assert simulated(plan, int(10.0 * users) + 1).settled


def test_less_than_one_user_is_no_faster_than_one() -> None:
    whole, part = (_plan(layout="tp=1", concurrency=users).best for users in (8.0, 0.08))
    assert part.tpot_s == pytest.approx(whole.tpot_s)
    assert part.tokens_per_s == pytest.approx(0.01 * whole.tokens_per_s)
    assert part.chip_power_w < whole.chip_power_w


def test_what_the_chip_widens_is_said() -> None:
    assert "multiplied in bf16" in _plan(precision="int4").notes[0]


def test_an_offline_run_gives_more_than_users_who_wait() -> None:
    burst = _plan(requests=20_000.0).best
    assert burst.tokens_per_s >= _plan(concurrency=64.0).best.tokens_per_s
    # A few requests leave the last wave part-empty.
    assert _plan(requests=8.0).best.tokens_per_s < burst.tokens_per_s
    with pytest.raises(ScenarioError, match="one of them"):
        _plan(requests=5.0, concurrency=5.0)


def test_no_choice_beats_the_front() -> None:
    plan = _plan()
    speeds = [c.tokens_per_s_per_user for c in plan.front]
    assert speeds == sorted(speeds)
    for choice in plan.choices:
        assert any(
            f.tokens_per_s_per_chip >= choice.tokens_per_s_per_chip * (1 - 1e-9)
            and f.tokens_per_s_per_user >= choice.tokens_per_s_per_user * (1 - 1e-9)
            for f in plan.front
        )


@pytest.mark.parametrize(("layout", "text"), [("tp=3", "divide 32 heads"), ("dp=2", "experts"), ("pp=64", "layers")])
def test_layouts_that_the_model_has_not(layout: str, text: str) -> None:
    with pytest.raises(ScenarioError, match=text):
        _plan(layout=layout, chips=64)


def test_a_model_that_does_not_fit_says_so() -> None:
    with pytest.raises(InfeasibleError, match="leave no room for one request"):
        _plan("llama-3.1-405b", chips=1)


@pytest.mark.parametrize("engine", ENGINES)
def test_settings_name_the_layout(engine: str) -> None:
    text = engine_settings(_plan("qwen3-30b-a3b", layout="dp=8"), engine)
    assert "8" in text
    assert text.endswith("\n")
    words = {"vllm": "--data-parallel-size 8", "trtllm": "enable_attention_dp: true", "sglang": "--enable-dp-attention"}
    assert words[engine] in text


def test_the_command(tmp_path: Path) -> None:
    words = ["serve", "llama-2-7b", "--system", "hgx-h100", "--chips", "8", "--price", "2", "--simulate", "40"]
    file = tmp_path / "run.sh"
    done = CliRunner().invoke(cli, [*words, "--json", "--write-settings", "vllm", str(file)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)["results"][0]
    best = found["choices"][0]
    assert best["usd_per_million_tokens"] == pytest.approx(2.0 / 3600.0 / best["tokens_per_s_per_chip"] * 1e6)
    assert found["simulated"]["ttft_s"]["p50"] > 0.0
    assert "vllm serve" in file.read_text()
    again = CliRunner().invoke(cli, [*words, "--write-settings", "vllm", str(file)])
    assert isinstance(again.exception, ScenarioError)
