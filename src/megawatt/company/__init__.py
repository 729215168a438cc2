"""How long does the company live: positions, simulation, what it cuts first."""

from megawatt.company.engine import run_company
from megawatt.company.figures import company_figures
from megawatt.company.file import CompanyFile, company_keys, load_company
from megawatt.company.markets import Markets, markets_of, markets_today, practice, simulate_markets
from megawatt.company.positions import PositionFact, company_of, day_of, known_by
from megawatt.company.records import CUTS, Company, CompanyPaths, Debt, Lease, Mining, Outcome, Practice
from megawatt.company.replay import replay_company
from megawatt.company.simulation import CompanyRisk, distress_probability, simulate_company
from megawatt.company.story import company_row, maturity_wall, runway_months, value_parts

__all__ = [
    "CUTS",
    "Company",
    "CompanyFile",
    "CompanyPaths",
    "CompanyRisk",
    "Debt",
    "Lease",
    "Markets",
    "Mining",
    "Outcome",
    "PositionFact",
    "Practice",
    "company_figures",
    "company_keys",
    "company_of",
    "company_row",
    "day_of",
    "distress_probability",
    "known_by",
    "load_company",
    "markets_of",
    "markets_today",
    "maturity_wall",
    "practice",
    "replay_company",
    "run_company",
    "runway_months",
    "simulate_company",
    "simulate_markets",
    "value_parts",
]
