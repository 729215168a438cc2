"""``megawatt init`` and ``schema``: scenario files before there is one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from megawatt.cli.options import force_option
from megawatt.cli.output import emit_json, say

__all__ = ["init", "schema"]


@click.command(epilog="Example: megawatt init my-site.toml && megawatt plan my-site.toml")
@click.argument("path", type=click.Path(path_type=Path), default=Path("site.toml"))
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def init(path: Path, force: bool, as_json: bool) -> None:
    """Write a commented starter scenario to PATH (default site.toml)."""
    import importlib.resources

    from megawatt.files import read_text
    from megawatt.writing import write_text

    text = read_text(importlib.resources.files("megawatt.scenario").joinpath("starter.toml"))
    write_text(path, text, force=force, seal=False)
    if as_json:
        emit_json("init", [{"file": str(path)}])
    else:
        say(f"{path}: written; next: megawatt plan {path}")


@click.command(epilog="Example: megawatt schema > scenario.schema.json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md) with the schema in results.")
def schema(as_json: bool) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from megawatt.scenario import json_schema

    content = json_schema()
    if as_json:
        emit_json("schema", [content])
    else:
        say(json.dumps(content, indent=1))
