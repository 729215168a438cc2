"""A small mixed site as `mix` and `best` tell it: chips and miners behind 300 MW, what is best, and a year of hours."""

from __future__ import annotations

from typing import Any

import numpy as np

from megawatt.report.mixed_page import MixedYear

HOURS = 8760
PARTS = ("chips", "miners <b>")


def _mix(name: str, sizes: tuple[float, float], usd: float, idle_mw: float) -> dict[str, Any]:
    return {
        "name": name,
        "scales": dict(zip(PARTS, sizes, strict=True)),
        "plants": {"battery_mw": 20.0} if name == "mix" else {},
        "value_usd": usd,
        "standard_error_usd": 1e6,
        "base_case_usd": usd,
        "tail_usd": usd - 3e8,
        "probability_missed": 0.02 if sizes[0] else None,
        "capital_usd": 8e9 * sizes[0],
        "idle_mw": idle_mw,
        "note": "",
    }


def _flip(name: str, flips_at: float | None, at_high: dict[str, float]) -> dict[str, Any]:
    here = {"chips": 1.0, "miners <b>": 0.5}
    return {
        "name": name, "title": f"input {name}", "unit": "USD/MWh", "low": 20.0, "base": 40.0, "high": 80.0,
        "flips_at": flips_at, "best_at_low": here, "best_at_high": at_high,
        "value_at_low_usd": 3e8, "value_at_high_usd": 5e7,
    }  # fmt: skip


FORESIGHT = {
    "flexible_usd": 9e7, "achieved_usd": 8.1e7, "gap_usd": 9e6, "achieved_frac": 0.9,
    "real_time_achieved_frac": 0.88, "real_time_error_frac": 0.3,
}  # fmt: skip
ADDS = [
    {"name": "chips", "alone_usd": 1e8, "last_usd": 8e7, "adds_usd": 9e7},
    {"name": "miners <b>", "alone_usd": 1.5e8, "last_usd": 1.2e8, "adds_usd": 1.35e8},
]


def best_told(levels: tuple[float, ...] = (0.5, 1.0, 2.0)) -> dict[str, Any]:
    """What `megawatt best --json` says, with what each part adds."""
    here, chips = {"chips": 1.0, "miners <b>": 0.5}, {"chips": 1.0, "miners <b>": 0.0}
    return {
        "grid_mw": 300.0,
        "cost_of_equity": None,
        "best": _mix("mix", (1.0, 0.5), 2.25e8, 13.0),
        "single_use": [_mix("chips", (1.0, 0.0), 1e8, 163.0), _mix("miners <b>", (0.0, 1.0), 1.5e8, 0.0)],
        "gap": {
            "programme_usd": 2.26e8, "chain_usd": 2.25e8, "gap_usd": 1e6, "gap_frac": 0.004, "solver": "HiGHS",
            "seconds": 1.0,
        },
        "foresight": FORESIGHT,
        "frontier": [
            {"scales": here, "plants": {}, "value_usd": 2.25e8, "tail_usd": -7.5e7, "probability_missed": 0.02},
            {"scales": {"chips": 0.2, "miners <b>": 1.0}, "plants": {}, "value_usd": 1.6e8, "tail_usd": 2e7,
             "probability_missed": 0.01},
        ],
        "shadow_prices": {"usd_per_grid_mw": 4.5e5},
        "bounds": [{"path": "parts.0.most", "name": "chips", "usd_per_unit": 3e7, "usd_per_mw": 2e5}],
        "remarks": ["miners: their scenario's connection is the site's here"],
        "robust": {
            "inputs": 2,
            "inputs_that_flip": 1,
            "flips": [_flip("steady", None, here), _flip("turns", 62.0, chips)],
            "map": [
                {"power_level": power, "pay_level": pay, "scales": chips if pay > power else here,
                 "value_usd": 1e8 * pay / power}
                for power in levels for pay in levels
            ],
        },
        "left_out": [],
        "over_time": {
            "mining": "miners <b>", "ai": "chips", "dates": ["2026-01", "2027-01"], "months": 120, "paths": 512,
            "discount_rate": 0.09, "mining_mw": 300.0, "ai_mw": 150.0, "displaced_mw": [75.0, 150.0],
            "fixed": [
                {"name": "never", "halls": [0, 0], "value_usd": 1.5e8, "standard_error_usd": 2e6},
                {"name": "in steps", "halls": [1, 1], "value_usd": 1.7e8, "standard_error_usd": 3e6},
            ],
            "options": [
                {"name": "all halls, as prices tell", "halls": [], "value_usd": 1.9e8, "standard_error_usd": 3e6},
            ],
            "converts_frac": [0.4, 0.2], "best_fixed": "in steps", "best_option": "all halls, as prices tell",
            "waiting_usd": 2e7, "bound_usd": 2.5e8,
        },
        "adds": ADDS,
    }  # fmt: skip


def mix_told() -> dict[str, Any]:
    """What `megawatt mix --json` says."""
    part = {
        "use": "mining", "scale": 0.5, "it_mw": 145.0, "peak_mw": 150.0, "first_month": "2026-01",
        "last_month": "2027-12", "value_usd": 1.1e8, "capital_usd": 1e8, "revenue_usd": 3e8, "running_cost_usd": 1e8,
        "sold_usd": 0.0, "debt_usd": 0.0, "min_dscr": None, "project_irr": None, "held_by_connection": False,
    }  # fmt: skip
    idle = [13.0] * 12 + [163.0] * 12
    months = [f"{2026 + m // 12}-{m % 12 + 1:02d}" for m in range(24)]
    return {
        "name": "sample", "grid_mw": 300.0, "value_usd": 2.25e8, "shared_usd": 5e6, "water_m3": 0.0,
        "idle_mw": {"least": 13.0, "mean": 88.0, "by_month": idle, "months": months},
        "foresight": {"why_not": "energy tiers are planned with the year in view"},
        "parts": [part | {"name": row["name"], "adds_usd": row["adds_usd"]} for row in ADDS],
        "adds": ADDS,
        "remarks": ["chips: their scenario's connection is the site's here"],
        "risk": {
            "paths": 512, "mean_usd": 2e8, "p5_usd": -1e8, "p95_usd": 4e8, "tail_usd": -2e8, "probability_missed": None,
            "probability_missed_interval": None, "probability_missed_by_part": {},
        },
    }  # fmt: skip


def sample_year() -> MixedYear:
    """Chips at 150 MW, miners at 100 MW by night, a battery; prices of 20 by night and 100 by day, dearer in week 3."""
    hour = np.arange(HOURS)
    night = hour % 24 < 8
    price = np.where(night, 20.0, 100.0)
    miners = np.where(night, 100.0, np.where(hour // 168 == 2, 0.0, 60.0))
    charge, discharge = np.where(night, 10.0, 0.0), np.where(hour % 24 == 18, 50.0, 0.0)
    return MixedYear(
        {
            "hour": hour.astype(float),
            "price_usd_per_mwh": price + 5.0,
            "energy_price_usd_per_mwh": price,
            "idle_halls_mw": np.full(HOURS, 5.0),
            "import_mw": 155.0 + miners + charge - discharge,
            "chips_mw": np.full(HOURS, 150.0),
            "miners <b>_mw": miners,
            "battery.charge_mw": charge,
            "battery.discharge_mw": discharge,
            "battery.state_mwh": np.zeros(HOURS),
        },
        PARTS,
        300.0,
    )
