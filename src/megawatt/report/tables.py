"""Tables of the report that are not behind a chart: headline measures, layouts, runs, fleets, capital."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.chain.mined_records import MinedYear
from megawatt.chain.records import Headline, UseResult
from megawatt.report.charts.chip import exposed_loss, planned
from megawatt.report.charts.money import first_path
from megawatt.report.figure import Table, wording
from megawatt.report.format import (
    DASH,
    MINUS,
    NARROW,
    chance,
    count,
    count_range,
    factor,
    fixed,
    money,
    money_range,
    percent,
    plain,
)
from megawatt.training.records import Layouts

__all__ = [
    "Cell",
    "Measure",
    "capital_table",
    "chip_table",
    "fleet_table",
    "headline_measures",
    "layout_text",
    "rejected_table",
    "runner_up_table",
    "served_table",
]

RECOMPUTE: Final = ("none", "selective", "full")


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as text, the lines that belong under it, and whether it is bad news in itself."""

    text: str
    below: tuple[str, ...] = ()
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """One headline number: name, unit, definition in a line, a cell per use, and the figure's name in the summary."""

    name: str
    unit: str
    definition: str
    cells: tuple[Cell, ...]
    figure: str = ""


def _signed_money(value: float, *below: str) -> Cell:
    return Cell(money(value), below, value < 0)


def _value(h: Headline) -> Cell:
    ranges = (("market", h.value_p5, h.value_p95), ("inputs", h.value_low, h.value_high))
    known = [(name, low, high) for name, low, high in ranges if math.isfinite(low) and math.isfinite(high)]
    return _signed_money(h.value_usd_per_grid_mw_year, *(f"{name} {money_range(a, b)}" for name, a, b in known))


def _tokens(h: Headline) -> Cell:
    if h.tokens_per_grid_mwh is None:
        return Cell("n/a", ("this use trains nothing",))
    below = () if h.tokens_low is None else (f"inputs {count_range(h.tokens_low, h.tokens_high)}",)
    return Cell(count(h.tokens_per_grid_mwh), below)


def _missed(h: Headline) -> Cell:
    if h.probability_missed is None:
        return Cell("no debt")
    ends = h.probability_missed_interval
    below = (f"95{NARROW}% interval {chance(ends[0])} to {chance(ends[1])}",) if ends else ()
    return Cell(chance(h.probability_missed), below)


def _dscr(h: Headline) -> Cell:
    if h.min_dscr is None or not math.isfinite(h.min_dscr):
        return Cell("no debt" if h.probability_missed is None else "n/a")
    return Cell(factor(h.min_dscr), (), h.min_dscr < 1)


def _irr(use: UseResult) -> Cell:
    rate = use.headline.project_irr
    if rate is None or not math.isfinite(rate):
        return Cell("n/a", (use.cash.measures.irr_note or "not defined for these flows",))
    return Cell(percent(rate, 3), (), rate < 0)


def _idle(use: UseResult) -> Cell:
    """Idle megawatts, and their share of the connection."""
    return Cell(fixed(use.idle_mw, "MW", 1), (f"{percent(use.idle_mw / use.grid_mw)} of the connection",))


def _peak(use: UseResult) -> Cell:
    over = use.headline.peak_mw > use.grid_mw * (1 + 1e-6)
    return Cell(fixed(use.headline.peak_mw, "MW", 1), ("above the contract",) if over else (), over)


_MEASURES: Final[tuple[tuple[str, str, str, str, Callable[[UseResult], Cell]], ...]] = (
    (
        "value_usd_per_grid_mw_year",
        "Value after capital",
        "$ per grid MW-year",
        "Level yearly amount whose present value equals the project's NPV (after tax, before debt), per contracted "
        "grid megawatt: what is left once all capital has earned the discount rate.",
        lambda u: _value(u.headline),
    ),
    (
        "value_usd_per_it_mw_year",
        "The same per IT megawatt",
        "$ per IT MW-year",
        "Divided by critical IT power instead of contracted power, as leases are priced.",
        lambda u: _signed_money(u.headline.value_usd_per_it_mw_year),
    ),
    (
        "margin_usd_per_grid_mw_year",
        "Operating margin",
        "$ per grid MW-year",
        "Revenue less operating cost of the first full operating year; before capital, tax and debt.",
        lambda u: _signed_money(u.headline.margin_usd_per_grid_mw_year),
    ),
    (
        "tokens_per_grid_mwh",
        "Tokens per grid megawatt-hour",
        "tokens per MWh",
        "Training tokens per megawatt-hour drawn from the grid, cooling and losses included; range: published inputs.",
        lambda u: _tokens(u.headline),
    ),
    (
        "worst_month_usd",
        "Worst month",
        "$ in the month",
        "The operating month with the least cash available for debt service in the base case.",
        lambda u: _signed_money(u.headline.worst_month_usd, u.headline.worst_month),
    ),
    (
        "probability_missed",
        "Debt service missed",
        "probability",
        "Share of market paths in which a scheduled payment cannot be made after all cash is used.",
        lambda u: _missed(u.headline),
    ),
    (
        "min_dscr",
        "Least DSCR",
        "times",
        "Lowest trailing-year ratio of cash available for debt service to interest and scheduled principal, base case.",
        lambda u: _dscr(u.headline),
    ),
    (
        "project_irr",
        "Project IRR",
        "per year",
        "Discount rate at which the project's flows after tax, before debt, are worth zero.",
        _irr,
    ),
    (
        "peak_mw",
        "Peak from the grid",
        "MW",
        "Greatest draw from the grid, AI halls with every chip busy, or all rented power; the contract carries it.",
        _peak,
    ),
    (
        "peak_mw",
        "Idle megawatts",
        "MW",
        "Contracted power less the peak: paid for and never drawn, even with every chip busy in the worst hour.",
        _idle,
    ),
    (
        "pue",
        "PUE",
        "MWh per IT MWh",
        "Facility energy over IT energy of the year.",
        lambda u: Cell(fixed(u.headline.pue, "", 3)),
    ),
)


def headline_measures(uses: Sequence[UseResult]) -> tuple[Measure, ...]:
    """The numbers that decide, a row per measure and a cell per use; contracted and IT power last."""
    size = tuple(
        Cell(
            fixed(u.grid_mw, "MW", 1),
            (f"{fixed(u.it_mw, 'MW', 1)} IT", *((f"{count(u.chips)} chips",) if u.chips else ())),
        )
        for u in uses
    )
    power = Measure("Contracted power", "MW", "Capacity at the connection; what every value is divided by.", size,
                    "grid_mw")  # fmt: skip
    rest = (Measure(n, unit, text, tuple(cell(u) for u in uses), f) for f, n, unit, text, cell in _MEASURES)
    return (*rest, power)


def layout_text(layouts: Layouts, row: int = 0) -> str:
    """A layout in one line: ``TP 8 · PP 16 · DP 32, micro-batch 1, ZeRO 1, ...``; degrees of 1 are left out."""
    degrees = [(name.upper(), int(getattr(layouts, name)[row])) for name in ("tp", "pp", "vpp", "cp", "ep", "dp")]
    split = " · ".join(f"{name}{NARROW}{degree}" for name, degree in degrees if degree > 1) or "one chip per replica"
    level = int(layouts.recompute[row])
    rest = [
        f"micro-batch {int(layouts.micro_batch[row])}",
        f"ZeRO {int(layouts.zero[row])}",
        f"recompute {RECOMPUTE[level] if level < len(RECOMPUTE) else level}",
    ]
    if bool(layouts.sequence_parallel[row]):
        rest.append("sequence parallel")
    return f"{split}; {', '.join(rest)}"


def chip_table(uses: Sequence[UseResult]) -> Table | None:
    """What the chosen layout of each training use gives; None where none trains."""
    plans = [(use, plan) for _, use, plan in planned(uses)]
    if not plans:
        return None

    rows = (
        ("Model", *(plan.job.arch.key for _, plan in plans)),
        ("System", *(plan.system for _, plan in plans)),
        ("Chips in the job", *(count(plan.chips) for _, plan in plans)),
        ("Layout", *(layout_text(plan.layout) for _, plan in plans)),
        ("Precision", *(plan.job.precision for _, plan in plans)),
        ("Batch", *(f"{count(p.job.global_batch)} sequences of {count(p.job.seq_len)} tokens" for _, p in plans)),
        ("Step time", *(f"{plain(plan.step_time_s)}{NARROW}s" for _, plan in plans)),
        ("Tokens per second", *(count(plan.tokens_per_s) for _, plan in plans)),
        ("Tokens per second and chip", *(count(plan.tokens_per_s_per_chip) for _, plan in plans)),
        ("MFU (no recompute, causal half)", *(percent(plan.mfu, 3) for _, plan in plans)),
        ("HFU (recompute counted)", *(percent(plan.hfu, 3) for _, plan in plans)),
        ("Power of a chip", *(fixed(plan.chip_power_w, "W", 0) for _, plan in plans)),
        ("IT power per chip, rack included", *(fixed(plan.it_w_per_chip, "W", 0) for _, plan in plans)),
        ("IT energy per token", *(f"{plain(p.it_energy_j_per_token)}{NARROW}J" for _, p in plans)),
        ("Times rest on", *("; ".join(f"{name}: {what}" for name, what in p.evidence.items()) for _, p in plans)),
        ("How sure", *(p.sure.sentence if p.sure else DASH for _, p in plans)),
        ("Memory of the fullest chip", *(fixed(float(p.cost.memory_bytes[0]) / 1e9, "GB", 1) for _, p in plans)),
    )
    return Table(("", *(use.title for use, _ in plans)), rows)


def served_table(uses: Sequence[UseResult]) -> Table | None:
    """What halls serve, and what a chip of them earns; None where none serves."""
    served = [(use, use.served) for use in uses if use.served is not None]
    if not served:
        return None
    best = [chips.plan.best for _, chips in served]
    rows = (
        ("Model", *(chips.plan.service.arch.key for _, chips in served)),
        ("System", *(chips.plan.system.key for _, chips in served)),
        ("Precision of the weights", *(chips.plan.service.precision for _, chips in served)),
        ("Layout of a replica", *(one.name for one in best)),
        ("Users on a replica", *(count(one.concurrency) for one in best)),
        ("Time to the first token", *(f"{plain(one.ttft_s)}{NARROW}s" for one in best)),
        ("Time per token", *(fixed(one.tpot_ms, "ms", 1) for one in best)),
        ("Tokens of answers per second and chip, full", *(count(one.tokens_per_s_per_chip) for one in best)),
        ("The same, as sold in a full hour", *(count(chips.tokens_per_s_per_chip) for _, chips in served)),
        ("Chips that serve, mean of the first day", *(percent(chips.demand.first_busy_frac, 2) for _, chips in served)),
        ("Earned by a chip-hour that serves", *(money(chips.usd_per_chip_hour, 2) for _, chips in served)),
        ("IT power of a chip that serves", *(fixed(chips.serving_w, "W", 0) for _, chips in served)),
        ("IT power of a chip that does not", *(fixed(chips.spare_w, "W", 0) for _, chips in served)),
        ("Limited by", *(one.limit for one in best)),
        ("Times rest on", *("; ".join(f"{k}: {v}" for k, v in chips.plan.evidence.items()) for _, chips in served)),
    )
    return Table(("", *(use.title for use, _ in served)), rows)


def runner_up_table(use: UseResult) -> Table | None:
    """The next best layouts and the parts of the step in which they lose; None without a plan or runners-up."""
    plan = use.plan
    if plan is None or len(plan.runners_up) == 0:
        return None
    best = plan.cost
    rows = [_layout_row("chosen", layout_text(plan.layout), plan.step_time_s, plan.step_time_s, DASH)]
    for row in range(len(plan.runners_up)):
        time_s = float(plan.runners_up_cost.step_time_s[row])
        why = exposed_loss(best.parts_s, plan.runners_up_cost.parts_s, row)
        rows.append(_layout_row(str(row + 2), layout_text(plan.runners_up, row), time_s, plan.step_time_s, why))
    return Table(("Rank", "Layout", "Step time", "Slower by", "Where it loses"), tuple(rows))


def _layout_row(rank: str, layout: str, time_s: float, best_s: float, why: str) -> tuple[str, ...]:
    slower = DASH if rank == "chosen" else percent(time_s / best_s - 1, 2)
    return (rank, layout, fixed(time_s, "s", 3), slower, why)


def rejected_table(use: UseResult) -> Table | None:
    """Layouts considered and rejected, by reason; None without a plan."""
    plan = use.plan
    if plan is None:
        return None
    total = max(plan.considered, 1)
    ranked = sorted(plan.rejected.items(), key=lambda item: -item[1])
    rows = [("considered", count(plan.considered), "")]
    rows += [(f"rejected: {wording(reason)}", count(n), percent(n / total, 2)) for reason, n in ranked]
    left = plan.considered - sum(plan.rejected.values())
    rows.append(("feasible", count(left), percent(left / total, 2)))
    return Table(("Layouts", "Number", "Share"), tuple(rows))


def fleet_table(uses: Sequence[UseResult]) -> Table | None:
    """Miners of the mining uses; None where there are none."""
    fleets = [(use, use.fleet) for use in uses if use.fleet is not None]
    if not fleets:
        return None
    rows = (
        ("Machine", *(fleet.key for _, fleet in fleets)),
        ("Power at the plug", *(fixed(fleet.it_mw, "MW", 1) for _, fleet in fleets)),
        ("Hash rate", *(f"{plain(fleet.hashrate_eh_per_s)}{NARROW}EH/s" for _, fleet in fleets)),
        ("Efficiency", *(f"{plain(fleet.efficiency_j_per_th)}{NARROW}J/TH" for _, fleet in fleets)),
        ("Machines", *(count(fleet.machines) for _, fleet in fleets)),
        ("Uptime", *(percent(fleet.uptime_frac, 3) for _, fleet in fleets)),
        ("Pool fee", *(percent(fleet.pool_fee_frac, 2) for _, fleet in fleets)),
        ("Price of machines", *(f"{money(fleet.price_usd_per_th)} per TH/s" for _, fleet in fleets)),
    )
    earned = [use.mined for use, _ in fleets]
    years = sorted({row.year for mined in earned if mined is not None for row in mined.outlook})
    outlook = (
        ("Revenue of a mined MWh in the year shown", *(_mined(m) for m in earned)),
        *((f"Hash price {year}, revenue and strike per MWh", *(_hash_year(m, year) for m in earned)) for year in years),
    )
    return Table(("", *(use.title for use, _ in fleets)), rows + (outlook if years else ()))


def _mined(mined: MinedYear | None) -> str:
    if mined is None:
        return "n/a"
    stop = f"stops above {_cents(mined.strike_usd_per_mwh)}"
    return f"{_cents(mined.usd_per_mwh)}, {mined.first_month} to {mined.last_month}; {stop}"


def _hash_year(mined: MinedYear | None, year: int) -> str:
    row = next((row for row in mined.outlook if row.year == year), None) if mined is not None else None
    if row is None:
        return "n/a"
    price = f"{_cents(row.hashprice_usd_per_ph_day)} per PH/s and day"
    return f"{price}, {_cents(row.usd_per_mwh)}, {_cents(row.strike_usd_per_mwh)}"


def _cents(usd: float) -> str:
    return f"${usd:,.2f}"


def capital_table(uses: Sequence[UseResult]) -> Table:
    """Capital by class, residual, and who pays: customer, lender, owner; whole project, base case."""
    classes = dict.fromkeys(name for use in uses for name in use.cash.terms.capex_cost)
    rows = [
        (f"capital: {wording(name)}", *(money(float(np.sum(use.cash.terms.capex_cost.get(name, 0.0)))) for use in uses))
        for name in classes
    ]
    totals: tuple[tuple[str, Callable[[UseResult], float]], ...] = (
        ("capital, total", lambda u: float(first_path(u.cash.capex_total).sum())),
        ("customer prepayment", lambda u: float(first_path(u.cash.flows.prepayment).sum())),
        ("debt drawn", lambda u: float(first_path(u.cash.debt_draw).sum())),
        ("equity paid in", lambda u: float(first_path(u.cash.equity_in).sum())),
        ("interest and fees", lambda u: float(first_path(u.cash.interest_paid).sum() + first_path(u.cash.fees).sum())),
        ("income tax", lambda u: float(first_path(u.cash.tax).sum())),
        ("residual value at the end", lambda u: float(first_path(u.cash.residual_total).sum())),
        ("net present value after tax", lambda u: float(u.cash.measures.npv_usd[0])),
    )
    rows += [(name, *(money(total(use)) for use in uses)) for name, total in totals]
    rows.append(("discount rate", *(percent(use.cash.terms.discount_rate, 3) for use in uses)))
    rows.append(("equity IRR", *(percent(float(use.cash.measures.equity_irr[0]), 3) for use in uses)))
    rows.append(("loan", *(_loan(use) for use in uses)))
    return Table(("Whole project", *(use.title for use in uses)), tuple(rows))


def _loan(use: UseResult) -> str:
    loan = use.cash.terms.loan
    if loan is None:
        return "no debt"
    every = {1: "monthly", 3: "quarterly", 6: "semi-annual", 12: "annual"}[loan.every]
    terms = f"{wording(loan.shape)}, {loan.payments} {every} payments"
    return f"{money(loan.principal_usd)} at {percent(loan.rate, 3)}, {terms}"


def is_negative(text: str) -> bool:
    """Whether a cell's text is a negative number."""
    return text.startswith(MINUS)
