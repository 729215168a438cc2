"""Run what the documentation shows: ``python -m tools.snippets [FILE...]`` writes the outputs of its examples anew.

Python with prompts is run as a doctest whose numbers may differ by a tenth: small changes of a model leave a page as it
is, large ones do not. Commands are read by the parser of the command line, files in TOML and JSON by theirs.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import math
import re
import shlex
import sys
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>[a-z]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
_TOLERANCE = 0.1
"""Share by which a number of a page may differ from what is computed now."""
_WORDS = ("PATH", "FILE", "KEY", "NAME", "RUN", "...", "$(", "<", "*", "SCENARIO", "NUMBER", "FOLDER")
"""What stands in a command for something of the reader's."""


def pages() -> list[Path]:
    """Every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str, kind: str) -> Iterator[tuple[int, str]]:
    """Line and body of every fenced block of a kind."""
    for found in _FENCE.finditer(text):
        if found["kind"] == kind:
            body = "".join(line[len(found["indent"]) :] or "\n" for line in found["body"].splitlines(keepends=True))
            yield text.count("\n", 0, found.start()) + 2, body


def commands(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line and words of every whole command ``megawatt ...`` in code of a page."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced = not fenced if line.lstrip().startswith("```") else fenced
        shown = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
        if not shown.startswith("megawatt ") or not (fenced or line.startswith("    ")) or shown.endswith("\\"):
            continue
        try:
            words = shlex.split(re.split(r"\s+[|>&]+\s", shown)[0], comments=True)
        except ValueError:
            continue
        if not any(mark in word for word in words for mark in _WORDS):
            yield number, words[1:]


def same(wanted: str, got: str) -> bool:
    """Whether two outputs have the same words, and numbers within the tolerance."""
    if re.sub(r"\s+", " ", _NUMBER.sub("#", wanted)).strip() != re.sub(r"\s+", " ", _NUMBER.sub("#", got)).strip():
        return False
    pairs = zip(_NUMBER.findall(wanted), _NUMBER.findall(got), strict=True)
    return all(math.isclose(*(float(n.replace(",", "")) for n in pair), rel_tol=_TOLERANCE) for pair in pairs)


def outputs(body: str, names: dict[str, object]) -> Iterator[tuple[doctest.Example, str]]:
    """Every example of a block with what it prints now."""
    for example in doctest.DocTestParser().get_examples(body):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            try:
                exec(compile(example.source, "<snippet>", "single"), names)
            except Exception as error:
                said.write("".join(traceback.format_exception_only(error)))
        yield example, said.getvalue()


def wrong(page: Path) -> list[str]:
    """What of a page is not as it says, a line each."""
    text = page.read_text("utf-8")
    found, names = [], dict[str, object]()
    for line, body in blocks(text, "python"):
        if ">>> " not in body:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(body, f"{page}:{line}", "exec"), names)
        for example, got in outputs(body, names):
            if not same(example.want, got):
                found.append(f"{page.name}:{line + example.lineno}: {example.source}wanted {example.want}got {got}")
    for kind, read in (("toml", tomllib.loads), ("json", json.loads)):
        for line, body in blocks(text, kind):
            try:
                read(body)
            except ValueError as error:
                found.append(f"{page.name}:{line}: {error}")
    return found + [f"{page.name}:{line}: {why}" for line, words in commands(text) if (why := unread(words))]


def unread(words: list[str]) -> str:
    """Why the command line would not take a command; empty where it would. Files need not be there."""
    import click

    from megawatt.cli.entry import cli

    context, command = click.Context(cli, info_name="megawatt"), cli
    try:
        while isinstance(command, click.Group):
            if not words or words[0].startswith("-"):
                return ""
            _, command, words = command.resolve_command(context, words)  # type: ignore[assignment]
            context = click.Context(command, parent=context, info_name=command.name)
        command.make_context(command.name, list(words), parent=context)
    except click.exceptions.Exit:
        return ""
    except click.ClickException as error:
        return error.format_message()
    return ""


def failed(page: Path, folder: Path) -> list[str]:
    """The commands of a page that fail when they are run one after another in a folder beside the examples."""
    from click.testing import CliRunner

    from megawatt.cli.entry import cli

    if not (folder / "examples").exists():
        (folder / "examples").symlink_to(ROOT / "examples")
    found = []
    with contextlib.chdir(folder):
        for line, words in commands(page.read_text("utf-8")):
            result = CliRunner().invoke(cli, words)
            if result.exit_code:
                found.append(f"{page.name}:{line}: exit {result.exit_code}: {result.output[-300:]}")
    return found


def anew(page: Path) -> str:
    """The text of a page with the outputs of its examples as they are now."""
    text = page.read_text("utf-8")
    names: dict[str, object] = {}
    for _, body in blocks(text, "python"):
        fresh = body
        for example, got in outputs(body, names):
            source = "".join(f"{'>>>' if i == 0 else '...'} {line}\n"
                             for i, line in enumerate(example.source.splitlines()))  # fmt: skip
            if example.want != got and source + example.want in fresh:
                fresh = fresh.replace(source + example.want, source + got, 1)
        text = text.replace(body, fresh, 1)
    return text


if __name__ == "__main__":
    for name in sys.argv[1:] or map(str, pages()):
        path = Path(name)
        if ">>> " in path.read_text("utf-8"):
            path.write_text(anew(path), "utf-8")
