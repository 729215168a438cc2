"""Loads of the busiest rank: by hand where balanced, by the law's own rules where drawn."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.hardware.expert_load import ROWS, ExpertLoad, _level, rank_load


def load_of(tokens: float, topk: float, experts: float, ranks: float, alpha: float) -> ExpertLoad:
    return rank_load(*(np.array([float(v)]) for v in (tokens, topk, experts, ranks, alpha)))


def test_balanced_ranks_share_alike() -> None:
    load = load_of(1024, 2, 64, 8, 0.0)
    assert load.copies[0] == 256.0
    assert load.experts[0] == load.present[0] == 8.0
    # 32 tokens an expert: two stacks of 16 rows, one of anything larger.
    assert [float(load.tiles[rows][0]) for rows in ROWS] == [16.0, 8.0, 8.0, 8.0]


def test_few_balanced_tokens_are_whole() -> None:
    # 3 tokens of 2 experts over 4 ranks: the busiest has 2 of the 6 copies, on two experts.
    load = load_of(3, 2, 64, 4, 0.0)
    assert load.copies[0] == load.present[0] == load.tiles[16][0] == 2.0


def test_levels_fill_the_least_loaded_first() -> None:
    counts = np.array([[5.0, 0.0, 2.0, 0.0], [3.0, 3.0, 3.0, 3.0]])
    # Five tokens: the empty ones rise to 2, then one of three at 2 gets the last. Six over four alike: 5, 5, 4, 4.
    assert np.sort(_level(counts, np.array([5.0, 6.0])), axis=-1).tolist() == [[2, 2, 3, 5], [4, 4, 5, 5]]
    assert _level(np.zeros((1, 4)), np.array([3.0])).sum() == 3.0


def test_few_skewed_tokens_go_round() -> None:
    # One token of 8 experts out of 256: the law rounds to none, so 8 different experts, one a rank of 8.
    assert load_of(1, 8, 256, 1, 1.2).present[0] == pytest.approx(8.0)
    load = load_of(1, 8, 256, 8, 1.2)
    assert load.copies[0] == pytest.approx(1.0, abs=0.3)


def test_busiest_rank_carries_more_but_not_all() -> None:
    even, skewed = (load_of(1024, 2, 64, 8, alpha) for alpha in (0.0, 1.2))
    assert even.copies[0] < skewed.copies[0] <= 8 * even.copies[0]
    assert skewed.present[0] <= skewed.tiles[128][0] <= skewed.tiles[16][0]


def test_one_rank_computes_every_copy() -> None:
    assert load_of(4096, 8, 128, 1, 1.01).copies[0] == pytest.approx(4096 * 8)


def test_one_expert_gets_the_larger_of_two_shares() -> None:
    # Two experts, one a rank, 1,000 tokens of one expert: popularity u1 : u2 drawn from x^-1.2 between 1 and 800. A
    # separate sample of the law says what the larger one gets on average.
    level = np.random.default_rng(1).random((200_000, 2))
    power = 1.0 - 1.2
    share = (800.0**power * level + (1.0 - level)) ** (1.0 / power)
    expected = (share.max(axis=1) / share.sum(axis=1)).mean() * 1000
    assert load_of(1000, 1, 2, 2, 1.2).copies[0] == pytest.approx(expected, rel=0.05)


def test_loads_of_many_layers_are_those_of_each() -> None:
    tokens, ranks = np.array([[1.0], [64.0], [4096.0]]), np.array([[1.0, 8.0]])
    many = rank_load(tokens, np.array(8.0), np.array(128.0), ranks, np.array(1.2))
    assert many.copies.shape == (3, 2)
    for i in range(3):
        for j in range(2):
            one = load_of(float(tokens[i, 0]), 8, 128, float(ranks[0, j]), 1.2)
            assert many.copies[i, j] == one.copies[0]
            assert many.tiles[64][i, j] == one.tiles[64][0]
