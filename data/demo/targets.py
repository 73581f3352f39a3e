"""What does a demo account want to hold? A sample of its model's names that keeps the model's sectors."""

from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from data.demo.market import DemoMarket
from data.demo.people import Client, Profile
from data.demo.universe import SECTORS, Universe
from data.demo.world import model_weights
from engine.domain.market import Array

Mask = NDArray[np.bool_]

_DELISTED_WEIGHT: Final = 0.004
_OVERSHOOT: Final = 4.0  # how many times its gap a name may take, so that the money of a harvest goes somewhere


def avoided(world: Universe, client: Client) -> Mask:
    """Return the names that the household has never wanted, (n,)."""
    if client.avoids is None or not client.honoured:
        return np.zeros(world.size, dtype=np.bool_)
    kind, _, name = client.avoids.partition(":")
    if kind == "sector":
        return np.array([SECTORS[position].name == name for position in world.sector])
    return np.array([name in tags for tags in world.tags])


def followed(chance: Generator, market: DemoMarket, profile: Profile, without: Mask) -> Mask:
    """Return the names that stand for the model, (n,): the largest, and a sample of the others."""
    weights = model_weights(market, profile.followed_model, profile.opened)
    weights[without] = 0.0
    order = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights)]
    sure, others = order[: profile.names // 2], order[profile.names // 2 :]
    sampled = chance.choice(others, min(profile.names - len(sure), len(others)), replace=False)
    chosen = np.zeros(market.world.size, dtype=np.bool_)
    chosen[sure] = chosen[sampled] = True
    return chosen


def target_weights(market: DemoMarket, profile: Profile, names: Mask, session: int) -> Array:
    """Return the weights an account aims at on a session, (n,): the model's, for the names kept.

    What a sector lacks is shared equally by its names that are kept, so that small names stand for small ones.
    """
    weights = model_weights(market, profile.followed_model, session)
    wanted = np.where(names, weights, 0.0)
    for position in range(len(SECTORS)):
        members = market.world.sector == position
        kept = members & (wanted > 0)
        if kept.any():
            wanted[kept] += (weights[members].sum() - wanted[kept].sum()) / np.count_nonzero(kept)
    if profile.holds_delisted:
        wanted[market.world.delisted] = _DELISTED_WEIGHT
    return np.asarray(wanted / wanted.sum(), dtype=np.float64)


def whole_shares(gaps: Array, prices: Array, budget: float) -> list[int]:
    """Return whole shares in proportion to the gaps, at least one where it is not far too dear, within the budget.

    gaps: USD below target, each > 0. prices: USD. budget: USD, to cover the shares and a little slippage.
    """
    wanted = gaps * min(_OVERSHOOT, budget / float(gaps.sum()))
    for thrift in (1.0, 0.97, 0.9, 0.75):
        shares = np.rint(thrift * wanted / prices)
        shares = np.where((shares == 0) & (prices < 3 * wanted), 1, shares)
        if float((shares * prices).sum()) * 1.002 <= budget:
            return [int(count) for count in shares]
    return [int(count) for count in np.floor(0.95 * wanted / prices)]
