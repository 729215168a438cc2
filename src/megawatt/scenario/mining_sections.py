"""Sections of a scenario about miners: machines, network, how they are run, and to whom their hashes are sold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from megawatt.catalogue.quantity import catalogue_key, quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.section import Month, ratio

__all__ = ["Derating", "Fleet", "HashHedge", "Hosting", "Machine", "Mining", "Mode", "Treasury"]


class Machine(Section):
    """One model of miner: from the catalogue, with numbers of one's own in place of its, or these alone."""

    miner: Annotated[str, catalogue_key("miner")] | None = Field(
        None, description="ASIC model in the catalogue; none: efficiency, hash rate and price below"
    )
    efficiency_j_per_th: Annotated[Fact, *quantity("J/terahash", ge=0.5, le=500)] | None = Field(
        None, description="energy per hash at the plug, J/TH, in place of the catalogue's", title="energy per hash"
    )
    hashrate_th_per_s: Annotated[Fact, *quantity("terahash/s", ge=0.1, le=100000)] | None = Field(
        None,
        description="hash rate of one machine, TH/s, in place of the catalogue's",
        title="hash rate of a machine",
    )
    price_usd_per_th: Annotated[Fact, *quantity("USD/(terahash/s)", ge=0, le=1000)] | None = Field(
        None,
        description="price of machines, USD per TH/s, in place of the catalogue's; 0: already paid for",
        title="price of machines",
    )


class Fleet(Machine):
    """Part of the miners: machines of one model and age."""

    share: Annotated[Fact, *ratio] = Field(
        description="share of the miners' rated power; shares sum to 1", title="share of a fleet"
    )
    age_months: int = Field(0, ge=0, le=240, description="age when it goes live; loses hash_loss_per_year from new on")


class Mode(Section):
    """A mode of one's own beside the rated one."""

    power_frac: Annotated[Fact, *quantity(ge=0.05, le=3)] = Field(
        description="power over rated power", title="power of a mode"
    )
    hash_frac: Annotated[Fact, *quantity(ge=0.05, le=3)] = Field(
        description="hash rate over rated hash rate", title="hash rate of a mode"
    )


class Derating(Section):
    """Machines that throttle in hot air (tuned by their fans), whatever the hall could still cool."""

    from_c: Annotated[Fact, *quantity("degC", ge=-30, le=60)] = Field(
        description="outdoor dry-bulb temperature from which they throttle",
        title="temperature of throttling",
    )
    per_k_frac: Annotated[Fact, *ratio] = Field(
        description="share of the miners' power lost per kelvin above it", title="power lost per kelvin"
    )


class Hosting(Section):
    """Customers' machines in part of the halls: power sold, and a share of what they mine."""

    share: Annotated[Fact, *ratio] = Field(
        description="share of the miners' power that customers' machines draw", title="share of hosted miners"
    )
    usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=1000)] = Field(
        description="what customers pay for energy at their plugs", title="hosting price"
    )
    btc_share_frac: Annotated[Fact, *ratio] = Field(
        0.0,
        validate_default=True,
        description="share of the customers' coins that the site keeps",
        title="share of customers' coins",
    )
    efficiency_j_per_th: Annotated[Fact, *quantity("J/terahash", ge=0.5, le=500)] | None = Field(
        None,
        description="energy per hash of the customers' machines, J/TH; default: as the site's own",
        title="energy per hash of hosted miners",
    )


class HashHedge(Section):
    """Hash rate sold forward: the difference between this price and the month's hash price is paid in cash."""

    share: Annotated[Fact, *ratio] = Field(
        description="share of one's own hash rate, at its uptime in every hour, that is sold forward",
        title="share of hash rate sold forward",
    )
    usd_per_ph_day: Annotated[Fact, *quantity("USD/(petahash/s)/day", ge=0, le=100000)] = Field(
        description="forward price, USD per PH/s and day", title="forward hash price"
    )
    start: Month | None = Field(None, description="first month of it; default: when the first block is live")
    months: int = Field(12, ge=1, le=720, description="months that it lasts")


class Treasury(Section):
    """Coins that are kept and sold later at the price of then."""

    held_frac: Annotated[Fact, *ratio] = Field(
        description="share of the mined coins that is held", title="share of coins held"
    )
    months: int | None = Field(
        None, ge=1, le=720, description="months after which they are sold; default: at the end of the plan"
    )


class Mining(Machine):
    """Bitcoin miners."""

    fleets: tuple[Fleet, ...] = Field((), description="several models or ages, instead of one model here")
    network: Annotated[str, catalogue_key("network")] | None = Field(
        None, description="state of the Bitcoin network in the catalogue, e.g. bitcoin-2025-11; or as_of"
    )
    as_of: Month | None = Field(
        None, description="month whose averages are the network's state (2021-01 to 2025-05 and 2025-11), or network"
    )
    btc_price_usd: Annotated[Fact, *quantity("USD/BTC", ge=1, le=1e8)] | None = Field(
        None, description="price of a bitcoin in the network's month, in place of its average", title="price of bitcoin"
    )
    difficulty: Annotated[Fact, *quantity(ge=1e6, le=1e18)] | None = Field(
        None, description="network difficulty in its month, in place of its average", title="network difficulty"
    )
    network_eh_per_s: Annotated[Fact, *quantity("exahash/s", ge=0.001, le=1e6)] | None = Field(
        None, description="network hash rate at ten-minute blocks, EH/s; or difficulty", title="network hash rate"
    )
    fees_btc_per_day: Annotated[Fact, *quantity("BTC/day", ge=0, le=2000)] | None = Field(
        None, description="fees of all blocks of a day, BTC, constant; in place of the month's", title="fees per day"
    )
    fees_btc_per_block: Annotated[Fact, *quantity("BTC", ge=0, le=15)] | None = Field(
        None, description="fees of a block, BTC; or fees_btc_per_day", title="fees per block"
    )
    fees_frac: Annotated[Fact, *quantity(ge=0, le=0.9)] | None = Field(
        None, description="fees over reward (subsidy and fees) in the network's month; or fees_btc_per_day",
        title="share of fees in the reward",
    )  # fmt: skip
    pool_fee_frac: Annotated[Fact, *ratio] | None = Field(
        None, description="pool's fee; default: @mining-operations.pool_fee_frac", title="pool fee"
    )
    uptime_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="share of the drawn energy that becomes accepted work; default: @mining-operations.uptime_frac",
        title="uptime of miners",
    )
    it_mw: Annotated[Fact, *quantity("MW", ge=0.01, le=20000)] | None = Field(
        None,
        description="power of the miners, MW; default: what the connection carries in the worst hour",
        title="power of the miners",
    )
    modes: tuple[Literal["eco", "turbo"], ...] = Field(
        (),
        description="modes beside the rated one, chosen by the hour: eco (less power, more hashes per joule), turbo "
        "(more power); the halls are full in the highest (megawatt show mining-modes)",
    )
    own_modes: tuple[Mode, ...] = Field((), description="modes of one's own beside the rated one, chosen by the hour")
    hash_loss_per_year: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(
        0.0,
        validate_default=True,
        description="share of hash rate that machines lose every year at unchanged power, e.g. "
        "@mining-modes.hash_loss_per_year",
        title="loss of hash rate per year",
    )
    derating: Derating | None = Field(None, description="throttling in hot air")
    hosting: Hosting | None = Field(None, description="customers' machines in part of the halls")
    hedge: HashHedge | None = Field(None, description="hash rate sold forward")
    treasury: Treasury | None = Field(None, description="coins that are kept")
    retarget_blocks: Annotated[Fact, *quantity(ge=0, le=2016, whole=True)] | None = Field(
        None,
        description="blocks found since the last retarget, with retarget_hours: gives the next difficulty",
        title="blocks since the last retarget",
    )
    retarget_hours: Annotated[Fact, *quantity("hour", ge=0.1, le=1000)] | None = Field(
        None, description="hours since the last retarget", title="hours since the last retarget"
    )
