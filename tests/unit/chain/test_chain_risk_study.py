"""The risk of a whole use: events in their order, drivers as shares, episodes, the same for one and two workers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain import forge, risk_study
from megawatt.chain.links import Links
from megawatt.chain.risk_study import EVENTS
from megawatt.risk import FACTORS, base_factors, simulate
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def links() -> Links:
    use = load(EXAMPLES / "childress-gb300.toml", load_catalogue(), ()).uses[0]
    return forge(use.scenario, load_catalogue(), use.folder)


@pytest.fixture(scope="module")
def study(links: Links) -> dict[str, Any]:
    return risk_study(links, kind="sobol", paths=64, seed=1)


def test_probabilities_lie_in_their_intervals(study: dict[str, Any]) -> None:
    assert set(study["events"]) == set(EVENTS)
    for event in study["events"].values():
        assert 0.0 <= event["interval"][0] <= event["value"] <= event["interval"][1] <= 1.0


def test_months_are_calendar_months_of_the_project(links: Links, study: dict[str, Any]) -> None:
    from megawatt.chain.risk_study import _events
    from megawatt.risk import draw

    spine = links.model.calendar.spine
    drawn = draw("plain", spine.months, 64, 1)
    events = _events({name: np.full(64, 5) for name in EVENTS}, drawn, "plain", spine.label)
    assert {event["median_month"] for event in events.values()} == {spine.label(5)}
    labels = {spine.label(m) for m in range(spine.months)} | {None}
    assert all(set(row["first_month"].values()) <= labels for row in study["episodes"])


def test_drivers_are_shares_of_variance(study: dict[str, Any]) -> None:
    causes = {row["cause"]: row for row in study["drivers"]}
    assert set(causes) == {*FACTORS, "tenant_fails"}
    assert all(0.0 <= row["first_order_index"] <= 1.0 for row in causes.values())


def test_a_loan_behind_a_contract_breaks_with_the_tenant_or_far_away(study: dict[str, Any]) -> None:
    tenant, market = study["breaking_points"]
    assert tenant["tenant_fails"]
    assert market["distance_sd"] > 3.0
    assert sum(market["part_of_distance"].values()) == pytest.approx(1.0)


def test_a_bust_costs_more_than_a_steady_market(study: dict[str, Any]) -> None:
    value = {row["key"]: row["npv_usd"] for row in study["demand"]["scenarios"]}
    assert value["demand-bust"] < value["demand-bain-gap"] < value["demand-chip-market"] <= value["demand-rebound"]
    assert len(study["episodes"]) == 5


def test_one_and_two_workers_say_the_same(links: Links) -> None:
    from megawatt.chain.risk_study import _simulated
    from megawatt.risk import draw, run_calls

    model, months = links.model.committed(links.base), links.model.calendar.spine.months
    drawn = draw("antithetic", months, 2112, 3)
    one, two = (_simulated(model, links.terms, drawn, partial(run_calls, workers=n)) for n in (1, 2))
    assert all((one[name] == two[name]).all() for name in ("npv_usd", "payment_default"))


def test_plain_draws_are_the_paths_of_plan(links: Links) -> None:
    months, model = links.model.calendar.spine.months, links.model.committed(links.base)
    plan = simulate(model, links.terms, months=months, paths=96, seed=7, grid_mw=links.model.grid_mw)
    found = risk_study(links, paths=96, seed=7)
    assert found["paths"] == 96
    assert found["npv_usd"]["value"] == pytest.approx(plan.npv_usd.mean, rel=1e-12)
    assert found["events"]["payment_default"]["value"] == plan.probability_missed


_FLOATING = (
    "debt.floating_frac=0.8",
    "debt.forward_rates=[{year = 2026, rate = 0.04}]",
    "debt.floating_margin=0.05",
    "debt.balloon_frac=0.5",
    "debt.payments=36",
    "debt.refinance_payments=18",
    "debt.refinance_rate=0.09",
    "risk.tenant_rating='BB'",
)


def test_rates_and_spreads_reach_the_cash_of_a_site() -> None:
    loaded = load(EXAMPLES / "childress-gb300.toml", load_catalogue(), _FLOATING).uses[0]
    use = forge(loaded.scenario, load_catalogue(), loaded.folder)
    found = risk_study(use, paths=64, seed=1)
    anew = found["refinancing"]
    assert anew["rate_p5"] < 0.09 < anew["rate_p95"]
    option = found["refinancing_option"]
    assert option["held_to_the_end"] + sum(date["taken"] for date in option["dates"]) == pytest.approx(1.0)
    assert all(date["rate_p5"] < date["rate_p95"] for date in option["dates"])
    # dearer money leaves more of the balloon without a lender; the same paths otherwise
    months = use.model.calendar.spine.months
    last = use.model.capital.loan.last_payment_month  # type: ignore[union-attr]
    base = base_factors(use.terms, months)
    model = use.model.committed(use.base)
    dear = model(replace(base, rate=2.0 * base.rate, spread=4.0 * base.spread))
    calm = model(base)
    assert dear.interest_paid[0, last - 1] > 1.2 * calm.interest_paid[0, last - 1]
    assert dear.not_refinanced is not None
    assert calm.not_refinanced is not None
    assert dear.not_refinanced[0] >= calm.not_refinanced[0]
    assert dear.measures.npv_usd == pytest.approx(calm.measures.npv_usd)
    assert {"rate", "spread"} <= {row["cause"] for row in found["drivers"]}
