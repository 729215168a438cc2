"""Retarget prediction, the network's fleet at its break-even, modes and ageing of machines."""

from __future__ import annotations

import math

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.mining import (
    MinerModes,
    NetworkFleet,
    RetargetPrior,
    hash_kept_frac,
    installed_eh_per_s,
    miner_modes,
    mode_segments,
    network_fleet,
    predict_difficulty,
    retarget_prior,
    running_eh_per_s,
    running_share,
)

NETWORK = NetworkFleet(40.0, 0.35)


def test_prediction_from_half_a_period_by_hand() -> None:
    # 1,008 blocks of 540 s: ln(600/540) = 0.10536 measured with variance 1/1008, prior 0 with 0.05^2 = 1/400;
    # mean 0.10536 * 1008 / 1408 = 0.075429; period 1008 * 540 + 1008 * 600 / e^0.075429 = 1,105,173 s
    predicted = predict_difficulty(100.0, 1008, 1008 * 540.0, RetargetPrior(0.0, 0.05))
    assert float(predicted) == pytest.approx(100.0 * 1_209_600.0 / 1_105_173.0, rel=1e-5)


def test_prediction_ends_on_the_rule_and_starts_on_the_prior() -> None:
    prior = RetargetPrior(0.02, 0.05)
    assert float(predict_difficulty(1.0, 2016, 2016 * 500.0, prior)) == pytest.approx(1.2)
    assert float(predict_difficulty(1.0, 0, 0.0, prior)) == pytest.approx(math.exp(0.02))
    for blocks, elapsed in ((2017, 1e6), (10, -1.0), (10, 0.0)):
        with pytest.raises(ScenarioError, match="retarget"):
            predict_difficulty(1.0, blocks, elapsed, prior)
    assert 0.0 < retarget_prior(load_catalogue()).spread < 0.1


def test_half_the_network_runs_at_its_median_cost() -> None:
    assert float(running_share(NETWORK, 40.0)) == pytest.approx(0.5)
    # one standard deviation above: 84.13 %
    assert float(running_share(NETWORK, 40.0 * math.exp(0.35))) == pytest.approx(0.841345, rel=1e-5)
    with pytest.raises(ScenarioError, match="hashprice"):
        running_share(NETWORK, 0.0)


def test_running_and_installed_are_inverse_and_fall_with_revenue() -> None:
    revenue = np.array([20e6, 30e6, 60e6])
    installed = installed_eh_per_s(NETWORK, 500.0, revenue)
    assert running_eh_per_s(NETWORK, installed, revenue) == pytest.approx(500.0)
    running = running_eh_per_s(NETWORK, 600.0, revenue)
    assert np.all(np.diff(running) > 0.0)
    assert running[-1] < 600.0
    # a halving cuts revenue by half, the running hash rate by less: survivors keep part of it
    assert 0.5 < running[1] / running[2] < 1.0


def test_the_fleet_of_the_catalogue_improves() -> None:
    early, late = (network_fleet(load_catalogue(), year) for year in (2022.9, 2024.9))
    # 24 h x 34 J/TH / 1000 x 50 USD/MWh = 40.8
    assert early.cost_usd_per_ph_day == pytest.approx(40.8)
    assert late.cost_usd_per_ph_day == pytest.approx(40.8 * math.exp(-0.17 * 2.0))


def test_modes_are_the_concave_hull() -> None:
    # eco: 80 % of hashes for 70 % of power: 1.142857 per unit; the rest 0.2 / 0.3 = 0.667, turbo 0.1 / 0.15 = 0.667
    modes = miner_modes(load_catalogue(), ("turbo", "eco"))
    assert modes.most_frac == 1.15
    width, worth = mode_segments(35.0, modes)
    assert width.sum() == pytest.approx(35.0 * 1.15)
    assert worth[0] == pytest.approx(0.8 / 0.7)
    assert (width * worth).sum() == pytest.approx(35.0 * 1.1)
    # a mode below the line from off to a better one is never used
    assert mode_segments(35.0, MinerModes((0.5, 1.0), (0.4, 1.0)))[0] == pytest.approx([35.0])
    with pytest.raises(ScenarioError, match="rise"):
        mode_segments(35.0, MinerModes((1.0, 0.9), (1.0, 1.1)))


def test_ageing_compounds() -> None:
    assert hash_kept_frac([0.0, 2.0], 0.1) == pytest.approx([1.0, 0.81])
    with pytest.raises(ScenarioError, match="ages"):
        hash_kept_frac(-1.0, 0.1)
    with pytest.raises(ScenarioError, match="0 to 1"):
        hash_kept_frac(1.0, 1.0)
