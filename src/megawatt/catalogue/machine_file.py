"""The machine file: a chip and the network it is joined by, in TOML; what each field means and what is allowed.

Field descriptions are the reference documentation: ``megawatt schema --machine`` prints them as JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from megawatt.catalogue.quantity import catalogue_key, quantity, refusal
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section

__all__ = ["Anchor", "Chip", "Link", "MachineFile", "machine_schema"]

_Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=64)]
_Precision = Literal["fp64", "fp32", "tf32", "bf16", "fp16", "int8", "fp8", "mxfp8", "fp4", "nvfp4", "mxfp4"]
_Frac = Annotated[Fact, *quantity(ge=0.01, le=1)]
_Rate = Annotated[Fact, *quantity("byte/s", ge=1e3, le=1e17)]


class Chip(Section):
    """One accelerator: its data sheet, and whose measured kernels stand in for its own."""

    name: _Key | None = Field(None, description="key of the chip in results; default: the machine's name with -chip")
    title: str | None = Field(None, min_length=1, description="what results call the chip")
    like: str | None = Field(
        None,
        description=(
            "chip of the catalogue whose numbers hold where none is given, and whose measured kernels over this "
            "chip's data sheet; default: that of the machine's like; 'none': its data sheet alone"
        ),
    )
    family: Literal["gpu", "tpu", "trn"] | None = Field(
        None, description="whose collectives, training stacks and practice hold; default: as its like, else gpu"
    )
    peak_flops_per_s: dict[_Precision, Annotated[Fact, *quantity("FLOP/s", ge=1e9, le=1e19)]] = Field(
        default_factory=dict, description="dense rate by precision (bf16, fp8, ...), as in '989 TFLOP/s'"
    )
    hbm_bytes: Annotated[Fact, *quantity("byte", ge=1e6, le=1e15)] | None = Field(
        None, description="memory as the driver reports it, as in '80 GB' or '80 GiB'"
    )
    hbm_bytes_per_s: _Rate | None = Field(None, description="rate of the memory, as in '3.35 TB/s'")
    power_cap_w: Annotated[Fact, *quantity("W", ge=1, le=1e5)] | None = Field(None, description="power limit, W")
    power_idle_w: Annotated[Fact, *quantity("W", ge=0, le=1e5)] | None = Field(None, description="power at rest, W")
    architecture: str | None = Field(
        None, description="family of cores whose tiles its libraries use (hopper, cdna, ...); default: as its like"
    )
    cores: Annotated[Fact, *quantity(ge=1, le=1e6, whole=True)] | None = Field(
        None, description="units that work on tiles of their own (SM, CU, tensor engines); default: as its like"
    )
    gemm_achieved_frac: dict[_Precision, _Frac] = Field(
        default_factory=dict, description="rate of the best large multiply over the peak, as measured, by precision"
    )
    hbm_achieved_frac: _Frac | None = Field(
        None, description="rate of a long stream from memory over the data sheet's, as measured"
    )


class Link(Section):
    """One level of the network. Levels reach more and more chips; the outermost has no ``domain_chips``."""

    topology: Literal["switch", "mesh", "ring", "torus", "rail", "fat-tree"] | None = Field(
        None,
        description=(
            "switch: all at the full rate; mesh: each with each by a link of its own; ring, torus: with neighbours; "
            "fat-tree: leaves of neighbouring chips under a spine; rail: a leaf joins chips of one place in their nodes"
        ),
    )
    domain_chips: Annotated[Fact, *quantity(ge=2, le=1e8, whole=True)] | None = Field(
        None, description="chips that reach each other on this level; left out on the outermost, which reaches all"
    )
    link_bytes_per_s: _Rate | None = Field(
        None, description="rate per chip and direction, all its links together, as in '450 GB/s' or '400 Gbit/s'"
    )
    links_per_chip: Annotated[Fact, *quantity(ge=1, le=64, whole=True)] | None = Field(
        None, description="links (or adapters) of a chip, where link_bytes_per_s is the rate of one of them"
    )
    latency_s: Annotated[Fact, *quantity("s", ge=0, le=1)] | None = Field(
        None, description="start-up time of one message, as in '1 us'; default: as hgx-h100's level"
    )
    shape: tuple[Annotated[int, Field(ge=2, le=100_000)], ...] | None = Field(
        None, min_length=1, max_length=6, description="of a torus: chips along each dimension, e.g. [16, 16]"
    )
    wrap_chips: Annotated[Fact, *quantity(ge=2, le=1e8, whole=True)] | None = Field(
        None, description="of a torus: chips of the smallest block whose ends are joined; default: the whole of it"
    )
    leaf_chips: Annotated[Fact, *quantity(ge=1, le=1e8, whole=True)] | None = Field(
        None, description="of rail and fat-tree: chips below the spine that reach each other at the full rate"
    )
    oversubscription: Annotated[Fact, *quantity(ge=1, le=64)] | None = Field(
        None, description="of rail and fat-tree: rate of a leaf's chips over that of its uplinks; default 1"
    )

    @model_validator(mode="after")
    def _belongs(self) -> Link:
        tree, torus = ("leaf_chips", "oversubscription"), ("shape", "wrap_chips")
        for names, topologies in ((tree, ("rail", "fat-tree")), (torus, ("torus", "ring"))):
            given = [name for name in names if getattr(self, name) is not None]
            if given and self.topology is not None and self.topology not in topologies:
                raise refusal(f"{', '.join(given)} with topology {self.topology}", f"with {' or '.join(topologies)}")
        if self.oversubscription is not None and self.oversubscription.number() > 1 and self.leaf_chips is None:
            raise refusal("oversubscription without leaf_chips", "leaf_chips, the chips below one leaf, beside it")
        return self


class Anchor(Section):
    """One measured run, from which the machine's kernels are scaled; with runs and row, the row's where not given."""

    runs: str | None = Field(
        None, description="table of measured runs (CSV, docs/validation.md), relative to this file; with it, row"
    )
    row: str | None = Field(None, description="id of the run in it; fields beside it take the place of its columns")
    model: str = Field(description="model key, or the path of a model file (relative to this file)")
    chips: int = Field(ge=1, le=10_000_000, description="chips of the run")
    layout: str = Field(min_length=1, description="as train's --layout, with tp, pp and mb: 'tp=8,pp=4,mb=1'")
    seq_len: int = Field(ge=1, le=10_000_000, description="tokens of a sequence")
    global_batch: int = Field(ge=1, le=1_000_000_000, description="sequences per step")
    precision: str = Field("bf16", description="of the linear layers")
    stack: str | None = Field(None, description="training stack, a catalogue key; default: the usual one of the chip")
    step_time_s: Annotated[Fact, *quantity("s", ge=1e-6, le=1e7)] | None = Field(
        None, description="measured time of one step, s; a low and high give the factor a range"
    )
    tokens_per_s_per_chip: Annotated[Fact, *quantity(ge=1e-6, le=1e9)] | None = Field(
        None, description="or measured tokens per second and chip"
    )

    @model_validator(mode="after")
    def _measured(self) -> Anchor:
        if (self.step_time_s is None) == (self.tokens_per_s_per_chip is None):
            given = "both" if self.step_time_s else "none"
            raise refusal(f"{given} of step_time_s, tokens_per_s_per_chip", "one of them")
        return self

    def measured_s(self) -> list[float]:
        """The measured step and the ends of its range, where it has one. [s]"""
        fact = self.step_time_s or self.tokens_per_s_per_chip
        found = [end for end in (fact.number(), fact.low, fact.high) if end is not None] if fact else []
        tokens = self.seq_len * self.global_batch / self.chips
        return found if self.step_time_s else [tokens / end for end in found]


class MachineFile(Section):
    """A machine: the unit that is bought (node, rack, pod), its chips and its network."""

    format: Literal[1] = Field(1, description="version of this file format")
    name: _Key = Field(description="key of the machine in results; no key of the catalogue")
    title: str | None = Field(None, min_length=1, description="what results call the machine")
    like: Annotated[str, catalogue_key("system")] | None = Field(
        None, description="machine of the catalogue whose numbers hold where none is given here"
    )
    chips: Annotated[Fact, *quantity(ge=1, le=1e6, whole=True)] | None = Field(
        None, description="chips of one unit (node, rack, pod)"
    )
    chip: Chip | None = Field(None, description="the accelerator; default: that of like")
    links: dict[_Key, Link] = Field(
        default_factory=dict,
        description=(
            "levels of the network by name; one takes the place of like's level of that name, or of as many chips"
        ),
    )
    overhead_w_per_chip: Annotated[Fact, *quantity("W", ge=0, le=1e5)] | None = Field(
        None, description="power of hosts, switches, fans and supplies per chip, W; default: by hgx-h100's share"
    )
    provisioned_w_per_chip: Annotated[Fact, *quantity("W", ge=1, le=2e5)] | None = Field(
        None, description="what the rack budget reserves per chip, W; default: by hgx-h100's share of the power cap"
    )
    liquid_share: Annotated[Fact, *quantity(ge=0, le=1)] | None = Field(
        None, description="share of the heat that leaves by the liquid loop; default 0"
    )
    coolant_supply_max_c: Annotated[Fact, *quantity("degC", ge=0, le=80)] | None = Field(
        None, description="warmest coolant that the rack accepts, degC; default: as hgx-h100"
    )
    anchor: Anchor | None = Field(None, description="one measured run of this machine")


def machine_schema() -> dict[str, Any]:
    """JSON Schema of machine files."""
    schema = MachineFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "megawatt machine"}
