"""What is served on which machine, in which layouts: a question on serving as it may be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from megawatt.catalogue.records import Accelerator, System
from megawatt.errors import ScenarioError
from megawatt.serving.machine import ServingMachine, cache_width, serving_machine
from megawatt.serving.records import Layout, Service, Traffic, check_traffic
from megawatt.serving.search import layouts_of, most_context_ranks
from megawatt.workload import ModelArch, structure

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["check_load", "service_on", "usual_precision"]


def service_on(
    arch: ModelArch, system: System, chips: int, traffic: Traffic, *, catalogue: Catalogue, precision: str,
    stack: str = "", cache_bytes: float = 0.0, layout: Layout | None = None,
) -> tuple[Service, ServingMachine, tuple[Layout, ...]]:  # fmt: skip
    """What `serve` looks through: the service, the machine, layouts of a replica; parameters as there.

    Raises
    ------
    ScenarioError
        If it cannot be asked: traffic, chips, requests longer than the model's positions, precision, stack, layout.
    """
    check_traffic(traffic)
    if chips < 1:
        raise ScenarioError(f"chips = {chips}; allowed: 1 or more")
    longest = traffic.input_tokens + traffic.output_tokens
    if arch.learned_positions and longest > arch.learned_positions:
        raise ScenarioError(
            f"input and output of {longest:g} tokens: {arch.key} has {arch.learned_positions} learned positions"
        )
    width = cache_bytes or cache_width(precision, system.accelerator)
    machine = serving_machine(catalogue, system, precision, stack, cache_bytes=width)
    service = Service(arch, precision, width)
    shared = machine.stack.decode_context_parallel
    layouts = (layout,) if layout is not None else layouts_of(service, system, chips, context_parallel=shared)
    if layout is not None:
        _check_layout(arch, layout, machine)
    offered = tuple(y for y in layouts if y.chips <= chips)
    if not offered:
        raise ScenarioError(f"layout {layouts[0].text()} needs {layouts[0].chips} chips; on offer: {chips}")
    return service, machine, offered


def check_load(**loads: float) -> None:
    """Refuse two loads at once."""
    given = [name for name, value in loads.items() if value]
    if len(given) > 1:
        raise ScenarioError(f"{' and '.join(given)}: allowed: one of them (a rate, users in a closed loop, or a burst)")


def _check_layout(arch: ModelArch, layout: Layout, machine: ServingMachine) -> None:
    """Refuse a layout that the model cannot be cut into."""
    mixture = next((kind.mixture for kind in structure(arch).kinds if kind.mixture), None)
    wrong = [
        (mixture is None and layout.dp * layout.ep > 1, "dp and ep need routed experts; more replicas need no layout"),
        (bool(arch.heads % layout.tp), f"tp = {layout.tp} must divide {arch.heads} heads"),
        (
            layout.cp > 1 and not machine.stack.decode_context_parallel,
            f"{machine.stack.key.removeprefix('serving-')} does not share out positions (cp)",
        ),
        (
            layout.cp > most_context_ranks(arch, layout.tp),
            f"cp = {layout.cp}: at tp = {layout.tp} at most {most_context_ranks(arch, layout.tp)} ranks keep the same "
            "keys and values",
        ),
        (layout.pp > arch.layers, f"pp = {layout.pp} must be at most {arch.layers} layers"),
        (mixture is not None and mixture.experts % layout.ep > 0, f"ep = {layout.ep} must divide the experts"),
    ]
    told = [text for found, text in wrong if found]
    if told:
        raise ScenarioError(f"layout {layout.text()} of {arch.key}: {'; '.join(told)}")


def usual_precision(accelerator: Accelerator) -> str:
    """Precision in which a chip usually serves: 8 bits where it has them, else 16."""
    peaks = accelerator.peak_flops_per_s
    return next((name for name in ("fp8", "mxfp8", "bf16") if name in peaks), "fp16")
