"""What cannot be read is refused with file and reason: never a traceback, a hang or gigabytes."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import megawatt
from megawatt.errors import ScenarioError
from megawatt.files import (
    TOML_MARKS,
    parquet_columns,
    parquet_names,
    parse_json,
    parse_toml_value,
    read_bytes,
    read_json,
    read_rows,
    read_table,
    read_text,
    read_toml,
)
from megawatt.tariff.sheet import KINDS_OF_LINE

PACKAGE = Path(megawatt.__file__).parent
_FREE = ("files", "calibration/measure.py")  # measure.py turns rows that it wrote itself into Parquet


def _readers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if any(f"{name}(" in node.value for name in ("read_parquet", "read_csv", "read_json", "parquet_metadata")):
                yield node.lineno, node.value[:40]
            continue
        if not isinstance(node, ast.Call):
            continue
        target = node.func
        name = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
        owner = target.value.id if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) else ""
        words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name in ("read_text", "read_bytes") and owner:
            yield node.lineno, name
        if owner in ("json", "tomllib", "pickle") and name in ("load", "loads"):
            yield node.lineno, f"{owner}.{name}"
        if owner == "csv" and name in ("reader", "DictReader"):
            yield node.lineno, f"csv.{name}"
        if owner in ("np", "numpy") and name in ("load", "loadtxt", "genfromtxt", "fromfile"):
            yield node.lineno, f"numpy.{name}"
        if name == "open" and owner != "os" and not any(set(w) & set("wxa") for w in words):
            reads = not isinstance(target, ast.Attribute) or not node.args or words
            if reads:
                yield node.lineno, "open"


def test_no_file_is_read_anywhere_else() -> None:
    found = []
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).as_posix()
        if not place.startswith(_FREE):
            found += [f"{place}:{line} {what}" for line, what in _readers(ast.parse(file.read_text(encoding="utf-8")))]
    assert not found, found


@pytest.mark.parametrize("code", ["open(p)", "p.open('r')", "p.read_text()", "json.loads(t)", "csv.DictReader(f)"])
def test_the_search_for_readers_finds_them(code: str) -> None:
    assert list(_readers(ast.parse(code)))


def _message(reader: object, *args: object) -> str:
    with pytest.raises(ScenarioError) as caught:
        reader(*args)  # type: ignore[operator]
    return str(caught.value)


def _file(tmp_path: Path, content: bytes, name: str = "f.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_only_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe" in _message(read_toml, tmp_path / "pipe")
    assert "is a folder" in _message(read_json, tmp_path)
    assert "is a device" in _message(read_table, Path("/dev/zero"))
    assert "is a device" in _message(parquet_names, Path("/dev/zero"))
    assert "no such file" in _message(read_text, tmp_path / "none")
    assert "NUL character" in _message(read_toml, Path("a\0b"))
    assert "cannot be read" in _message(read_toml, tmp_path / ("x" * 5000))


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    _file(tmp_path, b"", "prices.csv")
    with pytest.raises(ScenarioError) as caught:
        read_table(tmp_path / "price.csv")
    assert "prices.csv" in caught.value.problems[0].hint


def test_size_is_looked_at_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    with path.open("wb") as file:
        file.truncate(50 * 2**30)
    for reader in (read_toml, read_json, read_table, parquet_columns):
        assert "MiB" in _message(reader, path)
    with pytest.raises(ScenarioError, match="at most 0 MiB"):
        read_bytes(path, 10, "ten bytes")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marks_decide_the_encoding(tmp_path: Path, encoding: str) -> None:
    for name, text in (("a.toml", 'v = "é"\n'), ("a.json", '{"v": "é"}'), ("a.csv", "v\né\n")):
        (tmp_path / name).write_bytes(text.encode(encoding))
    assert read_toml(tmp_path / "a.toml")[0] == {"v": "é"}
    assert read_json(tmp_path / "a.json") == {"v": "é"}
    assert read_table(tmp_path / "a.csv", ["v"]).rows[0]["v"] == "é"


def test_tables_may_be_in_the_western_code_page_and_settings_may_not(tmp_path: Path) -> None:
    assert read_table(_file(tmp_path, b"v\ncaf\xe9 \x80\n")).rows[0]["v"] == "café €"
    assert ":2: bytes that are no UTF-8" in _message(read_toml, _file(tmp_path, b"a = 1\nb = '\xe9'\n"))
    assert "a NUL character" in _message(read_table, _file(tmp_path, b"v\n1\0\n"))
    assert "NUL" in _message(read_table, _file(tmp_path, "v\n1\n".encode("utf-16-le")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": {"b": [1, NaN]}}', "a.b[1]: no finite number"),
        ('{"a": -Infinity}', "a: no finite number"),
        ('{"a": 1e999}', "a: no finite number"),
        ('{"a": 1' + "0" * 400 + "}", "a: no finite number"),
        ('{"a": 1' + "0" * 9000 + "}", "a: no finite number"),
        ('{"a": 1, "a": 2}', "key 'a' stands twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested too deeply"),
        ('{"a": "\\ud800"}', "whole Unicode"),
        ('{"a":\n 1,}', ":2: not valid JSON"),
        ("", "not valid JSON"),
    ],
)
def test_json_is_strict(text: str, message: str) -> None:
    assert message in _message(parse_json, text, "f")


def test_json_of_another_kind_is_named(tmp_path: Path) -> None:
    assert "holds a list" in _message(read_json, _file(tmp_path, b"[1, 2]"))


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = 1" + "0" * 5000, "a = 1\na = 2\n", "= 1", "a = '\x00'"])
def test_toml_is_strict(tmp_path: Path, text: str) -> None:
    assert "f.csv" in _message(read_toml, _file(tmp_path, text.encode()))


def test_a_setting_is_one_value_on_one_line() -> None:
    assert parse_toml_value("0x10") == 16
    assert parse_toml_value("ercot-hub") == "ercot-hub"
    assert parse_toml_value("1" * 5000) == "1" * 5000
    assert "more than one line" in _message(parse_toml_value, "1\nb = 2")
    assert "nested too deeply" in _message(parse_toml_value, "[" * 5000)


def test_rows_know_their_lines_and_short_ones_are_empty(tmp_path: Path) -> None:
    table = read_table(_file(tmp_path, b'a,b\n\n1,"x\ny"\n2\n'), ["a", "b"])
    assert [(row.line, row["a"], row["b"]) for row in table.rows] == [(4, "1", "x\ny"), (5, "2", "")]
    assert ":5: b: ''" in _message(table.rows[1].number, "b")


@pytest.mark.parametrize("cell", ["nan", "inf", "1e999", "1_0", "²", "٣", "0x1", "--1", "1 2", "", "1" * 400, "1;2"])
def test_cells_that_are_no_number_name_file_line_and_column(tmp_path: Path, cell: str) -> None:
    row = read_table(_file(tmp_path, f"a,b\n{cell},0\n".encode())).rows[0]
    assert "f.csv:2: a: " in _message(row.number, "a")
    assert row.optional("a") is None


def test_semicolons_come_with_decimal_commas(tmp_path: Path) -> None:
    rows = read_table(_file(tmp_path, b"a;b\n1,5;-2\n")).rows
    assert (rows[0].number("a"), rows[0].number("b")) == (1.5, -2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a,b\n1,2,3\n", ":2: 3 cells under 2 columns"),
        (b"a,a\n1,2\n", "column a stands twice"),
        (b"b\n1\n", "no column a; columns: b"),
        (b"", "no column a; columns: none"),
        (b'a\n"' + b"x" * 200_000, "no CSV"),
        (b"," * 3000, "a table too large"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: bytes, message: str) -> None:
    assert message in _message(read_table, _file(tmp_path, text), ["a"])


def test_too_many_cells_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("megawatt.files.table._MOST_CELLS", 100)
    assert "a table too large" in _message(read_rows, _file(tmp_path, b"a,b\n" * 60))


def _parquet(path: Path, query: str) -> Path:
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def test_a_small_parquet_of_many_rows_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "bomb.parquet", "SELECT 1 AS m, 'a' AS stack FROM range(20000000)")
    assert path.stat().st_size < 2**20
    assert "20,000,000 rows" in _message(parquet_columns, path)


def test_long_text_in_a_parquet_is_refused(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "text.parquet", "SELECT repeat('x', 1000000) AS stack FROM range(400)")
    assert "MiB of text" in _message(parquet_columns, path)


@pytest.mark.parametrize("column", ["[1, 2]", "{'a': 1}", "'a'::BLOB", "MAP {'a': 1}"])
def test_columns_that_are_no_numbers_words_or_dates(tmp_path: Path, column: str) -> None:
    path = _parquet(tmp_path / "nested.parquet", f"SELECT {column} AS stack")
    assert "column stack" in _message(parquet_columns, path)


@pytest.mark.parametrize("content", [b"PAR1xx", b"", b"PAR1" + b"\0" * 100 + b"PAR1", b"hello"])
def test_files_that_are_no_parquet(tmp_path: Path, content: bytes) -> None:
    assert "cannot be read" in _message(parquet_names, _file(tmp_path, content, "f.parquet"))


def test_wildcards_in_a_path_are_letters(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet", "[ab]*.parquet"):
        _parquet(tmp_path / name, f"SELECT '{name}' AS word")
    assert list(parquet_columns(tmp_path / "[ab]*.parquet")["word"]) == ["[ab]*.parquet"]


def test_a_missing_file_names_the_nearest_in_its_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("")
    with pytest.raises(ScenarioError) as caught:
        read_toml(tmp_path / "minee.toml", "a model file")
    (line,) = caught.value.lines()
    assert line.endswith(f"allowed: a readable file: a model file (did you mean {tmp_path / 'mine.toml'}?)")


def test_a_line_that_is_not_toml_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"f\.toml:2: not TOML") as caught:
        read_toml(_file(tmp_path, b"a = 1\nb\n", "f.toml"))
    assert len(caught.value.lines()) == 1


@pytest.mark.parametrize(
    ("text", "kinds", "other"),
    [
        ("demand = [{ per_kw_month = 3 }]", ("scenario", "comparison", "mix"), "tariff"),
        ("format = 1\nuse = 'mining'\n[site]\n[debt]", ("model",), "scenario"),
        ("format = 1\nname = 'm'\nlike = 'hgx-h100'", ("model",), "machine"),
        ("[model]\nlayers = 4", ("machine",), "model"),
        ("format = 1\n[debt]\n[capex]", ("scenario",), ""),
        ("[tariff]\n[[tariff.demand]]", ("tariff",), ""),
        ("nothing = 'known'", ("scenario",), ""),
    ],
)
def test_a_file_of_another_kind_is_one_problem(tmp_path: Path, text: str, kinds: tuple[str, ...], other: str) -> None:
    """What may be of the kind that is asked for is read, and its own problems are told."""
    file = _file(tmp_path, text.encode(), "f.toml")
    if not other:
        assert read_toml(file, "x", kinds)[0]
        return
    with pytest.raises(ScenarioError, match=rf"a file of another kind \({other}\); allowed: x \(megawatt show"):
        read_toml(file, "x", kinds)


def test_a_tariff_is_told_by_each_kind_of_its_lines() -> None:
    assert set(KINDS_OF_LINE) < TOML_MARKS["tariff"]
