"""Which settings can change nothing for this account, and why?"""

from collections.abc import Mapping
from typing import Final

from engine.domain.accounts import Account
from engine.domain.market import MarketSnapshot
from engine.domain.settings import PlanSettings, WashSalePolicy

_TAX: Final = ("tax_weight", "net_taxes", "carryforward_value", "max_net_gain", "gains_budget", "wash_sales",
               "harvest_min_loss_usd", "harvest_min_loss_pct")  # fmt: skip
_LIMITS: Final = ("min_cash", "max_cash", "max_active_weight", "max_sector_active", "max_factor_active",
                  "max_tracking_error", "max_turnover", "max_net_gain", "max_names", "enforce", "breach_penalty",
                  "tilt", "deposit")  # fmt: skip


def inapplicable(settings: PlanSettings, account: Account, market: MarketSnapshot) -> Mapping[str, str]:
    """Return each setting that has no effect as the others stand, with the reason in a few words."""
    found: dict[str, str] = {}
    if not account.registration.is_taxable:
        found |= dict.fromkeys(_TAX, "this account pays no tax")
    elif account.st_rate < account.lt_rate:
        found["net_taxes"] = "the account's short-term rate is below its long-term rate"
    if not settings.net_taxes and settings.wash_sales is WashSalePolicy.BLOCK:
        found.setdefault("carryforward_value", "gains are not netted, and no loss is deferred")
    if settings.liquidate:
        found |= dict.fromkeys(_LIMITS, "everything is to be sold")
    elif settings.enforce:
        found["breach_penalty"] = "broken limits are forced back, not priced"
    if not any(security.adv_usd for security in market.securities.values()):
        found["impact_bp"] = "no security states its average daily volume"
    if not market.risk.factors:
        found.setdefault("max_factor_active", "the risk model has no factors")
    return found
