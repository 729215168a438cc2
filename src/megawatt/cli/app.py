"""``megawatt app``: the live page."""

from __future__ import annotations

import os
from pathlib import Path

import click

from megawatt.cli.options import Whole
from megawatt.cli.output import say
from megawatt.repeatable import ONE_THREAD

__all__ = ["app"]


@click.command(epilog="Example: megawatt app examples/childress-gb300.toml")
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option("--port", type=Whole(0, 65535), default=8400, show_default=True, help="Port; 0: any that is free.")
@click.option("--token", default="", envvar="MEGAWATT_APP_TOKEN", help="Ask everyone for it (behind a reverse proxy).")
@click.option("--host-name", "hosts", multiple=True, metavar="NAME",
              help="Name of a reverse proxy that is answered too; needs --token.")  # fmt: skip
def app(scenario: Path | None, port: int, token: str, hosts: tuple[str, ...]) -> None:
    """Move a scenario's inputs and see its figures at once, in the browser; on this machine alone.

    SCENARIO is a scenario or a comparison, or a folder of them; default: the folder examples, or this one. The address
    of the page holds all that was moved. Ends with Ctrl-C.
    """
    os.environ.update(ONE_THREAD)
    from megawatt.app import run_app

    run_app(scenario, port=port, token=token, hosts=hosts, ready=lambda address: say(f"{address}  (Ctrl-C ends it)"))
