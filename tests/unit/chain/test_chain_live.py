"""A use kept in memory says what `megawatt plan` says, at its own inputs and at the ends of the tornado."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.live import LiveUse, live_use
from megawatt.chain.records import UseResult
from megawatt.chain.use import run_use
from megawatt.errors import ScenarioError
from megawatt.scenario import load

EXAMPLE = Path(__file__).parents[3] / "examples" / "childress-bitcoin.toml"


@pytest.fixture(scope="module")
def both() -> tuple[LiveUse, UseResult]:
    loaded = load(EXAMPLE, load_catalogue(), ("risk.paths=64",))
    return live_use(loaded.uses[0], loaded.catalogue), run_use(loaded.uses[0], loaded.catalogue)


def test_unmoved_figures_are_the_plan(both: tuple[LiveUse, UseResult]) -> None:
    live, plan = both
    figures, head = live.figures({}), plan.headline
    assert figures.value_usd_per_grid_mw_year == pytest.approx(head.value_usd_per_grid_mw_year, rel=1e-12)
    assert figures.pue == pytest.approx(head.pue, rel=1e-12)
    assert figures.import_mwh == pytest.approx(plan.dispatch.import_mw.sum(), rel=1e-12)
    assert figures.npv_usd == pytest.approx(plan.cash.measures.npv_usd[0], rel=1e-12)
    assert (figures.min_dscr, figures.tokens_per_grid_mwh) == (None, None)


def test_inputs_move_as_in_the_tornado(both: tuple[LiveUse, UseResult]) -> None:
    live, plan = both
    same = [s for s in plan.sensitivities if s.name in live.rows and s.name not in live.markets][:5]
    assert len(same) == 5
    for row in same:
        one = live.swung(row.name)
        assert one is not None
        assert one.ends["value_usd_per_grid_mw_year"] == pytest.approx((row.value_at_low, row.value_at_high))
        assert live.figures({one.name: one.low}).value_usd_per_grid_mw_year == pytest.approx(row.value_at_low)


def test_markets_move_between_the_ends_of_their_paths(both: tuple[LiveUse, UseResult]) -> None:
    live, _ = both
    bitcoin = next(name for name in live.rows if name.endswith("btc_price_usd"))
    assert set(live.markets) == {"power.price_scale", bitcoin}
    one = live.input_of(bitcoin)
    # 58 % a year: nine tenths of paths end a year within a factor of exp(1.645 x 0.58) = 2.596
    assert one.high / one.base == pytest.approx(2.596, rel=1e-3)
    assert one.base / one.low == pytest.approx(2.596, rel=1e-3)
    # 74 % a year, half of the gap gone in 0.69 years: 1.645 x 0.74 x sqrt((1 - exp(-2)) / 2) = 0.800
    assert live.input_of("power.price_scale").high == pytest.approx(2.227, rel=1e-3)
    base, cheap = live.figures({}), live.figures({bitcoin: one.low})
    dear_power = live.figures({"power.price_scale": 2.0})
    assert cheap.value_usd_per_grid_mw_year < base.value_usd_per_grid_mw_year
    assert dear_power.value_usd_per_grid_mw_year < base.value_usd_per_grid_mw_year
    fixed = load(EXAMPLE, load_catalogue(), ("power.fixed_price_usd_per_mwh=44",))
    assert set(live_use(fixed.uses[0], fixed.catalogue).markets) == {bitcoin}


def test_several_inputs_move_together_and_back(both: tuple[LiveUse, UseResult]) -> None:
    live, _ = both
    first, second = (live.input_of(name) for name in ("discount_rate", "mining-operations.uptime_frac"))
    moved = live.figures({first.name: first.high, second.name: second.low})
    assert moved == live.figures({second.name: second.low, first.name: first.high})
    assert moved != live.figures({first.name: first.high})
    assert live.figures({first.name: first.base}) == live.figures({})


def test_a_week_is_part_of_the_year(both: tuple[LiveUse, UseResult]) -> None:
    live, plan = both
    week = live.week({}, 30)
    assert week.import_mw == pytest.approx(plan.dispatch.import_mw[30 * 168 : 31 * 168])
    assert live.week({}, 99).first_hour == 8760 - 168


def test_wrong_moves_are_refused(both: tuple[LiveUse, UseResult]) -> None:
    live, _ = both
    first = live.input_of("discount_rate")
    with pytest.raises(ScenarioError, match="no input with a range"):
        live.figures({"site.colour": 1.0})
    with pytest.raises(ScenarioError, match="allowed"):
        live.figures({first.name: first.high * 10.0 + 1.0})
