"""``megawatt init`` and ``schema``: scenario files before there is one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from megawatt.cli.options import force_option
from megawatt.cli.output import emit_json, say

__all__ = ["init", "schema"]


@click.command(epilog="Example: megawatt init my-site.toml && megawatt plan my-site.toml")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--machine", is_flag=True, help="Write a machine file instead (docs/machines.md; default machine.toml).")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def init(path: Path | None, machine: bool, force: bool, as_json: bool) -> None:
    """Write a commented starter scenario to PATH (default site.toml)."""
    import importlib.resources

    from megawatt.files import read_text
    from megawatt.writing import write_text

    room, name = ("catalogue", "machine_starter.toml") if machine else ("scenario", "starter.toml")
    path = path or Path("machine.toml" if machine else "site.toml")
    text = read_text(importlib.resources.files(f"megawatt.{room}").joinpath(name))
    write_text(path, text, force=force, seal=False)
    if as_json:
        emit_json("init", [{"file": str(path)}])
    else:
        following = f"train llama-3.1-8b --chips 8 --system {path}" if machine else f"plan {path}"
        say(f"{path}: written; next: megawatt {following}")


@click.command(epilog="Example: megawatt schema > scenario.schema.json")
@click.option("--machine", is_flag=True, help="Of machine files instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md) with the schema in results.")
def schema(machine: bool, as_json: bool) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from megawatt.catalogue.machine_file import machine_schema
    from megawatt.scenario import json_schema

    content = machine_schema() if machine else json_schema()
    if as_json:
        emit_json("schema", [content])
    else:
        say(json.dumps(content, indent=1))
