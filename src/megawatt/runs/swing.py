"""The swing of a run's power that the grid sees, what keeping it level costs, and what a connection's rule allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError
from megawatt.hardware import chip_power_w, power_model
from megawatt.runs.caps import Cap
from megawatt.runs.power import checkpoint_chip_w
from megawatt.runs.records import TrainingRun
from megawatt.training import TrainingPlan
from megawatt.units import S_PER_HOUR

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Battery", "ConnectionRule", "RuleAnswer", "Swing", "Wave", "power_swing"]

_EXPOSED: Final = ("dp", "shard", "optimizer", "straggler")
"""Parts of a step in which every chip leaves its multiplies at the same time."""
_BATTERY_KEY: Final = "battery-storage"
_BATTERY_FACTS: Final = ("energy_capex_usd2022_per_kwh", "power_capex_usd2022_per_kw", "round_trip_efficiency_frac")
_EDGE_S: Final = 0.1
"""Time in which chips go from one power to the other: tens of milliseconds, and what supplies hold back. [s]"""
_KWH_PER_MJ: Final = 1.0 / 3.6
"""Kilowatt-hours of a MW-second."""
_S_PER_MIN: Final = 60.0
"""Seconds of a minute."""


@dataclass(frozen=True, slots=True)
class Wave:
    """Power that falls by ``mw`` [MW] for ``low_s`` [s], ``times`` over the run; ``repeats``: every so often by the
    run's own doing, not where it is interrupted. ``high_w``, ``low_w``: of a chip before and then [W]."""

    name: str
    mw: float
    low_s: float
    times: float
    high_w: float
    low_w: float
    repeats: bool = True

    def at_cap(self, cap_w: float, chips: int) -> float:
        """The same of chips at a power cap. [MW]"""
        return chips * max(min(self.high_w, cap_w) - min(self.low_w, cap_w), 0.0) / 1e6


@dataclass(frozen=True, slots=True)
class ConnectionRule:
    """What an interconnection allows a load: a swing that repeats [MW], a change of power [MW a minute]; infinite where
    it says nothing."""

    swing_mw: float = math.inf
    ramp_mw_per_min: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no limit."""
        if not (self.swing_mw >= 0.0 and self.ramp_mw_per_min > 0.0):
            found = f"swing {self.swing_mw:g} MW, ramp {self.ramp_mw_per_min:g} MW/min"
            raise ScenarioError(f"{found}; allowed: a swing of 0 or more, a ramp above 0")

    def at_once_mw(self, repeats: bool) -> float:
        """The largest step of power that passes as it is. [MW]"""
        ramp_mw = self.ramp_mw_per_min / _S_PER_MIN * _EDGE_S
        return min(self.swing_mw, ramp_mw) if repeats else ramp_mw

    def words(self) -> str:
        """Its limits."""
        said = (("a swing of {:g} MW", self.swing_mw), ("{:g} MW/min", self.ramp_mw_per_min))
        return " and ".join(text.format(value) for text, value in said if math.isfinite(value))


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """Whether a run keeps a rule as it is (``broken``: waves that do not), and what keeping it costs: a battery [kWh,
    MW, dollars of 2022, MWh lost over the run], or dummy work [MWh], or the highest cap of a chip that needs neither
    (None where none does)."""

    rule: ConnectionRule
    broken: tuple[Wave, ...]
    battery_kwh: float
    battery_mw: float
    battery_usd: float
    battery_loss_mwh: float
    dummy_work_mwh: float
    cap: Cap | None
    slower_frac: float

    @property
    def met(self) -> bool:
        """Whether the rule is kept as it is."""
        return not self.broken

    def words(self) -> str:
        """One sentence."""
        if self.met:
            return f"The connection's rule ({self.rule.words()}) is kept as it is."
        waves = ", ".join(f"{wave.name} {wave.mw:,.3g} MW" for wave in self.broken)
        cap = (
            "no power cap of 40 % or more keeps it"
            if self.cap is None
            else f"a power cap of {self.cap.cap_w:,.0f} W a chip ({-self.slower_frac:+.1%} tokens/s)"
        )
        return (
            f"The connection's rule ({self.rule.words()}) is broken: {waves} within {_EDGE_S:g} s. Keeping it takes a "
            f"battery of {self.battery_kwh:,.3g} kWh and {self.battery_mw:,.3g} MW ({self.battery_usd / 1e6:,.3g} "
            f"million USD, {self.battery_loss_mwh:,.3g} MWh lost in it), or {self.dummy_work_mwh:,.3g} MWh of dummy "
            f"work; {cap}."
        )

    def plain(self) -> dict[str, Any]:
        """Plain values."""
        limits = {"swing_limit_mw": self.rule.swing_mw, "ramp_limit_mw_per_min": self.rule.ramp_mw_per_min}
        return {
            **{name: value if math.isfinite(value) else None for name, value in limits.items()},
            "met": self.met,
            "broken_by": {wave.name: wave.mw for wave in self.broken},
            "battery_kwh": self.battery_kwh,
            "battery_mw": self.battery_mw,
            "battery_usd": self.battery_usd,
            "battery_loss_mwh": self.battery_loss_mwh,
            "dummy_work_mwh": self.dummy_work_mwh,
            "cap_w": None if self.cap is None else self.cap.cap_w,
            "cap_slower_frac": None if self.cap is None else self.slower_frac,
        }


@dataclass(frozen=True, slots=True)
class Battery:
    """Price of a battery's energy and power [USD/kWh, USD/kW], and the share that it returns."""

    usd_per_kwh: float
    usd_per_kw: float
    returned_frac: float

    def usd(self, kwh: float, mw: float) -> float:
        """Capital of one. [USD]"""
        return kwh * self.usd_per_kwh + mw * 1e3 * self.usd_per_kw


@dataclass(frozen=True, slots=True)
class Swing:
    """What the grid sees at the step's and at the checkpoint's period, and when the run stops: amplitude [MW],
    steepness [MW/s], period [s]; and what keeping the power level costs: extra energy of dummy work [MWh], or a
    battery's energy and power, its capital (of power and of energy, dollars of 2022) and what it loses over the run
    [MWh]."""

    waves: tuple[Wave, ...]
    chips: int
    step_period_s: float
    checkpoint_period_s: float
    battery: Battery

    @property
    def step_mw(self) -> float:
        """Amplitude at every step. [MW]"""
        return self.waves[0].mw

    @property
    def checkpoint_mw(self) -> float:
        """Amplitude at every checkpoint. [MW]"""
        return self.waves[1].mw

    @property
    def stop_mw(self) -> float:
        """What falls away when the run is interrupted. [MW]"""
        return self.waves[2].mw

    @property
    def battery_mw(self) -> float:
        """Power of a battery that keeps steps and checkpoints level. [MW]"""
        return max(wave.mw for wave in self.waves if wave.repeats)

    @property
    def steepest_mw_per_s(self) -> float:
        """Steepness of the largest swing that repeats. [MW/s]"""
        return self.battery_mw / _EDGE_S

    @property
    def battery_kwh(self) -> float:
        """Energy of that battery. [kWh]"""
        return max(wave.mw * wave.low_s for wave in self.waves if wave.repeats) * _KWH_PER_MJ

    @property
    def battery_usd(self) -> float:
        """Capital of that battery, dollars of 2022."""
        return self.battery.usd(self.battery_kwh, self.battery_mw)

    @property
    def dummy_work_mwh(self) -> float:
        """Energy of work that keeps the power level instead, over the run. [MWh]"""
        return sum(wave.mw * wave.low_s * wave.times for wave in self.waves if wave.repeats) / S_PER_HOUR

    @property
    def battery_loss_mwh(self) -> float:
        """What the battery loses over the run. [MWh]"""
        return (1.0 - self.battery.returned_frac) * self.dummy_work_mwh

    def under(self, rule: ConnectionRule, caps: Sequence[Cap]) -> RuleAnswer:
        """Whether the run keeps a rule, and the cost of each way to keep it.

        A swing is cut to what passes at once; or, where the rule allows the swing but not its edge, the battery (or
        dummy work) takes the difference while the grid's power follows the ramp, if that takes less.

        Parameters
        ----------
        rule : ConnectionRule
            What the interconnection allows.
        caps : sequence of Cap
            The plan's layout at lower caps, ascending, the chip's own last.
        """
        broken = tuple(wave for wave in self.waves if wave.mw > rule.at_once_mw(wave.repeats))
        kept = [(wave, *_smoothed(wave, rule)) for wave in broken]
        kwh = max((mj for _, _, mj in kept), default=0.0) * _KWH_PER_MJ
        mw = max((mw for _, mw, _ in kept), default=0.0)
        through_mwh = sum(wave.times * mj for wave, _, mj in kept) / S_PER_HOUR
        low = [
            cap
            for cap in caps
            if all(wave.at_cap(cap.cap_w, self.chips) <= rule.at_once_mw(wave.repeats) for wave in broken)
        ]
        cap = low[-1] if low else None
        slower = 0.0 if cap is None else 1.0 - cap.tokens_per_s_per_chip / caps[-1].tokens_per_s_per_chip
        return RuleAnswer(
            rule, broken, kwh, mw, self.battery.usd(kwh, mw), (1.0 - self.battery.returned_frac) * through_mwh,
            through_mwh, cap, slower,
        )  # fmt: skip


def _smoothed(wave: Wave, rule: ConnectionRule) -> tuple[float, float]:
    """Power [MW] and energy [MW s] that take what a rule does not let through of a wave."""
    cut_mw = wave.mw - rule.at_once_mw(wave.repeats)
    level = cut_mw, cut_mw * wave.low_s
    ramp_s = wave.mw / (rule.ramp_mw_per_min / _S_PER_MIN)
    if wave.repeats and (wave.mw > rule.swing_mw or ramp_s > wave.low_s):
        return level
    ramped = wave.mw, wave.mw * ramp_s / 2.0
    return min(level, ramped, key=lambda one: one[1])


def power_swing(plan: TrainingPlan, run: TrainingRun, system: System, catalogue: Catalogue) -> Swing:
    """Swing of a run's power between multiplies and what all chips wait for together, between steps and stalls, and
    when the run is interrupted (planned stops can be ramped down).

    Parts of a step that chips leave at different times (pipeline, tensor exchanges) even out over the machine and do
    not count. Source of the effect: Choukse et al. 2025 (arXiv 2508.14318).
    """
    parts = {name: float(value[0]) for name, value in plan.cost.parts_s.items()}
    low_s = sum(parts.get(name, 0.0) for name in _EXPOSED)
    busy_s = max(plan.step_time_s - low_s, 1e-12)
    model, one, none = power_model(catalogue, system.accelerator), np.ones(1), np.zeros(1)
    low_w = float(chip_power_w(model, none, none, one)[0])
    high_w = min(max((plan.chip_power_w * plan.step_time_s - low_w * low_s) / busy_s, low_w), model.cap_w)
    power, spent, stall_s = run.power, run.parts, run.checkpoint.stall_s
    idle_w, saving_w = system.accelerator.power_idle_w, checkpoint_chip_w(system.accelerator, catalogue)
    chip_w = idle_w + (power.computing_mw - power.idle_mw) * 1e6 / plan.chips
    stops = max(run.failures, 0.0)
    waves = (
        Wave(
            "every step", plan.chips * (high_w - low_w) / 1e6 if low_s > 0.0 else 0.0, low_s,
            spent.useful_s / plan.step_time_s, high_w, low_w,
        ),
        Wave(
            "every checkpoint", power.computing_mw - power.saving_mw if spent.stall_s > 0.0 else 0.0, stall_s,
            spent.stall_s / stall_s if stall_s > 0.0 else 0.0, chip_w, saving_w,
        ),
        Wave(
            "an interruption", power.computing_mw - power.idle_mw if stops > 0.0 else 0.0,
            (spent.down_s + spent.waiting_s) / stops if stops > 0.0 else 0.0, stops, chip_w, idle_w, repeats=False,
        ),
    )  # fmt: skip
    return Swing(
        waves=waves,
        chips=plan.chips,
        step_period_s=plan.step_time_s,
        checkpoint_period_s=run.checkpoint_interval_s,
        battery=Battery(*(catalogue.number(_BATTERY_KEY, name) for name in _BATTERY_FACTS)),
    )
