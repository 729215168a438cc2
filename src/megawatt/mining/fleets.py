"""A fleet of miners: its hash rate, what a megawatt-hour earns in it, and how it ages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError
from megawatt.mining.network import NetworkPath
from megawatt.mining.records import HashEconomics, MinerFleet

__all__ = [
    "MachineTerms",
    "break_even_usd_per_ph_day",
    "fleet",
    "hash_economics",
    "hash_kept_frac",
    "mixed",
    "revenue_usd_per_mwh",
    "strike_usd_per_mwh",
]


OPERATIONS_KEY = "mining-operations"


class MachineTerms(NamedTuple):
    """Machines of one model: numbers of one's own in place of the catalogue's, or these alone where ``miner`` is None.

    ``kept_frac`` is their hash rate relative to new ones (`hash_kept_frac`).
    """

    miner: str | None = None
    efficiency_j_per_th: float | None = None
    hashrate_th_per_s: float | None = None
    price_usd_per_th: float | None = None
    kept_frac: float = 1.0


def fleet(
    catalogue: Catalogue,
    machine: str | MachineTerms,
    it_mw: float,
    *,
    pool_fee_frac: float | None = None,
    uptime_frac: float | None = None,
) -> MinerFleet:
    """The fleet of one model that draws this power. Hash rate [EH/s] = it_mw [MW] / efficiency [J/TH] * kept share.

    1 MW = 1e6 J/s over e J/TH gives 1e6 / e TH/s, which is 1 / e EH/s.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the miner, and pool fee and uptime under ``mining-operations`` where none are given.
    machine : str or MachineTerms
        A key, e.g. ``antminer-s21``, or machines with numbers of one's own.
    it_mw : float
        Power that the machines draw at their plugs. [MW], >= 0
    pool_fee_frac, uptime_frac : float, optional
        0 to 1.

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    ScenarioError
        If it_mw is negative or not a number, or a number is missing of machines that the catalogue does not hold.
    """
    if not (np.isfinite(it_mw) and it_mw >= 0.0):
        raise ScenarioError(f"mining.it_mw = {it_mw} MW, must be a number >= 0")
    terms = MachineTerms(machine) if isinstance(machine, str) else machine
    facts = _Facts(catalogue, [])
    efficiency, rate, price = _machine(facts, terms)
    working = efficiency / terms.kept_frac
    return MinerFleet(
        key=catalogue.get(terms.miner, "miner").key if terms.miner else "own machine",
        it_mw=it_mw,
        efficiency_j_per_th=working,
        hashrate_eh_per_s=it_mw / working,
        machines=it_mw * 1e6 / (efficiency * rate if rate is not None else facts.of(terms.miner, "power_w")),
        pool_fee_frac=facts.given(pool_fee_frac, OPERATIONS_KEY, "pool_fee_frac"),
        uptime_frac=facts.given(uptime_frac, OPERATIONS_KEY, "uptime_frac"),
        price_usd_per_th=price / terms.kept_frac,
        assumptions=tuple(facts.used),
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts of the catalogue, and which were used."""

    catalogue: Catalogue
    used: list[Assumption]

    def of(self, key: str | None, name: str) -> float:
        if key is None:
            raise ScenarioError(f"mining: neither a miner nor {name} is given; give one's own number or a miner")
        key = self.catalogue.get(key).key
        self.used.append(self.catalogue.assume(key, name, "mining"))
        return self.catalogue.number(key, name)

    def given(self, value: float | None, key: str | None, name: str) -> float:
        return self.of(key, name) if value is None else value


def _machine(facts: _Facts, terms: MachineTerms) -> tuple[float, float | None, float]:
    """Energy per hash, own hash rate of a machine (None: as the catalogue's power has it), and price."""
    if terms.miner is not None:
        facts.catalogue.get(terms.miner, "miner")
    efficiency = facts.given(terms.efficiency_j_per_th, terms.miner, "efficiency_j_per_th")
    rate = terms.hashrate_th_per_s
    if rate is None and (terms.miner is None or terms.efficiency_j_per_th is not None):
        rate = facts.of(terms.miner, "hashrate_th_per_s")
    return efficiency, rate, facts.given(terms.price_usd_per_th, terms.miner, "price_usd_per_th")


def mixed(parts: Sequence[MinerFleet]) -> MinerFleet:
    """Several fleets as one: sums, and means by hash rate; they share pool and practice.

    Parameters
    ----------
    parts : sequence of MinerFleet
        One or more; a single one is returned as it is.
    """
    if len(parts) == 1:
        return parts[0]
    power, hashes = sum(p.it_mw for p in parts), sum(p.hashrate_eh_per_s for p in parts)
    return replace(
        parts[0],
        key=" + ".join(p.key for p in parts),
        it_mw=power,
        efficiency_j_per_th=power / hashes,
        hashrate_eh_per_s=hashes,
        machines=sum(p.machines for p in parts),
        price_usd_per_th=sum(p.price_usd_per_th * p.hashrate_eh_per_s for p in parts) / hashes,
        assumptions=tuple(dict.fromkeys(a for p in parts for a in p.assumptions)),
        parts=tuple(parts),
    )


def hash_kept_frac(age_years: ArrayLike, loss_per_year: float) -> FloatArray:
    """Hash rate of machines relative to new ones, at unchanged power: the same share is lost every year. [-]

    Failed chips and dust; (1 - loss) ^ age.

    Parameters
    ----------
    age_years : array
        Time in the field. [years], >= 0
    loss_per_year : float
        0 to below 1; the catalogue's assumption is ``mining-modes.hash_loss_per_year``. [1/year]

    Raises
    ------
    ScenarioError
        If a number is out of range.
    """
    age = np.asarray(age_years, dtype=np.float64)
    if not (age.min(initial=0.0) >= 0.0 and 0.0 <= loss_per_year < 1.0):
        raise ScenarioError(f"mining: loss of {loss_per_year} a year at ages {age}; ages must be >= 0, the loss 0 to 1")
    return np.asarray((1.0 - loss_per_year) ** age, dtype=np.float64)


def revenue_usd_per_mwh(miners: MinerFleet, hashprice_usd_per_ph_day: ArrayLike) -> FloatArray:
    """Revenue of a MWh at the miner's plug, after pool fee and uptime. [USD/MWh]

    hashprice / 24 h / (efficiency / 1000 MWh per PH/s and hour) * uptime * (1 - fee). Uptime is the share of the drawn
    energy that becomes accepted work; machines that are off draw nothing and belong in ``it_mw``.

    Parameters
    ----------
    miners : MinerFleet
        Efficiency, fee and uptime.
    hashprice_usd_per_ph_day : array, shape (...)
        Revenue of one PH/s for a day. [USD/PH/day]
    """
    return strike_usd_per_mwh(miners, hashprice_usd_per_ph_day, miners.efficiency_j_per_th)


def strike_usd_per_mwh(
    miners: MinerFleet, hashprice_usd_per_ph_day: ArrayLike, j_per_th: float, facility_per_it: float = 1.0
) -> FloatArray:
    """Delivered price of power at which a hash earns its energy. [USD/MWh]

    hashprice / 24 h / (J/TH / 1000 MWh per PH/s and hour) * uptime * (1 - fee) / MW at the connection per MW of miners.

    Parameters
    ----------
    miners : MinerFleet
        Fee and uptime.
    hashprice_usd_per_ph_day : array, shape (...)
        Revenue of one PH/s for a day. [USD/PH/day]
    j_per_th : float
        Energy per hash at the plug, of a machine or of a step between its modes. [J/TH], > 0
    facility_per_it : float
        What stops at the connection with a MW of miners: cooling and losses too. [-], > 0
    """
    gross = np.asarray(hashprice_usd_per_ph_day, dtype=np.float64) / 24.0 / (j_per_th / 1000.0)
    kept = gross * miners.uptime_frac * (1.0 - miners.pool_fee_frac)
    return np.asarray(kept / facility_per_it, dtype=np.float64)


def break_even_usd_per_ph_day(
    miners: MinerFleet, usd_per_mwh: ArrayLike, j_per_th: float, facility_per_it: float = 1.0
) -> FloatArray:
    """Hash price at which a hash earns its energy: what `strike_usd_per_mwh` turned round says. [USD/PH/day]

    Infinite where the fleet earns nothing (no uptime, or all of it to the pool).
    """
    one = float(strike_usd_per_mwh(miners, 1.0, j_per_th, facility_per_it))
    power = np.asarray(usd_per_mwh, dtype=np.float64)
    return np.asarray(power / one if one > 0.0 else np.full_like(power, np.inf), dtype=np.float64)


def hash_economics(miners: MinerFleet, path: NetworkPath, kept_frac: ArrayLike = 1.0) -> HashEconomics:
    """What a MWh earns in the fleet along a projected network; arrays (paths, months).

    ``kept_frac`` is the fleet's hash rate relative to new machines, by month (`hash_kept_frac`).
    """
    return HashEconomics(
        usd_per_mwh=revenue_usd_per_mwh(miners, path.hashprice_usd_per_ph_day) * np.asarray(kept_frac),
        hashprice_usd_per_ph_day=path.hashprice_usd_per_ph_day,
        network_eh_per_s=path.network_eh_per_s,
        btc_price_usd=path.btc_price_usd,
        subsidy_btc=path.subsidy_btc,
        assumptions=(*miners.assumptions, *path.assumptions),
    )
