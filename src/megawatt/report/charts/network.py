"""The network of those who pay each other, as a graph to click on."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from megawatt.contagion import Study
from megawatt.report.figure import Chart, Option, Table, significant
from megawatt.report.format import fixed, percent

__all__ = ["WAVE_COLOURS", "network_chart"]

WAVE_COLOURS: Final = (
    ("pays in full", "#5b7083"),
    ("fails in wave 1", "#b5462c"),
    ("wave 2", "#d55e00"),
    ("wave 3", "#a8790b"),
    ("later", "#a566a8"),
)
"""Colours of nodes by the wave in which they fail."""
_SMALLEST: Final = 6.0
"""Mark of a node without payments. [px]"""
_ROOM: Final = 26.0
"""What the node with the largest payments adds. [px]"""


def network_chart(found: Study) -> Chart:
    """Nodes as large as what they owe and are owed, lines as wide as what is paid; each node knows what follows from
    its failure, which the page shows when it is clicked."""
    network, due = found.network, found.network.due
    turnover = due.sum(axis=0) + due.sum(axis=1)
    shown = [i for i in range(len(network.names)) if turnover[i] > 0.0]
    largest, widest = float(turnover.max()), float(due.max())
    waves = {one.node: one.wave for one in found.shocks}
    nodes = [
        {
            "id": str(i),
            "name": network.names[i],
            "symbolSize": round(_SMALLEST + _ROOM * math.sqrt(turnover[i] / largest), 1),
            "value": significant(turnover[i] / 1e9),
            "itemStyle": {"color": WAVE_COLOURS[0][1]},
            "waves": [int(waves[i][j]) for j in shown] if i in waves else [],
        }
        for i in shown
    ]
    links = [
        {
            "source": str(i),
            "target": str(j),
            "value": significant(due[i, j] / 1e9),
            "lineStyle": {"width": round(0.6 + 7.0 * math.sqrt(due[i, j] / widest), 1)},
        }
        for i, j in np.argwhere(due > 0.0)
    ]
    return Chart(
        id="network",
        title=f"Payments due in {network.year}",
        caption="Discs: what a name owes and is owed. Lines run from payer to payee. Click a disc to let it fail.",
        option=_option(nodes, links),
        table=_table(found),
        units=("bn USD",),
        height_px=620,
    )


def _option(nodes: list[dict[str, Any]], links: list[dict[str, Any]]) -> Option:
    series = {
        "type": "graph",
        "layout": "circular",
        "circular": {"rotateLabel": True},
        "top": 110,
        "bottom": 110,
        "left": "24%",
        "right": "24%",
        "data": nodes,
        "links": links,
        "edgeSymbol": ["none", "arrow"],
        "edgeSymbolSize": 7,
        "label": {"show": True, "position": "right", "formatter": "{b}", "fontSize": 11},
        "lineStyle": {"curveness": 0.25, "opacity": 0.45, "color": "source"},
        "emphasis": {"focus": "adjacency", "label": {"fontWeight": "bold"}},
        "colours": [colour for _, colour in WAVE_COLOURS],
    }
    return {"tooltip": {"trigger": "item", "confine": True}, "series": [series]}


def _table(found: Study) -> Table:
    network, circle, due = found.network, found.circle, found.network.due
    rows = []
    for i, j in sorted(np.argwhere(due > 0.0), key=lambda place: -due[place[0], place[1]]):
        back = percent(float(circle.by_edge[i, j]))
        rows.append((network.names[i], network.names[j], fixed(float(due[i, j]) / 1e9, "bn", 2), back))
    return Table(("Pays", "Is paid", "In the year", "Of a dollar, comes back"), tuple(rows))
