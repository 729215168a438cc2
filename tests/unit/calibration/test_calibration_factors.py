"""Factors fitted from made-up history: what went in comes out within its error; files that hold none are refused."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from megawatt.calibration.factor_fit import fit_factors
from megawatt.errors import ScenarioError

MONTHS = 240


def month_ends() -> list[str]:
    first = datetime.date(2000, 1, 28)
    return [f"{first.year + m // 12}-{m % 12 + 1:02d}-28" for m in range(MONTHS)]


def history(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    z = np.linalg.cholesky([[1.0, 0.6], [0.6, 1.0]]) @ rng.standard_normal((2, MONTHS))
    prices = np.exp(np.cumsum(np.array([[0.5], [0.2]]) / np.sqrt(12) * z, axis=1))
    rate = np.empty(MONTHS)
    level, keep = 4.0, np.exp(-1.2 / 12)
    for month in range(MONTHS):
        level = 4.0 + keep * (level - 4.0) + 0.3 * rng.standard_normal()
        rate[month] = level
    lines = ["date,series,close"]
    for month, day in enumerate(month_ends()):
        lines += [f"{day},A,{prices[0, month]}", f"{day},B,{prices[1, month]}", f"{day},R_pct,{rate[month]}"]
    file = tmp_path / "history.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_what_went_in_comes_out_within_its_error(tmp_path: Path) -> None:
    fits = {(f.series, f.parameter): f for f in fit_factors([history(tmp_path)])[0]}
    for key, exact in (
        (("A", "volatility_per_sqrt_year"), 0.5),
        (("B", "volatility_per_sqrt_year"), 0.2),
        (("A/B", "correlation"), 0.6),
        (("A", "excess_kurtosis"), 0.0),
        (("R_pct", "mean"), 4.0),
        (("R_pct", "reversion_per_year"), 1.2),
    ):
        assert abs(fits[key].value - exact) < 3.5 * fits[key].standard_error, key
    assert fits["all", "t_copula_degrees"].value >= 10.0
    assert ("A", "drift_per_year") in fits


def test_until_looks_no_further(tmp_path: Path) -> None:
    fits, _ = fit_factors([history(tmp_path)], "2009-12")
    assert max(fit.last for fit in fits) == "2009-12"


@pytest.mark.parametrize("text", ["date,series,close\n2020-01-28,A,1\n", "date,A\n2020-01-28,x\n", "day,A\n1,2\n"])
def test_files_without_history_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(ScenarioError):
        fit_factors([file])


@pytest.mark.parametrize(
    "row",
    ["2026-13-01,A,1", "abcd-01-28,A,1", "28/05/2026,A,1", "2026-05-28,A,-1", "2026-05-28,A,0", "2026-05-28,A,x",
     "2026-05-28,A,1e999", "2026-05-28,,1", "2000-01-28,A,3"],
)  # fmt: skip
def test_a_row_that_is_none_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    file = history(tmp_path)
    file.write_text(file.read_text() + row + "\n")
    with pytest.raises(ScenarioError, match=f"csv:{3 * MONTHS + 2}"):
        fit_factors([file])


@pytest.mark.parametrize("until", ["2021", "2021-13", "yesterday"])
def test_a_last_month_that_is_none_is_refused(tmp_path: Path, until: str) -> None:
    with pytest.raises(ScenarioError, match="--until"):
        fit_factors([history(tmp_path)], until)


def test_a_series_without_variation_is_told_by_its_column(tmp_path: Path) -> None:
    flat = tmp_path / "flat.csv"
    days = month_ends()
    flat.write_text("date,FLAT,S_pct\n" + "".join(f"{day},5,2\n" for day in days))
    with pytest.raises(ScenarioError) as caught:
        fit_factors([flat])
    assert [(p.path, p.found) for p in caught.value.problems] == [
        (name, f"no variation: the same value in all {MONTHS} months") for name in ("FLAT", "S_pct")
    ]
    # beside series that move it is left out and said, as one that is too short or has gaps is
    short = tmp_path / "short.csv"
    short.write_text(
        "date,SHORT,GAPS\n"
        + "".join(f"{day},{n if n < 20 else ''},{n if n % 2 else ''}\n" for n, day in enumerate(days, 1))
    )
    fits, left_out = fit_factors([history(tmp_path), flat, short])
    assert {p.path: p.found for p in left_out} == {
        "FLAT": f"no variation: the same value in all {MONTHS} months",
        "GAPS": "120 months, 0 of them after the month before",
        "SHORT": "19 months, 18 of them after the month before",
        "S_pct": f"no variation: the same value in all {MONTHS} months",
    }
    assert {fit.series for fit in fits} >= {"A", "B", "A/B"}
