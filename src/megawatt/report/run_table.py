"""Tables of whole training runs: what they take, and what they cost at the site."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from megawatt.chain.records import UseResult
from megawatt.report.figure import Table
from megawatt.report.format import count, fixed, money, percent
from megawatt.runs import Bill, RuleAnswer, RunCost

__all__ = ["run_table"]


def run_table(uses: Sequence[UseResult]) -> Table | None:
    """Whole training runs with failures and checkpoints; None where there is none."""
    runs = [(use, use.run) for use in uses if use.run is not None]
    if not runs:
        return None
    rows = (
        ("Tokens", *(count(run.tokens) for _, run in runs)),
        ("Days", *(fixed(run.days, "days", 1) for _, run in runs)),
        ("Steps", *(count(run.steps) for _, run in runs)),
        ("Goodput (useful over wall time)", *(percent(run.goodput, 3) for _, run in runs)),
        ("Failures expected", *(fixed(run.failures, "", 1) for _, run in runs)),
        ("Spare nodes", *(count(run.spares) for _, run in runs)),
        ("A checkpoint holds", *(fixed(run.checkpoint.bytes_ / 1e12, "TB", 2) for _, run in runs)),
        ("Checkpoint every", *(fixed(run.checkpoint_interval_s / 60, "min", 1) for _, run in runs)),
        ("IT energy", *(fixed(run.energy_mwh / 1e3, "GWh", 2) for _, run in runs)),
        ("Mean IT power", *(fixed(run.average_it_mw, "MW", 1) for _, run in runs)),
        ("Peak IT power", *(fixed(run.peak_it_mw, "MW", 1) for _, run in runs)),
        *_run_costs([use.run_cost for use, _ in runs]),
    )
    return Table(("", *(use.title for use, _ in runs)), rows)


def _run_costs(costs: Sequence[RunCost | None]) -> list[tuple[str, ...]]:
    """Rows of what runs cost; none where no run has a bill."""
    if not any(costs):
        return []

    def row(name: str, told: Callable[[RunCost], str]) -> tuple[str, ...]:
        return (name, *("" if cost is None else told(cost) for cost in costs))

    def bill(name: str, told: Callable[[RunCost], Bill]) -> list[tuple[str, ...]]:
        return [
            row(f"{name}, the run", lambda cost: money(told(cost).usd)),
            row(f"{name}, a million tokens", lambda cost: money(told(cost).usd_per_million_tokens)),
            row(f"{name}, a MW-year of IT", lambda cost: money(told(cost).usd_per_mw_year)),
        ]

    parts = dict.fromkeys(name for cost in costs if cost for name in cost.parts_usd)
    return [
        *bill("Chips of one's own", lambda cost: cost.owned),
        *((f"of it {name}", *("" if c is None else money(c.parts_usd[name]) for c in costs)) for name in parts),
        *bill("At the contract's price", lambda cost: cost.rented),
        row("Facility energy", lambda cost: fixed(cost.owned.facility_mwh / 1e3, "GWh", 2)),
        row("Carbon by place", lambda cost: fixed(cost.owned.location_t, "t", 0)),
        row("Carbon by contract", lambda cost: fixed(cost.owned.market_t, "t", 0) if cost.has_market else ""),
        row(
            "Carbon of making the chips", lambda cost: fixed(cost.owned.embodied_t, "t", 0) if cost.has_embodied else ""
        ),
        row("Water on site", lambda cost: fixed(cost.owned.water_m3, "m3", 0)),
        *_rules(costs, row),
    ]


def _rules(
    costs: Sequence[RunCost | None], row: Callable[[str, Callable[[RunCost], str]], tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Rows of what the connection's rule asks; none where no run has a rule."""
    if not any(cost and cost.rule for cost in costs):
        return []

    def told(name: str, words: Callable[[RuleAnswer], str]) -> tuple[str, ...]:
        return row(name, lambda cost: "" if cost.rule is None else words(cost.rule))

    return [
        told("The connection's rule", lambda rule: f"{rule.rule.words()}: {'kept' if rule.met else 'broken'}"),
        told("Battery that keeps it", lambda rule: fixed(rule.battery_kwh, "kWh", 1)),
        told("Its power", lambda rule: fixed(rule.battery_mw, "MW", 1)),
        told("Its capital", lambda rule: money(rule.battery_usd)),
        told("Dummy work instead", lambda rule: fixed(rule.dummy_work_mwh, "MWh", 0)),
        told("A power cap instead", lambda rule: "none" if rule.cap is None else fixed(rule.cap.cap_w, "W", 0)),
    ]
