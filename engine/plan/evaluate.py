"""What would exactly these trades do, and what do they cost against the best plan? For trades edited by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from engine.domain.accounts import AccountSnapshot, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId, TransactionId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import LotSale, Plan, PlanStatus, Run
from engine.domain.settings import PlanSettings
from engine.plan.lots import SaleLot
from engine.plan.outcome import Outcome, outcome
from engine.plan.prices import Prices
from engine.plan.problem import Name, Problem, build_problem
from engine.plan.propose import household_locks
from engine.plan.report import plan_of
from engine.plan.run import reading, run_since
from engine.plan.search import search
from engine.tax.realised import losses_by_sale, realised_pieces
from engine.tax.replay import replay


def evaluate_trades(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    settings: PlanSettings,
    shares: Mapping[SecurityId, Decimal],
    *,
    inputs_hash: str,
    edited: tuple[SecurityId, ...],
) -> tuple[Plan, Run]:
    """Return the plan of exactly these signed shares (buy > 0); its gap is what they cost against the proven bound.

    Lots are taken as a proposal takes them; lots that may not be sold come last, and the checks say so. A plan edited
    by hand is never called optimal; one that breaks a rule is infeasible and keeps its trades. Raises DataError for an
    unknown security, or a sale of more than is held.
    """
    began = reading()
    problem = build_problem(snapshot, market, settings, locks=household_locks(snapshot, market), also=tuple(shares))
    _require_held(problem, shares)
    solving = reading()
    found = search(problem)
    solved = reading()
    orders = [name.sellable for name in problem.names] if found is None else found.orders(problem)
    quantities = [Decimal(shares.get(name.security.security_id, 0)) for name in problem.names]
    done = outcome(
        problem, quantities, [_with_blocked(name, order) for name, order in zip(problem.names, orders, strict=True)]
    )
    plan = plan_of(
        problem,
        done,
        bound=done.total if found is None else found.bound,
        prices=None if found is None else Prices(problem=problem, found=found),
        worth={},
        inputs_hash=inputs_hash,
        disallowed=_disallowed(problem, done),
    )
    status = PlanStatus.FEASIBLE if edited and plan.status is PlanStatus.OPTIMAL else plan.status
    plan = replace(plan, status=status, edited=edited)
    fallback = found is not None and found.fallback
    return plan, run_since(began, solving=solving, solved=solved, fallback=fallback)


def _require_held(problem: Problem, shares: Mapping[SecurityId, Decimal]) -> None:
    for name in problem.names:
        quantity = shares.get(name.security.security_id, Decimal(0))
        if name.shares + quantity < 0:
            raise DataError(
                f"{name.security.security_id}: expected a sale of at most {name.shares} shares, found {-quantity}"
            )


def _with_blocked(name: Name, order: Sequence[SaleLot]) -> tuple[SaleLot, ...]:
    """Return every lot of the name, those a proposal may sell first and in its order."""
    chosen = {entry.lot.lot_id for entry in order}
    return (*order, *(entry for entry in name.lots if entry.lot.lot_id not in chosen))


def _disallowed(problem: Problem, done: Outcome) -> Decimal:
    """Return the part of these sales' losses that the household's wash-sale ledger would disallow, USD."""
    if not any(sale.gain < 0 for part in done.sold for sale in part):
        return Decimal(0)
    snapshot = problem.snapshot
    groups = {name: security.group for name, security in problem.market.securities.items()}
    trades = _as_transactions(problem, done)
    played = replay(snapshot.household_books, as_of=snapshot.as_of, groups=groups, pending=(*snapshot.pending, *trades))
    made = {trade.transaction_id for trade in trades}
    losses = losses_by_sale(played, realised_pieces(played))
    return sum((loss.disallowed for loss in losses if loss.transaction_id in made), Decimal(0))


def _as_transactions(problem: Problem, done: Outcome) -> tuple[Transaction, ...]:
    """Return the trades as rows of the household's history: a purchase, or a sale for each lot."""
    rows = []
    for name, quantity, sold in zip(problem.names, done.shares, done.sold, strict=True):
        if quantity > 0:
            rows.append(_row(problem, name, TransactionType.BUY, quantity, None))
        rows += [_row(problem, name, TransactionType.SELL, sale.quantity, sale) for sale in sold]
    return tuple(rows)


def _row(problem: Problem, name: Name, kind: TransactionType, quantity: Decimal, sale: LotSale | None) -> Transaction:
    label = f"plan {kind.value} {name.security.security_id} {sale.lot_id if sale else ''}".strip()
    return Transaction(
        transaction_id=TransactionId(label),
        account_id=problem.snapshot.account.account_id,
        trade_date=problem.snapshot.as_of,
        security_id=name.security.security_id,
        type=kind,
        quantity=quantity,
        price=name.price,
        lot_id=sale.lot_id if sale else None,
        basis=quantity * name.price - sale.gain if sale else None,
    )
