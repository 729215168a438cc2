"""A serving plan as plain values: what the command prints as JSON, and Python reads."""

from __future__ import annotations

from typing import Any

from megawatt.serving.percentiles import Latencies
from megawatt.serving.planning import ServingPlan
from megawatt.serving.records import ServingChoice

__all__ = ["plan_dict"]


def _choice_dict(choice: ServingChoice, price: float | None) -> dict[str, Any]:
    layout = choice.layout
    return {
        "layout": choice.name,
        "tp": layout.tp,
        "pp": layout.pp,
        "dp": layout.dp,
        "ep": layout.ep,
        "cp": layout.cp,
        "chips": choice.chips,
        "replicas": choice.replicas,
        "concurrency_per_replica": choice.concurrency,
        "tokens_per_s": choice.tokens_per_s,
        "tokens_per_s_per_chip": choice.tokens_per_s_per_chip,
        "tokens_per_s_per_user": choice.tokens_per_s_per_user,
        "ttft_s": choice.ttft_s,
        "tpot_s": choice.tpot_s,
        "chip_power_w": choice.chip_power_w,
        "it_power_w_per_chip": choice.it_power_w_per_chip,
        "it_j_per_token": choice.it_j_per_token,
        "usd_per_million_tokens": None if price is None else choice.usd_per_million_tokens(price),
        "prompt_chips_frac": choice.prompt_share,
        "limit": choice.limit,
        "parts_s": dict(choice.parts_s),
    }


def plan_dict(plan: ServingPlan, price: float | None, measured: Latencies | None) -> dict[str, Any]:
    """A plan as the JSON of docs/serving.md."""
    return {
        "model": plan.service.arch.key,
        "system": plan.system.key,
        "accelerator": plan.system.accelerator.key,
        "chips": plan.chips,
        "precision": plan.service.precision,
        "arithmetic": plan.machine.arithmetic,
        "cache_bytes": plan.service.cache_bytes,
        "stack": plan.machine.stack.key,
        "input_tokens": plan.traffic.input_tokens,
        "output_tokens": plan.traffic.output_tokens,
        "choices": [_choice_dict(c, price) for c in plan.choices],
        "front": [_choice_dict(c, price) for c in plan.front],
        "simulated": None if measured is None else _latencies_dict(measured),
        "considered": plan.considered,
        "evidence": dict(plan.evidence),
        "notes": list(plan.notes),
        "assumptions": [
            {"name": a.name, "value": a.fact.value, "unit": a.fact.unit, "source": a.fact.source, "kind": a.fact.kind}
            for a in plan.assumptions
        ],
    }


def _latencies_dict(measured: Latencies) -> dict[str, Any]:
    return {
        "requests": measured.requests,
        "settled": measured.settled,
        "put_back_per_request": measured.put_back_per_request,
        "notes": list(measured.notes),
        "tokens_per_s_per_replica": measured.tokens_per_s,
        "ttft_s": dict(measured.ttft_s),
        "tpot_s": dict(measured.tpot_s),
        "latency_s": dict(measured.latency_s),
    }
