"""What is written is whole, and nothing that we did not write is ever replaced."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from megawatt import writing
from megawatt.errors import MachineError, MegawattError, ScenarioError
from megawatt.ours import differences
from megawatt.writing import check_folder, check_text, write_folder, write_text

ABOUT = {"megawatt": "test"}


def run(target: Path, text: str = "1", **how: bool) -> Path:
    return write_folder(target, {"a.txt": text, "b.bin": text.encode() * 3}, ABOUT, **how)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def tree(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder: contents of files, targets of links, folders."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        content = str(path.readlink()) if path.is_symlink() else "folder" if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(folder))] = content
    return found


def test_a_run_is_whole_and_replaced_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "site"
    for text in ("old", "new"):
        assert run(target, text) == target
        assert differences(target) == ([], [])
        assert (target / "a.txt").read_text() == text
    assert sorted(p.name for p in target.parent.iterdir()) == ["site"]
    assert json.loads((target / "manifest.json").read_text())["megawatt"] == "test"


def _note(target: Path) -> None:
    run(target)
    (target / "notes.txt").write_text("mine")


def _git(target: Path) -> None:
    run(target)
    (target / ".git").mkdir()
    (target / ".git" / "HEAD").write_text("ref")


def _edited(target: Path) -> None:
    run(target)
    (target / "a.txt").write_text("edited")


def _edited_manifest(target: Path) -> None:
    run(target)
    manifest = target / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"test"', '"mine"'))


def _no_manifest(target: Path) -> None:
    target.mkdir()
    (target / "thesis.txt").write_text("mine")


def _web_manifest(target: Path) -> None:
    target.mkdir()
    (target / "manifest.json").write_text('{"megawatt": "1", "files": {}}')


def _file(target: Path) -> None:
    target.write_text("mine")


def _link_to_run(target: Path) -> None:
    run(target.with_name("elsewhere"))
    target.symlink_to("elsewhere")


def _dangling(target: Path) -> None:
    target.symlink_to("nowhere")


def _link_inside(target: Path) -> None:
    run(target)
    (target / "a.txt").unlink()
    (target / "a.txt").symlink_to(target.with_name("precious"))
    target.with_name("precious").write_text("1")


def _fifo(target: Path) -> None:
    os.mkfifo(target)


_FOREIGN = [
    _note, _git, _edited, _edited_manifest, _no_manifest, _web_manifest, _file, _link_to_run, _dangling, _link_inside,
]  # fmt: skip


@pytest.mark.parametrize("make", _FOREIGN, ids=lambda make: make.__name__.strip("_"))
def test_a_folder_that_is_not_ours_stays_and_keep_numbers_runs(tmp_path: Path, make: object) -> None:
    target = tmp_path / "site"
    make(target)  # type: ignore[operator]
    before = tree(tmp_path)
    for attempt in (check_folder, run):
        with pytest.raises(ScenarioError) as caught:
            attempt(target)
        assert caught.value.exit_code == 2
        (problem,) = caught.value.problems
        assert problem.path == str(target)
        assert problem.found
        assert problem.allowed
        assert "--keep" in problem.hint
    assert tree(tmp_path) == before
    assert run(target, keep=True) == tmp_path / "site-2"
    assert run(target, keep=True) == tmp_path / "site-3"
    assert {name: tree(tmp_path)[name] for name in before} == before


@pytest.mark.parametrize("make", [_note, _git, _edited])
def test_the_foreign_file_is_named(tmp_path: Path, make: object) -> None:
    make(tmp_path / "site")  # type: ignore[operator]
    name = {"_note": "notes.txt", "_git": ".git", "_edited": "a.txt"}[make.__name__]  # type: ignore[attr-defined]
    with pytest.raises(ScenarioError) as caught:
        check_folder(tmp_path / "site")
    assert repr(name) in caught.value.problems[0].found


def test_an_empty_folder_and_a_run_with_files_missing_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    run(tmp_path / "site")
    (tmp_path / "site" / "b.bin").unlink()
    run(tmp_path / "site", "2")
    assert differences(tmp_path / "site") == ([], [])


def test_what_comes_in_between_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "site"
    run(target)
    monkeypatch.setattr(writing, "_flush", lambda path: (target / "notes.txt").write_text("mine"))
    with pytest.raises(ScenarioError):
        run(target, "2")
    assert (target / "notes.txt").read_text() == "mine"
    assert (target / "a.txt").read_text() == "1"
    assert names(tmp_path) == ["site"]


def test_others_files_of_names_like_ours_stay(tmp_path: Path) -> None:
    for name in (".site.1.new", ".site.old", ".megawatt-mine", ".megawatt-marked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes").write_text("mine")
    (tmp_path / ".megawatt-marked" / "mark").write_text("{}")
    (tmp_path / ".megawatt-file").write_text("mine")
    before = tree(tmp_path)
    for _ in range(2):
        run(tmp_path / "site")
    after = tree(tmp_path)
    assert {name: after[name] for name in before} == before


def test_files_are_added_to_a_folder_of_ours(tmp_path: Path) -> None:
    write_folder(tmp_path / "t", {"a": "1", "b": "1"}, ABOUT)
    write_folder(tmp_path / "t", {"b": "2", "c": "2"}, ABOUT, add=True)
    assert [(tmp_path / "t" / n).read_text() for n in "abc"] == ["1", "2", "2"]
    assert differences(tmp_path / "t") == ([], [])


@pytest.mark.parametrize("text", ["<html>x</html>", '{"a": 1}'])
def test_a_file_of_ours_is_replaced_and_an_edited_one_is_not(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out"
    write_text(path, text)
    write_text(path, text.replace("1", "2"))
    path.write_text(path.read_text() + " ")
    before = tree(tmp_path)
    for attempt in (lambda: check_text(path), lambda: write_text(path, text)):
        with pytest.raises(ScenarioError) as caught:
            attempt()
        assert "--force" in caught.value.problems[0].hint
    assert tree(tmp_path) == before
    check_text(path, force=True)
    write_text(path, text, force=True)
    check_text(path)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("make", [_dangling, _link_to_run, _fifo, _no_manifest, _note])
def test_links_folders_and_devices_are_not_replaced_by_a_file_even_with_force(tmp_path: Path, make: object) -> None:
    target = tmp_path / "out"
    make(target)  # type: ignore[operator]
    before = names(tmp_path)
    for attempt in (lambda: check_text(target, force=True), lambda: write_text(target, "<a>", force=True)):
        with pytest.raises(ScenarioError):
            attempt()
    assert names(tmp_path) == before


def test_a_file_for_the_user_to_edit_is_never_ours_to_replace(tmp_path: Path) -> None:
    write_text(tmp_path / "site.toml", "format = 1\n", seal=False)
    with pytest.raises(ScenarioError):
        write_text(tmp_path / "site.toml", "format = 1\n", seal=False)


@pytest.mark.parametrize("name", ["x" * 256, "a\0b", "none/x", "file/x"])
def test_a_wrong_path_is_the_users_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("1")
    for attempt in (lambda: check_text(tmp_path / name), lambda: write_text(tmp_path / name, "<a>")):
        with pytest.raises(ScenarioError) as caught:
            attempt()
        assert caught.value.problems[0].allowed
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
def test_a_place_that_cannot_be_written_is_the_machines_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    for attempt in (check_folder, run, check_text, lambda path: write_text(path, "<a>")):
        with pytest.raises(MachineError, match="not written") as caught:
            attempt(tmp_path / "site")
        assert caught.value.exit_code == 7
        assert str(error.strerror) in caught.value.problems[0].found
    assert names(tmp_path) == []


def test_an_error_inside_keeps_the_old_folder(tmp_path: Path) -> None:
    def stop_halfway(path: Path) -> None:
        raise RuntimeError("halfway")

    run(tmp_path / "site", "old")
    with pytest.raises(RuntimeError, match="halfway"):
        write_folder(tmp_path / "site", {"a.txt": "new", "c": stop_halfway}, ABOUT)
    assert (tmp_path / "site" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["site"]


def test_without_the_system_call_names_change_by_way_of_a_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(writing, "_rename", missing)
    for text in ("old", "new"):
        run(tmp_path / "site", text)
    assert run(tmp_path / "site", "third", keep=True) == tmp_path / "site-2"
    _note(tmp_path / "other")
    before = tree(tmp_path)
    with pytest.raises(MegawattError):
        run(tmp_path / "other")
    assert tree(tmp_path) == before
    assert (tmp_path / "site" / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["other", "site", "site-2"]


def test_a_folder_moved_aside_by_a_killed_run_goes_back(tmp_path: Path) -> None:
    run(tmp_path / "site", "old")
    left = tmp_path / ".megawatt-left"
    left.mkdir()
    (left / "mark").write_text(json.dumps({"megawatt": "scratch folder of megawatt", "for": "site"}))
    (tmp_path / "site").rename(left / "old")
    run(tmp_path / "other")
    assert (tmp_path / "site" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["other", "site"]
