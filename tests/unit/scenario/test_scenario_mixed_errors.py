"""Mixed sites that are wrong: every one ends in a message, none in a traceback or a hang."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.scenario.mixed import load_mix

SCENARIO = Path(__file__).parents[3] / "examples" / "childress-bitcoin.toml"
MANY = ", ".join(f'"mining.x{n}" = [{", ".join(map(str, range(50)))}]' for n in range(12))


@pytest.mark.parametrize(
    "line",
    [f"either = {{{MANY}}}", "either = {shift_months = ['x']}", "either = {shift_months = [true]}",
     "either = {until = ['2029-13']}", "either = {'hall.design' = []}", "values = {timeline = 3}",
     "values = {site = 3}", "values = {'timeline.halls' = 3}", "values = {'timeline.start' = 3}",
     "values = {'timeline.start' = 'zz'}", "until = '2029-12'\nvalues = {'timeline.delay_months' = 'x'}",
     "shift_months = 5\nvalues = {'timeline.halls' = [3]}"],
)  # fmt: skip
def test_a_part_that_is_wrong_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "mix.toml"
    part = f'[[parts]]\nscenario = "{SCENARIO.as_posix()}"\n'
    file.write_text(f'format = 1\nname = "m"\ntitle = "M"\ngrid_mw = 300\n{part}name = "a"\n{part}{line}\n')
    with pytest.raises(ScenarioError) as refused:
        load_mix(file, load_catalogue(), candidates=True)
    assert refused.value.problems


BEST = Path(__file__).parents[3] / "examples" / "childress-best.toml"


@pytest.mark.parametrize(
    ("setting", "path"),
    [("best.price_levels=[1.0, nan]", "best.price_levels.1"), ("best.pay_levels=[-1]", "best.pay_levels.0"),
     ("best.pay_levels=[]", "best.pay_levels"), ("best.conversion.start='2015-11'", "best.conversion.start")],
)  # fmt: skip
def test_what_best_cannot_run_is_refused_where_it_stands(setting: str, path: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        load_mix(BEST, load_catalogue(), (setting,), candidates=True)
    assert path in [problem.path for problem in refused.value.problems]


def test_partners_of_a_part_are_said_to_be_taken_together(tmp_path: Path) -> None:
    shared = tmp_path / "shared.toml"
    shared.write_text(SCENARIO.read_text(encoding="utf-8") + "\n[partnership]\nequity_frac = 0.4\n", encoding="utf-8")
    file = tmp_path / "mix.toml"
    file.write_text('format = 1\nname = "m"\ntitle = "M"\ngrid_mw = 300\n[[parts]]\nscenario = "shared.toml"\n'
                    f'name = "a"\n[[parts]]\nscenario = "{SCENARIO.as_posix()}"\nname = "b"\n')  # fmt: skip
    remarks = [text for text in load_mix(file, load_catalogue()).remarks if "partners" in text]
    assert [text.partition(":")[0] for text in remarks] == ["a"]
