"""Sizes of a battery, solar and a peak for a load, over 8,760 hours: ours against PyPSA on HiGHS, one fixed case.

PyPSA is no dependency: MEGAWATT_PYPSA names the Python of an environment that has it (``pip install pypsa``); without
it ours is measured alone. Build and solve are timed together, without the import of either package.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.dispatch import Block, HourlyProblem, Storage, price_year
from megawatt.dispatch.capacity import solve_capacity
from megawatt.dispatch.hour_cuts import Sizable
from megawatt.hours import HOURS_IN_YEAR

PYTHON = os.environ.get("MEGAWATT_PYPSA", "")
OPTIMUM_USD = 42_774_565.39
"""Optimum of PyPSA 1.4.0 (linopy 0.10.1, HiGHS 1.15.1), which every run must meet to 1e-6."""
COST = {"solar": 70_000.0, "battery_mw": 6_000.0, "battery_mwh": 14_000.0, "peak": 60_000.0}
"""USD a year for a MW, MWh or MW of metered peak."""
INTO, OUT, LOSS, WEAR = 0.96, 0.95, 1e-4, 2.0

_PYPSA = """
import json, logging, sys, time, warnings
import numpy as np
import pandas as pd
import pypsa
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
d = np.load(sys.argv[1])
cost = json.loads(str(d["cost"]))
into, out, loss, wear = d["battery"]
started = time.perf_counter()
n = pypsa.Network()
n.set_snapshots(pd.RangeIndex(d["load"].size))
n.add("Bus", "grid")
n.add("Bus", "site")
n.add("Bus", "cells")
n.add("Load", "load", bus="site", p_set=d["load"])
n.add("Generator", "energy", bus="grid", p_nom=1e4, marginal_cost=d["price"])
n.add("Link", "peak", bus0="grid", bus1="site", p_nom_extendable=True, capital_cost=cost["peak"])
n.add("Generator", "solar", bus="site", p_nom_extendable=True, p_max_pu=d["sun"], capital_cost=cost["solar"])
n.add("Link", "charge", bus0="site", bus1="cells", efficiency=into, p_nom_extendable=True,
      capital_cost=cost["battery_mw"])
# capacity of a link is at its first bus; the inverter's is at the site: rated there by the extra constraint
n.add("Link", "discharge", bus0="cells", bus1="site", efficiency=out, p_nom_extendable=True, marginal_cost=wear * out)
n.add("Store", "cells", bus="cells", e_nom_extendable=True, e_cyclic=True, standing_loss=loss,
      capital_cost=cost["battery_mwh"])

def inverter(n, snapshots):
    p = n.model["Link-p_nom"]
    n.model.add_constraints(p.loc["charge"] - out * p.loc["discharge"] == 0, name="inverter")

n.optimize.create_model()
inverter(n, None)
built = time.perf_counter()
n.optimize.solve_model(solver_name="highs", log_to_console=False, **json.loads(sys.argv[2]))
print(json.dumps({"usd": float(n.objective), "build_s": built - started, "solve_s": time.perf_counter() - built}))
"""


def case() -> tuple[HourlyProblem, tuple[Sizable, ...], dict[str, np.ndarray]]:
    """The fixed case: 100 MW that follow day and season, ERCOT's prices of 2023, a clear sky that clouds cover."""
    hour = np.arange(HOURS_IN_YEAR)
    day, clock = hour // 24, hour % 24
    season = np.cos(2.0 * np.pi * (day - 200) / 365.0)
    load = 100.0 + 8.0 * season + 6.0 * np.cos(2.0 * np.pi * (clock - 16) / 24.0)
    rng = np.random.Generator(np.random.PCG64(20261130))
    clouds = rng.uniform(0.35, 1.0, 365)[day]
    sun = clouds * (0.8 + 0.2 * season) * np.maximum(np.cos(2.0 * np.pi * (clock - 12.5) / 26.0), 0.0)
    price = price_year(load_catalogue().price_shape("ercot-hub", 2023)) + 6.0
    problem = HourlyProblem(
        firm_mw=load,
        imports=Block("import", np.full((HOURS_IN_YEAR, 1), 1e4), price[:, np.newaxis]),
        storages=(Storage("battery", 0.0, 0.0, INTO, OUT, LOSS, WEAR),),
    )
    solar = Block("solar", sun[:, np.newaxis], np.zeros((HOURS_IN_YEAR, 1)))
    things = (
        Sizable("solar", 0.0, 400.0, COST["solar"], supplies=(solar,)),
        Sizable("battery_mw", 0.0, 200.0, COST["battery_mw"], battery="power"),
        Sizable("battery_mwh", 0.0, 800.0, COST["battery_mwh"], battery="energy"),
        Sizable("peak", 0.0, 300.0, COST["peak"], limit_mw=np.ones(HOURS_IN_YEAR)),
    )
    return problem, things, {"load": load, "sun": sun, "price": price}


def _pypsa(arrays: dict[str, np.ndarray], options: dict[str, str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "case.npz")
        np.savez(file, cost=json.dumps(COST), battery=np.array([INTO, OUT, LOSS, WEAR]), **arrays)  # type: ignore[arg-type]
        command = [PYTHON, "-c", _PYPSA, str(file), json.dumps(options)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[str, float] = json.loads(lines[-1])
    return found


def main() -> dict[str, float]:
    """Dollars, seconds and their ratio."""
    problem, things, arrays = case()
    solve_capacity(problem, things)  # compiled once
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        plan = solve_capacity(problem, things)
        seconds.append(time.perf_counter() - started)
    figures = {
        "optimum_usd": plan.cost_usd,
        "proven_gap": (plan.cost_usd - plan.bound_usd) / plan.cost_usd,
        "years_solved": float(plan.years),
        "seconds": min(seconds),
        "error_of_the_fixed_optimum": plan.cost_usd / OPTIMUM_USD - 1.0,
        **{f"size_{name}": size for name, size in plan.sizes.items()},
    }
    if PYTHON:
        for name, options in (("simplex", {"solver": "simplex"}), ("ipm", {"solver": "ipm"})):
            there = _pypsa(arrays, options)
            figures |= {f"pypsa_{name}_{key}": value for key, value in there.items()}
            figures[f"pypsa_{name}_error"] = plan.cost_usd / there["usd"] - 1.0
            figures[f"pypsa_{name}_over_ours"] = (there["build_s"] + there["solve_s"]) / min(seconds)
    return figures


if __name__ == "__main__":
    for name, figure in main().items():
        print(f"{name:32s} {figure:16.10g}")
