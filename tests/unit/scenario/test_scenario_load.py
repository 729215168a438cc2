"""Valid scenarios: numbers keep their source and range, settings replace values, the starter shows every field."""

from __future__ import annotations

import json
import re
import tomllib
import types
import typing
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from pydantic import BaseModel

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.scenario import json_schema, load, load_price_years
from megawatt.scenario.schema import Scenario
from megawatt.scenario.starting import STARTERS, starter_text

EXAMPLES = Path(__file__).parents[3] / "examples"
STARTER = files("megawatt.scenario").joinpath("starter.toml")


@pytest.mark.parametrize(
    "name", [p.name for p in sorted(EXAMPLES.glob("*.toml")) if "[[parts]]" not in p.read_text("utf-8")]
)
def test_examples_are_valid_and_match_the_schema(name: str) -> None:
    load(EXAMPLES / name, load_catalogue())
    jsonschema.validate(tomllib.loads((EXAMPLES / name).read_text(encoding="utf-8")), json_schema())


def test_the_schema_is_one_and_refuses_unknown_keys() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    raw = tomllib.loads((EXAMPLES / "childress-gb300.toml").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(raw | {"sites": {}}, schema)
    assert json.loads(json.dumps(schema)) == schema


def test_a_reference_takes_source_and_range_along() -> None:
    site = load(EXAMPLES / "childress-gb300.toml", load_catalogue()).uses[0].scenario.site
    assert site.grid_mw.number() == 300.0
    assert (site.grid_mw.low, site.grid_mw.high, site.grid_mw.source) == (240.0, 300.0, "iren-horizon1-75mw")


def test_numbers_with_units_and_ranges_are_converted() -> None:
    settings = ['site.grid_mw="0.32 GW"', 'site.it_mw={value="200000 kW", low=190, high="0.21 GW", source="a call"}']
    site = load(EXAMPLES / "childress-gb300.toml", load_catalogue(), settings).uses[0].scenario.site
    assert site.grid_mw.number() == pytest.approx(320.0)
    assert site.it_mw is not None
    assert (site.it_mw.number(), site.it_mw.low, site.it_mw.high) == pytest.approx((200.0, 190.0, 210.0))
    assert site.it_mw.source == "a call"


def test_a_range_can_be_put_on_a_reference() -> None:
    settings = ['site.grid_mw={value="@iren-childress.grid_mw", low=290, high=310}']
    fact = load(EXAMPLES / "childress-gb300.toml", load_catalogue(), settings).uses[0].scenario.site.grid_mw
    assert (fact.number(), fact.low, fact.high, fact.source) == (300.0, 290.0, 310.0, "iren-horizon1-75mw")


def test_settings_change_the_hash_of_the_inputs() -> None:
    plain = load(EXAMPLES / "childress-gb300.toml", load_catalogue()).uses[0].sha256
    assert load(EXAMPLES / "childress-gb300.toml", load_catalogue(), ["seed=1"]).uses[0].sha256 != plain


def test_a_comparison_gives_its_seed_to_all() -> None:
    loaded = load(EXAMPLES / "childress-compare.toml", load_catalogue())
    assert {use.scenario.seed for use in loaded.uses} == {20261123}
    assert len(loaded.uses) == 3


def _section_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple):
        return next((m for a in typing.get_args(annotation) if (m := _section_model(a))), None)
    return None


def test_the_starter_is_valid_and_shows_every_field() -> None:
    text = STARTER.read_text(encoding="utf-8")
    sections: dict[str, set[str]] = {}
    current = ""
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        if match := re.match(r"\[\[?(\w+)\]", bare):
            current = match[1]
        elif match := re.match(r"(\w+) = ", bare):
            sections.setdefault(current, set()).add(match[1])
    for name, field in Scenario.model_fields.items():
        model = _section_model(field.annotation)
        if model is None:
            assert name in sections[""], name
        else:
            assert set(model.model_fields) <= sections[name], (name, set(model.model_fields) - sections[name])


def test_the_starter_loads(tmp_path: Path) -> None:
    file = tmp_path / "starter.toml"
    file.write_text(STARTER.read_text(encoding="utf-8"), encoding="utf-8")
    assert load(file, load_catalogue()).uses[0].scenario.name == "my-site"


@pytest.mark.parametrize("use", STARTERS)
def test_the_starter_of_a_use_is_valid_and_has_its_sections_alone(use: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(starter_text(use, "ours"), encoding="utf-8")
    scenario = load(file, load_catalogue()).uses[0].scenario
    assert (scenario.use, scenario.name) == (use, "ours")
    others = {"ai", "training", "contract", "serving", "lease", "mining"} - set(STARTERS[use].sections)
    shown = set(re.findall(r"^(?:# )?\[+(\w+)\]", file.read_text(encoding="utf-8"), re.MULTILINE))
    assert not shown & others
    assert {"battery", "services", "tariff", "debt", "risk"} <= shown, "what every use may have is shown"


def test_a_place_may_be_coordinates() -> None:
    use = load(EXAMPLES / "dublin-gb300.toml", load_catalogue(), ["site.place=-33.9,18.40, 42"]).uses[0]
    assert use.scenario.site.place == "-33.9, 18.4, 42"
    by_name = load(EXAMPLES / "dublin-gb300.toml", load_catalogue(), ["site.place=mons"]).uses[0]
    assert by_name.scenario.site.place == "brussels", "an alias becomes its key"
    with pytest.raises(ScenarioError) as caught:
        load(EXAMPLES / "dublin-gb300.toml", load_catalogue(), ["site.place=95, 200", "site.grid_mw=-1"])
    assert {p.path for p in caught.value.problems} == {"site.place", "site.grid_mw"}


def test_price_years_are_of_the_grids_table() -> None:
    catalogue, file = load_catalogue(), EXAMPLES / "childress-bitcoin.toml"
    loaded = load_price_years(file, catalogue, (2022, 2023))
    assert [comparison.uses[0].scenario.power.price_year for comparison in loaded] == [2022, 2023]
    with pytest.raises(ScenarioError) as caught:
        load_price_years(file, catalogue, (2022, 2019))
    assert [p.path for p in caught.value.problems] == ["power.price_year"]
    with pytest.raises(ScenarioError, match="table"):
        load_price_years(file, catalogue, (2022,), ["power.mean_price_usd_per_mwh=45"])
