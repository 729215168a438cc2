"""Every command that writes asks before it replaces, and looks before it computes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from megawatt.cli.entry import main

EXAMPLES = Path(__file__).parents[3] / "examples"

_FILES = {
    "hall": ("hall", "dublin", "--design", "air-chiller", "--report", "OUT"),
    "train": ("train", "llama-2-7b", "--system", "hgx-h100", "--chips", "8", "--batch", "64", "--timeline", "OUT"),
    "dispatch-trace": ("dispatch", str(EXAMPLES / "childress-bitcoin.toml"), "--trace", "OUT"),
    "dispatch-report": ("dispatch", str(EXAMPLES / "childress-bitcoin.toml"), "--report", "OUT"),
    "init": ("init", "OUT"),
}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return int(end.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize("command", _FILES)
def test_a_file_of_others_stays_and_force_replaces_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    path = tmp_path / "out"
    path.write_text("mine")
    words = [str(path) if word == "OUT" else word for word in _FILES[command]]
    code, err = run(capsys, *words)
    assert code == 2
    assert "--force" in err
    assert path.read_text() == "mine"
    assert run(capsys, *words, "--force")[0] == 0
    assert path.read_text() != "mine"
    again = run(capsys, *words)[0]
    assert again == (2 if command == "init" else 0)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("command", [name for name in _FILES if name != "init"])
def test_a_missing_folder_is_found_before_the_computation(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("megawatt.catalogue.load_catalogue", lambda: pytest.fail("computed first"))
    words = [str(tmp_path / "none" / "out") if word == "OUT" else word for word in _FILES[command]]
    code, err = run(capsys, *words)
    assert code == 2
    assert "mkdir -p" in err


def test_plan_looks_at_its_folder_before_it_computes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("megawatt.chain.compare", lambda *_, **__: pytest.fail("computed first"))
    (tmp_path / "childress-bitcoin").mkdir()
    (tmp_path / "childress-bitcoin" / "thesis.txt").write_text("mine")
    code, err = run(capsys, "plan", str(EXAMPLES / "childress-bitcoin.toml"), "--out", str(tmp_path))
    assert code == 2
    assert "'thesis.txt'" in err
    assert "--keep" in err


@pytest.mark.parametrize("name", ["../../x", "..", "a/b", "/etc", "a\\\\b", "", "x" * 65, "a\\u0000b", "-x", "A"])
def test_a_run_does_not_leave_its_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    scenario = str(EXAMPLES / "childress-bitcoin.toml")
    code, err = run(capsys, "plan", scenario, "--set", f'name="{name}"', "--out", str(tmp_path / "runs"))
    assert code == 2
    assert "name: " in err
    assert not list(tmp_path.iterdir())


def test_calibrate_keeps_the_tables_of_other_families_and_the_files_of_others(tmp_path: Path) -> None:
    from megawatt.calibration.measure import write_tables
    from megawatt.cli.calibrate import calibrate

    rows = [
        {"accelerator": "h100-sxm", "stack": "mine_1", "dtype": "bf16", "latency_ms": 0.01 * k}
        | {"m": 64.0 * k, "n": 4096.0, "k": 4096.0}
        for k in range(1, 40)
    ]
    (measured,) = write_tables({"gemm": rows}, tmp_path / "measured")
    out = tmp_path / "profile"
    words = ["kernels", str(measured), "--out", str(out)]
    assert CliRunner().invoke(calibrate, words).exit_code == 0
    assert CliRunner().invoke(calibrate, words).exit_code == 0
    assert sorted(p.name for p in out.iterdir()) == ["kernel-gemm.csv", "manifest.json"]
    assert json.loads((out / "manifest.json").read_text())["files"].keys() == {"kernel-gemm.csv"}
    (out / "notes.txt").write_text("mine")
    assert CliRunner().invoke(calibrate, words).exit_code != 0
    assert (out / "notes.txt").read_text() == "mine"
