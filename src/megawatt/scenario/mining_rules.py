"""What a scenario's miners may not be: rules between the numbers of the mining section, and with the timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError, Problem
from megawatt.months import month_after
from megawatt.scenario.mining_sections import Machine, Mining
from megawatt.scenario.schema import Scenario
from megawatt.scenario.site_miners import machines_of, network_of, own_modes

__all__ = ["mining_problems"]

_OWN = ("efficiency_j_per_th", "hashrate_th_per_s", "price_usd_per_th")
_ONE_OF = (("difficulty", "network_eh_per_s"), ("fees_btc_per_day", "fees_btc_per_block", "fees_frac"))


def mining_problems(scenario: Scenario, catalogue: Catalogue) -> Iterator[Problem]:
    """Problems of a scenario's miners whose numbers are each right.

    Parameters
    ----------
    scenario : Scenario
        Valid by its schema.
    catalogue : Catalogue
        Machines and network states.
    """
    section = scenario.mining
    if section is None:
        return
    found = [*_machines(section), *_modes(section, catalogue), *_network(scenario, section, catalogue)]
    yield from found or _fleet(section, catalogue)
    yield from _ages(scenario, section)
    yield from _sold(scenario, section)


def _given(section: Machine, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(section, name) is not None]


def _machines(section: Mining) -> Iterator[Problem]:
    models: list[tuple[str, Machine]] = [(f"mining.fleets.{i}", part) for i, part in enumerate(section.fleets)]
    for path, machine in models or [("mining", section)]:
        lacks = [name for name in _OWN if name not in _given(machine, _OWN)]
        if machine.miner is None and lacks:
            allowed = f"a miner, or one's own {', '.join(_OWN)}"
            yield Problem(f"{path}.miner", f"missing, and so is {', '.join(lacks)}", allowed)
    if not section.fleets:
        return
    if also := _given(section, ("miner", *_OWN)):
        yield Problem(f"mining.{also[0]}", "given beside mining.fleets", "one of them", "write it into its fleet")
    shares = [part.share.number() for part in section.fleets]
    if 0.0 in shares:
        place = f"mining.fleets.{shares.index(0.0)}.share"
        yield Problem(place, "0: a fleet without machines", "shares above 0", "leave the fleet out")
    if abs(sum(shares) - 1.0) > 1e-9:
        yield Problem("mining.fleets", f"shares sum to {sum(shares):g}", "shares that sum to 1")


def _modes(section: Mining, catalogue: Catalogue) -> Iterator[Problem]:
    from megawatt.mining import miner_modes

    where = "mining.own_modes" if section.own_modes else "mining.modes"
    allowed = "modes in which more power hashes more"
    yield from _refused(where, allowed, lambda: miner_modes(catalogue, section.modes, own=own_modes(section)))


def _network(scenario: Scenario, section: Mining, catalogue: Catalogue) -> Iterator[Problem]:
    if (section.network is None) == (section.as_of is None):
        found = "missing" if section.network is None else "given beside mining.as_of"
        yield Problem("mining.network", found, "one of mining.network, mining.as_of", 'e.g. as_of = "2024-05"')
        return
    for names in _ONE_OF:
        given = _given(section, names)
        if len(given) > 1:
            yield Problem(f"mining.{given[1]}", f"given beside mining.{given[0]}", f"one of {', '.join(names)}")
    where = "mining.as_of" if section.as_of else "mining.network"
    if section.as_of and f"bitcoin-{section.as_of}" not in catalogue.entries:
        months = sorted(key.removeprefix("bitcoin-") for key in catalogue.entries if key.startswith("bitcoin-2"))
        known = f"a month of {months[0]} to {months[-1]} with a published state"
        nearest = max((month for month in months if month < section.as_of), default=months[0])
        hint = f"nearest: {nearest}; then set btc_price_usd, difficulty and fees_btc_per_day of one's own"
        yield Problem(where, section.as_of, known, hint)
        return
    try:
        yield from before_network(scenario.timeline.start, "timeline.start", section, catalogue)
    except MegawattError as error:
        yield Problem(where, str(error).removeprefix("catalogue: "), "the state of the network in a month")


def before_network(start: str, path: str, section: Mining, catalogue: Catalogue) -> Iterator[Problem]:
    """A first month of mining that lies before the month of the network's state.

    Raises
    ------
    MegawattError
        If the section's network is none of the catalogue.
    """
    state = network_of(catalogue, section)
    if start < f"{state.year}-{state.month:02d}":
        found = f"{start}, before the month of {section.network or section.as_of}"
        hint = "take an earlier state or start later"
        yield Problem(path, found, f"from {state.year}-{state.month:02d} on", hint)


def _fleet(section: Mining, catalogue: Catalogue) -> Iterator[Problem]:
    from megawatt.mining import fleet

    for index, (terms, _) in enumerate(machines_of(section)):
        where = f"mining.fleets.{index}.miner" if section.fleets else "mining.miner"
        allowed = "a miner with all its facts, or one's own numbers for those that it lacks"
        yield from _refused(where, allowed, partial(fleet, catalogue, terms, 1.0))


def _refused(path: str, allowed: str, action: Callable[[], object]) -> Iterator[Problem]:
    try:
        action()
    except MegawattError as error:
        yield Problem(path, str(error).removeprefix("catalogue: "), allowed)


def _ages(scenario: Scenario, section: Mining) -> Iterator[Problem]:
    aged = next((i for i, part in enumerate(section.fleets) if part.age_months), None)
    if aged is not None and scenario.capex.replace_after_months:
        found = f"{section.fleets[aged].age_months}, with capex.replace_after_months"
        yield Problem(f"mining.fleets.{aged}.age_months", found, "0: machines that are replaced begin new")


def _sold(scenario: Scenario, section: Mining) -> Iterator[Problem]:
    hosting, hedge, timeline = section.hosting, section.hedge, scenario.timeline
    if hosting is not None and hosting.btc_share_frac.number() == 1.0 and hosting.usd_per_mwh.number() > 0.0:
        found = "1, with energy to pay: customers would never run"
        yield Problem("mining.hosting.btc_share_frac", found, "below 1, or hosting.usd_per_mwh = 0")
    if hedge is None:
        return
    if hosting is not None and hosting.share.number() == 1.0 and hedge.share.number() > 0.0:
        yield Problem("mining.hedge.share", "hash rate of one's own where all is hosted", "0, or hosting.share below 1")
    if hedge.start is None:
        return
    last = month_after(max(h.live for h in timeline.halls), timeline.delay_months + timeline.operating_months - 1)
    if not timeline.start <= hedge.start <= last:
        yield Problem("mining.hedge.start", hedge.start, f"months of the project, {timeline.start} to {last}")
