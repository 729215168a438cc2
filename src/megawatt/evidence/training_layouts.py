"""Cells of a published training run, and the rules that complete its parallel layout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError, shown
from megawatt.files import parse_number
from megawatt.training import Features, Layouts, one_layout
from megawatt.training.choices import CONTEXT_EXCHANGES
from megawatt.training.recompute import module_bits
from megawatt.training.stages import end_layers
from megawatt.workload import ModelArch

__all__ = ["Cells", "Row", "read_layout"]

Row = Mapping[str, str]

_MOST: Final = 1e12
"""Largest count that a column may hold."""
_RECOMPUTE: Final = {"none": 0, "selective": 1, "full": 2}
_LIBRARIES: Final = (("stack-maxtext", 2), ("neuronx-nemo-megatron", 2), ("neuronx distributed", 1))
"""Recompute that libraries are run with where nobody says otherwise, the first that the stack or the software names:
MaxText's ``remat_policy: full``; ``activations_checkpoint_granularity=full`` of the scripts in
aws-neuron/neuronx-nemo-megatron (test.sh, test_llama.sh); ``--use_selective_checkpoint 1`` of those in
aws-neuron/neuronx-distributed."""


@dataclass(slots=True)
class Cells:
    """Reads the cells of a row, and notes which were empty (``assumed``)."""

    row: Row
    assumed: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """The trimmed cell; empty where the column is."""
        return (self.row.get(name) or "").strip()

    def word(self, name: str) -> str:
        """The cell of a column whose values are words of a list: capitals do not matter."""
        return self.text(name).lower()

    def number(self, name: str, default: float | None = None) -> float:
        """The number in a column, else the default (noted).

        Raises
        ------
        ScenarioError
            If the column is empty and has no default, or holds no number.
        """
        text = self.text(name)
        if not text:
            if default is None:
                raise ScenarioError(f"column {name} is empty")
            self.assume(name)
            return default
        value = parse_number(text)
        if value is None:
            raise ScenarioError(f"column {name} = {shown(text)}, must be a number")
        return value

    def integer(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        """As `number`, rounded; counts and degrees are at least ``least`` and below 10^12."""
        value = self.number(name, default)
        if not 0 <= value < _MOST or round(value) < least:
            raise ScenarioError(f"column {name} = {value:g}, must be {least} to {_MOST:g}")
        return round(value)

    def degree(self, name: str, default: int) -> int:
        """A degree of parallelism: 1 or more."""
        return self.integer(name, default, least=1)

    def assume(self, name: str) -> None:
        """Note that a rule filled a column."""
        if name not in self.assumed:
            self.assumed.append(name)


def read_layout(
    read: Cells, arch: ModelArch, system: System, chips: int, stack: str, features: Features
) -> Layouts | None:
    """The layout of a row, in chips; None where the planner has to choose.

    Parameters
    ----------
    read : Cells
        The row.
    arch, system : ModelArch, System
        Its model and machine.
    chips : int
        Chips, not cores.
    stack : str
        Key of the training stack, which decides what empty columns usually are.
    features : Features
        What the row switched on: recomputed modules, layers by stage.
    """
    names_tensor = re.search(r"\bTP\b", read.text("software")) is not None
    if not read.text("tp") and not read.text("pp") and (read.text("zero") != "3" or names_tensor):
        for name in ("tp", "pp", "cp", "dp", "micro_batch"):
            read.assume(name)
        return None
    tp, pp, cp = read.degree("tp", 1), read.degree("pp", 1), read.degree("cp", 1)
    ep = read.degree("ep", 1) if arch.experts else 1
    micro = read.number("micro_batch", 1.0)
    dp = read.degree("dp", max(chips // (tp * pp * cp), 1))
    if micro < 1:
        # Published per device although a sequence is spread over the context-parallel group.
        micro = max(micro * cp, 1.0)
    tp, cp, dp, micro = _in_chips(read, chips, (tp, pp, cp, dp), micro)
    first, last = end_layers(features.stage_layout or "", pp)
    return one_layout(
        tp=tp,
        pp=pp,
        vpp=_virtual(read, arch, pp, stack),
        cp=cp,
        ep=ep,
        dp=dp,
        micro_batch=round(micro),
        zero=read.integer("zero", 0 if stack == "stack-megatron-2021" else 1),
        recompute=_recompute(read, stack, named=bool(features.recompute)),
        modules=_modules(read, stack, features),
        first_layers=first,
        last_layers=last,
        sequence_parallel=bool(read.integer("seq_parallel", int(tp > 1 and stack != "stack-megatron-2021"))),
        etp=_expert_tensor(read, arch, tp, ep, dp * cp),
        zero_group=_slice_group(read, system, tp * pp),
        cp_exchange=_context_exchange(read, cp),
    )


def _context_exchange(read: Cells, cp: int) -> int:
    """How context travels: 1 by all-to-all where the column ``cp_comm`` or the notes (Ulysses) say so, else a ring."""
    text = read.word("cp_comm") or ("ulysses" if "ulysses" in read.word("notes") else "ring")
    if text not in CONTEXT_EXCHANGES:
        raise ScenarioError(f"column cp_comm = {shown(text)}; allowed: {', '.join(CONTEXT_EXCHANGES)}")
    return CONTEXT_EXCHANGES[text] if cp > 1 else 0


def _in_chips(read: Cells, chips: int, degrees: tuple[int, int, int, int], micro: float) -> tuple[int, int, int, float]:
    """Degrees counted in chips, where a source counts cores (Trainium: tp) or devices (TPU7x: dp or cp)."""
    tp, pp, cp, dp = degrees
    used = tp * pp * cp * dp
    factor = used // chips if chips and used % chips == 0 else 0
    if factor == 1:
        return tp, cp, dp, micro
    read.assume("dp")
    if factor and read.word("accelerator").startswith("trn") and tp % factor == 0:
        return tp // factor, cp, dp, micro
    if factor and cp % factor == 0 and cp > 1:
        return tp, cp // factor, dp, micro
    if factor and dp % factor == 0:
        return tp, cp, dp // factor, micro * factor
    return tp, cp, max(chips // (tp * pp * cp), 1), micro


def _virtual(read: Cells, arch: ModelArch, pp: int, stack: str) -> int:
    """Virtual stages: as published; else, in stacks that interleave, the most that leave two layers in a chunk."""
    if read.text("vpp") or pp == 1:
        return read.integer("vpp") if read.text("vpp") else 1
    read.assume("vpp")
    most = arch.layers // (2 * pp)
    if stack != "stack-megatron-core" or most < 2:
        return 1
    even = [v for v in range(1, most + 1) if arch.layers % (pp * v) == 0]
    return max(even) if even else most


def _recompute(read: Cells, stack: str, *, named: bool) -> int:
    """Recompute as published, whatever memory it needs.

    An empty column is the library's default: MaxText repeats every layer (``remat_policy: full``), and so do the
    scripts of neuronx-nemo-megatron, those of NeuronX Distributed attention's core; the others nothing.
    A policy of MaxText counts by its name: "minimal" keeps the results of all multiplies, any other (projections kept
    or offloaded, custom, unnamed) repeats most of a layer, unless the row names the modules.
    """
    text = read.word("recompute")
    if not text:
        read.assume("recompute")
        return next((kind for words, kind in _LIBRARIES if words in f"{stack} {read.word('software')}"), 0)
    if text not in _RECOMPUTE:
        allowed = f"{', '.join(_RECOMPUTE)}; modules stand in a column recompute_modules"
        raise ScenarioError(f"column recompute = {shown(text)}; allowed: {allowed}")
    policy = text == "selective" and stack == "stack-maxtext" and "minimal" not in read.text("notes") and not named
    return 2 if policy else _RECOMPUTE[text]


def _modules(read: Cells, stack: str, features: Features) -> int:
    """What selective recompute repeats: as the row says, else Megatron's own default, attention's core; 0 elsewhere."""
    if features.recompute:
        return module_bits(features.recompute)
    if "MoE activation" in read.text("notes"):
        return module_bits(("layernorm", "moe_act"))
    cored = (
        "megatron" in stack if read.word("recompute") == "selective" else "neuronx distributed" in read.word("software")
    )
    return module_bits(("core_attn",)) if cored else 0


def _expert_tensor(read: Cells, arch: ModelArch, tp: int, ep: int, replicas: int) -> int:
    """Tensor degree inside experts: as the recipe or the notes say; else none for experts narrower than the model,
    whose multiplies would become thin, and Megatron's default (as outside) for others where it divides."""
    if tp == 1 or not arch.experts:
        return 1
    notes = re.search(r"(?:ETP|expert tensor parallel) (\d+)", read.text("notes"))
    said = read.text("recipe.recipe_etp") or (notes[1] if notes else "")
    if said:
        return int(said)
    read.assume("etp")
    narrow = arch.expert_ffn < arch.hidden
    return tp if replicas % ep == 0 and not narrow else 1


def _slice_group(read: Cells, system: System, model_chips: int) -> int:
    """Replicas over which weights are sharded: inside the slice where slices are joined by an ordinary network."""
    if "DCN" not in read.text("scaleout"):
        return 0
    return max(int(system.links[0].domain_chips) // model_chips, 1)
