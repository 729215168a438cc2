"""Ratios to next to nothing are left out, with a reason, and pages and tables show a dash."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import megawatt.chain.use
from megawatt.catalogue import load_catalogue
from megawatt.chain import compare
from megawatt.chain.records import UseResult
from megawatt.cli.output import emit_json
from megawatt.facility import hall_design, load_weather, simulate
from megawatt.finance.measures import llcr, period_dscr, trailing_dscr
from megawatt.results import summary_of
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"


def _use(monkeypatch: pytest.MonkeyPatch, name: str, *settings: str) -> tuple[UseResult, dict[str, object]]:
    monkeypatch.setattr(megawatt.chain.use, "sensitivities", lambda *given, **named: ())
    comparison = compare(load(EXAMPLES / name, load_catalogue(), ["risk.paths=64", *settings]), load_catalogue())
    return comparison.uses[0], summary_of(comparison)["uses"][0]


def test_miners_that_never_run_have_no_power_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    use, summary = _use(monkeypatch, "childress-bitcoin.toml", "power.mean_price_usd_per_mwh=10000")
    assert use.headline.pue is None
    assert np.isnan(use.facility.wue_l_per_kwh)
    head = summary["headline"]
    assert isinstance(head, dict)
    assert head["pue"]["value"] is None
    assert "IT energy" in head["pue"]["why_none"]
    assert "why_none" not in head["value_usd_per_grid_mw_year"]
    assert json.dumps(summary, allow_nan=False)


def test_idle_halls_have_no_pue() -> None:
    catalogue = load_catalogue()
    design = hall_design(catalogue, "liquid-dry-cooler", it_capacity_mw=10.0)
    weather = load_weather("childress-tx", catalogue)
    load_mw = np.zeros(8760)
    load_mw[0] = 10.0
    year = simulate(design, weather, load_mw)
    assert np.isnan([year.pue, year.pue_worst_hour, year.wue_l_per_kwh]).all()
    assert simulate(design, weather, load_mw + 5.0 * (load_mw == 0.0)).pue < 1.5


def test_no_cover_of_next_to_no_debt() -> None:
    cfads, service = np.array([[1e9, 1e9, -5e8]]), np.array([1e-6, 1e-6, 0.0])
    assert np.isnan(period_dscr(cfads, service)).all()
    assert np.isnan(trailing_dscr(cfads, service)).all()
    assert np.isnan(llcr(cfads, service, np.full(3, 0.01), 1e-6)).all()
    assert period_dscr(cfads, 1e8 * np.ones(3))[0].tolist() == [10.0, 10.0, -5.0]


def test_a_loan_is_not_sculpted_on_cash_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    use, summary = _use(
        monkeypatch, "deals/terawulf-lake-mariner.toml", "lease.rent_usd_per_kw_month=0", "debt.shape=sculpted",
        "lease.market_rent_usd_per_kw_month=0",
    )  # fmt: skip
    assert use.headline.min_dscr is None
    assert use.headline.probability_missed is None
    assert summary["headline"]["min_dscr"]["why_none"].startswith("no debt service")  # type: ignore[index]


def test_a_return_that_contradicts_the_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    use, _ = _use(monkeypatch, "childress-bitcoin.toml")
    measures = dataclasses.replace(use.cash.measures, project_irr=np.array([-0.998]), npv_usd=np.array([1e8]))
    odd = dataclasses.replace(use.cash, measures=measures)
    assert megawatt.chain.headline._return(odd) is None
    assert megawatt.chain.headline._return(use.cash) == use.headline.project_irr


def test_json_has_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json("x", [{"a": float("inf"), "b": [float("nan"), 1.5]}])
    assert json.loads(capsys.readouterr().out)["results"] == [{"a": None, "b": [None, 1.5]}]
