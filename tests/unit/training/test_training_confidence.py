"""How sure a plan is: the nearest measured run, its distance, and ranges that hold what they say they hold."""

from __future__ import annotations

import dataclasses
import math

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.training import Confidence, Job, confidence, held_out, nearest_run, plan, score_range
from megawatt.training.confidence import evidence
from megawatt.workload import load_model

CATALOGUE = load_catalogue()


def _sure(
    model: str, chip: str, chips: int, *, precision: str = "bf16", stack: str = "stack-megatron-core"
) -> Confidence:
    job = Job(load_model(model, CATALOGUE), seq_len=8192, global_batch=512, precision=precision)
    return confidence(job, CATALOGUE.accelerator(chip), chips, stack, CATALOGUE)


def test_ranges_hold_what_they_say_of_sources_left_out() -> None:
    by_run, by_source = held_out()
    assert 0.75 <= by_run <= 0.85
    assert 0.75 <= by_source <= 0.85


def test_the_table_names_each_source_and_is_what_distances_say() -> None:
    known = evidence()
    assert len(known.error) > 900
    assert len(set(known.words["source"])) > 25
    assert all(url.startswith("https://") for url in known.words["url"])
    assert (known.distance >= 0.0).all()
    # Predictions without their source are off by about a tenth, not by nothing and not by a half.
    assert 0.05 < float(abs(known.error).mean()) < 0.2


def test_a_measured_run_is_its_own_nearest() -> None:
    sure = _sure("llama-3.1-405b", "h100-sxm", 16_384)
    assert sure.distance < 0.1
    assert sure.run["model"] == "Llama-3.1-405B"
    assert not sure.outside
    assert not sure.apart
    assert "Outside" not in sure.sentence


@pytest.mark.parametrize(
    ("model", "chip", "why"),
    [
        ("llama-3.1-405b", "trn3", "chip"),  # no run on it
        ("llama-3.1-405b", "vera-rubin", "chip"),
        ("deepseek-v3", "trn1", "kind"),  # a mixture, where dense models alone were measured
    ],
)
def test_what_nobody_measured_is_outside_and_wider(model: str, chip: str, why: str) -> None:
    stack = "stack-neuron" if chip.startswith("trn") else "stack-megatron-core"
    near, far = _sure("llama-3.1-405b", "h100-sxm", 16_384), _sure(model, chip, 1024, stack=stack)
    assert far.outside
    assert any(word.startswith(why) for word in far.apart)
    assert far.low < near.low < 1.0 < near.high < far.high
    assert far.sentence.endswith("Outside anything measured.")


def test_a_chip_of_a_machine_file_is_a_relative_not_the_chip_it_is_like() -> None:
    chip = dataclasses.replace(CATALOGUE.accelerator("h100-sxm"), key="my-chip", like="h100-sxm")
    job = Job(load_model("llama-3.1-405b", CATALOGUE), 8192, 2048)
    sure = confidence(job, chip, 16_384, "stack-megatron-core", CATALOGUE)
    assert sure.outside
    assert sure.distance > _sure("llama-3.1-405b", "h100-sxm", 16_384).distance


def test_the_range_grows_with_distance_as_calibrated() -> None:
    sure = _sure("llama-3.1-70b", "gb300", 64, precision="mxfp8")
    low, high = (math.exp(end * (1.0 + sure.distance)) for end in score_range())
    assert (sure.low, sure.high) == pytest.approx((low, high))


def test_every_plan_says_it() -> None:
    found = plan(
        Job(load_model("llama-2-7b", CATALOGUE), 4096, 256), CATALOGUE.system("hgx-h100"), 64, catalogue=CATALOGUE
    )
    said = nearest_run(found)
    assert said is not None
    assert said["step_time_80_s"][0] < found.step_time_s < said["step_time_80_s"][1]
    assert said["url"]
    assert nearest_run(dataclasses.replace(found, sure=None)) is None
