"""``megawatt init`` and ``schema``: scenario files before there is one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from megawatt.cli.options import force_option
from megawatt.cli.output import emit_json, say
from megawatt.errors import ScenarioError

__all__ = ["init", "schema"]


@click.command(epilog="Example: megawatt init --use mining my-site.toml && megawatt plan my-site.toml")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--use",
    type=click.Choice(["ai", "ai-cloud", "ai-serving", "ai-colocation", "mining", "mixed"]),
    help="What the site does: its sections alone; mixed: a site of AI halls and miners, three files. Default: all "
    "sections, those of other uses commented out.",
)
@click.option("--machine", is_flag=True, help="Write a machine file instead (docs/machines.md; default machine.toml).")
@click.option("--model", is_flag=True, help="Write a model file instead (docs/models.md; default model.toml).")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def init(path: Path | None, use: str | None, machine: bool, model: bool, force: bool, as_json: bool) -> None:
    """Write a commented starter scenario to PATH (default site.toml), or that of one use."""
    from megawatt.writing import check_text, write_text

    _refuse_both(machine, model)
    if use and (machine or model):
        raise ScenarioError("--use beside --machine or --model: allowed: one of the three")
    kind = "machine" if machine else "model" if model else "site"
    path = path or Path(f"{kind}.toml")
    texts = _starters(kind, use, path)
    for file in texts:
        check_text(file, force=force)
    for file, text in texts.items():
        write_text(file, text, force=force, seal=False)
    if as_json:
        emit_json("init", [{"file": str(file)} for file in texts])
        return
    quoted = shlex.quote(str(path))
    following = {
        "machine": f"train llama-3.1-8b --chips 8 --system {quoted}",
        "model": f"train {quoted} --chips 8 --system hgx-h100",
        "site": f"mix {quoted}" if use == "mixed" else f"plan {quoted}",
    }
    say(f"{', '.join(map(str, texts))}: written; next: megawatt {following[kind]}")


def _starters(kind: str, use: str | None, path: Path) -> dict[Path, str]:
    """Files to write and their texts."""
    import importlib.resources

    from megawatt.files import read_text
    from megawatt.scenario.starting import starter_files

    if use:
        return starter_files("ai-cloud" if use == "ai" else use, path)
    room, name = {
        "machine": ("catalogue", "machine_starter.toml"),
        "model": ("workload", "model_starter.toml"),
        "site": ("scenario", "starter.toml"),
    }[kind]
    return {path: read_text(importlib.resources.files(f"megawatt.{room}").joinpath(name))}


def _refuse_both(machine: bool, model: bool) -> None:
    if machine and model:
        raise ScenarioError("--machine and --model: allowed: one of the two")


@click.command(epilog="Example: megawatt schema > scenario.schema.json")
@click.option("--machine", is_flag=True, help="Of machine files instead.")
@click.option("--model", is_flag=True, help="Of model files instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md) with the schema in results.")
def schema(machine: bool, model: bool, as_json: bool) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from megawatt.catalogue.machine_file import machine_schema
    from megawatt.scenario import json_schema
    from megawatt.workload import model_schema

    _refuse_both(machine, model)
    content = machine_schema() if machine else model_schema() if model else json_schema()
    if as_json:
        emit_json("schema", [content])
    else:
        say(json.dumps(content, indent=1))
