"""Why this trade? Each part of its reason in dollars, and the lots of its name in the order in which they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.steps.plan import WhatIf
from engine.domain.accounts import Lot
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.plans import Plan, Side, Term, Trade, bp_usd
from engine.domain.settings import LotMethod
from engine.tax.closing import closing_order
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import term

_HUNDRED: Final = Decimal(100)
_FIXED: Final = {
    LotMethod.HIFO: "the highest cost goes first (HIFO)",
    LotMethod.FIFO: "the oldest goes first (FIFO)",
    LotMethod.LIFO: "the newest goes first (LIFO)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LotChoice:
    """A lot of the traded name. gain: USD, of all its shares; tax_per_100: USD of tax for each 100 USD sold of it.

    kept_because: why a loss stays; empty where it is no loss, or is sold.
    """

    lot: Lot
    term: Term
    sold: Decimal
    gain: Decimal
    tax_per_100: Decimal
    kept_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeReason:
    """parts: what the trade does for the plan, bp of account value and USD, above zero is better.

    worth_usd: how much worse the plan is without it and with the rest solved again; None where that is not known.
    lots: in the order in which the account's lot method sells them. lots_sentence: why these; empty for a purchase.
    """

    trade: Trade
    parts: tuple[tuple[str, float, Decimal], ...]
    worth_usd: Decimal | None
    lots: tuple[LotChoice, ...]
    lots_sentence: str


def trade_reason(found: WhatIf, security_id: SecurityId) -> TradeReason:
    """Return why a plan trades a name. Raises KeyError where it does not."""
    plan = found.plan
    trade = {each.security_id: each for each in plan.trades}[security_id]
    reason = trade.reason
    named = (("Risk", reason.risk_bp), ("Tax", reason.tax_bp), ("Trading cost", reason.cost_bp))
    lots = _choices(found, trade)
    return TradeReason(
        trade=trade,
        parts=tuple((name, bp, bp_usd(plan, bp)) for name, bp in named),
        worth_usd=None if reason.worth_bp is None else bp_usd(plan, reason.worth_bp),
        lots=lots,
        lots_sentence=_why_these(plan, lots) if trade.side is Side.SELL else "",
    )


def _choices(found: WhatIf, trade: Trade) -> tuple[LotChoice, ...]:
    plan, account, on = found.plan, found.snapshot.account, found.snapshot.as_of
    zero = Decimal(0)
    st_rate, lt_rate = (account.st_rate, account.lt_rate) if account.registration.is_taxable else (zero, zero)
    own = [lot for lot in found.snapshot.lots if lot.security_id == trade.security_id]
    order = closing_order(
        own, method=plan.settings.lot_method, price=trade.price, on=on, st_rate=st_rate, lt_rate=lt_rate
    )
    sold: dict[LotId, Decimal] = {sale.lot_id: sale.quantity for sale in trade.lots}
    kept = {lot.lot_id: lot.sentence for lot in plan.not_harvested}
    choices = []
    for lot in order:
        worth = lot.quantity * trade.price
        gain, held = worth - basis_at(lot, trade.price), term(held_from_at(lot, trade.price), on)
        rate = lt_rate if held is Term.LONG else st_rate
        choices.append(
            LotChoice(
                lot=lot,
                term=held,
                sold=sold.get(lot.lot_id, zero),
                gain=gain,
                tax_per_100=rate * gain / worth * _HUNDRED if worth else zero,
                kept_because=kept.get(lot.lot_id, ""),
            )
        )
    return tuple(choices)


def _why_these(plan: Plan, lots: Sequence[LotChoice]) -> str:
    """Say by which rule lots were chosen, what the last of them costs and what the next would have."""
    sold = [each for each in lots if each.sold > 0]
    fixed = _FIXED.get(plan.settings.lot_method)
    said = f"The settings fix the order of lots: {fixed}." if fixed else "Lots go by tax per dollar sold, least first."
    if sold:
        dearest = max(sold, key=lambda each: each.tax_per_100)
        said += f" The dearest sold, {dearest.lot.lot_id}, {_costs(dearest.tax_per_100, 's')} on each $100 sold"
    others = [each for each in lots if each.sold == 0 and not each.kept_because]
    if others:
        said += f"; the next, {others[0].lot.lot_id}, would {_costs(others[0].tax_per_100, '')}."
    else:
        said += "; no other lot of this name could be sold."
    if plan.settings.net_taxes:
        said += " These are marginal rates; the plan itself nets the year's gains and losses."
    return said


def _costs(tax_per_100: Decimal, s: str) -> str:
    if abs(tax_per_100) < Decimal("0.005"):
        return f"cost{s} no tax"
    return f"{'save' if tax_per_100 < 0 else 'cost'}{s} ${abs(tax_per_100):,.2f} of tax"
