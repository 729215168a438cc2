"""The network's state from the catalogue, and hash rate following revenue."""

from __future__ import annotations

import math

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.mining import (
    BLOCKS_PER_DAY,
    NetworkState,
    follow_revenue,
    hash_response,
    hashprice_usd_per_ph_day,
    network_state,
    project_network,
    subsidy_by_month,
)

STATE = NetworkState("test", 2025, 11, 100_000.0, 1000.0, 0.0, 45.0)
FLAT = {"elasticity": 0.0, "lag_months": 0.0, "growth": 0.0}


def test_catalogue_state_reproduces_the_published_hashprice() -> None:
    state = network_state(load_catalogue(), "bitcoin-2025-11")
    computed = float(
        hashprice_usd_per_ph_day(450.0, state.fees_btc_per_day, state.btc_price_usd, state.network_eh_per_s)
    )
    # price, difficulty and fees come from other readings than the index they reproduce
    assert computed == pytest.approx(state.published_hashprice_usd_per_ph_day, rel=0.005)
    # 1.5333e14 x 2^32 / 600 / 1e18
    assert state.network_eh_per_s == pytest.approx(1097.58, abs=0.01)
    assert {a.name for a in state.assumptions} >= {"bitcoin-2025-11.difficulty", "bitcoin-2025-11.btc_price_usd"}


def test_the_state_of_august_2026_reproduces_its_hashprice_within_its_week() -> None:
    state = network_state(load_catalogue(), "bitcoin-2026-08")
    computed = float(
        hashprice_usd_per_ph_day(450.0, state.fees_btc_per_day, state.btc_price_usd, state.network_eh_per_s)
    )
    # price and difficulty are readings of 11 August, the index is of the 3rd
    assert computed == pytest.approx(state.published_hashprice_usd_per_ph_day, rel=0.03)
    # 1.275e14 x 2^32 / 600 / 1e18
    assert state.network_eh_per_s == pytest.approx(912.7, abs=0.1)


def test_catalogue_response_is_in_range_and_sourced() -> None:
    response = hash_response(load_catalogue())
    assert 0.0 <= response.elasticity <= 1.0
    assert response.lag_months > 0.0
    assert len(response.assumptions) == 3


def test_an_unknown_state_names_the_nearest() -> None:
    with pytest.raises(CatalogueError, match="bitcoin-2025-11"):
        network_state(load_catalogue(), "bitcoin-2025-12")


def test_without_response_the_price_goes_straight_into_hashprice() -> None:
    path = project_network(STATE, 2025, 11, 2, [[1.0, 2.0]], **FLAT)
    # 450 BTC x 100,000 / 1e6 PH/s = 45; twice the price is 90
    assert path.hashprice_usd_per_ph_day[0].tolist() == pytest.approx([45.0, 90.0])
    assert path.network_eh_per_s[0].tolist() == [1000.0, 1000.0]


def test_free_entry_without_lag_returns_hashprice_to_its_level() -> None:
    path = project_network(STATE, 2026, 1, 60, np.full((1, 60), 3.0), elasticity=1.0, lag_months=0.0, growth=0.0)
    # revenue is up threefold, so is hash rate; the halving of April 2028 halves both
    assert path.hashprice_usd_per_ph_day[0] == pytest.approx(np.full(60, 45.0))
    assert path.network_eh_per_s[0, 0] == pytest.approx(3000.0)
    assert path.network_eh_per_s[0, -1] == pytest.approx(1500.0)


def test_a_gap_closes_by_63_percent_in_the_lag() -> None:
    relative = follow_revenue(np.full((1, 6), math.e), np.zeros(6), elasticity=0.5, lag_months=6.0, growth=0.0)
    # target ln h = 0.5; after six months 0.5 x (1 - exp(-1))
    assert math.log(relative[0, -1]) == pytest.approx(0.5 * (1.0 - math.exp(-1.0)))


def test_growth_counts_from_the_month_of_the_state() -> None:
    path = project_network(STATE, 2026, 11, 13, np.ones((1, 13)), elasticity=0.0, lag_months=0.0, growth=0.2)
    assert path.network_eh_per_s[0, 0] == pytest.approx(1000.0 * math.exp(0.2))
    assert path.network_eh_per_s[0, 12] == pytest.approx(1000.0 * math.exp(0.4))


def test_halving_hits_hashprice_at_once_and_hash_rate_gives_part_back() -> None:
    response = hash_response(load_catalogue())
    path = project_network(
        STATE, 2026, 1, 48, np.ones((1, 48)), elasticity=response.elasticity, lag_months=response.lag_months, growth=0.0
    )
    price = path.hashprice_usd_per_ph_day[0]
    # March and June 2028 are columns 26 and 29
    assert 0.5 < price[29] / price[26] < 0.8
    assert price[47] > price[29]


def test_wrong_paths_are_refused() -> None:
    with pytest.raises(ScenarioError, match="before the state's month 2025-11"):
        project_network(STATE, 2025, 10, 1, [[1.0]], **FLAT)
    with pytest.raises(ScenarioError, match=r"must be \(paths, 3\)"):
        project_network(STATE, 2026, 1, 3, [[1.0]], **FLAT)
    with pytest.raises(ScenarioError, match="positive number"):
        project_network(STATE, 2026, 1, 2, [[1.0, 0.0]], **FLAT)
    with pytest.raises(ScenarioError, match="elasticity must be 0 to 1"):
        project_network(STATE, 2026, 1, 1, [[1.0]], elasticity=1.2, lag_months=0.0, growth=0.0)


def test_hashprice_of_the_months_is_the_index_of_the_years() -> None:
    # Luxor's hashprice index, means of 2021 and 2022 (coinedition.com, 15 January 2023) and of February 2025
    # (hashrateindex.com/blog/hashrate-markets-lookback-series-february-2025)
    catalogue = load_catalogue()

    def hashprice(key: str) -> float:
        state = network_state(catalogue, key)
        subsidy = subsidy_by_month(state.year, state.month, 1) * BLOCKS_PER_DAY
        price = hashprice_usd_per_ph_day(subsidy, state.fees_btc_per_day, state.btc_price_usd, state.network_eh_per_s)
        # difficulty and price are multiplied as means of the month: May 2021 fell by half within it
        assert float(price[0]) == pytest.approx(state.published_hashprice_usd_per_ph_day, rel=0.025)
        return float(price[0])

    for year, index in ((2021, 314.61), (2022, 123.88)):
        assert np.mean([hashprice(f"bitcoin-{year}-{m:02d}") for m in range(1, 13)]) == pytest.approx(index, rel=0.005)
    assert hashprice("bitcoin-2025-02") == pytest.approx(54.55, rel=0.01)
    months = [key for key in catalogue.entries if key.startswith("bitcoin-202")]
    assert len(months) == 53 + 4
