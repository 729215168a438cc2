"""Pages of the documentation site that are made from the code: commands, functions, glossary, lessons, validation.

A hook of mkdocs (``mkdocs build --strict``); links of the pages to files that are not pages are shown as code.
"""

from __future__ import annotations

import importlib
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<place>[^)#\s]+)(?P<rest>#[^)\s]*)?\)")
_TABLE = re.compile(r"<!-- validation-table -->\n(.*?)<!-- /validation-table -->", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code."""
    pages = {
        "index.md": _index(),
        "reference/commands.md": _commands(),
        "reference/python.md": _functions(),
        "glossary.md": _glossary(),
        "gallery.md": _gallery(),
        "measured.md": _measured(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text("utf-8"),
        "contributing.md": (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
        **_lessons(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    nav: Any = config["nav"]
    for section in nav:
        if "Lessons" in section:
            section["Lessons"] = ["lessons/index.md", *sorted(n for n in _lessons() if not n.endswith("index.md"))]
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Links to files that are not pages of the site become their names."""
    here = posixpath.dirname(page.file.src_uri)

    def linked(found: re.Match[str]) -> str:
        place = found["place"]
        if re.match(r"[a-z]+:", place):
            return found[0]
        for base in (here, ""):
            target = posixpath.normpath(posixpath.join(base, place.removeprefix("docs/") if not base else place))
            if files.get_file_from_path(target):
                rest = found["rest"] or ""
                return f"[{found['text']}]({posixpath.relpath(target, here or '.')}{rest})"
        return found["text"] if found["text"].startswith("`") else f"{found['text']} (`{place}`)"

    return _LINK.sub(linked, markdown)


def _index() -> str:
    """The README, whose pictures lie elsewhere from here."""
    return (ROOT / "README.md").read_text("utf-8").replace("](docs/", "](")


def _measured() -> str:
    """The README's table of validation with the pictures of it."""
    found = _TABLE.search((ROOT / "README.md").read_text("utf-8"))
    table = found[1] if found else ""
    pictures = "\n\n".join(
        f"![{path.stem.replace('-', ' ')}](img/measured/{path.name})"
        for path in sorted((ROOT / "docs/img/measured").glob("*.svg"))
    )
    return (
        "# Against published answers\n\nEach dot is a row: what was measured, across, against what was predicted. The "
        "pictures are made by `python -m tools.measured_plots REFERENCE_DIR`; how the kinds are scored stands in "
        "[validation](validation.md).\n\n"
        f"{pictures}\n\n{table}"
    )


def _commands() -> str:
    """Every command with its options, out of the command line itself."""
    from megawatt.cli.entry import cli

    return "# Every command\n\nMade from the command line.\n\n" + "\n".join(_command(cli, ["megawatt"]))


def _command(command: click.Command, names: list[str]) -> Iterator[str]:
    context = click.Context(command, info_name=" ".join(names), terminal_width=100)
    if len(names) > 1:
        yield f"## {' '.join(names)}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _command(found, [*names, name])


def _functions() -> str:
    """Every public function and class of the room behind `import megawatt`."""
    rooms = ("known", "chips", "places", "site", "sites", "money", "keeping", "result")
    parts = [f"::: megawatt.api.{room}\n    options:\n      members: {_members(room)}\n" for room in rooms]
    return "# Python functions\n\nAll are names of `import megawatt as mw` ([Python](../python.md)).\n\n" + "\n".join(
        parts
    )


def _members(room: str) -> str:
    return json.dumps([n for n in importlib.import_module(f"megawatt.api.{room}").__all__ if not n.endswith("_of")])


def _glossary() -> str:
    """Words and figures, out of the package."""
    from megawatt.results.glossary import FIGURES, TERMS
    from megawatt.results.view import METRICS

    told = {f"`{name}`": text for name, text in FIGURES.items()}
    told |= {f"`{name}`": f"{text}{f' [{unit}]' if unit else ''}" for name, (unit, text, _) in METRICS.items()}
    rows = [
        f"| {name} | {text} |"
        for name, text in sorted({**TERMS, **told}.items(), key=lambda i: i[0].strip("`").lower())
    ]
    return "# Glossary\n\n| word or figure | means |\n|---|---|\n" + "\n".join(rows) + "\n"


def _gallery() -> str:
    """Every script of the gallery with the picture that it makes."""
    parts = ["# Gallery\n\nEach picture is made by the script below it: `python examples/gallery/NAME.py FOLDER`.\n"]
    for script in sorted((ROOT / "examples/gallery").glob("*.py")):
        text = script.read_text("utf-8")
        title = text.split('"""')[1].splitlines()[0].rstrip(".")
        parts.append(f"## {title}\n\n![{title}](img/gallery/{script.stem}.svg)\n\n```python\n{text}```\n")
    return "\n".join(parts)


def _lessons() -> dict[str, str]:
    """The notebooks of lessons as pages, and a list of them."""
    pages, listed = {}, []
    for path in sorted((ROOT / "docs/lessons").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = "\n\n".join(part for cell in cells for part in _cell(cell))
        pages[f"lessons/{path.stem}.md"] = text
        listed.append(f"- [{text.splitlines()[0].removeprefix('# ')}]({path.stem}.md) (`docs/lessons/{path.name}`)")
    pages["lessons/index.md"] = "# Lessons\n\nNotebooks that run; a test runs them.\n\n" + "\n".join(listed) + "\n"
    return pages


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    """A cell of a notebook, and what it printed and drew."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        if "image/svg+xml" in data:
            svg = data["image/svg+xml"]
            yield svg if isinstance(svg, str) else "".join(svg)
        elif text := output.get("text") or data.get("text/plain"):
            yield "```text\n" + (text if isinstance(text, str) else "".join(text)).rstrip() + "\n```"
