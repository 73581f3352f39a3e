"""How far is a portfolio from its target, and along which factors?"""

import math
from collections.abc import Iterable

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot, RiskModel
from engine.domain.valuation import market_values, net_asset_value


def tracking_error(risk: RiskModel, active: Array) -> float:
    """Return the predicted annual tracking error of active weights: sqrt(a' (F Omega F' + D) a).

    active: (n,) fractions of value, in the order of risk.security_ids. Raises ValueError on another shape.
    Source: Grinold & Kahn, Active Portfolio Management, 2nd ed. (2000), ch. 3.
    """
    exposure = factor_active(risk, active)
    variance = exposure @ risk.factor_covariance @ exposure + risk.specific_variance @ (active * active)
    return math.sqrt(max(float(variance), 0.0))


def factor_active(risk: RiskModel, active: Array) -> Array:
    """Return F' a, the active exposure to each factor: (k,). Raises ValueError when active is not (n,)."""
    if active.shape != risk.specific_variance.shape:
        raise ValueError(f"active weights: expected shape {risk.specific_variance.shape}, found {active.shape}")
    return risk.exposures.T @ active


def active_weights(snapshot: AccountSnapshot, market: MarketSnapshot) -> tuple[tuple[SecurityId, ...], Array]:
    """Return the names of the risk model and each one's weight in the account less its weight in the account's model.

    Weights are fractions of cash plus market value. Raises DataError when a holding has no price, when a holding or
    model name is not in the risk model, when the account's model is unknown, or when the account is worth nothing.
    """
    account, risk = snapshot.account, market.risk
    values = market_values(snapshot, market)
    nav = net_asset_value(snapshot, market)
    if nav <= 0:
        raise DataError(f"account {account.account_id}: expected a value above 0, found {nav}")
    if account.model_id not in market.models:
        raise DataError(f"account {account.account_id}: model {account.model_id} does not exist")
    targets = market.models[account.model_id].weights
    require_risk(risk, [*values, *(name for name, _ in targets)])
    active = np.zeros(len(risk.security_ids))
    for name, value in values.items():
        active[risk.position[name]] += float(value / nav)
    for name, weight in targets:
        active[risk.position[name]] -= float(weight)
    return risk.security_ids, active


def require_risk(risk: RiskModel, names: Iterable[SecurityId]) -> None:
    """Raise DataError naming every security that the risk model does not cover."""
    missing = sorted(set(names) - risk.position.keys())
    if missing:
        raise DataError(f"risk model: expected every holding and model name, found nothing for {', '.join(missing)}")
