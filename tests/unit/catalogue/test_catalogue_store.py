"""Looking things up: keys, aliases, errors that help, replaced numbers, records."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import entry_rows, family_rows, load_catalogue, read_catalogue, source_rows
from megawatt.errors import CatalogueError

HEADER = "key,field,value,unit,low,high,kind,source,date,note\n"


def test_aliases_name_the_same_entry() -> None:
    catalogue = load_catalogue()
    assert catalogue.get("h100") is catalogue.get("h100-sxm")
    assert catalogue.number("h100", "power_cap_w") == 700.0


def test_unknown_key_names_the_nearest_and_the_command() -> None:
    with pytest.raises(
        CatalogueError, match=r"accelerator 'h100-sxn' is not known; nearest: h100-sxm.*list accelerator"
    ):
        load_catalogue().get("h100-sxn", "accelerator")


def test_key_of_another_family_says_so() -> None:
    with pytest.raises(CatalogueError, match=r"hgx-h100 is of the family system; see .*list model"):
        load_catalogue().get("hgx-h100", "model")


def test_a_chip_stands_for_its_only_system_and_a_system_for_its_chip() -> None:
    catalogue = load_catalogue()
    assert catalogue.get("H100", "system").key == "hgx-h100"
    assert catalogue.system("h100").accelerator.key == "h100-sxm"
    assert catalogue.get("dgx-h100", "accelerator").key == "h100-sxm"
    with pytest.raises(CatalogueError, match="trn3 is a chip; say which system: trn3-gen1-ultraserver, trn3-gen2-u"):
        catalogue.system("trainium3")


def test_near_names_are_keys_and_aliases_and_the_systems_of_a_chip() -> None:
    catalogue = load_catalogue()
    assert "trainium3" in catalogue.near("trainium33")
    assert catalogue.near("trn3", "system") == ["trn3-gen1-ultraserver", "trn3-gen2-ultraserver"]
    assert all(catalogue.get(key).family == "place" for key in catalogue.near("dubln", "place"))


@pytest.mark.parametrize(
    ("word", "family"),
    [("models", "model"), ("Companies", "company"), ("chips", "accelerator"), ("machines", "system"), ("grid", "grid")],
)
def test_a_family_by_its_plural_or_the_word_that_people_have(word: str, family: str) -> None:
    assert load_catalogue().family(word) == family
    assert load_catalogue().keys(word) == load_catalogue().keys(family)


def test_unknown_fact_names_those_present() -> None:
    with pytest.raises(
        CatalogueError, match=r"h100-sxm has no fact 'power_cap'; nearest: power_cap_w.*present:.*hbm_bytes"
    ):
        load_catalogue().fact("h100-sxm", "power_cap")


def test_a_word_is_not_a_number() -> None:
    with pytest.raises(CatalogueError, match=r"hgx-h100\.accelerator = 'h100-sxm' is a word"):
        load_catalogue().number("hgx-h100", "accelerator")


def test_unknown_family_names_families() -> None:
    with pytest.raises(CatalogueError, match="no family 'modell'; nearest: model, deal; families: accelerator"):
        load_catalogue().keys("modell")


def test_assumption_is_named_by_key_and_field() -> None:
    assumption = load_catalogue().assume("h100", "power_cap_w", "training")
    assert (assumption.name, assumption.room) == ("h100-sxm.power_cap_w", "training")
    assert assumption.fact.number() == 700.0


def test_replaced_number_reaches_the_records_and_the_hash() -> None:
    catalogue = load_catalogue()
    other = catalogue.replace_fact("trainium3", "power_cap_w", 692.0)
    assert other.accelerator("trn3").power_cap_w == 692.0
    assert other.system("trn3-gen2-ultraserver").accelerator.power_cap_w == 692.0
    assert catalogue.number("trn3", "power_cap_w") == 1000.0
    assert other.content_hash() != catalogue.content_hash()
    fact = other.fact("trn3", "power_cap_w")
    assert fact.kind == "assumed"
    assert "the catalogue holds 1000 (reported, dcd-trainium3)" in fact.note
    assert (fact.low, fact.high) == (692.0, 1200.0)


def test_replacing_outside_the_range_drops_the_range() -> None:
    fact = load_catalogue().replace_fact("trn3", "power_cap_w", 1500.0).fact("trn3", "power_cap_w")
    assert (fact.low, fact.high) == (None, None)


def test_replacing_what_is_not_there_fails() -> None:
    with pytest.raises(CatalogueError, match="has no fact 'watts'"):
        load_catalogue().replace_fact("trn3", "watts", 1.0)


def test_trainium3_power_range_has_its_arithmetic() -> None:
    # 500 W x (2517 / 1299) / 1.4 = 692.01 W: AWS's 40 % more energy-efficient, from Trainium2's reported 500 W.
    catalogue = load_catalogue()
    low = catalogue.number("trn2", "power_cap_w") * catalogue.number("trn3", "peak_fp8_flops_per_s")
    low /= catalogue.number("trn2", "peak_fp8_flops_per_s") * 1.4
    assert catalogue.accelerator("trn3").power_cap_low_w == pytest.approx(low, abs=0.5)


def test_gb300_rack_arithmetic() -> None:
    # 135 kW / 72 = 1875 W; 18 trays x 6.5 + 3.6 + 0.8 - 72 x 1.4 = 20.6 kW / 72 = 286.1 W
    system = load_catalogue().system("gb300-nvl72")
    assert system.provisioned_w_per_chip == 135e3 / 72
    assert system.provisioned_low_w_per_chip == pytest.approx(120e3 / 72, abs=1)
    assert system.provisioned_high_w_per_chip == pytest.approx(142e3 / 72, abs=1)
    assert system.overhead_w_per_chip == pytest.approx((18 * 6.5 + 3.6 + 0.8 - 72 * 1.4) * 1e3 / 72, abs=0.5)
    assert [(link.name, link.domain_chips) for link in system.links] == [("nvlink", 72.0), ("infiniband", float("inf"))]


def test_gibibytes_and_gigabytes_are_kept_apart() -> None:
    catalogue = load_catalogue()
    assert catalogue.accelerator("trn3").hbm_bytes == 144 * 2**30
    assert catalogue.accelerator("h200-sxm").hbm_bytes == 143_771 * 2**20  # sold as 141 GB


def test_records_carry_every_fact_they_used() -> None:
    names = {assumption.name for assumption in load_catalogue().system("hgx-h100").assumptions}
    assert {"h100-sxm.power_cap_w", "h100-sxm.peak_fp8_flops_per_s", "hgx-h100.level2_latency_s"} <= names


def test_a_chip_without_memory_is_named(tmp_path: Path) -> None:
    rows = "x1,peak_bf16_flops_per_s,1e12,1/s,,,vendor,p,,\nx1,power_cap_w,5,W,,,vendor,p,,\n"
    (tmp_path / "accelerator.csv").write_text(HEADER + rows)
    with pytest.raises(CatalogueError, match="accelerator x1: fact hbm_bytes is missing"):
        read_catalogue(tmp_path).accelerator("x1")


def test_a_chip_without_any_peak_is_named(tmp_path: Path) -> None:
    (tmp_path / "accelerator.csv").write_text(HEADER + "x1,power_cap_w,5,W,,,vendor,p,,\n")
    with pytest.raises(CatalogueError, match="no fact peak_<precision>_flops_per_s"):
        read_catalogue(tmp_path).accelerator("x1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("level1_topology,switch", "level1_topology,star"), "level1_topology = 'star', must be one of switch"),
        (("level2_domain_chips,inf", "level2_domain_chips,64"), "must grow and end with inf"),
        (("level1_domain_chips,8,", "level1_domain_chips,many,"), "level1_domain_chips = 'many', must be a number"),
    ],
)
def test_malformed_systems_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    data = load_catalogue().folder
    for name in ("accelerator.csv", "accelerator-published.csv", "sources.toml"):
        (tmp_path / name).write_bytes((data / name).read_bytes())
    text = (data / "system.csv").read_text(encoding="utf-8")
    assert f"hgx-h100,{change[0]}" in text
    (tmp_path / "system.csv").write_text(text.replace(f"hgx-h100,{change[0]}", f"hgx-h100,{change[1]}"))
    with pytest.raises(CatalogueError, match=message):
        read_catalogue(tmp_path).system("hgx-h100")


def test_normals_of_childress() -> None:
    normals = load_catalogue().normals("childress-tx")
    assert normals.mean_dry_bulb_c.shape == (12,)
    assert normals.mean_dry_bulb_c[0] == 5.3
    assert normals.pressure_pa[0] == 94570.0
    assert normals.mean_relative_humidity[0] == 0.591
    assert (normals.latitude_deg, normals.longitude_deg, normals.elevation_m) == (34.433, -100.283, 595.0)


def test_every_place_has_plausible_normals() -> None:
    catalogue = load_catalogue()
    for key in catalogue.keys("place"):
        normals = catalogue.normals(key)
        assert np.all(normals.mean_daily_min_c < normals.mean_dry_bulb_c), key
        assert np.all(normals.mean_dry_bulb_c < normals.mean_daily_max_c), key
        # An average of hourly saturation values need not respect the order of the averages to the last tenth.
        assert np.all(normals.mean_dew_point_c <= normals.mean_wet_bulb_c + 0.1), key
        assert np.all(normals.mean_wet_bulb_c <= normals.mean_dry_bulb_c + 0.1), key
        # Percentiles may be unknown (NaN); then they are for the whole year.
        known = np.isfinite(normals.p99_dry_bulb_c)
        assert known.all() or not known.any(), key
        assert np.all(normals.p99_dry_bulb_c[known] > normals.mean_dry_bulb_c[known]), key
        assert np.all(normals.p99_wet_bulb_c[known] > normals.mean_wet_bulb_c[known]), key
        assert np.all((normals.mean_relative_humidity > 0.05) & (normals.mean_relative_humidity <= 1.0)), key
        # Barometric formula, 8.4 km scale height: pressure fits the elevation within 2 %.
        assert normals.pressure_pa.mean() == pytest.approx(101_325 * np.exp(-normals.elevation_m / 8400), rel=0.02), key


def test_price_shape_of_2023_keeps_mean_and_spikes() -> None:
    shape = load_catalogue().price_shape("ercot-hub", 2023)
    assert shape.price_usd_per_mwh.shape == (12, 24, 5)
    assert shape.bin_frac.sum() == pytest.approx(1.0)
    assert np.all(np.diff(shape.price_usd_per_mwh, axis=2) >= 0)
    days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    mean = (shape.price_usd_per_mwh @ shape.bin_frac).mean(axis=1) @ days / 365
    assert mean == pytest.approx(55.9417, abs=1e-3)
    assert mean == pytest.approx(shape.fact.number(), abs=1e-3)
    # August 2023, 18:00: a tenth of the days averages thousands of dollars.
    assert shape.price_usd_per_mwh[7, 18, -1] > 3000


def test_day_ranks_are_a_permutation_in_each_month() -> None:
    ranks = load_catalogue().price_shape("ercot-hub", 2022).day_rank_frac
    january = np.sort(ranks[:31])
    np.testing.assert_allclose(january, (np.arange(31) + 0.5) / 31, atol=1e-6)
    np.testing.assert_allclose(np.sort(ranks[31:59]), (np.arange(28) + 0.5) / 28, atol=1e-6)


def test_unknown_price_year_names_the_years() -> None:
    with pytest.raises(CatalogueError, match="ercot-hub has no prices of 2019; years: 2022, 2023"):
        load_catalogue().price_shape("ercot-hub", 2019)


def test_missing_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "grid.csv").write_text(HEADER + "g,price_2020_mean_usd_per_mwh,5,USD/MWh,,,derived,p,,x\n")
    with pytest.raises(CatalogueError, match=r"table-price-g-2020\.csv: not found; tables: none"):
        read_catalogue(tmp_path).price_shape("g", 2020)


def test_ranged_lists_numbers_with_ends() -> None:
    catalogue = load_catalogue()
    ranged = catalogue.ranged()
    assert ("trn3", "power_cap_w") in ranged
    assert ("h100-sxm", "power_cap_w") not in ranged
    assert all(
        catalogue.fact(key, field).low is not None or catalogue.fact(key, field).high is not None
        for key, field in ranged
    )


def test_catalogue_travels_to_other_processes() -> None:
    catalogue = load_catalogue().replace_fact("trn3", "power_cap_w", 800.0)
    copy = pickle.loads(pickle.dumps(catalogue))
    assert copy.number("trn3", "power_cap_w") == 800.0
    assert copy.content_hash() == catalogue.content_hash()


def test_plain_rows() -> None:
    catalogue = load_catalogue()
    assert {row["family"] for row in family_rows(catalogue)} == set(catalogue.families())
    systems = entry_rows(catalogue, "system")
    assert [row["key"] for row in systems] == list(catalogue.keys("system"))
    assert len(entry_rows(catalogue)) == len(catalogue.entries)
    cited = {row["key"]: row["facts"] for row in source_rows(catalogue)}
    total = sum(len(entry.facts) for entry in catalogue.entries.values())
    assert sum(int(count or 0) for count in cited.values()) == total


def test_normals_of_all_places_read_each_table_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from megawatt.catalogue import tables

    read: list[str] = []
    held = tables.read_table
    monkeypatch.setattr(tables, "read_table", lambda folder, name: (read.append(name), held(folder, name))[1])
    tables._rows_by_place.cache_clear()
    catalogue = load_catalogue()
    assert len({catalogue.normals(key).place for key in catalogue.keys("place")}) > 100
    assert len(read) == len(set(read)) <= 3
