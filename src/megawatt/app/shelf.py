"""Scenarios that may be opened, and those that are kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from megawatt.errors import MegawattError, ScenarioError
from megawatt.files import file_sha256, is_file, is_folder, read_toml

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.chain.live import LiveUse
    from megawatt.scenario import LoadedComparison

__all__ = ["Kept", "Opened", "Shelf"]

_KEPT: Final = 8
"""Scenarios in memory at once; the one that was asked for longest ago makes room."""
_MOST_FILES: Final = 500
"""Scenario files of a folder that are listed."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A scenario file that may be opened: its key in links, and its title."""

    key: str
    title: str
    path: Path


@dataclass
class Kept:
    """A loaded scenario; its uses are made when they are asked for. One calculation at a time."""

    loaded: LoadedComparison
    uses: dict[int, LiveUse] = field(default_factory=dict)
    answers: OrderedDict[tuple[Any, ...], Any] = field(default_factory=OrderedDict)

    @property
    def as_read(self) -> bool:
        """Whether the scenario's files still say what was read from them."""
        read = {self.loaded.file: self.loaded.sha256, **{use.file: use.sha256 for use in self.loaded.uses}}
        return all(is_file(Path(name)) and file_sha256(Path(name)) == sha256 for name, sha256 in read.items())


class Shelf:
    """What the page may open: the scenario it was started with and those beside it, by name.

    Parameters
    ----------
    start : Path
        A scenario file, or a folder of them.

    Raises
    ------
    ScenarioError
        If there is no scenario.
    """

    def __init__(self, start: Path) -> None:
        self.folder = start if is_folder(start) else start.parent
        files = [path for path in sorted(self.folder.glob("*.toml")) if path != start]
        self.left_out = max(len(files) - _MOST_FILES, 0)
        self.listed = _listed(start, self.folder, files[:_MOST_FILES])
        self.lock = threading.RLock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._catalogue: Catalogue | None = None

    @property
    def first(self) -> str:
        """Key of the scenario that is shown at the start."""
        return next(iter(self.listed))

    def kept(self, key: str) -> Kept:
        """A scenario, loaded when it is asked for the first time or its file has changed since; hold `lock`.

        Raises
        ------
        ScenarioError
            If it is not listed, or not valid.
        """
        if key not in self.listed:
            raise ScenarioError(f"scenario {key!r}: not beside {self.first}; /api/scenarios lists what is")
        found = self._kept.pop(key, None)
        if found is None or not found.as_read:
            from megawatt.catalogue import load_catalogue
            from megawatt.scenario import load

            self._catalogue = self._catalogue or load_catalogue()
            found = Kept(load(self.listed[key].path, self._catalogue))
        self._kept[key] = found
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def use(self, key: str, number: int) -> LiveUse:
        """A use of a scenario with its links; hold `lock`. Errors as `kept`, and where it cannot be built."""
        from megawatt.chain.live import live_use

        kept = self.kept(key)
        if not 0 <= number < len(kept.loaded.uses):
            raise ScenarioError(f"use {number} of {key}: allowed: 0 to {len(kept.loaded.uses) - 1}")
        if number not in kept.uses:
            kept.uses[number] = live_use(kept.loaded.uses[number], kept.loaded.catalogue)
        return kept.uses[number]


def _listed(start: Path, folder: Path, files: Sequence[Path]) -> Mapping[str, Opened]:
    """Scenarios of a folder by file name, the one to start with first; mixed sites and other files are left out."""
    listed: dict[str, Opened] = {}
    for path in [*([] if is_folder(start) else [start]), *files]:
        try:
            raw, _ = read_toml(path, "a scenario")
        except MegawattError:
            if path == start:
                raise
            continue
        if path == start and not _looks_like_one(raw):
            raise ScenarioError(f"{start}: {'a mixed site' if 'parts' in raw else 'no scenario'}; allowed: "
                                "a scenario or a comparison; megawatt init writes a starter")  # fmt: skip
        if _looks_like_one(raw):
            listed[path.name] = Opened(path.name, str(raw.get("title") or path.stem), path)
    if not listed:
        raise ScenarioError(f"{start}: no scenario in it; megawatt init writes a starter")
    return listed


def _looks_like_one(raw: Mapping[str, Any]) -> bool:
    return "parts" not in raw and ("compare" in raw or ("use" in raw and "site" in raw))
