"""The same bytes whatever the machine is set to: workers, hash seed, time zone, locale, threads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.scenarios import EXAMPLES

_PLAIN = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
_OTHER = {"PYTHONHASHSEED": "77", "TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "COLUMNS": "40"}
_OTHER |= {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4", "NUMBA_NUM_THREADS": "2"}
_DATED = re.compile(rb"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?|sha256:[0-9a-f]{64}")


def _run(out: Path, setting: dict[str, str], workers: int) -> dict[str, bytes]:
    command = [sys.executable, "-m", "megawatt", "plan", str(EXAMPLES / "childress-bitcoin.toml")]
    command += ["--set", "risk.paths=4200", "--workers", str(workers), "--out", str(out)]
    subprocess.run(command, env=os.environ | setting, check=True, capture_output=True, timeout=300)
    return {path.name: path.read_bytes() for path in (out / "childress-bitcoin").iterdir()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return _run(tmp_path_factory.mktemp("plain"), _PLAIN, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_settings_of_the_machine_change_no_byte(tmp_path: Path, plain: dict[str, bytes], workers: int) -> None:
    other = _run(tmp_path, _OTHER, workers)
    assert other.keys() == plain.keys()
    for name in plain.keys() - {"manifest.json", "report.html"}:
        assert other[name] == plain[name], name
    assert _DATED.sub(b"", other["report.html"]) == _DATED.sub(b"", plain["report.html"])
    assert other["manifest.json"] != b""
