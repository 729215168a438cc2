"""Reading data files: what is accepted, and what a malformed row is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import Catalogue, read_catalogue
from megawatt.errors import CatalogueError

HEADER = "key,field,value,unit,low,high,kind,source,date,note\n"
SOURCES = '[paper]\ntitle = "A paper"\npublisher = "Press"\ndate = "2025"\nurl = "https://example.org"\n'


def folder_of(path: Path, **files: str) -> Path:
    (path / "sources.toml").write_text(SOURCES)
    for name, rows in files.items():
        (path / name.replace("__", ".").replace("_", "-")).write_text(HEADER + rows)
    return path


def catalogue_of(path: Path, **files: str) -> Catalogue:
    return read_catalogue(folder_of(path, **files))


def test_one_fact_with_everything(tmp_path: Path) -> None:
    catalogue = catalogue_of(
        tmp_path, chip__csv='x1,title,Chip X1,,,,,,,\nx1,power_w,700,W,600,800,vendor,paper,2025,"a, b"\n'
    )
    fact = catalogue.fact("x1", "power_w")
    assert (fact.value, fact.unit, fact.low, fact.high) == (700.0, "W", 600.0, 800.0)
    assert (fact.kind, fact.source, fact.date, fact.note) == ("vendor", "paper", "2025", "a, b")
    assert catalogue.get("x1").title == "Chip X1"
    assert catalogue.get("x1").family == "chip"


def test_several_files_of_one_family_join(tmp_path: Path) -> None:
    catalogue = catalogue_of(
        tmp_path,
        chip__csv="x1,power_w,700,W,,,vendor,paper,,\n",
        chip_more__csv="x1,clock_hz,1e9,Hz,,,vendor,paper,,\n",
    )
    assert set(catalogue.get("x1").facts) == {"power_w", "clock_hz"}
    assert catalogue.families() == ("chip",)


def test_tables_hold_no_facts(tmp_path: Path) -> None:
    folder_of(tmp_path, chip__csv="x1,power_w,700,W,,,vendor,paper,,\n")
    (tmp_path / "table-any.csv").write_text("a,b\n1,2\n")
    assert list(read_catalogue(tmp_path).entries) == ["x1"]


def test_sources_of_several_files_join(tmp_path: Path) -> None:
    folder_of(tmp_path, chip__csv="x1,power_w,700,W,,,vendor,paper,,\n")
    (tmp_path / "sources-more.toml").write_text(SOURCES.replace("paper]", "report]"))
    assert set(read_catalogue(tmp_path).sources) == {"paper", "report"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x1,power_w,700,W,,,vendor,paper,\n", r"chip.csv:2: 9 cells, must be 10"),
        ("x1,power_w,,W,,,vendor,paper,,\n", r"power_w has no value"),
        ("x1,power_w,700,W,,,guessed,paper,,\n", r"kind 'guessed', must be one of measured, vendor"),
        ("x1,power_w,nan,W,,,vendor,paper,,\n", r"power_w is NaN"),
        ("x1,power_w,700,W,750,,vendor,paper,,\n", r"low 750 <= value 700 <= high - does not hold"),
        ("x1,power_w,700,W,,many,vendor,paper,,\n", r"low or high 'many' is not a number"),
        ("x1,cooling,air,,1,2,vendor,paper,,\n", r"'air' is a word and can have no low or high"),
        ("x1,a_w,1,W,,,vendor,paper,,\nx1,a_w,2,W,,,vendor,paper,,\n", r"chip.csv:3: x1.a_w is given twice"),
        ("x1,aliases,y1,,,,,,,\ny1,a_w,1,W,,,vendor,paper,,\n", r"alias y1 of x1 is the name of y1 already"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        catalogue_of(tmp_path, chip__csv=rows)


def test_a_key_belongs_to_one_family(tmp_path: Path) -> None:
    row = "x1,power_w,700,W,,,vendor,paper,,\n"
    with pytest.raises(CatalogueError, match="x1 is in family chip already"):
        catalogue_of(tmp_path, chip__csv=row, system__csv=row)


def test_wrong_header(tmp_path: Path) -> None:
    (tmp_path / "chip.csv").write_text("key,value\nx1,2\n")
    with pytest.raises(CatalogueError, match=r"chip\.csv: first line must be key,field,value"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[paper\n", "sources.toml: not valid TOML"),
        ('[paper]\ntitle = "A"\n', "paper: missing text field publisher, date, url"),
    ],
)
def test_malformed_sources(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sources.toml").write_text(text)
    with pytest.raises(CatalogueError, match=message):
        read_catalogue(tmp_path)


def test_a_source_is_defined_once(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(SOURCES)
    (tmp_path / "sources-b.toml").write_text(SOURCES.replace("A paper", "Another"))
    with pytest.raises(CatalogueError, match="source paper is defined twice"):
        read_catalogue(tmp_path)


def test_hash_follows_content(tmp_path: Path) -> None:
    before = catalogue_of(tmp_path, chip__csv="x1,power_w,700,W,,,vendor,paper,,\n").content_hash()
    assert read_catalogue(tmp_path).content_hash() == before
    after = catalogue_of(tmp_path, chip__csv="x1,power_w,701,W,,,vendor,paper,,\n").content_hash()
    assert after != before
    assert len(after) == 64
