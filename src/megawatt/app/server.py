"""The server on this machine's own address."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from megawatt.errors import MachineError, MissingDependencyError, ScenarioError
from megawatt.files import is_folder

__all__ = ["run_app"]

_LOOPBACK: Final = "127.0.0.1"
"""The only address that is listened on: a reverse proxy stands before it where others are to see the page."""


_NAME: Final = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
"""Host names as browsers send them, without a port."""
_EXAMPLES: Final = Path("examples")
"""Folder of scenarios beside the source."""


def run_app(
    start: Path | None, *, port: int, token: str = "", hosts: tuple[str, ...] = (), ready: Callable[[str], None] = print
) -> None:
    """Serve the live page until the process is told to stop.

    Parameters
    ----------
    start : Path, optional
        A scenario, or a folder of them; the folder ``examples``, or this one, where left out.
    port : int
        Port on the loopback address; 0: any that is free.
    token : str
        Asked of everyone where it is not empty.
    hosts : tuple of str
        Names of a reverse proxy that are answered too; they need a token.
    ready : callable
        Called with the page's address once it is listened on.

    Raises
    ------
    MissingDependencyError
        If the extra ``app`` is not installed.
    ScenarioError
        If there is no scenario, or other names are none or lack a token.
    MachineError
        If the port is taken.
    """
    try:
        import starlette
        import tomli_w
        import uvicorn
    except ImportError as error:
        raise MissingDependencyError(f"megawatt app needs {error.name}: pip install 'megawatt[app]'") from None
    del starlette, tomli_w
    from megawatt.app.guard import LOCAL_NAMES
    from megawatt.app.routes import make_app
    from megawatt.app.shelf import Shelf

    if hosts and not token:
        raise ScenarioError("--host-name: allowed together with --token")
    for host in hosts:
        if _NAME.fullmatch(host) is None:
            raise ScenarioError(f"--host-name {host[:80]!r}: allowed: a name alone, as in mw.example.org")
    shelf = Shelf(start or (_EXAMPLES if is_folder(_EXAMPLES) else Path()))
    names = (*LOCAL_NAMES, *(host.lower() for host in hosts))
    listening = _bound(port)
    config = uvicorn.Config(
        make_app(shelf, names=names, token=token),
        log_level="warning",
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=2,
    )
    threading.Thread(target=_prepare, args=(shelf,), daemon=True).start()
    ready(f"http://{_LOOPBACK}:{listening.getsockname()[1]}/")
    uvicorn.Server(config).run(sockets=[listening])


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_LOOPBACK, port))
    except OSError as error:
        listening.close()
        raise MachineError(f"port {port}: {error.strerror}; --port 0 takes any that is free") from None
    listening.listen(128)
    return listening


def _prepare(shelf: object) -> None:
    """Have the first scenario's links made while the page is on its way; what is wrong is told when it is asked for."""
    from megawatt.app.shelf import Shelf
    from megawatt.errors import MegawattError

    assert isinstance(shelf, Shelf)
    try:
        with shelf.lock:
            shelf.use(shelf.first, 0)
    except MegawattError:
        return
