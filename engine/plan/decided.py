"""What would a plan's trades be in the books? Rows of the household's history, and what its ledger makes of them."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from engine.domain.accounts import AccountSnapshot, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, SecurityId, TransactionId
from engine.domain.plans import LotSale, Plan, Side, Washed
from engine.plan.outcome import Outcome
from engine.plan.problem import Problem
from engine.plan.washes import play_out


def plan_transactions(plan: Plan, *, label: str, on: date) -> Iterator[Transaction]:
    """Yield the plan's trades as transactions of a day: a purchase, or a sale for each lot, its basis to the cent.

    label tells these transactions from those of other plans.
    """
    for trade in plan.trades:
        bought = trade.quantity if trade.side is Side.BUY else None
        yield from trade_transactions(
            plan.account_id, trade.security_id, trade.price, bought, trade.lots, label=label, on=on
        )


def washed_by_lot(problem: Problem, done: Outcome) -> Mapping[LotId, tuple[Washed, ...]]:
    """Return what the household's ledger would take away of these sales' losses, by lot; empty where it takes nothing.

    The ledger says which shares catch which; a share's loss is the sale's own, on the basis that the account's book
    states. What is scheduled within 30 days catches too.
    """
    snapshot = problem.snapshot
    if not snapshot.account.registration.is_taxable or not any(sale.gain < 0 for part in done.sold for sale in part):
        return {}
    rows = [
        row
        for i, quantity in enumerate(done.shares)
        if quantity
        for row in trade_transactions(
            snapshot.account.account_id,
            problem.names.security(i).security_id,
            problem.names.price(i),
            quantity if quantity > 0 else None,
            done.sold[i],
            label="this",
            on=snapshot.as_of,
        )
    ]
    played = play_out(snapshot, problem.market.groups, rows)
    lot_of = {row.transaction_id: row.lot_id for row in rows}
    sales = {sale.lot_id: sale for part in done.sold for sale in part}
    taxable = {book.account.account_id for book in snapshot.household_books if book.account.registration.is_taxable}
    days: Mapping[str, date] | None = None
    found: dict[LotId, list[Washed]] = {}
    for index, matches in played.matches.items():
        lot_id = lot_of.get(played.sold[index].sale.transaction_id)
        if lot_id is None or sales[lot_id].gain >= 0:
            continue
        days = _days(snapshot) if days is None else days
        found.setdefault(lot_id, []).extend(
            Washed(
                lot_id=lot_id,
                transaction_id=match.transaction_id,
                account_id=match.account_id,
                on=days.get(match.transaction_id, snapshot.as_of),
                quantity=match.quantity,
                disallowed=-sales[lot_id].gain * match.quantity / sales[lot_id].quantity,
                deferred=match.account_id in taxable,
            )
            for match in matches
        )
    return {lot_id: tuple(washed) for lot_id, washed in found.items()}


def _days(snapshot: AccountSnapshot) -> Mapping[str, date]:
    """Return the day of each purchase that a match can name: a transaction, or a lot that no transaction made."""
    books = snapshot.household_books
    return {
        **{lot.lot_id: lot.acquired for book in books for lot in book.lots},
        **{row.transaction_id: row.trade_date for book in books for row in book.transactions},
    }


def trade_transactions(
    account_id: AccountId,
    security_id: SecurityId,
    price: Decimal,
    bought: Decimal | None,
    sold: tuple[LotSale, ...],
    *,
    label: str,
    on: date,
) -> Iterator[Transaction]:
    """Yield one security's trade as transactions: shares bought, if any, or the lots sold."""

    def row(name: str, **more: Any) -> Transaction:
        return Transaction(
            transaction_id=TransactionId(name),
            account_id=account_id,
            trade_date=on,
            security_id=security_id,
            price=price,
            **more,
        )

    if bought is not None:
        yield row(f"plan:{label}:{security_id}", type=TransactionType.BUY, quantity=bought)
    for sale in sold:
        yield row(
            f"plan:{label}:{security_id}:{sale.lot_id}",
            type=TransactionType.SELL,
            quantity=sale.quantity,
            lot_id=sale.lot_id,
            basis=sale.quantity * price - sale.gain,
        )
