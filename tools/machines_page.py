# ruff: noqa: E501  (lines of a page)
"""Write docs/machines.md from the schema of machine files and their example: ``python -m tools.machines_page``."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel

from megawatt.catalogue.machine_file import Anchor, Chip, Link, MachineFile

PAGE = Path(__file__).parents[1] / "docs" / "machines.md"

_HEAD = """# Machines of your own

Made from `megawatt/catalogue/machine_file.py` by `python -m tools.machines_page`; a test keeps it so.

A machine is a TOML file: a chip, the unit it is bought in, and its network. Wherever a command takes a system it takes such a file:

    megawatt init --machine my-machine.toml       # a commented example
    megawatt check my-machine.toml                # every problem at once, with its dotted path
    megawatt show my-machine.toml                 # what was understood, and what was assumed
    megawatt train llama-3.1-70b --system ./my-machine.toml --chips 64
    megawatt compare llama-3.1-70b --systems hgx-h100,./my-machine.toml --power-mw 10
    megawatt validate my_runs.csv --system ./my-machine.toml    # rows may name the machine, or its chip, as accelerator
    megawatt schema --machine                     # JSON Schema, for editors

In a scenario `ai.system`, `contract.parity_system` and `contract.predecessor_system` may be such files, relative to the scenario, and
`training.kernels` a folder of measured kernels. The manifest of a run holds the hash of each file (`own_files`); every number of a
file is an assumption of the results whose source is the file, with the range that it gives.

The machine is laid over the catalogue: a system, its chip and the cores of the chip, as if they were catalogued. A name is none of the
catalogue's. Numbers may carry a unit (`"80 GB"`, `"400 Gbit/s"`, `"989 TFLOPS"`), refer to a fact (`"@h100-sxm.hbm_bytes"`), or be a
table with `value`, `low`, `high`, `kind`, `source`, `note`.

## What is inherited
- `like` names a machine of the catalogue: every number that the file does not give is its. Levels of `[links.NAME]` take the place of
  the level of that name, or of the one that joins as many chips; the others stay.
- `chip.like` names a chip (by default that of `like`): its data sheet where the file gives none; its cores, its practice and stacks; its
  measured kernels **as shares over this chip's own data sheet and power cap**, as for any chip of the catalogue that nobody has measured.
  `show` and every plan say so: *measured on h100-sxm in bf16*.
- `chip.like = "none"`, or no `like` at all: the chip rests on its data sheet alone: rooflines with the median share that chips of its
  family reach, collectives by assumption (`kernel-links-trn2-bf16`). `gemm_achieved_frac` and `hbm_achieved_frac` say what you measured.
- A file with `[chip]` alone takes the one system that has `chip.like`; where several have it, say which.
- Power that is not given is that of `like` (without it, of hgx-h100) by the power cap; latencies, air and coolant as of hgx-h100. `show`
  lists what was assumed.

## Networks
Levels reach more and more chips; the outermost has no `domain_chips`. A rate is that of a chip in one direction, all its links together, or of
one link with `links_per_chip`.

| topology | what a group of n chips gets of a chip's links |
|---|---|
| `switch` | all |
| `mesh` | the links to its members: (n - 1) of (domain - 1); two of eight one of seven |
| `ring`, `torus` | a block without joined ends one link per dimension that it spans, a closed one both; an all-to-all what crosses the middle of its longest side k: P k / 4 per link, P k / 8 with joined ends |
| `fat-tree` | leaves of `leaf_chips` neighbouring chips. A ring sends on from one of its m members below a leaf, over uplinks that carry 1/`oversubscription` of what the leaf's chips send: m / r, at most all. In an all-to-all all that leaves the leaf shares the uplinks |
| `rail` | the same with leaves of one place in each node: `leaf_chips` counts all chips of those nodes. Messages for another place go over the inner level first (NCCL's PXN) |

The same leaf switches hold eight times the nodes below a leaf when they are joined as rails of nodes of eight. What a step notices (1,024 H100, leaves of 32 ports, uplinks
3 : 1 oversubscribed, a test): data-parallel all-reduces run along rails and are as fast on both; the experts' exchange over 64 chips leaves a leaf of the tree and takes longer there, not on
rails, whose leaves hold 32 nodes; without oversubscription both steps are the same, as what NCCL forwards over NVLink for other rails hides behind the network.

## Measured kernels by name
`--kernels FOLDER` (train, compare, validate; `training.kernels` in scenarios) puts what `megawatt calibrate kernels --out FOLDER` wrote in
the place of the catalogue's kernels of the same chip and precision; all others stay. A chip of your own is measured under its name:
`megawatt calibrate run --accelerator my-chip`, then `megawatt calibrate kernels ... --system my-machine.toml`.

## One measured run
`[anchor]` names a run of this machine and the step that was measured. The rates of multiplies, attention and routed experts are multiplied by the
one factor at which the predicted step takes as long; memory, links and host stay as they are. The factor is the chip's
`achieved_over_predicted` in the assumptions of every result, with the measured and the predicted step in its note and, where the step has one, a range.
A run may be a row of a table of measured runs: `runs = "runs.csv"`, `row = "its id"` (columns of [validation](validation.md); metric `step_time_s` or
`tokens_per_s_per_chip`); fields beside them, as `model` or `stack`, take the place of its columns.
Refused: a step that asks for kernels below 0.4 or above 1.5 times the predicted rate, or above the data sheet: such a run is another than the file says.

## The file
"""


def _sections(model: type[BaseModel], title: str) -> Iterator[str]:
    schema = model.model_json_schema()
    yield f"### {title}\n\n{(model.__doc__ or '').strip()}\n\n| field | what it is |\n|---|---|"
    for name, field in model.model_fields.items():
        needed = " (needed)" if name in schema.get("required", ()) else ""
        told = str(field.description or "").replace("|", "\\|")
        words = typing.get_args(field.annotation)
        choices = [w for w in words if isinstance(w, str)]
        allowed = f": {', '.join(choices)}" if choices else ""
        yield f"| `{name}`{needed} | {told}{allowed} |"
    yield ""


def page() -> str:
    """The page as it should be."""
    parts = [_HEAD.rstrip(), ""]
    titles = {MachineFile: "top level", Chip: "[chip]", Link: "[links.NAME]", Anchor: "[anchor]"}
    for model, title in titles.items():
        parts += [*_sections(model, title)]
    example = files("megawatt.catalogue").joinpath("machine_starter.toml").read_text(encoding="utf-8")
    return "\n".join([*parts, "## Example\n", "```toml", example.rstrip(), "```", ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
