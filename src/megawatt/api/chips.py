"""Of chips: how long a training step is, which machine is best, how fast a model is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from megawatt.api.result import Result, columns_of, figures_of
from megawatt.api.typed import at_least, typed
from megawatt.api.words import as_name, as_names, options_of
from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.picture import Picture, bars

if TYPE_CHECKING:
    from megawatt.launch import Question
    from megawatt.serving import ServingPlan
    from megawatt.training import Machine, Objective, TrainingPlan
    from megawatt.training.timeline import Timeline

__all__ = ["Trained", "compare", "serve", "timeline", "train"]

Named = str | Path | Result[Any]
"""A key, a file, or the answer about one."""


@dataclass(frozen=True)
class Trained(Result[Any]):
    """A training plan, with the question that it answers."""

    value: TrainingPlan

    question: Question | None = None

    __repr__ = Result.__str__


_STEP = {
    "step_time_s": ("step", "s"),
    "tokens_per_s": ("tokens a second", "1/s"),
    "mfu": ("MFU", ""),
    "chip_power_w": ("power of a chip", "W"),
    "it_energy_j_per_token": ("energy of a token", "J"),
    "rests_on": ("rests on", ""),
}


@typed
def train(
    model: Named,
    system: Named,
    *,
    chips: int | None = None,
    batch: int | None = None,
    seq: int | None = None,
    precision: str | None = None,
    objective: Objective = "time",
    usd_per_chip_hour: float = 0.0,
    usd_per_mwh: float = 0.0,
    tokens: float | None = None,
    pue: float = 1.0,
    top: int = 5,
    kernels: str | Path | None = None,
    **options: Any,
) -> Trained:
    """How long a training step is under the best parallel layout, and the whole run where its tokens are given.

    Parameters
    ----------
    model, system : str, Path or Result
        Keys or files.
    chips : int, optional
        Chips to use; a launch file may say it instead.
    batch, seq : int, optional
        Sequences of a step, and tokens of each.
    precision : str, optional
        Of the linear layers: names with commas, or ``any``.
    objective : {'time', 'energy', 'cost'}
        What the best layout has least of; cost takes the two prices.
    usd_per_chip_hour, usd_per_mwh : float
        Prices. [USD]
    tokens : float, optional
        Tokens of a whole run: its days, failures included, and its energy, under ``run``.
    pue : float
        Facility over IT power, for the energy of the run.
    top : int
        Layouts that are told.
    kernels : str or Path, optional
        Folder of measured kernels in place of the catalogue's.
    **options
        How it is set up (``layout``, ``schedule``, ``stack``, ``optimizer``, ``offload``, ``lora`` ...) and, with
        tokens, how it runs (``spares``, ``checkpoint``, ``recovery`` ...), as of the command.

    Raises
    ------
    ScenarioError
        If an option is not known or has no value that it can have.
    InfeasibleError
        If no layout fits.

    Examples
    --------
    >>> import megawatt as mw
    >>> step = mw.train("llama-3.1-8b", "hgx-h100", chips=8, seq=8192, batch=128)
    >>> 0.3 < step["mfu"] < 0.6
    True
    """
    from megawatt.launch import ask, said_of
    from megawatt.runs import PATHS, BillPrices, RunSettings, around_run, run, run_dict
    from megawatt.training import Prices, Setup, plan
    from megawatt.training.telling import plan_dict

    setup, said = options_of(options)
    if said and tokens is None:
        raise ScenarioError(f"{', '.join(said)}: allowed: with tokens")
    settings = RunSettings(**said)
    question = ask(
        load_catalogue(), as_name(model), as_name(system), chips="" if chips is None else str(chips), seq_len=seq,
        global_batch=batch, precision=precision, kernels=None if kernels is None else Path(kernels),
        setup=Setup(**setup),
    )  # fmt: skip
    prices = Prices(usd_per_chip_hour, usd_per_mwh)
    found = plan(question.job, question.system, question.counts[0], **question.asked, objective=objective,
                 prices=prices)  # fmt: skip
    plain = plan_dict(question.system, found, top, prices)
    if question.launch is not None:
        plain["notes"] += said_of(question.launch, found.job.arch)
    figures = figures_of(plain | {"layout": plain["layouts"][0]["short"]}, {"layout": ("best layout", ""), **_STEP})
    if tokens is not None:
        whole = run(found, system=question.system, tokens=tokens, catalogue=question.catalogue, settings=settings,
                    paths=PATHS)  # fmt: skip
        bill = BillPrices(usd_per_chip_hour, usd_per_mwh, pue=pue)
        around = around_run(found, whole, question.system, question.catalogue, bill)
        plain["run"] = run_dict(whole) | around.plain()
        figures += figures_of(
            plain["run"],
            {"days": ("the run", "day"), "goodput": ("goodput", ""), "energy_mwh": ("energy of the run", "MWh")},
        )
    title = f"{found.job.arch.title or found.job.arch.key} on {found.chips:,} x {question.system.accelerator.key}"
    parts = {name: float(seconds[0]) for name, seconds in found.cost.parts_s.items() if float(seconds[0]) > 0.0}
    drawn = partial(_parts_chart, f"Time of a step: {title}", parts)
    return Trained(title, found, plain, figures, columns_of(plain["layouts"]), drawn, question=question)


def _parts_chart(title: str, parts: dict[str, float]) -> Picture:
    """Parts of a time, the longest first."""
    return bars(title, dict(sorted(parts.items(), key=lambda item: -item[1])), "s")


@typed
def timeline(step: Trained) -> Result[Timeline]:
    """One step of a plan as events on its pipeline's stages.

    Parameters
    ----------
    step : Trained
        What `train` answered.

    Returns
    -------
    Result
        ``to_dict()`` is a Chrome trace: write it as JSON and open it in https://ui.perfetto.dev.

    Examples
    --------
    >>> import megawatt as mw
    >>> step = mw.train("llama-3.1-8b", "hgx-h100", chips=8, seq=8192, batch=128)
    >>> len(mw.timeline(step)["traceEvents"]) > 10
    True
    """
    from megawatt.training import chrome_trace, plan_timeline

    if not isinstance(step, Trained) or step.question is None:
        raise ScenarioError("timeline: allowed: what train answered")
    found = plan_timeline(step.value, step.question.system, step.question.catalogue)
    trace = chrome_trace(found, step.title)
    figures = figures_of({"events": len(found.events), "step": step["step_time_s"]},
                         {"events": ("events", ""), "step": ("step", "s")})  # fmt: skip
    rows = [event for event in trace["traceEvents"] if event.get("ph") == "X"]
    return Result(f"Timeline: {step.title}", found, trace, figures, columns_of(rows))


@typed
def compare(
    model: Named,
    systems: Sequence[Named],
    *,
    chips: float | Sequence[float] | None = None,
    units: float | Sequence[float] | None = None,
    power_mw: float | None = None,
    usd_per_hour: float | None = None,
    step_s: float | None = None,
    usd_per_chip_hour: float | str | Sequence[float] = (),
    batch: int | None = None,
    seq: int | None = None,
    precision: str | Sequence[str | None] | None = None,
    kernels: str | Path | None = None,
    **options: Any,
) -> Result[list[Machine]]:
    """What each of several machines makes of a model, equal in one thing.

    Parameters
    ----------
    model, systems
        Keys or files.
    chips, units, power_mw, usd_per_hour, step_s : float, optional
        Exactly one: chips at most, whole machines, provisioned IT power [MW], cost of chip-hours [USD/hour], or the
        longest step [s]. Chips and machines may be one number for each.
    usd_per_chip_hour : float, str or sequence of float
        Price of a chip-hour, of all or of each [USD]; or a kind of the catalogue's, such as ``"on-demand"``.
    batch, seq, precision, kernels, **options
        As of `train`; a precision for all or one for each.

    Raises
    ------
    ScenarioError
        If not exactly one limit is given, or there are not as many numbers as machines.

    Examples
    --------
    >>> import megawatt as mw
    >>> found = mw.compare("llama-3.1-8b", ["hgx-h100", "hgx-h200"], chips=8, seq=8192, batch=128)
    >>> [row["system"] for row in found["machines"]]
    ['hgx-h100', 'hgx-h200']
    """
    from megawatt.launch import compare_machines
    from megawatt.training import Setup
    from megawatt.training.telling import machine_dict

    names, (setup, said) = as_names(systems), options_of(options)
    if said:
        raise ScenarioError(f"{', '.join(said)}: allowed: of train, with tokens")
    at_least(0, power_mw=power_mw, usd_per_hour=usd_per_hour, step_s=step_s)

    def each(value: Any, what: str) -> list[Any]:
        values = [value] * len(names) if value is None or isinstance(value, float | int | str) else list(value)
        if values and len(values) != len(names):
            raise ScenarioError(f"{what}: {len(values)} values; allowed: one, or {len(names)}, one for each machine")
        return values

    found = compare_machines(
        load_catalogue(), as_name(model), names, chips=each(chips, "chips"), units=each(units, "units"),
        power_mw=power_mw, usd_per_hour=usd_per_hour, step_s=step_s,
        usd_per_chip_hour=usd_per_chip_hour if isinstance(usd_per_chip_hour, str) else each(
            usd_per_chip_hour, "usd_per_chip_hour"), precisions=each(precision, "precision"),
        global_batch=batch, seq_len=seq, kernels=None if kernels is None else Path(kernels), setup=Setup(**setup),
    )  # fmt: skip
    rows = [machine_dict(one) for one in found]
    speed = {row["system"]: row.get("tokens_per_s") for row in rows}
    figures = figures_of(speed, {name: (name, "tokens/s") for name in speed})
    drawn = partial(bars, "Tokens a second", {name: value for name, value in speed.items() if value}, "1/s")
    return Result(f"{as_name(model)} on {len(names)} machines", found, {"machines": rows}, figures, columns_of(rows),
                  drawn)  # fmt: skip


@typed
def serve(
    model: Named,
    system: Named,
    *,
    chips: int,
    isl: float = 1024.0,
    osl: float = 512.0,
    ttft_s: float | None = None,
    tpot_s: float | None = None,
    rate: float | None = None,
    precision: str = "",
    stack: str = "",
    layout: str = "",
    usd_per_chip_hour: float | None = None,
    simulate: int = 0,
    seed: int = 0,
    top: int = 5,
    kernels: str | Path | None = None,
) -> Result[ServingPlan]:
    """How many tokens a second a machine serves of a model, how soon, and at what energy.

    Parameters
    ----------
    model, system : str, Path or Result
        Keys or files.
    chips : int
        Chips to use at most.
    isl, osl : float
        Tokens of a prompt and of an answer.
    ttft_s, tpot_s : float, optional
        Longest mean time to the first token, and per token after it. [s]
    rate : float, optional
        Requests a second: the fewest chips for them.
    precision, stack, layout : str
        As of the command.
    usd_per_chip_hour : float, optional
        Price, for the cost of a million tokens. [USD]
    simulate : int
        Requests that are served step by step for percentiles; 0: none.

    Raises
    ------
    ScenarioError
        If an option has no value that it can have.
    InfeasibleError
        If no layout keeps the targets.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.serve("llama-3.1-8b", "hgx-h100", chips=1)["choices.0.tokens_per_s"] > 1000
    True
    """
    from megawatt.serving import Targets, Traffic, parse_layout, simulated, usual_precision
    from megawatt.serving import serve as answer
    from megawatt.serving.telling import plan_dict
    from megawatt.training import open_machine
    from megawatt.workload import load_model

    at_least(0, simulate=simulate)
    at_least(1, top=top)
    known, machine = open_machine(load_catalogue(), as_name(system), kernels=None if kernels is None else Path(kernels))
    arch = load_model(as_name(model), known)
    found = answer(
        arch, machine, chips, Traffic(isl, osl), catalogue=known,
        precision=precision or usual_precision(machine.accelerator), stack=stack, layout=parse_layout(layout),
        targets=Targets(ttft_s or float("inf"), tpot_s or float("inf"), rate or 0.0), listed=top,
    )  # fmt: skip
    measured = simulated(found, simulate, seed) if simulate else None
    plain = plan_dict(found, usd_per_chip_hour, measured)
    wanted = {
        "layout": ("best layout", ""), "tokens_per_s": ("tokens a second", "1/s"),
        "ttft_s": ("time to the first token", "s"), "tpot_s": ("time per token", "s"),
        "it_j_per_token": ("energy of a token", "J"), "usd_per_million_tokens": ("cost of a million tokens", "USD"),
        "limit": ("limited by", ""),
    }  # fmt: skip
    front = {row["layout"]: row["tokens_per_s"] for row in plain["choices"]}
    drawn = partial(bars, "Tokens a second by layout", front, "1/s")
    title = f"{arch.title} on {machine.accelerator.title}"
    return Result(title, found, plain, figures_of(plain["choices"][0], wanted), columns_of(plain["choices"]), drawn)
