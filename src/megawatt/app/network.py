"""The network of counterparties as a page of its own."""

from __future__ import annotations

import functools
import html
import re
from typing import Final

__all__ = ["network_page"]

_YEAR: Final = 2027
"""Year whose payments are cleared: the default of `megawatt contagion`."""
_META: Final = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')


@functools.cache
def network_page() -> tuple[str, str]:
    """The page of `megawatt contagion --report`, and the policy that pins its scripts."""
    from megawatt.catalogue import load_catalogue
    from megawatt.contagion import market_of, study
    from megawatt.report.contagion_page import render_contagion

    catalogue = load_catalogue()
    page = render_contagion(study(catalogue, _YEAR, market=market_of(catalogue)), catalogue.sources)
    found = _META.search(page)
    assert found is not None, "every page of the report pins its scripts"
    return page, html.unescape(found.group(1)) + "; frame-ancestors 'none'"
