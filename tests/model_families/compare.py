"""Published parameters beside those that follow from the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from megawatt.workload import model_from_hf_config, parameters
from tests.model_families.dense import DENSE
from tests.model_families.hybrids import HYBRIDS
from tests.model_families.mixtures import MIXTURES
from tests.model_families.others import OTHERS
from tests.model_families.read import READ
from tests.model_families.records import Published

__all__ = ["MODELS", "counted", "half_of_last_digit", "table", "write_table"]

MODELS: Final = (*DENSE, *MIXTURES, *HYBRIDS, *OTHERS)
PAGE: Final = Path(__file__).parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- table: python -m tests.model_families -->", "<!-- end of the table -->"


def counted(model: Published) -> tuple[float, float]:
    """Total and active parameters in billions, counted as the source counts them."""
    arch = model_from_hf_config(model.config)
    counts = parameters(arch)
    total = counts.total + (counts.mtp if model.mtp else 0)
    left_out = {"all": 0, "output": counts.embedding if counts.output else 0, "none": counts.embedding + counts.output}
    return total / 1e9 + model.beside, (counts.active - left_out[model.tables]) / 1e9


def half_of_last_digit(text: str) -> float:
    """Half a unit of the last digit that a published number carries: 3.6 says 3.55 to 3.65, 1600 says 1550 to 1650."""
    if "." in text:
        return 0.5 * 10.0 ** -len(text.partition(".")[2])
    return 0.5 * 10.0 ** (len(text) - len(text.rstrip("0")))


def _row(model: Published) -> str:
    total, active = counted(model)
    error = f"{100 * (total / float(model.total) - 1):+.2f}"
    tokens = f"{active:.2f} | {100 * (active / float(model.active) - 1):+.1f}" if model.active else " | "
    tables = {"all": "", "output": "no input table", "none": "no tables"}[model.tables if model.active else "all"]
    notes = "; ".join(filter(None, (tables, "with MTP" if model.mtp else "", "with encoders" if model.beside else "")))
    named = f"{model.family} | {model.name} | {model.total} | {total:.2f} | {error} | {model.active}"
    return f"| {named} | {tokens} | {notes} | {model.source} | {READ.get(model.name, '')} |"


def table() -> str:
    """The table of docs/models.md."""
    names = (
        "family | model | total, B | ours | error, % | active, B | ours | error, % | counted | source | read again in"
    )
    head = [f"| {names} |", "|---|---|---:|---:|---:|---:|---:|---:|---|---|---|"]
    return "\n".join([*head, *sorted(_row(m) for m in MODELS)])


def write_table() -> None:
    """Writes the table between its marks in docs/models.md."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")
