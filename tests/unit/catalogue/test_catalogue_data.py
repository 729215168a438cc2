"""Rules that every row of the shipped data keeps, whoever wrote it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pint
import pytest

from megawatt.catalogue import Fact, load_catalogue

KEY = re.compile(r"^[a-z0-9]+([.@-][a-z0-9]+)*$")  # behind @ the release of a stack
FIELD = re.compile(r"^[a-z0-9]+([._-][a-z0-9]+)*$")  # a field may hold the key of a chip or model

# Ending of a field name and the unit that the column must hold; the longest ending decides.
ENDINGS = {
    "w": "W",
    "mw": "MW",
    "kw": "kW",
    "bytes": "byte",
    "bytes_per_s": "byte/s",
    "flops_per_s": "1/s",
    "hz": "Hz",
    "latency_s": "s",
    "interval_s": "s",
    "max_c": "degC",
    "bulb_c": "degC",
    "deg": "degree",
    "years": "year",
    "months": "month",
    "usd": "USD",
    "usd_per_year": "USD/year",
    "usd_per_mw": "USD/MW",
    "usd_per_it_mw": "USD/MW",
    "usd_per_mwh": "USD/MWh",
    "usd_per_kwh": "USD/kWh",
    "usd_per_kw": "USD/kW",
    "usd2022_per_kw": "USD/kW",
    "usd2025_per_kw": "USD/kW",
    "usd2022_per_kwh": "USD/kWh",
    "usd2022_per_mwh": "USD/MWh",
    "usd_per_gw": "USD/GW",
    "kw_per_rack": "kW",
    "usd_per_kw_month": "USD/kW/month",
    "usd_per_chip_hour": "USD/hour",
    "usd_per_gpu_hour": "USD/hour",
    "usd_per_chip": "USD",
    "usd_per_btc": "USD/BTC",
    "usd_per_th": "USD/(terahash/s)",
    "usd_per_ph_day": "USD/(petahash/s)/day",
    "th_per_s": "terahash/s",
    "eh_per_s": "exahash/s",
    "j_per_th": "J/terahash",
    "kg_per_mwh": "kg/MWh",
}
PRICES_OF_COINS = {"price_2025_05_usd", "price_peak_2025_10_usd", "price_low_2025_11_usd", "btc_price_usd"}


@pytest.fixture(scope="module")
def registry() -> pint.UnitRegistry[float]:
    units: pint.UnitRegistry[float] = pint.UnitRegistry()
    for definition in (
        "USD = [currency]",
        "CAD = [currency_cad]",
        "EUR = [currency_eur]",
        "NOK = [currency_nok]",
        "PYG = [currency_pyg]",
        "hash = [hashing]",
        "BTC = [coin]",
    ):
        units.define(definition)
    for definition in ("token = []", "kVA = 1000 * volt * ampere", "gallon_us = gallon"):
        units.define(definition)
    return units


def facts() -> Iterator[tuple[str, str, Fact]]:
    for key, entry in load_catalogue().entries.items():
        for field, fact in entry.facts.items():
            yield key, field, fact


def test_every_source_exists() -> None:
    sources = load_catalogue().sources
    assert [f"{key}.{field}: {fact.source}" for key, field, fact in facts() if fact.source not in sources] == []


def test_every_source_can_be_found() -> None:
    for source in load_catalogue().sources.values():
        assert source.title, source.key
        assert source.publisher, source.key
        assert source.date, source.key
        assert source.url.startswith("http") or source.url == "none" or not source.url, source.key


def test_numbers_are_finite() -> None:
    endless = [
        f"{key}.{field}"
        for key, field, fact in facts()
        if isinstance(fact.value, float) and not math.isfinite(fact.value)
    ]
    # Only the scale-out level of a network is unlimited.
    assert [name for name in endless if not name.endswith("_domain_chips")] == []
    ends = [end for _, _, fact in facts() for end in (fact.low, fact.high) if end is not None]
    assert all(math.isfinite(end) for end in ends)


def test_what_was_assumed_or_derived_says_how() -> None:
    assert [
        f"{key}.{field}" for key, field, fact in facts() if fact.kind in ("assumed", "derived") and not fact.note
    ] == []


def test_nothing_from_memory_passes_as_known() -> None:
    recalled = [
        f"{key}.{field}"
        for key, field, fact in facts()
        if "from memory, unverified" in fact.note and fact.kind in ("measured", "vendor", "regulated")
    ]
    assert recalled == []


def test_keys_and_fields_are_well_formed() -> None:
    catalogue = load_catalogue()
    assert [key for key in (*catalogue.entries, *catalogue.aliases) if not KEY.match(key)] == []
    assert sorted({field for _, field, _ in facts() if not FIELD.match(field)}) == []
    assert [key for key, entry in catalogue.entries.items() if entry.title == key] == []


def test_units_parse(registry: pint.UnitRegistry[float]) -> None:
    broken = set()
    for unit in sorted({fact.unit for _, _, fact in facts()}):
        try:
            registry.parse_units(unit)
        except (pint.errors.PintError, ValueError, TypeError):
            broken.add(unit)
    assert broken == set()


def test_field_names_end_in_their_unit(registry: pint.UnitRegistry[float]) -> None:
    wrong = []
    for key, field, fact in facts():
        ending = max((end for end in ENDINGS if field == end or field.endswith(f"_{end}")), key=len, default=None)
        if ending is None or isinstance(fact.value, str) or field in PRICES_OF_COINS:
            continue
        if registry.parse_units(fact.unit) != registry.parse_units(ENDINGS[ending]):
            wrong.append(f"{key}.{field}: {fact.unit!r}, must be {ENDINGS[ending]}")
    assert wrong == []


def test_words_have_no_unit() -> None:
    assert [f"{key}.{field}" for key, field, fact in facts() if isinstance(fact.value, str) and fact.unit] == []


def test_shares_are_fractions() -> None:
    # Installed capacity may exceed the design load; every other fraction is a share.
    shares = [(key, field, fact) for key, field, fact in facts() if field.endswith("_frac") and "capacity" not in field]
    assert [f"{key}.{field}" for key, field, fact in shares if not 0 <= fact.number() <= 1] == []


def test_every_accelerator_builds() -> None:
    catalogue = load_catalogue()
    assert len(catalogue.keys("accelerator")) >= 37
    for key in catalogue.keys("accelerator"):
        chip = catalogue.accelerator(key)
        assert chip.power_cap_low_w <= chip.power_cap_w <= chip.power_cap_high_w, key
        assert chip.power_idle_w < 0.5 * chip.power_cap_w, key
        assert "bf16" in chip.peak_flops_per_s, key
        # Data sheets of 2020 to 2027: 16 to 432 GB, 0.8 to 23.3 TB/s.
        assert 16e9 <= chip.hbm_bytes <= 432e9, key
        assert 0.8e12 <= chip.hbm_bytes_per_s <= 23.3e12, key
        assert catalogue.number(key, "scaleup_link_bytes_per_s") > catalogue.number(key, "scaleout_link_bytes_per_s"), (
            key
        )


def test_measured_rates_stay_below_the_peak() -> None:
    catalogue = load_catalogue()
    for key in catalogue.keys("accelerator"):
        entry = catalogue.get(key).facts
        for field in entry:
            if field.startswith("gemm_achieved_"):
                assert entry[field].number() < entry[field.replace("gemm_achieved", "peak")].number(), f"{key}.{field}"
                assert entry[field].kind == "measured"
        if "hbm_achieved_bytes_per_s" in entry:
            assert entry["hbm_achieved_bytes_per_s"].number() < entry["hbm_bytes_per_s"].number(), key


def test_every_system_builds_and_holds_its_chips() -> None:
    catalogue = load_catalogue()
    assert len(catalogue.keys("system")) >= 38
    for key in catalogue.keys("system"):
        system = catalogue.system(key)
        chip = system.accelerator
        assert chip.power_cap_w + system.overhead_w_per_chip <= system.provisioned_w_per_chip + 1, key
        assert system.provisioned_low_w_per_chip <= system.provisioned_w_per_chip <= system.provisioned_high_w_per_chip
        assert 0 <= system.liquid_share <= 1
        assert 15 <= system.coolant_supply_max_c <= 45
        rates = [link.link_bytes_per_s for link in system.links]
        assert rates == sorted(rates, reverse=True), key
        assert all(1e-7 < link.latency_s < 1e-4 for link in system.links), key


def test_models_are_consistent() -> None:
    catalogue = load_catalogue()
    for key in catalogue.keys("model"):
        facts_of = catalogue.get(key).facts
        number = {field: fact.number() for field, fact in facts_of.items() if not isinstance(fact.value, str)}
        assert number["heads"] % number["kv_heads"] == 0, key
        assert (facts_of["attention"].value == "mla") == ("kv_lora_rank" in number), key
        assert number["params_active"] <= number["params_total"], key
        assert ("experts" in number) == (number["params_active"] < number["params_total"]), key
        mixers = str(facts_of["mixers"].value) if "mixers" in facts_of else ""
        assert "w" not in mixers or "window" in number, key


_UNLIKE = {"linear_rule", "mamba_inner", "mlps", "window_head_dim", "output_groups", "expert_latent"}
"""Dimensions of models whose layers are not all alike: other tests hold their parameters."""


@pytest.mark.parametrize(
    "key",
    [k for k in load_catalogue().keys("model") if not _UNLIKE & set(load_catalogue().get(k).facts)],
)
def test_published_parameter_counts_follow_from_the_dimensions(key: str) -> None:
    # Two embeddings unless tied, attention, gated or plain MLP, experts with router; norms and biases are below 0.1 %.
    dims = {field: fact.value for field, fact in load_catalogue().get(key).facts.items()}
    n = {field: float(value) for field, value in dims.items() if isinstance(value, float)}
    hidden, heads = n["hidden"], n["heads"]
    if dims["attention"] == "mla":
        query = hidden * n["q_lora_rank"] + n["q_lora_rank"] * heads * (n["qk_nope_head_dim"] + n["qk_rope_head_dim"])
        latent = hidden * (n["kv_lora_rank"] + n["qk_rope_head_dim"])
        latent += n["kv_lora_rank"] * heads * (n["qk_nope_head_dim"] + n["v_head_dim"])
        attention = query + latent + heads * n["v_head_dim"] * hidden
    else:
        attention = 2 * hidden * n["head_dim"] * (heads + n["kv_heads"])
    matrices = 3 if n["gated"] else 2
    dense = matrices * hidden * n["ffn"]
    moe = matrices * hidden * (n.get("expert_ffn", 0) * n.get("experts", 0) + n.get("shared_ffn", 0))
    moe += hidden * n.get("experts", 0)
    dense_layers = n.get("dense_layers", 0) if "experts" in n else n["layers"]
    blocks = n["layers"] * attention + dense_layers * dense + (n["layers"] - dense_layers) * moe
    embeddings = n["vocab"] * hidden * (1 if n["tied_embeddings"] else 2) + n.get("learned_positions", 0) * hidden
    # The smallest Megatron size is published as 1.7 billion and counts 1.65: 3 %.
    assert blocks + embeddings == pytest.approx(n["params_total"], rel=0.03)


def test_miners_are_consistent() -> None:
    catalogue = load_catalogue()
    for key in catalogue.keys("miner"):
        joules = catalogue.number(key, "power_w") / catalogue.number(key, "hashrate_th_per_s")
        assert joules == pytest.approx(catalogue.number(key, "efficiency_j_per_th"), rel=0.01), key


def test_iren_microsoft_terms() -> None:
    catalogue = load_catalogue()
    value = catalogue.number("iren-microsoft", "contract_value_usd")
    term_h = catalogue.number("iren-microsoft", "term_years") * 8760
    per_gpu_hour = value / term_h / catalogue.number("iren-microsoft", "gpu_count")
    # 9.7e9 / (5 x 8760) / 76,000 = 2.914 USD per GPU-hour
    assert per_gpu_hour == pytest.approx(
        catalogue.number("iren-microsoft", "implied_revenue_usd_per_gpu_hour"), abs=0.01
    )
    capex = catalogue.fact("iren-microsoft", "dc_capex_usd_per_mw")
    assert (capex.low, capex.value, capex.high, capex.kind) == (14e6, 15e6, 16e6, "assumed")
