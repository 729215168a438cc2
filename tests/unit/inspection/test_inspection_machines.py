"""Machines, described part by part."""

from __future__ import annotations

from pathlib import Path

from megawatt.catalogue import load_catalogue
from megawatt.inspection import Description, describe

OWN = """
name = "own"
chips = 4
[chip]
hbm_bytes = "64 GB"
hbm_bytes_per_s = "2 TB/s"
power_cap_w = 500
peak_flops_per_s = { bf16 = "400 TFLOPS" }
[links.mesh]
topology = "mesh"
domain_chips = 4
link_bytes_per_s = "150 GB/s"
[links.ethernet]
topology = "fat-tree"
link_bytes_per_s = "200 Gbit/s"
leaf_chips = 32
oversubscription = 2
"""


def told(found: Description) -> dict[tuple[str, str], str]:
    return {(section.title, line.name): line.told for section in found.sections for line in section.lines}


def test_a_machine_file_part_by_part(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN, encoding="utf-8")
    found = describe(str(file), load_catalogue())
    words = told(found)
    assert (found.kind, found.title) == ("machine", "own")
    assert words["chip", "dense rate in bf16"] == "400 TFLOP/s"
    assert words["network: ethernet", "rate per chip, one direction"] == "25 GB/s"
    assert words["network: ethernet", "oversubscription"] == "2"
    assert "roofline" in words["times in bf16 rest on", "matrix multiplies"]
    assert any("own.overhead_w_per_chip" in text for text in found.assumed)


def test_every_system_of_the_catalogue_can_be_shown() -> None:
    catalogue = load_catalogue()
    for key in catalogue.keys("system"):
        titles = [section.title for section in describe(key, catalogue).sections]
        assert {"unit", "chip", "power"} <= set(titles), key
