"""What do all accounts share today? The market, with the firm's risk model or one estimated from its prices."""

from app.ports import Services
from engine.domain.market import MarketSnapshot
from engine.plan.report import ENGINE_VERSION
from engine.risk.estimate import estimate_risk


def todays_market(services: Services) -> MarketSnapshot:
    """Return the firm's market; a risk model is estimated once for each set of prices and kept.

    Raises DataError where no firm was imported, or prices do not suffice for a risk model.
    """
    firm = services.firm.firm()
    version = f"{firm.imported_at.isoformat()} {firm.as_of}"
    if version not in services.markets:
        parts = services.firm.market_parts()
        risk = services.firm.risk(estimator=ENGINE_VERSION)
        if risk is None:
            prices = services.firm.prices()
            risk = estimate_risk(prices, tuple(parts.securities.values()), as_of=parts.as_of)
            services.firm.save_risk(risk, estimator=ENGINE_VERSION)
        services.markets.clear()
        services.markets[version] = parts.with_risk(risk)
    return services.markets[version]
