"""Energy and power of published runs: measured rows by the model, bookkeeping rows as their source did."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.validation.registry import validate

CATALOGUE = load_catalogue()


def test_energy_of_measured_rows_and_of_bookkeeping_apart(tmp_path: Path) -> None:
    file = tmp_path / "energy.csv"
    columns = (
        "id,params_b,accelerator,gpu_hours,energy_mwh,it_or_facility,energy_basis,pue,power_w_per_chip,power_basis"
    )
    rows = (
        "a,13,h100-sxm,100000,62,it,measured GPU power,,,",
        "b,13,h100-sxm,100000,77,facility,GPU-hours x TDP x PUE,1.1,700,TDP",
        "c,13,nothing,100000,70,it,measured GPU power,,,",
        "d,13,h100-sxm,,70,it,measured GPU power,,,",
        "e,13,h100-sxm,100000,,it,measured GPU power,,,",
        "f,13,h100-sxm,100000,62,it,GPU-hours x TDP,,,TDP",
    )
    file.write_text("\n".join([columns, *rows]) + "\n")
    measured, power, booked = validate(file, CATALOGUE)
    assert (measured["quantity"], power["quantity"]) == ("energy", "average chip power")
    assert measured["summary"]["mape"] < 0.1
    assert power["cases"][0]["measured"] == pytest.approx(620.0)
    assert [s["id"] for s in measured["skipped"]] == ["c", "d", "e", "f"]
    assert booked["cases"][0]["predicted"] == pytest.approx(77.0)


def test_power_of_chips_and_nodes(tmp_path: Path) -> None:
    file = tmp_path / "power.csv"
    columns = "id,system,workload,quantity,value,unit,rated_value,measured"
    rows = (
        "max,8x H100 HGX node,training,max node power,8.4,kW,10.2,yes",
        "mean,8x H100 HGX node,training,node power,7.9,kW,10.2,yes",
        "chip,H100 SXM,training,GPU power,640,W,700,yes",
        "save,H100 SXM,while saving a checkpoint,GPU power,100,W,700,yes",
        "rack,GB200 NVL72,rack,design power,120,kW,,no",
        "odd,V100,training,GPU power,130,W,300,yes",
    )
    file.write_text("\n".join([columns, *rows]) + "\n")
    (entry,) = validate(file, CATALOGUE)
    assert entry["summary"]["mape"] < 0.03
    assert [s["why"] for s in entry["skipped"]] == ["not measured", "V100: not in the catalogue"]


def test_facility_energy_without_its_pue_stands_apart_and_a_published_rate_is_the_runs(tmp_path: Path) -> None:
    file = tmp_path / "energy.csv"
    columns = (
        "id,model,params_b,accelerator,gpu_hours,energy_mwh,it_or_facility,energy_basis,pue,power_w_per_chip,notes"
    )
    rows = (
        "known,,13,h100-sxm,100000,72,facility,measured GPU power x PUE,1.2,,",
        "unknown,,13,h100-sxm,100000,72,facility,measured GPU power x PUE,,,",
        "label,Runs below <1B,,h100-sxm,100000,55,it,measured GPU power,,,",
        "slow,T5,11,tpu-v3,100000,31,it,measured average W,,310,45.6 TFLOP/s per chip",
        "full,T5,11,tpu-v3,100000,36,it,measured average W,,360,",
        "wrong,,13,h100-sxm,0,72,it,measured GPU power,,,",
    )
    file.write_text("\n".join([columns, *rows]) + "\n")
    energy, power, apart = validate(file, CATALOGUE)
    assert [c["id"] for c in energy["cases"]] == ["known", "label", "slow", "full"]
    assert [c["id"] for c in apart["cases"]] == ["unknown"]
    assert [s["id"] for s in energy["skipped"]] == ["wrong"]
    made = {c["id"]: c["predicted"] for c in power["cases"]}
    assert made["known"] > made["label"], "a small model draws less, by its label too"
    assert made["slow"] < 0.9 * made["full"], "chips idle while a run goes slower than its plan"
