"""Hosting, hash rate sold forward and a treasury, by hand; fleets of several models and modes."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.mining import (
    Hedge,
    Hosted,
    MachineTerms,
    MinerModes,
    Treasury,
    break_even_usd_per_ph_day,
    coins_sold,
    fleet,
    hedge_settlement_usd,
    hosted_usd_per_mwh,
    miner_modes,
    mixed,
    network_state,
    power_segments,
    strike_usd_per_mwh,
    with_own_numbers,
)

OWN = MachineTerms(efficiency_j_per_th=20.0, hashrate_th_per_s=150.0, price_usd_per_th=3.0)


def test_customers_pay_energy_and_a_share_of_coins_while_they_earn() -> None:
    terms = Hosted(0.4, 60.0, 0.1)
    # 100 USD mined: 60 + 10; at 66 they keep 59.4 and stop
    assert hosted_usd_per_mwh(terms, np.array([100.0, 66.0, 0.0])).tolist() == [70.0, 0.0, 0.0]
    better = Hosted(0.4, 60.0, 0.0, efficiency_ratio=2.0)  # machines of half the energy per hash mine twice as much
    assert hosted_usd_per_mwh(better, np.array([35.0])).tolist() == [60.0]


def test_a_forward_pays_the_difference_in_its_months() -> None:
    hashprice = np.array([[50.0, 40.0, 30.0, 30.0]])
    paid = hedge_settlement_usd(Hedge(0.5, 45.0, 1, 2), hashprice, np.full(4, 100.0), np.full(4, 30.0))
    assert paid.tolist() == [[0.0, 0.5 * 100.0 * 30.0 * 5.0, 0.5 * 100.0 * 30.0 * 15.0, 0.0]]


def test_coins_held_are_sold_after_the_wait_and_none_is_lost() -> None:
    mined = np.array([[4.0, 8.0, 2.0, 6.0]])
    assert coins_sold(Treasury(0.5, 2), mined).tolist() == [[0.0, 0.0, 2.0, 4.0 + 1.0 + 3.0]]
    assert coins_sold(Treasury(0.5, None), mined).tolist() == [[0.0, 0.0, 0.0, 10.0]]
    for months in (1, 3, 4, 9):
        assert coins_sold(Treasury(0.3, months), mined).sum() == pytest.approx(6.0)


def test_machines_of_ones_own_need_no_catalogue_entry() -> None:
    own = fleet(load_catalogue(), OWN, 30.0, pool_fee_frac=0.01, uptime_frac=0.95)
    assert own.hashrate_eh_per_s == pytest.approx(1.5)
    assert own.machines == pytest.approx(10_000.0)  # 30 MW / 3 kW
    assert (own.pool_fee_frac, own.uptime_frac, own.assumptions) == (0.01, 0.95, ())
    with pytest.raises(ScenarioError, match="hashrate_th_per_s"):
        fleet(load_catalogue(), OWN._replace(hashrate_th_per_s=None), 30.0)


def test_a_miner_without_a_published_price_needs_one() -> None:
    with pytest.raises(CatalogueError, match="price_usd_per_th"):
        fleet(load_catalogue(), "whatsminer-m66s", 1.0)
    assert fleet(load_catalogue(), MachineTerms("whatsminer-m66s", price_usd_per_th=10.0), 1.0).price_usd_per_th == 10.0


def test_a_mix_adds_hashes_cost_and_machines() -> None:
    catalogue = load_catalogue()
    new, old = fleet(catalogue, "s21", 35.0), fleet(catalogue, MachineTerms("s19j-pro", kept_frac=0.9), 29.5)
    both = mixed([new, old])
    assert both.hashrate_eh_per_s == pytest.approx(2.0 + 0.9)
    assert both.efficiency_j_per_th == pytest.approx(64.5 / 2.9)
    spent = both.hashrate_eh_per_s * both.price_usd_per_th
    assert spent == pytest.approx(2.0 * 15.0 + 1.0 * 2.5)  # aged machines were paid for at their nameplate
    assert mixed([new]) is new


def test_the_best_machines_and_modes_come_first_and_hashes_are_kept() -> None:
    catalogue = load_catalogue()
    modes = MinerModes((0.7, 1.0), (0.8, 1.0))
    both = mixed([fleet(catalogue, "s19j-pro", 20.0), fleet(catalogue, "s21", 20.0)])
    steps = power_segments(both, modes)
    assert steps is not None
    assert steps.machine == ("antminer-s21", "antminer-s19j-pro", "antminer-s21", "antminer-s19j-pro")
    assert steps.width_mw.sum() == pytest.approx(40.0)
    assert (np.diff(steps.worth) <= 0.0).all()
    hashes = (steps.width_mw * steps.worth).sum() / both.efficiency_j_per_th
    assert hashes == pytest.approx(both.hashrate_eh_per_s)
    assert power_segments(fleet(catalogue, "s21", 20.0), None) is None


@pytest.mark.parametrize("own", [[(0.6, 1.2)], [(1.0, 1.0)], [(1.2, 0.9)]])
def test_modes_that_hash_no_more_for_more_power_are_refused(own: list[tuple[float, float]]) -> None:
    with pytest.raises(ScenarioError, match="both must rise"):
        miner_modes(load_catalogue(), own=own)


def test_strike_and_break_even_are_each_other_turned_round() -> None:
    own = fleet(load_catalogue(), OWN, 30.0, pool_fee_frac=0.01, uptime_frac=0.95)
    # 48 USD/PH/day / 24 h / 0.02 MWh = 100 USD/MWh, less uptime and fee, over 1.1 MW a MW
    strike = float(strike_usd_per_mwh(own, 48.0, 20.0, 1.1))
    assert strike == pytest.approx(100.0 * 0.95 * 0.99 / 1.1)
    assert float(break_even_usd_per_ph_day(own, strike, 20.0, 1.1)) == pytest.approx(48.0)
    idle = fleet(load_catalogue(), OWN, 30.0, uptime_frac=0.0)
    assert np.isinf(break_even_usd_per_ph_day(idle, 50.0, 20.0))


def test_own_numbers_take_the_place_of_published_ones() -> None:
    state = network_state(load_catalogue(), "bitcoin-2022-11")
    own = with_own_numbers(state, btc_price_usd=60_000.0, fees_btc_per_day=0.0)
    assert (own.btc_price_usd, own.fees_btc_per_day) == (60_000.0, 0.0)
    assert own.network_eh_per_s == state.network_eh_per_s
    assert {a.name for a in own.assumptions} == {"bitcoin-2022-11.difficulty"}
