"""An engine step by step: requests arrive, wait for room, are taken in by pieces, decode and leave."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.serving.memory import sequences_that_fit
from megawatt.serving.records import Traffic
from megawatt.serving.steps import StepModel

__all__ = ["Served", "random_arrivals", "simulate", "simulate_closed_loop"]

_MOST_STEPS: Final = 5_000_000
"""Steps of a simulation: beyond them the engine does not keep up."""


@dataclass(frozen=True, slots=True)
class Served:
    """What every request met; arrays by request, in the order of arrival. [s]

    ``ttft_s`` from arrival to the first token, ``tpot_s`` per token after it, ``latency_s`` from arrival to the last.
    ``end_s`` is when the last request was answered, ``tokens`` all that were given out until then; ``put_back`` how
    often a request lost its room to others and was computed anew.
    """

    arrival_s: FloatArray
    ttft_s: FloatArray
    tpot_s: FloatArray
    latency_s: FloatArray
    end_s: float
    tokens: float
    put_back: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Output tokens over the time from the first arrival to the last answer. [1/s]"""
        return self.tokens / (self.end_s - float(self.arrival_s[0]))


@dataclass(slots=True)
class _Request:
    place: int
    prompt: float
    answer: float
    cached: float
    given: float = 0.0
    first_s: float = 0.0
    left_prompt: float = 0.0
    taken: float = 0.0

    @property
    def held(self) -> float:
        """Tokens whose keys and values it keeps."""
        return self.prompt + self.given

    def start(self) -> None:
        """Take it in: what is not cached of its prompt, and what it was given before it lost its room."""
        self.taken = self.left_prompt = max(self.held - self.cached, 1.0)


def random_arrivals(rate_per_s: float, requests: int, seed: int = 0, burstiness: float = 1.0) -> FloatArray:
    """Times of arrival at a rate, the first at 0; gaps are gamma-distributed with shape ``burstiness``. [s], shape (n,)

    1 is a Poisson stream; below 1 requests come in bursts (the gaps' spread is 1 / sqrt(burstiness) of their mean),
    above it they are more even.

    Raises
    ------
    ScenarioError
        If the rate or the shape is not above 0, or there is no request.
    """
    if not (rate_per_s > 0.0 and burstiness > 0.0 and requests >= 1):
        raise ScenarioError(
            f"arrivals: rate = {rate_per_s:g}, requests = {requests}, burstiness = {burstiness:g}; allowed: above 0, "
            "1 or more, above 0"
        )
    gaps = np.random.default_rng(seed).gamma(burstiness, 1.0 / (rate_per_s * burstiness), requests - 1)
    return np.concatenate([[0.0], np.cumsum(gaps)])


def simulate(
    model: StepModel,
    traffic: Traffic,
    arrival_s: FloatArray,
    *,
    input_tokens: FloatArray | None = None,
    output_tokens: FloatArray | None = None,
) -> Served:
    """Serve requests that arrive at given times, on one replica.

    Parameters
    ----------
    model : StepModel
        A replica; its steps cost what the closed form says.
    traffic : Traffic
        Speculation and prefix hits; lengths where none are given.
    arrival_s : (n,)
        Rising times. [s]
    input_tokens, output_tokens : (n,), optional
        Lengths of each request. [tokens]

    Raises
    ------
    ScenarioError
        If a request can never fit, or the engine does not keep up within five million steps.
    """
    count = len(arrival_s)
    lengths = [
        np.full(count, default) if given is None else np.asarray(given, dtype=np.float64)
        for given, default in ((input_tokens, traffic.input_tokens), (output_tokens, traffic.output_tokens))
    ]
    return _Engine(model, traffic, np.asarray(arrival_s, dtype=np.float64), *lengths).run()


def simulate_closed_loop(
    model: StepModel, traffic: Traffic, users: int, requests: int, *, output_tokens: FloatArray | None = None
) -> Served:
    """So many users who each send the next request when the last one is answered, until so many are answered.

    ``output_tokens`` (requests,): answers of each; all alike where none are given. The first answers of several users
    are cut to even shares of their length, so that users who start together do not stay in step.
    """
    answers = np.full(requests, traffic.output_tokens) if output_tokens is None else output_tokens.copy()
    if users > 1:
        first = answers[:users]
        answers[: len(first)] = np.maximum(np.ceil(first * (np.arange(len(first)) + 1.0) / len(first)), 1.0)
    arrivals = np.where(np.arange(requests) < users, 0.0, np.inf)
    prompts = np.full(requests, traffic.input_tokens)
    return _Engine(model, traffic, arrivals, prompts, answers).run(closed=True)


class _Engine:
    """State of one replica: requests that wait, are taken in, and decode."""

    def __init__(
        self, model: StepModel, traffic: Traffic, arrival_s: FloatArray, prompts: FloatArray, answers: FloatArray
    ) -> None:
        self.model, self.traffic = model, traffic
        self.arrival_s = arrival_s.copy()
        self.answers = answers
        self.requests = [
            _Request(i, float(p), float(a), float(p) * traffic.prefix_hit_frac)
            for i, (p, a) in enumerate(zip(prompts, answers, strict=True))
        ]
        stack = model.machine.stack
        # Room in tokens: what fits of mean requests; the count of sequences has its own limit.
        whole = traffic.input_tokens + traffic.output_tokens
        fit = sequences_that_fit(model.service, model.layout, stack, model.machine.accelerator.hbm_bytes, whole)
        self.room = fit * whole
        self.most = stack.most_sequences * model.layout.dp
        self.whole_answers = stack.whole_answers
        self.put_back = 0
        largest = float(np.max(prompts + answers))
        if largest > self.room * (1.0 + 1e-9):
            raise ScenarioError(f"serving: a request of {largest:g} tokens never fits: room for {self.room:.0f}")
        self.waiting: deque[_Request] = deque()
        self.taking: deque[_Request] = deque()
        self.decoding: list[_Request] = []
        self.held = 0.0
        self.now = 0.0
        self.last_s = np.zeros(len(answers))

    def run(self, *, closed: bool = False) -> Served:
        """All requests to their end."""
        upcoming, steps = 0, 0
        while upcoming < len(self.requests) or self.waiting or self.taking or self.decoding:
            while upcoming < len(self.requests) and self.arrival_s[upcoming] <= self.now:
                self.waiting.append(self.requests[upcoming])
                upcoming += 1
            self._admit()
            if not self.taking and not self.decoding:
                self.now = float(self.arrival_s[upcoming])
                continue
            finished = self._step()
            if closed:
                ready = self.arrival_s[upcoming:] == np.inf
                self.arrival_s[upcoming:][np.flatnonzero(ready)[:finished]] = self.now
            steps += 1
            if steps > _MOST_STEPS:
                raise ScenarioError("serving: the engine does not keep up with its requests in five million steps")
        return self._served()

    def _admit(self) -> None:
        while self.waiting and len(self.taking) + len(self.decoding) < self.most:
            first = self.waiting[0]
            if self.held + self._room_of(first) > self.room * (1.0 + 1e-9):
                return
            self.held += self._room_of(first)
            first.start()
            self.taking.append(self.waiting.popleft())

    def _room_of(self, request: _Request) -> float:
        """Tokens that a request takes of the room: to its end, or those it has by now."""
        return request.prompt + request.answer if self.whole_answers else request.held

    def _make_room(self) -> None:
        """Put back whoever came last until the next tokens of the others have room."""
        if self.whole_answers:
            return
        grown = self.traffic.accepted_tokens
        while len(self.decoding) > 1 and self.held + grown * len(self.decoding) > self.room * (1.0 + 1e-9):
            lost = self.taking.pop() if self.taking else self.decoding.pop()
            self.held -= self._room_of(lost)
            self.waiting.appendleft(lost)
            self.put_back += 1

    def _step(self) -> int:
        """One step: pieces of prompts within the budget, one token for all that decode. How many ended."""
        self._make_room()
        stack, groups = self.model.machine.stack, float(self.model.layout.dp)
        budget = max(stack.most_tokens * groups - len(self.decoding), 1.0)
        taken: list[tuple[_Request, float]] = []
        while self.taking and budget > 0.0:
            request = self.taking[0]
            piece = min(request.left_prompt, budget)
            taken.append((request, piece))
            budget -= piece
            if piece < request.left_prompt:
                break
            self.taking.popleft()
        self.now += self._time_s(taken)
        for request in self.decoding:
            self._give(request, self.traffic.accepted_tokens)
        for request, piece in taken:
            request.left_prompt -= piece
            if request.left_prompt <= 0.0:
                if not request.given:
                    request.first_s = self.now
                self._give(request, 1.0)
                self.decoding.append(request)
        ended = [r for r in self.decoding if r.given >= r.answer - 1e-9]
        for request in ended:
            self.last_s[request.place] = self.now
            self.held -= self._room_of(request)
        if ended:
            self.decoding = [r for r in self.decoding if r.given < r.answer - 1e-9]
        return len(ended)

    def _give(self, request: _Request, tokens: float) -> None:
        """Tokens of the answer, which take room as they come."""
        before = self._room_of(request)
        request.given = min(request.given + tokens, request.answer)
        self.held += self._room_of(request) - before

    def _time_s(self, taken: list[tuple[_Request, float]]) -> float:
        model, groups = self.model, float(self.model.layout.dp)
        active = len(self.decoding)
        fresh = sum(piece for _, piece in taken)
        context = sum(r.held for r in self.decoding) / active if active else 0.0
        rows = np.array([(active + fresh) / groups])
        busiest = np.array([active / groups + max(fresh / groups, max((p for _, p in taken), default=0.0))])
        total = model.dense(busiest).time_s + model.routed(rows).time_s + model.messages(rows).time_s
        if active:
            total = total + model.decoding(np.array([active / groups]), context).time_s
        for request, piece in taken:
            new = request.taken
            total = total + piece / new * model.prompts(np.ones(1), new, max(request.held, new)).time_s
        ready = sum(piece >= r.left_prompt for r, piece in taken)
        total = total + model.head(np.array([(active + ready) / groups])).time_s
        total = total + model.host(np.array([float(active + len(taken))])).time_s
        drafting = 1.0 + self.traffic.draft_frac if active else 1.0
        return float(total[0]) * drafting

    def _served(self) -> Served:
        first = np.array([r.first_s for r in self.requests])
        ttft, latency = first - self.arrival_s, self.last_s - self.arrival_s
        tpot = (latency - ttft) / np.maximum(self.answers - 1.0, 1.0)
        end_s, tokens = float(self.last_s.max()), float(self.answers.sum())
        return Served(self.arrival_s, ttft, tpot, latency, end_s, tokens, self.put_back)
