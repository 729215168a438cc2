"""What a run switches on in its software: read, written, merged."""

from __future__ import annotations

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.training import Features, merge_features, read_features
from megawatt.training.stacks import read_stack

CATALOGUE = load_catalogue()


def test_features_are_read() -> None:
    found = read_features("dispatcher=hybridep; graphs=attn,router ; ep_overlap = on;capacity=1.25; recompute=none")
    assert found == Features(
        dispatcher="hybridep", graphs=("attn", "router"), ep_overlap=True, capacity=1.25, recompute=()
    )
    assert read_features("") == Features()


def test_what_is_written_is_read_again() -> None:
    text = "dispatcher=deepep; graphs=none; ep_overlap=off; recompute=mlp,moe_act; moment_bytes=2; stage_layout=Et|tL"
    assert read_features(text).text() == text


def test_the_first_that_says_something_counts() -> None:
    merged = merge_features(read_features("ep_overlap=off"), read_features("ep_overlap=on; dispatcher=deepep"))
    assert merged == Features(ep_overlap=False, dispatcher="deepep")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dispatcher=nccl", "dispatcher = 'nccl'; allowed: alltoall, deepep, hybridep"),
        ("ep_overlap=maybe", "allowed: on, off"),
        ("graphs=attn,head", "graphs = 'head'"),
        ("capacity=-1", "a number of 0 or more"),
        ("speed=2", "allowed: name=value with dispatcher"),
        ("ep_overlap", "allowed: name=value"),
        ("ep_overlap=on; ep_overlap=off", "stands twice"),
    ],
)
def test_wrong_features_are_named(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        read_features(text)


@pytest.mark.parametrize("system", ["tpu-v7-pod", "trn2-ultraserver"])
def test_dispatchers_of_gpus_run_on_gpus_alone(system: str) -> None:
    chip = CATALOGUE.system(system).accelerator
    with pytest.raises(ScenarioError, match=f"dispatcher = 'deepep' on {chip.key}.*allowed: alltoall"):
        read_stack(CATALOGUE, "; dispatcher=deepep", chip)
    assert read_stack(CATALOGUE, "; dispatcher=alltoall", chip)[0].dispatcher == "alltoall"
