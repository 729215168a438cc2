"""Who falls with whom: clearing of debts, chains of defaults, money that goes in a circle."""

from megawatt.contagion.circle import Circle, circular_flows
from megawatt.contagion.clearing import Clearing, clear
from megawatt.contagion.figures import study_figures
from megawatt.contagion.flows import CLASSES, Flow, catalogue_flows, read_flows
from megawatt.contagion.network import ASSETS, Backstop, Means, Network, build_network, means_of
from megawatt.contagion.shock import Market, Shock, debt_rank, shock
from megawatt.contagion.study import Study, circle_rows, market_of, node_rows, shock_rows, study

__all__ = [
    "ASSETS",
    "CLASSES",
    "Backstop",
    "Circle",
    "Clearing",
    "Flow",
    "Market",
    "Means",
    "Network",
    "Shock",
    "Study",
    "build_network",
    "catalogue_flows",
    "circle_rows",
    "circular_flows",
    "clear",
    "debt_rank",
    "market_of",
    "means_of",
    "node_rows",
    "read_flows",
    "shock",
    "shock_rows",
    "study",
    "study_figures",
]
