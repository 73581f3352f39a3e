"""Why is this loss still there? One reason for every loss lot that the plan leaves."""

from decimal import Decimal
from typing import Final

from engine.domain.plans import NotHarvested
from engine.plan.lots import BELOW_THRESHOLD, LOT_METHOD, RESTRICTED, WASH_SALE_LOCK, SaleLot, gain
from engine.plan.outcome import Outcome, risk_term
from engine.plan.prices import Prices
from engine.plan.problem import NET_GAIN, TURNOVER, Name, Problem
from engine.plan.rules import NOT_TRADABLE

BOUGHT: Final = "bought_in_plan"
COST_OUTWEIGHS: Final = "cost_outweighs"
NO_TAX_VALUE: Final = "no_tax_value"
BELOW_MIN_TRADE: Final = "below_min_trade"
RISK_OUTWEIGHS: Final = "risk_outweighs"
NOT_CHOSEN: Final = "not_chosen"
TURNOVER_CAP: Final = "turnover_cap"
_AT_LIMIT: Final = 1e-6


def not_harvested(problem: Problem, done: Outcome, prices: Prices | None) -> tuple[NotHarvested, ...]:
    """Return every loss lot that stays, whole or in part, with its reason; nothing in accounts that pay no tax."""
    if not problem.snapshot.account.registration.is_taxable:
        return ()
    bought = {name.security.group for name, q in zip(problem.names, done.shares, strict=True) if q > 0}
    found = []
    for i, name in enumerate(problem.names):
        sold = {sale.lot_id: sale.quantity for sale in done.sold[i]}
        for entry in name.lots:
            left = entry.lot.quantity - sold.get(entry.lot.lot_id, Decimal(0))
            loss = -gain(entry.lot, left, name.price)
            if loss > 0:
                code, why = _why_kept(problem, done, i, entry, left, bought, prices)
                found.append(
                    NotHarvested(
                        lot_id=entry.lot.lot_id,
                        security_id=name.security.security_id,
                        loss=loss,
                        code=code,
                        sentence=f"{name.security.ticker}, loss of {loss:,.2f} USD: {why}.",
                    )
                )
    return tuple(found)


def _why_kept(
    problem: Problem,
    done: Outcome,
    i: int,
    entry: SaleLot,
    left: Decimal,
    bought: set[str],
    prices: Prices | None,
) -> tuple[str, str]:
    name = problem.names[i]
    if entry.blocked is not None:
        return entry.blocked, _blocked_sentence(problem, name, entry.blocked)
    if name.security.group in bought:
        return BOUGHT, "the plan buys it or a substantially identical security, so selling it would be a wash sale"
    saving = -entry.tax * problem.settings.tax_weight
    if saving <= 0:
        return NO_TAX_VALUE, "at this account's rates the loss saves no tax"
    if saving <= name.cost:
        return COST_OUTWEIGHS, "trading it would cost more than the tax it saves"
    weight = float(left * name.price / problem.value)
    most = float(sum((lot.lot.quantity for lot in name.sellable), Decimal(0)) * name.price / problem.value)
    if most < problem.min_trade and most < name.held - _AT_LIMIT:
        return (
            BELOW_MIN_TRADE,
            f"what may be sold of it is below the minimum trade of {problem.settings.min_trade_usd} USD",
        )
    return _outweighed(problem, done, i, weight, saving, prices)


def _outweighed(
    problem: Problem, done: Outcome, i: int, weight: float, saving: float, prices: Prices | None
) -> tuple[str, str]:
    """Say what keeps a lot that pays for itself: a binding rule if without its price it would go, else risk."""
    name = problem.names[i]
    active = float(done.trade[i]) - name.shortfall
    own = problem.settings.risk_aversion * name.specific * ((active - weight) ** 2 - active**2)
    cost = own + (name.cost + name.alpha) * weight
    usd = float(problem.value)
    for bound in name.bounds:
        if not bound.upper and done.trade[i] - weight < bound.at - _AT_LIMIT and not bound.is_broken:
            return bound.rule, f"selling it would take the holding below its limit ({bound.rule})"
    if prices is None:
        skipped = done.trade.copy()
        skipped[i] -= weight
        cost += risk_term(problem, skipped) - done.risk - own
        return _verdict(saving * weight * usd, cost * usd)
    cost -= float(prices.linear[i]) * weight
    priced = [
        (row, float(price) * float(row.down[i]) * weight) for row, price in zip(problem.rows, prices.rows, strict=False)
    ]
    total = cost + sum(part for row, part in priced if not row.by_lot_gain)
    for row, part in sorted(priced, key=lambda pair: -pair[1]):
        if part > 0 and total - part <= saving * weight < total and row.rule != NET_GAIN:
            code = TURNOVER_CAP if row.rule == TURNOVER else row.rule
            return code, f"selling it would use room that is scarce ({row.rule}), worth {part * usd:,.2f} USD here"
    return _verdict(saving * weight * usd, total * usd)


def _verdict(saving: float, cost: float) -> tuple[str, str]:
    if cost >= saving:
        return RISK_OUTWEIGHS, (
            f"selling it would save {saving:,.2f} USD of tax, but cost {cost:,.2f} USD in tracking risk and trading "
            "as this plan weighs them"
        )
    return NOT_CHOSEN, "the plan is as good without it, to the accuracy of its gap and of whole shares"


def _blocked_sentence(problem: Problem, name: Name, blocked: str) -> str:
    settings = problem.settings
    if blocked == RESTRICTED:
        rule = name.rules.no_sell[0]
        return "it cannot be traded" if rule == NOT_TRADABLE else f"it may not be sold ({rule})"
    return {
        WASH_SALE_LOCK: "the household bought it or a substantially identical security within 30 days",
        BELOW_THRESHOLD: (
            f"below the harvest threshold of {settings.harvest_min_loss_usd} USD "
            f"and {settings.harvest_min_loss_pct:.2%} of basis"
        ),
        LOT_METHOD: f"the lot method {settings.lot_method.value} would first sell a lot that may not be sold",
    }[blocked]
