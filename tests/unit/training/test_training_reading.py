"""What a calculation reads of nested records, and that what it does not read is not computed again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

import megawatt.training.scaling as scaling
from megawatt.catalogue import load_catalogue
from megawatt.training import Job, plan, step_time_ranges
from megawatt.training.reading import reading, tree, unmoved
from megawatt.workload import load_model

CATALOGUE = load_catalogue()


@dataclass(frozen=True, slots=True)
class Inner:
    rate: float
    idle: float = 0.0

    def double(self) -> float:
        return 2.0 * self.rate


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    parts: tuple[Inner, ...]
    by_name: dict[str, Inner]
    sizes: tuple[int, ...] = (1, 2)


OUTER = Outer("a", (Inner(1.0), Inner(2.0)), {"x": Inner(3.0)})


def test_reads_are_noted_through_methods_tuples_and_mappings() -> None:
    noted, read = reading(OUTER)
    assert isinstance(noted, Outer)
    assert noted.parts[1].double() == 4.0
    assert noted.by_name["x"].rate == 3.0
    assert sum(noted.sizes) == 3
    assert {("parts", 1, "rate"), ("by_name", "x", "rate"), ("sizes",)} <= read
    assert ("parts", 0, "rate") not in read
    assert not any("idle" in path for path in read)


def test_only_what_was_read_counts_as_moved() -> None:
    noted, read = reading(OUTER)
    assert noted.parts[1].double() == 4.0
    unread = replace(OUTER, name="b", parts=(Inner(9.0), Inner(2.0, idle=5.0)))
    moved = replace(OUTER, parts=(Inner(1.0), Inner(2.5)))
    assert unmoved(OUTER, unread, tree(read))
    assert not unmoved(OUTER, moved, tree(read))
    assert not unmoved(OUTER, replace(OUTER, parts=(Inner(1.0),)), tree(read))  # the path ends nowhere


def test_a_copy_of_what_is_noted_counts_as_read_whole() -> None:
    noted, read = reading(Inner(1.0, 2.0))
    assert replace(noted, rate=3.0).double() == 6.0
    assert ("idle",) in read


@pytest.mark.parametrize(
    ("model", "system"), [("llama-3.1-8b", "gb300-nvl72"), ("deepseek-v3", "trn3-gen2-ultraserver")]
)
def test_ranges_are_those_of_every_input_evaluated(model: str, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = CATALOGUE.system(system)
    found = plan(Job(load_model(model, CATALOGUE), 4096, 576), machine, 576, catalogue=CATALOGUE)
    quick = step_time_ranges(machine, found, CATALOGUE)
    monkeypatch.setattr(scaling, "unmoved", lambda *_: False)
    assert step_time_ranges(machine, found, CATALOGUE) == quick
