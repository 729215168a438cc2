"""AI halls: how many chips, what they draw, what an hour of one is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.memo import Memo
from megawatt.catalogue.records import Assumption, Fact, System
from megawatt.errors import InfeasibleError
from megawatt.runs import RunSettings, TrainingRun, run
from megawatt.scenario.schema import AI, Contract, Scenario, Training
from megawatt.training import Job, Setup, TrainingPlan, plan
from megawatt.training.records import Layouts
from megawatt.workload import load_model

__all__ = ["Compute", "compute"]

_CHIPS_MUST_FIT: Final = "lower ai.chips or ai.fill_frac, or raise site.it_mw"


@dataclass(frozen=True, slots=True)
class Compute:
    """The AI halls as later links see them.

    ``it_mw`` is what chips and all around them draw when the site is let (busy and idle hours averaged), ``busy_it_mw``
    with every chip busy; ``idle_frac`` is the share of ``it_mw`` that stays when nobody rents.
    ``basis_price_usd_per_chip_hour`` holds the price under each basis that the scenario gives.
    """

    plan: TrainingPlan
    plans: Mapping[str, TrainingPlan]
    run: TrainingRun | None
    system: System
    chips: int
    it_mw: float
    busy_it_mw: float
    idle_frac: float
    busy_frac: float
    price_usd_per_chip_hour: float
    basis_price_usd_per_chip_hour: Mapping[str, float]
    chip_cost_usd: float
    assumptions: tuple[Assumption, ...]


def _sections(scenario: Scenario) -> tuple[AI, Training, Contract]:
    if scenario.ai is None or scenario.training is None or scenario.contract is None:
        raise AssertionError("the scenario's rules let no AI use through without its sections")
    return scenario.ai, scenario.training, scenario.contract


def _job(
    catalogue: Catalogue,
    folder: Path,
    model: str,
    seq_len: int,
    global_batch: int,
    precision: str,
    setup: tuple[Any, ...],
) -> Job:
    return Setup(*setup).job(load_model(model, catalogue, folder), seq_len, global_batch, precision)


def _plan(
    catalogue: Catalogue, system: str, job: Job, chips: int, setup: tuple[Any, ...], *, layouts: Layouts | None
) -> TrainingPlan:
    asked = Setup(*setup).question()
    try:
        return plan(job, catalogue.system(system), chips, catalogue=catalogue, layouts=layouts, **asked)
    except InfeasibleError as error:
        raise InfeasibleError(f"training.chips: {error}") from None


def _run(catalogue: Catalogue, step: TrainingPlan, tokens: float, settings: RunSettings) -> TrainingRun:
    system = catalogue.system(step.system)
    try:
        return run(step, tokens=tokens, system=system, catalogue=catalogue, settings=settings)
    except InfeasibleError as error:
        raise InfeasibleError(f"training.tokens: {error}") from None


def _chips(ai: AI, system: System, site_it_mw: float) -> int:
    if ai.chips is not None:
        return int(ai.chips.number())
    return math.floor(site_it_mw * 1e6 * ai.fill_frac.number() / system.provisioned_w_per_chip)


def _load(ai: AI, system: System, step: TrainingPlan, chips: int) -> tuple[float, float, float]:
    """IT power of the let site, the same with every chip busy, in MW, and the share that stays when nobody rents."""
    around = system.overhead_w_per_chip + ai.other_it_w_per_chip.number()
    idle_w = system.accelerator.power_idle_w + around
    busy_w = step.it_w_per_chip + ai.other_it_w_per_chip.number()
    busy = ai.busy_frac.number()
    mean_w = busy * busy_w + (1 - busy) * idle_w
    return chips * mean_w / 1e6, chips * busy_w / 1e6, idle_w / mean_w


def _check_fits(it_mw: float, site_it_mw: float, chips: int) -> None:
    if it_mw > site_it_mw * (1 + 1e-9):
        drawn = f"{chips:,} chips draw {it_mw:,.1f} MW, more than site.it_mw = {site_it_mw:,.1f} MW"
        raise InfeasibleError(f"ai.chips: {drawn}; {_CHIPS_MUST_FIT}")


def compute(memo: Memo, scenario: Scenario, folder: Path, held: Mapping[str, Layouts]) -> Compute:
    """Plan the training job, fill the halls, price the chips.

    Parameters
    ----------
    memo : Memo
        Makes plans and run, or finds them.
    scenario : Scenario
        With ``use = "ai-cloud"``.
    folder : Path
        Folder of the scenario, for a model given as a config.json.
    held : mapping of str to Layouts
        Layouts to plan with, by system; the best one is looked for where there is none.

    Raises
    ------
    InfeasibleError
        If no layout fits in memory, or the chips draw more than the halls' IT power.
    """
    ai, training, contract = _sections(scenario)
    size = (int(training.seq_len.number()), int(training.global_batch.number()))
    # Machines that it is compared with are set up at their best: a layout and a stack are of one machine.
    own, shared = (astuple(setup) for setup in (training.setup, training.setup.of_the_job))
    job, chips_asked = memo("job", _job, folder, training.model, *size, training.precision, shared), training.chips
    plans = {
        key: memo(
            f"plan {key}",
            partial(_plan, layouts=held.get(key)),
            key,
            job,
            int(chips_asked.number()),
            own if key == ai.system else shared,
        )
        for key in sorted({ai.system} | {k for k in (contract.parity_system, contract.predecessor_system) if k})
    }
    step = plans[ai.system]
    said = RunSettings(**training.run_values)
    whole = memo("run", _run, step, training.tokens.number(), said) if training.tokens is not None else None
    system = memo("system", Catalogue.system, ai.system)
    site_it_mw = scenario.site.it_mw.number() if scenario.site.it_mw else math.inf
    chips = _chips(ai, system, site_it_mw)
    it_mw, busy_it_mw, idle_frac = _load(ai, system, step, chips)
    _check_fits(busy_it_mw, site_it_mw, chips)
    throughput = {key: p.tokens_per_s_per_chip for key, p in plans.items()}
    prices = _prices(contract, throughput, ai.system)
    ratio = _cost_ratio(scenario, throughput, ai.system)
    cost = scenario.capex.chips_usd_per_chip
    derived = _derived(scenario, prices, ratio, throughput, ai.system)
    return Compute(
        plan=step,
        plans=plans,
        run=whole,
        system=system,
        chips=chips,
        it_mw=it_mw,
        busy_it_mw=busy_it_mw,
        idle_frac=idle_frac,
        busy_frac=ai.busy_frac.number(),
        price_usd_per_chip_hour=prices[contract.basis],
        basis_price_usd_per_chip_hour=prices,
        chip_cost_usd=(cost.number() if cost else 0.0) * ratio,
        assumptions=(*step.assumptions, *(whole.assumptions if whole else ()), *derived),
    )


def _prices(contract: Contract, throughput: Mapping[str, float], system: str) -> dict[str, float]:
    """Price of a chip-hour under every basis that the contract gives."""
    prices = {}
    if contract.price_usd_per_chip_hour is not None:
        prices["published"] = contract.price_usd_per_chip_hour.number()
    scaled = (
        ("token-parity", contract.parity_system, contract.parity_price_usd_per_chip_hour),
        ("predecessor", contract.predecessor_system, contract.predecessor_price_usd_per_chip_hour),
    )
    for basis, reference, price in scaled:
        if reference and price is not None:
            prices[basis] = price.number() * throughput[system] / throughput[reference]
    return prices


def _cost_ratio(scenario: Scenario, throughput: Mapping[str, float], system: str) -> float:
    contract = scenario.contract
    if scenario.capex.chips_basis == "published" or contract is None or contract.parity_system is None:
        return 1.0
    return throughput[system] / throughput[contract.parity_system]


def _derived(
    scenario: Scenario, prices: Mapping[str, float], cost_ratio: float, throughput: Mapping[str, float], system: str
) -> tuple[Assumption, ...]:
    """Prices that rest on throughput ratios, as assumptions of their own: nobody has published them."""
    contract = scenario.contract
    if contract is None:
        return ()
    rows = []
    references = {"token-parity": contract.parity_system, "predecessor": contract.predecessor_system}
    for basis, reference in references.items():
        if basis not in prices or reference is None:
            continue
        ratio = f"{throughput[system]:.0f} / {throughput[reference]:.0f} training tokens per s and chip"
        used = "" if contract.basis == basis else "; shown beside, not used"
        note = f"price of {reference} x {ratio}; nobody has published a price{used}"
        rows.append(_derived_usd(f"contract.{basis}_price_usd_per_chip_hour", prices[basis], "USD/hour", note))
    cost = scenario.capex.chips_usd_per_chip
    if scenario.capex.chips_basis == "token-parity" and cost is not None:
        note = f"cost of the parity system's chip x {cost_ratio:.3f} (ratio of training tokens per s and chip)"
        rows.append(_derived_usd("capex.parity_chip_cost_usd", cost.number() * cost_ratio, "USD", note))
    return tuple(rows)


def _derived_usd(name: str, value: float, unit: str, note: str) -> Assumption:
    return Assumption(name, "finance", Fact(value, unit, "derived", "megawatt-derived", note=note))
