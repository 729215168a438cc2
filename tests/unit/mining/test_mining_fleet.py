"""Fleets: hash rate, revenue of a megawatt-hour, break-even."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.mining import (
    MinerFleet,
    NetworkState,
    fleet,
    hash_economics,
    project_network,
    revenue_usd_per_mwh,
)

PLAIN = MinerFleet("plain", 35.0, 17.5, 2.0, 10_000.0, 0.0, 1.0, 15.0)


def test_revenue_of_a_megawatt_hour_by_hand() -> None:
    # 37.5 USD/PH/day / 24 h = 1.5625 USD per PH-hour; 17.5 J/TH is 17.5 kWh per PH-hour; 1.5625 / 0.0175 = 89.2857
    assert float(revenue_usd_per_mwh(PLAIN, 37.5)) == pytest.approx(89.285714, rel=1e-7)


def test_fee_and_uptime_both_reduce_revenue() -> None:
    miners = MinerFleet("m", 35.0, 17.5, 2.0, 10_000.0, 0.01, 0.98, 15.0)
    assert float(revenue_usd_per_mwh(miners, 37.5)) == pytest.approx(89.285714 * 0.98 * 0.99, rel=1e-7)


def test_fleet_from_the_catalogue() -> None:
    miners = fleet(load_catalogue(), "s21", 35.0)
    # 35 MW / 17.5 J/TH = 2 EH/s; 35 MW / 3,500 W = 10,000 machines, of 200 TH/s each
    assert miners.hashrate_eh_per_s == pytest.approx(2.0)
    assert miners.machines == pytest.approx(10_000.0)
    assert miners.machines * 200e12 == pytest.approx(miners.hashrate_eh_per_s * 1e18)
    assert {a.name for a in miners.assumptions} >= {"mining-operations.pool_fee_frac", "mining-operations.uptime_frac"}


def test_economics_keep_the_network_behind_them() -> None:
    state = NetworkState("test", 2025, 11, 100_000.0, 1000.0, 0.0, 45.0)
    path = project_network(state, 2026, 1, 3, np.ones((2, 3)), elasticity=0.5, lag_months=3.0, growth=0.2)
    economics = hash_economics(PLAIN, path)
    assert economics.usd_per_mwh.shape == (2, 3)
    assert economics.usd_per_mwh == pytest.approx(path.hashprice_usd_per_ph_day / 24.0 / 0.0175)
    assert economics.subsidy_btc.tolist() == [3.125] * 3
    older = hash_economics(PLAIN, path, np.array([1.0, 0.9, 0.8]))
    assert older.usd_per_mwh == pytest.approx(economics.usd_per_mwh * [1.0, 0.9, 0.8])


def test_wrong_inputs() -> None:
    with pytest.raises(ScenarioError, match="must be a number >= 0"):
        fleet(load_catalogue(), "s21", -1.0)
    with pytest.raises(CatalogueError, match="antminer-s21"):
        fleet(load_catalogue(), "antminer-s22", 1.0)
