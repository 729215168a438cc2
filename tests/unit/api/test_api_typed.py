"""Arguments of the wrong kind: one error in words, for every function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import megawatt as mw

BITCOIN = Path(__file__).parents[3] / "examples" / "childress-bitcoin.toml"


@pytest.mark.parametrize("value", [3, None, [], object(), float("nan"), b"x"], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize(
    "ask",
    [mw.load, mw.plan, mw.dispatch, mw.best, mw.convert, mw.risk, mw.model, mw.system, mw.weather, mw.miners, mw.prices,
     mw.tariff, mw.timeline, mw.hall, mw.validate, lambda v: mw.explain(v, "npv"), mw.save, lambda v: mw.report(v, "x"),
     lambda v: mw.workbook(v, "x"), lambda v: mw.sweep(BITCOIN, "a=1", v), lambda v: mw.Site.of("mining", place=v,
     grid_mw=1, power={})],
)  # fmt: skip
def test_no_function_takes_what_it_cannot_read(ask: Callable[[Any], Any], value: object) -> None:
    with pytest.raises(mw.MegawattError, match="allowed: "):
        ask(value)


def test_every_wrong_argument_is_named_at_once() -> None:
    with pytest.raises(mw.MegawattError, match=r"it_mw = nan; allowed: a finite number; load_frac = 'x'"):
        mw.hall("dublin", it_mw=float("nan"), load_frac="x")  # type: ignore[arg-type]
    with pytest.raises(mw.MegawattError, match=r"principal_usd = 'a'.*payments = 2.5; allowed: a whole number"):
        mw.Loan("a", 0.1, 2.5)  # type: ignore[arg-type]
    with pytest.raises(mw.MegawattError, match="workers = True; allowed: a whole number"):
        mw.plan(BITCOIN, workers=True)


def test_numbers_of_numpy_are_numbers() -> None:
    assert mw.hall("dublin", it_mw=np.float64(50)).value[0].pue == mw.hall("dublin", it_mw=50).value[0].pue
    assert mw.Loan(np.float64(1e6), 0.1, np.int64(12)).payments == 12  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: mw.hall("dublin", worst_day="x"), "worst_day = 'x'; allowed: 20-year, 0.4%, typical-year"),  # type: ignore[arg-type]
        (lambda: mw.hall("dublin", shed_hours=-1), "shed_hours = -1; allowed: 0 or more"),
        (lambda: mw.risk(BITCOIN, paths=-1, workers=0), "paths = -1, workers = 0; allowed: 1 or more"),
        (lambda: mw.serve("llama-3.1-70b", "gb300-nvl72", chips=8, simulate=-3), "simulate = -3; allowed: 0 or more"),
        (lambda: mw.cash(capex_usd=1e6, revenue_usd_per_month=["a"], opex_usd_per_month=1.0, months=12),
         "revenue_usd_per_month = ['a']; allowed: 12 finite numbers, or one"),
        (lambda: mw.cash(capex_usd=1e6, revenue_usd_per_month=1e5, opex_usd_per_month=1.0, months=10**9),
         "allowed: 1 or more, 720 together"),
        (lambda: mw.contagion(np.array([1, 2])), "allowed: text, a list of text"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(ask: Callable[[], Any], said: str) -> None:
    with pytest.raises(mw.MegawattError) as caught:
        ask()
    assert said in str(caught.value)


@pytest.mark.parametrize("capex", [3, {"build_months": "x"}])
def test_a_wrong_section_of_a_site_is_named(capex: Any) -> None:
    with pytest.raises(mw.MegawattError) as caught:
        mw.Site.of("mining", place="childress-tx", grid_mw=50, power={"grid": "ercot-hub"}, capex=capex)
    assert any(problem.path.startswith("capex") for problem in caught.value.problems)
