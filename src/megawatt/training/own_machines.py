"""Machines of the user's own, ready to plan with: machine files, measured kernels, and a measured run as an anchor."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from megawatt.catalogue.records import Fact, System
from megawatt.errors import MegawattError, Problem, ScenarioError
from megawatt.hardware import peak_precision, with_kernels
from megawatt.training.choices import parse_choices
from megawatt.training.layouts import layouts_like
from megawatt.training.planning import evaluate
from megawatt.training.practice import practice_for
from megawatt.training.records import Job, Layouts
from megawatt.workload import load_model

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.catalogue.own_machine import OwnMachine

__all__ = ["open_machine", "open_machines"]

_FACT: Final = "achieved_over_predicted"
_LEAST, _MOST = 0.4, 1.5
"""Factors beyond these are no property of a chip: the run, its layout or a data sheet is another than the file says."""
_CLOSE: Final = 1e-9
"""Of the factor."""


def open_machine(
    catalogue: Catalogue, name: str, *, kernels: Path | None = None, folder: Path | None = None
) -> tuple[Catalogue, System]:
    """One machine by key or file; see `open_machines`."""
    over, keys = open_machines(catalogue, [name], kernels=kernels, folder=folder)
    return over, over.system(keys[0])


def open_machines(
    catalogue: Catalogue, names: Sequence[str], *, kernels: Path | None = None, folder: Path | None = None
) -> tuple[Catalogue, list[str]]:
    """Machines by key or file, and the catalogue in which all of them are.

    Parameters
    ----------
    catalogue : Catalogue
        What is known.
    names : sequence of str
        Keys of systems, or paths of machine files.
    kernels : Path, optional
        Folder of measured kernels, laid over the catalogue's before anchors are solved.
    folder : Path, optional
        Where relative paths of files start; the current folder if not given. Results name files as given.

    Returns
    -------
    Catalogue, list of str
        Keys in the order of the names.

    Raises
    ------
    ScenarioError
        If a file is not a machine file (with all its problems), or an anchor asks for what no chip can do.
    CatalogueError
        If a key is not known.
    """
    from megawatt.catalogue.own_machine import is_machine_file, read_machine

    base = folder or Path()
    keys, anchored = [], []
    for name in names:
        if not is_machine_file(name):
            keys.append(catalogue.get(name, "system").key)
            continue
        own = read_machine(base / name, catalogue, name=name)
        catalogue = own.catalogue
        keys.append(own.key)
        if own.anchor is not None:
            anchored.append(own)
    if kernels is not None:
        catalogue = with_kernels(catalogue, base / kernels, name=str(kernels))
    for own in anchored:
        catalogue = _with_anchor(catalogue, own)
    return catalogue, keys


def _with_anchor(catalogue: Catalogue, own: OwnMachine) -> Catalogue:
    """The catalogue with the machine's kernels at the rate that the measured run shows."""
    anchor = own.anchor
    if anchor is None:
        return catalogue
    try:
        arch = load_model(anchor.model, catalogue, own.folder)
        job = Job(arch, anchor.seq_len, anchor.global_batch, anchor.precision)
        layout = layouts_like(job, anchor.chips, parse_choices(anchor.layout))
        run = _Run(catalogue, own.key, job, layout, anchor.stack)
        predicted = run.step_time_s(1.0)
        measured = anchor.measured_s()
        factors = [_factor(run, time_s) for time_s in measured]
    except MegawattError as error:
        raise _refused(own.file, error) from None
    note = (
        f"rate of multiplies, attention and experts over the predicted one: a step of {arch.key} on {anchor.chips} "
        f"chips took {measured[0]:.6g} s as measured, {predicted:.4g} s as predicted"
    )
    fact = Fact(factors[0], "", "derived", own.file, "", min(factors), max(factors), note)
    if len(factors) == 1:
        fact = dataclasses.replace(fact, low=None, high=None)
    chip = catalogue.get(catalogue.system(own.key).accelerator.key)
    changed = dataclasses.replace(chip, facts={**chip.facts, _FACT: fact})
    return dataclasses.replace(catalogue, entries={**catalogue.entries, chip.key: changed})


def _refused(file: str, error: MegawattError) -> ScenarioError:
    """Why a run cannot be costed, as problems of its machine file."""
    problems = [dataclasses.replace(p, path=f"anchor.{p.path}".removesuffix(".")) for p in error.problems]
    problems = problems or [Problem("anchor", str(error), "a run of this machine that a step can be costed for")]
    if len(problems) == 1:
        return ScenarioError(f"{file}: {problems[0]}", problems, file)
    return ScenarioError(f"{file}: anchor: {error}", problems, file)


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    """A measured run, as it is predicted."""

    catalogue: Catalogue
    system: str
    job: Job
    layout: Layouts
    stack: str | None

    def machine(self, factor: float) -> System:
        system = self.catalogue.system(self.system)
        chip = dataclasses.replace(system.accelerator, achieved_over_predicted=factor)
        return dataclasses.replace(system, accelerator=chip)

    def step_time_s(self, factor: float) -> float:
        cost = evaluate(self.job, self.machine(factor), self.layout, catalogue=self.catalogue, stack=self.stack)
        return float(cost.step_time_s[0])

    def largest(self) -> float:
        """The factor at which a large multiply reaches the data sheet's rate, at most `_MOST`."""
        practice = practice_for(self.catalogue, self.machine(1.0), self.stack, jobs=[self.job])
        precision = peak_precision(self.machine(1.0).accelerator, self.job.precision)
        kernel, profile = practice.multiplies.get(precision), practice.kernels
        share = profile.gemm_flops_per_s[precision] / profile.peak_flops_per_s[precision]
        if kernel is not None:
            share = kernel.rate_share * kernel.speed
        return min(_MOST, 1.0 / share)


def _factor(run: _Run, measured_s: float) -> float:
    """Rate of kernels over the predicted one at which the run's step takes as long as measured."""
    most = run.largest()
    ends = [run.step_time_s(most), run.step_time_s(_LEAST)]
    if not ends[0] < measured_s < ends[1]:
        found = f"{measured_s:g} s, predicted {run.step_time_s(1.0):.4g} s"
        allowed = (
            f"{ends[0]:.4g} to {ends[1]:.4g} s: kernels at {_LEAST:g} to {most:.3g} of the predicted rate "
            "(above, multiplies would beat the data sheet)"
        )
        hint = "check chips, layout, global_batch and the data sheet"
        raise ScenarioError(f"step_time_s: {found}; allowed: {allowed}", [Problem("step_time_s", found, allowed, hint)])
    from scipy.optimize import brentq  # scipy loads slowly; only anchors need it

    return float(brentq(lambda f: run.step_time_s(f) - measured_s, _LEAST, most, xtol=_CLOSE))
