"""The site year of a scenario with additions, as `megawatt dispatch` asks for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.hours import Additions, site_year
from megawatt.errors import ScenarioError
from megawatt.scenario import LoadedScenario, load

EXAMPLES = Path(__file__).parents[3] / "examples"
CATALOGUE = load_catalogue()


def use(name: str) -> LoadedScenario:
    return load(EXAMPLES / f"childress-{name}.toml", CATALOGUE).uses[0]


def test_nothing_is_added_by_default() -> None:
    bare = site_year(use("gb300"), CATALOGUE)
    assert bare.water is None
    assert bare.held_by_contract
    assert bare.problem.storages == bare.problem.peaks == ()
    assert [u.name for u in bare.problem.uses] == ["ai"]


def test_additions_reach_the_problem() -> None:
    added = Additions(
        battery=(50.0, 200.0), demand_charge_usd_per_mw_year=1000.0, ai_firm_frac=0.7,
        ai_interruptible_usd_per_mwh=120.0, water_usd_per_m3=5.0,
    )  # fmt: skip
    year = site_year(use("gb300"), CATALOGUE, added)
    (storage,), (charge,) = year.problem.storages, year.problem.peaks
    assert (storage.power_mw, storage.energy_mwh) == (50.0, 200.0)
    assert charge.cost_usd(2.0) == 2000.0
    assert float(year.problem.uses[0].usd_per_mwh.max()) <= 120.0
    assert year.water is not None
    assert year.water.wet_hours == int(year.water.wet.sum())
    assert not year.held_by_contract
    with pytest.raises(ScenarioError, match="water"):
        site_year(use("gb300"), CATALOGUE, Additions(water_usd_per_m3=-1.0, water_cap_m3=10.0))


def test_miners_earn_the_value_of_the_first_full_years_months() -> None:
    year = site_year(use("bitcoin"), CATALOGUE)
    assert year.mined is not None
    (mining,) = year.problem.uses
    # a MWh at the connection is less than one at the plug
    best = float(year.mined.by_month_usd_per_mwh.max())
    assert 0.8 * best < float(np.max(mining.usd_per_mwh)) < best
