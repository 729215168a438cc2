"""Records of one link each, for the sample comparison of the report: hall, dispatch, plan, cash."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue import load_catalogue
from megawatt.dispatch.records import Dispatch
from megawatt.facility.records import FacilityYear, Weather
from megawatt.finance.records import CashFlow, LoanTerms, Measures, OperatingFlows, ProjectTerms, TaxTerms
from megawatt.hours import HOURS_IN_YEAR
from megawatt.runs import (
    BillPrices,
    Checkpoint,
    Expected,
    PhaseRun,
    RunCost,
    RunPower,
    TrainingRun,
    run_bill,
)
from megawatt.training.records import Job, Layouts, StepCost, TrainingPlan
from megawatt.workload import load_model

Array = NDArray[np.float64]
GRID_MW = 250.0
MONTHS = 66
BUILD = 6
HOUR = np.arange(HOURS_IN_YEAR, dtype=np.float64)


def _dry_bulb() -> Array:
    season = -np.cos(2 * np.pi * (HOUR - 500) / HOURS_IN_YEAR)
    day = -np.cos(2 * np.pi * (HOUR - 4) / 24)
    weeks = np.sin(2 * np.pi * HOUR / 190) + 0.6 * np.sin(2 * np.pi * HOUR / 77 + 1)
    return np.asarray(17 + 11 * season + 6 * day + 2.5 * weeks, dtype=np.float64)


def weather() -> Weather:
    """A warm dry year."""
    dry = _dry_bulb()
    flat = np.full(HOURS_IN_YEAR, 94_000.0)
    return Weather("Childress TX", "synthesised from normals", dry, dry - 6, np.full(HOURS_IN_YEAR, 0.5), flat)


def prices() -> Array:
    """Cheap nights, dear summer afternoons, a few scarcity hours, some below zero."""
    hour, heat = HOUR % 24, np.clip((_dry_bulb() - 20) / 18, 0, 1)
    base = 24 + 14 * np.exp(-(((hour - 18) / 3) ** 2)) * (1 + 4 * heat**3) - 9 * np.exp(-(((hour - 12) / 3) ** 2))
    scarce = np.where((hour == 18) & (heat > 0.97), 2400.0, 0.0)
    return np.asarray(base + scarce - np.where((HOUR // 24) % 40 == 3, 22.0, 0.0), dtype=np.float64)


def facility(it_mw: Array, liquid: bool) -> FacilityYear:
    """A hall whose cooling grows with the temperature."""
    heat = np.clip((_dry_bulb() - 5) / 35, 0.05, 1.2)
    share = 0.035 if liquid else 0.02
    parts = {
        "it": it_mw,
        "fans": it_mw * share * heat,
        "pumps": it_mw * (0.012 if liquid else 0.0),
        "chiller": it_mw * (0.05 * np.maximum(heat - 0.85, 0) if liquid else 0.0),
        "transformer": it_mw * 0.012,
        "ups": it_mw * (0.025 if liquid else 0.0),
        "distribution": it_mw * 0.012,
    }
    total = sum(parts.values(), np.zeros(HOURS_IN_YEAR))
    water = it_mw * 1000 * 0.4 * np.maximum(heat - 0.6, 0) if liquid else np.zeros(HOURS_IN_YEAR)
    pue = float(total.sum() / it_mw.sum())
    running = it_mw > 0
    worst = float((total[running] / it_mw[running]).max())
    return FacilityYear(it_mw, total, water, parts, pue, worst, float(water.sum() / it_mw.sum() / 1e3))


def dispatch(hall: FacilityYear, mining: bool) -> Dispatch:
    """The year as the hall draws it; bill by part."""
    zero = np.zeros(HOURS_IN_YEAR)
    energy = float(hall.facility_mw.sum())
    cost = {"energy": 34.0 * energy, "delivery": 4.1 * energy, "4cp": 0.4e6 if mining else 9.5e6}
    if mining:
        cost["curtailment credits"] = -3.2 * energy
    ai, miners = (zero, hall) if mining else (hall, zero)
    return Dispatch(
        import_mw=hall.facility_mw,
        ai_it_mw=zero if isinstance(ai, np.ndarray) else ai.it_mw,
        ai_facility_mw=zero if isinstance(ai, np.ndarray) else ai.facility_mw,
        mining_it_mw=zero if isinstance(miners, np.ndarray) else miners.it_mw,
        mining_facility_mw=zero if isinstance(miners, np.ndarray) else miners.facility_mw,
        mining_usd=np.zeros(8760),
        ai_curtailed_mw=zero,
        water_l=hall.water_l,
        carbon_t=0.38 * energy,
        peak_mw=float(hall.facility_mw.max()),
        energy_cost_usd=cost,
        revenue_usd={"mining": 95.0 * energy} if mining else {"compute": 1500.0 * energy},
        objective_usd=1.0,
        binding={"import limit": 12},
        solver="HiGHS 1.12",
    )


def layouts(rows: list[tuple[int, ...]]) -> Layouts:
    """Layouts from (tp, pp, vpp, cp, ep, dp, micro_batch, zero, recompute)."""
    columns = np.array(rows, dtype=np.int64).T
    return Layouts(*columns, np.ones(len(rows), dtype=np.bool_))


def step_cost(slowness: float, lost: list[float]) -> StepCost:
    """Costs whose parts sum to the totals, one layout per element of ``lost``, which goes to bubble and sends."""
    extra = np.array(lost)
    k = np.full(len(extra), slowness)
    parts = {
        "compute": 4.1 * k,
        "tp": 0.42 * k + 0.6 * extra,
        "pp": 0.06 * k,
        "bubble": 0.31 * k + 1.4 * extra,
        "dp": 0.22 * k,
        "optimizer": 0.05 * k,
    }
    memory = {
        "weights": np.full(len(k), 38e9),
        "gradients": np.full(len(k), 38e9),
        "optimizer": np.full(len(k), 22e9),
        "activations": 58e9 * (1 + extra),
        "workspace": np.full(len(k), 6e9),
    }
    step, used = sum(parts.values(), np.zeros(len(k))), sum(memory.values(), np.zeros(len(k)))
    power = np.full(len(k), 1150.0)
    yes, why = np.ones(len(k), dtype=np.bool_), np.array([""] * len(k))
    return StepCost(step, parts, used, memory, power, power * step * 8192, yes, why)


def plan(system: str, speed: float) -> TrainingPlan:
    """A plan of a 405-billion-parameter model; ``speed`` scales the rates."""
    best = step_cost(1.0 / speed, [0.0])
    step = float(best.step_time_s[0])
    tokens = 2048 * 8192 / step
    return TrainingPlan(
        job=Job(load_model("llama-3.1-405b", load_catalogue()), seq_len=8192, global_batch=2048),
        system=system,
        chips=8192,
        layout=layouts([(8, 8, 2, 1, 1, 128, 1, 1, 1)]),
        cost=best,
        runners_up=layouts(
            [(8, 16, 1, 1, 1, 64, 1, 1, 1), (16, 8, 1, 2, 1, 32, 2, 1, 0), (4, 16, 4, 1, 1, 128, 1, 3, 2)]
        ),
        runners_up_cost=step_cost(1.0 / speed, [0.02, 0.05, 0.11]),
        considered=4312,
        rejected={"does not fit in memory": 2977, "tensor parallel beyond the scale-up domain": 411},
        step_time_s=step,
        tokens_per_s=tokens,
        tokens_per_s_per_chip=tokens / 8192,
        mfu=0.412 * speed,
        hfu=0.448 * speed,
        chip_power_w=1150.0,
        it_w_per_chip=1730.0,
        it_energy_j_per_token=1730.0 * 8192 / tokens,
    )


def training_run() -> TrainingRun:
    """Fifteen trillion tokens."""
    parts = Expected(61.3 * 86_400.0, 5e6, 0.0, 1e4, 1e5, 1.8e5, 0.0, 6320.0, 412.0)
    phase = PhaseRun("pre-training", 15e12, 900_000, 8192, 2048, 4.9e6, 640.0, "tp 8")
    power = RunPower({"chips": 15_000.0, "hosts": 4_400.0}, 13.2, 14.3, 13.9, 7.1, 6.9, 8000.0, 8400.0, ())
    return TrainingRun(
        tokens=15e12, steps=900_000, phases=(phase,), days=61.3, days_low=58.0, days_high=70.0, goodput=0.942,
        failures=412.0, parts=parts, checkpoint=Checkpoint(5.7e12, 3.0, 0.02, 3.0), checkpoint_interval_s=1260.0,
        young_daly_interval_s=19.0, optimal_interval_s=19.0, spares=100, spare_chips=800, power=power,
    )  # fmt: skip


def run_cost() -> RunCost:
    """Its bill on 16,384 chips, three quarters of it capital."""
    bill = run_bill(training_run(), 16_384, BillPrices(2.0, 0.0, 1.25, 400.0, 0.0, 0.0, 0.5))
    rented = run_bill(training_run(), 16_384, BillPrices(3.0, 0.0, 1.25, 400.0, 0.0, 0.0, 0.5))
    return RunCost(bill, rented, {"capital": 0.75 * bill.usd, "power": 0.25 * bill.usd}, has_market=False)


def _terms(capex: Mapping[str, float], loan: float) -> ProjectTerms:
    spread = np.concatenate([np.full(BUILD, 1 / BUILD), np.zeros(MONTHS - BUILD)])
    debt = LoanTerms(loan, 0.0775, 2, BUILD, BUILD + 47, "level", 0.02) if loan else None
    return ProjectTerms(
        start_year=2026,
        start_month=7,
        months=MONTHS,
        capex_cost={name: usd * spread for name, usd in capex.items()},
        residual={name: np.zeros((1, MONTHS)) for name in capex},
        loan=debt,
        tax=TaxTerms(0.21, dict.fromkeys(capex, 5.0)),
        discount_rate=0.1,
    )


def cash_flow(
    revenue: Mapping[str, float], opex: Mapping[str, float], capex: Mapping[str, float], loan: float
) -> CashFlow:
    """Level monthly flows, a ramp of four months, and a level loan; amounts per month, capex and loan in total."""
    terms = _terms(capex, loan)
    live = np.clip((np.arange(MONTHS) - BUILD + 1) / 4, 0, 1)
    wave = 1 + 0.03 * np.sin(2 * np.pi * np.arange(MONTHS) / 12)

    def rows(parts: Mapping[str, float], shape: Array) -> dict[str, Array]:
        return {name: (usd * shape)[None, :] for name, usd in parts.items()}

    flows = OperatingFlows(rows(revenue, live), rows(opex, live * wave), np.zeros((1, MONTHS)), np.zeros((1, MONTHS)))
    zero = np.zeros((1, MONTHS))
    income, cost = sum(flows.revenue.values(), zero), sum(flows.opex_cost.values(), zero)
    tax = 0.03 * (income - cost) * (np.arange(MONTHS) % 12 == 5)
    spent = sum(terms.capex_cost.values(), np.zeros(MONTHS))[None, :]
    residual = np.where(np.arange(MONTHS) == MONTHS - 1, 0.2 * spent.sum(), 0.0)[None, :]
    draw, interest, principal, balance = _loan_flows(terms.loan)
    cfads = income - cost - tax
    free = cfads + residual + draw - spent - interest - principal
    equity, paid = np.maximum(-free, 0), np.maximum(free, 0) * 0.9
    closing = np.cumsum(free + equity - paid, axis=1)
    service = interest + principal
    trailing = np.full((1, MONTHS), np.nan)
    for m in range(BUILD + 11, MONTHS):
        due = service[0, m - 11 : m + 1].sum()
        trailing[0, m] = cfads[0, m - 11 : m + 1].sum() / due if service[0, m] > 0 else np.nan
    rate = (1 + terms.discount_rate) ** (1 / 12) - 1
    npv = float(((cfads + residual - spent) / (1 + rate) ** np.arange(1, MONTHS + 1)).sum())
    one = np.ones(1)
    low = float(np.nanmin(trailing)) if loan else np.nan
    measures = Measures(
        one * npv, one * npv, one * 0.18, one * 0.27, one * low, one * low, one * 1.5, one * 1.0, one * 40,
        one * np.nan,
    )  # fmt: skip
    return CashFlow(
        terms, flows, income, cost, tax, tax, cfads, spent, residual, draw, interest, principal, zero, balance, equity,
        paid, closing, zero, service[0], trailing, np.array([-1]), measures,
    )  # fmt: skip


def _loan_flows(loan: LoanTerms | None) -> tuple[Array, Array, Array, Array]:
    draw, interest, principal, balance = (np.zeros((1, MONTHS)) for _ in range(4))
    if loan is None:
        return draw, interest, principal, balance
    draw[0, loan.draw_month] = owed = loan.principal_usd
    rate, n = loan.rate / 12, loan.last_payment_month - loan.first_payment_month + 1
    level = owed * rate / (1 - (1 + rate) ** -n)
    for m in range(loan.draw_month, MONTHS):
        if loan.first_payment_month <= m <= loan.last_payment_month:
            interest[0, m] = owed * rate
            principal[0, m] = level - interest[0, m]
            owed -= float(principal[0, m])
        balance[0, m] = max(owed, 0.0)
    return draw, interest, principal, balance
