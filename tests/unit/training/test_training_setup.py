"""How a run is set up: one list for commands and scenarios, the same plan from both."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import forge, reforge
from megawatt.cli import main
from megawatt.cli.compare import compare
from megawatt.cli.train import train
from megawatt.errors import ScenarioError, counted
from megawatt.run_options import RUN_OPTIONS
from megawatt.scenario import load
from megawatt.scenario.schema import Training
from megawatt.training import (
    Job,
    Setup,
    TrainingPlan,
    chrome_trace,
    plan,
    plan_timeline,
    read_features,
    switched_text,
)
from megawatt.training.choices import is_short, parse_choices
from megawatt.training.explain import short_layout
from megawatt.training.layouts import chosen_space, one_layout
from megawatt.training.optimizers import OPTIMIZERS
from megawatt.training.recompute import module_bits
from megawatt.training.stacks import default_stack, read_stack
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
EXAMPLES = Path(__file__).parents[3] / "examples"


def test_one_list_is_behind_commands_and_scenarios() -> None:
    names = tuple(RUN_OPTIONS)
    assert tuple(field.name for field in dataclasses.fields(Setup)) == names
    assert set(names) <= set(Training.model_fields)
    for name, option in RUN_OPTIONS.items():
        for command in (train, compare):
            own = next(p for p in command.params if p.name == name)
            assert option.flag in own.opts
            assert option.help in (getattr(own, "help", "") or "")
        assert option.help in (Training.model_fields[name].description or "")
    assert all(kind in RUN_OPTIONS["optimizer"].help for kind in OPTIMIZERS)


def test_a_scenario_plans_what_its_training_section_says() -> None:
    said = ["training.layout='tp=8,pp=9,mb=1,recompute=layernorm+mlp'", "training.set_stack=['graphs=attn']"]
    said += ["training.optimizer='adam-bf16'", "training.packing='mean=2000'", "training.stack='megatron-core@25.09'"]
    use = load(EXAMPLES / "childress-trn3.toml", CATALOGUE, ["ai.system='gb300-nvl72'", *said]).uses[0]
    links = forge(use.scenario, CATALOGUE, use.folder)
    assert links.compute is not None
    plan = links.compute.plan
    assert (plan.layout.tp[0], plan.layout.pp[0], plan.layout.micro_batch[0]) == (8, 9, 1)
    assert plan.layout.modules[0] == module_bits(("layernorm", "mlp"))
    assert (plan.stack, plan.optimizer) == ("stack-megatron-core@25.09; graphs=attn", "adam-bf16")
    assert plan.job.document_tokens == 2000
    others = [other for key, other in links.compute.plans.items() if key != "gb300-nvl72"]
    assert others
    # Layout and stack are of one machine; what is trained, and how it is optimized, of all.
    assert all((other.optimizer, other.job.document_tokens) == ("adam-bf16", 2000) for other in others)
    assert all("graphs=attn" not in other.stack for other in others)
    again = reforge(links, use.scenario, CATALOGUE)
    assert again.compute is not None
    assert again.compute.plan is plan


def test_check_names_every_option_that_is_wrong() -> None:
    wrong = ["layout='tp=8,zz=1'", "schedule='zb'", "stack='abc'", "set_stack=['dispatcher=x']", "optimizer='adamw'"]
    wrong += ["offload='cpu'", "packing='meen=3'"]
    with pytest.raises(ScenarioError) as error:
        load(EXAMPLES / "childress-gb300.toml", CATALOGUE, [f"training.{text}" for text in wrong])
    assert [p.path for p in error.value.problems] == sorted(f"training.{text.partition('=')[0]}" for text in wrong)
    assert all(p.found and p.allowed for p in error.value.problems)
    for text, found in (("layout='tp=8,pp=5,mb=1'", "does not divide 4608 chips"), ("lora=-1", "-1")):
        with pytest.raises(ScenarioError) as error:
            load(EXAMPLES / "childress-gb300.toml", CATALOGUE, [f"training.{text}"])
        assert [p.path for p in error.value.problems] == [f"training.{text.partition('=')[0]}"]
        assert found in error.value.problems[0].found


def test_switches_need_no_stack_and_those_of_elsewhere_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert switched_text("", read_features("graphs=attn")) == "; graphs=attn"
    words = ["train", "gpt-3-175b", "--system", "hgx-h100", "--chips", "64", "--layout", "tp8 pp8 mb1", "--json"]
    with pytest.raises(SystemExit, match="0"):
        main([*words, "--set-stack", "graphs=attn", "--optimizer", "adam-8bit"])
    out = json.loads(capsys.readouterr().out)
    assert out["results"][0]["stack"].endswith("; graphs=attn")
    for feature, instead in (
        ("recompute=mlp", "layout"),
        ("moment_bytes=2", "optimizer"),
        ("stage_layout=t|t", "layers"),
    ):
        with pytest.raises(ScenarioError, match=instead):
            Setup(set_stack=(feature,)).question()


def test_modules_are_written_as_they_are_read() -> None:
    held = parse_choices("tp=8,pp=4,mb=1,recompute=moe_act+layernorm")
    assert held["recompute"] == 1
    assert held["modules"] == module_bits(("layernorm", "moe_act"))
    short = short_layout(one_layout(**held))
    assert is_short(short)
    assert parse_choices(short)["modules"] == held["modules"]
    with pytest.raises(ScenarioError, match="recompute"):
        parse_choices("recompute=moe_act+norms")


def test_stages_of_fewer_layers_than_virtual_stages_are_refused() -> None:
    job = Job(load_model("llama-2-7b", CATALOGUE), 4096, 64)
    for choices in ("tp=2,pp=4,vpp=8,mb=1,first_layers=6", "tp=2,pp=4,vpp=8,mb=1,last_layers=6"):
        end = choices.partition("mb=1,")[2].partition("_")[0]
        with pytest.raises(ScenarioError, match=f"the {end} stage has fewer layers than virtual stages"):
            chosen_space(job, 32, parse_choices(choices))
    assert len(chosen_space(job, 32, parse_choices("tp=2,pp=4,vpp=8,mb=1,first_layers=7")).layouts) == 1


@pytest.mark.parametrize(
    ("system", "chips", "told"), [("inf2-node", 12, True), ("maia-200-pod", 16, True), ("hgx-h100", 16, False)]
)
def test_chips_that_are_sold_for_inference_say_so(system: str, chips: int, told: bool) -> None:
    job = Job(load_model("llama-3.1-8b", CATALOGUE), 4096, 96)
    found = plan(job, CATALOGUE.system(system), chips, catalogue=CATALOGUE, choices={"dp": 4})
    assert any("sold for inference" in note for note in found.notes) is told


@pytest.mark.parametrize("command", ["init", "schema"])
def test_a_machine_or_a_model_not_both(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--machine", "--model"])
    assert stop.value.code == 2
    assert "one of the two" in capsys.readouterr().err


def test_one_is_singular() -> None:
    assert (counted(1, "problem"), counted(2, "problem"), counted(1024, "sequence")) == (
        "1 problem", "2 problems", "1,024 sequences",
    )  # fmt: skip


def test_a_timeline_of_a_schedule_that_is_not_replayed_is_refused() -> None:
    system = CATALOGUE.system("hgx-h100")
    job = Job(load_model("llama-2-7b", CATALOGUE), 4096, 64)

    def found(schedule: str) -> TrainingPlan:
        choices = parse_choices(f"tp=2,pp=4,mb=1,schedule={schedule}")
        return plan(job, system, 32, catalogue=CATALOGUE, choices=choices)

    trace = chrome_trace(plan_timeline(found("1f1b"), system, CATALOGUE), "x")
    assert trace["otherData"]["schedule_stretch"] == pytest.approx(1.0, abs=0.02)
    with pytest.raises(ScenarioError, match="zb-v is not replayed; allowed: 1f1b"):
        plan_timeline(found("zb-v"), system, CATALOGUE)


@pytest.mark.parametrize(
    ("stack", "system", "said"),
    [
        ("stack-megatron-core:loss=foo", "hgx-h100", "features after ':'; allowed: after a semicolon"),
        ("megatron-core, loss=tiled", "hgx-h100", "features after ','; allowed: after a semicolon"),
        ("megatron-core; loss=foo", "hgx-h100", "loss = 'foo'; allowed: plain"),
        ("megatron-lm", "trn2-ultraserver", "runs on gpu chips, not on trn2; allowed: such as stack-neuron"),
        ("nemo@26.02", "tpu-v5p", "runs on gpu chips, not on tpu-v5p; allowed: such as stack-maxtext"),
        ("neuron", "hgx-h100", "runs on trn chips, not on h100-sxm; allowed: such as stack-megatron-core"),
    ],
)
def test_stacks_are_refused_where_they_do_not_run_and_where_features_follow_another_sign(
    stack: str, system: str, said: str
) -> None:
    with pytest.raises(ScenarioError, match=re.escape(said)):
        read_stack(CATALOGUE, stack, CATALOGUE.system(system).accelerator)


def test_every_software_runs_on_chips_for_which_it_is_usual() -> None:
    for key in ("hgx-h100", "mi355x", "tpu-v5p", "trn2-ultraserver"):
        chip = CATALOGUE.system(key).accelerator
        assert read_stack(CATALOGUE, None, chip)[0].key.startswith(default_stack(chip))
    assert read_stack(CATALOGUE, "maxtext", CATALOGUE.system("mi355x").accelerator)[0].key.startswith("stack-maxtext")
