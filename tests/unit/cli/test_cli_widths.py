"""What commands print fits the terminal: no line is longer, no cell is cut, no number goes on in the next line."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import main
from megawatt.cli.tables import print_table
from tests.e2e.scenarios import small

WIDTHS = (60, 80, 120)

_COMMANDS: dict[str, tuple[str, ...]] = {
    "catalogue list": ("catalogue", "list"),
    "catalogue list places": ("catalogue", "list", "places"),
    "catalogue sources": ("catalogue", "sources"),
    "show scenario": ("show", "SCENARIO"),
    "show with sources": ("show", "hgx-h100", "--sources"),
    "train": ("train", "llama-2-7b", "--system", "hgx-h100", "--chips", "64", "--batch", "256"),
    "serve": ("serve", "llama-3.1-8b", "--system", "hgx-h200", "--chips", "8", "--price", "3", "--simulate", "20"),
    "serve apart": ("serve", "llama-3.1-8b", "--system", "h200", "--chips", "16", "--divided", "--rate", "9"),
    "train one": ("train", "llama-2-7b", "--system", "h100", "--chips", "8", "--batch", "64", "--layout", "tp=8,pp=1"),
    "train sweep": ("train", "llama-2-7b", "--system", "h100", "--chips", "8..64", "--batch", "64", "--target-s", "1"),
    "compare": ("compare", "llama-2-7b", "--systems", "h100,trn3-gen2-ultraserver", "--chips", "64", "--batch", "64"),
    "hall": ("hall", "dublin"),
    "hall water": ("hall", "dublin", "--grid-mw", "120", "--grid-water", "1.5", "--water-price", "2", "--power-price",
                   "60", "--it-value", "200"),
    "hall screen": ("hall", "dublin", "--screen", "water"),
    "dispatch": ("dispatch", "MINE", "--foresight", "--battery", "20:40"),
    "plan": ("plan", "SCENARIO", "--out", "OUT"),
    "calibrate": ("calibrate", "kernels", "KERNELS", "--out", "OUT"),
    "validate": ("validate", "CURVES"),
}  # fmt: skip
_SLOW = ("compare", "dispatch", "plan", "train sweep")
"""Computed for one width only."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    from megawatt.calibration.measure import write_tables

    folder = tmp_path_factory.mktemp("w")
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    rows = [
        {"accelerator": "h100-sxm", "stack": "mine_1", "dtype": "bf16", "latency_ms": 0.01 * k}
        | {"m": 64.0 * k, "n": 4096.0, "k": 4096.0}
        for k in range(1, 40)
    ]
    (kernels,) = write_tables({"gemm": rows}, folder / "k")
    curves = folder / "curves.csv"
    curves.write_text(
        "accelerator,kernel,pass,head_dim,causal,seq_len,tflops,source\n"
        + "".join(f"h100-sxm,fa3,fwd,128,1,{2**n},{300 + 30 * n},here\n" for n in range(9, 15))
    )
    return {
        "SCENARIO": str(small(folder / "a", "childress-gb300")),
        "MINE": str(small(folder / "b", "childress-bitcoin")),
        "KERNELS": str(kernels),
        "CURVES": str(curves),
    }


def printed(capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch, width: int, words: list[str]) -> str:
    patch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit) as end:
        main(words)
    out, err = capsys.readouterr()
    assert end.value.code in (0, None), err
    return out


def _too_long(text: str, width: int) -> list[str]:
    """Lines beyond the width, but for a path or an address that stands alone: whoever copies it wants it whole."""
    return [
        line for line in text.splitlines() if len(line) > width and not re.fullmatch(r"\s*(\w+: )?[^ ]*/[^ ]*", line)
    ]


@pytest.mark.parametrize("command", _COMMANDS)
def test_no_line_is_longer_than_the_terminal_and_nothing_is_cut(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    files: dict[str, str],
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = files | {"OUT": "out"}
    words = [places.get(word, word) for word in _COMMANDS[command]]
    slow = command in _SLOW
    for width in (80,) if slow else WIDTHS:
        text = printed(capsys, monkeypatch, width, words)
        assert text.strip()
        assert _too_long(text, width) == []
        assert "\u2026" not in text
    if slow or command == "calibrate":
        return
    # A number in two lines would lose its place: every number of a wide terminal stands whole in the narrow ones.
    wide = re.findall(r"\d[\d.,]*\d", printed(capsys, monkeypatch, 1000, words))
    narrow = printed(capsys, monkeypatch, 60, words)
    assert [number for number in wide if number not in narrow] == []


def test_every_key_of_the_catalogue_is_shown_in_80_columns_and_in_strict_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = load_catalogue()
    for key, entry in catalogue.entries.items():
        text = printed(capsys, monkeypatch, 80, ["show", key])
        assert _too_long(text, 80) == [], key
        assert "\u2026" not in text, key
        assert all(name in text for name in entry.facts), key
        words = [f.value for f in entry.facts.values() if isinstance(f.value, str)]
        assert all(word in text or word in "".join(text.split()) for value in words for word in value.split()), key
        content = json.loads(printed(capsys, monkeypatch, 80, ["show", key, "--json"]), parse_constant=_refuse)
        (shown,) = content["results"]
        facts = next(s["lines"] for s in shown["sections"] if s["title"] == "facts")
        assert {line["name"] for line in facts} == set(entry.facts), key
        assert all(line["value"] is not None for line in facts), key


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def test_without_a_terminal_80_columns_are_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(capsys, monkeypatch, 80, ["hall", "dublin"])
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError))
    with pytest.raises(SystemExit):
        main(["hall", "dublin"])
    assert capsys.readouterr().out == text


def test_a_table_that_does_not_fit_becomes_blocks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("one", "1,234,567 m3", "a note of several words"), ("another", "", "short")]
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("name", "water", "note"), rows, fold="note")
    assert "1,234,567 m3  a note of several words" in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "28")
    print_table(("name", "water", "note"), rows, fold="note")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["one", "  water: 1,234,567 m3, note:", "  a note of several words", "another", "  note: short"]


def test_no_word_of_a_folded_column_is_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name = "hash-response.growth_per_year"
    print_table(("input", "from, to"), [(name, "150,030,000,000,000 to 162,050,000,000,000")], fold="input")
    assert name in capsys.readouterr().out
