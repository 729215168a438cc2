"""Machines on the network of a month as plain named figures."""

from __future__ import annotations

import math

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.mining.fleets import MachineTerms, break_even_usd_per_ph_day, fleet, revenue_usd_per_mwh
from megawatt.mining.network import hash_response, network_state, project_network, with_own_numbers
from megawatt.mining.switchoff import network_fleet, running_share

__all__ = ["machine_figures"]


def machine_figures(
    catalogue: Catalogue,
    *,
    network: str,
    miner: str = "",
    efficiency_j_per_th: float | None = None,
    power_usd_per_mwh: float = 0.0,
    hashprice_usd_per_ph_day: float | None = None,
    btc_usd: float | None = None,
    months_ahead: int = 0,
    elasticity: float | None = None,
) -> dict[str, float]:
    """What machines earn on the network of a month, or some months later at the same price of bitcoin.

    Parameters
    ----------
    catalogue : Catalogue
        Facts.
    network : str
        State of a month, e.g. ``bitcoin-2024-03``.
    miner : str
        A machine of the catalogue; empty: ``antminer-s21``, or its numbers replaced by ``efficiency_j_per_th``.
    efficiency_j_per_th : float, optional
        Energy per hash at the plug. [J/TH]
    power_usd_per_mwh : float
        Price of power. [USD/MWh]
    hashprice_usd_per_ph_day : float, optional
        In place of the one that the network's state gives. [USD/PH/day]
    btc_usd : float, optional
        In place of the month's price. [USD]
    months_ahead : int
        Months that the network is projected, halvings included, bitcoin held.
    elasticity : float, optional
        Of hash rate to revenue; default: the catalogue's. 0 to 1

    Returns
    -------
    dict
        ``hashprice_usd_per_ph_day``, ``published_hashprice_usd_per_ph_day``, ``network_eh_per_s``, ``subsidy_btc``,
        ``revenue_usd_per_mwh`` (after uptime and pool fee: also the power price that the machines survive),
        ``margin_usd_per_mwh`` over power, ``break_even_usd_per_ph_day`` at that power price, ``btc_break_even_usd``
        (price of bitcoin without a margin on the same network), ``running_frac`` (share of the network's machines whose
        power costs less than they earn), ``efficiency_j_per_th``.
    """
    state = with_own_numbers(network_state(catalogue, network), btc_price_usd=btc_usd)
    response = hash_response(catalogue)
    months = months_ahead + 1
    path = project_network(
        state, state.year, state.month, months, np.ones((1, months)),
        elasticity=response.elasticity if elasticity is None else elasticity,
        lag_months=response.lag_months, growth=response.growth,
    )  # fmt: skip
    price = hashprice_usd_per_ph_day or float(path.hashprice_usd_per_ph_day[0, -1])
    machines = fleet(catalogue, MachineTerms(miner or "antminer-s21", efficiency_j_per_th), 1.0)
    earned = float(revenue_usd_per_mwh(machines, price))
    needed = float(break_even_usd_per_ph_day(machines, power_usd_per_mwh, machines.efficiency_j_per_th))
    then = state.year + (state.month - 0.5 + months_ahead) / 12.0
    return {
        "hashprice_usd_per_ph_day": price,
        "published_hashprice_usd_per_ph_day": state.published_hashprice_usd_per_ph_day,
        "network_eh_per_s": float(path.network_eh_per_s[0, -1]),
        "btc_usd": state.btc_price_usd,
        "subsidy_btc": float(path.subsidy_btc[-1]),
        "revenue_usd_per_mwh": earned,
        "margin_usd_per_mwh": earned - power_usd_per_mwh,
        "break_even_usd_per_ph_day": needed,
        "btc_break_even_usd": state.btc_price_usd * needed / price if price > 0.0 else math.nan,
        "running_frac": float(running_share(network_fleet(catalogue, then), price)),
        "efficiency_j_per_th": machines.efficiency_j_per_th,
    }
