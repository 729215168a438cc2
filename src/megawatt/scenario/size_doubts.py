"""What stands far beyond a site's connection, its cost or its months: allowed, and hardly meant."""

from __future__ import annotations

from collections.abc import Iterator

from megawatt.months import month_after
from megawatt.scenario.plant_sections import PLANTS
from megawatt.scenario.schema import Scenario

__all__ = ["size_doubts"]


def size_doubts(scenario: Scenario) -> tuple[str, ...]:
    """Sentences on sizes beyond the connection, loans beyond what they pay for, prices of no month of the project."""
    grid_mw = scenario.site.grid_mw.number()
    return (
        *_lent(scenario),
        *_never(scenario),
        *(
            f"{path}: {mw:g} MW, the connection (site.grid_mw) has {grid_mw:g} MW: {then}"
            for path, mw, then in _sizes(scenario)
            if mw > grid_mw * (1.0 + 1e-9)
        ),
    )


def _sizes(scenario: Scenario) -> Iterator[tuple[str, float, str]]:
    mining, power = scenario.mining, scenario.power
    if mining is not None and mining.it_mw is not None:
        yield "mining.it_mw", mining.it_mw.number(), "what is beyond never runs beside the rest, and is paid for"
    if scenario.site.it_mw is not None:
        yield "site.it_mw", scenario.site.it_mw.number(), "halls beyond it are never fed"
    for index, block in enumerate(power.blocks):
        yield f"power.blocks.{index}.mw", block.mw.number(), "what the site cannot draw is always sold again"
    if len(power.blocks) > 1:
        total = sum(block.mw.number() for block in power.blocks)
        yield "power.blocks", total, "together, if they hold at once: what the site cannot draw is always sold again"
    if len(scenario.services) > 1:
        enrolled = sum(service.mw.number() for service in scenario.services)
        yield "services", enrolled, "together; a MW is sold once, so not all can be held in one hour"
    for index, service in enumerate(scenario.services):
        yield f"services.{index}.mw", service.mw.number(), "more than the grid can see of this site"
    if scenario.battery is not None:
        yield "battery.mw", scenario.battery.mw.number(), "it cannot charge at its power from the grid"
    if scenario.export is not None:
        yield "export.limit_mw", scenario.export.limit_mw.number(), "a connection rarely gives back more than it takes"
    if scenario.curtailment is not None and scenario.curtailment.baseline_mw is not None:
        yield "curtailment.baseline_mw", scenario.curtailment.baseline_mw.number(), "credits for what cannot be drawn"


def _never(scenario: Scenario) -> Iterator[str]:
    """Blocks of power outside the project, and its years that a forward curve leaves out."""
    power, timeline = scenario.power, scenario.timeline
    end = month_after(max(h.live for h in timeline.halls), timeline.delay_months + timeline.operating_months - 1)
    for index, block in enumerate(power.blocks):
        if (block.start or end) > end or (block.end or end) < timeline.start:
            held = f"ends in {block.end}" if (block.end or end) < timeline.start else f"starts in {block.start}"
            yield f"power.blocks.{index}: {held}, outside the project ({timeline.start} to {end}): it is in no figure"
    given = {row.year for row in power.forward}
    runs = range(int(min(h.live for h in timeline.halls)[:4]), min(int(end[:4]) + 1, max(given, default=0)))
    left_out = [str(each) for each in runs if each not in given]
    if left_out:
        yield (
            f"power.forward: no prices of {', '.join(left_out)}, though the site runs: those of the last year before "
            "stand for them, of the first where there is none"
        )


def _lent(scenario: Scenario) -> Iterator[str]:
    """A loan of nothing, and one above what halls and chips cost."""
    debt, capex, site = scenario.debt, scenario.capex, scenario.site
    amount = None if debt is None else debt.principal_usd or debt.share_of_machines_frac
    if amount is not None and amount.number() == 0.0:
        name = "principal_usd" if debt and debt.principal_usd else "share_of_machines_frac"
        yield f"debt.{name}: 0 lends nothing, so no other term of the loan counts; leave [debt] out for no loan"
    chips = scenario.ai.chips if scenario.ai else None
    known = site.it_mw is not None and (scenario.use == "ai-colocation" or (chips and capex.chips_usd_per_chip))
    plants = any(getattr(scenario, name) is not None for name in PLANTS)
    if debt is None or debt.principal_usd is None or not known or plants or debt.target_dscr or debt.gearing_frac:
        return
    cost = capex.shell_usd_per_mw.number() * (site.it_mw.number() if site.it_mw else 0.0)
    if chips and capex.chips_usd_per_chip:
        cost += chips.number() * capex.chips_usd_per_chip.number()
    if debt.principal_usd.number() > cost * (1.0 + 1e-9):
        yield (
            f"debt.principal_usd: {debt.principal_usd.number():,.0f} USD, halls and chips cost {cost:,.0f} USD: "
            "no lender lends more than is spent"
        )
