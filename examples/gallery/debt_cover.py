"""How far revenue may fall before the debt is not covered, by the share that is borrowed."""

import sys
from pathlib import Path

import megawatt as mw
from megawatt.picture import bars


def main(folder: Path) -> None:
    """Draw it."""
    may_fall = {}
    for share in (0.5, 0.6, 0.7, 0.8):
        loan = mw.Loan(share * 900e6, rate=0.085, payments=60)
        deal = mw.cash(capex_usd=900e6, revenue_usd_per_month=28e6, opex_usd_per_month=5e6, months=60, loan=loan)
        may_fall[f"{share:.0%} borrowed"] = 1.0 - deal.revenue_share_at(1.0)
    bars("Revenue may fall by this share", may_fall).save(folder / "debt_cover.svg", force=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
