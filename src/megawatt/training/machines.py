"""What each of several machines makes of a job, at equal chips, power or cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from megawatt.catalogue.records import System
from megawatt.errors import MegawattError, ScenarioError
from megawatt.training.bottlenecks import savings
from megawatt.training.records import Job, TrainingPlan
from megawatt.training.scaling import Range, best_within, fewest_within, step_time_ranges
from megawatt.units import S_PER_HOUR

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Machine", "chips_within", "machine_within"]


@dataclass(frozen=True, slots=True)
class Machine:
    """The best plan of one machine within a limit, or why there is none (``plan`` is None and ``why`` says it).

    ``ranges`` are those of `step_time_ranges`; ``usd_per_chip_hour`` is None where chips have no price; ``most_chips``
    are those that the limit allows, of which some may stand idle; ``saved`` says what holds the step back
    (`megawatt.training.bottlenecks.savings`).
    """

    system: System
    plan: TrainingPlan | None
    why: str = ""
    ranges: Sequence[Range] = ()
    usd_per_chip_hour: float | None = None
    most_chips: int = 0
    saved: Mapping[str, float] = field(default_factory=dict)

    @property
    def idle_chips(self) -> int:
        """Chips that the limit allows and the best plan leaves idle."""
        return max(self.most_chips - self._planned().chips, 0)

    @property
    def j_per_token(self) -> tuple[float, float, float]:
        """Least, planned and most energy of a token of the whole machine, as `step_time_s`. [J]"""
        planned = self._planned().it_energy_j_per_token
        ends = [planned, *(j for r in self.ranges for j in (r.j_per_token_low, r.j_per_token_high))]
        return min(ends), planned, max(ends)

    def _planned(self) -> TrainingPlan:
        if self.plan is None:
            raise ScenarioError(f"{self.system.key}: there is no plan: {self.why}")
        return self.plan

    @property
    def step_time_s(self) -> tuple[float, float, float]:
        """Shortest, planned and longest step when each input goes to the ends of its range, one at a time. [s]"""
        planned = self._planned().step_time_s
        ends = [planned, *(t for r in self.ranges for t in (r.step_time_low_s, r.step_time_high_s))]
        return min(ends), planned, max(ends)

    @property
    def provisioned_it_mw(self) -> float:
        """IT power that the chips are provisioned for. [MW]"""
        return self._planned().chips * self.system.provisioned_w_per_chip / 1e6

    @property
    def it_mw(self) -> float:
        """Critical IT power while training. [MW]"""
        return self._planned().chips * self._planned().it_w_per_chip / 1e6

    @property
    def usd_per_million_tokens(self) -> float | None:
        """Chip-hours of a million training tokens at the price; None without one. [USD]"""
        found = self._planned()
        if self.usd_per_chip_hour is None:
            return None
        return self.usd_per_chip_hour * found.chips / S_PER_HOUR / found.tokens_per_s * 1e6

    @property
    def usd_range(self) -> tuple[float, float, float]:
        """Least, planned and most of it, as `step_time_s`; a price is needed. [USD]"""
        low, planned, high = self.step_time_s
        usd = self.usd_per_million_tokens or 0.0
        return usd * low / planned, usd, usd * high / planned


def chips_within(
    system: System,
    *,
    chips: float | None = None,
    power_mw: float | None = None,
    usd_per_hour: float | None = None,
    units: float | None = None,
    usd_per_chip_hour: float | None = None,
) -> float:
    """Chips of a machine that one limit allows; not a whole number.

    Parameters
    ----------
    system : System
        The machine.
    chips, power_mw, usd_per_hour, units : float, optional
        Exactly one of: chips, provisioned IT power [MW], cost of chip-hours [USD/hour], whole machines.
    usd_per_chip_hour : float, optional
        Price of a chip-hour, for the limit of cost. [USD], > 0

    Raises
    ------
    ScenarioError
        If not exactly one limit is given, or the limit of cost has no price.
    """
    limits = {"chips": chips, "power_mw": power_mw, "usd_per_hour": usd_per_hour, "units": units}
    given = [name for name, value in limits.items() if value is not None]
    if len(given) != 1:
        raise ScenarioError(f"limits {', '.join(given) or 'none'}: allowed: one of {', '.join(limits)}")
    if chips is not None:
        return float(chips)
    if units is not None:
        return units * system.chips
    if power_mw is not None:
        return power_mw * 1e6 / system.provisioned_w_per_chip
    if usd_per_hour is None or not usd_per_chip_hour or usd_per_chip_hour < 0.0:
        raise ScenarioError(f"usd_per_hour needs a price of a chip-hour of {system.key}, above 0")
    return usd_per_hour / usd_per_chip_hour


def machine_within(
    job: Job,
    system: System,
    limit: float | None = None,
    *,
    catalogue: Catalogue,
    step_s: float | None = None,
    usd_per_chip_hour: float | None = None,
    grows: bool = False,
    **asked: Any,
) -> Machine:
    """The plan with the most tokens per second on at most so many chips, or on the fewest for a step of some length,
    how sure it is, and what holds it back.

    Parameters
    ----------
    job, system : Job, System
        What is trained, and the machine.
    limit : float, optional
        Most chips, as from `chips_within`.
    catalogue : Catalogue
        Achieved shares and stacks, and the ranges of inputs.
    step_s : float, optional
        Longest step instead of a limit. [s], > 0
    usd_per_chip_hour : float, optional
        Price of a chip-hour. [USD]
    grows : bool
        The batch grows with the chips (`megawatt.training.scaling.growing_batch`).
    **asked
        What else `plan` is asked: precisions, stack, offload, optimizer, choices, schedules.

    Returns
    -------
    Machine
        Without a plan where the user's question has none; ``why`` says why.
    """
    try:
        if limit is None:
            found = fewest_within(job, system, step_s or 0.0, catalogue=catalogue, **asked)
        else:
            found = best_within(job, system, limit, catalogue=catalogue, grows=grows, **asked)
    except MegawattError as error:
        return Machine(system, None, str(error), usd_per_chip_hour=usd_per_chip_hour)
    ranges = tuple(step_time_ranges(system, found, catalogue))
    most = found.chips if limit is None else int(limit)
    saved = savings(found, system, catalogue, asked)
    return Machine(system, found, "", ranges, usd_per_chip_hour, most, saved)
