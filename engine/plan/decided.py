"""What would a plan's trades be in the books? Rows of the household's history, and what its ledger makes of them."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from engine.domain.accounts import Transaction, TransactionType
from engine.domain.identifiers import AccountId, SecurityId, TransactionId
from engine.domain.plans import LotSale, Plan, Side, Term
from engine.plan.outcome import Outcome
from engine.plan.problem import Problem
from engine.tax.realised import realised_pieces
from engine.tax.replay import replay


def plan_transactions(plan: Plan, *, label: str, on: date) -> Iterator[Transaction]:
    """Yield the plan's trades as transactions of a day: a purchase, or a sale for each lot, its basis to the cent.

    label tells these transactions from those of other plans.
    """
    for trade in plan.trades:
        bought = trade.quantity if trade.side is Side.BUY else None
        yield from trade_transactions(
            plan.account_id, trade.security_id, trade.price, bought, trade.lots, label=label, on=on
        )


def disallowed_by_term(problem: Problem, done: Outcome) -> tuple[Decimal, Decimal]:
    """Return the short-term and long-term losses of these sales that the household's ledger would disallow, USD.

    The ledger says of how many shares; a share's loss is the sale's own, on the basis that the account's book states.
    """
    zero = Decimal(0)
    if not any(sale.gain < 0 for part in done.sold for sale in part):
        return zero, zero
    snapshot = problem.snapshot
    groups = {name: security.group for name, security in problem.market.securities.items()}
    rows = [
        row
        for name, quantity, sold in zip(problem.names, done.shares, done.sold, strict=True)
        for row in trade_transactions(
            snapshot.account.account_id,
            name.security.security_id,
            name.price,
            quantity if quantity > 0 else None,
            sold,
            label="this",
            on=snapshot.as_of,
        )
    ]
    played = replay(snapshot.household_books, as_of=snapshot.as_of, groups=groups, pending=(*snapshot.pending, *rows))
    made = {row.transaction_id for row in rows}
    sales = {sale.lot_id: sale for part in done.sold for sale in part}
    found = {Term.SHORT: zero, Term.LONG: zero}
    for piece in realised_pieces(played):
        if piece.transaction_id in made and piece.disallowed > 0:
            sale = sales[piece.lot_id]
            shares = piece.quantity * piece.disallowed / (piece.basis - piece.proceeds)
            found[sale.term] += max(-sale.gain, zero) * shares / sale.quantity
    return found[Term.SHORT], found[Term.LONG]


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
