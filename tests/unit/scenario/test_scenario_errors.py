"""A scenario with many mistakes gets every message at once: path, what was found, what is allowed, the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"


def _edited(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    text = (EXAMPLES / "childress-gb300.toml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    file = tmp_path / "site.toml"
    file.write_text(text, encoding="utf-8")
    return file


def _problems(file: Path) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        load(file, load_catalogue())
    return {p.path: str(p) for p in caught.value.problems}


def test_ten_mistakes_get_ten_messages(tmp_path: Path) -> None:
    file = _edited(
        tmp_path,
        ('place = "childress-tx"', 'place = "childres-tx"'),
        ('grid_mw = "@iren-childress.grid_mw"', "grid_mw = -5"),
        ('it_mw = "@iren-childress.it_mw"', 'it_mw = "200 USD"'),
        ("price_year = 2023", 'price_year = "last"'),
        ('tariff = "ercot-transmission"', 'tarif = "ercot-transmission"'),
        ('start = "2025-11"', 'start = "2025-13"'),
        ('live = "2026-12", share = 0.25', 'live = "2026-12", share = 0.35'),
        ('system = "gb300-nvl72"', 'system = "gb30"'),
        ('model = "llama-3.1-405b"', 'model = "llama-3.1-450b"'),
        ("payments = 60", "payments = 0"),
    )
    found = _problems(file)
    expected = {
        "site.place": "childress-tx",
        "site.grid_mw": "a number >= 0.1 <= 20000 MW",
        "site.it_mw": "'200 USD'",
        "power.price_year": "a whole number",
        "power.tarif": "did you mean tariff?",
        "power.tariff": "missing",
        "timeline.start": 'a month as "YYYY-MM"',
        "timeline.halls": "shares sum to 1.1",
        "ai.system": "gb300-nvl72",
        "training.model": "llama-3.1-405b",
        "debt.payments": "0",
    }
    assert set(found) == set(expected)
    for path, text in expected.items():
        assert text in found[path], found[path]


def test_problems_between_sections_are_reported_with_the_others(tmp_path: Path) -> None:
    file = _edited(
        tmp_path,
        ('it_mw = "@iren-childress.it_mw"', 'it_mw = "0.5 GW"'),
        ("price_usd_per_chip_hour =", "parity_price_usd_per_chip_hour ="),
        ("term_months = 60", "term_months = 90"),
        ("prepayment_credit_after_months = 24", "prepayment_credit_after_months = 95"),
    )
    found = _problems(file)
    assert "at most grid_mw = 300 MW" in found["site.it_mw"]
    assert "because basis = 'published'" in found["contract.price_usd_per_chip_hour"]
    assert "at most timeline.operating_months = 60" in found["contract.term_months"]
    assert "less than contract.term_months = 90" in found["contract.prepayment_credit_after_months"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("nan", "a number >= 0.1"),
        ("true", "True"),
        ('"@iren-childress.grid"', "@key.field"),
        ('"@gb300-nvl72.accelerator"', "the word 'gb300'"),
        ('"@iren-gpu-financing.principal_usd"', "is in USD"),
        ("{ low = 3 }", "no value"),
        ("{ value = 300, hihg = 320 }", "did you mean high?"),
        ("{ value = 300, low = 310 }", "low <= value <= high"),
        ("{ value = 300, kind = 'guessed' }", "one of measured"),
        ("[300]", "a number >= 0.1"),
    ],
)
def test_every_way_of_writing_a_number_wrongly_is_explained(tmp_path: Path, written: str, message: str) -> None:
    file = _edited(tmp_path, ('grid_mw = "@iren-childress.grid_mw"', f"grid_mw = {written}"))
    assert message in _problems(file)["site.grid_mw"]


@pytest.mark.parametrize("text", ["= nothing", "name = 'a'\nname = 'b'\n"])
def test_a_file_that_is_not_toml(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text, encoding="utf-8")
    assert "not TOML" in _problems(file)[""]


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    _edited(tmp_path)
    assert "site.toml" in _problems(tmp_path / "sit.toml")[""]


def test_a_comparison_reports_the_problems_of_all_its_files(tmp_path: Path) -> None:
    _edited(tmp_path, ("grid_mw =", "grid_w ="))
    top = tmp_path / "compare.toml"
    top.write_text('format = 1\nname = "c"\ntitle = "c"\ncompare = ["site.toml", "gone.toml"]\n', encoding="utf-8")
    assert {"site.toml: site.grid_w", "site.toml: site.grid_mw", "gone.toml"} <= set(_problems(top))


def test_an_unknown_architecture_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["MambaForCausalLM"]}', encoding="utf-8")
    file = _edited(tmp_path, ('model = "llama-3.1-405b"', 'model = "config.json"'))
    assert "MambaForCausalLM" in _problems(file)["training.model"]
