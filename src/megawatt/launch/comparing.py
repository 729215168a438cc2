"""What each of several machines makes of a model, from words: one question for all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from megawatt.errors import ScenarioError, shown
from megawatt.launch.question import read_precisions
from megawatt.training import Machine, Setup, chips_within, machine_within, open_machines, usual_job
from megawatt.workload import load_model

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["compare_machines"]

_PRICE: Final = re.compile("(?:price|tco)_(?P<kind>[a-z0-9_]+)_usd_per_chip_hour")
"""Facts of a chip that are prices of its hour."""


def compare_machines(
    catalogue: Catalogue,
    model: str,
    machines: Sequence[str],
    *,
    chips: Sequence[float] = (),
    units: Sequence[float] = (),
    power_mw: float | None = None,
    usd_per_hour: float | None = None,
    step_s: float | None = None,
    usd_per_chip_hour: Sequence[float] | str = (),
    precisions: Sequence[str | None] = (),
    global_batch: int | None = None,
    seq_len: int | None = None,
    kernels: Path | None = None,
    setup: Setup | None = None,
) -> list[Machine]:
    """The best plan of a model on each machine, all equal in one thing.

    Parameters
    ----------
    catalogue : Catalogue
        The catalogue.
    model : str
        Key or file.
    machines : sequence of str
        Keys or files.
    chips, units : sequence of float
        Chips at most, or whole machines, of each.
    power_mw, usd_per_hour, step_s : float, optional
        Instead: provisioned IT power [MW], cost of chip-hours [USD/hour], or the longest step [s] of all.
    usd_per_chip_hour : sequence of float, or str
        Price of a chip-hour of each; empty without. A word is a kind of price in the catalogue: ``on-demand``,
        ``capacity-block``, ``rental-3yr``, ``neocloud`` and ``hyperscaler`` (what it costs such an owner).
    precisions : sequence of str or None
        Of each, as of `read_precisions`; empty: the usual ones.
    global_batch, seq_len : int, optional
        As of `usual_job`; without a batch it grows with the chips.
    kernels : Path, optional
        Measured kernels in the place of the catalogue's.
    setup : Setup, optional
        How the run is set up.

    Raises
    ------
    ScenarioError
        If a file cannot be read, an option has no value that it can have, or not exactly one limit is given.
    """
    setup = setup or Setup()
    if step_s is not None and (chips or units or power_mw or usd_per_hour):
        raise ScenarioError("step_s beside another limit; allowed: one of step_s, chips, units, power_mw, usd_per_hour")
    catalogue, keys = open_machines(catalogue, machines, kernels=kernels)
    arch, found = load_model(model, catalogue), []
    prices = usd_per_chip_hour
    if isinstance(prices, str):
        prices = _catalogued(catalogue, keys, prices)
    for key, count, number, price, named in zip_longest(keys, chips, units, prices, precisions):
        system = catalogue.system(key)
        limit = None
        if step_s is None:
            limit = chips_within(
                system, chips=count, units=number, power_mw=power_mw, usd_per_hour=usd_per_hour,
                usd_per_chip_hour=price,
            )  # fmt: skip
        of_it = read_precisions(named, system)
        job = usual_job(
            arch, system.accelerator, seq_len=seq_len, global_batch=global_batch, precision=next(iter(of_it), None),
            lora_rank=setup.lora, packing=setup.packing,
        )  # fmt: skip
        asked = setup.question() | {"precisions": of_it, "step_s": step_s, "grows": global_batch is None}
        found.append(machine_within(job, system, limit, catalogue=catalogue, usd_per_chip_hour=price, **asked))
    return found


def _catalogued(catalogue: Catalogue, machines: Sequence[str], kind: str) -> list[float]:
    """Prices of a kind of each machine's chip, as the catalogue has them. [USD/hour]"""
    chips = [catalogue.system(machine).accelerator.key for machine in machines]
    known = [_prices(catalogue, chip) for chip in chips]
    if all(kind in prices for prices in known):
        return [prices[kind] for prices in known]
    have = "; ".join(f"{chip}: {', '.join(prices) or 'none'}" for chip, prices in zip(chips, known, strict=True))
    raise ScenarioError(
        f"prices {shown(kind)}: allowed: numbers, or a kind that every chip has in the catalogue ({have})"
    )


def _prices(catalogue: Catalogue, chip: str) -> dict[str, float]:
    """Prices of a chip-hour in the catalogue by kind. [USD/hour]"""
    facts = catalogue.get(chip, "accelerator").facts
    found = ((_PRICE.fullmatch(name), fact) for name, fact in facts.items())
    return {of["kind"].replace("_", "-"): fact.number() for of, fact in found if of and not isinstance(fact.value, str)}
