"""The page of machines side by side."""

from __future__ import annotations

from typing import Any

from megawatt.report import render_compare


def row(system: str, tokens_per_s: float) -> dict[str, Any]:
    return {
        "system": system, "why": "", "chips": 144, "idle_chips": 3, "global_batch": 512, "step_time_s": 2.5,
        "step_time_low_s": 2.25, "step_time_high_s": 3.125, "tokens_per_s": tokens_per_s, "mfu": 0.4, "it_mw": 0.16,
        "it_energy_j_per_token": 10.0, "it_energy_low_j_per_token": 7.5, "it_energy_high_j_per_token": 12.5,
        "saved_by_twice": {"FLOPs": 0.47, "HBM": 0.0}, "layouts": [{"short": "tp2 pp2 dp36"}],
    }  # fmt: skip


def test_machines_their_ranges_and_what_has_no_plan_are_on_the_page() -> None:
    rows = [row("new", 16_000.0), {"system": "old", "why": "none of 12 layouts fits in <memory>"}]
    page = render_compare("llama", "At equal chips.", rows)
    assert all(text in page for text in ("At equal chips.", "tp2 pp2 dp36", "FLOPs 47%", "3.125", "12.5"))
    assert "none of 12 layouts fits in &lt;memory&gt;" in page
    assert "HBM" not in page
    assert "USD" not in page
    assert "<script src" not in page


def test_prices_bring_a_chart_and_no_plan_at_all_a_table_alone() -> None:
    usd = {"usd_per_million_tokens": 0.9, "usd_per_million_tokens_low": 0.8, "usd_per_million_tokens_high": 1.1}
    assert "compare-usd" in render_compare("llama", "", [row("new", 1.0) | usd])
    assert "compare-" not in render_compare("llama", "", [{"system": "old", "why": "too small"}])
