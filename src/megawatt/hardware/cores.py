"""How a chip cuts a matrix multiply into tiles, and which arithmetic a precision uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Accelerator
from megawatt.errors import CatalogueError, ScenarioError

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["CoreLayout", "Tile", "core_layout", "counted_waves", "element_bytes", "peak_of", "relatives"]

_SCALE_BYTES: Final[Mapping[str, float]] = MappingProxyType(
    {
        # Bytes of one element with its share of the scales: DeepSeek-style blocks hold one fp32 per 128 elements, OCP
        # MX one byte per 32 [ocp-mx], NVFP4 one byte per 16 [nvidia-nvfp4].
        "fp8": 1.0,
        "int8": 1.0,
        "fp8_block": 1.0 + 4.0 / 128.0,
        "mxfp8": 1.0 + 1.0 / 32.0,
        "nvfp4": 0.5 + 1.0 / 16.0,
        "mxfp4": 0.5 + 1.0 / 32.0,
        "fp4": 0.5,
        "tf32": 4.0,
        "fp32": 4.0,
    }
)
_PEAKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "bf16": ("bf16", "fp16"),
        "fp16": ("fp16", "bf16"),
        "fp8": ("fp8", "mxfp8"),
        "fp8_block": ("fp8", "mxfp8"),
        "mxfp8": ("mxfp8", "fp8"),
        "nvfp4": ("nvfp4", "fp4"),
        "mxfp4": ("mxfp4", "nvfp4", "fp4", "mxfp8"),
    }
)
_KEY: Final = "kernel-chip-{}"


@dataclass(frozen=True, slots=True)
class Tile:
    """Part of the result that ``cores`` cores compute together: ``rows`` x ``columns``."""

    rows: int
    columns: int
    cores: int = 1


@dataclass(frozen=True, slots=True)
class CoreLayout:
    """Matrix units of a chip.

    Attributes
    ----------
    chip : str
        Catalogue key of the accelerator.
    architecture : str
        Family of cores, e.g. ``hopper``, ``trainium``.
    cores : int
        Units that work on tiles of their own (streaming multiprocessors, tensor engines, MXUs).
    tiles : tuple of Tile
        Tile sizes that its libraries have.
    """

    chip: str
    architecture: str
    cores: int
    tiles: tuple[Tile, ...]


def element_bytes(precision: str) -> float:
    """Bytes of one input element, block scales included. [B]"""
    return _SCALE_BYTES.get(precision, 2.0)


def peak_of(accelerator: Accelerator, precision: str) -> float:
    """Data-sheet rate of the arithmetic that a kernel precision uses. [FLOP/s]

    Raises
    ------
    ScenarioError
        If the chip has no such arithmetic.
    """
    precision = precision.removesuffix("_kv8")
    for name in _PEAKS.get(precision, (precision,)):
        if name in accelerator.peak_flops_per_s:
            return accelerator.peak_flops_per_s[name]
    known = ", ".join(sorted(accelerator.peak_flops_per_s))
    raise ScenarioError(
        f"precision = {precision!r} on {accelerator.key}: no such arithmetic is known; allowed: {known}. "
        "Choose one of these or another accelerator"
    )


def counted_waves(waves: NDArray[np.float64], overlap: float) -> NDArray[np.float64]:
    """Waves of tiles that count: of a last wave that is not full, ``overlap`` is hidden; never less than one."""
    whole = np.ceil(waves)
    whole -= overlap * (whole - waves)
    return np.asarray(np.maximum(whole, 1.0))


def _tiles(text: str, where: str) -> tuple[Tile, ...]:
    tiles = []
    for word in text.split():
        shape, _, cores = word.partition("/")
        rows, _, columns = shape.partition("x")
        if not (rows.isdigit() and columns.isdigit() and (cores or "1").isdigit()):
            raise CatalogueError(f"catalogue: {where}: {word!r} must be rows x columns [/ cores], e.g. 256x128/2")
        tiles.append(Tile(int(rows), int(columns), int(cores or "1")))
    return tuple(tiles)


@resolved
def core_layout(catalogue: Catalogue, chip: str) -> CoreLayout:
    """Cores and tiles of a chip, from the catalogue's ``kernel-chip-*`` and ``kernel-tiles-*``.

    Raises
    ------
    CatalogueError
        If the chip's cores are not catalogued.
    """
    key = _KEY.format(catalogue.get(chip, "accelerator").key)
    architecture = str(catalogue.fact(key, "architecture").value)
    tiles_key = f"kernel-tiles-{architecture}"
    tiles = _tiles(str(catalogue.fact(tiles_key, "tiles").value), f"{tiles_key}.tiles")
    return CoreLayout(catalogue.get(chip).key, architecture, int(catalogue.number(key, "cores")), tiles)


def relatives(catalogue: Catalogue, chip: str) -> tuple[str, ...]:
    """Chips whose measured kernels stand in for a chip's own, nearest first (``kernel-chip-*.relatives``)."""
    entry = catalogue.get(_KEY.format(catalogue.get(chip, "accelerator").key))
    fact = entry.facts.get("relatives")
    return tuple(str(fact.value).split()) if fact else ()
