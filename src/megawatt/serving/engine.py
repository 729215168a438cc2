"""Throughput and latency of an engine in closed form: offline bursts, users in a closed loop, requests at a rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.serving.memory import growing_that_fit, sequences_that_fit
from megawatt.serving.records import Points, Traffic
from megawatt.serving.steps import Spent, StepModel

__all__ = ["at_rate", "burst_ttft_s", "closed_loop", "largest_concurrency", "mean_step", "offline", "prefill"]

_MOST_WAVES: Final = 50.0
"""Waves of requests above which the last, part-filled one does not count."""
_HALVINGS: Final = 40
"""Halvings of the concurrency that a rate needs."""


def largest_concurrency(model: StepModel, traffic: Traffic) -> float:
    """Most requests that a replica holds, by the room for their caches (`ServingStack.whole_answers`) and its limit."""
    layout, stack, hbm = model.layout, model.machine.stack, model.machine.accelerator.hbm_bytes
    if stack.whole_answers:
        fit = sequences_that_fit(model.service, layout, stack, hbm, traffic.input_tokens + traffic.output_tokens)
    else:
        fit = growing_that_fit(model.service, layout, stack, hbm, traffic)
    return min(fit, stack.most_sequences * layout.dp)


def mean_step(model: StepModel, traffic: Traffic, concurrency: FloatArray, prompts: FloatArray) -> dict[str, Spent]:
    """The mean step of an engine by part.

    Parameters
    ----------
    model : StepModel
        A replica.
    traffic : Traffic
        Its requests.
    concurrency : (n,)
        Requests that decode, all attention groups and pipeline stages together. >= 0
    prompts : (n,)
        Prompts that one step of the whole replica takes in, on average; a fraction is one in some of the steps.

    Returns
    -------
    dict of str to Spent
        rows, experts, messages, prompts, decoding, head, host: of all stages, one after the other.
    """
    layout, stack = model.layout, model.machine.stack
    groups = float(layout.dp * layout.pp)
    mean, taken = concurrency / groups, prompts / groups
    # A request passes all stages, in one group: where there are fewer than groups, one has a whole one.
    decoding = np.maximum(mean, np.minimum(concurrency, 1.0))
    speculated = float(np.ceil(traffic.accepted_tokens)) if traffic.draft_frac > 0.0 else 1.0
    verified = decoding * speculated
    imbalance = stack.prefill_imbalance if layout.dp > 1 else 1.0
    fresh = taken * traffic.new_tokens
    routed = np.maximum(mean, np.minimum(concurrency, 1.0) / layout.dp) * speculated
    piece = min(traffic.new_tokens, stack.most_tokens)

    def with_prompts(cost: Callable[[FloatArray], Spent], rows: FloatArray) -> Spent:
        """A prompt comes whole, or by pieces: some steps have it, the others do not."""
        if layout.dp > 1:  # the prompts of other groups fill the steps between
            return cost(rows + fresh)
        share = np.minimum(fresh / piece, 1.0)
        return cost(rows).scaled(1.0 - share) + cost(rows + np.maximum(fresh, piece)).scaled(share)

    parts = {
        "rows": with_prompts(model.dense, verified) if layout.dp == 1 else model.dense(verified + imbalance * fresh),
        "experts": with_prompts(model.routed, routed),
        "messages": with_prompts(model.messages, verified),
        "prompts": model.prompts(taken, traffic.new_tokens, traffic.input_tokens).scaled(imbalance),
        "decoding": model.decoding(decoding, traffic.mean_context),
        "head": model.head(decoding + taken),
        "host": model.host(concurrency / layout.pp),
    }
    if layout.pp > 1:
        parts["host"] = parts["host"].scaled(float(layout.pp))
        parts["messages"] = parts["messages"] + model.passing(verified + fresh).scaled(float(layout.pp - 1))
    if traffic.draft_frac > 0.0:
        drafting = sum((parts[name] for name in ("messages", "head")), parts["rows"])
        parts["draft"] = drafting.scaled(traffic.draft_frac)
    return parts


def _total(parts: dict[str, Spent]) -> Spent:
    first, *rest = parts.values()
    return sum(rest, first)


def _cycle(model: StepModel, parts: dict[str, Spent]) -> FloatArray:
    """Time from one token of a sequence to its next: the step, or all stages of the pipeline. [s]

    Every stage works on requests of its own; the last one also has the output projection, and the others wait for it.
    """
    stages = float(model.layout.pp)
    whole = _total(parts).time_s
    if stages == 1.0:
        return whole
    return np.asarray(whole + (stages - 1.0) * parts["head"].time_s)


def prefill(model: StepModel, traffic: Traffic, prompts: FloatArray, decoding: FloatArray | float = 0.0) -> FloatArray:
    """Time to take in so many whole prompts at once, beside sequences that decode. [s], shape (n,)

    Prompts are taken in by pieces of at most ``most_tokens``; every piece is a step, with all that decodes in it. In a
    pipeline the pieces follow each other through the stages.
    """
    layout, stack = model.layout, model.machine.stack
    groups = float(layout.dp)
    number = np.asarray(prompts, dtype=np.float64) / groups
    # With fewer prompts than groups one group has a whole prompt, the others wait for it.
    busiest = np.maximum(number, np.minimum(prompts, 1.0))
    fresh = busiest * traffic.new_tokens
    pieces = np.maximum(np.ceil(fresh / stack.most_tokens), 1.0)
    others = np.asarray(decoding, dtype=np.float64) / groups
    rows = fresh / pieces + others
    mean_rows = number * traffic.new_tokens / pieces + others
    one = [
        model.dense(rows),
        model.routed(mean_rows),
        model.messages(mean_rows),
        model.decoding(others, traffic.mean_context),
        model.host(others * groups + prompts),
    ]
    layers = pieces * _total(dict(enumerate(one))).time_s  # type: ignore[arg-type]
    layers = layers + model.prompts(busiest, traffic.new_tokens, traffic.input_tokens).time_s
    stages = float(layout.pp)
    # The first piece passes all stages, the others follow one stage behind.
    filled = layers * (1.0 + (pieces - 1.0) / stages) / pieces
    return np.asarray(filled + model.head(busiest).time_s)


def burst_ttft_s(model: StepModel, traffic: Traffic, requests: FloatArray) -> FloatArray:
    """Mean time to the first token where so many requests come at once. [s], shape (n,)

    One after the other, a prompt waits for half of those before it on average; in a static batch all of them are taken
    in together and start together.
    """
    if not model.machine.stack.continuous:
        return prefill(model, traffic, requests)
    return np.asarray(prefill(model, traffic, np.ones_like(requests)) * (requests + 1.0) / 2.0)


def closed_loop(model: StepModel, traffic: Traffic, concurrency: FloatArray) -> Points:
    """Users who each send the next request when the last one is answered.

    Parameters
    ----------
    model : StepModel
        A replica.
    traffic : Traffic
        Requests.
    concurrency : (n,)
        Users of the replica. > 0

    Returns
    -------
    Points
        Time per token is that of the mean step, in which the prompts of the other users are taken in; to the first
        token it takes half a step, the own prompt, and the prompts of others that happen to wait (a queue with one
        server and constant service).
    """
    stack = model.machine.stack
    asked = np.asarray(concurrency, dtype=np.float64)
    # Below one user the replica serves one at a time, and rests between.
    users = np.maximum(asked, 1.0)
    busy = asked / users
    others = np.maximum(users - 1.0, 0.0) if stack.continuous else np.zeros_like(users)
    steps = traffic.steps
    parts = mean_step(model, traffic, users, others / steps)
    cycle = _cycle(model, parts)
    if stack.continuous:
        own = prefill(model, traffic, np.ones_like(users), users - 1.0)
        waited = _waiting(_packed_s(model, traffic, users), users, own + steps * cycle)
        # Prompts that fit in the tokens of a step join the next one, whoever came before.
        full = others / steps * traffic.new_tokens / (stack.most_tokens * model.layout.dp)
        waited = np.minimum(waited, cycle * np.maximum(full, 1.0))
        ttft = np.minimum(others, 1.0) * cycle / 2.0 + own + waited
    else:
        ttft = prefill(model, traffic, users)
    rate = users * traffic.output_tokens / (ttft + (steps - 1.0 / traffic.accepted_tokens) * cycle)
    power, law = _total(parts).energy_j / np.maximum(_total(parts).time_s, 1e-12), model.machine.power
    return Points(
        concurrency=asked,
        tokens_per_s=np.asarray(busy * rate),
        ttft_s=np.asarray(ttft),
        tpot_s=np.asarray(cycle / traffic.accepted_tokens),
        chip_power_w=np.asarray(busy * np.minimum(power, law.cap_w) + (1.0 - busy) * law.idle_w),
        fits=asked <= largest_concurrency(model, traffic) + 1e-9,
        parts_s={name: spent.time_s for name, spent in parts.items()},
    )


def _packed_s(model: StepModel, traffic: Traffic, users: FloatArray) -> FloatArray:
    """Time that one of several prompts takes of the engine: short ones share a step. [s]"""
    stack = model.machine.stack
    many = np.clip(np.floor(stack.most_tokens * model.layout.dp / traffic.new_tokens), 1.0, np.maximum(users, 1.0))
    return np.asarray(prefill(model, traffic, many) / many)


def _waiting(service_s: FloatArray, users: FloatArray, around_s: FloatArray) -> FloatArray:
    """Mean wait for prompts that came before: Pollaczek-Khinchine with constant service, of the other users. [s]"""
    others = np.maximum(users - 1.0, 0.0)
    load = np.minimum(others / around_s * service_s, 0.999)
    return np.minimum(load / (2.0 * (1.0 - load)) * service_s, others / 2.0 * service_s)


def offline(model: StepModel, traffic: Traffic, requests: float = float("inf"), most: float = float("inf")) -> Points:
    """Greatest throughput: all requests are there at once, the engine holds as many as it can.

    With few requests the last wave leaves the engine part-empty. One point, shape (1,).

    Parameters
    ----------
    model : StepModel
        A replica.
    traffic : Traffic
        Requests.
    requests : float
        Their number on the replica.
    most : float
        Requests that the engine holds, where fewer than fit.
    """
    held = max(min(largest_concurrency(model, traffic), requests, most), 0.0)
    if held <= 0.0:
        nothing = np.zeros(1)
        return Points(nothing, nothing, nothing + np.inf, nothing + np.inf, nothing, nothing.astype(bool))
    held = _within_budget(model, traffic, held)
    steps = traffic.steps
    waves = np.floor(requests / held + 1e-9) if requests < _MOST_WAVES * held else 1.0
    rest = requests - waves * held if requests < _MOST_WAVES * held else 0.0
    loads = np.array([held] if rest < 1e-9 else [held, rest])
    parts = mean_step(model, traffic, loads, loads / steps)
    cycle = _cycle(model, parts)
    time_s = steps * (waves * cycle[0] + (cycle[1] if len(loads) > 1 else 0.0))
    answered = waves * held + (rest if len(loads) > 1 else 0.0)
    first = {name: spent.time_s[:1] for name, spent in parts.items()}
    whole = _total(parts)
    power = np.minimum(whole.energy_j[:1] / whole.time_s[:1], model.machine.power.cap_w)
    one = np.ones(1)
    return Points(
        concurrency=one * held,
        tokens_per_s=one * answered * traffic.output_tokens / time_s,
        ttft_s=np.asarray(burst_ttft_s(model, traffic, one * held)),
        tpot_s=cycle[:1] / traffic.accepted_tokens,
        chip_power_w=power,
        fits=one.astype(bool),
        parts_s=first,
    )


def _within_budget(model: StepModel, traffic: Traffic, held: float) -> float:
    """Requests whose decoding and prompts fill the tokens of a step: with more, some wait for their turn."""
    stack, groups = model.machine.stack, model.layout.dp * model.layout.pp
    rows_per_request = 1.0 + traffic.new_tokens / traffic.steps
    return min(held, max(stack.most_tokens * groups / rows_per_request, 1.0))


def at_rate(model: StepModel, traffic: Traffic, requests_per_s: float) -> Points:
    """Requests that come at a rate, in a Poisson stream. One point, shape (1,); ``fits`` is False where they pile up.

    The concurrency is that of Little's law: rate x time in the engine, found by bisection on the closed loop.
    """
    most = largest_concurrency(model, traffic)
    low, high = np.log(1e-3), np.log(max(most, 2e-3))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        served = closed_loop(model, traffic, np.exp([middle])).tokens_per_s[0] / traffic.output_tokens
        low, high = (middle, high) if served < requests_per_s else (low, middle)
    users = np.exp([high])
    point = closed_loop(model, traffic, np.maximum(users, 1e-3))
    own = prefill(model, traffic, np.ones(1), users)
    each = _packed_s(model, traffic, users)
    load = requests_per_s * each
    reached = bool(point.tokens_per_s[0] / traffic.output_tokens >= requests_per_s * (1.0 - 1e-3))
    stable = reached and load[0] < 1.0 and users[0] <= most * (1.0 + 1e-9)
    waited = load / (2.0 * (1.0 - np.minimum(load, 0.999))) * each
    return Points(
        concurrency=users,
        tokens_per_s=np.minimum(point.tokens_per_s, requests_per_s * traffic.output_tokens),
        ttft_s=own + waited + point.tpot_s * traffic.accepted_tokens / 2.0,
        tpot_s=point.tpot_s,
        chip_power_w=point.chip_power_w,
        fits=np.array([stable]),
        parts_s=point.parts_s,
    )
