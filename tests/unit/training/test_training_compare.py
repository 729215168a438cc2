"""Machines side by side: equal in chips, power, cost, time or whole machines; what stands idle and what holds back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli import main
from megawatt.training import Job, chips_within, machine_within, plan
from megawatt.training.bottlenecks import savings
from megawatt.training.scaling import best_within, fewest_within, growing_batch, usable_counts
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
JOB = Job(load_model("llama-3.1-8b", CATALOGUE), 4096, 64)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["compare", "llama-2-7b", *words])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


@pytest.mark.parametrize(("chips", "batch"), [(16, 64), (24, 96), (63, 126), (256, 64), (1024, 256), (700, 175)])
def test_a_batch_that_grows_is_divided_by_any_layout_of_the_chips(chips: int, batch: int) -> None:
    grown = growing_batch(JOB, chips).global_batch
    assert grown == batch
    assert grown >= max(JOB.global_batch, 1024 * chips / JOB.seq_len)
    odd = chips // (chips & -chips)
    assert grown % odd == 0  # the chips times or over a power of two


def test_a_fixed_batch_no_longer_decides_how_many_chips_are_used() -> None:
    fixed = best_within(JOB, SYSTEM, 112.0, catalogue=CATALOGUE)
    grown = best_within(JOB, SYSTEM, 112.0, catalogue=CATALOGUE, grows=True)
    assert fixed.chips == 96  # three stages of 32 chips, whose replicas divide 64 sequences
    assert grown.chips == 112
    assert grown.job.global_batch == 112
    assert grown.tokens_per_s > fixed.tokens_per_s
    machine = machine_within(JOB, SYSTEM, 113.5, catalogue=CATALOGUE, grows=True)
    assert (machine.most_chips, machine.idle_chips) == (113, 0)  # 113 sequences on 113 replicas


def test_the_fewest_chips_for_a_step() -> None:
    found = fewest_within(JOB, SYSTEM, 1.0, catalogue=CATALOGUE)
    assert found.step_time_s <= 1.0
    before = [n for n in range(found.chips // 2 + 1, found.chips) if max_prime(n) <= 7][-1]
    nearest = plan(JOB, SYSTEM, before, catalogue=CATALOGUE)
    assert nearest.step_time_s > 1.0
    machine = machine_within(JOB, SYSTEM, catalogue=CATALOGUE, step_s=1.0)
    assert machine.plan is not None
    assert (machine.plan.chips, machine.idle_chips) == (found.chips, 0)
    assert "no step of 1e-09 s" in machine_within(JOB, SYSTEM, catalogue=CATALOGUE, step_s=1e-9).why


def max_prime(n: int) -> int:
    primes = [p for p in range(2, n + 1) if n % p == 0 and all(p % q for q in range(2, p))]
    return max(primes, default=1)


def test_what_holds_a_step_back_is_what_more_of_it_saves() -> None:
    found = plan(JOB, SYSTEM, 16, catalogue=CATALOGUE)
    saved = savings(found, SYSTEM, CATALOGUE, {})
    assert set(saved) == {"FLOPs", "memory rate", "links", "power", "memory size", "host"}
    assert list(saved.values()) == sorted(saved.values(), reverse=True)
    assert next(iter(saved)) == "FLOPs"  # 8,192 tokens a chip: large multiplies
    links = tuple(replace(link, link_bytes_per_s=link.link_bytes_per_s / 40.0) for link in SYSTEM.links)
    slow = replace(SYSTEM, links=links)
    held = plan(JOB, slow, 16, catalogue=CATALOGUE)
    assert next(iter(savings(held, slow, CATALOGUE, {}))) == "links"


def test_ranges_reach_energy_and_cost() -> None:
    machine = machine_within(JOB, SYSTEM, 16.0, catalogue=CATALOGUE, usd_per_chip_hour=2.0)
    for low, planned, high in (machine.step_time_s, machine.j_per_token, machine.usd_range):
        assert low < planned < high
    assert machine.plan is not None
    for moved in machine.ranges[:3]:
        key, _, field = moved.name.partition(".")
        facts = CATALOGUE.replace_fact(key, field, moved.high)
        again = plan(JOB, facts.system("hgx-h100"), 16, catalogue=facts, layouts=machine.plan.layout)
        assert again.step_time_s == pytest.approx(moved.step_time_high_s, rel=1e-12)
        assert again.it_energy_j_per_token == pytest.approx(moved.j_per_token_high, rel=1e-12)


def test_whole_machines_and_counts_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert chips_within(CATALOGUE.system("gb300-nvl72"), units=2) == 144.0
    words = ("--systems", "hgx-h100,gb300-nvl72", "--at", "unit", "--units", "2,1", "--json")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert [row["most_chips"] for row in json.loads(out)["results"]] == [16, 72]
    code, out, _ = run(capsys, "--systems", "hgx-h100,hgx-h200", "--chips", "8,16", "--precision", "bf16,fp8", "--json")
    rows = json.loads(out)["results"]
    assert [(row["chips"], row["precision"]) for row in rows] == [(8, "bf16"), (16, "fp8")]
    assert all(set(row["saved_by_twice"]) >= {"FLOPs", "links"} for row in rows)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no amount"),
        (("--at", "power"), "no amount; allowed: one of --power-mw"),
        (("--at", "power", "--chips", "8"), "--chips; allowed: one of --power-mw"),
        (("--chips", "8", "--units", "1"), "--chips and --units"),
        (("--chips", "8,8,8"), "one for each machine"),
        (("--chips", "8", "--precision", "bf16,fp8,bf16"), "--precision"),
        (("--usd-per-hour", "8"), "needs --prices"),
        (("--chips", "eight"), "numbers with commas"),
    ],
)
def test_questions_without_an_answer_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    code, _, err = run(capsys, "--systems", "hgx-h100,hgx-h200", *words)
    assert code == 2
    assert told in " ".join(err.split())


def test_chips_that_are_tried_use_up_a_limit() -> None:
    large = replace(JOB, global_batch=1024)
    assert usable_counts(large, 3130, grows=True) == [3130, 3128, 3120, 3104, 3072]  # a power of the limit's chips each
    # 7,843 and 7,842 would need four times and twice the sequences of a chip that 7,840 needs.
    assert usable_counts(large, 7843, grows=True) == [7840, 7808]
    assert usable_counts(large, 1, grows=True) == usable_counts(large, 1, grows=False) == [1]
    for batch in (1, 17, 1000, 1024, 2**20):
        for n in usable_counts(replace(JOB, global_batch=batch), 3130, grows=False):
            # some odd pipeline and powers of two beside replicas that divide the batch
            assert any(n % odd == 0 and batch % max_odd(n // odd) == 0 for odd in (1, 3, 5, 7, 9))
    assert usable_counts(replace(JOB, global_batch=1323), 5333, grows=False)[0] == 5292


def max_odd(n: int) -> int:
    return n // (n & -n)
