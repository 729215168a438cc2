"""The computation of claims about one machine against another: speed and power by workload and precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from megawatt.cases.reading import with_inputs
from megawatt.cases.records import CaseFile, CaseTable, Measured
from megawatt.catalogue.records import System
from megawatt.errors import MegawattError, ScenarioError
from megawatt.hardware import peak_precision
from megawatt.training import Job, TrainingPlan, best_within, chips_within, plan
from megawatt.workload import load_model

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Pair", "compute_machines"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two plans of one workload, each on as many units; ``where`` names workload, precisions and what moved."""

    where: str
    new: TrainingPlan
    old: TrainingPlan

    @property
    def per_unit(self) -> float:
        """Tokens a second of a unit over those of the old one."""
        return self.new.tokens_per_s / self.old.tokens_per_s

    @property
    def per_chip(self) -> float:
        """Tokens a second of a chip over those of the old one."""
        return self.new.tokens_per_s_per_chip / self.old.tokens_per_s_per_chip

    @property
    def power_per_unit(self) -> float:
        """Power of a unit while it trains over that of the old one."""
        return self.new.it_w_per_chip * self.new.chips / (self.old.it_w_per_chip * self.old.chips)

    @property
    def per_watt(self) -> float:
        """Tokens of a joule over those of the old one."""
        return self.per_unit / self.power_per_unit

    @property
    def same_power_w(self) -> float:
        """Mean chip power at which a unit of the new machine draws what one of the old draws. [W]"""
        around_w = self.new.it_w_per_chip - self.new.chip_power_w
        return self.old.it_w_per_chip * self.old.chips / self.new.chips - around_w

    def power_for(self, ratio: float) -> float:
        """Mean chip power at which a joule brings so many times the old machine's tokens, at the same speed. [W]"""
        return self.per_watt * self.new.it_w_per_chip / ratio - (self.new.it_w_per_chip - self.new.chip_power_w)


def _machine(case: CaseFile, catalogue: Catalogue, side: str) -> System:
    """The side's machine with the case's chip power, links between its chips, and multiplies that sparsity skips."""
    system = catalogue.system(str(case.settings[side]))
    chip, cap = system.accelerator, case.value(f"{side}.chip_power_w", system.accelerator.power_cap_w)
    faster = chip.achieved_over_predicted * case.value(f"{side}.sparsity_factor")
    share = case.value(f"{side}.links_share")
    inner = tuple(replace(x, link_bytes_per_s=x.link_bytes_per_s * share) for x in system.links[:-1])
    moved = replace(chip, power_cap_w=cap, power_idle_w=min(chip.power_idle_w, cap), achieved_over_predicted=faster)
    return replace(system, accelerator=moved, links=(*inner, *system.links[-1:]))


def _pairs(case: CaseFile, catalogue: Catalogue) -> Iterator[Pair]:
    """Every workload in every pair of precisions, then the first with each input of the new machine at its high end."""
    said = case.settings
    precisions = [(str(a), str(b)) for a, b in zip(said["new_precisions"], said["old_precisions"], strict=True)]
    new, old = _machine(case, catalogue, "new"), _machine(case, catalogue, "old")
    planned: dict[tuple[int, str, str], TrainingPlan] = {}

    def of(number: int, system: System, precision: str) -> TrainingPlan:
        row = said["workloads"][number]
        arch = load_model(str(row["model"]), catalogue)
        job = Job(arch, int(row["seq_len"]), int(row["global_batch"]), precision).on(system.accelerator)
        key = (number, system.key, job.precision)
        if system in (new, old) and key in planned:
            return planned[key]
        found = plan(job, system, int(said["units"]) * system.chips, catalogue=catalogue)
        if system in (new, old):
            planned[key] = found
        return found

    for number, row in enumerate(said["workloads"]):
        words = f"{row['model']} at {int(row['seq_len']):,} tokens"
        for mine, theirs in precisions:
            yield Pair(f"{words}, {mine} against {theirs}", of(number, new, mine), of(number, old, theirs))
    first = said["workloads"][0]
    for name in ("new.links_share", "new.sparsity_factor"):
        one = next((i for i in case.inputs if i.name == name), None)
        if one is not None and one.high > one.value:
            moved = _machine(with_inputs(case, [f"{name}={one.high}"]), catalogue, "new")
            mine, theirs = precisions[0]
            where = (
                f"{first['model']} at {int(first['seq_len']):,} tokens, {mine} against {theirs}, {name} {one.high:g}"
            )
            yield Pair(where, of(0, moved, mine), of(0, old, theirs))


def compute_machines(case: CaseFile, catalogue: Catalogue) -> tuple[dict[str, Measured], list[CaseTable], list[str]]:
    """Measures, tables and notes of a case about two machines and their rivals.

    Raises
    ------
    ScenarioError
        If a setting is missing.
    InfeasibleError
        If a workload does not fit a machine.
    """
    needed = ("new", "old", "units", "new_precisions", "old_precisions", "workloads")
    if missing := [name for name in needed if name not in case.settings]:
        raise ScenarioError(f"case {case.key}: machines.{', machines.'.join(missing)}: none; allowed: docs/cases.md")
    new, old = _machine(case, catalogue, "new"), _machine(case, catalogue, "old")
    pairs = list(_pairs(case, catalogue))
    measures = _measures(case, pairs, new, old)
    tables = [_pair_table(pairs), _reading_table(case, pairs, measures), *_rival_tables(case, catalogue, new)]
    return measures, tables, _notes(pairs)


def _measures(case: CaseFile, pairs: list[Pair], new: System, old: System) -> dict[str, Measured]:
    """Speeds over workloads, precisions and inputs; power and speed per watt over the range of chip power too."""
    cap = next((i for i in case.inputs if i.name == "new.chip_power_w"), None)
    ends = [cap.value, *sorted({cap.low, cap.high} - {cap.value})] if cap else [new.accelerator.power_cap_w]
    powers, watts = {}, {}
    for pair in pairs:
        for end in ends:
            # Chip power goes with the cap: whether its multiplies slow with it nobody has published.
            chip_w = pair.new.chip_power_w * end / new.accelerator.power_cap_w
            around_w = pair.new.it_w_per_chip - pair.new.chip_power_w
            ratio = (chip_w + around_w) / pair.new.it_w_per_chip
            name = pair.where if end == new.accelerator.power_cap_w else f"{pair.where}, {end:,.0f} W a chip"
            powers[name], watts[name] = pair.power_per_unit * ratio, pair.per_watt / ratio
    first = str(case.settings["new_precisions"][0])
    fast = f"a run with every multiply in {first.upper()} on the new machine, against what the old one ran in"
    beyond = "no pair of precisions that was tried; a measured speed above what the model gives"
    same = f"a chip that draws {max(pairs[0].same_power_w, 0.0):,.0f} W on average would make the power the same"
    return {
        "peak compute per UltraServer": Measured({"the data sheets": _peak(case, new, old)}),
        "speed per UltraServer": Measured({p.where: p.per_unit for p in pairs}, fast),
        "speed per chip": Measured({p.where: p.per_chip for p in pairs}, beyond),
        "power per UltraServer": Measured(powers, same),
        "energy per token": Measured({name: 1.0 / value for name, value in watts.items()}, "another power of the chip"),
        "speed per watt": Measured(watts, "a published, lower power of the chip"),
    }


def _peak(case: CaseFile, new: System, old: System) -> float:
    """Dense rate of a unit over the old one's, in the first pair of precisions, by data sheet."""
    sides = ((new, "new_precisions"), (old, "old_precisions"))
    rates = []
    for system, names in sides:
        chip = system.accelerator
        rates.append(system.chips * chip.peak_flops_per_s[peak_precision(chip, str(case.settings[names][0]))])
    return rates[0] / rates[1]


def _pair_table(pairs: list[Pair]) -> CaseTable:
    columns = ("workload", "per UltraServer", "per chip", "power", "per watt", "chip power for equal")
    rows = [
        (p.where, f"{p.per_unit:.2f}", f"{p.per_chip:.2f}", f"{p.power_per_unit:.2f}", f"{p.per_watt:.2f}",
         f"{p.same_power_w:,.0f} W")
        for p in pairs
    ]  # fmt: skip
    return CaseTable("The new machine over the old one", columns, tuple(rows))


def _rival_tables(case: CaseFile, catalogue: Catalogue, new: System) -> Iterator[CaseTable]:
    """The new machine and its rivals at equal power, and at equal dollars where prices of a chip-hour are published."""
    said: Mapping[str, Any] = case.settings
    if not said.get("rivals"):
        return
    arch = load_model(str(said["rival_model"]), catalogue)
    job = Job(arch, int(said["rival_seq_len"]), int(said["rival_batch"]), str(said["rival_precision"]))
    systems = (new, *(catalogue.system(str(key)) for key in said["rivals"]))

    def best(system: System, limit: float) -> TrainingPlan | str:
        try:
            return best_within(job.on(system.accelerator), system, limit, catalogue=catalogue, grows=True)
        except MegawattError as error:
            return str(error)

    power_mw = float(said["rival_power_mw"])
    plans = [(system, best(system, chips_within(system, power_mw=power_mw))) for system in systems]
    what = f"{arch.title or arch.key}, {said['rival_precision']}"
    yield _at_equal_power(f"{what}, at {power_mw:g} MW of provisioned power", plans)
    if "rival_usd_per_hour" not in said:
        return
    dollars, fact = float(said["rival_usd_per_hour"]), str(said["rival_price"])
    prices = {system.key: _price(catalogue, system, fact) for system in systems}
    bought = [
        (system, best(system, chips_within(system, chips=int(dollars / price))))
        for system in systems
        if (price := prices[system.key]) is not None
    ]
    yield _at_equal_dollars(f"{what}, at {dollars:,.0f} USD an hour ({fact})", plans, bought, prices)


def _price(catalogue: Catalogue, system: System, fact: str) -> float | None:
    """The published price of a chip-hour, None where there is none. [USD]"""
    found = catalogue.entries[system.accelerator.key].facts.get(fact)
    return None if found is None else found.number()


def _at_equal_power(title: str, plans: list[tuple[System, TrainingPlan | str]]) -> CaseTable:
    first, rows = None, []
    for system, best in plans:
        if isinstance(best, str):
            rows.append((system.title, "-", "-", "-", "-", best))
            continue
        first = first or best
        price = best.tokens_per_s_per_chip / first.tokens_per_s_per_chip
        rows.append(
            (system.title, f"{best.chips:,}", f"{best.tokens_per_s:,.0f}",
             f"{best.tokens_per_s / first.tokens_per_s:.2f}", f"{best.it_energy_j_per_token:.2f}", f"{price:.2f}")
        )  # fmt: skip
    columns = ("machine", "chips", "tokens/s", "over the first", "J/token", "chip-hour at equal $/token")
    return CaseTable(title, columns, tuple(rows))


def _at_equal_dollars(
    title: str,
    plans: list[tuple[System, TrainingPlan | str]],
    bought: list[tuple[System, TrainingPlan | str]],
    prices: Mapping[str, float | None],
) -> CaseTable:
    """Priced machines on what the dollars rent; the others with the price at which a token costs what it does on the
    cheapest of those."""
    found = {system.key: best for system, best in bought if not isinstance(best, str)}
    cost = {key: (prices[key] or 0.0) / _S_PER_HOUR / best.tokens_per_s_per_chip * 1e6 for key, best in found.items()}
    least, rows = min(cost.values(), default=None), []
    for system, at_power in plans:
        best = found.get(system.key)
        if best is not None:
            rows.append((system.title, f"{prices[system.key]:.2f}", f"{best.chips:,}", f"{best.tokens_per_s:,.0f}",
                         f"{cost[system.key]:.3f}", "-"))  # fmt: skip
        elif least is not None and not isinstance(at_power, str):
            price = least * at_power.tokens_per_s_per_chip * _S_PER_HOUR / 1e6
            rows.append((system.title, "not published", "-", "-", "-", f"below {price:.2f}"))
        else:
            rows.append((system.title, "-", "-", "-", "-", "-"))
    columns = ("machine", "$/chip-hour", "chips", "tokens/s", "$/M tokens", "cheapest at $/chip-hour")
    return CaseTable(title, columns, tuple(rows))


def _reading_table(case: CaseFile, pairs: list[Pair], measures: Mapping[str, Measured]) -> CaseTable:
    """For every reading of the claim: how many of what was tried meet it, and whether only the fastest precision."""
    fast, rows = f", {case.settings['new_precisions'][0]} against ", []
    for claim in case.claims:
        measure = measures.get(claim.measure)
        if measure is None or len(measure.values) < _SEVERAL:
            continue
        met = [name for name, value in measure.values.items() if claim.met(value)]
        needs = f"only with {case.settings['new_precisions'][0]}" if all(fast in name for name in met) else "no"
        low, high = measure.ends
        rows.append((claim.text, f"{len(met)} of {len(measure.values)}", f"{low:.2f} to {high:.2f}",
                     needs if met else "nothing that was tried meets it"))  # fmt: skip
    for words, power in (
        ("an UltraServer draws what its predecessor drew", [p.same_power_w for p in pairs]),
        ("a token costs the same energy", [p.power_for(1.0) for p in pairs]),
        ("four times the tokens of a joule", [p.power_for(4.0) for p in pairs]),
    ):
        span = (
            f"{max(min(power), 0.0):,.0f} to {max(power):,.0f} W"
            if max(power) > 0.0
            else "none: hosts alone draw too much"
        )
        rows.append((f"mean power of a chip at which {words}", "-", span, "-"))
    return CaseTable("Which reading holds where", ("reading", "met in", "range", "needs the fastest precision"),
                     tuple(rows))  # fmt: skip


_S_PER_HOUR = 3600.0
"""Seconds of an hour."""
_SEVERAL = 2
"""Values from which a measure has a range."""


def _notes(pairs: list[Pair]) -> list[str]:
    evidence = pairs[0].new.evidence.get("matrix multiplies", "")
    return [
        f"The new machine's multiplies rest on: {evidence}; the old one's on: "
        f"{pairs[0].old.evidence.get('matrix multiplies', '')}."
    ]
