"""AI halls: how many chips, what they train or serve, what they draw, what an hour of one is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.memo import Memo
from megawatt.catalogue.records import Assumption, Fact, System
from megawatt.chain.served import ServedChips, served_chips, serving_plan
from megawatt.errors import InfeasibleError
from megawatt.runs import RunSettings, TrainingRun, run
from megawatt.scenario.schema import AI, Contract, Scenario, Serving, Training
from megawatt.serving import Layout
from megawatt.training import Job, Setup, TrainingPlan, plan
from megawatt.training.records import Layouts
from megawatt.workload import load_model

__all__ = ["Compute", "Held", "compute"]

_CHIPS_MUST_FIT: Final = "lower ai.chips or ai.fill_frac, or raise site.it_mw"


@dataclass(frozen=True, slots=True)
class Held:
    """Layouts that stay while inputs move: of training jobs by system, and of a replica that serves."""

    training: Mapping[str, Layouts] = field(default_factory=dict)
    serving: Layout | None = None


@dataclass(frozen=True, slots=True)
class Compute:
    """The AI halls as later links see them.

    ``by_hour_it_mw`` is what chips and all around them draw when the site is let (busy and idle hours averaged), in
    every hour, (1,), or by hour of the day, (24,); ``busy_it_mw`` with every chip busy; ``idle_frac`` is the share of
    it that stays when nobody rents. ``plan`` is the training job's, None where nothing trains; ``served`` what is
    served, None where nothing is. ``basis_price_usd_per_chip_hour`` holds the price under each basis that the scenario
    gives; the price of halls that serve is what a chip earns while it serves.
    """

    plan: TrainingPlan | None
    plans: Mapping[str, TrainingPlan]
    run: TrainingRun | None
    served: ServedChips | None
    system: System
    chips: int
    by_hour_it_mw: tuple[float, ...]
    busy_it_mw: float
    idle_frac: float
    tokens_per_s: float
    price_usd_per_chip_hour: float
    basis_price_usd_per_chip_hour: Mapping[str, float]
    chip_cost_usd: float
    assumptions: tuple[Assumption, ...]

    @property
    def it_mw(self) -> float:
        """Mean IT power of the let site. [MW]"""
        return sum(self.by_hour_it_mw) / len(self.by_hour_it_mw)


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


def _surely(catalogue: Catalogue, found: TrainingPlan) -> TrainingPlan:
    """The plan with its step time as an input that has a range: that of measured runs, by how far the nearest is."""
    input_ = catalogue.assume("training-step", "time_factor", "training")
    if found.sure is not None:
        input_ = replace(input_, fact=replace(input_.fact, low=found.sure.low, high=found.sure.high))
    slower = input_.fact.number()
    return replace(
        found,
        step_time_s=found.step_time_s * slower,
        tokens_per_s=found.tokens_per_s / slower,
        tokens_per_s_per_chip=found.tokens_per_s_per_chip / slower,
        mfu=found.mfu / slower,
        hfu=found.hfu / slower,
        it_energy_j_per_token=found.it_energy_j_per_token * slower,
        assumptions=(*found.assumptions, input_),
    )


def _run(catalogue: Catalogue, step: TrainingPlan, tokens: float, settings: tuple[Any, ...]) -> TrainingRun:
    system = catalogue.system(step.system)
    try:
        return run(step, tokens=tokens, system=system, catalogue=catalogue, settings=RunSettings(*settings))
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


def compute(memo: Memo, scenario: Scenario, folder: Path, held: Held) -> Compute:
    """Plan what the chips do, fill the halls, price the chips.

    Parameters
    ----------
    memo : Memo
        Makes plans and run, or finds them.
    scenario : Scenario
        With ``use = "ai-cloud"`` or ``"ai-serving"``.
    folder : Path
        Folder of the scenario, for a model given as a config.json.
    held : Held
        Layouts to plan with; the best ones are looked for where there are none.

    Raises
    ------
    InfeasibleError
        If no layout fits in memory, or the chips draw more than the halls' IT power.
    """
    if scenario.serving is not None:
        return _serving(memo, scenario, scenario.serving, folder, held)
    return _training(memo, scenario, folder, held)


def _plans(
    memo: Memo, training: Training, folder: Path, held: Held, own: str, others: tuple[str | None, ...]
) -> dict[str, TrainingPlan]:
    """The job on the scenario's own system and on those that it is compared with, by system."""
    size = (int(training.seq_len.number()), int(training.global_batch.number()))
    # Machines that it is compared with are set up at their best: a layout and a stack are of one machine.
    setup, shared = (astuple(setup) for setup in (training.setup, training.setup.of_the_job))
    job = memo("job", _job, folder, training.model, *size, training.precision, shared)
    return {
        key: memo(
            f"plan {key}",
            partial(_plan, layouts=held.training.get(key)),
            key,
            job,
            int(training.chips.number()),
            setup if key == own else shared,
        )
        for key in sorted({own} | {k for k in others if k})
    }


def _site_it_mw(scenario: Scenario) -> float:
    return scenario.site.it_mw.number() if scenario.site.it_mw else math.inf


def _training(memo: Memo, scenario: Scenario, folder: Path, held: Held) -> Compute:
    ai, training, contract = scenario.ai, scenario.training, scenario.contract
    if ai is None or training is None or contract is None:
        raise AssertionError("the scenario's rules let no AI use through without its sections")
    plans = _plans(memo, training, folder, held, ai.system, (contract.parity_system, contract.predecessor_system))
    step = plans[ai.system] = memo("step", _surely, plans[ai.system])
    said = astuple(RunSettings(**training.run_values))
    whole = memo("run", _run, step, training.tokens.number(), said) if training.tokens is not None else None
    system = memo("system", Catalogue.system, ai.system)
    chips = _chips(ai, system, _site_it_mw(scenario))
    it_mw, busy_it_mw, idle_frac = _load(ai, system, step, chips)
    _check_fits(busy_it_mw, _site_it_mw(scenario), chips)
    throughput = {key: p.tokens_per_s_per_chip for key, p in plans.items()}
    prices = _prices(contract, throughput, ai.system)
    ratio = _cost_ratio(scenario, throughput, ai.system)
    cost = scenario.capex.chips_usd_per_chip
    derived = _derived(scenario, prices, ratio, throughput, ai.system)
    goodput = whole.goodput if whole else 1.0
    return Compute(
        plan=step,
        plans=plans,
        run=whole,
        served=None,
        system=system,
        chips=chips,
        by_hour_it_mw=(it_mw,),
        busy_it_mw=busy_it_mw,
        idle_frac=idle_frac,
        tokens_per_s=step.tokens_per_s_per_chip * chips * ai.busy_frac.number() * goodput,
        price_usd_per_chip_hour=prices[contract.basis],
        basis_price_usd_per_chip_hour=prices,
        chip_cost_usd=(cost.number() if cost else 0.0) * ratio,
        assumptions=(*step.assumptions, *(whole.assumptions if whole else ()), *derived),
    )


def _serving(memo: Memo, scenario: Scenario, section: Serving, folder: Path, held: Held) -> Compute:
    """Chips that serve by the day's demand, and idle or train in the hours that are left."""
    ai = scenario.ai
    if ai is None:
        raise AssertionError("the scenario's rules let no serving use through without its sections")
    plan = memo("serving", partial(serving_plan, layout=held.serving), section, ai.system, folder)
    job = scenario.training
    plans = _plans(memo, job, folder, held, ai.system, ()) if job is not None else {}
    step = plans.get(ai.system)
    system = memo("system", Catalogue.system, ai.system)
    other_w = ai.other_it_w_per_chip.number()
    idle_w = system.accelerator.power_idle_w + system.overhead_w_per_chip + other_w
    spare_w = step.it_w_per_chip + other_w if step is not None else idle_w
    fleet = served_chips(section, plan, other_w=other_w, spare_w=spare_w)
    chips = _chips(ai, system, _site_it_mw(scenario))
    busy_it_mw = chips * max(fleet.serving_w, spare_w) / 1e6
    _check_fits(busy_it_mw, _site_it_mw(scenario), chips)
    cost = scenario.capex.chips_usd_per_chip
    return Compute(
        plan=step,
        plans=plans,
        run=None,
        served=fleet,
        system=system,
        chips=chips,
        by_hour_it_mw=tuple(chips * w / 1e6 for w in fleet.mean_w()),
        busy_it_mw=busy_it_mw,
        idle_frac=idle_w / fleet.serving_w,
        tokens_per_s=fleet.tokens_per_s_per_chip * chips * fleet.demand.first_busy_frac,
        price_usd_per_chip_hour=fleet.usd_per_chip_hour,
        basis_price_usd_per_chip_hour={},
        chip_cost_usd=cost.number() if cost else 0.0,
        assumptions=(*plan.assumptions, *(step.assumptions if step else ())),
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
