"""The network of a machine: its levels from the catalogue, how collectives run over each from measured tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Assumption, LinkLevel
from megawatt.hardware.collectives import Fabric
from megawatt.hardware.fitted_numbers import Fitted
from megawatt.hardware.kernels import links_kernel, outer_links, ring_only
from megawatt.hardware.profile import PRACTICE_KEY

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["fabric_for"]

_HOPS: Final = ("ring_hop_inside_s", "ring_hop_across_s")
_PCIE: Final = "pcie"


@resolved
def fabric_for(
    catalogue: Catalogue, chip: str, links: Sequence[LinkLevel]
) -> tuple[Fabric, Fitted, tuple[Assumption, ...]]:
    """A network as the chip's collective library uses it, whose measurements it rests on, and other facts behind it.

    Every level inside the scale-up network follows the collectives of the chip (measured, or its relatives'), the
    outermost those measured between domains; rates are the levels' own. GPU libraries gather and scatter over several
    domains in one ring over all members.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``kernel-links-...`` and ``training-practice``.
    chip : str
        Catalogue key of the accelerator.
    links : sequence of LinkLevel
        Levels, innermost first; the last one reaches every chip.

    Raises
    ------
    CatalogueError
        If neither the chip nor a relative has measured collectives.
    """
    inner, found = links_kernel(catalogue, chip)
    outer = outer_links(catalogue)
    kernels = tuple(
        dataclasses.replace(
            outer if place and place == len(links) - 1 else inner if _adds(link) else ring_only(inner),
            link_bytes_per_s=link.link_bytes_per_s,
        )
        for place, link in enumerate(links)
    )
    if catalogue.accelerator(chip).family != "gpu":
        return Fabric(tuple(links), kernels), found, ()
    hops = tuple(catalogue.assume(PRACTICE_KEY, name, "hardware") for name in _HOPS)
    inside, across = (a.fact.number() for a in hops)
    return Fabric(tuple(links), kernels, inside, across), found, hops


def _adds(link: LinkLevel) -> bool:
    """Whether the switches of a level can add what passes through them: meshes have none, and PCIe switches cannot."""
    return link.topology == "switch" and link.name != _PCIE
