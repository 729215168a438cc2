"""Whatever the documentation shows runs, or is read by the parser that would read it."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tools import snippets


@pytest.mark.parametrize("page", snippets.pages(), ids=lambda page: page.name)
def test_a_page_shows_what_runs(page: Path) -> None:
    assert not snippets.wrong(page)


def test_a_wrong_snippet_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\n>>> 1 + 1\n3\n>>> 100 * 1.01\n100\n```\n```toml\na = \n```\n```\nmegawatt plan --sett a=1 x\n```\n"
    )
    found = snippets.wrong(page)
    assert [line.split(":")[1] for line in found] == ["2", "8", "11"]
    assert "no such option" in found[2].lower()
    page.write_text(snippets.anew(page))
    assert len(snippets.wrong(page)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted((snippets.ROOT / "docs/start").glob("*.md")), ids=lambda page: page.stem)
def test_the_first_five_minutes_run(page: Path, tmp_path: Path) -> None:
    assert not snippets.failed(page, tmp_path)


def test_a_command_that_fails_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\nmegawatt show trn3\nmegawatt check nothing.toml\n```\n")
    (found,) = snippets.failed(page, tmp_path)
    assert found.startswith("page.md:3: exit ")


LESSONS = sorted((snippets.ROOT / "docs/lessons").glob("*.ipynb"))
GALLERY = sorted((snippets.ROOT / "examples/gallery").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(snippets.ROOT)}})
    manager = client.create_kernel_manager()
    manager.kernel_spec.argv = kernel
    client.execute()
    assert "<svg" in str(notebook.cells)


def test_there_are_six_lessons() -> None:
    assert len(LESSONS) == 6


@pytest.mark.parametrize("script", GALLERY, ids=lambda path: path.stem)
def test_a_picture_of_the_gallery_is_what_its_script_draws(script: Path, tmp_path: Path) -> None:
    runpy.run_path(str(script))["main"](tmp_path)
    drawn = (tmp_path / f"{script.stem}.svg").read_text("utf-8")
    kept = (snippets.ROOT / "docs/img/gallery" / f"{script.stem}.svg").read_text("utf-8")
    words = [re.findall(r"<text[^>]*>([^<]*[a-z][^<]*)</text>", svg) for svg in (drawn, kept)]
    assert snippets.same(" ".join(words[1]), " ".join(words[0]))


@pytest.mark.slow
def test_the_site_builds_without_a_warning_or_a_word_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        command, cwd=snippets.ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(https?:[^\"]+)", page.read_text("utf-8"))
        assert not [address for address in loaded if "canonical" not in address], page.name
    commands = (tmp_path / "site" / "reference" / "commands.html").read_text("utf-8")
    assert "megawatt runs diff" in commands
