"""Machines of the user's own give the steps that the catalogue's give where their numbers are the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from megawatt.calibration.catalogue_rows import FittedEntry, render
from megawatt.calibration.family import FamilyFit
from megawatt.calibration.solver import FitQuality
from megawatt.catalogue import Catalogue, System, load_catalogue
from megawatt.cli.output import emit_error
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.hardware import gemm_kernel, with_kernels
from megawatt.hardware.kernels import GEMM_SHARED, GEMM_STACK
from megawatt.training import Job, evaluate, layouts_like, open_machine, open_machines, practice_for
from megawatt.workload import load_model

# The figures of calculon-ai/calculon, systems/a100_80g.json and systems/h100_80g_nvl8.json (commit 4f81f02): matrix
# tflops, mem1 GiB and GBps, networks bandwidth, size and latency.
CALCULON = """
name = "calculon-{key}"
chips = 8
[chip]
like = "{chip}"
peak_flops_per_s = {{ bf16 = "{tflops} TFLOPS", fp16 = "{tflops} TFLOPS" }}
hbm_bytes = "80 GiB"
hbm_bytes_per_s = "{memory} GB/s"
[links.nvlink]
topology = "switch"
domain_chips = 8
link_bytes_per_s = "{inner} GB/s"
latency_s = "1 us"
[links.infiniband]
topology = "switch"
link_bytes_per_s = "{outer} GB/s"
latency_s = "2 us"
"""
# MooreThreads/SimuMax, configs/system/a100_bf16.json (commit 2127d7d): mem_gbs, tflops, bandwidth gbps of memory,
# high_intra_node and inter_node, num_per_node.
SIMUMAX = """
name = "simumax-a100"
chips = 8
[chip]
like = "a100-80g"
peak_flops_per_s = { bf16 = "312 TFLOPS" }
hbm_bytes = "80 GB"
hbm_bytes_per_s = "2039 GB/s"
[links.high-intra-node]
topology = "switch"
domain_chips = 8
link_bytes_per_s = "300 GB/s"
latency_s = "40 us"
[links.inter-node]
topology = "switch"
link_bytes_per_s = "25 GB/s"
latency_s = "40 us"
"""
LAYOUTS = ({"tp": 8, "pp": 2, "micro_batch": 1}, {"tp": 1, "pp": 1, "micro_batch": 1, "zero": 3})


def write(folder: Path, text: str, name: str = "machine.toml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def steps_of(catalogue: Catalogue, system: System, model: str = "llama-2-7b") -> list[float]:
    job = Job(load_model(model, catalogue), 4096, 64, "bf16")
    found = []
    for choices in LAYOUTS:
        cost = evaluate(job, system, layouts_like(job, 32, choices), catalogue=catalogue)
        found += [float(cost.step_time_s[0]), float(cost.energy_j[0]), float(cost.memory_bytes[0])]
    return found


def steps(catalogue: Catalogue, key: str) -> list[float]:
    return steps_of(catalogue, catalogue.system(key))


def with_numbers(
    base: str, peak: float, hbm_bytes: float, memory: float, links: Sequence[tuple[float, float]]
) -> System:
    """The catalogue's machine with the numbers of a file: peak, memory and its rate, rate and latency of each level."""
    system = load_catalogue().system(base)
    peaks = system.accelerator.peak_flops_per_s | {"bf16": peak, "fp16": peak}
    chip = dataclasses.replace(system.accelerator, peak_flops_per_s=peaks, hbm_bytes=hbm_bytes, hbm_bytes_per_s=memory)
    levels = tuple(
        dataclasses.replace(link, link_bytes_per_s=rate, latency_s=latency)
        for link, (rate, latency) in zip(system.links, links, strict=True)
    )
    return dataclasses.replace(system, accelerator=chip, links=levels)


@pytest.mark.parametrize(
    ("base", "tflops", "memory", "inner", "outer"),
    [("hgx-a100", 312, 2048, 300, 25), ("hgx-h100", 1000, 3072, 450, 50)],
)
@pytest.mark.parametrize("model", ["llama-2-7b", "mixtral-8x7b"])
def test_a_calculon_machine(
    tmp_path: Path, base: str, tflops: float, memory: float, inner: float, outer: float, model: str
) -> None:
    chip = load_catalogue().system(base).accelerator.key
    given = {"tflops": tflops, "memory": memory, "inner": inner, "outer": outer}
    file = write(tmp_path, CALCULON.format(key=base, chip=chip, **given))
    own, system = open_machine(load_catalogue(), file, folder=tmp_path)
    alike = with_numbers(base, tflops * 1e12, 80.0 * 2**30, memory * 1e9, [(inner * 1e9, 1e-6), (outer * 1e9, 2e-6)])
    assert steps_of(own, system, model) == pytest.approx(steps_of(load_catalogue(), alike, model), rel=1e-12)
    assert practice_for(own, system).evidence["multiplies bf16"] == f"measured on {chip} in bf16"


def test_a_simumax_machine(tmp_path: Path) -> None:
    own, system = open_machine(load_catalogue(), write(tmp_path, SIMUMAX), folder=tmp_path)
    alike = with_numbers("hgx-a100", 312e12, 80e9, 2.039e12, [(300e9, 4e-5), (25e9, 4e-5)])
    assert steps_of(own, system) == pytest.approx(steps_of(load_catalogue(), alike), rel=1e-12)


@pytest.mark.parametrize("base", ["hgx-b200", "mi300x-node", "tpu-v6e-pod", "trn2-node", "gb300-nvl72"])
def test_a_chip_with_nothing_changed_is_the_catalogues(tmp_path: Path, base: str) -> None:
    """Levels by published best multiplies, practice and stacks of the chip are those of its like."""
    catalogue = load_catalogue()
    chip = catalogue.system(base).accelerator
    file = write(tmp_path, f'name = "same"\nlike = "{base}"\n[chip]\nhbm_bytes = {chip.hbm_bytes}\n')
    own, _ = open_machine(catalogue, file, folder=tmp_path)
    assert steps(own, "same") == steps(catalogue, base)


ANCHOR = """
name = "anchored"
like = "hgx-h100"
[anchor]
model = "llama-2-7b"
chips = 32
layout = "tp=8,pp=2,mb=1"
seq_len = 4096
global_batch = 64
step_time_s = STEP
"""


def test_an_anchor_scales_kernels_until_the_step_is_the_measured_one(tmp_path: Path) -> None:
    predicted = steps(load_catalogue(), "hgx-h100")[0]
    measured = 1.2 * predicted
    own, system = open_machine(
        load_catalogue(), write(tmp_path, ANCHOR.replace("STEP", repr(measured))), folder=tmp_path
    )
    assert steps(own, "anchored")[0] == pytest.approx(measured, rel=1e-6)
    factor = system.accelerator.achieved_over_predicted
    assert 0.65 < factor < 1.0 / 1.2, "links, memory and the host stay, so kernels lose more than the step"
    fact = {a.name: a.fact for a in system.assumptions}["anchored-chip.achieved_over_predicted"]
    assert (fact.value, fact.kind, fact.source) == (factor, "derived", "machine.toml")
    assert f"{predicted:.4g} s as predicted" in fact.note


def test_an_anchor_with_a_range_gives_the_factor_one(tmp_path: Path) -> None:
    predicted = steps(load_catalogue(), "hgx-h100")[0]
    ends = f"{{ value = {1.2 * predicted}, low = {1.15 * predicted}, high = {1.3 * predicted} }}"
    _, system = open_machine(load_catalogue(), write(tmp_path, ANCHOR.replace("STEP", ends)), folder=tmp_path)
    fact = {a.name: a.fact for a in system.assumptions}["anchored-chip.achieved_over_predicted"]
    assert fact.low is not None
    assert fact.high is not None
    assert fact.low < fact.number() < fact.high


def test_an_anchor_by_tokens_is_the_same_run(tmp_path: Path) -> None:
    measured = 1.2 * steps(load_catalogue(), "hgx-h100")[0]
    tokens = ANCHOR.replace("step_time_s = STEP", f"tokens_per_s_per_chip = {4096 * 64 / 32 / measured!r}")
    by_time = write(tmp_path, ANCHOR.replace("STEP", repr(measured)), "time.toml")
    found = [open_machine(load_catalogue(), f, folder=tmp_path)[1] for f in (by_time, write(tmp_path, tokens))]
    factors = [system.accelerator.achieved_over_predicted for system in found]
    assert factors[0] == pytest.approx(factors[1], rel=1e-9)
    with pytest.raises(ScenarioError) as caught:
        open_machine(load_catalogue(), write(tmp_path, ANCHOR.replace("step_time_s = STEP", "")), folder=tmp_path)
    assert caught.value.problems[0].path == "anchor"


@pytest.mark.parametrize("share", [0.3, 4.0])
def test_an_absurd_anchor_is_refused(tmp_path: Path, share: float) -> None:
    measured = share * steps(load_catalogue(), "hgx-h100")[0]
    file = write(tmp_path, ANCHOR.replace("STEP", repr(measured)))
    with pytest.raises(ScenarioError, match=r"anchor.*data sheet"):
        open_machine(load_catalogue(), file, folder=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("llama-2-7b", "llama-9", "llama"),
        ("tp=8", "tp=3", "does not divide"),
        ("tp=8", "speed=8", "speed"),
        ("seq_len = 4096", 'seq_len = 4096\nprecision = "fp3"', "precision"),
        ("seq_len = 4096", 'seq_len = 4096\nstack = "stack-none"', "stack-none"),
    ],
)
def test_an_anchor_that_is_no_run_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = ANCHOR.replace("STEP", "9").replace(old, new)
    with pytest.raises(ScenarioError, match=words):
        open_machine(load_catalogue(), write(tmp_path, text), folder=tmp_path)


def test_several_machines_share_one_catalogue(tmp_path: Path) -> None:
    write(tmp_path, 'name = "one"\nlike = "hgx-h100"\nchips = 4\n', "one.toml")
    catalogue, keys = open_machines(load_catalogue(), ["./one.toml", "hgx-h100"], folder=tmp_path)
    assert keys == ["one", "hgx-h100"]
    assert catalogue.system("one").chips == 4
    with pytest.raises(CatalogueError, match="hgx-h900"):
        open_machines(load_catalogue(), ["hgx-h900"])


def fitted_gemm(chip: str, rate_share: float) -> FittedEntry:
    values = load_catalogue().get("kernel-gemm-h100-sxm-bf16").facts
    reference = str(values["reference_stack"].value)
    shared = {name: values[name].number() for name in GEMM_SHARED} | {"rate_share": rate_share}
    stack = {name: values[f"stack.{reference}.{name}"].number() for name in GEMM_STACK}
    fit = FamilyFit(chip, "bf16", shared, {"mine_1.0": stack}, {})
    quality = FitQuality(12, 0.02, 0.05)
    return FittedEntry("gemm", f"Multiplies of {chip}", fit, {"mine_1.0": (quality, quality)}, {})


def test_measured_kernels_take_the_place_of_the_catalogues(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    folder = tmp_path / "profile"
    folder.mkdir()
    text = render([fitted_gemm("h100-sxm", 0.5)], source="kernel-measurements", date="2026-11-01", note="mine")
    (folder / "kernel-gemm.csv").write_text(text, encoding="utf-8")
    over = with_kernels(catalogue, folder, name="profile")
    chip = catalogue.accelerator("h100-sxm")
    kernel, found = gemm_kernel(over, chip, "bf16")
    assert (kernel.rate_share, found.own, found.stack) == (0.5, True, "mine_1.0")
    assert {a.fact.source for a in found.assumptions} == {"profile"}
    assert gemm_kernel(over, chip, "fp8")[0] == gemm_kernel(catalogue, chip, "fp8")[0]
    assert steps(over, "hgx-h100")[0] > steps(catalogue, "hgx-h100")[0]
    assert over.files == {"profile": over.files["profile"]}


def test_kernels_of_a_chip_of_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    folder.mkdir()
    text = render([fitted_gemm("mine-chip", 0.5)], source="mine", date="2026-11-01", note="mine")
    (folder / "kernel-gemm.csv").write_text(text, encoding="utf-8")
    file = write(tmp_path, 'name = "mine"\nlike = "hgx-h100"\n[chip]\nhbm_bytes = "96 GB"\n')
    own, system = open_machine(load_catalogue(), file, kernels=Path("profile"), folder=tmp_path)
    assert practice_for(own, system).evidence["multiplies bf16"] == "measured on this chip"
    with pytest.raises(ScenarioError) as caught:
        with_kernels(load_catalogue(), folder)
    assert caught.value.problems[0].found == "a chip that is not known"


def test_kernels_need_the_cores_of_their_chip(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    folder.mkdir()
    text = render([fitted_gemm("simple-chip", 0.5)], source="mine", date="2026-11-01", note="mine")
    (folder / "kernel-gemm.csv").write_text(text, encoding="utf-8")
    alone = SIMUMAX.replace("simumax-a100", "simple").replace('like = "a100-80g"', 'like = "none"\npower_cap_w = 400')
    file = write(tmp_path, alone)
    with pytest.raises(ScenarioError) as caught:
        open_machine(load_catalogue(), file, kernels=Path("profile"), folder=tmp_path)
    assert "chip.cores" in caught.value.problems[0].allowed
    file = write(tmp_path, alone.replace('like = "none"', 'like = "none"\narchitecture = "ampere"\ncores = 108'))
    own, system = open_machine(load_catalogue(), file, kernels=Path("profile"), folder=tmp_path)
    assert practice_for(own, system).evidence["multiplies bf16"] == "measured on this chip"
    assert steps_of(own, system)[0] > 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: "\n".join(line for line in t.splitlines() if ",edge_rows," not in line), "lacks edge_rows"),
        (lambda t: t.replace("reference_stack", "other"), "reference_stack"),
        (lambda t: t.replace("kernel-gemm-", "kernel-chip-"), "no kernels of a chip"),
        (lambda t: t.replace("rate_share,0.5", "rate_share,inf"), "rate_share = inf"),
        (lambda t: t.replace("rate_share,0.5", "rate_share,-0.5").replace(",0.5,0.5", ",,"), "rate_share = -0.5"),
        (lambda t: t.replace("key,field", "key;field"), "first line"),
        (lambda _: "", "first line"),
    ],
)
def test_a_folder_that_holds_no_kernels_is_refused(tmp_path: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    text = render([fitted_gemm("h100-sxm", 0.5)], source="mine", date="2026-11-01", note="mine")
    (tmp_path / "kernel-gemm.csv").write_text(change(text), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        with_kernels(load_catalogue(), tmp_path)
    assert words in " ".join(map(str, caught.value.problems))


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ScenarioError) as caught:
            with_kernels(load_catalogue(), folder)
        assert "calibrate kernels" in caught.value.problems[0].allowed


def test_a_factor_leaves_memory_and_links_alone() -> None:
    catalogue = load_catalogue()
    system = catalogue.system("hgx-h100")
    slower = dataclasses.replace(
        system, accelerator=dataclasses.replace(system.accelerator, achieved_over_predicted=0.5)
    )
    before, after = practice_for(catalogue, system), practice_for(catalogue, slower)
    assert after.multiplies["bf16"].speed == 0.5 * before.multiplies["bf16"].speed
    assert after.experts["bf16"].speed == 0.5 * before.experts["bf16"].speed
    assert after.kernels.hbm_flow_bytes_per_s == before.kernels.hbm_flow_bytes_per_s
    assert after.fabric == before.fabric


def test_what_an_anchor_lacks_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ANCHOR.replace("STEP", "400").replace("tp=8", "tp=3")
    with pytest.raises(ScenarioError) as caught:
        open_machine(load_catalogue(), write(tmp_path, text), folder=tmp_path)
    emit_error("check", caught.value, as_json=False)
    said = capsys.readouterr().err
    assert said.count("does not divide") == 1
    assert said.startswith("megawatt check: machine.toml: anchor: layout tp=3")
    (problem,) = caught.value.problems
    assert problem.path == "anchor"


def test_several_problems_of_a_model_file_are_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.toml").write_text('name = "x"\n[model]\nlayers = -1\n', encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_model("m.toml", load_catalogue(), tmp_path)
    emit_error("train", caught.value, as_json=False)
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("m.toml: 2 problems")
    assert sorted(line.split(":")[0] for line in said[1:]) == ["  model.layers", "  name"]
    (tmp_path / "m.toml").write_text("[model]\nlayers = 4\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_model("m.toml", load_catalogue(), tmp_path)
    emit_error("train", caught.value, as_json=False)
    assert capsys.readouterr().err.count("\n") == 1


RUNS = """id,model,seq_len,chips,global_batch,dtype,tp,pp,vpp,micro_batch,zero,seq_parallel,recompute,metric,value
a,llama-2-7b,4096,32,64,bf16,8,2,,1,1,1,none,step_time_s,STEP
b,My 7B,4096,32,64,bf16,8,,,1,1,1,none,mfu,0.4
b,My 7B,4096,32,64,bf16,8,,,1,1,1,none,mfu,0.4
c,My 7B,4096,32,64,bf16,8,,,1,1,1,none,mfu,0.4
"""


def test_an_anchor_is_a_row_of_a_table_of_runs(tmp_path: Path) -> None:
    measured = repr(1.2 * steps(load_catalogue(), "hgx-h100")[0])
    (tmp_path / "runs.csv").write_text(RUNS.replace("STEP", measured), encoding="utf-8")
    head = 'name = "anchored"\nlike = "hgx-h100"\n[anchor]\nruns = "runs.csv"\n'
    layout = 'layout = "tp=8,pp=2,vpp=1,mb=1,zero=1,recompute=none,sp=on"'
    by_hand = ANCHOR.replace("STEP", measured).replace('layout = "tp=8,pp=2,mb=1"', layout)
    beside = f'model = "llama-2-7b"\n{layout}\nstep_time_s = {measured}\n'
    texts = (head + 'row = "a"\n', by_hand, head + 'row = "c"\n' + beside)
    found = [open_machine(load_catalogue(), write(tmp_path, t), folder=tmp_path)[1].accelerator for t in texts]
    assert len({chip.achieved_over_predicted for chip in found}) == 1
    for row, beside, words in (
        ("b", "", "2 rows"),
        ("d", "", "no rows"),
        ("c", "", "pp of the row"),
        ("c", 'layout = "tp=8"', "metric 'mfu'"),
    ):
        with pytest.raises(ScenarioError, match=words) as caught:
            open_machine(load_catalogue(), write(tmp_path, f'{head}row = "{row}"\n{beside}\n'), folder=tmp_path)
        assert caught.value.problems[0].path.startswith("anchor.")
    with pytest.raises(ScenarioError, match="row = None"):
        open_machine(load_catalogue(), write(tmp_path, head), folder=tmp_path)
    with pytest.raises(ScenarioError, match=r"none\.csv"):
        open_machine(load_catalogue(), write(tmp_path, head.replace("runs.", "none.") + 'row = "a"'), folder=tmp_path)
