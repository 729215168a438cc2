"""Machine files: what they say enters the catalogue as facts, and everything wrong with one is told at once."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from tools import machines_page

from megawatt.catalogue import load_catalogue
from megawatt.catalogue.machine_file import machine_schema
from megawatt.catalogue.own_machine import OwnMachine, is_machine_file, read_machine
from megawatt.errors import ScenarioError
from megawatt.hardware import core_layout

OWN = """
name = "own"
chips = 4
[chip]
hbm_bytes = "64 GiB"
hbm_bytes_per_s = "2 TB/s"
power_cap_w = 500
[chip.peak_flops_per_s]
bf16 = { value = "400 TFLOPS", low = "350 TFLOPS", high = "400 TFLOPS", source = "vendor page", kind = "vendor" }
[links.mesh]
topology = "mesh"
domain_chips = 4
link_bytes_per_s = "50 GB/s"
links_per_chip = 3
[links.ethernet]
topology = "fat-tree"
link_bytes_per_s = "200 Gbit/s"
leaf_chips = 32
oversubscription = 2
"""


def read(folder: Path, text: str, name: str = "machine.toml") -> OwnMachine:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return read_machine(file, load_catalogue(), name=name)


def problems(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        read(folder, text)
    return {p.path: f"{p.found}; {p.allowed} {p.hint}" for p in caught.value.problems}


def test_differences_to_a_machine_of_the_catalogue(tmp_path: Path) -> None:
    own = read(
        tmp_path,
        'name = "mine"\nlike = "hgx-h100"\n[chip]\nhbm_bytes = "96 GB"\n[links.infiniband]\nlatency_s = "3 us"\n',
    )
    mine, base = own.catalogue.system("mine"), load_catalogue().system("hgx-h100")
    assert mine.accelerator.hbm_bytes == 96e9
    assert mine.accelerator.like == "h100-sxm"
    assert mine.accelerator.peak_flops_per_s == base.accelerator.peak_flops_per_s
    assert (mine.chips, mine.links[0], mine.overhead_w_per_chip) == (
        base.chips,
        base.links[0],
        base.overhead_w_per_chip,
    )
    assert (mine.links[1].latency_s, mine.links[1].link_bytes_per_s) == (3e-6, base.links[1].link_bytes_per_s)
    sources = {a.name: a.fact.source for a in mine.assumptions}
    assert sources["mine-chip.hbm_bytes"] == "machine.toml"
    assert sources["mine-chip.power_cap_w"] == load_catalogue().fact("h100-sxm", "power_cap_w").source


def test_a_machine_without_a_chip_of_its_own_keeps_the_catalogues(tmp_path: Path) -> None:
    own = read(tmp_path, 'name = "wide"\nlike = "hgx-h100"\nchips = 16\n[links.nvlink]\ndomain_chips = 16\n')
    system = own.catalogue.system("wide")
    assert (system.accelerator.key, system.chips, system.links[0].domain_chips) == ("h100-sxm", 16, 16.0)


def test_a_chip_of_its_own_rests_on_its_data_sheet(tmp_path: Path) -> None:
    own = read(tmp_path, OWN)
    system = own.catalogue.system("own")
    chip = system.accelerator
    assert chip.hbm_bytes == 64 * 2**30
    assert chip.peak_flops_per_s == {"bf16": 4e14}
    assert (chip.family, chip.like) == ("gpu", "")
    first, last = system.links
    assert (first.topology, first.domain_chips, first.link_bytes_per_s) == ("mesh", 4.0, 1.5e11)
    assert (last.topology, last.leaf_chips, last.oversubscription) == ("fat-tree", 32.0, 2.0)
    assert math.isinf(last.domain_chips)
    assert last.link_bytes_per_s == 2.5e10
    fact = own.catalogue.fact("own-chip", "peak_bf16_flops_per_s")
    assert (fact.low, fact.high, fact.source, fact.kind, fact.note) == (
        3.5e14,
        4e14,
        "machine.toml",
        "vendor",
        "vendor page",
    )


def test_power_that_is_not_given_is_that_of_the_usual_node_by_the_cap(tmp_path: Path) -> None:
    system = read(tmp_path, OWN).catalogue.system("own")
    usual = load_catalogue().system("hgx-h100")
    factor = 500.0 / usual.accelerator.power_cap_w
    assert system.overhead_w_per_chip == pytest.approx(usual.overhead_w_per_chip * factor)
    assert system.provisioned_w_per_chip == pytest.approx(usual.provisioned_w_per_chip * factor)
    notes = {a.name: a.fact for a in system.assumptions}
    assert notes["own.overhead_w_per_chip"].kind == "assumed"
    assert "machine.toml" in notes["own.overhead_w_per_chip"].note


def test_gb200_between_racks_by_its_adapter(tmp_path: Path) -> None:
    """400 Gb/s a GPU are 50 GB/s (case F12)."""
    text = 'name = "rack"\nlike = "gb200-nvl72"\n[links.out]\ntopology = "rail"\nlink_bytes_per_s = "400 Gbit/s"\n'
    links = read(tmp_path, text).catalogue.system("rack").links
    assert [link.name for link in links] == ["nvlink", "out"]
    assert links[-1].link_bytes_per_s == 5e10


def test_a_chip_alone_takes_the_only_machine_of_its_like(tmp_path: Path) -> None:
    own = read(tmp_path, 'name = "bigger"\n[chip]\nlike = "tpu-v5e"\nhbm_bytes = "32 GB"\n')
    system, base = own.catalogue.system("bigger"), load_catalogue().system("tpu-v5e-pod")
    assert (system.links, system.accelerator.family) == (base.links, "tpu")
    assert "a machine of the catalogue" in problems(tmp_path, 'name = "x"\n[chip]\nlike = "trn2"\n')["like"]


def test_a_torus_by_its_shape(tmp_path: Path) -> None:
    text = OWN.replace('topology = "mesh"\ndomain_chips = 4\n', 'topology = "torus"\nshape = [4, 8, 2]\n')
    link = read(tmp_path, text).catalogue.system("own").links[0]
    assert (link.dimensions, link.domain_chips, link.wrap_chips, link.longest_side) == (3, 64.0, 64.0, 8.0)
    wrong = problems(tmp_path, text.replace("shape =", "domain_chips = 60\nshape ="))
    assert "64" in wrong["links.mesh.domain_chips"]


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """
name = "Own"
like = "hgx-h10"
chips = "eight"
[chip]
hbm_byte = 3
hbm_bytes = "-3 GB"
peak_flops_per_s = { bf15 = 3e14 }
[links.a]
topology = "star"
topolog = "star"
link_bytes_per_s = "3 parsec"
"""
    found = problems(tmp_path, text)
    assert "hgx-h100" in found["like"]
    assert "did you mean hbm_bytes" in found["chip.hbm_byte"]
    assert "did you mean topology" in found["links.a.topolog"]
    assert "GB/s" in found["links.a.link_bytes_per_s"]
    assert set(found) >= {"name", "chips", "chip.hbm_bytes", "chip.peak_flops_per_s.bf15", "links.a.topology"}


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ('name = "x"\n', "chip", "like ="),
        ('name = "h100-sxm"\nlike = "hgx-h100"\n', "name", "name of your own"),
        ('name = "x"\nlike = "hgx-h100"\n[chip]\nname = "h100-sxm"\n', "chip.name", "name of your own"),
        ('name = "x"\nlike = "hgx-h100"\n[chip]\nlike = "h10"\n', "chip.like", "h100"),
        ('name = "x"\nlike = "hgx-h100"\n[chip]\npower_idle_w = 900\n', "chip.power_idle_w", "below power_cap_w"),
        ('name = "x"\nlike = "hgx-h100"\n[links.infiniband]\ndomain_chips = 64\n', "links", "outermost"),
        ('name = "x"\nlike = "hgx-h100"\n[links.z]\nlink_bytes_per_s = 1e9\n', "links.z.topology", "switch"),
        (OWN.replace("leaf_chips = 32\n", ""), "links.ethernet", "leaf_chips"),
        (OWN.replace('"mesh"\ndomain_chips', '"switch"\nshape = [4]\ndomain_chips'), "links.mesh", "torus"),
        (OWN.replace("[chip]", '[chip]\narchitecture = "hoper"'), "chip.architecture", "nearest: hopper"),
        (OWN.replace("power_cap_w = 500", ""), "chip.power_cap_w", "power limit"),
        (OWN.replace("chips = 4\n[chip]", "[chip]"), "chips", "one unit"),
        (OWN.replace('"400 TFLOPS"', '"400 TB"'), "chip.peak_flops_per_s.bf16", "TFLOP/s"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(tmp_path: Path, text: str, path: str, words: str) -> None:
    found = problems(tmp_path, text)
    assert words in found[path]


def test_measured_shares_become_rates(tmp_path: Path) -> None:
    shares = "gemm_achieved_frac = { bf16 = 0.7 }\nhbm_achieved_frac = 0.9\n"
    catalogue = read(tmp_path, OWN.replace("power_cap_w", shares + "power_cap_w")).catalogue
    assert catalogue.number("own-chip", "gemm_achieved_bf16_flops_per_s") == pytest.approx(2.8e14)
    assert catalogue.number("own-chip", "hbm_achieved_bytes_per_s") == pytest.approx(1.8e12)


def test_cores_of_a_chip_of_its_own(tmp_path: Path) -> None:
    cores = OWN.replace("[chip]", '[chip]\narchitecture = "cdna"\ncores = 96')
    facts = read(tmp_path, cores).catalogue.get("kernel-chip-own-chip").facts
    assert (facts["architecture"].value, facts["cores"].value) == ("cdna", 96.0)
    fewer = read(tmp_path, 'name = "fewer"\nlike = "hgx-h100"\n[chip]\ncores = 78\n').catalogue
    assert core_layout(fewer, "fewer-chip") == dataclasses.replace(
        core_layout(load_catalogue(), "h100-sxm"), chip="fewer-chip", cores=78
    )


def test_files_are_recorded_and_not_mixed_up(tmp_path: Path) -> None:
    own = read(tmp_path, OWN)
    assert list(own.catalogue.files) == ["machine.toml"]
    assert own.catalogue.content_hash() != load_catalogue().content_hash()
    again = read_machine(tmp_path / "machine.toml", own.catalogue, name="machine.toml")
    assert again.catalogue is own.catalogue
    (tmp_path / "other.toml").write_text(OWN, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        read_machine(tmp_path / "other.toml", own.catalogue, name="other.toml")
    assert caught.value.problems[0].found == "'own' is in machine.toml already"


def test_words_that_are_files() -> None:
    assert is_machine_file("./my.toml")
    assert is_machine_file("folder/machine")
    assert not is_machine_file("hgx-h100")


def test_the_schema_names_every_section() -> None:
    schema = machine_schema()
    assert {"chip", "links", "like", "anchor", "chips"} <= set(schema["properties"])
    assert {"Chip", "Link", "Anchor"} <= set(schema["$defs"])


def test_the_page_of_machine_files_is_made_from_them() -> None:
    assert machines_page.PAGE.read_text(encoding="utf-8") == machines_page.page(), "python -m tools.machines_page"
