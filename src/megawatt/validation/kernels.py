"""Score measured kernels: time and chip power of every shape, by accelerator, precision, stack and size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.calibration.experts import rows_cost
from megawatt.calibration.readings import earlier_shapes, instrument_of, reading_w, series_of
from megawatt.calibration.tables import FAMILY_NAMES, precisions_of
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Accelerator
from megawatt.errors import MegawattError
from megawatt.evidence.kernel_tables import KernelTable, read_kernels
from megawatt.hardware.clock import Cost
from megawatt.hardware.fitted_numbers import Fitted
from megawatt.hardware.flash import attention_cost
from megawatt.hardware.gemm import gemm_cost
from megawatt.hardware.kernels import attention_kernel, experts_kernel, gemm_kernel
from megawatt.validation.case_set import CaseSet
from megawatt.validation.scoring import Case, Skipped

__all__ = ["Prediction", "collect", "predict_table", "score"]


_LONG_MS: Final = 0.2
"""Power readings of shorter kernels mix in the gaps between launches."""
_NEAR_CAP: Final = 0.9
"""Share of the power limit from which a run counts as at the cap."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Rows of one chip, precision and stack: their places in the table, time, expected reading, and whose numbers."""

    places: NDArray[np.intp]
    time_s: FloatArray
    power_w: FloatArray
    fitted: Fitted


Costs = Callable[[Catalogue, Accelerator, str, str, KernelTable, bool, Sequence[str]], tuple[Cost, Fitted]]


def _gemm(
    catalogue: Catalogue,
    chip: Accelerator,
    precision: str,
    stack: str,
    rows: KernelTable,
    steady: bool,
    exclude: Sequence[str],
) -> tuple[Cost, Fitted]:
    kernel, found = gemm_kernel(catalogue, chip, precision, stack, exclude=exclude)
    m, n, k = (rows.number(name) for name in "mnk")
    return gemm_cost(kernel, m, n, k, steady=steady), found


def _attention(
    catalogue: Catalogue,
    chip: Accelerator,
    precision: str,
    stack: str,
    rows: KernelTable,
    steady: bool,
    exclude: Sequence[str],
) -> tuple[Cost, Fitted]:
    kernel, found = attention_kernel(catalogue, chip, precision, stack, exclude=exclude)
    names = ("batch_size", "isl", "isl", "num_heads", "num_key_value_heads", "head_dim")
    return attention_cost(kernel, *(rows.number(name) for name in names), steady=steady), found


def _moe(
    catalogue: Catalogue,
    chip: Accelerator,
    precision: str,
    stack: str,
    rows: KernelTable,
    steady: bool,
    exclude: Sequence[str],
) -> tuple[Cost, Fitted]:
    kernel, found = experts_kernel(catalogue, chip, precision, stack, exclude=exclude)
    return rows_cost(kernel, rows, stack, steady), found


_COSTS: Final[Mapping[str, Costs]] = {"gemm": _gemm, "attention": _attention, "moe": _moe}


def _flops(table: KernelTable) -> FloatArray:
    """Operations that a flat efficiency counts. [FLOP]"""
    number = table.number
    if table.family == "gemm":
        return 2.0 * number("m") * number("n") * number("k")
    if table.family == "attention":
        return 2.0 * number("batch_size") * number("num_heads") * number("isl") ** 2 * number("head_dim")
    products = number("hidden_size") * number("inter_size") / number("moe_tp_size")
    return 6.0 * number("num_tokens") * number("topk") / number("moe_ep_size") * products


def _size(table: KernelTable) -> NDArray[Any]:
    """Size class of each row."""
    number = table.number
    if table.family == "gemm":
        large = np.minimum(np.minimum(number("m"), number("n")), number("k")) >= 1024
    elif table.family == "attention":
        large = number("isl") >= 4096
    else:
        large = number("num_tokens") >= 1024
    return np.where(large, "large", "small")


def _parts(table: KernelTable, precisions: NDArray[Any]) -> Iterator[tuple[str, str, str, bool, NDArray[np.intp]]]:
    """Rows by chip, precision, stack and whether their run was steady."""
    steady = np.isfinite(table.number("power_w"))
    keys = np.array(
        [
            f"{a}|{p}|{s}|{int(f)}"
            for a, p, s, f in zip(table.word("accelerator"), precisions, table.word("stack"), steady, strict=True)
        ],
        dtype=object,
    )
    for key in sorted(set(keys)):
        chip, precision, stack, flag = str(key).split("|")
        yield chip, precision, stack, flag == "1", np.flatnonzero(keys == key)


def predict_table(
    table: KernelTable, catalogue: Catalogue, *, leave_out: bool = False
) -> tuple[list[Prediction], dict[int, str]]:
    """Predicted time and power of every row of a table of multiplies, attention or experts.

    Parameters
    ----------
    table : KernelTable
        Measured rows; rows with a power reading are steady runs.
    catalogue : Catalogue
    leave_out : bool
        Predict each chip as if it had not been measured: from its relatives.

    Returns
    -------
    list of Prediction, dict of int to str
        Predictions by part, and for rows without one the reason by place.
    """
    predictions: list[Prediction] = []
    reasons: dict[int, str] = {}
    limits = table.number("power_limit_w")
    for chip, precision, stack, steady, places in _parts(table, precisions_of(table)):
        rows = table.where(np.isin(np.arange(len(table)), places))
        try:
            accelerator = catalogue.accelerator(chip)
            limit = limits[places]
            if np.isfinite(limit).any():
                accelerator = dataclasses.replace(accelerator, power_cap_w=float(np.nanmedian(limit)))
            exclude = (accelerator.key,) if leave_out else ()
            price = partial(_COSTS[table.family], catalogue, accelerator, precision, stack)
            cost, found = price(rows, steady, exclude)
            power_w = cost.power_w
            read = instrument_of(catalogue, FAMILY_NAMES[table.family], accelerator.key, precision, stack)
            if steady and read is not None:
                earlier, _ = price(earlier_shapes(rows), steady, exclude)
                series = series_of(catalogue, rows, accelerator.key, precision, stack)
                power_w = reading_w(power_w, earlier.power_w, cost.time_s, series, read)
        except MegawattError as error:
            reasons |= dict.fromkeys((int(p) for p in places), str(error))
            continue
        predictions.append(Prediction(places, cost.time_s, power_w, found))
    return predictions, reasons


def _flat_s(table: KernelTable, precisions: NDArray[Any]) -> FloatArray:
    """Null model: one rate per chip, precision and stack, the median of the rows with ``fold = fit``. [s]"""
    flops, time = _flops(table), table.number("latency_ms") * 1e-3
    fit = table.word("fold") == "fit"
    out = np.empty(len(table))
    for *_, places in _parts(table, precisions):
        used = places[fit[places]] if fit[places].any() else places
        out[places] = flops[places] / np.median(flops[used] / time[used])
    return out


def _labels(table: KernelTable, place: int, precision: str, size: str) -> tuple[str, ...]:
    chip, stack, fold = (str(table.word(name)[place]) for name in ("accelerator", "stack", "fold"))
    return (
        f"accelerator={chip}",
        f"dtype={precision}",
        f"stack={stack}",
        f"size={size}",
        f"fold={fold}",
        f"cell={chip} {precision} {size} {fold}",
        f"part={chip} {stack} {fold}",
    )


def _power_labels(table: KernelTable, place: int, labels: tuple[str, ...], cap_w: float) -> tuple[str, ...]:
    long = table.number("latency_ms")[place] > _LONG_MS
    below = table.number("power_w")[place] < _NEAR_CAP * cap_w
    chip, fold = str(table.word("accelerator")[place]), str(table.word("fold")[place])
    duration = "long" if long else "short"
    extra: tuple[str, ...] = (f"duration={duration}", f"level={'below' if below else 'at'}-cap")
    if long:
        precision = labels[1].removeprefix("dtype=")
        extra += (f"long={chip} {precision} {fold}",)
        if below:
            extra += (f"long-below-cap={chip} {precision} {fold}", f"long-below-cap={fold}")
    return labels + extra


def collect(path: Path, catalogue: Catalogue, *, leave_out: bool = False) -> list[CaseSet]:
    """Cases of a Parquet file of measured multiplies, attention or experts: time, and power where it was read."""
    table = read_kernels(path)
    precisions = precisions_of(table)
    predictions, reasons = predict_table(table, catalogue, leave_out=leave_out)
    time, power = np.full(len(table), np.nan), np.full(len(table), np.nan)
    assumed: dict[int, tuple[str, ...]] = {}
    for part in predictions:
        time[part.places], power[part.places] = part.time_s, part.power_w
        if not part.fitted.own:
            assumed |= dict.fromkeys(
                (int(p) for p in part.places), (f"parameters of {part.fitted.chip} {part.fitted.precision}",)
            )
    measured, read, limit = (table.number(n) for n in ("latency_ms", "power_w", "power_limit_w"))
    null, sizes = _flat_s(table, precisions) * 1e3, _size(table)
    cases, powers = [], []
    for place in range(len(table)):
        if place in reasons:
            continue
        labels, used = _labels(table, place, str(precisions[place]), str(sizes[place])), assumed.get(place, ())
        name = f"row-{place + 1}"
        cases.append(
            Case(name, float(measured[place]), float(time[place] * 1e3), used, labels, null=float(null[place]))
        )
        if np.isfinite(read[place]):
            cap = float(limit[place]) if np.isfinite(limit[place]) else float(np.nanmax(power))
            labels = _power_labels(table, place, labels, cap)
            powers.append(Case(name, float(read[place]), float(power[place]), used, labels, null=cap))
    skipped = [Skipped(f"row-{place + 1}", why) for place, why in sorted(reasons.items())]
    kind = f"kernels-{table.family}"
    sets = [CaseSet(kind, "latency", "ms", len(table), tuple(cases), tuple(skipped))]
    return [*sets, CaseSet(kind, "power", "W", len(table), tuple(powers))] if powers else sets


def score(path: Path, catalogue: Catalogue, *, leave_out: bool = False) -> list[dict[str, Any]]:
    """Score a Parquet file of measured multiplies, attention or experts.

    Rows with a power reading are steady runs; power is compared as the instrument reads it (its second holds the pause
    and the runs before). Null models: a flat efficiency per chip, precision and stack; power = cap.

    Parameters
    ----------
    path : Path
        Parquet file (docs/kernels.md).
    catalogue : Catalogue
    leave_out : bool
        Predict each chip from its relatives.

    Returns
    -------
    list of dict
        Entries ``latency`` and, where power was read, ``power``.
    """
    return [found.entry(path) for found in collect(path, catalogue, leave_out=leave_out)]
