"""A sweep on a cluster: a real scheduler, workers as processes, one of them killed in the middle; the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain import forge, risk_study
from megawatt.chain.sweep import axis_of
from megawatt.company import company_row, load_company, markets_today, practice, simulate_company
from megawatt.errors import MachineError, ScenarioError
from megawatt.repeatable import ONE_THREAD
from megawatt.results import sweeps
from megawatt.results.sweeps import run_sweep
from megawatt.risk import cluster as clusters
from megawatt.risk import open_cluster, stream_calls
from megawatt.scenario import load
from tests.unit.risk.test_risk_streams import held_up

MINERS = Path(__file__).parents[2] / "examples" / "childress-bitcoin.toml"
QUIET = ("--no-dashboard", "--host", "127.0.0.1")


def _start(kind: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "ignore", "-m", f"distributed.cli.dask_{kind}", *options]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD}
    )


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "_CHUNK", 1)
    file, catalogue, axes = MINERS, load_catalogue(), [axis_of("power.price_scale=0.5..1.2:0.1")]
    assert run_sweep(file, catalogue, axes, tmp_path / "here") == (8, 8)
    told = tmp_path / "scheduler.json"
    started = [_start("scheduler", *QUIET, "--port", "0", "--scheduler-file", str(told))]
    try:
        options = ("--scheduler-file", str(told), "--no-nanny", "--nthreads", "1", *QUIET)
        started += [_start("worker", *options, "--local-directory", str(tmp_path)) for _ in range(2)]
        deadline = time.monotonic() + 120.0
        while not told.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        address = json.loads(told.read_text())["address"]
        killed: list[int] = []

        def kill_one(done: int, points: int, left_s: float) -> None:
            if not killed:
                started[1].send_signal(signal.SIGKILL)
                killed.append(done)

        with open_cluster(address) as there:
            there.client.wait_for_workers(2, timeout=120)
            assert there.slots == 2
            assert run_sweep(file, catalogue, axes, tmp_path / "there", cluster=there, progress=kill_one) == (8, 8)
        assert 0 < killed[0] < 8, "in the middle"
    finally:
        for process in started:
            process.kill()
            process.wait()
    for written in (tmp_path / "here").iterdir():
        assert (tmp_path / "there" / written.name).read_bytes() == written.read_bytes(), written.name


def test_simulations_on_a_cluster_are_the_same(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    company, markets, terms = load_company("bitfarms", catalogue), markets_today(catalogue), practice(catalogue)
    links = forge(load(MINERS, catalogue).uses[0].scenario, catalogue, MINERS.parent)
    with open_cluster("local", 2) as there:
        for how in ({"workers": 1}, {"cluster": there}):
            lived = simulate_company(company, markets, terms, months=12, paths=1500, **how)
            risk = risk_study(links, paths=1100, **how)
            if "workers" in how:
                first = lived, risk
        assert list(stream_calls(held_up(tmp_path), 1, there)) == list(range(8)), "none waits for a slow one"
        assert company_row(lived, markets, terms) == company_row(first[0], markets, terms)
        assert risk == first[1]


def test_what_is_no_cluster_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MachineError, match="nonsense"), open_cluster("nonsense"):
        pass
    monkeypatch.setattr(clusters, "_WAIT_S", 1)
    with pytest.raises(MachineError, match="nothing answers"), open_cluster("tcp://127.0.0.1:9"):
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MachineError, match="not installed") as caught, open_cluster("local"):
        pass
    assert "megawatt[cluster]" in str(caught.value.problems[0])


def test_a_place_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    axes = [axis_of("site.place=childress-tx,nowhere-tx"), axis_of("power.price_scale=1,2")]
    with pytest.raises(ScenarioError, match="1 problem"):
        run_sweep(MINERS, load_catalogue(), axes, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("address", ["tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:x"])
def test_an_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(MachineError, match="allowed: local, or the address"), open_cluster(address):
        pass
