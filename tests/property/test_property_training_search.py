"""The search against one layout at a time."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.training import Job, layout_reasons, one_layout, plan, practice_for, step_cost
from megawatt.workload import ModelArch

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
PRACTICE = practice_for(CATALOGUE, SYSTEM)


@st.composite
def small_models(draw: st.DrawFn) -> ModelArch:
    heads = draw(st.sampled_from([2, 4, 6]))
    experts = draw(st.sampled_from([0, 4]))
    return ModelArch(
        key="drawn",
        title="drawn",
        layers=draw(st.integers(1, 6)),
        hidden=draw(st.sampled_from([1024, 4096, 16384])),
        heads=heads,
        kv_heads=draw(st.sampled_from([1, heads])),
        head_dim=128,
        ffn=draw(st.sampled_from([3072, 16384])),
        gated=draw(st.booleans()),
        vocab=32000,
        tied_embeddings=False,
        attention="gqa",
        experts=experts,
        experts_per_token=2 if experts else 0,
        expert_ffn=2048 if experts else 0,
        dense_layers=draw(st.integers(0, 1)) if experts else 0,
    )


def one_at_a_time(arch: ModelArch, chips: int, seq_len: int, batch: int) -> tuple[float, int]:
    """Shortest step of all layouts that run, and their number: plain loops, no tables, no pruning."""
    job, times = Job(arch, seq_len, batch), []
    n = range(1, chips + 1)
    degrees = [d for d in product(n, n, n, n) if np.prod(d) == chips and d[1] <= arch.layers]
    for tp, pp, cp, dp in degrees:
        fullest = -(-arch.layers // pp)
        stages = [v for v in range(1, fullest + 1) if fullest % v == 0] if pp > 1 else [1]
        spread = list(product([e for e in (1, 2, 4) if arch.experts], sorted({1, tp}))) or [(1, 1)]
        sizes, sharded = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32), (False, True) if tp > 1 else (False,)
        rest = product(stages, spread, sizes, (1, 2, 3), (0, 1, 2), sharded)
        for vpp, (ep, etp), micro, zero, recompute, sequence in rest:
            layout = one_layout(
                tp=tp, pp=pp, cp=cp, dp=dp, vpp=vpp, ep=ep, etp=etp, micro_batch=micro, zero=zero,
                recompute=recompute, sequence_parallel=sequence,
            )  # fmt: skip
            if layout_reasons(job, layout, chips=chips)[0]:
                continue
            cost = step_cost(job, SYSTEM, layout, practice=PRACTICE)
            if cost.feasible[0]:
                times.append(float(cost.step_time_s[0]))
    return (min(times) if times else np.inf), len(times)


@settings(max_examples=6, deadline=None)
@given(small_models(), st.sampled_from([2, 3, 4]), st.sampled_from([512, 8192]), st.sampled_from([2, 4, 6]))
def test_the_search_finds_the_best_of_all_layouts(arch: ModelArch, chips: int, seq_len: int, batch: int) -> None:
    best, fits = one_at_a_time(arch, chips, seq_len, batch)
    try:
        found = plan(Job(arch, seq_len, batch), SYSTEM, chips, catalogue=CATALOGUE)
    except (InfeasibleError, ScenarioError):
        assert fits == 0
        return
    assert found.step_time_s == pytest.approx(best, rel=1e-12)
    assert found.considered - sum(found.rejected.values()) == fits
