"""Which published answers the package can be compared with: one entry per kind of file."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from megawatt.catalogue import Catalogue
from megawatt.errors import NotSupportedError, Problem, ScenarioError
from megawatt.files import column_name, is_file, is_folder, parquet_names, read_json, read_table
from megawatt.hourly import layout_of_rows, table_rows
from megawatt.validation.scoring import skipped_reasons

__all__ = ["KINDS", "ValidationKind", "kind_of", "recognise", "unscored", "validate"]


@dataclass(frozen=True, slots=True)
class ValidationKind:
    """One kind of file that holds published answers.

    ``scorer`` is ``module:function`` with the signature ``(path, catalogue) -> list of entries``; None where the
    package has no model yet.
    """

    name: str
    title: str
    recognised_by: str
    scorer: str | None = None


KINDS: Final[tuple[ValidationKind, ...]] = (
    ValidationKind("training-runs", "measured training runs", "CSV with metric, flops_convention",
                   "megawatt.validation.training_runs:score"),
    ValidationKind("training-memory", "peak memory of training runs", "CSV with peak_gib, basis",
                   "megawatt.validation.training_memory:score"),
    ValidationKind("facility", "PUE and water of sites by year", "CSV with pue, wue_l_per_kwh",
                   "megawatt.validation.facility_rows:score"),
    ValidationKind("dispatch-case", "a year of dispatch with its optimum", "folder with parameters.json",
                   "megawatt.validation.dispatch_case:score"),
    ValidationKind("kernels-gemm", "measured matrix multiplies", "Parquet with m, n, k",
                   "megawatt.validation.kernels:score"),
    ValidationKind("kernels-attention", "measured attention kernels", "Parquet with attention columns",
                   "megawatt.validation.kernels:score"),
    ValidationKind("kernels-moe", "measured expert layers", "Parquet with expert columns",
                   "megawatt.validation.kernels:score"),
    ValidationKind("kernels-collectives", "measured collectives", "Parquet with message sizes",
                   "megawatt.validation.kernels_links:score"),
    ValidationKind("attention-published", "published attention throughput", "CSV with kernel, pass, tflops",
                   "megawatt.validation.kernels_curves:score"),
    ValidationKind("collectives-published", "published collective bandwidth", "CSV with op, ranks, busbw_GBps",
                   "megawatt.validation.kernels_links:score_published"),
    ValidationKind("inference", "measured serving throughput and latency", "CSV with metric, input_len",
                   "megawatt.validation.serving_runs:score"),
    ValidationKind("goodput", "effective time of long runs", "CSV with interruptions_unexpected, effective_time_frac",
                   "megawatt.validation.goodput:score"),
    ValidationKind("run-days", "days of whole training runs", "CSV with tokens, days, days_basis",
                   "megawatt.validation.run_days:score"),
    ValidationKind("training-energy", "energy of training runs", "CSV with energy_mwh, gpu_hours",
                   "megawatt.validation.energy:score"),
    ValidationKind("node-power", "measured node power", "CSV with quantity, rated_value",
                   "megawatt.validation.energy:score_power"),
    ValidationKind("finance-case", "project finance answers", 'JSON with "schema": "finance-case/..."',
                   "megawatt.validation.finance_case:score"),
    ValidationKind("clearing-case", "clearing vectors", 'JSON with "schema": "clearing-case/..."',
                   "megawatt.validation.clearing_case:score"),
    ValidationKind("risk-case", "closed forms of risk", 'JSON with "schema": "risk-case/..."',
                   "megawatt.validation.risk_case:score"),
    ValidationKind("miner-production", "coins that miners reported by month", "CSV with company, month, btc_mined",
                   "megawatt.validation.miner_production:score"),
    ValidationKind("meter", "a site's own meter by the hour", "time and power by the hour (docs/hourly-files.md)",
                   "megawatt.validation.meter:score"),
    ValidationKind("miner-backtest", "the 2022 miner crisis", "CSV with company, field, as_of",
                   "megawatt.validation.miner_backtest:score"),
)  # fmt: skip

_BY_NAME: Final = {k.name: k for k in KINDS}

_CSV_COLUMNS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("training-runs", frozenset({"metric", "value", "flops_convention"})),
    ("training-memory", frozenset({"peak_gib", "basis"})),
    ("inference", frozenset({"metric", "value", "input_len"})),
    ("facility", frozenset({"pue", "wue_l_per_kwh"})),
    ("attention-published", frozenset({"kernel", "pass", "tflops"})),
    ("collectives-published", frozenset({"op", "ranks", "busbw_GBps"})),
    ("goodput", frozenset({"interruptions_unexpected", "effective_time_frac"})),
    ("run-days", frozenset({"tokens", "days", "days_basis"})),
    ("training-energy", frozenset({"energy_mwh", "gpu_hours"})),
    ("node-power", frozenset({"quantity", "rated_value"})),
    ("miner-production", frozenset({"company", "month", "btc_mined"})),
    ("miner-backtest", frozenset({"company", "field", "as_of"})),
)
_PARQUET_COLUMNS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("kernels-gemm", frozenset({"m", "n", "k"})),
    ("kernels-moe", frozenset({"num_experts"})),
    ("kernels-attention", frozenset({"head_dim"})),
    ("kernels-collectives", frozenset({"op_name", "num_gpus"})),
)
_FACTS_HINT: Final = "kinds with something to score: " + ", ".join(_BY_NAME)


def _nothing(path: Path, found: str) -> ScenarioError:
    problem = Problem("", found, "published answers to compare with", _FACTS_HINT)
    return ScenarioError(f"{path}: nothing to score", [problem], str(path))


def _by_columns(columns: set[str], table: tuple[tuple[str, frozenset[str]], ...]) -> str | None:
    return next((name for name, needed in table if needed <= columns), None)


def _csv_kind(path: Path) -> str | None:
    names = read_table(path).names
    known = _by_columns({*names, *map(column_name, names)}, _CSV_COLUMNS)
    return known or ("meter" if _is_meter(table_rows(path)) else None)


def _is_meter(rows: list[tuple[int, list[str]]]) -> bool:
    """Whether hours are a site's own: power, beside no price or one in a column of the site's own."""
    found = layout_of_rows(rows)
    if found in ("", "own-prices"):
        return layout_of_rows(rows, "meter") == "meter"
    return found == "meter"


def _parquet_kind(path: Path) -> str | None:
    return _by_columns(set(parquet_names(path)), _PARQUET_COLUMNS)


def _json_kind(path: Path) -> str | None:
    content = read_json(path, kind=None)
    schema = content.get("schema", "") if isinstance(content, dict) else ""
    return next((name for name in _BY_NAME if str(schema).startswith(name)), None)


_READERS: Final[Mapping[str, Callable[[Path], str | None]]] = MappingProxyType(
    {".csv": _csv_kind, ".parquet": _parquet_kind, ".json": _json_kind}
)


def recognise(path: Path) -> ValidationKind | None:
    """The kind of a file or folder, read from its columns or contents (names do not matter); None if it is none.

    Raises
    ------
    ScenarioError
        If the path does not exist or cannot be read.
    """
    if is_folder(path):
        answered = is_file(path / "parameters.json") and is_file(path / "reference.json")
        return _BY_NAME["dispatch-case"] if answered else None
    reader = _READERS.get(path.suffix.lower()[:9])
    name = reader(path) if reader else None
    return _BY_NAME[name] if name else None


def kind_of(path: Path) -> ValidationKind:
    """The kind of a file or folder that can be scored, as `recognise`.

    Raises
    ------
    ScenarioError
        If the path does not exist, cannot be read, or holds facts but no answers.
    """
    kind = recognise(path)
    if kind is not None:
        return kind
    if is_folder(path):
        raise _nothing(path, "a folder without parameters.json and reference.json")
    if path.suffix.lower()[:9] not in _READERS:
        raise _nothing(path, f"a file of type {path.suffix or 'unknown'}")
    near = _nearest_columns(path) if path.suffix.lower() == ".csv" else ""
    raise _nothing(path, f"a table of no kind that makes predictions{near}")


def _nearest_columns(path: Path) -> str:
    """The kind of a CSV most of whose columns are there, and those it lacks; empty where none has any."""
    written = read_table(path).names
    names = {*written, *map(column_name, written)}
    kind, needed = max(_CSV_COLUMNS, key=lambda one: len(one[1] & names) / len(one[1]))
    if not needed & names:
        return "; a table of runs has the columns " + ", ".join(sorted(_CSV_COLUMNS[0][1]))
    return f"; nearest: {kind}, which has {', '.join(sorted(needed - names))} too"


def unscored(path: Path, entries: Sequence[Mapping[str, Any]]) -> ScenarioError | None:
    """The error of a file of which nothing could be scored, with the most frequent reason; None where anything was."""
    if any(entry.get("scored", 1) for entry in entries):
        return None
    rows = max((entry.get("rows", 0) for entry in entries), default=0)
    reasons = [why for entry in entries for why, _ in skipped_reasons(entry, 1)[0]]
    found = f"{rows:,} rows, none that can be scored" if rows else "no rows"
    problem = Problem("", f"{found}: {reasons[0]}" if reasons else found, "at least one row", "see docs/validation.md")
    return ScenarioError(f"{path}: nothing was scored", [problem], str(path))


def validate(path: str | Path, catalogue: Catalogue, scenario: Path | None = None) -> list[dict[str, Any]]:
    """Compare the package with one file or folder of published answers.

    Parameters
    ----------
    path : str or Path
        File or folder.
    catalogue : Catalogue
        Facts.
    scenario : Path, optional
        The site of a meter; others have none.

    Returns
    -------
    list of dict
        One entry per quantity, in the shape of docs/validation.md.

    Raises
    ------
    NotSupportedError
        For a known kind whose model does not exist yet.
    """
    where = Path(path)
    kind = kind_of(where)
    if kind.scorer is None:
        raise NotSupportedError(f"{where}: {kind.title} ({kind.name}): the package has no model of these yet")
    if kind.name == "meter" and scenario is not None:
        from megawatt.validation.meter import score_meter

        return score_meter(where, scenario, catalogue)
    module, _, function = kind.scorer.partition(":")
    score = cast(
        "Callable[[Path, Catalogue], list[dict[str, Any]]]", getattr(importlib.import_module(module), function)
    )
    return score(where, catalogue)
