"""A moved input gives what the chain gives from the start: nothing stale is kept, whatever the input."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.catalogue.memo import Memo, resolved
from megawatt.catalogue.reads import recording, still_hold
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.sensitivity import moved_input, ranged_inputs
from megawatt.errors import CatalogueError, InfeasibleError
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"
EVERY = 16
"""One moved end in so many of each example is computed from the start; ``benchmarks.moved_ends`` does all."""


def _ends(links: Links) -> list[tuple[str, float]]:
    rows = [(row.name, end, row.fact) for row in ranged_inputs(links) for end in (row.fact.low, row.fact.high)]
    return [(name, end) for name, end, fact in rows if end is not None and end != fact.number()]


def _uses() -> list[tuple[str, str]]:
    files = [path.name for path in sorted(EXAMPLES.glob("*.toml")) if "[site]" in path.read_text("utf-8")]
    deals = [f"deals/{path.name}" for path in sorted((EXAMPLES / "deals").glob("*.toml"))]
    return [(name, name.removesuffix(".toml")) for name in (*files, *deals)]


@pytest.mark.parametrize(("file", "name"), _uses(), ids=lambda value: value)
def test_moved_ends_equal_a_full_recomputation_bit_for_bit(file: str, name: str) -> None:
    use = load(EXAMPLES / file, load_catalogue()).uses[0]
    links = forge(use.scenario, load_catalogue(), use.folder)
    start = sum(map(ord, name)) % EVERY  # other inputs in other examples
    for path, value in _ends(links)[start::EVERY]:
        try:
            scenario, catalogue = moved_input(links, path, value)
        except CatalogueError:
            continue  # a result
        try:
            full = forge(scenario, catalogue, use.folder, links.held)
        except InfeasibleError as error:
            with pytest.raises(InfeasibleError, match=re.escape(str(error))):
                reforge(links, scenario, catalogue)
            continue
        quick = reforge(links, scenario, catalogue)
        assert quick.tokens_per_mwh == full.tokens_per_mwh, path
        worth = quick.base.measures.value_usd_per_grid_mw_year
        assert worth == full.base.measures.value_usd_per_grid_mw_year, path
        flows, whole = quick.base.flows, full.base.flows
        for own, other in ((flows.revenue, whole.revenue), (flows.opex_cost, whole.opex_cost)):
            assert own.keys() == other.keys()
            assert all(np.array_equal(own[key], other[key]) for key in own), path


def test_a_view_notes_the_facts_that_are_read_through_it_and_no_others() -> None:
    catalogue = load_catalogue()
    view, read = recording(catalogue)
    view.number("antminer-s21", "power_w")
    view.assume("mining-operations", "uptime_frac", "mining")
    noted = {(key, name) for key, (_, facts) in read.facts.items() for name in facts}
    assert noted == {("antminer-s21", "power_w"), ("mining-operations", "uptime_frac")}
    assert still_hold(catalogue, read)
    assert still_hold(catalogue.replace_fact("mining-operations", "pool_fee_frac", 0.03), read)
    assert not still_hold(catalogue.replace_fact("antminer-s21", "power_w", 3000.0), read)
    view.accelerator("trn3")
    assert not still_hold(catalogue.replace_fact("trn3", "hbm_bytes_per_s", 1e12), read)


def test_a_link_is_made_again_where_an_input_or_a_fact_that_it_read_moved() -> None:
    catalogue = load_catalogue()
    calls = []

    def drawn(facts: object, machines: float, beside: object) -> float:
        calls.append(machines)
        return machines * facts.number("antminer-s21", "power_w")  # type: ignore[attr-defined, no-any-return]

    beside = np.ones(3)
    first = Memo(catalogue)
    assert first("power", drawn, 2.0, beside) == 7000.0
    moved = catalogue.replace_fact("antminer-s21", "power_w", 3000.0)
    elsewhere = catalogue.replace_fact("antminer-s21", "price_usd_per_th", 1.0)
    assert Memo(elsewhere, first.made)("power", drawn, 2.0, beside) == 7000.0
    assert calls == [2.0]
    assert Memo(moved, first.made)("power", drawn, 2.0, beside) == 6000.0
    assert Memo(catalogue, first.made)("power", drawn, 3.0, beside) == 10500.0
    assert Memo(catalogue, first.made)("power", drawn, 2.0, np.ones(3)) == 7000.0  # equal, but another object
    assert calls == [2.0, 2.0, 3.0, 2.0]


def test_a_result_made_again_keeps_the_parts_that_rest_on_nothing_that_moved() -> None:
    catalogue = load_catalogue()
    calls = []

    @resolved
    def fact(facts: Catalogue, key: str, *, field: str) -> float:
        calls.append(key)
        return facts.number(key, field)

    def both(facts: Catalogue) -> float:
        return fact(facts, "antminer-s21", field="power_w") + fact(facts, "mining-operations", field="pool_fee_frac")

    first = Memo(catalogue)
    whole = first("both", both)
    assert whole == both(catalogue)  # a plain catalogue keeps nothing
    calls.clear()
    later = Memo(catalogue.replace_fact("antminer-s21", "power_w", 3000.0), first.made)
    assert later("both", both) == whole - 500.0
    assert calls == ["antminer-s21"]
    # The part that was kept is still one that the whole rests on.
    fee = catalogue.replace_fact("antminer-s21", "power_w", 3000.0).replace_fact(
        "mining-operations", "pool_fee_frac", 1.0
    )
    assert Memo(fee, later.made)("both", both) == pytest.approx(3001.0)
    assert calls == ["antminer-s21", "mining-operations"]
