"""What a run draws: by part, by what it is doing, on average and at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from megawatt.catalogue.records import Accelerator, Assumption, System
from megawatt.runs.process import Expected
from megawatt.runs.reliability import RUN_KEY, Reliability
from megawatt.units import J_PER_MWH

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["RunPower", "checkpoint_chip_w", "run_power"]


@dataclass(frozen=True, slots=True)
class RunPower:
    """Energy of critical IT by part (chips, hosts, fabric, storage, spares) [MWh], and power.

    ``computing_mw``, ``saving_mw`` and ``idle_mw`` are drawn while it works, while a checkpoint holds it, and while it
    restarts or waits; ``peak_mw`` with every chip at its cap. ``node_average_w`` and ``node_peak_w`` are of one machine
    of the system without fabric and storage. [MW], [W]
    """

    energy_parts_mwh: Mapping[str, float]
    average_mw: float
    peak_mw: float
    computing_mw: float
    saving_mw: float
    idle_mw: float
    node_average_w: float
    node_peak_w: float
    assumptions: tuple[Assumption, ...]

    @property
    def energy_mwh(self) -> float:
        """All parts. [MWh]"""
        return sum(self.energy_parts_mwh.values())


def checkpoint_chip_w(chip: Accelerator, catalogue: Catalogue) -> float:
    """Power of a chip while a checkpoint holds the run. [W]"""
    share = catalogue.assume(RUN_KEY, "checkpoint_power_frac", "training").fact.number()
    return chip.power_idle_w + share * (chip.power_cap_w - chip.power_idle_w)


def run_power(
    parts: Expected, found: Reliability, system: System, chips: int, chip_w: float, catalogue: Catalogue
) -> RunPower:
    """Energy and power of a run.

    Chips draw ``chip_w`` [W] while they work (work that is done again, and that of a smaller run, too), little more
    than idle while a checkpoint holds them, idle while they restart, wait or stand planned; hosts, fabric and storage
    draw the same all the time; spare nodes idle.
    """
    used = [
        catalogue.assume(RUN_KEY, name, "training")
        for name in ("fabric_w_per_chip", "storage_w_per_chip", "checkpoint_power_frac")
    ]
    fabric_w, storage_w = (used[i].fact.number() for i in (0, 1))
    if chips <= system.chips:
        fabric_w = 0.0
    chip, host_w = system.accelerator, system.overhead_w_per_chip
    saving_w = checkpoint_chip_w(chip, catalogue)
    working_s = parts.useful_s + parts.slower_s + parts.redone_s
    resting_s = parts.down_s + parts.waiting_s + parts.planned_s
    chips_j = chips * (chip_w * working_s + saving_w * parts.stall_s + chip.power_idle_w * resting_s)
    around_j = chips * parts.wall_s
    energy = {
        "chips": chips_j,
        "hosts": host_w * around_j,
        "fabric": fabric_w * around_j,
        "storage": storage_w * around_j,
        "spares": found.spare_chips * (chip.power_idle_w + host_w) * parts.wall_s,
    }
    around_mw = (chips * (host_w + fabric_w + storage_w) + found.spare_chips * (chip.power_idle_w + host_w)) / 1e6
    return RunPower(
        energy_parts_mwh={name: joule / J_PER_MWH for name, joule in energy.items()},
        average_mw=sum(energy.values()) / parts.wall_s / 1e6,
        peak_mw=around_mw + chips * chip.power_cap_w / 1e6,
        computing_mw=around_mw + chips * chip_w / 1e6,
        saving_mw=around_mw + chips * saving_w / 1e6,
        idle_mw=around_mw + chips * chip.power_idle_w / 1e6,
        node_average_w=min(system.chips, chips) * (chip_w + host_w),
        node_peak_w=min(system.chips, chips) * (chip.power_cap_w + host_w),
        assumptions=tuple(used),
    )
