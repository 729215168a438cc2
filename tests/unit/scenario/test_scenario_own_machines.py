"""Scenarios that bring a machine or measured kernels of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.scenario import load
from tests.e2e.scenarios import small

RACK = 'name = "mine"\nlike = "gb300-nvl72"\n[chip]\nhbm_bytes = "300 GB"\n'
SYSTEM = ('system = "gb300-nvl72"', 'system = "./mine.toml"')


def scenario(folder: Path, *edits: tuple[str, str], machine: str = RACK) -> Path:
    (folder / "mine.toml").write_text(machine, encoding="utf-8")
    return small(folder, "childress-gb300", *edits)


def problems(path: Path) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        load(path, load_catalogue())
    return {p.path: p.found for p in caught.value.problems}


def test_the_machine_is_in_the_catalogue_that_the_scenario_runs_with(tmp_path: Path) -> None:
    loaded = load(scenario(tmp_path, SYSTEM), load_catalogue())
    ai = loaded.uses[0].scenario.ai
    assert ai is not None
    assert ai.system == "mine"
    assert loaded.catalogue.system("mine").accelerator.hbm_bytes == 300e9
    assert list(loaded.catalogue.files) == ["./mine.toml"]


def test_a_setting_may_name_a_machine(tmp_path: Path) -> None:
    loaded = load(scenario(tmp_path), load_catalogue(), ["ai.system=./mine.toml"])
    assert loaded.catalogue.system("mine").chips == load_catalogue().system("gb300-nvl72").chips


def test_without_files_the_catalogue_is_as_it_was(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    assert load(scenario(tmp_path), catalogue).catalogue is catalogue


def test_uses_of_a_comparison_share_a_machine(tmp_path: Path) -> None:
    path = small(tmp_path, "childress-compare")
    for file in tmp_path.glob("childress-*.toml"):
        file.write_text(file.read_text(encoding="utf-8").replace(*SYSTEM), encoding="utf-8")
    (tmp_path / "mine.toml").write_text(RACK, encoding="utf-8")
    loaded = load(path, load_catalogue())
    systems = [use.scenario.ai.system for use in loaded.uses if use.scenario.ai is not None]
    assert "mine" in systems
    assert list(loaded.catalogue.files) == ["./mine.toml"]


def test_a_bad_machine_is_told_with_the_rest(tmp_path: Path) -> None:
    other = ('place = "childress-tx"', 'place = "childres-tx"')
    found = problems(scenario(tmp_path, SYSTEM, other, machine=RACK.replace("hbm_bytes", "hbm_byte")))
    assert set(found) == {"ai.system: chip.hbm_byte", "site.place"}


def test_a_machine_that_is_not_there(tmp_path: Path) -> None:
    found = problems(scenario(tmp_path, (SYSTEM[0], 'system = "./other.toml"')))
    assert found == {"ai.system": "./other.toml: no such file"}


def test_kernels_that_are_not_there(tmp_path: Path) -> None:
    kernels = ('precision = "fp8"', 'precision = "fp8"\nkernels = "profile"')
    assert problems(scenario(tmp_path, kernels)) == {"training.kernels": "profile: no such folder"}
    (tmp_path / "profile").mkdir()
    assert problems(scenario(tmp_path, kernels)) == {"training.kernels": "profile: no table of kernels"}
