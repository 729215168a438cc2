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


def test_leading_inputs_are_the_tornado(both: tuple[LiveUse, UseResult]) -> None:
    live, plan = both
    rows = {s.name: s for s in plan.sensitivities}
    seen: list[tuple[int, int]] = []
    leading = live.leading(5, lambda done, total: seen.append((done, total)))
    assert [one.name for one in leading] == [s.name for s in plan.sensitivities if s.name in live.rows][:5]
    assert seen[-1] == (len(live.rows) - 1, len(live.rows))
    for one in leading:
        row = rows[one.name]
        assert live.figures({one.name: one.low}).value_usd_per_grid_mw_year == pytest.approx(row.value_at_low)
        assert live.figures({one.name: one.high}).value_usd_per_grid_mw_year == pytest.approx(row.value_at_high)
    assert live.leading(5, stopped=lambda: True) == ()


def test_several_inputs_move_together_and_back(both: tuple[LiveUse, UseResult]) -> None:
    live, _ = both
    first, second = live.leading(2)
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
    first = live.leading(1)[0]
    with pytest.raises(ScenarioError, match="no input with a range"):
        live.figures({"site.colour": 1.0})
    with pytest.raises(ScenarioError, match="allowed"):
        live.figures({first.name: first.high * 10.0 + 1.0})
