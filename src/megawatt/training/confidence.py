"""How sure a plan is: the nearest measured run, how far away it is, and the range of its step time."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.loader import data_folder
from megawatt.catalogue.records import Accelerator
from megawatt.files import read_table
from megawatt.hardware.cores import relatives
from megawatt.training.records import Job, TrainingPlan
from megawatt.workload import parameters

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Confidence", "Evidence", "confidence", "evidence", "held_out", "nearest_run", "score_range"]

_TABLE: Final = "table-training-evidence.csv"
"""Published runs, each with the error of a prediction whose constants were fitted without its source."""
_ENDS: Final = (0.1, 0.9)
"""Quantiles between which 80 % lie."""
_RELATIVE, _FAMILY, _STRANGER = 0.4, 0.8, 1.5  # distance of a chip: kernels stand in, same family, none of it
_KIND: Final = 1.0
"""Distance between a dense model and a mixture."""
_NARROW, _WIDE = 0.4, 0.1  # distance of a precision: of another width, of the same
_STACK: Final = 0.4
"""Distance between two stacks."""
_TENFOLD: Final = 0.3
"""Distance of a factor of ten in parameters, chips or tokens of a sequence."""
_FAR: Final = 0.8
"""Distance from which a plan lies outside anything measured: another generation of chips, or another kind of model."""
_SIXTEEN: Final = ("bf16", "fp16", "fp32", "tf32")
"""Precisions of 16 bits or more."""
_SIZES: Final = ("parameters_b", "chips", "seq_len")
_NAMED: Final = 3.0
"""Factor in size from which a difference is named."""


@dataclass(frozen=True)
class Evidence:
    """Measured runs, arrays of shape (n,): what ran, and where it was published.

    ``error`` is predicted over measured step time, less one, by constants fitted without the run's source;
    ``distance`` that to the nearest run of another source; ``words`` are the columns that are no numbers.
    """

    words: Mapping[str, NDArray[np.str_]]
    sizes: Mapping[str, FloatArray]
    error: FloatArray
    distance: FloatArray

    @functools.cached_property
    def chips(self) -> tuple[list[str], NDArray[np.intp]]:
        """Measured chips, and which of them each run is on."""
        names, place = np.unique(self.words["chip"], return_inverse=True)
        return names.tolist(), place

    @functools.cached_property
    def logs(self) -> Mapping[str, FloatArray]:
        """Decimal logarithms of the sizes."""
        return {name: np.log10(sizes) for name, sizes in self.sizes.items()}

    @functools.cached_property
    def sixteen(self) -> NDArray[np.bool_]:
        """Runs whose precision is of 16 bits or more."""
        return np.isin(self.words["precision"], _SIXTEEN)

    @functools.cached_property
    def families(self) -> dict[str, str]:
        """Family of each measured chip."""
        return dict(zip(self.words["chip"].tolist(), self.words["family"].tolist(), strict=True))

    @property
    def scores(self) -> FloatArray:
        """Logarithm of measured over predicted step time, over the scale of its distance."""
        return np.asarray(-np.log1p(self.error) / (1.0 + self.distance))

    @property
    def weights(self) -> FloatArray:
        """Weight of each run: a source counts as the root of its runs, so that none alone decides."""
        _, place, count = np.unique(self.words["source"], return_inverse=True, return_counts=True)
        return np.asarray(1.0 / np.sqrt(count[place]))


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a plan's step time is.

    ``run`` names the nearest measured run (``model`` on ``chips`` of ``chip``, ``source``, ``url``), ``error`` is what
    its prediction was off by (predicted over measured, less one), ``distance`` how far away it is (0: the same),
    ``apart`` says in what. ``low`` and ``high`` are factors on step time that hold 80 % of measured ones.
    """

    run: Mapping[str, str]
    error: float
    distance: float
    apart: tuple[str, ...]
    low: float
    high: float
    chip_measured: bool = True

    @property
    def outside(self) -> bool:
        """Whether the plan lies outside anything measured: no run on its chip, or none near."""
        return self.distance >= _FAR or not self.chip_measured

    @property
    def sentence(self) -> str:
        """All of it in a sentence or two."""
        run = f"{self.run['model']} on {float(self.run['chips']):,.0f} x {self.run['chip']} ({self.run['source']})"
        differs = f", apart in {', '.join(self.apart)}" if self.apart else ""
        said = f"Nearest measured run: {run}, predicted {self.error:+.0%}, distance {self.distance:.2g}{differs}."
        said += f" 80 %: {self.low - 1.0:+.0%} to {self.high - 1.0:+.0%} of the step time."
        return f"{said} Outside anything measured." if self.outside else said


@functools.lru_cache(maxsize=1)
def evidence() -> Evidence:
    """The packaged table of measured runs."""
    rows = read_table(data_folder() / _TABLE).rows
    names = ("source", "url", "model", "kind", "chip", "family", "precision", "stack")
    numbers = {name: np.array([row.number(name) for row in rows]) for name in (*_SIZES, "error", "distance")}
    return Evidence(
        words={name: np.array([row[name] for row in rows]) for name in names},
        sizes={name: numbers[name] for name in _SIZES},
        error=numbers["error"],
        distance=numbers["distance"],
    )


def distances(
    known: Evidence, asked: Mapping[str, str], sizes: Mapping[str, float], near: Mapping[str, float]
) -> FloatArray:
    """Distance of a question from each measured run. (n,)

    Parameters
    ----------
    known : Evidence
        The measured runs.
    asked : mapping of str to str
        ``kind`` (dense, mixture), ``precision``, ``stack``.
    sizes : mapping of str to float
        ``parameters_b``, ``chips``, ``seq_len``. > 0
    near : mapping of str to float
        Distance of its chip from each measured chip.
    """
    words = known.words
    chips, place = known.chips
    found = np.array([near[chip] for chip in chips])[place]
    found = found + _KIND * (words["kind"] != asked["kind"]) + _STACK * (words["stack"] != asked["stack"])
    alike = known.sixteen == (asked["precision"] in _SIXTEEN)
    found += np.where(words["precision"] == asked["precision"], 0.0, np.where(alike, _WIDE, _NARROW))
    for name in _SIZES:
        found += _TENFOLD * np.abs(known.logs[name] - math.log10(sizes[name]))
    return np.asarray(found)


def chip_distances(catalogue: Catalogue, chip: Accelerator, others: Mapping[str, str]) -> dict[str, float]:
    """Distance of a chip from others (families by key): the same, one whose kernels stand in for its own or the other
    way round, one of its family, none of these."""
    known = [key for key in chip.practised if catalogue.knows(key)]
    mine = {name for key in known for name in (*relatives(catalogue, key), key)}
    found = {}
    for other, family in others.items():
        related = other in mine or bool({*chip.practised} & {*relatives(catalogue, other)})
        far = _RELATIVE if related else _FAMILY if family == chip.family else _STRANGER
        found[other] = 0.0 if other == chip.key else far
    return found


@functools.lru_cache(maxsize=1)
def score_range() -> tuple[float, float]:
    """Scores between which 80 % of the measured runs lie."""
    known = evidence()
    return _ends(known.scores, known.weights)


def _ends(scores: FloatArray, weights: FloatArray) -> tuple[float, float]:
    order = np.argsort(scores)
    share = np.cumsum(weights[order]) / weights.sum()
    low, high = (float(scores[order][min(int(np.searchsorted(share, end)), len(scores) - 1)]) for end in _ENDS)
    return low, high


def held_out() -> tuple[float, float]:
    """Share of the runs of sources left out, one source at a time, that their 80 % ranges hold: by run, by source."""
    known = evidence()
    scores, weights, held, runs = known.scores, known.weights, [], []
    for source in np.unique(known.words["source"]):
        out = known.words["source"] == source
        low, high = _ends(scores[~out], weights[~out])
        held.append(float(np.mean((scores[out] >= low) & (scores[out] <= high))))
        runs.append(int(out.sum()))
    return float(np.average(held, weights=runs)), float(np.mean(held))


def confidence(job: Job, chip: Accelerator, chips: int, stack: str, catalogue: Catalogue) -> Confidence:
    """How sure the step time of a plan is.

    Parameters
    ----------
    job : Job
        Its model, sequence and precision.
    chip, chips : Accelerator, int
        What it runs on.
    stack : str
        Key of its training stack, with its release where that is said.
    catalogue : Catalogue
        Which chips are relatives.
    """
    known = evidence()
    asked = {
        "kind": "mixture" if job.arch.experts else "dense", "precision": job.precision,
        "stack": stack.partition("@")[0].partition(";")[0].strip(), "chip": chip.key,
    }  # fmt: skip
    sizes = {"parameters_b": parameters(job.arch).total / 1e9, "chips": float(chips), "seq_len": float(job.seq_len)}
    near = chip_distances(catalogue, chip, known.families)
    far = distances(known, asked, sizes, near)
    at = int(np.argmin(far))
    run = {name: str(values[at]) for name, values in known.words.items()}
    run |= {name: f"{values[at]:g}" for name, values in known.sizes.items()}
    apart = [f"{name} ({run[name]})" for name in ("kind", "chip", "precision", "stack") if run[name] != asked[name]]
    for name, word in zip(_SIZES, ("parameters", "chips", "sequence"), strict=True):
        ratio = sizes[name] / float(known.sizes[name][at])
        if max(ratio, 1.0 / ratio) >= _NAMED:
            apart.append(f"{word} ({ratio:.2g} times)")
    low, high = (math.exp(end * (1.0 + far[at])) for end in score_range())
    return Confidence(
        run, float(known.error[at]), float(far[at]), tuple(apart), min(low, 1.0), max(high, 1.0), chip.key in near
    )


def nearest_run(plan: TrainingPlan) -> dict[str, Any] | None:
    """What a plan says of its nearest measured run, as plain values: what ran, error, distance, range. [s]"""
    sure = plan.sure
    if sure is None:
        return None
    return {
        **sure.run,
        "error": sure.error,
        "distance": sure.distance,
        "apart": list(sure.apart),
        "outside": sure.outside,
        "step_time_80_s": [plan.step_time_s * sure.low, plan.step_time_s * sure.high],
    }
