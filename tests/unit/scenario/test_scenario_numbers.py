"""Numbers as text: one number and one known unit, never an expression."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import MOST_PROBLEMS, ScenarioError
from megawatt.scenario import load

MINING = Path(__file__).parents[3] / "examples" / "childress-bitcoin.toml"


def _grid_mw(written: str) -> float:
    return load(MINING, load_catalogue(), [f"site.grid_mw={written}"]).uses[0].scenario.site.grid_mw.number()


def _refused(setting: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(MINING, load_catalogue(), [setting])
    return "\n".join(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("written", "grid_mw"),
    [('"300"', 300.0), ('"300MW"', 300.0), ('" 3e2  MW "', 300.0), ('"0.3 GW"', 300.0), ('"+300000 kW"', 300.0)],
)
def test_a_number_with_a_unit_is_converted(written: str, grid_mw: float) -> None:
    assert _grid_mw(written) == pytest.approx(grid_mw, rel=1e-12)


def test_per_cent_is_a_hundredth() -> None:
    loaded = load(MINING, load_catalogue(), ['discount_rate="12.5 %"'])
    assert loaded.uses[0].scenario.discount_rate.number() == pytest.approx(0.125)


@pytest.mark.parametrize(
    "text",
    ["9**9**9", "1/0", "0.12-0.08", "2026-05", "300 MVA", "300 mw", "300 MW MW", "((300))", "1_000", "1,000", "٣٠٠",
     "3²", "0x10", "inf", "nan", "1e", "1e9999", "300 MW; 1", "", "MW", "1" * 401, "(" * 500, "300 USD", "3 4"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_units_it_may_have(text: str) -> None:
    problem = _refused(f"site.grid_mw='{text}'")
    assert problem.startswith("site.grid_mw: ")
    assert "MW" in problem


@pytest.mark.parametrize("value", ["1" + "0" * 400, "-" + "9" * 400, "1e999", "nan", "inf", "true", "[1]", "{}"])
def test_values_that_are_no_number_are_refused(value: str) -> None:
    assert "site.grid_mw" in _refused(f"site.grid_mw={value}")


@pytest.mark.parametrize(
    "setting", ["seed=true", 'seed="1_0"', 'timeline.operating_months="²"', "timeline.operating_months=true",
                "timeline.operating_months=60.5", "risk.paths=" + "9" * 400, "format=true"],
)  # fmt: skip
def test_whole_numbers_are_no_booleans_and_no_other_digits(setting: str) -> None:
    assert setting.partition("=")[0] in _refused(setting)


def test_many_problems_are_counted_and_long_text_is_cut() -> None:
    settings = [f"key{n}=1" for n in range(5000)] + ["use=" + "x" * 1_000_000 + "\x1b[31m"]
    with pytest.raises(ScenarioError) as caught:
        load(MINING, load_catalogue(), settings)
    assert len(caught.value.problems) == MOST_PROBLEMS + 1
    assert "more problems" in str(caught.value.problems[-1])
    printed = str(caught.value) + "".join(map(str, caught.value.problems))
    assert len(printed) < 60_000
    assert printed.isprintable()
