"""What do all accounts share today? The market, with the firm's risk model or one estimated from its prices."""

from dataclasses import replace
from datetime import date
from typing import Final

from app.ports import Services
from engine.domain.market import CorporateAction, MarketSnapshot, PriceHistory, RiskModel
from engine.domain.succession import endings, one_history
from engine.risk.estimate import ESTIMATOR, estimate_risk, judge_imported

_JUDGED: Final = "judged"


def todays_market(services: Services) -> MarketSnapshot:
    """Return the firm's market; a risk model is estimated once for each set of prices and kept.

    Raises DataError where no firm was imported, or prices do not suffice for a risk model.
    """
    firm = services.firm.firm()
    version = f"{firm.imported_at.isoformat()} {firm.market}"
    if version not in services.markets:
        parts = services.firm.market_parts()
        risk = services.firm.risk(estimator=ESTIMATOR)
        if risk is None:
            prices, actions = _histories(services, parts.as_of)
            risk = estimate_risk(prices, tuple(parts.securities.values()), as_of=parts.as_of, actions=actions)
            services.firm.save_risk(risk, estimator=ESTIMATOR)
        services.markets.clear()
        services.markets[version] = parts.with_risk(risk)
    return services.markets[version]


def judged_risk(services: Services) -> RiskModel:
    """Return the risk model in use with figures on its quality; an imported one is tried on the firm's own prices.

    No plan is computed from these figures: an imported model stays as it came wherever else it is used. Raises
    DataError as todays_market does.
    """
    market = todays_market(services)
    if market.risk.judged is not None:
        return market.risk
    if _JUDGED not in services.markets:
        securities = tuple(market.securities.values())
        prices, actions = _histories(services, market.as_of)
        risk = judge_imported(market.risk, prices, securities, as_of=market.as_of, actions=actions)
        services.markets[_JUDGED] = replace(market, risk=risk)
    return services.markets[_JUDGED].risk


def _histories(services: Services, as_of: date) -> tuple[tuple[PriceHistory, ...], tuple[CorporateAction, ...]]:
    actions = services.firm.actions()
    return one_history(services.firm.prices(), actions, endings(actions, as_of=as_of))
