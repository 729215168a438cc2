"""The page as a file: offline, pinned scripts, escaped text, every number in its place."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from megawatt.catalogue.records import Assumption, Fact, Source
from megawatt.chain.records import Comparison
from megawatt.report import render
from megawatt.report.listing import assumption_rows, manifest_items, site_lines, warnings_of
from megawatt.report.origins import origins
from megawatt.report.tables import capital_table, headline_measures, layout_text, rejected_table, runner_up_table
from megawatt.results.explanation import explain_run, tables_in_memory
from tests.report_sample import SOURCES, mining_alone, sample_comparison


class Page(HTMLParser):
    """Elements with attributes, text outside scripts and styles, inline scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else self._inside
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif not self._inside:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def sample() -> Comparison:
    return sample_comparison()


@pytest.fixture(scope="module")
def html(sample: Comparison) -> str:
    return render(sample, SOURCES)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_vendored_script_is_the_one_its_readme_names() -> None:
    vendor = files("megawatt.report") / "vendor"
    readme = (vendor / "README.md").read_text(encoding="utf-8")
    digest = sha256((vendor / "echarts.min.js").read_bytes()).hexdigest()
    assert digest in readme
    assert "6.1.0" in readme
    assert all((vendor / name).is_file() for name in ("LICENSE", "NOTICE", "LICENSE-d3"))


def test_nothing_is_loaded_from_anywhere(page: Page, html: str) -> None:
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        assert not {"srcset", "poster", "background"} & set(attributes), tag
        if tag == "link":
            assert (attributes.get("href") or "").startswith("data:")
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert not {"iframe", "img", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}


def test_policy_forbids_the_network_and_pins_every_script(page: Page) -> None:
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?:|connect-src|\*|unsafe-eval", policy)
    kinds = [s.get("type") for s in page.all("script")]
    for kind, text in zip(kinds, page.scripts, strict=True):
        if kind != "application/json":
            digest = base64.b64encode(sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_size_and_determinism(sample: Comparison, html: str) -> None:
    assert len(html.encode()) < 3_000_000
    assert html == render(sample, SOURCES)


def test_no_python_leaks_into_the_text(page: Page) -> None:
    for leak in ("None", "array(", "Fact(", "np.", "True", "False", "mappingproxy", "{{", "}}", "dict_"):
        assert leak not in page.text, leak
    assert not re.search(r"\b(nan|inf)\b", page.text)


@pytest.mark.parametrize("tag", ["main", "nav", "header", "footer", "h1"])
def test_landmarks_are_there_once(page: Page, tag: str) -> None:
    assert len(page.all(tag)) == 1


def test_every_figure_has_caption_label_and_table(page: Page) -> None:
    figures = page.all("figure")
    assert len(figures) == len(page.all("figcaption"))
    plots = [d for d in page.all("div") if "data-plot" in d]
    assert len(plots) == len(figures)
    assert all(p["role"] == "img" and p["aria-label"] for p in plots)
    specs = json.loads(page.scripts[1])
    assert {p["data-plot"] for p in plots} == set(specs)
    assert len([d for d in page.all("details") if d.get("class") == "data"]) == len(figures)


def test_heat_maps_travel_as_one_value_per_hour(page: Page, sample: Comparison) -> None:
    spec = json.loads(page.scripts[1])["heat-0"]
    assert len(spec["hours"]) == 8760
    assert spec["option"]["series"][0]["data"] == []
    load = sample.uses[0].dispatch.import_mw
    assert spec["hours"][749] == pytest.approx(load[749], rel=1e-3)


def test_references_inside_the_page_resolve(page: Page) -> None:
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    for anchor in page.all("a"):
        if (anchor.get("href") or "").startswith("#"):
            assert (anchor["href"] or "")[1:] in ids
    assert all(a["aria-labelledby"] in ids for _, a in page.tags if a.get("aria-labelledby"))


def test_headline_numbers_are_on_the_page(page: Page) -> None:
    for text in (
        "$1.23m",
        "$810k",
        "−$61.0k",
        "1.83\u202fbillion",
        "2.09×",
        "no debt",
        "n/a",
        "18.3\u202f%",
        "217.2\u202fMW",
    ):
        assert text in page.text, text
    assert "market $791k to $1.78m" in page.text


def test_hostile_text_stays_text(sample: Comparison) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)> {b}"
    use = replace(sample.uses[0], title=evil, warnings=(evil,))
    page = Page(render(replace(sample, title=evil, question=evil, uses=(use, *sample.uses[1:])), SOURCES))
    assert not page.all("img")
    assert len(page.all("script")) == 5
    assert "alert(1)" not in "".join(s for i, s in enumerate(page.scripts) if i != 1)
    assert json.loads(page.scripts[1])


def test_sources_are_links_only_where_they_are_web_addresses(page: Page) -> None:
    links = [a["href"] for a in page.all("a") if not (a.get("href") or "").startswith("#")]
    assert "https://example.org/rack?a=1&b=2" in links
    assert "https://example.org/ups" in links
    assert all((link or "").startswith("https://example.org/") for link in links)


def test_script_addresses_do_not_become_links(sample: Comparison) -> None:
    bad = Assumption("x.y", "room", Fact(1.0, "", "reported", "bad"))
    use = replace(sample.uses[2], assumptions=(bad,))
    rows = assumption_rows(
        replace(sample, uses=(use,)), {"bad": Source("bad", "Bad", "", "2025", "javascript:alert(1)")}
    )
    assert [row.url for row in rows] == [""]


def test_assumptions_are_listed_once_with_their_uses_and_marks(sample: Comparison) -> None:
    rows = assumption_rows(sample, SOURCES)
    assert len(rows) == 24  # eight each of two uses, eight shared by all
    shared = [row for row in rows if row.name == "site.capex_usd_per_mw"]
    assert [row.uses for row in shared] == ["all uses"]
    assert shared[0].range == "$14.0m/MW to $16.0m/MW"
    marks = {row.name: row.mark for row in rows}
    assert marks["gb300.step_overlap_frac"] == "nobody has published this"
    assert marks["gb300.approach_k"] == "set for this run"
    assert marks["gb300.power_cap_w"] == ""
    assert next(row.range for row in rows if row.name == "site.approach_k") == "from 5\u202fK"


def test_assumptions_of_inner_records_are_not_lost(sample: Comparison) -> None:
    inner = Assumption("weather.place", "facility", Fact("Childress", "", "measured", "maker"))
    use = replace(sample.uses[0], weather=replace(sample.uses[0].weather, assumptions=(inner,)))
    names = [row.name for row in assumption_rows(replace(sample, uses=(use,)), SOURCES)]
    assert "weather.place" in names


def test_warnings_are_given_once_with_who_raised_them(sample: Comparison) -> None:
    ((who, text),) = warnings_of(sample)
    assert who == "GB300 under the Microsoft contract, Trainium 3, same halls, token parity"
    assert text.startswith("The weather is a typical year")
    assert site_lines(sample) == (
        "All uses: weather of Childress TX (synthesised from normals), dispatch by HiGHS 1.12.",
    )


def test_manifest_is_flattened_in_words() -> None:
    items = manifest_items({"seed": 7, "versions": {"numpy": "2.3", "list": (1, None)}, "dirty": False, "set": []})
    assert [(i.name, i.text, i.depth) for i in items] == [
        ("seed", "7", 0),
        ("versions", "", 0),
        ("numpy", "2.3", 1),
        ("list", "1, none", 1),
        ("dirty", "no", 0),
        ("set", "none", 0),
    ]


def test_bare_comparison_renders_without_empty_sections() -> None:
    page = Page(render(mining_alone(), {}))
    assert "Machines" not in page.text
    assert "This run lists no assumptions." in page.text
    assert "No input was moved in this run." in page.text
    assert "No market paths were kept in this run." in page.text
    assert not re.search(r"\b(None|nan|inf)\b", page.text)


def test_every_figure_of_the_first_screen_opens_where_it_comes_from(sample: Comparison, html: str) -> None:
    measures, run = headline_measures(sample.uses), tables_in_memory(sample)
    found = origins(sample, measures)
    page = Page(html)
    panels = {one["id"] for one in page.all("div") if "popover" in one}
    assert {one["popovertarget"] for one in page.all("button") if "popovertarget" in one} == panels
    assert panels == {origin.id for origin in found.values()}
    for measure in measures:
        for place, use in enumerate(sample.uses):
            told = explain_run(run, measure.figure, use.name)
            assert ((measure.figure, place) in found) == (told.value is not None), measure.name
    value = found["value_usd_per_grid_mw_year", 0]
    assert value.told == explain_run(run, "value_usd_per_grid_mw_year", sample.uses[0].name)
    assert [one.name for one in value.beside] == ["value_p5", "value_p95", "value_low", "value_high"]
    assert value.beside[0].parts
    assert not value.beside[1].parts, "the same paths are told once"


def test_headline_measures_have_a_cell_per_use_unit_and_definition(sample: Comparison) -> None:
    measures = headline_measures(sample.uses)
    assert len(measures) == 12
    assert all(len(m.cells) == 3 and m.unit and m.definition.endswith(".") for m in measures)
    value = measures[0]
    assert [cell.negative for cell in value.cells] == [False, False, True]
    irr = next(m for m in measures if m.name == "Project IRR")
    assert irr.cells[2].below == ("not defined for these flows",)
    peak = next(m for m in measures if m.name == "Peak from the grid")
    assert [cell.below for cell in peak.cells] == [(), (), ("above the contract",)]  # 250.2 MW on 250
    idle = next(m for m in measures if m.name == "Idle megawatts")
    assert [float(c.text.split("\u202f")[0]) for c in idle.cells] == [round(u.idle_mw, 1) for u in sample.uses]
    assert idle.cells[2].text == "0.0\u202fMW"


def test_layouts_in_words(sample: Comparison) -> None:
    plan = sample.uses[0].plan
    assert plan is not None
    text = layout_text(plan.layout).replace("\u202f", " ")
    assert text == "TP 8 · PP 8 · VPP 2 · DP 128; micro-batch 1, ZeRO 1, recompute selective, sequence parallel"
    table = runner_up_table(sample.uses[0])
    assert table is not None
    # first runner-up loses 0.02 x 1.4 = 0.028 s in the bubble, 0.02 x 0.6 = 0.012 s in sends: 0.04 / 5.16 = 0.78 %
    assert table.rows[1][3] == "0.78\u202f%"
    assert table.rows[1][4] == "bubble +28\u202fms, tensor parallel +12\u202fms"
    assert runner_up_table(sample.uses[2]) is None


def test_rejected_layouts_add_up(sample: Comparison) -> None:
    table = rejected_table(sample.uses[0])
    assert table is not None
    # 4312 considered - 2977 - 411 = 924 feasible
    assert table.rows[-1][:2] == ("feasible", "924")


def test_capital_sums_over_the_project(sample: Comparison) -> None:
    rows = {row[0]: row[1:] for row in capital_table(sample.uses).rows}
    assert rows["capital: chips"] == ("$5.00bn", "$4.30bn", "$0")
    assert rows["capital, total"] == ("$6.10bn", "$5.40bn", "$370m")
    assert rows["debt drawn"] == ("$2.50bn", "$2.15bn", "$0")
    assert rows["loan"][2] == "no debt"


def test_the_bill_of_a_run_is_on_the_page(page: Page) -> None:
    # 17,184 chips (spares too) for 61.3 days at 2 dollars an hour: 50.6 million; 24.25 GWh at 0.4 kg a kWh
    for words in ("Chips of one's own, the run", "At the contract's price, a MW-year of IT", "of it capital", "9,700"):
        assert words.replace(",", "\u202f") in page.text.replace(",", "\u202f")
