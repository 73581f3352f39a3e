"""What does a second opinion look at? A plan beside its raw inputs, with what every rule needs worked out once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

from engine.domain.accounts import AccountSnapshot, Lot, Restriction, Rule, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, SecurityId
from engine.domain.market import MarketSnapshot, Security
from engine.domain.plans import LotSale, Plan, Side, Trade
from engine.domain.settings import PlanSettings

CENT: Final = Decimal("0.01")
WEIGHT_SLACK: Final = Decimal("0.000002")  # a limit is a float, and a document's shares have six decimals
DUST: Final = Decimal("0.0000005")  # shares; a document states six decimals
WINDOW: Final = timedelta(days=30)  # each side of a sale at a loss; 26 U.S.C. 1091(a)
_MOVES_IN: Final = frozenset({TransactionType.TRANSFER_IN, TransactionType.EXCHANGE_IN})
ACQUIRES: Final = frozenset({TransactionType.BUY, TransactionType.REINVEST})


@dataclass(frozen=True, kw_only=True)
class Case:
    """The plan, taken as its document states it, and what it was computed from."""

    plan: Plan
    snapshot: AccountSnapshot
    market: MarketSnapshot

    @property
    def settings(self) -> PlanSettings:
        return self.plan.settings

    @cached_property
    def lots(self) -> Mapping[LotId, Lot]:
        return {lot.lot_id: lot for lot in self.snapshot.lots}

    @cached_property
    def flow(self) -> Decimal:
        return self.settings.deposit - self.settings.withdrawal

    @cached_property
    def value(self) -> Decimal:
        """Net asset value after the external cash flow, USD."""
        return self.value_before + self.flow

    @cached_property
    def value_before(self) -> Decimal:
        """Net asset value as the account stands, USD."""
        return self.snapshot.account.cash + self.worth(self.shares_before)

    @cached_property
    def shares_before(self) -> Mapping[SecurityId, Decimal]:
        held: dict[SecurityId, Decimal] = {}
        for lot in self.snapshot.lots:
            held[lot.security_id] = held.get(lot.security_id, Decimal(0)) + lot.quantity
        return held

    def worth(self, shares: Mapping[SecurityId, Decimal]) -> Decimal:
        """Return the market value of these shares, USD."""
        return sum((held * self.market.marks[name].price for name, held in shares.items()), Decimal(0))

    @cached_property
    def shares_after(self) -> Mapping[SecurityId, Decimal]:
        after = dict(self.shares_before)
        for trade in self.plan.trades:
            after[trade.security_id] = after.get(trade.security_id, Decimal(0)) + signed(trade)
        return after

    @cached_property
    def sold(self) -> Mapping[LotId, Decimal]:
        """Shares that the plan sells of each lot."""
        totals: dict[LotId, Decimal] = {}
        for _, sale in self.sales:
            totals[sale.lot_id] = totals.get(sale.lot_id, Decimal(0)) + sale.quantity
        return totals

    @cached_property
    def sales(self) -> tuple[tuple[Trade, LotSale], ...]:
        return tuple((trade, sale) for trade in self.plan.trades for sale in trade.lots)

    @cached_property
    def targets(self) -> Mapping[SecurityId, Decimal]:
        return dict(self.market.models[self.snapshot.account.model_id].weights)

    @cached_property
    def costs(self) -> Decimal:
        """Expected trading cost, USD: a security's own cost_bp, or the setting's. Market impact is no cash."""
        default = Decimal(str(self.settings.cost_bp))
        total = Decimal(0)
        for trade in self.plan.trades:
            own = self.security(trade.security_id).cost_bp
            total += trade.quantity * trade.price * (default if own is None else own) / 10_000
        return total

    @cached_property
    def cash_after(self) -> Decimal:
        traded = sum((signed(trade) * trade.price for trade in self.plan.trades), Decimal(0))
        return self.snapshot.account.cash + self.flow - traded - self.costs

    def security(self, security_id: SecurityId) -> Security:
        return self.market.securities[security_id]

    def group(self, security_id: SecurityId) -> str:
        """Return the wash-sale group of a security, which need not be one of today's market."""
        known = self.market.securities.get(security_id)
        return security_id if known is None else known.identical_group or security_id

    def must_go(self, security_id: SecurityId) -> bool:
        """Return whether the account may not hold a security: restricted, or excluded by the settings."""
        barred = [r.target for r in self.in_force if r.rule is Rule.DO_NOT_HOLD]
        security = self.security(security_id)
        return any(is_meant(target, security) for target in (*barred, *self.settings.exclude))

    @cached_property
    def in_force(self) -> tuple[Restriction, ...]:
        """The restrictions of the firm, the household and the account that still hold on the day of the inputs."""
        account, day = self.snapshot.account, self.snapshot.as_of
        scopes = ("firm", account.household_id, account.account_id)
        rules = self.snapshot.restrictions
        return tuple(r for r in rules if r.scope in scopes and not (r.until is not None and r.until < day))

    def weight(self, shares: Mapping[SecurityId, Decimal], security_id: SecurityId) -> Decimal:
        held = shares.get(security_id, Decimal(0))
        return held * self.market.marks[security_id].price / self.value if held else Decimal(0)

    def active(self, shares: Mapping[SecurityId, Decimal], value: Decimal | None = None) -> dict[SecurityId, Decimal]:
        """Return weight less target of every name held or in the model, fractions of value after the flow, or of this.

        An account worth nothing has no weights.
        """
        whole = self.value if value is None else value
        active = {name: -target for name, target in sorted(self.targets.items())}
        for name, held in shares.items():
            if held and whole > 0:
                weight = held * self.market.marks[name].price / whole
                active[name] = active.get(name, Decimal(0)) + weight
        return active

    @cached_property
    def loss_groups(self) -> frozenset[str]:
        """Wash-sale groups of which the plan sells at least one share at a loss."""
        return frozenset(
            self.group(trade.security_id)
            for trade, sale in self.sales
            if sale.lot_id in self.lots and gain_of(self.lots[sale.lot_id], sale.quantity, trade.price) < 0
        )

    @cached_property
    def bought_groups(self) -> frozenset[str]:
        """Wash-sale groups of which the plan buys."""
        return frozenset(self.group(t.security_id) for t in self.plan.trades if t.side is Side.BUY)

    @cached_property
    def twin_groups(self) -> frozenset[str]:
        """Wash-sale groups of which the account has several securities: in its model, held or traded."""
        names = {*self.targets, *self.shares_after}
        return frozenset(group for group, members in Counter(map(self.group, names)).items() if members > 1)

    def history(self) -> Iterable[Transaction]:
        """Return what happened in the household, trades approved and not booked yet as if they were today's."""
        for book in self.snapshot.household_books:
            yield from book.transactions
        for row in self.snapshot.pending:
            yield replace(row, trade_date=self.snapshot.as_of)

    @cached_property
    def bought_lately(self) -> Mapping[str, list[str]]:
        """What the household bought in the last 30 days or is to buy in the next, in words, by wash-sale group.

        A lot of those days that no row explains was bought too; one that was moved in or given was not.
        """
        since = self.snapshot.as_of - WINDOW
        explained: set[tuple[AccountId, SecurityId, date | LotId | None]] = set()
        found: dict[str, list[str]] = {}
        for row in self.history():
            if row.type in ACQUIRES or row.type in _MOVES_IN:
                explained.add((row.account_id, row.security_id, row.trade_date))
                explained.add((row.account_id, row.security_id, row.lot_id))
            if row.type in ACQUIRES and abs(row.trade_date - self.snapshot.as_of) <= WINDOW:
                done = "bought" if row.trade_date <= self.snapshot.as_of else "to be bought"
                words = f"{done} on {row.trade_date} in account {row.account_id} ({row.transaction_id})"
                found.setdefault(self.group(row.security_id), []).append(words)
        for lot in (lot for book in self.snapshot.household_books for lot in book.lots if lot.acquired >= since):
            keys = {(lot.account_id, lot.security_id, mark) for mark in (lot.acquired, lot.lot_id)}
            if not keys & explained and lot.gift_date is None:
                words = f"bought on {lot.acquired} in account {lot.account_id} (lot {lot.lot_id})"
                found.setdefault(self.group(lot.security_id), []).append(words)
        return found


def signed(trade: Trade) -> Decimal:
    """Return a trade's shares, a sale's as a negative number."""
    return trade.quantity if trade.side is Side.BUY else -trade.quantity


def is_meant(target: str, security: Security) -> bool:
    """Return whether a policy's word means a security: its id, "sector:NAME" or "tag:NAME"."""
    kind, _, name = target.partition(":")
    is_group = bool(name) and (
        (kind == "sector" and security.sector == name) or (kind == "tag" and name in security.tags)
    )
    return is_group or target == security.security_id


def basis_of(lot: Lot, price: Decimal) -> Decimal:
    """Return the cost that a sale of a whole lot at a price is held against, USD.

    What was paid, with the losses that a wash sale put into it: 26 U.S.C. 1012, 1091(d). Of a gift that was worth less
    than its donor's basis: for a gain that basis, for a loss that worth, and what the sale brings in between (1015(a)).
    """
    cost, worth_then = _costs(lot)
    brings = lot.quantity * price
    if worth_then >= cost or brings >= cost:
        return cost
    return worth_then if brings <= worth_then else brings


def gain_of(lot: Lot, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the gain on selling so many shares of a lot at a price, USD."""
    return (lot.quantity * price - basis_of(lot, price)) * quantity / lot.quantity


def starts_on(lot: Lot, price: Decimal) -> date:
    """Return the day before the first that counts as held, for a sale at a price.

    That of acquisition, by the donor of a gift too (1223(2)), or as a wash sale tacks it (1223(3)); of a gift sold
    below its worth of that day, the day of the gift.
    """
    cost, worth_then = _costs(lot)
    if lot.gift_date is not None and lot.quantity * price < worth_then < cost:
        return lot.gift_date
    return lot.acquired if lot.holding_start is None else lot.holding_start


def _costs(lot: Lot) -> tuple[Decimal, Decimal]:
    """Return what a lot cost, and what it was worth when it was given: the same where it was bought. USD."""
    disallowed = lot.wash_adjustment if lot.wash_adjustment is not None else Decimal(0)
    cost = lot.cost_per_share * lot.quantity + disallowed
    return cost, cost if lot.gift_price is None else lot.gift_price * lot.quantity + disallowed


def held_over_a_year(held_from: date, on: date) -> bool:
    """Long-term is more than one year, counted from the day after acquisition: 26 U.S.C. 1222, Rev. Rul. 66-7."""
    return (on.year - held_from.year, on.month, on.day) > (1, held_from.month, held_from.day)
