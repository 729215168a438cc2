"""What stands around a run's days: its bill, the best power caps, the swing; in words and plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from megawatt.catalogue.records import System
from megawatt.runs.bill import Bill, BillPrices, run_bill
from megawatt.runs.caps import Cap, best_caps, power_caps
from megawatt.runs.records import TrainingRun
from megawatt.runs.swing import ConnectionRule, RuleAnswer, Swing, power_swing
from megawatt.runs.telling import figure
from megawatt.training import TrainingPlan

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Around", "around_run"]


@dataclass(frozen=True, slots=True)
class Around:
    """A run's bill, its best caps by what they are best for, and its swing; ``full`` is the chip's own cap; ``rule``
    what the connection's rule, if any, makes of the swing."""

    bill: Bill
    caps: dict[str, Cap]
    full: Cap
    swing: Swing
    rule: RuleAnswer | None = None

    def sentences(self) -> list[str]:
        """Cost, carbon and water; caps; swing."""
        bill, swing = self.bill, self.swing
        found = [f"Facility energy {figure(bill.facility_mwh)} MWh."]
        if bill.usd:
            found[0] += (
                f" Cost {figure(bill.usd / 1e6)} million USD (chips {figure(bill.chips_usd / 1e6)}, energy "
                f"{figure(bill.energy_usd / 1e6)}), {bill.usd_per_million_tokens:,.4g} USD per million tokens, "
                f"{bill.usd_per_mw_year / 1e6:,.2f} million per MW-year."
            )
        if bill.location_t:
            found[0] += f" Carbon {figure(bill.location_t)} t by place."
        if bill.embodied_t:
            found[0] += f" Embodied {figure(bill.embodied_t)} t of carbon in the chips."
        if bill.water_m3:
            found[0] += f" Water {figure(bill.water_m3)} m3."
        caps = "; ".join(
            f"for {name} {cap.cap_w:,.0f} W ({cap.tokens_per_s_per_chip / self.full.tokens_per_s_per_chip - 1.0:+.1%} "
            f"tokens/s, {cap.j_per_token / self.full.j_per_token - 1.0:+.1%} J/token)"
            for name, cap in self.caps.items()
        )
        found.append(f"Best power cap of a chip: {caps}; its own {self.full.cap_w:,.0f} W.")
        found.append(
            f"The grid sees a swing of {figure(swing.step_mw)} MW every step ({swing.step_period_s:,.3g} s) and of "
            f"{figure(swing.checkpoint_mw)} MW at checkpoints (every {swing.checkpoint_period_s:,.0f} s), up to "
            f"{figure(swing.steepest_mw_per_s)} MW/s; {figure(swing.stop_mw)} MW fall away when the run is "
            f"interrupted. Level power costs {figure(swing.dummy_work_mwh)} MWh of dummy "
            f"work, or a battery of {swing.battery_kwh:,.3g} kWh and {figure(swing.battery_mw)} MW "
            f"({figure(swing.battery_usd / 1e6)} million USD, {figure(swing.battery_loss_mwh)} MWh lost in it)."
        )
        if self.rule is not None:
            found.append(self.rule.words())
        return found

    def plain(self) -> dict[str, Any]:
        """Plain values."""
        bill, swing = self.bill, self.swing
        return {
            "cost": {
                "usd": bill.usd,
                "chips_usd": bill.chips_usd,
                "energy_usd": bill.energy_usd,
                "usd_per_million_tokens": bill.usd_per_million_tokens,
                "usd_per_mw_year": bill.usd_per_mw_year,
                "facility_mwh": bill.facility_mwh,
                "carbon_location_t": bill.location_t,
                "carbon_market_t": bill.market_t,
                "carbon_embodied_t": bill.embodied_t,
                "water_m3": bill.water_m3,
            },
            "best_caps": {
                name: {
                    "cap_w": cap.cap_w,
                    "tokens_per_s_per_chip": cap.tokens_per_s_per_chip,
                    "j_per_token": cap.j_per_token,
                    "usd_per_million_tokens": cap.usd_per_million_tokens,
                    "tokens_per_s_per_kw": cap.tokens_per_s_per_kw,
                }
                for name, cap in (self.caps | {"own": self.full}).items()
            },
            "swing": {
                "step_mw": swing.step_mw,
                "step_period_s": swing.step_period_s,
                "checkpoint_mw": swing.checkpoint_mw,
                "checkpoint_period_s": swing.checkpoint_period_s,
                "stop_mw": swing.stop_mw,
                "steepest_mw_per_s": swing.steepest_mw_per_s,
                "dummy_work_mwh": swing.dummy_work_mwh,
                "battery_kwh": swing.battery_kwh,
                "battery_mw": swing.battery_mw,
                "battery_usd": swing.battery_usd,
                "battery_loss_mwh": swing.battery_loss_mwh,
            },
            "connection_rule": None if self.rule is None else self.rule.plain(),
        }


def around_run(
    plan: TrainingPlan,
    run: TrainingRun,
    system: System,
    catalogue: Catalogue,
    prices: BillPrices,
    rule: ConnectionRule | None = None,
) -> Around:
    """Bill, caps and swing of a plan's run, and what a connection's rule makes of it."""
    caps = power_caps(
        plan, system, catalogue, usd_per_chip_hour=prices.usd_per_chip_hour,
        usd_per_mwh=prices.usd_per_mwh * prices.pue,
    )  # fmt: skip
    swing = power_swing(plan, run, system, catalogue)
    answer = None if rule is None else swing.under(rule, caps)
    return Around(run_bill(run, plan.chips, prices), best_caps(caps), caps[-1], swing, answer)
