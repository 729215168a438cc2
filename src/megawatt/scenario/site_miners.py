"""The miners that a scenario names, as the mining room knows them: machines, modes, and the network's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Fact
from megawatt.scenario.mining_sections import Machine, Mining

if TYPE_CHECKING:
    from megawatt.mining import MachineTerms, NetworkState

__all__ = ["machines_of", "network_of", "number", "own_modes"]


def number(fact: Fact | None) -> float | None:
    """A number of the scenario; None where it gives none."""
    return None if fact is None else fact.number()


def _terms(machine: Machine, kept_frac: float = 1.0) -> MachineTerms:
    from megawatt.mining import MachineTerms

    return MachineTerms(
        machine.miner,
        number(machine.efficiency_j_per_th),
        number(machine.hashrate_th_per_s),
        number(machine.price_usd_per_th),
        kept_frac,
    )


def machines_of(section: Mining) -> tuple[tuple[MachineTerms, float], ...]:
    """The models of a scenario's miners with their shares; ages are in what is kept of their hash rate."""
    from megawatt.mining import hash_kept_frac

    loss = section.hash_loss_per_year.number()
    return tuple(
        (_terms(part, float(hash_kept_frac(part.age_months / 12.0, loss))), part.share.number())
        for part in section.fleets
    ) or ((_terms(section), 1.0),)


def own_modes(section: Mining) -> tuple[tuple[float, float], ...]:
    """Modes of the scenario's own: power and hash rate over rated."""
    return tuple((mode.power_frac.number(), mode.hash_frac.number()) for mode in section.own_modes)


def network_of(catalogue: Catalogue, section: Mining) -> NetworkState:
    """The network's state in its month, with the scenario's own numbers in place of the published ones.

    Raises
    ------
    CatalogueError
        If the month has no state, or the state lacks a fact.
    """
    from megawatt.mining import BLOCKS_PER_DAY, network_eh_per_s, network_state, subsidy_by_month, with_own_numbers

    state = network_state(catalogue, section.network or f"bitcoin-{section.as_of}")
    hashes = number(section.network_eh_per_s)
    if section.difficulty is not None:
        hashes = float(network_eh_per_s(section.difficulty.number()))
    fees = number(section.fees_btc_per_day)
    if section.fees_btc_per_block is not None:
        fees = section.fees_btc_per_block.number() * BLOCKS_PER_DAY
    if section.fees_frac is not None:
        share = section.fees_frac.number()
        fees = share / (1.0 - share) * BLOCKS_PER_DAY * float(subsidy_by_month(state.year, state.month, 1)[0])
    return with_own_numbers(
        state, btc_price_usd=number(section.btc_price_usd), network_eh_per_s=hashes, fees_btc_per_day=fees
    )
