"""How does the demo world read in the words of the engine? Securities, prices, models, substitutes, settings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import numpy as np

from data.demo.market import DemoMarket
from data.demo.sessions import sessions
from data.demo.universe import INDEX_NAMES, SECTORS, Universe
from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import Array, Model, PriceHistory, Security, Substitute

LARGE_CAP: Final = ModelId("US500")
LARGEST: Final = ModelId("US250")
WITHOUT_FOSSIL: Final = ModelId("US500-ESG")
LARGEST_NAMES: Final = 250
_ESG_OUT: Final = frozenset({"fossil", "tobacco", "weapons"})
_WEIGHT_UNIT: Final = 10**8  # model weights are whole numbers of 1e-8
_WITH_SUBSTITUTES: Final = 60
_SUBSTITUTES: Final = 3

SETTINGS: Final[Mapping[str, str]] = {
    "close_to_index": "# Follow the model closely; harvest only large losses.\n"
    "[plan]\nrisk_aversion = 400.0\nmax_active_weight = 0.005\nmax_sector_active = 0.01\n"
    "harvest_min_loss_usd = 2000\nharvest_min_loss_pct = 0.10\nmin_trade_usd = 250\n",
    "gains_budget": "# Clients who agreed what they are ready to realise in a year.\n"
    "[plan]\ngains_budget = 25000\nharvest_min_loss_usd = 1000\nharvest_min_loss_pct = 0.08\nmin_trade_usd = 250\n",
    "standard": "# The firm's standard account: losses worth a trade, and no trades of a few dollars.\n"
    "[plan]\nharvest_min_loss_usd = 1000\nharvest_min_loss_pct = 0.08\nmin_trade_usd = 250\n",
    "tax_heavy": "# For clients in the top bracket: taxes first, with room to stray from the model.\n"
    "[plan]\nrisk_aversion = 40.0\ntax_weight = 1.5\nmax_active_weight = 0.02\nmax_sector_active = 0.04\n"
    "harvest_min_loss_usd = 250\nmin_trade_usd = 500\n",
}


def security_id(position: int) -> SecurityId:
    """Return the id of the security at a position of the universe."""
    return SecurityId(f"S{position + 1:04d}")


def securities(world: Universe) -> tuple[Security, ...]:
    """Return the universe's securities; large ones are cheaper to trade. Groups are set for the dual share classes."""
    twins = {int(first) for position, first in enumerate(world.twin) if first != position}
    return tuple(
        Security(
            security_id=security_id(i),
            ticker=world.tickers[i],
            name=world.names[i],
            sector=SECTORS[world.sector[i]].name,
            cusip=_private_cusip(i),
            identical_group=f"G-{world.tickers[world.twin[i]][:3]}" if int(world.twin[i]) in twins else None,
            lot_size=None,
            tradable=i != world.delisted,
            cost_bp=Decimal(round(10 * 2.0 * (world.caps[0] / world.caps[i]) ** 0.33)).scaleb(-1),
            adv_usd=Decimal(round(world.caps[i] * 0.004 / 1e6)) * 1_000_000,
            tags=world.tags[i],
        )
        for i in range(world.size)
    )


def prices(market: DemoMarket) -> tuple[PriceHistory, ...]:
    """Return every close and adjusted close as exact decimals: 2 and 4 places."""
    days = sessions()
    histories = []
    for i in range(market.world.size):
        last = int(market.priced[i])
        histories.append(
            PriceHistory(
                security_id=security_id(i),
                dates=days[:last],
                closes=tuple(Decimal(value).scaleb(-2) for value in market.closes[:last, i].tolist()),
                adjusted=tuple(Decimal(value).scaleb(-4) for value in market.adjusted[:last, i].tolist()),
            )
        )
    return tuple(histories)


def model_weights(market: DemoMarket, model_id: ModelId, session: int) -> Array:
    """Return a model's weights on a session, (n,)."""
    weights = market.index_weights(session)
    if model_id == LARGEST:
        weights[LARGEST_NAMES:] = 0.0
    if model_id == WITHOUT_FOSSIL:
        weights[[bool(_ESG_OUT.intersection(tags)) for tags in market.world.tags]] = 0.0
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def models(market: DemoMarket) -> tuple[Model, ...]:
    """Return the models at the last session; the largest weight takes up the rounding, so that each sums to 1."""
    return tuple(model_of(model_id, model_weights(market, model_id, -1)) for model_id in MODEL_IDS)


MODEL_IDS: Final = (LARGEST, LARGE_CAP, WITHOUT_FOSSIL)


def model_of(model_id: ModelId, weights: Array) -> Model:
    """Return weights as a model; the largest takes up the rounding, so that they sum to 1."""
    units = np.rint(weights * _WEIGHT_UNIT).astype(np.int64)
    units[np.argmax(units)] += _WEIGHT_UNIT - units.sum()
    held = [int(i) for i in np.flatnonzero(units)]
    return Model(model_id=model_id, weights=tuple((security_id(i), Decimal(int(units[i])).scaleb(-8)) for i in held))


def substitutes(world: Universe) -> tuple[Substitute, ...]:
    """Return, for the largest names, the names of their sector that are nearest in size and not their twin."""
    found = []
    for i in range(_WITH_SUBSTITUTES):
        peers = [j for j in range(INDEX_NAMES) if world.sector[j] == world.sector[i] and world.twin[j] != world.twin[i]]
        nearest = sorted(peers, key=lambda j: (abs(j - i), j))[:_SUBSTITUTES]
        found += [
            Substitute(security_id=security_id(i), substitute_id=security_id(j), rank=rank)
            for rank, j in enumerate(nearest, 1)
        ]
    return tuple(found)


def _private_cusip(position: int) -> str:
    """Return a CUSIP of the range that is set aside for private use (issuers 99....), with its check digit."""
    body = f"99{position:04d}10"
    total = 0
    for place, digit in enumerate(int(character) for character in body):
        value = digit * 2 if place % 2 else digit
        total += value // 10 + value % 10
    return body + str(-total % 10)
