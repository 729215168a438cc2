"""What a case can ask of the rooms: questions by name, arguments strictly checked, answers as named figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, ValidationError

from megawatt.catalogue.section import Section, as_problems
from megawatt.errors import Problem, ScenarioError, counted, shown
from megawatt.files import is_file

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["ROOMS", "ask", "found_file", "settings_of"]

_Share = Annotated[float, Field(ge=0, le=1)]
_Months = Annotated[int, Field(ge=1, le=240)]
_Count = Annotated[int, Field(ge=1, le=10_000_000)]
_Settings = dict[str, float | int | bool | str]


class Site(Section):
    """A scenario's base case; with ``episode``, also along it; with ``hours``, also its year by the hour."""

    scenario: str
    set: _Settings = Field(default_factory=dict)
    episode: str = ""
    begins: Annotated[int, Field(ge=0, le=600)] | None = None
    hours: bool = False

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.chain import forge
        from megawatt.chain.figures import episode_figures, hour_figures, site_figures
        from megawatt.scenario import load

        file = found_file(self.scenario, folder)
        loaded = load(file, catalogue, settings_of(self.set))
        use = loaded.uses[0]
        links = forge(use.scenario, loaded.catalogue, use.folder, near=kept.get(str(file)))
        kept.setdefault(str(file), links)
        told = site_figures(links)
        if self.episode:
            told |= episode_figures(links, catalogue.get(self.episode, "stress").key, self.begins)
        if self.hours:
            told |= hour_figures(links)
        return told


class Hall(Section):
    """A hall of a design at a place at a constant load; ``alike`` names a design whose power train and air it has."""

    place: str
    design: str
    it_mw: Annotated[float, Field(gt=0, le=1e5)]
    load_frac: Annotated[float, Field(gt=0, le=1)] = 1.0
    warmer_k: Annotated[float, Field(ge=-20, le=20)] = 0.0
    changes: _Settings = Field(default_factory=dict)
    alike: str = ""

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.facility import hall_design, hall_figures, load_weather, warmer
        from megawatt.facility.changes import alike, changed, read_changes

        changes = read_changes(settings_of(self.changes), catalogue)
        weather = kept.get(f"weather {self.place}") or load_weather(self.place, catalogue)
        kept[f"weather {self.place}"] = weather
        weather = warmer(weather, self.warmer_k) if self.warmer_k else weather
        design = hall_design(catalogue, self.design, it_capacity_mw=self.it_mw)
        if self.alike:
            design = alike(design, hall_design(catalogue, self.alike, it_capacity_mw=self.it_mw))
        return hall_figures(changed(design, changes), weather, self.load_frac)


class Mining(Section):
    """Machines of one model on the network of a month, at a price of power."""

    network: str
    miner: str = ""
    efficiency_j_per_th: Annotated[float, Field(gt=0, le=1000)] | None = None
    power_usd_per_mwh: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    hashprice_usd_per_ph_day: Annotated[float, Field(gt=0, le=1e6)] | None = None
    btc_usd: Annotated[float, Field(gt=0, le=1e9)] | None = None
    months_ahead: Annotated[int, Field(ge=0, le=240)] = 0
    elasticity: _Share | None = None

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.mining import machine_figures

        return machine_figures(catalogue, **self.model_dump())


class Company(Section):
    """A company simulated over markets; ``btc_level`` moves bitcoin on the day that it begins."""

    company: str
    months: _Months = 24
    paths: Annotated[int, Field(ge=2, le=100_000)] = 2048
    set: _Settings = Field(default_factory=dict)
    network: str = "bitcoin-2025-11"

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.company import company_figures, load_company, markets_today, practice

        one = load_company(_company_file(self.company, folder), catalogue, self.set)
        markets = markets_today(catalogue, self.network)
        return company_figures(one, markets, practice(catalogue), months=self.months, paths=self.paths)


class Replay(Section):
    """A company along a named episode, or one of the case's own (``btc``: level by month); ``trend`` names how the
    network follows (``markets-2021``), the catalogue's of today without it."""

    company: str
    months: _Months
    episode: str = ""
    btc: dict[Annotated[str, Field(pattern=r"^[0-9]{1,3}$")], Annotated[float, Field(gt=0, le=100)]] = Field(
        default_factory=dict
    )
    network: str
    trend: str = ""
    set: _Settings = Field(default_factory=dict)
    shut: bool = False

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.company import load_company, markets_of, markets_today, practice, replay_company
        from megawatt.risk import Episode, named_episodes

        one = load_company(_company_file(self.company, folder), catalogue, self.set)
        points = tuple(sorted((int(month), level) for month, level in self.btc.items()))
        own = Episode("own", "of the case", {"btc": points}, None, ())
        named = {e.key: e for e in named_episodes(catalogue)}
        episode = own if self.btc else named[catalogue.get(self.episode, "stress").key]
        if self.trend:
            markets = markets_of(catalogue, self.trend, self.network)
        else:
            markets = markets_today(catalogue, self.network)
        return replay_company(one, markets, practice(catalogue), episode, self.months, shut=self.shut)


class Contagion(Section):
    """A calendar year of payments: who must raise what, what returns, and what one failure does."""

    year: Annotated[int, Field(ge=2020, le=2060)]
    failing: str = ""
    closed: bool = False
    fire_sales: bool = True
    loss: _Share = 1.0
    alpha: _Share = 0.8
    beta: _Share = 0.9

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.contagion import market_of, study, study_figures

        market = market_of(catalogue, fire_sales=self.fire_sales, closed=self.closed, alpha=self.alpha, beta=self.beta)
        failing = (self.failing,) if self.failing else ("Nvidia",)
        return study_figures(study(catalogue, self.year, failing=failing, market=market, loss=self.loss))


class Training(Section):
    """A model trained on a machine; with ``tokens``, the whole run with its failures and days."""

    system: str
    model: str
    seq_len: _Count
    global_batch: _Count
    precision: str
    units: Annotated[float, Field(gt=0, le=1e6)] | None = None
    chips: _Count | None = None
    power_mw: Annotated[float, Field(gt=0, le=1e5)] | None = None
    tokens: Annotated[float, Field(gt=0, le=1e16)] | None = None
    chip_power_w: Annotated[float, Field(gt=0, le=1e5)] | None = None
    usd_per_chip_hour: Annotated[float, Field(gt=0, le=1e5)] | None = None
    interruptions: Annotated[float, Field(ge=0, le=1e6)] | None = None
    reclaimed_per_1000_node_days: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    refill_hours: Annotated[float, Field(ge=0, le=1e4)] = 0.0

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.runs import training_figures

        return training_figures(catalogue, **self.model_dump(), plans=kept.setdefault("plans", {}))


class Conversion(Section):
    """Mining halls that may become AI halls, as an option."""

    scenario: str
    set: _Settings = Field(default_factory=dict)

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.chain import convert
        from megawatt.scenario import load

        loaded = load(found_file(self.scenario, folder), catalogue, settings_of(self.set))
        found = convert(loaded, loaded.catalogue)
        return {
            "never_usd": found.never_usd,
            "option_usd": found.option_usd,
            "waiting_usd": found.waiting_usd,
            "at_once_usd": found.dates[0].value_usd,
            "never_frac": found.never_frac,
            "at_once_frac": found.dates[0].converts_frac,
        }


class Access(Section):
    """The wait for a cluster from a pool that others hold."""

    clusters: Annotated[int, Field(ge=1, le=10_000)]
    used_frac: Annotated[float, Field(gt=0, lt=1)]
    hold_days: Annotated[float, Field(gt=0, le=1e5)]
    variation: Annotated[float, Field(ge=0, le=100)] = 1.0

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.runs import access_figures

        return access_figures(**self.model_dump())


class Auction(Section):
    """A capacity auction of a table of the case, as it was or with another load."""

    file: str
    year: str
    extra_mw: Annotated[float, Field(ge=-50_000, le=50_000)] = 0.0
    capped: bool = True
    offers_of: str = ""
    laid_usd: Annotated[float, Field(ge=0, le=1e13)] = 0.0

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.tariff.auction import auction_figures, read_auctions

        asked = self.model_dump()
        return auction_figures(read_auctions(found_file(asked.pop("file"), folder)), asked.pop("year"), **asked)


class Owned(Section):
    """What a chip costs whoever owns it, and whether a cloud that designs its own saves."""

    capital_usd: Annotated[float, Field(gt=0, le=1e9)]
    life_years: Annotated[float, Field(gt=0, le=50)]
    resale_frac: _Share = 0.0
    discount_rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    network_frac: Annotated[float, Field(ge=0, le=10)] = 0.0
    used_frac: Annotated[float, Field(gt=0, le=1)] = 1.0

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Named figures of the answer."""
        from megawatt.runs import owned_usd_per_chip_hour

        told = self.model_dump()
        return {"usd_per_chip_hour": owned_usd_per_chip_hour(told.pop("capital_usd"), **told)}


class Made(Section):
    """A cloud's own chip against a bought one at equal work."""

    volume: Annotated[float, Field(gt=0, le=1e10)]
    development_usd: Annotated[float, Field(ge=0, le=1e13)]
    unit_cost_usd: Annotated[float, Field(ge=0, le=1e7)]
    seller_cost_usd: Annotated[float, Field(ge=0, le=1e7)]
    seller_margin: Annotated[float, Field(ge=0, lt=1)]
    work_ratio: Annotated[float, Field(gt=0, le=1e4)] = 1.0

    def figures(self, catalogue: Catalogue, folder: Path, kept: dict[str, Any]) -> dict[str, float]:
        """Cost of each way, what making saves, and the volume from which it does."""
        from megawatt.runs import made_or_bought

        found = made_or_bought(**self.model_dump())
        return {"made_usd": found.made_usd, "bought_usd": found.bought_usd, "saved_usd": found.saved_usd,
                "break_even_chips": found.break_even_chips}  # fmt: skip


ROOMS: Final[Mapping[str, type[Section]]] = MappingProxyType(
    {"site": Site, "hall": Hall, "mining": Mining, "company": Company, "replay": Replay, "contagion": Contagion,
     "training": Training, "conversion": Conversion, "access": Access, "auction": Auction, "owned": Owned,
     "made": Made}
)  # fmt: skip
"""Questions by the name that a case file gives."""
_EXAMPLES: Final = Path("examples")


def ask(
    room: str, asked: Mapping[str, Any], catalogue: Catalogue, folder: Path, where: str, kept: dict[str, Any]
) -> dict[str, float]:
    """Named figures of a question.

    Parameters
    ----------
    room : str
        Of `ROOMS`.
    asked : mapping
        Its arguments.
    catalogue : Catalogue
        Facts.
    folder : Path
        Of the case: files that it names lie there, or among the examples.
    where : str
        Dotted path of the question, for messages.
    kept : dict
        What rooms keep of a question for the next of its kind; added to, results do not depend on it.

    Raises
    ------
    MegawattError
        If an argument is wrong (all of them at once), or the room refuses.
    """
    kind = ROOMS[room]
    try:
        question = kind.model_validate(dict(asked))
    except ValidationError as error:
        problems = [Problem(f"{where}.{p.path}", p.found, p.allowed, p.hint) for p in as_problems(kind, error)]
        said = str(problems[0]) if len(problems) == 1 else counted(len(problems), "problem")
        raise ScenarioError(said, problems) from None
    return question.figures(catalogue, folder, kept)  # type: ignore[attr-defined, no-any-return]


def settings_of(said: Mapping[str, Any]) -> list[str]:
    """``path=value`` as `--set` has them; a text in brackets is a list."""
    whole = {k: int(v) if isinstance(v, float) and v.is_integer() and abs(v) < 1e15 else v for k, v in said.items()}
    return [f"{path}={_toml(value)}" for path, value in whole.items()]


def _toml(value: Any) -> str:
    """A value as TOML; a text in brackets is a list in TOML already."""
    return value if isinstance(value, str) and value[:1] == "[" else json.dumps(value)


def found_file(name: str, folder: Path) -> Path:
    """A file of the case: in its folder, or among the examples beside it, or where it is said to be.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    places = (folder / name, folder.resolve().parents[1] / name, _EXAMPLES / name, Path(name))
    path = next((place for place in places if is_file(place)), None)
    if path is None:
        raise ScenarioError(f"{shown(name)}; allowed: a file in {folder}, or among the examples")
    return path


def _company_file(name: str, folder: Path) -> str:
    return str(found_file(name, folder)) if name.endswith(".toml") else name
