"""`megawatt calibrate`: fitting a user's file, drawing it, and measuring with and without PyTorch."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from megawatt.calibration.measure import chip_of_device, require_torch, timed, write_tables
from megawatt.calibration.meter import EnergyMeter, mean_power_w
from megawatt.catalogue import load_catalogue
from megawatt.catalogue.loader import read_data
from megawatt.cli.calibrate import calibrate
from megawatt.cli.train import train
from megawatt.errors import MissingDependencyError, ScenarioError
from megawatt.evidence.kernel_tables import read_kernels
from megawatt.hardware import gemm_cost, gemm_kernel


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """Measurements of a chip 10 % slower than the catalogue's H100."""
    catalogue = load_catalogue()
    kernel, _ = gemm_kernel(catalogue, catalogue.accelerator("h100-sxm"), "bf16")
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(300):
        m, n, k = (float(round(2 ** rng.uniform(5, 14))) for _ in range(3))
        time = 1.1 * float(gemm_cost(kernel, m, n, k, steady=False).time_s) * 1e3
        rows.append({"accelerator": "h100-sxm", "stack": "mine_1", "dtype": "bf16", "latency_ms": time})
        rows[-1] |= {"m": m, "n": n, "k": k}
    (path,) = write_tables({"gemm": rows}, tmp_path / "measured")
    return path


def test_own_measurements_become_a_sourced_table(own_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "profile"
    done = CliRunner().invoke(calibrate, ["kernels", str(own_file), "--out", str(out), "--source", "mine", "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)["results"][0]
    assert (result["accelerator"], result["precision"]) == ("h100-sxm", "bf16")
    assert result["stacks"]["mine_1"]["fit"]["median_ape"] < 0.02
    entry = read_data(out).entries["kernel-gemm-h100-sxm-bf16"]
    assert entry.facts["rate_share"].source == "mine"
    shipped = load_catalogue().number("kernel-gemm-h100-sxm-bf16", "rate_share")
    assert entry.facts["rate_share"].number() == pytest.approx(shipped / 1.1, rel=0.05)


def test_a_fitted_folder_is_used_by_name(own_file: Path, tmp_path: Path) -> None:
    """What `calibrate kernels` writes is what `train --kernels` reads: a chip 10 % slower in its multiplies."""
    out = tmp_path / "profile"
    assert (
        CliRunner().invoke(calibrate, ["kernels", str(own_file), "--out", str(out), "--source", "mine"]).exit_code == 0
    )
    question = ["llama-2-7b", "--system", "hgx-h100", "--chips", "8", "--layout", "tp=1,pp=1,mb=1,zero=2", "--json"]
    found = []
    for more in ([], ["--kernels", str(out)]):
        done = CliRunner().invoke(train, [*question, *more])
        assert done.exit_code == 0, done.output
        found.append(json.loads(done.stdout)["results"][0])
    before, after = found
    assert 1.04 < after["step_time_s"] / before["step_time_s"] < 1.12
    mine = [a["name"] for a in after["assumptions"] if a["source"] == str(out)]
    assert "kernel-gemm-h100-sxm-bf16.rate_share" in mine
    assert not [a for a in before["assumptions"] if a["source"] == str(out)]


def test_plot_draws_a_panel_per_precision(own_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "kernels.svg"
    done = CliRunner().invoke(calibrate, ["plot", str(own_file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    text = out.read_text()
    assert text.startswith("<svg")
    assert "Multiplies in bf16 [ms]" in text
    assert "300 rows" in text


def test_missing_file_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(calibrate, ["kernels", str(tmp_path / "none.parquet")])
    assert isinstance(done.exception, ScenarioError)
    assert "none.parquet: no such file" in str(done.exception)


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pytorch\.org") as error:
        require_torch()
    assert error.value.exit_code == 5


def test_without_a_device_it_says_where_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "torch", torch)
    with pytest.raises(MissingDependencyError, match="no CUDA device"):
        require_torch()


def test_device_names_lead_to_chips() -> None:
    assert chip_of_device("NVIDIA H200") == "h200-sxm"
    assert chip_of_device("NVIDIA GB200") == "gb200"
    assert chip_of_device("NVIDIA A100-SXM4-80GB") == "a100-80g"
    with pytest.raises(ScenarioError, match="--accelerator"):
        chip_of_device("Tesla K80")


class Clocked:
    """Stands in for torch.cuda: every kernel takes 2 ms, NVML reads 500 W."""

    def __init__(self) -> None:
        self.ran = 0
        clock = self

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                self.at = 0
                assert enable_timing

            def record(self) -> None:
                self.at = clock.ran

            def elapsed_time(self, other: Event) -> float:
                return 2.0 * (other.at - self.at)

        self.cuda = SimpleNamespace(
            Event=Event, synchronize=lambda: None, power_draw=lambda: 500_000, clock_rate=lambda: 1500
        )

    def kernel(self) -> None:
        self.ran += 1


def test_short_run_has_a_time_and_no_power() -> None:
    torch = Clocked()
    read = timed(torch, torch.kernel, 0.0)
    assert read.time_s == pytest.approx(2e-3)
    assert math.isnan(read.power_w)


def test_steady_run_reads_power_and_clock() -> None:
    torch = Clocked()
    read = timed(torch, torch.kernel, 0.05)
    assert (read.time_s, read.power_w, read.clock_mhz) == (pytest.approx(2e-3), 500.0, 1500.0)


def test_measured_tables_are_read_back(own_file: Path) -> None:
    table = read_kernels(own_file)
    assert (table.family, len(table), set(table.word("stack"))) == ("gemm", 300, {"mine_1"})


def test_mean_power_is_between_ticks_of_the_counter() -> None:
    # Ticks at 0.2, 0.4 and 0.6 s of 60, 120 and 120 J; the first second-tenths are before the window.
    samples = [(0.1, 0.0), (0.2, 60.0), (0.3, 60.0), (0.4, 180.0), (0.5, 180.0), (0.6, 300.0), (0.7, 300.0)]
    assert mean_power_w(samples, 0.2, 0.7) == pytest.approx((300.0 - 60.0) / 0.4)
    assert mean_power_w(samples, 0.35, 0.7) == pytest.approx(120.0 / 0.2)
    assert math.isnan(mean_power_w(samples, 0.45, 0.7))


def test_meter_counts_the_energy_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = time.monotonic()
    nvml = SimpleNamespace(
        NVMLError=OSError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: round(300e3 * (time.monotonic() - begin)),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    torch = SimpleNamespace(
        cuda=SimpleNamespace(current_device=lambda: 0, get_device_properties=lambda i: SimpleNamespace(uuid="a-b"))
    )
    with EnergyMeter(torch) as meter:
        time.sleep(0.1)
    assert meter.power_w() == pytest.approx(300.0, rel=0.02)


def test_meter_without_a_driver_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with EnergyMeter(SimpleNamespace()) as meter:
        pass
    assert math.isnan(meter.power_w())
