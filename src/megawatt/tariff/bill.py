"""The bill of a year of hours: what each line of a tariff charges in each month."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.hours import HOURS_IN_MONTH, monthly_sum
from megawatt.tariff.records import CoincidentLine, DemandLine, EnergyLine, HoursLine, Rate, Tiers

__all__ = ["Bill", "BillLine", "PeakChance", "bill_of", "billed_demand", "energy_usd", "tiered", "year_peaks"]


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line by calendar month: what it counts (12,) in its unit, and USD (12,)."""

    name: str
    kind: str
    unit: str
    quantity: FloatArray
    usd: FloatArray


@dataclass(frozen=True, slots=True)
class PeakChance:
    """What a charge on coincident peaks comes to, by chance: before riders and tax. [USD]

    ``hours`` are those in which its ``peaks`` are expected; each falls outside with the chance ``miss_frac``.
    ``caught_usd`` is the charge if none does, ``missed_usd`` if all do (nan where none can), ``usd`` its expectation.
    """

    name: str
    peaks: int
    hours: int
    miss_frac: float
    usd: float
    caught_usd: float
    missed_usd: float

    @property
    def none_missed_frac(self) -> float:
        """Chance that no peak falls outside the expected hours."""
        return (1.0 - self.miss_frac) ** self.peaks


@dataclass(frozen=True, slots=True)
class Bill:
    """The year's bill; ``lines`` in the order of the tariff, energy bought beside it first, taxes last."""

    title: str
    mwh: FloatArray
    lines: tuple[BillLine, ...]
    chances: tuple[PeakChance, ...] = ()

    @property
    def usd(self) -> FloatArray:
        """Total of each month, (12,). [USD]"""
        return np.asarray(sum((line.usd for line in self.lines), np.zeros(12)), dtype=np.float64)

    @property
    def usd_per_mwh(self) -> float:
        """All-in price of the year's energy; nan where there is none. [USD/MWh]"""
        energy = float(self.mwh.sum())
        return float(self.usd.sum()) / energy if energy > 0.0 else float("nan")

    def yearly(self) -> list[tuple[str, float, float, float]]:
        """Name, year, least and dearest month of each line, and of the total. [USD]"""
        lines = (*((line.name, line.usd) for line in self.lines), ("total", self.usd))
        return [(name, float(usd.sum()), float(usd.min()), float(usd.max())) for name, usd in lines]

    def rows(self) -> list[tuple[str, ...]]:
        """Header, then name, kind, unit, and quantity and USD by month, as cells of a CSV file."""
        months = [f"{m:02d}" for m in range(1, 13)]
        head = ("line", "kind", "unit", *(f"quantity_{m}" for m in months), *(f"usd_{m}" for m in months), "usd_year")
        return [
            head,
            *(
                (
                    line.name,
                    line.kind,
                    line.unit,
                    *(f"{value:.6f}" for value in line.quantity),
                    *(f"{value:.2f}" for value in line.usd),
                    f"{line.usd.sum():.2f}",
                )
                for line in (*self.lines, BillLine("total", "total", "MWh", self.mwh, self.usd))
            ),
        ]

    def as_dict(self) -> dict[str, object]:
        """Plain JSON: lines with their months, totals."""
        return {
            "title": self.title,
            "mwh": self.mwh.tolist(),
            "usd": self.usd.tolist(),
            "usd_year": float(self.usd.sum()),
            "usd_per_mwh": self.usd_per_mwh,
            "lines": [
                {
                    "name": line.name,
                    "kind": line.kind,
                    "unit": line.unit,
                    "quantity": line.quantity.tolist(),
                    "usd": line.usd.tolist(),
                }
                for line in self.lines
            ],
            "peaks": [
                {"none_missed_frac": chance.none_missed_frac, **{k: v for k, v in asdict(chance).items() if v == v}}
                for chance in self.chances
            ],
        }


def tiered(amount: NDArray[np.float64], tiers: Tiers) -> FloatArray:
    """What an amount costs by its tiers; any shape."""
    ends = (*(start for start, _ in tiers[1:]), np.inf)
    parts = [
        rate * np.clip(np.minimum(amount, end) - start, 0.0, None)
        for (start, rate), end in zip(tiers, ends, strict=True)
    ]
    return np.asarray(sum(parts), dtype=np.float64)


def billed_demand(line: DemandLine, peaks_mw: FloatArray, months: FloatArray | NDArray[np.int64]) -> FloatArray:
    """Billed demand along months, (..., months): the highest, ratchet and minimum. [MW]

    Parameters
    ----------
    peaks_mw : array, shape (..., months)
        Highest power of each month in the line's hours; months before the first had none.
    months : array of int, shape (months,)
        Calendar month of each, 0 = January.
    """
    billed = np.maximum(peaks_mw, line.minimum_mw)
    if line.ratchet_frac > 0.0:
        counted = np.where(line.ratchet_of[np.asarray(months, dtype=np.int64)], peaks_mw, 0.0) * line.ratchet_frac
        for back in range(1, min(line.ratchet_months, counted.shape[-1] - 1) + 1):
            billed[..., back:] = np.maximum(billed[..., back:], counted[..., :-back])
    return billed


def year_peaks(line: DemandLine | HoursLine, import_mw: FloatArray) -> FloatArray:
    """Highest power of each month in the line's hours, (12,). [MW]"""
    starts = np.concatenate(([0], np.cumsum(HOURS_IN_MONTH)[:-1]))
    return np.asarray(np.maximum.reduceat(np.where(line.hours, import_mw, 0.0), starts), dtype=np.float64)


def energy_usd(line: EnergyLine, import_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Energy of each month in the line's hours [MWh], and what it costs before riders [USD], (12,)."""
    mwh = monthly_sum(np.where(line.hours, import_mw, 0.0))
    return mwh, tiered(mwh, line.tiers) * line.by_month


def bill_of(
    rate: Rate, import_mw: FloatArray, supply_usd: FloatArray | None = None, supply_name: str = "energy at the market"
) -> Bill:
    """The bill of a repeated year: its ratchets look at the same months of the year before.

    Parameters
    ----------
    import_mw : array, shape (8760,)
        Metered power. [MW]
    supply_usd : array, shape (12,), optional
        Energy bought beside the tariff, with its losses and tax; not for a bundled one. [USD]
    """
    energy = monthly_sum(import_mw)
    lines: list[BillLine] = []
    for line in rate.energy:
        mwh, usd = energy_usd(line, import_mw)
        lines.append(BillLine(line.name, "energy", "MWh", mwh, usd))
    for demand in rate.demand:
        peaks = year_peaks(demand, import_mw)
        years = 1 + -(-demand.ratchet_months // 12)
        path = billed_demand(demand, np.tile(peaks, years), np.arange(12 * years) % 12)
        billed = np.where(demand.by_month > 0.0, path[-12:], 0.0)
        lines.append(BillLine(demand.name, "demand", "MW", billed, tiered(billed, demand.tiers) * demand.by_month))
    lines += [less for used in rate.hours_of_use if (less := _fewer_hours(used, import_mw)) is not None]
    for peak in rate.coincident:
        usd = monthly_sum(peak.usd_per_mwh * import_mw)
        met = monthly_sum(np.where(peak.expected, import_mw, 0.0))
        lines.append(BillLine(peak.name, "coincident", "MWh in expected hours", met, usd))
    lines += [BillLine(line.name, "fixed", "months", np.sign(np.abs(line.usd)), line.usd) for line in rate.fixed]
    lines += _beside(rate, lines)
    if supply_usd is not None and not rate.bundled:
        lines.insert(0, BillLine(supply_name, "supply", "MWh", energy, supply_usd))
    return Bill(rate.title, energy, tuple(lines), tuple(_chance(peak, import_mw) for peak in rate.coincident))


def _chance(line: CoincidentLine, import_mw: FloatArray) -> PeakChance:
    """The charge with no peak and with every peak outside the expected hours, of a year's power."""
    usd, outside = float(line.usd_per_mwh @ import_mw), float(line.missed_usd_per_mwh @ import_mw)
    miss = line.miss_frac if line.missed_usd_per_mwh.any() else 0.0
    caught = (usd - outside) / (1.0 - miss) if miss < 1.0 else float("nan")
    missed = outside / miss if miss > 0.0 else float("nan")
    return PeakChance(line.name, line.peaks, int(line.expected.sum()), miss, usd, caught, missed)


def _fewer_hours(line: HoursLine, import_mw: FloatArray) -> BillLine | None:
    """What months that do not reach the last tier of hours of use are charged less; None where all reach it."""
    mwh, mw = monthly_sum(np.where(line.hours, import_mw, 0.0)), year_peaks(line, import_mw)
    starts = np.array([start for start, _ in line.tiers]) * mw[:, np.newaxis]
    ends = np.append(starts[:, 1:], np.full((12, 1), np.inf), axis=1)
    amounts = np.clip(np.minimum(mwh[:, np.newaxis], ends) - starts, 0.0, None)
    usd = amounts @ np.array([price for _, price in line.tiers])
    less = (usd - line.tiers[-1][1] * mwh - line.usd_per_mw * mw) * line.by_month
    if not (less < -1e-9 * (1.0 + np.abs(usd))).any():
        return None
    return BillLine(f"{line.name}, fewer hours of use", "energy", "MWh", mwh, less)


def _beside(rate: Rate, lines: list[BillLine]) -> list[BillLine]:
    """Riders, what is missing to the minimum, tax."""
    found = []
    for name, share, kinds in rate.riders:
        base = _total([line for line in lines if line.kind in kinds])
        found.append(BillLine(name, "rider", "USD", base, share * base))
    total = _total([*lines, *found])
    if rate.minimum_usd.any():
        missing = np.maximum(rate.minimum_usd - total, 0.0) * (rate.minimum_usd > 0.0)
        found.append(BillLine("up to the minimum bill", "minimum", "USD", rate.minimum_usd, missing))
        total = total + missing
    if rate.tax_frac > 0.0:
        found.append(BillLine("tax", "tax", "USD", total, rate.tax_frac * total))
    return found


def _total(lines: list[BillLine]) -> FloatArray:
    return np.asarray(sum((line.usd for line in lines), np.zeros(12)), dtype=np.float64)
