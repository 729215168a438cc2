"""The miners of a scenario: fleet and modes, the network they start from, and to whom their hashes are sold."""

from __future__ import annotations

from dataclasses import dataclass, replace

from megawatt.catalogue import Catalogue
from megawatt.catalogue.memo import Memo
from megawatt.catalogue.records import Assumption
from megawatt.chain.businesses import MiningMoney
from megawatt.mining import (
    Hedge,
    Hosted,
    MachineTerms,
    MinerFleet,
    PowerSegments,
    Treasury,
    fleet,
    hash_response,
    miner_modes,
    mixed,
    power_segments,
)
from megawatt.months import months_between
from megawatt.scenario.mining_sections import Mining
from megawatt.scenario.schema import Timeline
from megawatt.scenario.site_miners import machines_of, network_of, number, own_modes

__all__ = ["MinersPower", "hosted_frac", "miners_power", "mining_money", "power_of"]

Machines = tuple[tuple[MachineTerms, float], ...]
"""Models of a fleet, and the share of the rated power of each."""


@dataclass(frozen=True, slots=True)
class MinersPower:
    """Power of all miners in the rated mode [MW], and its segments where models or modes differ."""

    rated_mw: float
    segments: PowerSegments | None
    assumptions: tuple[Assumption, ...] = ()


def hosted_frac(section: Mining | None) -> float:
    """Share of the miners' power that customers' machines draw."""
    return section.hosting.share.number() if section is not None and section.hosting is not None else 0.0


def miners_power(
    catalogue: Catalogue, machines: Machines, names: tuple[str, ...], own: tuple[tuple[float, float], ...], it_mw: float
) -> MinersPower:
    """Rated power of miners that fill their halls in the highest mode, and its segments.

    Parameters
    ----------
    catalogue : Catalogue
        Holds machines and named modes.
    machines : tuple of (MachineTerms, float)
        As of `machines_of`.
    names, own : tuple
        Modes by name, and of one's own.
    it_mw : float
        Power of the halls. [MW]
    """
    modes = miner_modes(catalogue, names, own=own) if names or own else None
    rated = it_mw / (modes.most_frac if modes else 1.0)
    # what machines cost moves no hour
    parts = [fleet(catalogue, terms._replace(price_usd_per_th=0.0), share * rated) for terms, share in machines]
    return MinersPower(rated, power_segments(mixed(parts), modes), modes.assumptions if modes else ())


def power_of(memo: Memo, section: Mining | None, it_mw: float) -> MinersPower | None:
    """`miners_power` of a scenario's section in halls of this power; None without miners."""
    if section is None:
        return None
    return memo("miners' power", miners_power, machines_of(section), section.modes, own_modes(section), it_mw)


def mining_money(section: Mining, timeline: Timeline, catalogue: Catalogue, rated_mw: float) -> MiningMoney:
    """What a scenario's miners earn by.

    Parameters
    ----------
    section : Mining
        Of the scenario.
    timeline : Timeline
        Gives the months of a hedge.
    catalogue : Catalogue
        Facts.
    rated_mw : float
        Power of all miners, customers' included, in the rated mode. [MW]
    """
    fee, uptime = number(section.pool_fee_frac), number(section.uptime_frac)
    parts = [
        fleet(catalogue, terms, share * rated_mw, pool_fee_frac=fee, uptime_frac=uptime)
        for terms, share in machines_of(section)
    ]
    machines = mixed(parts)
    return MiningMoney(
        _scaled(machines, 1.0 - hosted_frac(section)),
        network_of(catalogue, section),
        hash_response(catalogue),
        hash_loss_per_year=section.hash_loss_per_year.number(),
        hosted=_hosted(section, machines),
        hedge=_hedge(section, timeline),
        treasury=_treasury(section),
    )


def _scaled(machines: MinerFleet, share: float) -> MinerFleet:
    if share == 1.0:
        return machines
    return replace(
        machines,
        it_mw=machines.it_mw * share,
        hashrate_eh_per_s=machines.hashrate_eh_per_s * share,
        machines=machines.machines * share,
        parts=tuple(_scaled(part, share) for part in machines.parts),
    )


def _hosted(section: Mining, machines: MinerFleet) -> Hosted | None:
    hosting = section.hosting
    if hosting is None or hosting.share.number() == 0.0:
        return None
    theirs = number(hosting.efficiency_j_per_th) or machines.efficiency_j_per_th
    price, coins = hosting.usd_per_mwh.number(), hosting.btc_share_frac.number()
    return Hosted(hosting.share.number(), price, coins, machines.efficiency_j_per_th / theirs)


def _hedge(section: Mining, timeline: Timeline) -> Hedge | None:
    hedge = section.hedge
    if hedge is None:
        return None
    start = hedge.start or min(h.live for h in timeline.halls)
    first = months_between(timeline.start, start)
    return Hedge(hedge.share.number(), hedge.usd_per_ph_day.number(), first, hedge.months)


def _treasury(section: Mining) -> Treasury | None:
    kept = section.treasury
    return None if kept is None else Treasury(kept.held_frac.number(), kept.months)
