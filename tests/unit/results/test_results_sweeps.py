"""Sweeps: axes, points, and a folder that is the same whoever computes it."""

import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.chain.sweep import axis_of, points_of, value_points
from megawatt.errors import ScenarioError
from megawatt.results import sweeps
from megawatt.results.sweeps import list_runs, query_runs, run_sweep

EXAMPLES = Path(__file__).parents[3] / "examples"
OVER = ("power.price_scale=0.5..1.5:0.5", "site.grid_mw=100,0")


def test_axes_are_read_as_they_are_written() -> None:
    assert axis_of("site.grid_mw=100..500:50").values == (100, 150, 200, 250, 300, 350, 400, 450, 500)
    assert axis_of("a.b=0..0.3:0.1").values == (0, 0.1, 0.2, 0.3)
    assert axis_of("site.place=childress-tx,abilene-tx").values == ("childress-tx", "abilene-tx")
    assert axis_of("a.b=1..2").ends == (1.0, 2.0)
    points = points_of([axis_of("a.b=1,2"), axis_of("c=x,y,z")], 0, 0)
    assert len(points) == 6
    assert points[0] == (1, "x")


@pytest.mark.parametrize(
    "text", ["", "a", "a=", "=1", "a=2..1:1", "a=0..1:0", "a=0..1:-1", "a=0..1e9:1e-9", "a=1..1e999:1"]
)
def test_an_axis_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match="--over"):
        axis_of(text)


def test_a_grid_needs_steps_and_paths_once() -> None:
    with pytest.raises(ScenarioError, match="--over"):
        points_of([axis_of("a=0..1")], 0, 0)
    with pytest.raises(ScenarioError, match="--over"):
        points_of([axis_of("a=1"), axis_of("a=2")], 0, 0)


@given(st.integers(1, 50), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_a_latin_hypercube_takes_every_stratum_once(count: int, seed: int) -> None:
    points = points_of([axis_of("a=0..1"), axis_of("b=-5..5"), axis_of("c=x,y")], count, seed)
    assert sorted(min(int(a * count), count - 1) for a, _, _ in points) == list(range(count))
    assert sorted(min(int((b + 5.0) / 10.0 * count), count - 1) for _, b, _ in points) == list(range(count))
    assert abs(sum(c == "x" for *_, c in points) - count / 2) <= 1.0
    assert points == points_of([axis_of("a=0..1"), axis_of("b=-5..5"), axis_of("c=x,y")], count, seed)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_sweep_is_the_same_whoever_computes_it_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "_CHUNK", 2)
    file, catalogue, axes = EXAMPLES / "childress-bitcoin.toml", load_catalogue(), [axis_of(text) for text in OVER]
    one = tmp_path / "one"
    assert run_sweep(file, catalogue, axes, one) == (6, 6)
    assert run_sweep(file, catalogue, axes, one) == (6, 0)
    stopped = tmp_path / "stopped"
    shutil.copytree(one, stopped)
    (stopped / "part-000001.parquet").unlink()
    assert run_sweep(file, catalogue, axes, stopped) == (6, 2)
    assert _bytes(stopped) == _bytes(one)
    assert run_sweep(file, catalogue, axes, tmp_path / "two", workers=2) == (6, 6)
    assert _bytes(tmp_path / "two") == _bytes(one)
    with pytest.raises(ScenarioError, match="another sweep"):
        run_sweep(file, catalogue, axes[:1], one)
    names, rows = query_runs(tmp_path, "SELECT point, value_usd FROM one WHERE refused = '' ORDER BY point")
    assert names == ["point", "value_usd"]
    assert [point for point, _ in rows] == [0, 2, 4], "a connection of 0 MW is refused and says why"
    assert rows[0][1] > rows[1][1] > rows[2][1], "dearer power is worth less"
    assert query_runs(tmp_path, "SELECT count(*) FROM one WHERE refused LIKE '%grid_mw%'")[1] == [(3,)]
    assert {row["name"] for row in list_runs(tmp_path)} == {"one", "stopped", "two"}
    with pytest.raises(ScenarioError, match="runs query"):
        query_runs(tmp_path, "SELECT * FROM read_csv('/etc/hostname')")


def test_a_mixed_point_is_the_same_beside_other_points(tmp_path: Path) -> None:
    """What a point has in common with the one before is not computed again, and the figures are those without it."""
    parts = "".join(
        f"[[parts]]\nscenario = '{EXAMPLES / name}.toml'\n" for name in ("childress-gb300", "childress-bitcoin")
    )
    file = tmp_path / "site.toml"
    file.write_text(f"format = 1\nname = 'm'\ntitle = 't'\ngrid_mw = 300\n{parts}", encoding="utf-8")
    paths, catalogue = ["grid_mw", "parts.1.scale", "power.price_scale"], load_catalogue()
    points = [(300.0, 0.5, 1.0), (260.0, 0.5, 1.0), (260.0, 0.3, 1.4)]
    together = value_points(file, catalogue, paths, points, 0)
    alone = value_points(file, catalogue, paths, points[2:], 2)
    assert [repr(row) for row in together if row["point"] == 2] == [repr(row) for row in alone]
    assert len({row["value_usd"] for row in together if row["use"] == "site"}) == 3


@pytest.mark.parametrize("over", ["power.nope=1,2", "power.price_scale=nan..1:0.1", "power.price_scale=-1,-2"])
def test_a_sweep_without_one_scenario_is_refused_before_anything_is_written(tmp_path: Path, over: str) -> None:
    with pytest.raises(ScenarioError, match="1 problem"):
        run_sweep(EXAMPLES / "childress-bitcoin.toml", load_catalogue(), [axis_of(over)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "sql", ["", ";", "SELECT 1 a, 2 a", "SELECT * FROM range(1000001)", "COPY (SELECT 1) TO 'x.csv'", "ATTACH 'x.db'"]
)
def test_a_question_that_has_no_rows_too_many_or_writes_is_refused(tmp_path: Path, sql: str) -> None:
    with pytest.raises(ScenarioError, match="runs query"):
        query_runs(tmp_path, sql)


def test_cells_of_every_type_are_plain(tmp_path: Path) -> None:
    assert query_runs(tmp_path, "SELECT 'x'::blob, DATE '2026-01-02', [1.5], NULL")[1] == [
        ("78", "2026-01-02", [1.5], None)
    ]


def test_a_broken_file_of_a_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "manifest.json").write_text('{"sweep": "x", "files": {}}')
    (tmp_path / "one" / "part-000000.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ScenarioError, match="one"):
        query_runs(tmp_path, "SELECT 1")


def test_tables_with_a_hyphen_are_named_as_a_question_says_them(tmp_path: Path) -> None:
    for name in ("one", "my-run"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
        duckdb.execute(f"COPY (SELECT 1 AS x) TO '{tmp_path / name}/monthly.parquet' (FORMAT parquet)")
    with pytest.raises(ScenarioError, match='SQL over "my-run_monthly", one_monthly'):
        query_runs(tmp_path, "SELECT * FROM my-run_monthly")
    assert query_runs(tmp_path, 'SELECT x FROM "my-run_monthly"')[1] == [(1,)]
