"""Halls that sell answers: demand by the hour, price of tokens, cash by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.chain.break_even import break_evens
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.served import Demand, ServingMoney, usd_per_output_token
from megawatt.errors import ScenarioError
from megawatt.risk import base_factors
from megawatt.scenario import LoadedScenario, load

EXAMPLE = Path(__file__).parents[3] / "examples" / "childress-serving.toml"
SMALL = {
    "serving.model": "llama-3.1-8b",
    "serving.precision": "fp8",
    "serving.chips": 8,
    "serving.layout": "tp=1",
    "serving.tpot_s": 0.05,
    "ai.system": "hgx-h200",
    "ai.chips": 20_000,
    "serving.demand_growth_per_year": 0.0,
    "serving.price_growth_per_year": 0.0,
}
"""A small model on few layouts, at constant prices and demand."""
JOB = {
    "training.model": "llama-3.1-8b",
    "training.chips": 64,
    "training.seq_len": 8192,
    "training.global_batch": 256,
    "serving.spare_usd_per_chip_hour": 0.9,
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue as it is shipped."""
    return load_catalogue()


@pytest.fixture(scope="module")
def links(catalogue: Catalogue) -> Links:
    """The example with a small model."""
    return _links(catalogue)


def _use(catalogue: Catalogue, changes: Mapping[str, object]) -> LoadedScenario:
    return load(EXAMPLE, catalogue, [f"{path}={json.dumps(value)}" for path, value in changes.items()]).uses[0]


def _links(catalogue: Catalogue, **changes: object) -> Links:
    use = _use(catalogue, SMALL | changes)
    return forge(use.scenario, catalogue, use.folder)


def _worth(links: Links) -> float:
    return float(links.base.measures.value_usd_per_grid_mw_year[0])


def _money(links: Links) -> ServingMoney:
    money = links.model.find(ServingMoney)
    assert money is not None
    return money


def test_chips_serve_what_is_asked_up_to_all_of_them() -> None:
    demand = Demand((1.0, 0.5) * 12, at_start_frac=0.4, growth_per_year=0.0, most_frac=0.8)
    np.testing.assert_allclose(demand.busy_by_hour(), (0.5, 0.25) * 12)
    # Levels 1, 2, 3, 4, 8 of the first day: the busiest hours fill up at 2, the others at 4.
    np.testing.assert_allclose(
        demand.busy_frac(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 8.0])), [0.0, 0.375, 0.75, 0.875, 1.0, 1.0]
    )
    assert Demand((1.0,) * 24, 0.0, 0.0, 0.8).busy_frac(np.array([5.0])) == 0.0


@given(
    day=st.lists(st.floats(0.0, 1.0), min_size=24, max_size=24),
    peak=st.floats(0.01, 3.0),
    most=st.floats(0.05, 1.0),
    levels=st.lists(st.floats(0.0, 20.0), min_size=2, max_size=2),
)
def test_busy_share_is_the_mean_over_the_day_and_rises_with_demand(
    day: list[float], peak: float, most: float, levels: list[float]
) -> None:
    demand = Demand(tuple(day), peak, 0.0, most)
    low, high = sorted(levels)
    busy = demand.busy_frac(np.array([low, high]))
    direct = [np.minimum(np.array(day) * peak / most * level, 1.0).mean() for level in (low, high)]
    np.testing.assert_allclose(busy, direct, atol=1e-9)
    assert 0.0 <= busy[0] <= busy[1] <= 1.0


def test_a_token_of_an_answer_brings_its_share_of_the_prompt(catalogue: Catalogue) -> None:
    asked = {
        "serving.input_tokens": 4000,
        "serving.output_tokens": 1000,
        "serving.usd_per_million_output_tokens": 2.0,
        "serving.usd_per_million_input_tokens": 0.5,
    }
    kept = asked | {"serving.prefix_hit_frac": 0.25, "serving.usd_per_million_cached_tokens": 0.1}
    plain, cached = (_use(catalogue, c).scenario.serving for c in (asked, kept))
    assert plain is not None
    assert cached is not None
    assert usd_per_output_token(plain) == pytest.approx(4.0e-6)
    assert usd_per_output_token(cached) == pytest.approx((2.0 + 3.0 * 0.5 + 1.0 * 0.1) * 1e-6)


def test_revenue_of_a_month_by_hand(links: Links) -> None:
    money, fleet = _money(links), _money(links).fleet
    factors = base_factors(links.terms, links.model.calendar.spine.months)
    flows = money.flows(links.model.ground, factors)
    month = links.model.calendar.last_live + 1
    # The day's shape is a cosine from 0.5 to 1, 0.8 of all chips serve at most, and 0.8 is asked for at the peak.
    busy = np.mean([0.5 + 0.25 * (1.0 + np.cos(2.0 * np.pi * hour / 24)) for hour in range(24)])
    seconds = links.model.calendar.spine.hours[month] * 3600.0
    tokens = 20_000 * busy * 0.99 * fleet.plan.best.tokens_per_s_per_chip * 0.8 * seconds
    usd = tokens * (0.42 + 4.0 * 0.28) / 1e6 * factors.compute[0, month]
    assert factors.demand[0, month] == pytest.approx(1.0)
    assert flows.revenue["served_tokens"][0, month] == pytest.approx(usd, rel=1e-9)
    assert flows.revenue["served_tokens"][0, 0] == 0.0


def test_the_load_follows_the_day_and_the_bill_its_energy(links: Links) -> None:
    fleet = _money(links).fleet
    by_hour = links.problem.ai_it_mw[:24]
    busy = fleet.demand.busy_by_hour()
    np.testing.assert_allclose(by_hour, 0.02 * (fleet.spare_w + busy * (fleet.serving_w - fleet.spare_w)))
    assert by_hour.argmax() == 15
    factors = base_factors(links.terms, links.model.calendar.spine.months)
    month = links.model.calendar.last_live + 1
    paid = _money(links).flows(links.model.ground, factors).opex_cost["energy_ai"]
    assert paid[0, month] == pytest.approx(links.model.ground.ai_energy_usd(factors)[0, month])


def test_spare_chips_train_where_their_hours_have_a_price(catalogue: Catalogue, links: Links) -> None:
    shared = _links(catalogue, **JOB)
    money, month = _money(shared), shared.model.calendar.last_live + 1
    factors = base_factors(shared.terms, shared.model.calendar.spine.months)
    flows = money.flows(shared.model.ground, factors)
    hours, busy = shared.model.calendar.spine.hours[month], float(money.fleet.demand.busy_by_hour().mean())
    usd = 20_000 * hours * 0.99 * (1.0 - busy) * 0.9 * factors.compute[0, month]
    assert flows.revenue["spare_chips"][0, month] == pytest.approx(usd, rel=1e-9)
    assert "spare_chips" not in _money(links).flows(links.model.ground, factors).revenue
    assert shared.compute is not None
    assert shared.compute.plan is not None
    assert money.fleet.spare_w == pytest.approx(shared.compute.plan.it_w_per_chip + 225.0)
    assert shared.problem.ai_it_mw.sum() > links.problem.ai_it_mw.sum()


def test_cheaper_tokens_and_less_demand_are_worth_less(catalogue: Catalogue, links: Links) -> None:
    worth = _worth(links)
    for change in ({"serving.usd_per_million_output_tokens": 0.2}, {"serving.demand_frac": 0.4}):
        use = _use(catalogue, SMALL | change)
        assert _worth(reforge(links, use.scenario, catalogue)) < worth


def test_a_held_layout_stays(catalogue: Catalogue, links: Links) -> None:
    free = _use(catalogue, {k: v for k, v in SMALL.items() if k != "serving.layout"})
    again = reforge(links, free.scenario, catalogue)
    assert again.compute is not None
    assert again.compute.served is not None
    assert again.compute.served.plan.best.layout == _money(links).fleet.plan.best.layout


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"serving.spare_usd_per_chip_hour": 1.0}, "training"),
        ({k: v for k, v in JOB.items() if k.startswith("training")}, "serving.spare_usd_per_chip_hour"),
        ({"serving.hourly": [1.0, 2.0]}, "serving.hourly"),
        ({"serving.hourly": [0.0] * 24}, "serving.hourly"),
        ({"serving.hourly": [1.0] * 24, "serving.trough_frac": 0.5}, "serving"),
        ({"serving.layout": "tp=7"}, "serving"),
        ({"serving.model": "nobody-knows"}, "serving.model"),
        ({"contract.payer": "hyperscaler"}, "contract"),
        ({"use": "mining"}, "serving"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(catalogue: Catalogue, change: dict[str, object], where: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        _use(catalogue, SMALL | change)
    assert where in {problem.path for problem in refused.value.problems}


def test_the_price_of_tokens_that_breaks_the_loan(catalogue: Catalogue) -> None:
    debt = {"debt.share_of_machines_frac": 0.05, "debt.rate": 0.08, "debt.payments": 36, "debt.shape": "level"}
    rows = break_evens(_links(catalogue, **debt))
    price = next(r for r in rows if r.test == "missed payment" and r.unit == "USD/million")
    demand = next(r for r in rows if r.test == "missed payment" and r.lever == "demand of the busiest hour")
    assert price.base == pytest.approx(0.42 + 4.0 * 0.28)
    assert demand.base == pytest.approx(0.8)
    for row in (price, demand):
        assert row.value is not None
        assert 0.0 < row.value < row.base
    # Chips that idle save energy: demand may fall at least as far as the price.
    assert demand.value / demand.base < price.value / price.base + 1e-4
