"""What the rooms refuse, said before anything runs: files are opened, and each room's own checks are asked.

A rule here calls the function that the engine itself calls, so that a scenario that passes is one that runs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError, Problem, ScenarioError, shown
from megawatt.files import is_file
from megawatt.months import months_between
from megawatt.scenario.debt_rules import debt_dates
from megawatt.scenario.mining_rules import mining_problems
from megawatt.scenario.partnership_section import partnership_dates
from megawatt.scenario.plant_sections import PLANTS
from megawatt.scenario.schema import Scenario, Training

if TYPE_CHECKING:
    from megawatt.training import Job

__all__ = ["engine_problems"]


def engine_problems(
    scenario: Scenario, catalogue: Catalogue, folder: Path, wrong: Collection[str] = ()
) -> list[Problem]:
    """Problems that the rooms have with a scenario whose sections are right.

    Parameters
    ----------
    scenario : Scenario
        Valid by its schema and the rules between sections.
    catalogue : Catalogue
        Facts.
    folder : Path
        Where the scenario's relative paths start.
    wrong : collection of str
        Sections that are not the file's own, since theirs are wrong: rules that read them are left out.
    """
    rules = [rule for rule, sections in _RULES.items() if not sections & set(wrong)]
    return [problem for rule in rules for problem in rule(scenario, catalogue, folder)]


def _tried(path: str, allowed: str, action: Callable[[], object]) -> Iterator[Problem]:
    """The problem that a room's function has; nothing if it has none."""
    try:
        action()
    except MegawattError as error:
        inner = error.problems[0] if isinstance(error, ScenarioError) and error.problems else None
        if inner is None:
            yield Problem(path, str(error).removeprefix("catalogue: "), allowed)
        else:
            place = f"{inner.path}: " if inner.path and inner.path != path else ""
            yield Problem(path, f"{place}{inner.found}", inner.allowed or allowed, inner.hint)


def _site(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    from megawatt.facility import site_clock
    from megawatt.scenario.site_files import place_of_site, site_weather, worst_days

    site, offset = scenario.site, scenario.power.utc_offset_hours
    what = ("site.weather", "an hourly weather file") if site.weather else ("site.place", "a place on Earth")
    yield from _tried(*what, lambda: site_clock(place_of_site(site, folder), catalogue, offset))
    if site.weather is None and site.place in catalogue.entries and not site.design_days:
        return
    weather = functools.partial(site_weather, catalogue, site, offset, scenario.seed, folder)
    problems = list(_tried(*what, weather))
    yield from problems
    if site.design_days and not problems:
        allowed = "dry and wet bulb that air can have"
        yield from _tried("site.design_days", allowed, lambda: worst_days(catalogue, site, weather()))


def _power(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    from megawatt.scenario.site_files import place_of_site, shape_means, site_prices
    from megawatt.scenario.site_tariff import site_sheet

    power, place = scenario.power, place_of_site(scenario.site, folder)
    if power.price_file:
        what = ("power.price_file", "hourly prices of one year")
        unread = list(_tried(*what, lambda: site_prices(catalogue, power, place, folder)))
        yield from unread
        if power.forward and not unread:
            hours = functools.partial(site_prices, catalogue, power, place, folder)
            yield from _tried("power.forward", "hours with a shape", lambda: shape_means(hours().price_usd_per_mwh))
    yield from _tried(
        "power.tariff", "a tariff with a rate sheet", lambda: site_sheet(catalogue, power, scenario.tariff)
    )
    yield from _tariff(scenario, catalogue)
    grid = power.grid
    if grid is not None and power.carbon_g_per_kwh is None:
        carbon = "a grid with its carbon intensity, or power.carbon_g_per_kwh"
        yield from _tried("power.grid", carbon, lambda: catalogue.number(grid, "carbon_kg_per_mwh"))


def _outputs(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    """Outputs of solar and wind are read, as the engine reads them."""
    from megawatt.scenario.site_files import place_of_site, site_output

    for name, plant in (("solar", scenario.solar), ("wind", scenario.wind)):
        if plant is not None:
            path = f"{name}.{'profile' if plant.profile is not None else 'capacity_factor_frac'}"
            read = functools.partial(
                site_output, catalogue, plant, scenario.power, place_of_site(scenario.site, folder), folder
            )
            yield from _tried(path, "an output that this place and file can give", read)


def _plants(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    """Plants go live within the project; a battery has power and energy, or neither."""
    battery, timeline = scenario.battery, scenario.timeline
    if battery is not None and (battery.mw.number() == 0.0) != (battery.mwh.number() == 0.0):
        name, other = ("mwh", "mw") if battery.mwh.number() == 0.0 else ("mw", "mwh")
        allowed = f"above 0, as battery.{other} is"
        yield Problem(f"battery.{name}", "0: a battery that gives nothing", allowed, "or leave [battery] out")
    for name in PLANTS:
        live = getattr(scenario, name).live if getattr(scenario, name) is not None else None
        if live is not None and not 0 <= months_between(timeline.start, live) < _end(scenario):
            found = f"{live}, outside the project"
            yield Problem(f"{name}.live", found, f"a month from {timeline.start} on, within {_end(scenario)} months")


def _grid_services(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    """No more is enrolled than there is; prices of services are read as the engine reads them."""
    from megawatt.scenario.site_files import place_of_site, service_prices

    site, programme = scenario.site, scenario.demand_response
    machines = scenario.mining.it_mw if scenario.mining is not None else site.it_mw
    there = site.grid_mw.number() if machines is None else min(machines.number(), site.grid_mw.number())
    sold = programme.enrolled_mw.number() if programme is not None else 0.0
    if sold > there:
        yield Problem("demand_response.enrolled_mw", f"{sold:g} MW", f"at most {there:g} MW, the machines of the site")
    has = {"machines": there - min(sold, there)}
    has |= {name: section.mw.number() for name in PLANTS if (section := getattr(scenario, name)) is not None}
    for index, service in enumerate(scenario.services):
        most = sum(has.get(name, 0.0) for name in service.providers)
        if service.mw.number() > most:
            why = f"at most {most:g} MW, what {' and '.join(service.providers)} have"
            yield Problem(f"services.{index}.mw", f"{service.mw.number():g} MW", why)
        if service.price_file is not None and not is_file(folder / service.price_file):
            allowed = f"an existing file (relative to {folder})"
            yield Problem(f"services.{index}.price_file", shown(service.price_file), allowed)
        elif service.price_file is not None:
            read = functools.partial(
                service_prices, catalogue, service, scenario.power, place_of_site(site, folder), folder
            )
            yield from _tried(f"services.{index}.price_file", "hourly prices of one year", read)
    credit = scenario.curtailment
    if credit is not None:
        base = (credit.baseline_mw or site.grid_mw).number()
        if credit.committed_mw.number() > base:
            found = f"{credit.committed_mw.number():g} MW"
            yield Problem("curtailment.committed_mw", found, f"at most the baseline of {base:g} MW")


def _end(scenario: Scenario) -> int:
    """Months of the project."""
    timeline = scenario.timeline
    last = max(months_between(timeline.start, h.live) for h in timeline.halls)
    return last + timeline.delay_months + timeline.operating_months


_PRICES = (
    "fixed_price_usd_per_mwh",
    "mean_price_usd_per_mwh",
    "forward",
    "blocks",
    "floor_usd_per_mwh",
    "cap_usd_per_mwh",
)


def _tariff(scenario: Scenario, catalogue: Catalogue) -> Iterator[Problem]:
    """No price beside a bundled tariff; no more under contract than the connection has."""
    from megawatt.scenario.site_tariff import site_sheet

    try:
        sheet = site_sheet(catalogue, scenario.power, scenario.tariff).sheet
    except MegawattError:
        return
    where, grid_mw = "tariff" if scenario.tariff is not None else "power.tariff", scenario.site.grid_mw.number()
    owed = [(f"{where}.contract_mw", sheet.contract_mw.number())] if sheet.contract_mw is not None else []
    owed += [(f"{where}.demand.{i}.minimum_mw", line.minimum_mw.number()) for i, line in enumerate(sheet.demand)]
    for path, mw in owed:
        if mw > grid_mw:
            yield Problem(path, f"{mw:g} MW", f"at most site.grid_mw = {grid_mw:g} MW")
    for name in ("peak_sit_out_hours", "peak_miss_frac"):
        if getattr(scenario.power, name) is not None and not sheet.coincident:
            allowed = "none: the tariff charges no coincident peaks"
            yield Problem(f"power.{name}", "peaks of a tariff without them", allowed)
    for name in _PRICES if sheet.bundled else ():
        if getattr(scenario.power, name):
            hint = "the tariff's energy lines are the whole price (bundled)"
            yield Problem(f"power.{name}", "a price beside a bundled tariff", "none", hint)


def _hall(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    from megawatt.facility.changes import changed_hall

    system = None
    if scenario.ai is not None:
        try:
            system = catalogue.system(scenario.ai.system)
        except MegawattError as error:
            yield Problem("ai.system", str(error).removeprefix("catalogue: "), "a system with all its facts")
            return
    yield from _tried(
        "hall.design",
        "a design for these machines",
        lambda: changed_hall(
            catalogue,
            scenario.hall.design,
            scenario.hall,
            it_capacity_mw=scenario.site.grid_mw.number(),
            liquid_share=system.liquid_share if system else None,
            coolant_supply_max_c=system.coolant_supply_max_c if system else None,
        ),
    )


def _training(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    from megawatt.hardware import peak_precision
    from megawatt.training import Job, asked_space, search_space
    from megawatt.workload import load_model

    ai, training, contract = scenario.ai, scenario.training, scenario.contract
    if ai is None or training is None:
        return
    keys: dict[str, str | None] = {"ai.system": ai.system}
    if contract is not None:
        keys["contract.parity_system"] = contract.parity_system
        keys["contract.predecessor_system"] = contract.predecessor_system
    for path, key in keys.items():
        if key:
            chip = catalogue.system(key).accelerator
            known = ", ".join(sorted(chip.peak_flops_per_s))
            rule = functools.partial(peak_precision, chip, training.precision)
            yield from _tried("training.precision", f"of {path} = {key}: {known}", rule)
    arch = load_model(training.model, catalogue, folder)
    chips, seq_len, batch = (int(f.number()) for f in (training.chips, training.seq_len, training.global_batch))
    setup, system = training.setup, catalogue.system(ai.system)
    wrong = [replace(p, path=f"training.{p.path}") for p in setup.problems(catalogue, system, seq_len)]
    yield from wrong
    if wrong:
        return
    job, asked = Job(arch, seq_len, batch, training.precision), setup.question()
    held = {name: asked[name] for name in ("choices", "schedules")}
    space = functools.partial(asked_space, job, system, chips, catalogue=catalogue, **held)
    if any(held.values()):
        where = "training.layout" if setup.layout else "training.schedule"
        yield from _tried(where, "choices that divide these chips", space)
    yield from _tried("training.chips", "a number of chips that a layout divides", lambda: search_space(job, chips))
    yield from _run(training, job)


def _run(training: Training, job: Job) -> Iterator[Problem]:
    """What is said of the whole run."""
    from megawatt.runs import RunSettings, phase_problems, wrong_settings

    wrong = list(wrong_settings(training.run_values))
    if not wrong and training.tokens is not None:
        wrong = list(phase_problems(job, training.tokens.number(), RunSettings(**training.run_values)))
    elif not wrong and (names := (*RunSettings(**training.run_values).said, *training.around_run)):
        said = ", ".join(f"training.{name}" for name in names)
        wrong = [Problem("tokens", "none", f"tokens of the run, for {said}")]
    yield from (replace(problem, path=f"training.{problem.path}") for problem in wrong)


def _serving(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    from megawatt.serving import service_on
    from megawatt.workload import load_model

    ai, serving = scenario.ai, scenario.serving
    if ai is None or serving is None:
        return
    system, arch = catalogue.system(ai.system), load_model(serving.model, catalogue, folder)
    allowed = "what megawatt serve takes"
    yield from _tried(
        "serving", allowed, lambda: service_on(arch, system, catalogue=catalogue, **serving.question(system))
    )


def _months(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    """A block of halls has to earn before the plan ends; late blocks make the plan longer."""
    timeline = scenario.timeline
    live = [months_between(timeline.start, h.live) for h in timeline.halls]
    last = max(live) + timeline.delay_months
    if last + timeline.operating_months > _MOST_MONTHS:
        yield Problem(
            "timeline.operating_months",
            f"{last + timeline.operating_months} months from timeline.start to the end",
            f"at most {_MOST_MONTHS}",
        )


_MOST_MONTHS = 720
"""Longest project: 60 years."""


def _prepaid(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    """A prepayment before the project starts has no month to fall in."""
    contract, timeline = scenario.contract, scenario.timeline
    if contract is None or contract.prepayment_frac.number() == 0.0:
        return
    first = min(months_between(timeline.start, h.live) for h in timeline.halls) + timeline.delay_months
    if contract.prepayment_lead_months > first:
        found = f"{contract.prepayment_lead_months}: before timeline.start = {timeline.start}"
        yield Problem(
            "contract.prepayment_lead_months",
            found,
            f"at most {first}, the months to the first block",
            "or start earlier",
        )


def _debt(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    debt, timeline = scenario.debt, scenario.timeline
    if debt is None or (debt.principal_usd is not None and debt.principal_usd.number() == 0.0):
        return
    live = [months_between(timeline.start, h.live) for h in timeline.halls]
    months = max(live) + timeline.delay_months + timeline.operating_months
    first = max(*live, 1)
    if first >= months:
        found = f"{timeline.operating_months}: the loan's first payment would come after the end"
        yield Problem("timeline.operating_months", found, "2 or more with a loan")
    paid = [max(month - scenario.capex.chip_lead_months, 0) for month in live]
    if debt.clock_months is not None:
        least, most = first - min(paid), months - 1 - max(paid)
        if not least <= debt.clock_months <= most:
            why = f"{least} to {most} (from the first payment to the end of the project)"
            yield Problem("debt.clock_months", f"{debt.clock_months}", why)
    every = debt.payment_every_months
    last = first + debt.payments * every - 1
    if debt.clock_months is None and last >= months:
        found = f"{debt.payments}: the last would fall {last - months + 1} months after the project's end"
        hint = "fewer payments with balloon_frac and refinance_payments for the rest, or more timeline.operating_months"
        allowed = f"at most {(months - first) // every}" + ("" if every == 1 else f" payments of {every} months")
        yield Problem("debt.payments", found, allowed, hint)
        return
    if debt.clock_months is None:
        yield from debt_dates(debt, timeline.start, first, last)
    if debt.refinance_payments and last + debt.refinance_payments >= months:
        found = f"{debt.refinance_payments}, to month {last + debt.refinance_payments} of the project"
        yield Problem("debt.refinance_payments", found, f"at most {months - 1 - last}: the project has {months} months")
    if not math.isfinite(debt.rate.number()):
        yield Problem("debt.rate", f"{debt.rate.number()}", "a finite number")


def _partnership(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    if scenario.partnership is not None:
        yield from partnership_dates(scenario.partnership, scenario.timeline.start, _end(scenario))


def _mining(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    yield from mining_problems(scenario, catalogue)


def _risk(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Iterator[Problem]:
    from megawatt.risk.factors import check_terms
    from megawatt.scenario.risk_terms import factor_terms_of, stress_problems

    terms = functools.partial(factor_terms_of, scenario, catalogue)
    yield from _tried("risk.correlation", "terms that factors can have", lambda: check_terms(terms()))
    yield from stress_problems(scenario, _end(scenario))


_RULES: Mapping[Callable[[Scenario, Catalogue, Path], Iterator[Problem]], frozenset[str]] = {
    _site: frozenset({"site", "power"}),
    _power: frozenset({"power", "site", "tariff"}),
    _outputs: frozenset({"solar", "wind", "power", "site"}),
    _grid_services: frozenset(
        {"services", "curtailment", "demand_response", "mining", "site", "power", "solar", "wind", "gas", "battery"}
    ),
    _plants: frozenset({"solar", "wind", "gas", "battery", "timeline"}),
    _hall: frozenset({"hall", "site", "ai"}),
    _training: frozenset({"ai", "training", "contract"}),
    _serving: frozenset({"ai", "serving"}),
    _months: frozenset({"timeline"}),
    _prepaid: frozenset({"contract", "timeline"}),
    _debt: frozenset({"debt", "timeline", "capex"}),
    _partnership: frozenset({"partnership", "timeline"}),
    _mining: frozenset({"mining", "timeline", "capex"}),
    _risk: frozenset({"risk", "contract", "lease", "timeline"}),
}
"""Rules, each with the sections that it reads."""
