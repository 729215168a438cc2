"""A plausible comparison made of records alone, for the tests of the report; deterministic, and no golden file.

Amounts are of the size of a 250 MW connection with about 200 MW of IT; nothing here is a result of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from megawatt.catalogue.records import Assumption, Fact, Kind, Source
from megawatt.chain.records import Comparison, Headline, Sensitivity, UseResult
from megawatt.facility.records import FacilityYear
from megawatt.finance.records import CashFlow
from megawatt.hours import HOURS_IN_YEAR
from megawatt.mining.records import HashEconomics, MinerFleet
from megawatt.risk.records import Distribution, Risk
from tests.unit.report.sample_parts import (
    BUILD,
    GRID_MW,
    HOUR,
    MONTHS,
    Array,
    cash_flow,
    dispatch,
    facility,
    plan,
    prices,
    run_cost,
    training_run,
    weather,
)

PATHS = 4096

SOURCES: Mapping[str, Source] = {
    "maker": Source("maker", "Rack data sheet", "A maker", "2025-08", "https://example.org/rack?a=1&b=2"),
    "release": Source("release", "Contract announcement", "An operator", "2025-11-03", "https://example.org/release"),
    "tariff": Source("tariff", "Delivery tariff", "A utility", "2025", "none"),
}


def _distribution(sample: Array) -> Distribution:
    p5, p25, p50, p75, p95 = (float(v) for v in np.percentile(sample, (5, 25, 50, 75, 95)))
    tail = float(sample[sample <= p5].mean())
    return Distribution(float(sample.mean()), float(sample.std() / 64), p5, p25, p50, p75, p95, tail)


def risk(value: float, spread: float, cash: CashFlow, missed: float | None, seed: int) -> Risk:
    """Samples around the base value, fans that widen with time."""
    rng = np.random.default_rng(seed)
    sample = value + spread * (rng.gamma(9.0, 1.0, PATHS) - 9.0) / 3.0
    levels = np.array([-1.5, -0.6, 0.0, 0.6, 1.5])[:, None] * np.sqrt(np.arange(MONTHS) / MONTHS)[None, :]
    owner = cash.cfads[0] - cash.interest_paid[0] - cash.principal_paid[0]
    running = None if missed is None else missed * np.clip((np.arange(MONTHS) - BUILD) / 40, 0, 1)
    fans = {"cash_usd": owner + levels * 0.25 * np.abs(owner).max()}
    fans["closing_cash_usd"] = np.maximum(cash.closing_cash[0] * (1 + 0.5 * levels), 0)
    if missed is None:
        fans["hashprice_usd_per_ph_day"] = _hashprice() * np.exp(0.5 * levels)
    return Risk(
        paths=PATHS,
        seed=seed,
        value_usd_per_grid_mw_year=_distribution(sample),
        npv_usd=_distribution(sample * GRID_MW * 4),
        probability_missed=missed,
        probability_missed_interval=None if missed is None else (missed - 0.006, missed + 0.007),
        probability_missed_by_month=running,
        probability_balloon_unpaid=None if missed is None else 0.0,
        worst_month_usd=_distribution(sample / 30),
        samples={"value_usd_per_grid_mw_year": sample, "npv_usd": sample * GRID_MW * 4},
        fans=fans,
        drivers={"compute": 0.7, "power": -0.1},
    )


def _hashprice() -> Array:
    months = np.arange(MONTHS)
    return np.asarray(42.0 * np.where(months < 21, 1.0, 0.62) * (1 + 0.004 * months))


def mining_parts() -> dict[str, Any]:
    """Fleet and hash economics of the mining use."""
    fleet = MinerFleet("antminer-s21-xp", 240.0, 13.5, 17.8, 65_900.0, 0.01, 0.97, 21.0)
    price = _hashprice()[None, :]
    flat = np.ones((1, MONTHS))
    hashes = HashEconomics(price * 24 / 13.5 * 0.96 / 24 * 24, price, 1050 * flat, 9.1e4 * flat, 3.125 * flat)
    return {"fleet": fleet, "hash_economics": hashes}


def assumptions(prefix: str) -> tuple[Assumption, ...]:
    """One assumption of every kind, ranges open and closed, words and numbers."""
    rows: tuple[tuple[str, str, float | str, str, Kind, str, float | None, float | None, str], ...] = (
        ("power_cap_w", "catalogue", 1400.0, "W", "vendor", "maker", None, None, ""),
        ("hbm_bytes", "catalogue", 288e9, "byte", "vendor", "maker", None, None, ""),
        ("capex_usd_per_mw", "finance", 14.8e6, "USD/MW", "reported", "release", 14e6, 16e6, "management range"),
        ("delivery_usd_per_mwh", "dispatch", 4.1, "USD/MWh", "regulated", "tariff", None, None, ""),
        ("ups_loss_frac", "facility", 0.025, "", "measured", "https://example.org/ups", 0.01, 0.04, ""),
        ("step_overlap_frac", "training", 0.8, "", "assumed", "none", 0.5, 1.0, "no trace is published <for> it"),
        ("approach_k", "facility", 6.0, "delta_degC", "assumed", "scenario", 5.0, None, "set for this run; was 7"),
        ("topology", "training", "switch", "", "derived", "maker", None, None, "javascript is not a source"),
    )
    return tuple(
        Assumption(f"{prefix}.{name}", room, Fact(value, unit, kind, source, "2025-11", low, high, note))
        for name, room, value, unit, kind, source, low, high, note in rows
    )


def sensitivities(value: float, tokens: float | None, shift: float) -> tuple[Sensitivity, ...]:
    """Seven inputs, two of them shared between uses."""
    rows = (
        ("compute_price", "Price of compute after the contract", "USD/hour", 1.2, 2.91, 3.4, -0.62, 0.21),
        ("capex", "Capital per IT megawatt", "USD/MW", 11e6, 14.8e6, 16e6, 0.27, -0.09),
        ("power_price", "Price of energy", "USD/MWh", 26.0, 34.0, 48.0, 0.05, -0.09),
        ("life", "Residual value of chips", "", 0.05, 0.2, 0.35, -0.16, 0.16),
        ("uptime_frac", "Availability", "", 0.95, 0.98, 0.995, -0.04, 0.02),
        ("provisioned_w", "Rack budget per chip", "W", 1850.0, 1970.0, 2100.0, 0.07, -0.07),
        ("approach_k", "Approach of the dry coolers", "delta_degC", 5.0, 6.0, 8.0, 0.003, -0.004),
    )
    return tuple(
        Sensitivity(
            name, title, unit, low, base, high, value + shift * down * 1e6, value + shift * up * 1e6,
            None if tokens is None else tokens * 0.97, None if tokens is None else tokens * 1.02,
        )
        for name, title, unit, low, base, high, down, up in rows
    )  # fmt: skip


def headline(
    value: float, spread: float, hall: FacilityYear, cash: CashFlow, r: Risk, tokens: float | None
) -> Headline:
    """The deciding numbers of a use."""
    d = r.value_usd_per_grid_mw_year
    it = float(hall.it_mw.max())
    margin = 12 * float((cash.revenue_total - cash.opex_total)[0, 20]) / GRID_MW
    low = None if r.probability_missed is None else float(np.nanmin(cash.dscr))
    return Headline(
        value_usd_per_grid_mw_year=value,
        value_p5=d.p5,
        value_p95=d.p95,
        value_low=value - 1.1 * spread,
        value_high=value + 0.8 * spread,
        value_usd_per_it_mw_year=value * GRID_MW / it,
        margin_usd_per_grid_mw_year=margin,
        tokens_per_grid_mwh=tokens,
        tokens_low=None if tokens is None else tokens * 0.88,
        tokens_high=None if tokens is None else tokens * 1.07,
        worst_month="Dec 2027" if value > 0 else "Apr 2028",
        worst_month_usd=float(cash.cfads[0, BUILD + 4 :].min()),
        probability_missed=r.probability_missed,
        probability_missed_interval=r.probability_missed_interval,
        min_dscr=low,
        peak_mw=float(hall.facility_mw.max()),
        pue=hall.pue,
        project_irr=0.183 if value > 0 else None,
        resale_usd_per_grid_mw_year=0.1 * value,
    )


def training_use(name: str, title: str, system: str, value: float, speed: float, missed: float, seed: int) -> UseResult:
    """A use that trains."""
    hall = facility(np.full(HOURS_IN_YEAR, 198.0 if seed == 7 else 191.0), liquid=True)
    cash = cash_flow(
        {"compute contract": 161e6 * speed, "colocation": 2e6},
        {"energy": 6.1e6, "operations and maintenance": 9e6, "insurance": 2.4e6},
        {"chips": 5.0e9 * speed, "building": 1.1e9},
        2.5e9 * speed,
    )
    r = risk(value, 0.3e6, cash, missed, seed)
    tokens = 1.83e9 * speed
    return UseResult(
        name=name,
        title=title,
        use="gpu-cloud",
        grid_mw=GRID_MW,
        it_mw=198.0 if seed == 7 else 191.0,
        chips=76_000,
        plan=plan(system, speed),
        run=training_run() if seed == 7 else None,
        run_cost=run_cost() if seed == 7 else None,
        fleet=None,
        hash_economics=None,
        weather=weather(),
        facility=hall,
        dispatch=dispatch(hall, mining=False),
        price_usd_per_mwh=prices(),
        cash=cash,
        risk=r,
        headline=headline(value, 0.55e6, hall, cash, r, tokens),
        sensitivities=sensitivities(value, tokens, 1.0),
        assumptions=assumptions(name) + assumptions("site"),
        warnings=("The weather is a typical year and the prices are another's: their correlation is broken.",),
    )


def mining_use(value: float = -61_000.0) -> UseResult:
    """A use that mines, without plan, run or debt."""
    curtailed = np.where(HOUR % 24 == 17, 0.35, 1.0) * np.where((HOUR // 24) % 90 < 4, 0.6, 1.0)
    hall = facility(240.0 * curtailed, liquid=False)
    cash = cash_flow(
        {"mining": 17.5e6}, {"energy": 6.6e6, "operations and maintenance": 2.1e6}, {"miners": 0.37e9}, 0.0
    )
    r = risk(value, 0.16e6, cash, None, 11)
    return UseResult(
        name="mining",
        title="Bitcoin mining, S21 XP",
        use="mining",
        grid_mw=GRID_MW,
        it_mw=240.0,
        chips=0,
        plan=None,
        run=None,
        weather=weather(),
        facility=hall,
        dispatch=dispatch(hall, mining=True),
        price_usd_per_mwh=prices(),
        cash=cash,
        risk=r,
        headline=headline(value, 0.2e6, hall, cash, r, None),
        sensitivities=sensitivities(value, None, 0.4)[1:3],
        assumptions=assumptions("site"),
        warnings=(),
        **mining_parts(),
    )


def manifest() -> dict[str, object]:
    """A manifest with nested parts and values of many kinds."""
    return {
        "megawatt": "0.1.0",
        "scenario": {"file": "childress-compare.toml", "sha256": "6f" * 32},
        "catalogue_sha256": "a1" * 32,
        "seed": 20251202,
        "solver": "HiGHS 1.12.0",
        "created_utc": "2026-11-23T08:00:00Z",
        "versions": {"python": "3.11.9", "numpy": "2.3.1"},
        "set": [],
        "dirty": False,
        "parent": None,
    }


def sample_comparison() -> Comparison:
    """Three uses of one site: two that train and overlap, one that mines and loses."""
    uses = (
        training_use("gb300", "GB300 under the Microsoft contract", "gb300-nvl72", 1.23e6, 1.0, 0.031, 7),
        training_use("trn3", "Trainium 3, same halls, token parity", "trn3-ultraserver", 0.81e6, 0.86, 0.087, 8),
        mining_use(),
    )
    parity = Sensitivity(
        "trn3_parity", "Price of Trainium 3 per token against GB300", "", 0.7, 0.86, 1.15, 0.22e6, 1.41e6, 1.5e9, 1.6e9
    )
    uses = (uses[0], replace(uses[1], sensitivities=(*uses[1].sensitivities, parity)), uses[2])
    question = "What is a contracted megawatt at Childress worth as GB300, as Trainium 3, or mining bitcoin?"
    return Comparison("childress-compare", "IREN Childress: three uses of the same 250 MW", question, uses, manifest())


def mining_alone() -> Comparison:
    """One use, without plan, run, debt, sensitivities, samples, fans, assumptions or warnings."""
    use = mining_use()
    bare = replace(
        use,
        fleet=None,
        hash_economics=None,
        sensitivities=(),
        assumptions=(),
        risk=replace(use.risk, samples={}, fans={}),
        headline=replace(use.headline, project_irr=None, value_p5=float("nan"), value_p95=float("nan")),
    )
    return Comparison("mining", "Mining alone", "What does it leave?", (bare,), {})
