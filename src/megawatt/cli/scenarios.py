"""``megawatt init`` and ``schema``: scenario files before there is one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from megawatt.cli.options import force_option
from megawatt.cli.output import emit_json, say
from megawatt.errors import ScenarioError

__all__ = ["init", "schema"]


@click.command(epilog="Example: megawatt init my-site.toml && megawatt plan my-site.toml")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--machine", is_flag=True, help="Write a machine file instead (docs/machines.md; default machine.toml).")
@click.option("--model", is_flag=True, help="Write a model file instead (docs/models.md; default model.toml).")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def init(path: Path | None, machine: bool, model: bool, force: bool, as_json: bool) -> None:
    """Write a commented starter scenario to PATH (default site.toml)."""
    import importlib.resources

    from megawatt.files import read_text
    from megawatt.writing import write_text

    _refuse_both(machine, model)
    kind = "machine" if machine else "model" if model else "site"
    rooms = {"machine": "catalogue/machine_", "model": "workload/model_", "site": "scenario/"}
    room, _, start = rooms[kind].partition("/")
    name = f"{start}starter.toml"
    path = path or Path(f"{kind}.toml")
    text = read_text(importlib.resources.files(f"megawatt.{room}").joinpath(name))
    write_text(path, text, force=force, seal=False)
    if as_json:
        emit_json("init", [{"file": str(path)}])
    else:
        following = {
            "machine": f"train llama-3.1-8b --chips 8 --system {path}",
            "model": f"train {path} --chips 8 --system hgx-h100",
            "site": f"plan {path}",
        }
        say(f"{path}: written; next: megawatt {following[kind]}")


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
