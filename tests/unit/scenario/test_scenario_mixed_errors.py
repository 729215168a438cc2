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
