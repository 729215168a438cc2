"""Whatever users and catalogues call things: it is text in every file that we make, and on the terminal."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from megawatt.calibration.measure import write_tables
from megawatt.catalogue import load_catalogue
from megawatt.cli.calibrate import calibrate
from megawatt.cli.output import console, safe
from megawatt.dispatch.trace import week_trace
from megawatt.report import render
from megawatt.results.parquet import read_columns, read_units
from megawatt.results.workbook.sheet import Book, Line, Scalar
from megawatt.writing import write_columns, write_text
from tests.report_sample import SOURCES, sample_comparison

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1-1",
    "{{ 7 * 7 }}",
    "[/bold] [link=http://x]x[/link] :bomb:",
    "\x1b[2J\x1b]0;owned\x07",
    "a\x00b\x0b\ufffe",
    "\u202egpj.exe",
    "'; DROP TABLE columns_; --",
    "x" * 5000,
]
IDS = [repr(text)[:24] for text in HOSTILE]


class _Tags(HTMLParser):
    """Elements and attributes of a page that could act."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.acts, self.tags = 0, [], 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        self.scripts += tag == "script"
        self.acts += [name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")]
        self.acts += [tag] if tag in ("iframe", "object", "embed", "base", "form") else []


def _read(page: str) -> _Tags:
    tags = _Tags()
    tags.feed(page)
    return tags


@pytest.mark.parametrize("text", HOSTILE, ids=IDS)
def test_a_report_gains_no_element_that_acts(text: str) -> None:
    sample = sample_comparison()
    uses = [
        replace(
            use,
            title=text,
            warnings=(text,),
            assumptions=tuple(replace(a, fact=replace(a.fact, note=text)) for a in use.assumptions),
        )
        for use in sample.uses
    ]
    named = {key: replace(source, title=text, url=f"javascript:{text}") for key, source in SOURCES.items()}
    plain = _read(render(sample, SOURCES))
    page = render(replace(sample, title=text, question=text, uses=tuple(uses)), named)
    found = _read(page)
    assert found.scripts == plain.scripts
    assert found.acts == plain.acts
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


@pytest.mark.parametrize("text", HOSTILE, ids=IDS)
def test_a_workbook_holds_it_as_text(tmp_path: Path, text: str) -> None:
    book = Book(3)
    book.add(
        "Inputs", text[:300], Scalar("a", text[:300], 1.0, text[:300], text[:300]), Line("b", "b", [1.0, 2.0, 3.0])
    )
    book.save(tmp_path / "x.xlsx", text[:200])
    with zipfile.ZipFile(io.BytesIO((tmp_path / "x.xlsx").read_bytes())) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    for name, data in parts.items():
        if name.endswith((".xml", ".rels")):
            ElementTree.fromstring(data)
    assert not any("externalLink" in name or "vba" in name for name in parts)
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    assert re.findall(r"<f>(.*?)</f>", sheet) == []
    assert "<hyperlink" not in sheet


@pytest.mark.parametrize("text", HOSTILE, ids=IDS)
def test_a_table_and_its_units_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    if "\x00" in text:
        text = text.replace("\x00", "")
    write_columns(tmp_path / "t.parquet", {"x": np.array([text])}, {"x": text[:100]})
    assert list(read_columns(tmp_path / "t.parquet")["x"]) == [text]
    assert read_units(tmp_path / "t.parquet") == {"x": text[:100]}


@pytest.mark.parametrize("text", HOSTILE, ids=IDS)
def test_a_trace_is_json_with_the_name_in_it(tmp_path: Path, text: str) -> None:
    flat = np.zeros(168)
    problem = SimpleNamespace(hours=168, price_usd_per_mwh=flat, firm_mw=flat)
    plan = SimpleNamespace(mw={text: flat}, bus_usd_per_mwh=flat)
    write_text(tmp_path / "trace", json.dumps(week_trace(problem, plan, 0)))  # type: ignore[arg-type]
    events = json.loads((tmp_path / "trace").read_text())["traceEvents"]
    assert f"{text} [MW]" in {e["name"] for e in events}


@pytest.mark.parametrize("text", HOSTILE, ids=IDS)
def test_a_terminal_gets_text(capsys: pytest.CaptureFixture[str], text: str) -> None:
    console(10_000).print(text)
    out = capsys.readouterr().out
    assert out == f"{safe(text)}\n"
    assert not set(out) & set("\x1b\x07\x00\x0b\u202e")


@pytest.mark.parametrize("source", [*HOSTILE[:5], "", " ", "-1", "a,b", 'a"b', "../x"])
def test_a_table_of_facts_takes_no_formula(tmp_path: Path, source: str) -> None:
    rows = [{"accelerator": "h100-sxm", "stack": "s", "dtype": "bf16", "latency_ms": 1.0, "m": 1.0, "n": 1.0, "k": 1.0}]
    (measured,) = write_tables({"gemm": rows}, tmp_path / "m")
    for option in ("--source", "--date"):
        words = ["kernels", str(measured), "--out", str(tmp_path / "out"), f"{option}={source or '='}"]
        assert CliRunner().invoke(calibrate, words).exit_code == 2
    assert not (tmp_path / "out").exists()
    assert load_catalogue()
