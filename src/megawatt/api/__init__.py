"""What does a program ask: the functions behind `import megawatt`. See README.md of this room."""

from megawatt.api.chips import Trained, compare, serve, timeline, train
from megawatt.api.keeping import explain, report, save, workbook
from megawatt.api.known import catalogue, model, system
from megawatt.api.money import Cash, Loan, cases, cash, company, contagion, validate
from megawatt.api.places import TariffResult, hall, miners, prices, tariff, weather
from megawatt.api.result import Figure, Result
from megawatt.api.site import Site, load
from megawatt.api.sites import Dispatched, best, convert, dispatch, plan, risk, sweep
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
    "explain",
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
