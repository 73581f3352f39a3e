"""What is proposed, and what will it do? Trades by lot, before and after, tax, objective, checks."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from engine.domain.identifiers import AccountId, LotId, SecurityId, TransactionId
from engine.domain.settings import PlanSettings


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class Term(StrEnum):
    SHORT = "ST"
    LONG = "LT"


class PlanStatus(StrEnum):
    OPTIMAL = "optimal"  # certified gap within the setting's tolerance
    FEASIBLE = "feasible"  # obeys every rule; gap above tolerance, or edited by hand
    INFEASIBLE = "infeasible"  # conflicts names the rules


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105  a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class LotSale:
    """gain is USD, negative for a loss, after any loss that a wash sale disallows is left in."""

    lot_id: LotId
    quantity: Decimal
    term: Term
    gain: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Washed:
    """Shares of a sale whose loss a purchase of the household takes away: a match of the wash-sale ledger to be.

    transaction_id, account_id, on: the purchase, which may be one that is only scheduled. disallowed: USD > 0, on the
    basis of the account's own book. deferred: it joins the basis of the shares bought; else it is lost for good.
    """

    lot_id: LotId
    transaction_id: TransactionId
    account_id: AccountId
    on: date
    quantity: Decimal
    disallowed: Decimal
    deferred: bool


class Reason(NamedTuple):  # a plan has hundreds, and a dataclass takes four times as long to make
    """Why this trade. risk, tax, cost in bp of account value, positive = makes the objective better.

    worth_bp: how much worse the plan's objective is when this trade is forbidden and the rest solved again; None where
    no plan obeys the rules without it, or it was not computed. rules: names of the rules that bind on this name.
    sentence: one plain sentence for a client.
    """

    risk_bp: float
    tax_bp: float
    cost_bp: float
    worth_bp: float | None
    rules: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """quantity > 0 shares; price and amount USD, amount = quantity x price. lots is empty for a buy.

    washed: what wash sales take away of its losses; empty where none does.
    """

    security_id: SecurityId
    side: Side
    quantity: Decimal
    price: Decimal
    amount: Decimal
    lots: tuple[LotSale, ...]
    reason: Reason
    washed: tuple[Washed, ...] = ()

    def __post_init__(self) -> None:
        if not self.quantity > 0:
            raise ValueError(f"trade in {self.security_id}: quantity must be > 0, got {self.quantity}")
        if self.side is Side.SELL and sum(sale.quantity for sale in self.lots) != self.quantity:
            raise ValueError(f"sale of {self.security_id}: lots must sum to {self.quantity}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrealised:
    """USD, losses as negative numbers."""

    st_gain: Decimal
    st_loss: Decimal
    lt_gain: Decimal
    lt_loss: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The account at one moment. tracking_error annual, active_share and sectors (weight less target) fractions."""

    nav: Decimal
    cash: Decimal
    tracking_error: float
    active_share: float
    sectors: tuple[tuple[str, float], ...]
    unrealised: Unrealised


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxSummary:
    """USD. harvested_loss and disallowed are positive amounts; liability < 0 means tax saved."""

    st_gain: Decimal
    lt_gain: Decimal
    liability: Decimal
    harvested_loss: Decimal
    disallowed: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """bp of account value. total = risk + tax + cost + tilt + breach; gap = total - lower_bound >= 0.

    rounding: the part of the gap that whole shares cost, total less that of the fractional plan; None where the trades
    were not rounded from one, and in documents older than it.
    """

    total: float
    risk: float
    tax: float
    cost: float
    tilt: float
    breach: float
    lower_bound: float
    gap: float
    rounding: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    rule: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHarvested:
    """A loss lot that stays, and why. loss is a positive USD amount; code is short and stable, sentence for people."""

    lot_id: LotId
    security_id: SecurityId
    loss: Decimal
    code: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A rule at its limit; price_bp is what slack of 1 % of value (or as detail says) would save.

    price_usd: the same in dollars; None in documents older than it.
    """

    rule: str
    price_bp: float
    detail: str
    price_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the plan was computed; not part of its identity."""

    solver: str
    fallback: bool
    solve_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting of PlanSettings by name, and the value that it should have, in its own unit."""

    setting: str
    value: float | int | Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A frozen proposal for one account. inputs_hash: SHA-256 over the snapshot and market it was computed from.

    conflicts and repair speak only when status is infeasible: the rules that conflict, and the cheapest way out.
    repair_change: what repair says, as the one setting to change; None where no single setting is the way out.
    edited: security_ids whose trade a person set by hand.
    """

    account_id: AccountId
    as_of: date
    inputs_hash: str
    engine_version: str
    settings: PlanSettings
    status: PlanStatus
    trades: tuple[Trade, ...]
    before: Metrics
    after: Metrics
    tax: TaxSummary
    objective: Objective
    checks: tuple[Check, ...]
    not_harvested: tuple[NotHarvested, ...]
    binding: tuple[Binding, ...]
    conflicts: tuple[str, ...] = ()
    repair: str = ""
    repair_change: SettingChange | None = None
    edited: tuple[SecurityId, ...] = ()


def bp_usd(plan: Plan, bp: float) -> Decimal:
    """Return basis points of a plan's objective in USD, not rounded: of the value with the cash flow in and out."""
    value = plan.before.nav + plan.settings.deposit - plan.settings.withdrawal
    return Decimal(repr(float(bp))) / 10_000 * value


class LockRule(StrEnum):
    NO_BUY = "no_buy"
    NO_LOSS_SALE = "no_loss_sale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A wash-sale lock over a whole household. until is the first day on which the trade is free again."""

    household_id: str
    identical_group: str
    cause: TransactionId
    rule: LockRule
    until: date
