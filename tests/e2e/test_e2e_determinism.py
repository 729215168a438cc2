"""The same bytes whatever the machine is set to: workers, hash seed, time zone, locale, threads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.scenarios import EXAMPLES
from tests.fuzz import data_files

_PLAIN = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
_OTHER = {"PYTHONHASHSEED": "77", "TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "COLUMNS": "40"}
_OTHER |= {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4", "NUMBA_NUM_THREADS": "2"}
_DATED = re.compile(rb"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?|sha256:[0-9a-f]{64}")
_TAKEN = re.compile(r'"solve_s": [^,}\n]+')
"""What a clock says: the one field of an answer that differs from run to run."""


def _megawatt(words: list[str], setting: dict[str, str]) -> str:
    command = [sys.executable, "-m", "megawatt", *words]
    done = subprocess.run(command, env=os.environ | setting, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def _run(out: Path, setting: dict[str, str], workers: int) -> dict[str, bytes]:
    words = ["plan", str(EXAMPLES / "childress-bitcoin.toml"), "--set", "risk.paths=4200"]
    _megawatt([*words, "--workers", str(workers), "--out", str(out)], setting)
    return {path.name: path.read_bytes() for path in (out / "childress-bitcoin").iterdir()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return _run(tmp_path_factory.mktemp("plain"), _PLAIN, 1)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_settings_of_the_machine_change_no_byte(tmp_path: Path, plain: dict[str, bytes], workers: int) -> None:
    other = _run(tmp_path, _OTHER, workers)
    assert other.keys() == plain.keys()
    for name in plain.keys() - {"manifest.json", "report.html"}:
        assert other[name] == plain[name], name
    assert _DATED.sub(b"", other["report.html"]) == _DATED.sub(b"", plain["report.html"])
    about = json.loads(other["manifest.json"])
    assert about["python"] == sys.version.split()[0]
    assert about["packages"].keys() >= {"numpy", "scipy", "highspy"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    data_files.write_all(made, EXAMPLES / "childress-bitcoin.toml")
    return made


_CONVERT = ["convert", str(EXAMPLES / "childress-convert.toml"), "--set", "conversion.paths=256"]
_TRAIN = ["train", "mixtral-8x7b", "--system", "hgx-h100", "--chips", "64", "--batch", "256", "--objective", "energy"]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (_TRAIN, []),
        (["dispatch", "case", "--solver", "exact"], []),
        (["dispatch", str(EXAMPLES / "childress-bitcoin.toml"), "--battery", "20:40"], []),
        (_CONVERT, ["--workers", "4"]),
        (["validate", "case"], []),
        (["validate", "runs.csv"], []),
        (["validate", "gemm.parquet"], []),
    ],
    ids=["train", "dispatch of a case", "dispatch of a scenario", "convert", "case", "runs", "kernels"],
)
def test_settings_of_the_machine_change_no_answer(folder: Path, words: list[str], more: list[str]) -> None:
    given = [str(folder / word) if (folder / word).exists() else word for word in words]
    first, other = _megawatt([*given, "--json"], _PLAIN), _megawatt([*given, *more, "--json"], _OTHER)
    assert _TAKEN.sub("", other) == _TAKEN.sub("", first)
