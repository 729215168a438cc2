"""The Childress comparison tells users the same numbers as yesterday."""

from __future__ import annotations

import json

import pytest

from tests.golden.whole import FILE, TOLERANCE, numbers


def test_the_comparison_is_as_recorded() -> None:
    recorded, now = json.loads(FILE.read_text(encoding="utf-8")), numbers()
    assert set(now) == set(recorded)
    for use, row in recorded.items():
        assert now[use]["layout"] == row["layout"], use
        for name, tolerance in TOLERANCE.items():
            if row[name] is None:
                assert now[use][name] is None, (use, name)
            else:
                assert now[use][name] == pytest.approx(row[name], abs=tolerance, rel=0), (use, name)
