"""What does a program ask: the functions behind `import megawatt`. See README.md of this room."""

from megawatt.api.chips import Trained, catalogue, compare, model, serve, system, timeline, train
from megawatt.api.keeping import report, save, workbook
from megawatt.api.money import Cash, Loan, cases, cash, company, contagion, validate
from megawatt.api.places import TariffResult, hall, miners, prices, tariff, weather
from megawatt.api.result import Figure, Result
from megawatt.api.sites import Dispatched, Site, best, convert, dispatch, load, plan, risk, sweep
from megawatt.errors import MegawattError

__all__ = [
    "Cash",
    "Dispatched",
    "Figure",
    "Loan",
    "MegawattError",
    "Result",
    "Site",
    "TariffResult",
    "Trained",
    "best",
    "cases",
    "cash",
    "catalogue",
    "company",
    "compare",
    "contagion",
    "convert",
    "dispatch",
    "hall",
    "load",
    "miners",
    "model",
    "plan",
    "prices",
    "report",
    "risk",
    "save",
    "serve",
    "sweep",
    "system",
    "tariff",
    "timeline",
    "train",
    "validate",
    "weather",
    "workbook",
]
