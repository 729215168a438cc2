"""Tables of ``megawatt serve``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from megawatt.cli.output import console
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from megawatt.serving import Latencies, ServingChoice, ServingPlan

__all__ = ["show_plan"]


def show_plan(plan: ServingPlan, price: float | None, measured: Latencies | None) -> None:
    """A plan as tables."""
    stack, service = plan.machine.stack.key.removeprefix("serving-"), plan.service
    chips = f"{plan.chips} x {plan.system.accelerator.title}"
    console().print(
        f"{service.arch.title} in {service.precision} on up to {chips}, {stack}: "
        f"{plan.traffic.input_tokens:g} tokens in, {plan.traffic.output_tokens:g} out"
    )
    console().print()
    print_table([*_COLUMNS, *(("USD/Mtok",) if price is not None else ())], [_row(c, price) for c in plan.choices])
    console().print()
    console().print(
        "Users: requests in work on each replica. Tokens: of answers. J: chips, hosts, network, before cooling."
    )
    console().print(f"Limited by: {plan.choices[0].limit or 'chips of both kinds keep each other busy'}")
    if measured is not None:
        _show_latencies(measured)
    if plan.front:
        console().print()
        console().print("Speed against throughput (no other layout and load beats these in both):")
        print_table(_FRONT, [_front_row(c) for c in _spread(plan.front)])
    console().print()
    console().print("Rests on: " + "; ".join(f"{name}: {text}" for name, text in plan.evidence.items()))
    for text in plan.notes:
        console().print(f"Note: {text}")


_COLUMNS = ("layout", "chips", "users", "tokens/s", "/s/user", "TTFT s", "TPOT ms", "J/token")
_FRONT = ("layout", "users", "tokens/s/user", "tokens/s/chip", "TTFT s", "J/token")
_SHOWN = 12
"""Points of the front that a table shows; JSON has all."""


def _row(choice: ServingChoice, price: float | None) -> list[str]:
    cells = [
        choice.name,
        f"{choice.chips:.0f}",
        f"{choice.concurrency:.0f}" if choice.concurrency >= 10.0 else f"{choice.concurrency:.2g}",
        f"{choice.tokens_per_s:,.0f}",
        f"{choice.tokens_per_s_per_user:.1f}",
        f"{choice.ttft_s:.3g}",
        f"{choice.tpot_ms:.3g}",
        f"{choice.it_j_per_token:.3g}",
    ]
    return cells if price is None else [*cells, f"{choice.usd_per_million_tokens(price):.3g}"]


def _front_row(choice: ServingChoice) -> list[str]:
    return [
        choice.name,
        f"{choice.concurrency:.0f}" if choice.concurrency >= 10.0 else f"{choice.concurrency:.2g}",
        f"{choice.tokens_per_s_per_user:.1f}",
        f"{choice.tokens_per_s_per_chip:,.0f}",
        f"{choice.ttft_s:.3g}",
        f"{choice.it_j_per_token:.3g}",
    ]


def _spread(front: tuple[ServingChoice, ...]) -> list[ServingChoice]:
    from megawatt.serving import spread_over

    return [front[place] for place in spread_over(len(front), _SHOWN)]


def _show_latencies(measured: Latencies) -> None:
    console().print()
    console().print(f"Simulated, {measured.requests} requests on one replica, {measured.tokens_per_s:,.0f} tokens/s:")
    rows: list[tuple[str, Mapping[str, float]]] = [
        ("time to first token s", measured.ttft_s),
        ("time per token s", measured.tpot_s),
        ("whole answer s", measured.latency_s),
    ]
    names = tuple(measured.ttft_s)
    print_table(("", *names), [[name, *(f"{values[n]:.3g}" for n in names)] for name, values in rows])
    if measured.put_back_per_request:
        console().print(
            f"Put back for lack of room and computed anew: {measured.put_back_per_request:.2g} times a request"
        )
    for text in measured.notes:
        console().print(f"Note: {text}")
    if not measured.settled:
        console().print("Too few requests for the load to be reached and held: ask for more than ten times the users.")
