"""What the grid pays and asks for: from a scenario's sections to the dispatch and the cash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.grid_services import curtailment_pay_usd
from megawatt.chain.hours import site_year
from megawatt.chain.links import Links, forge
from megawatt.dispatch import HourlyProblem, earned_usd, ledger, optimise
from megawatt.errors import ScenarioError
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"
CATALOGUE = load_catalogue()
ECRS = 'services=[{product="ecrs", mw=100, usd_per_mw_hour=8}]'
CALLED = 'services=[{product="ecrs", mw=100, usd_per_mw_hour=8, called_frac=0.02}]'
CREDIT = ("curtailment.hours_per_year=60", "curtailment.usd_per_mwh=200")
SB6 = ("large_load.disconnected_hours_per_year=24",)


def links(*settings: str, name: str = "bitcoin") -> Links:
    use = load(EXAMPLES / f"childress-{name}.toml", CATALOGUE, settings).uses[0]
    return forge(use.scenario, CATALOGUE, use.folder)


def hours(*settings: str, name: str = "bitcoin") -> HourlyProblem:
    return site_year(load(EXAMPLES / f"childress-{name}.toml", CATALOGUE, settings).uses[0], CATALOGUE).problem


def refused(*settings: str, name: str = "bitcoin") -> str:
    with pytest.raises(ScenarioError) as caught:
        load(EXAMPLES / f"childress-{name}.toml", CATALOGUE, settings)
    return " ".join(map(str, caught.value.problems))


def test_a_service_pays_for_miners_that_run() -> None:
    made = links(ECRS)
    paid = made.base.flows.revenue["grid_services"][0]
    # 100 MW held in nearly every hour of a full year at 8 USD
    year = paid[12:24].sum()
    assert 0.8 * 100 * 8760 * 8 < year <= 100 * 8784 * 8
    assert made.base.flows.revenue["own_power"][0, 12:24].sum() < 0.01 * year, (
        "running for the service costs some energy"
    )
    plan = optimise(hours(ECRS))
    assert plan.solver.startswith("exact")
    assert (plan.mw["ecrs.mining"] <= np.minimum(plan.mw["mining"], 100.0) + 1e-6).all()


def test_award_hours_and_months() -> None:
    problem = hours('services=[{product="rrs", mw=50, usd_per_mw_hour=5, months=[7], hours=[22, 6]}]')
    most = problem.services[0].most_mw
    assert (most > 0.0).sum() == 31 * 8
    assert most[181 * 24 + 23] == 50.0
    assert most[181 * 24 + 12] == 0.0


def test_credits_are_paid_below_the_baseline() -> None:
    problem = hours(*CREDIT)
    plan, bare = optimise(problem), optimise(hours())
    made = links(*CREDIT)
    called = made.plants.assets.programmes[0].called
    assert called.sum() == 60
    assert plan.mw["import"][called].sum() <= bare.mw["import"][called].sum() + 1e-6
    most = curtailment_pay_usd(made.plants.assets).sum()
    assert most == pytest.approx(60 * 200 * made.scenario.site.grid_mw.number())
    saved = most + earned_usd(ledger(problem, plan)) - earned_usd(ledger(hours(), bare))
    credited = 200.0 * (60 * made.scenario.site.grid_mw.number() - plan.mw["import"][called].sum())
    assert saved == pytest.approx(credited, rel=1e-3)


def test_a_disconnected_site_runs_on_its_backup_or_not_at_all() -> None:
    dark = optimise(hours(*SB6, name="gb300"))
    lit = optimise(hours(*SB6, "large_load.backup_mw=300", name="gb300"))
    off = dark.mw["import"] < 1e-9
    assert off.sum() == 24
    assert dark.mw["ai"][off].max() == pytest.approx(0.0, abs=1e-6)
    assert lit.mw["backup"][off].min() > 50.0
    assert lit.mw["backup"][~off].max() == 0.0
    served = optimise(hours(name="gb300")).mw["ai"].sum() - dark.mw["ai"].sum()
    assert served == pytest.approx(24 * dark.mw["ai"].max(), rel=0.05)
    # Miners are off in the dearest hours anyway: the rule saves what their idle halls draw, and little else.
    own = links(*SB6).base.flows
    assert 0.0 <= own.revenue["own_power"].sum() < 0.005 * own.revenue["mining"].sum()


def test_no_more_is_enrolled_than_there_is() -> None:
    assert "services.0.mw" in refused('services=[{product="ecrs", mw=400, usd_per_mw_hour=8}]')
    assert "demand_response.enrolled_mw" in refused(
        "demand_response.enrolled_mw=400", "demand_response.usd_per_kw_month=4"
    )
    both = ("demand_response.enrolled_mw=250", "demand_response.usd_per_kw_month=4", ECRS)
    assert "services.0.mw" in refused(*both)
    assert "curtailment.committed_mw" in refused(*CREDIT, "curtailment.committed_mw=301")


def test_who_holds_a_service_is_there() -> None:
    assert "providers" in refused(ECRS, name="gb300")
    assert "providers" in refused('services=[{product="ecrs", mw=4, usd_per_mw_hour=8, providers=["battery"]}]')
    assert "usd_per_mw_hour" in refused('services=[{product="ecrs", mw=4}]')
    assert "months" in refused('services=[{product="ecrs", mw=4, usd_per_mw_hour=8, months=[13]}]')


def test_prices_of_a_service_come_from_a_file(tmp_path: Path) -> None:
    text = (EXAMPLES / "childress-bitcoin.toml").read_text(encoding="utf-8")
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    stamps = np.datetime64("2023-01-01T00") + np.arange(8760)
    rows = ["Datetime,Price (USD/MWh)", *(f"{str(t).replace('T', ' ')}:00,{i % 24}" for i, t in enumerate(stamps))]
    (tmp_path / "ecrs.csv").write_text("\n".join(rows), encoding="utf-8")
    setting = 'services=[{product="ecrs", mw=50, price_file="ecrs.csv"}]'
    use = load(tmp_path / "site.toml", CATALOGUE, [setting]).uses[0]
    assert site_year(use, CATALOGUE).problem.services[0].usd_per_mw[:24].tolist() == list(range(24))
    rows[30] = rows[30].rpartition(",")[0] + ",-9999"
    (tmp_path / "ecrs.csv").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path / "site.toml", CATALOGUE, [setting])
    assert "line 31" in " ".join(map(str, caught.value.problems))


def test_a_called_service_goes_to_highs_and_says_so() -> None:
    plan = optimise(hours(CALLED))
    assert "HiGHS" in plan.solver
    assert "called" in plan.solver
