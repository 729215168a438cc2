"""Every kind of file that a command reads, how it is recognised, and who describes it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, cast

from megawatt.catalogue import Catalogue
from megawatt.catalogue.loader import HEADER
from megawatt.errors import (
    CatalogueError,
    MegawattError,
    NotSupportedError,
    Problem,
    ScenarioError,
    counted,
    cut,
    shown,
)
from megawatt.files import TOML_MARKS, is_file, is_folder, read_json, read_toml
from megawatt.hourly import kind_of_rows, table_rows
from megawatt.inspection.entries import describe_entry, describe_source
from megawatt.inspection.records import Description
from megawatt.tariff.urdb import URDB_KEYS
from megawatt.validation import registry

__all__ = ["KINDS", "FileKind", "check", "describe", "kind_of"]


_TABLES: Final = (".csv", ".txt", ".tsv", ".xlsx", ".xls", ".ods")
"""Types of files that hold rows and cells."""


class Describe(Protocol):
    """Reads a file of one kind with the room that owns it: raises that room's error with every problem."""

    def __call__(self, path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description: ...


class Marks:
    """What tells kinds apart: the type of a file, and the beginning of its content, read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = is_folder(path)
        self.suffix = "" if self.folder else path.suffix.lower()[:9]

    @cached_property
    def content(self) -> dict[str, Any]:
        """The outermost table of a TOML or JSON file; empty for other files."""
        if self.suffix == ".toml":
            return read_toml(self.path)[0]
        if self.suffix == ".json":
            content = read_json(self.path, kind=None, finite=False)
            if isinstance(content, list) and len(content) == 1:
                content = content[0]
            return content if isinstance(content, dict) else {}
        return {}

    @cached_property
    def rows(self) -> list[tuple[int, list[str]]]:
        """Lines and cells of a table, in text or a spreadsheet."""
        return table_rows(self.path) if self.suffix in _TABLES else []

    @cached_property
    def first_cells(self) -> list[list[str]]:
        """Cells of the first two lines of a CSV file."""
        return [[c.strip() for c in cells] for _, cells in self.rows[:2]] if self.suffix == ".csv" else []

    @cached_property
    def hourly(self) -> str:
        """Kind of a file of hours: "prices", "weather", "output", "meter", or nothing."""
        return "weather" if self.suffix == ".epw" else kind_of_rows(self.rows)

    @cached_property
    def columns(self) -> set[str]:
        """Names in the first line of a CSV file."""
        return set(self.first_cells[0]) if self.first_cells else set()

    @cached_property
    def scored(self) -> str:
        """Name of the kind of published answers that it holds, if any; lines before a header are no answers."""
        try:
            kind = registry.recognise(self.path)
        except ScenarioError:
            if self.hourly:
                return ""
            raise
        return kind.name if kind else ""

    def told(self, kind: str) -> bool:
        """Whether it is a TOML file with a key of this kind."""
        return self.suffix == ".toml" and not TOML_MARKS[kind].isdisjoint(self.content)

    def has(self, *names: str) -> bool:
        """Whether a folder holds files of these names."""
        return self.folder and all(is_file(self.path / name) for name in names)


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file or folder.

    ``describer`` is ``module:function`` of this room, a `Describe`; ``matches`` tells the kind from its `Marks`.
    """

    name: str
    title: str
    recognised_by: str
    matches: Callable[[Marks], bool]
    describer: str

    def describe(self, path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
        """What the file holds; raises the owner's error with every problem."""
        module, _, function = self.describer.partition(":")
        call = cast("Describe", getattr(importlib.import_module(f"megawatt.inspection.{module}"), function))
        found = call(path, catalogue, seq_len=seq_len, settings=settings)
        return replace(found, kind=self.name, name=str(path))


def _is_model(marks: Marks) -> bool:
    if marks.suffix == ".toml":
        return isinstance(marks.content.get("model"), Mapping)
    names = {"architectures", "model_type", "text_config", "peft_type"}
    if any(marks.has(name) for name in ("config.json", "adapter_config.json", "params.json")):
        return True
    sizes = {"hidden_size", "n_embd", "d_model", "dim"} & set(marks.content)
    layers = {"num_hidden_layers", "n_layer", "n_layers", "num_layers"} & set(marks.content)
    return marks.suffix == ".json" and (bool(names & set(marks.content)) or bool(sizes and layers))


def _is_tariff(marks: Marks) -> bool:
    if marks.suffix == ".toml":
        return marks.told("tariff")
    if marks.suffix != ".json":
        return False
    return "items" in marks.content or any(str(name).lower() in URDB_KEYS for name in marks.content)


def _is_launch(marks: Marks) -> bool:
    if marks.suffix == ".toml":
        return "parallelism" in marks.content or {"job", "training"} <= set(marks.content)
    if marks.suffix == ".json":
        return any(name.startswith(("train_", "zero_optimization")) for name in marks.content)
    return marks.suffix in (".sh", ".yaml", ".yml")


_KERNELS: Final = ("kernels-gemm", "kernels-attention", "kernels-moe", "kernels-collectives")
_OWN: Final = (
    FileKind("launch", "how a training run is launched",
             "sh; YAML; TOML with parallelism (torchtitan); JSON with train_* or zero_optimization (DeepSpeed)",
             _is_launch, "launches:describe_launch"),
    FileKind("training-log", "what a training run printed", "log, out or txt with lines of steps",
             lambda m: m.suffix in (".log", ".out") or (m.suffix == ".txt" and not m.hourly), "launches:describe_log"),
    FileKind("model", "a model's configuration or dimensions",
             "JSON with architectures, model_type or sizes and layers; folder with config.json; TOML with model",
             _is_model, "models:describe_model_file"),
    FileKind("comparison", "several uses of a site side by side", "TOML with compare",
             lambda m: m.told("comparison"), "studies:describe_study"),
    FileKind("mix", "several uses behind one connection", "TOML with parts",
             lambda m: m.told("mix"), "studies:describe_mix"),
    FileKind("machine", "a chip and its network", "TOML with chip, links or like",
             lambda m: m.told("machine"),
             "machines:describe_machine"),
    FileKind("company", "a company: what it owns, owes and has promised", "TOML with cash_usd, lease or debt",
             lambda m: m.told("company") and "site" not in m.content,
             "companies:describe_company"),
    FileKind("flows", "who pays whom", "CSV with payer, payee, amount_usd",
             lambda m: {"payer", "payee", "amount_usd"} <= m.columns, "companies:describe_flows"),
    FileKind("scenario", "one use of a site", "TOML with format, use, site or power",
             lambda m: m.told("scenario"),
             "studies:describe_study"),
    FileKind("tariff", "what a grid or a utility charges",
             "TOML with energy, demand, coincident or fixed; OpenEI JSON with energyratestructure, ...",
             _is_tariff, "tariffs:describe_tariff"),
    FileKind("run", "results of megawatt plan", "folder with manifest.json and summary.json",
             lambda m: m.has("manifest.json", "summary.json"), "studies:describe_run"),
    FileKind("place", "a place and its climate by month", "TOML with latitude_deg",
             lambda m: m.told("place"), "hours:describe_place"),
    FileKind("weather", "an hourly year of weather",
             "EPW, TMY3, NSRDB, Open-Meteo, Meteostat, ERA5, CSV with dry_bulb_c",
             lambda m: m.hourly == "weather", "hours:describe_weather"),
    FileKind("prices", "an hourly year of market prices", "a market's export, or CSV with Datetime, Price (USD/MWh)",
             lambda m: m.hourly == "prices" and not m.scored, "hours:describe_prices"),
    FileKind("output", "an hourly year of a plant's output", "CSV with Datetime, capacity_factor or output_mw",
             lambda m: m.hourly == "output" and not m.scored, "hours:describe_output"),
    FileKind("meter", "an hourly year of one's own meter", "CSV with Datetime, power_mw",
             lambda m: m.scored == "meter", "hours:describe_meter"),
    FileKind("facts", "a table of facts, as of the catalogue or of megawatt calibrate", f"CSV with {','.join(HEADER)}",
             lambda m: bool(m.first_cells) and tuple(m.first_cells[0]) == HEADER, "tables:describe_facts"),
    FileKind("kernel-profile", "kernels fitted by megawatt calibrate", "folder with kernel-*.csv",
             lambda m: m.folder and any(m.path.glob("kernel-*.csv")), "tables:describe_profile"),
    FileKind("dispatch-case", "a year of dispatch", "folder with parameters.json and hourly.csv",
             lambda m: m.has("parameters.json", "hourly.csv"), "hours:describe_case"),
    FileKind("training-runs", "measured training runs", "CSV with metric, value, flops_convention",
             lambda m: m.scored == "training-runs", "tables:describe_runs"),
    FileKind("measured-kernels", "measured kernels", "Parquet with m, n, k; head_dim; num_experts; or num_gpus",
             lambda m: m.scored in _KERNELS, "tables:describe_kernels"),
    FileKind("attention-published", "published attention throughput", "CSV with kernel, pass, tflops",
             lambda m: m.scored == "attention-published", "tables:describe_curves"),
    FileKind("finance-case", "project finance answers", 'JSON with "schema": "finance-case/..."',
             lambda m: m.scored == "finance-case", "tables:describe_finance"),
)  # fmt: skip


def _scored(kind: registry.ValidationKind) -> FileKind:
    """A kind of published answers of which this room knows no more than its rows and columns."""
    return FileKind(kind.name, kind.title, kind.recognised_by, lambda m: m.scored == kind.name, "tables:describe_table")


_NAMED: Final = {kind.name for kind in _OWN} | set(_KERNELS)
KINDS: Final[tuple[FileKind, ...]] = (*_OWN, *(_scored(k) for k in registry.KINDS if k.name not in _NAMED))
"""Kinds of files, in the order in which they are tried."""


_SUFFIXES: Final = (".toml", ".json", ".parquet", ".epw", *_TABLES)
"""Types of files that are read: a name that ends so is meant as a file."""


def kind_of(path: Path) -> FileKind:
    """The kind of a file or folder.

    Raises
    ------
    ScenarioError
        If it does not exist, cannot be read, or is of no known kind.
    """
    marks = Marks(path)
    kind = next((kind for kind in KINDS if kind.matches(marks)), None)
    if kind is not None:
        return kind
    if not path.exists():
        raise ScenarioError(
            f"{path}: no such file or folder; allowed: a file (`megawatt show` tells of catalogue keys)"
        )
    word = "folder" if marks.folder else marks.suffix.removeprefix(".")
    alike = [one for one in KINDS if word and word in one.recognised_by.lower()] or KINDS
    known = "; ".join(f"{one.name} ({one.recognised_by})" for one in alike)
    hint = "hours in columns of one's own: a scenario names them, power.price_column" if marks.columns else ""
    problem = Problem("", _seen(marks), f"one of these kinds: {known}", hint)
    raise ScenarioError(f"{path}: of no kind that is known", [problem], str(path))


def _seen(marks: Marks) -> str:
    if marks.folder:
        return "a folder without marks of a kind"
    if is_file(marks.path) and not marks.path.stat().st_size:
        return "an empty file"
    names = ", ".join(sorted(marks.columns or marks.content))
    return f"a {marks.suffix or 'nameless'} file" + (f" with {cut(names, 80)}" if names else "")


def check(path: Path, catalogue: Catalogue, settings: Iterable[str] = (), *, seq_len: int = 4096) -> Description:
    """A file that is right, described; ``settings`` replace values of a scenario.

    Raises
    ------
    MegawattError
        With every problem of the file.
    """
    kind, settings = kind_of(path), tuple(settings)
    if settings and kind.name not in ("scenario", "comparison", "mix"):
        raise ScenarioError(f"{path}: --set is for scenarios; this is {kind.title}", file=str(path))
    found = kind.describe(path, catalogue, seq_len=seq_len, settings=settings)
    if found.problems:
        raise ScenarioError(f"{path}: {counted(len(found.problems), 'problem')}", found.problems, str(path))
    return found


def describe(thing: str, catalogue: Catalogue, *, seq_len: int = 4096) -> Description:
    """What a key of the catalogue or a file is: a file where there is one of that name, else the key.

    Parameters
    ----------
    thing : str
        A key or alias, or the path of a file or folder.
    catalogue : Catalogue
    seq_len : int
        Length at which work that depends on it is told. [tokens]

    Raises
    ------
    CatalogueError
        If it is neither; names the nearest keys.
    ScenarioError
        If it is a file that cannot be read or is of no known kind.
    """
    path = Path(thing)
    if is_file(path) or (is_folder(path) and not catalogue.knows(thing)):
        return _described(kind_of(path), path, catalogue, seq_len)
    if catalogue.knows(thing):
        return describe_entry(catalogue, thing, seq_len=seq_len)
    if thing in catalogue.sources:
        return describe_source(catalogue, thing)
    if path.suffix.lower() in _SUFFIXES or len(path.parts) > 1:
        problem = Problem("", "no such file", "an existing file, or a key of the catalogue", "megawatt catalogue list")
        raise ScenarioError(f"{cut(thing, 200)}: no such file", [problem], thing)
    raise CatalogueError(_unknown(thing, catalogue))


def _unknown(thing: str, catalogue: Catalogue) -> str:
    try:
        family = catalogue.family(thing)
    except CatalogueError:
        near = ", ".join(catalogue.near(thing))
        hint = f"nearest: {near}" if near else "see `megawatt catalogue list`"
        return f"{shown(thing)} is no file and no key; {hint}"
    return f"{shown(thing)} is a family of the catalogue; `megawatt catalogue list {family}` lists its keys"


def _described(kind: FileKind, path: Path, catalogue: Catalogue, seq_len: int) -> Description:
    """The file's description; where it is wrong, what it is and its problems."""
    try:
        found = kind.describe(path, catalogue, seq_len=seq_len, settings=())
    except NotSupportedError:
        raise
    except MegawattError as error:
        problems = error.problems or (Problem("", str(error), "see what is allowed there"),)
        return Description(kind.name, str(path), kind.title, problems=problems, exit_code=error.exit_code)
    return replace(found, exit_code=ScenarioError.exit_code) if found.problems else found
