"""What stands far beyond a site's connection: allowed, and hardly meant."""

from __future__ import annotations

from collections.abc import Iterator

from megawatt.scenario.schema import Scenario

__all__ = ["size_doubts"]


def size_doubts(scenario: Scenario) -> tuple[str, ...]:
    """Sentences on sizes beyond the connection, each with its numbers."""
    grid_mw = scenario.site.grid_mw.number()
    return tuple(
        f"{path}: {mw:g} MW, the connection (site.grid_mw) has {grid_mw:g} MW: {then}"
        for path, mw, then in _sizes(scenario)
        if mw > grid_mw * (1.0 + 1e-9)
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
