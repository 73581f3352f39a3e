"""Is the plan right? A second opinion, derived from the raw inputs and apart from the optimiser.

Nothing here calls engine.plan, engine.tax or engine.risk: lots, terms, gains, wash sales, cash and policy are worked
out again in the plainest way, so that one mistake cannot hide in both places. A disagreement is a FAIL and stops the
plan.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

from engine.domain.accounts import AccountSnapshot, Lot, Restriction, Rule, Transaction, TransactionType
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.market import MarketSnapshot, Security
from engine.domain.plans import Check, Plan, PlanStatus, Side, Term, Trade, Verdict
from engine.domain.policy import means
from engine.domain.settings import WashSalePolicy
from engine.domain.valuation import net_asset_value, positions

WASH_SALE_DAYS: Final = 30  # each side of the sale; 26 U.S.C. 1091(a)
_CENT: Final = Decimal("0.01")
_WEIGHT_SLACK: Final = Decimal("0.0005")  # whole shares may leave a bound by a fraction of one share
_ACQUIRES: Final = frozenset({TransactionType.BUY, TransactionType.REINVEST})


@dataclass(frozen=True, kw_only=True)
class _Case:
    """The plan beside its raw inputs, with what every check needs worked out once."""

    plan: Plan
    snapshot: AccountSnapshot
    market: MarketSnapshot

    @cached_property
    def lots(self) -> Mapping[LotId, Lot]:
        return {lot.lot_id: lot for lot in self.snapshot.lots}

    @cached_property
    def flow(self) -> Decimal:
        return self.plan.settings.deposit - self.plan.settings.withdrawal

    @cached_property
    def value(self) -> Decimal:
        """Net asset value after the external cash flow, USD."""
        return net_asset_value(self.snapshot, self.market) + self.flow

    @cached_property
    def shares_before(self) -> Mapping[SecurityId, Decimal]:
        return positions(self.snapshot.lots)

    @cached_property
    def shares_after(self) -> Mapping[SecurityId, Decimal]:
        after = dict(self.shares_before)
        for trade in self.plan.trades:
            after[trade.security_id] = after.get(trade.security_id, Decimal(0)) + _signed(trade)
        return after

    @cached_property
    def costs(self) -> Decimal:
        """Expected trading cost, USD: a security's own cost_bp, or the setting's."""
        default = Decimal(str(self.plan.settings.cost_bp))
        total = Decimal(0)
        for trade in self.plan.trades:
            own = self.security(trade.security_id).cost_bp
            total += trade.quantity * trade.price * (default if own is None else own) / 10_000
        return total

    @cached_property
    def cash_after(self) -> Decimal:
        traded = sum((_signed(trade) * trade.price for trade in self.plan.trades), Decimal(0))
        return self.snapshot.account.cash + self.flow - traded - self.costs

    def security(self, security_id: SecurityId) -> Security:
        return self.market.securities[security_id]

    def weight(self, shares: Mapping[SecurityId, Decimal], security_id: SecurityId) -> Decimal:
        held = shares.get(security_id, Decimal(0))
        return held * self.market.marks[security_id].price / self.value if held else Decimal(0)

    @cached_property
    def loss_groups(self) -> frozenset[str]:
        """Wash-sale groups of which the plan sells at least one share at a loss."""
        return frozenset(
            self.security(trade.security_id).group
            for trade in self.plan.trades
            for sale in trade.lots
            if sale.lot_id in self.lots and _gain(self.lots[sale.lot_id], sale.quantity, trade.price) < 0
        )


def second_opinion(plan: Plan, snapshot: AccountSnapshot, market: MarketSnapshot) -> tuple[Check, ...]:
    """Return the verdict on each rule, in a fixed order; the plan may be released only when none is FAIL.

    plan is taken as its document states it, figures rounded to the cent. An infeasible plan fails at once.
    """
    if plan.status is PlanStatus.INFEASIBLE:
        return (_verdict("feasible", ["the account has no plan that obeys its rules: " + ", ".join(plan.conflicts)]),)
    case = _Case(plan=plan, snapshot=snapshot, market=market)
    named = _named(case)
    if named.verdict is Verdict.FAIL:
        return (named,)
    return (named, *(_verdict(rule, list(faults(case))) for rule, faults in _RULES.items()), _cash_band(case))


def failures(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks that stop a plan."""
    return tuple(check for check in checks if check.verdict is Verdict.FAIL)


def _verdict(rule: str, faults: list[str]) -> Check:
    if faults:
        return Check(rule=rule, verdict=Verdict.FAIL, detail="; ".join(faults))
    return Check(rule=rule, verdict=Verdict.PASS, detail="agrees with the raw inputs")


def _named(case: _Case) -> Check:
    """Every security and lot the plan names exists; without that nothing else can be worked out."""
    faults = []
    if case.plan.account_id != case.snapshot.account.account_id:
        faults.append(f"plan is for {case.plan.account_id}, inputs are of {case.snapshot.account.account_id}")
    for trade in case.plan.trades:
        if trade.security_id not in case.market.securities or trade.security_id not in case.market.marks:
            faults.append(f"{trade.security_id}: no such priced security")
        for sale in trade.lots:
            lot = case.lots.get(sale.lot_id)
            if lot is None or lot.security_id != trade.security_id:
                faults.append(f"lot {sale.lot_id}: not a lot of {trade.security_id} in this account")
    return _verdict("lots and securities exist", faults)


def _prices(case: _Case) -> Iterable[str]:
    for trade in case.plan.trades:
        mark = case.market.marks[trade.security_id].price
        if trade.price != mark:
            yield f"{trade.security_id}: plan price {trade.price}, mark {mark}"
        if abs(trade.quantity * trade.price - trade.amount) > _CENT:
            yield f"{trade.security_id}: amount {trade.amount}, expected {trade.quantity * trade.price:.2f}"


def _one_side(case: _Case) -> Iterable[str]:
    for security_id, count in Counter(trade.security_id for trade in case.plan.trades).items():
        if count > 1:
            yield f"{security_id}: {count} trades, expected one"
    for trade in case.plan.trades:
        if trade.side is Side.BUY and trade.lots:
            yield f"{trade.security_id}: a purchase names lots to sell"


def _whole_shares(case: _Case) -> Iterable[str]:
    if not case.plan.settings.whole_shares:
        return
    for trade in case.plan.trades:
        exits = case.shares_after[trade.security_id] == 0
        if trade.quantity != trade.quantity.to_integral_value() and not exits:
            yield f"{trade.security_id}: {trade.quantity} shares, expected a whole number"


def _lot_quantities(case: _Case) -> Iterable[str]:
    sold: Counter[LotId] = Counter()
    for trade in case.plan.trades:
        for sale in trade.lots:
            sold[sale.lot_id] += sale.quantity  # type: ignore[assignment]  # Counter of Decimals
    for lot_id, quantity in sold.items():
        if quantity > case.lots[lot_id].quantity:
            yield f"lot {lot_id}: sells {quantity} of {case.lots[lot_id].quantity} shares"
    for trade in case.plan.trades:
        if trade.side is Side.SELL and sum(sale.quantity for sale in trade.lots) != trade.quantity:
            yield f"{trade.security_id}: lots do not sum to {trade.quantity}"


def _terms_and_gains(case: _Case) -> Iterable[str]:
    for trade in case.plan.trades:
        for sale in trade.lots:
            lot = case.lots[sale.lot_id]
            expected = Term.LONG if _held_over_a_year(lot.held_from, case.snapshot.as_of) else Term.SHORT
            if sale.term is not expected:
                yield f"lot {sale.lot_id}: term {sale.term}, expected {expected}"
            gain = _gain(lot, sale.quantity, trade.price)
            if abs(gain - sale.gain) > _CENT:
                yield f"lot {sale.lot_id}: gain {sale.gain}, expected {gain:.2f}"


def _tax(case: _Case) -> Iterable[str]:
    account, sales = case.snapshot.account, [sale for trade in case.plan.trades for sale in trade.lots]
    slack = _CENT * (len(sales) + 1)
    short = sum((sale.gain for sale in sales if sale.term is Term.SHORT), Decimal(0))
    long = sum((sale.gain for sale in sales if sale.term is Term.LONG), Decimal(0))
    losses = -sum((sale.gain for sale in sales if sale.gain < 0), Decimal(0))
    tax = case.plan.tax
    if not account.registration.is_taxable:
        if tax.liability:
            yield f"an account that pays no tax shows a liability of {tax.liability}"
        return
    expected = {"st_gain": short, "lt_gain": long, "harvested_loss": losses}
    if not case.plan.settings.net_taxes:
        expected["liability"] = short * account.st_rate + long * account.lt_rate
    for name, amount in expected.items():
        if abs(getattr(tax, name) - amount) > slack:
            yield f"{name} {getattr(tax, name)}, expected {amount:.2f}"


def _wash_sales(case: _Case) -> Iterable[str]:
    """No loss is sold within 30 days of a purchase, and nothing is bought within 30 days of a loss sale."""
    if case.plan.settings.wash_sales is not WashSalePolicy.BLOCK:
        return
    bought = {case.security(trade.security_id).group for trade in case.plan.trades if trade.side is Side.BUY}
    for group in sorted(case.loss_groups & bought):
        yield f"{group}: the plan both buys it and sells it at a loss"
    since = case.snapshot.as_of - timedelta(days=WASH_SALE_DAYS)
    recent = [entry for entry in _household_history(case) if entry.trade_date >= since]
    taxable = case.snapshot.account.registration.is_taxable
    for entry in recent:
        group = case.security(entry.security_id).group
        if taxable and entry.type in _ACQUIRES and group in case.loss_groups:
            yield f"{group}: sold at a loss, but bought on {entry.trade_date} ({entry.transaction_id})"
        if group in bought and _is_taxable_loss(case, entry):
            yield f"{group}: bought, but sold at a loss on {entry.trade_date} ({entry.transaction_id})"


def _restrictions(case: _Case) -> Iterable[str]:
    for restriction in case.snapshot.restrictions:
        for trade in case.plan.trades:
            if means(restriction.target, case.security(trade.security_id)):
                yield from _broken(case, restriction, trade)
    for trade in case.plan.trades:
        security = case.security(trade.security_id)
        if trade.side is Side.BUY and any(means(target, security) for target in case.plan.settings.exclude):
            yield f"{trade.security_id}: bought, but excluded by the settings"
        if security.tradable is False:
            yield f"{trade.security_id}: traded, but not tradable"


def _broken(case: _Case, restriction: Restriction, trade: Trade) -> Iterable[str]:
    name, rule = trade.security_id, restriction.rule
    if trade.side is Side.BUY and rule in (Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD):
        yield f"{name}: bought, but restricted ({rule}: {restriction.reason})"
    if trade.side is Side.SELL and rule is Rule.DO_NOT_SELL:
        yield f"{name}: sold, but restricted ({rule}: {restriction.reason})"
    if restriction.value is None or restriction.target != name:
        return
    after = case.weight(case.shares_after, name)
    if rule is Rule.MAX_WEIGHT and trade.side is Side.BUY and after > restriction.value + _WEIGHT_SLACK:
        yield f"{name}: bought to {after:.4f} of value, limit {restriction.value}"
    if rule is Rule.MIN_WEIGHT and trade.side is Side.SELL and after < restriction.value - _WEIGHT_SLACK:
        yield f"{name}: sold to {after:.4f} of value, floor {restriction.value}"


def _limits(case: _Case) -> Iterable[str]:
    settings, trades = case.plan.settings, case.plan.trades
    turnover = sum((trade.quantity * trade.price for trade in trades), Decimal(0)) / 2 / case.value
    if settings.max_turnover is not None and turnover > Decimal(str(settings.max_turnover)) + _WEIGHT_SLACK:
        yield f"turnover {turnover:.4f}, limit {settings.max_turnover}"
    gain = case.plan.tax.st_gain + case.plan.tax.lt_gain
    if settings.max_net_gain is not None and gain > settings.max_net_gain + 1 and gain > 0:
        yield f"net gain {gain:.2f}, limit {settings.max_net_gain}"
    for trade in trades:
        exits = case.shares_after[trade.security_id] == 0
        if trade.quantity * trade.price < settings.min_trade_usd and not exits:
            yield f"{trade.security_id}: trade of {trade.amount}, minimum {settings.min_trade_usd}"
    if settings.max_trades is not None and len(trades) > settings.max_trades:
        yield f"{len(trades)} trades, limit {settings.max_trades}"


def _active_weights(case: _Case) -> Iterable[str]:
    """A trade may not push a name out of its band; one that is out already may not get worse."""
    bound = case.plan.settings.max_active_weight
    if bound is None:
        return
    targets = dict(case.market.models[case.snapshot.account.model_id].weights)
    for trade in case.plan.trades:
        name = trade.security_id
        target = targets.get(name, Decimal(0))
        before = abs(case.weight(case.shares_before, name) - target)
        after = case.weight(case.shares_after, name) - target
        wrong_way = after > 0 if trade.side is Side.BUY else after < 0
        if wrong_way and abs(after) > max(Decimal(str(bound)), before) + _one_share(case, name):
            yield f"{name}: active weight {after:.4f}, bound {bound}"


def _cash(case: _Case) -> Iterable[str]:
    slack = _CENT * (len(case.plan.trades) + 1)
    if abs(case.cash_after - case.plan.after.cash) > slack:
        yield f"cash after {case.plan.after.cash}, expected {case.cash_after:.2f}"
    if case.cash_after < min(Decimal(0), case.snapshot.account.cash):
        yield f"cash would be overdrawn: {case.cash_after:.2f}"


def _cash_band(case: _Case) -> Check:
    low, high = (Decimal(str(bound)) for bound in (case.plan.settings.min_cash, case.plan.settings.max_cash))
    weight = case.cash_after / case.value
    inside = low - _WEIGHT_SLACK <= weight <= high + _WEIGHT_SLACK
    return Check(
        rule="cash band",
        verdict=Verdict.PASS if inside else Verdict.WARN,
        detail=f"cash after is {weight:.4%} of value; band {low:.2%} to {high:.2%}",
    )


_RULES: Final[Mapping[str, Callable[[_Case], Iterable[str]]]] = {
    "prices and amounts": _prices,
    "one side for each name": _one_side,
    "whole shares": _whole_shares,
    "lots suffice": _lot_quantities,
    "terms and gains": _terms_and_gains,
    "tax": _tax,
    "wash sales": _wash_sales,
    "restrictions": _restrictions,
    "turnover, gains and trade size": _limits,
    "active weights": _active_weights,
    "cash": _cash,
}


def _signed(trade: Trade) -> Decimal:
    return trade.quantity if trade.side is Side.BUY else -trade.quantity


def _one_share(case: _Case, security_id: SecurityId) -> Decimal:
    return case.market.marks[security_id].price / case.value


def _gain(lot: Lot, quantity: Decimal, price: Decimal) -> Decimal:
    return quantity * price - lot.basis * quantity / lot.quantity


def _held_over_a_year(held_from: date, on: date) -> bool:
    """Long-term is more than one year, counted from the day after acquisition: 26 U.S.C. 1222, Rev. Rul. 66-7."""
    return (on.year - held_from.year, on.month, on.day) > (1, held_from.month, held_from.day)


def _household_history(case: _Case) -> Iterable[Transaction]:
    for book in case.snapshot.household_books:
        yield from book.transactions
    yield from case.snapshot.pending


def _is_taxable_loss(case: _Case, entry: Transaction) -> bool:
    registration = {book.account.account_id: book.account.registration for book in case.snapshot.household_books}
    if entry.type is not TransactionType.SELL or entry.basis is None:
        return False
    taxable = entry.account_id not in registration or registration[entry.account_id].is_taxable
    return taxable and entry.quantity * entry.price < entry.basis
