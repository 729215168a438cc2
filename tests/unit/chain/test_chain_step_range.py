"""The range of a plan's step time travels on: tokens, energy of a token, the price at parity and DSCR move with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.sensitivity import moved_input, ranged_inputs
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"
NAME = "training-step.time_factor"


@pytest.fixture(scope="module")
def trn3() -> Links:
    scenario = load(EXAMPLES / "childress-trn3.toml", load_catalogue(), ()).uses[0].scenario
    return forge(scenario, load_catalogue(), EXAMPLES)


def test_it_is_one_input_with_the_plans_own_range(trn3: Links) -> None:
    (row,) = [a for a in ranged_inputs(trn3) if a.name == NAME]
    assert trn3.compute is not None
    assert trn3.compute.plan is not None
    sure = trn3.compute.plan.sure
    assert sure is not None
    assert sure.outside
    assert (row.fact.low, row.fact.number(), row.fact.high) == (sure.low, 1.0, sure.high)


def test_a_slower_step_earns_less_at_parity_and_takes_more_energy_for_a_token(trn3: Links) -> None:
    slow = reforge(trn3, *moved_input(trn3, NAME, 1.25))
    before, after = trn3.compute, slow.compute
    assert before is not None
    assert after is not None
    assert before.plan is not None
    assert after.plan is not None
    assert after.tokens_per_s == pytest.approx(before.tokens_per_s / 1.25, rel=1e-3)
    assert after.plan.it_energy_j_per_token == pytest.approx(1.25 * before.plan.it_energy_j_per_token)
    assert after.price_usd_per_chip_hour == pytest.approx(before.price_usd_per_chip_hour / 1.25)
    # The machine that it is compared with is as fast as before.
    assert after.plans["gb300-nvl72"].step_time_s == before.plans["gb300-nvl72"].step_time_s
