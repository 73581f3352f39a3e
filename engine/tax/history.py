"""What happened in this household, in which order, and what was there before? Books read as one timeline."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Final

from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, LotId, SecurityId, TransactionId
from engine.tax.moves import read_moves
from engine.tax.parcels import FRACTION

Place = tuple[AccountId, SecurityId]

PURCHASES: Final = frozenset({TransactionType.BUY, TransactionType.REINVEST})
DISPOSALS: Final = frozenset(
    {TransactionType.SELL, TransactionType.GIFT, TransactionType.TRANSFER_OUT, TransactionType.EXCHANGE_OUT}
)
_NAME_A_LOT_THAT_WAS_THERE: Final = DISPOSALS | {TransactionType.SPIN_OFF}
_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)

# Custodians give no times. Within a day a split or an exchange is in force from the opening bell, and what is disposed
# of had to be there first; the result then does not depend on how the source happened to sort a day.
_RANK: Final = {
    TransactionType.SPLIT: 0,
    TransactionType.SPIN_OFF: 1,
    TransactionType.EXCHANGE_OUT: 1,
    TransactionType.EXCHANGE_IN: 2,
    TransactionType.BUY: 3,
    TransactionType.REINVEST: 3,
    TransactionType.TRANSFER_OUT: 4,
    TransactionType.TRANSFER_IN: 5,
    TransactionType.SELL: 6,
    TransactionType.GIFT: 6,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A household's transactions up to a day, and what the books say of shares that none of them bought.

    events: ordered by day, then as _RANK says, then by account and row. made: the lot that each purchase, exchange in
    or known transfer in created. stated: every lot of the books. opening: the lots that no event created, those that
    an exchange ended since among them. ended: those that one ended, by account, name and lot. moves: transfers in
    that continue a transfer out of the same household. splits_on_the_way: the transfers out whose shares a split's row
    splits. scale: new shares for each share of the first day, by place. unseen: shares of the first day, by place, that
    rows without a lot sold and that no book or event shows. imbalance: today's shares, by place, by which the books'
    lots exceed what the events left of what they bought (< 0: fall short of it), whatever was there before; a place
    that is not in it adds up.
    """

    events: tuple[Transaction, ...]
    made: Mapping[TransactionId, LotId]
    stated: Mapping[tuple[AccountId, LotId], Lot]
    opening: tuple[Lot, ...]
    ended: Mapping[tuple[AccountId, SecurityId, LotId], Lot]
    moves: Mapping[TransactionId, TransactionId]
    splits_on_the_way: Mapping[TransactionId, tuple[TransactionId, ...]]
    scale: Mapping[Place, Decimal]
    unseen: Mapping[Place, Decimal]
    imbalance: Mapping[Place, Decimal]


def read_history(books: Sequence[AccountBook], *, as_of: date) -> History:
    """Return the timeline of a household: transactions after as_of are not in it."""
    books = sorted(books, key=lambda book: book.account.account_id)  # the order of the books says nothing
    rows = [[t for t in book.transactions if t.trade_date <= as_of] for book in books]
    events = in_order(t for account in rows for t in account)
    moves = read_moves(books, events)
    stated = {(lot.account_id, lot.lot_id): lot for book in books for lot in book.lots}
    made = _made(events, moves.origin, stated)
    created = {(t.account_id, t.security_id, made[t.transaction_id]) for t in events if t.transaction_id in made}
    ended = [_as_it_was(t) for t in events if t.type is TransactionType.EXCHANGE_OUT]
    scale, unseen, imbalance = _balance(events, made, created, stated)
    return History(
        events=events,
        made=made,
        stated=stated,
        opening=tuple(
            lot for lot in (*stated.values(), *ended) if (lot.account_id, lot.security_id, lot.lot_id) not in created
        ),
        ended={(lot.account_id, lot.security_id, lot.lot_id): lot for lot in ended},
        moves=moves.origin,
        splits_on_the_way=moves.splits,
        scale=scale,
        unseen=unseen,
        imbalance=imbalance,
    )


def in_order(transactions: Iterable[Transaction]) -> tuple[Transaction, ...]:
    """Return transactions by day and, within one, splits, exchanges, purchases, transfers, disposals; else as given."""
    by_rank = sorted(transactions, key=lambda t: _RANK[t.type])
    return tuple(sorted(by_rank, key=attrgetter("trade_date")))


def _made(
    events: Sequence[Transaction],
    moves: Mapping[TransactionId, TransactionId],
    stated: Mapping[tuple[AccountId, LotId], Lot],
) -> dict[TransactionId, LotId]:
    """Return the lot that each arrival made; one without a lot_id made the book's lot of its day, else a new one.

    A transfer in from outside counts only where its lot and its basis are given: otherwise nobody knows what came, and
    the book's own lots speak for it. A move within the household that names no lot made the one lot of its place that
    nothing else explains, or a new one where there is none; with several, the book's own lots speak. What an exchange
    ended was a lot of the book until then.
    """
    made: dict[TransactionId, LotId] = {}
    named = {
        (t.account_id, t.security_id, t.lot_id)
        for t in events
        if t.lot_id is not None and t.type not in _NAME_A_LOT_THAT_WAS_THERE
    }
    nameless: dict[tuple[AccountId, SecurityId, date], list[LotId]] = {}
    named |= {(t.account_id, t.security_id, LotId(t.transaction_id)) for t in events if t.type in PURCHASES}
    for lot in (*stated.values(), *(_as_it_was(t) for t in events if t.type is TransactionType.EXCHANGE_OUT)):
        if (lot.account_id, lot.security_id, lot.lot_id) not in named:
            nameless.setdefault((lot.account_id, lot.security_id, lot.acquired), []).append(lot.lot_id)
    for event in events:
        if event.type is TransactionType.TRANSFER_IN and event.lot_id is not None:
            if event.basis is not None or event.transaction_id in moves:
                made[event.transaction_id] = event.lot_id
        elif event.type is TransactionType.EXCHANGE_IN and event.lot_id is not None:
            made[event.transaction_id] = event.lot_id
        elif event.type in PURCHASES:
            waiting = nameless.get((event.account_id, event.security_id, event.trade_date))
            own = LotId(event.transaction_id)
            made[event.transaction_id] = event.lot_id or (waiting.pop(0) if waiting else own)
    unexplained: dict[Place, list[LotId]] = {}
    for (account_id, security_id, _), waiting in nameless.items():
        unexplained.setdefault((account_id, security_id), []).extend(waiting)
    for event in events:
        if event.transaction_id in moves and event.lot_id is None:
            candidates = unexplained.get((event.account_id, event.security_id), [])
            if len(candidates) <= 1:
                made[event.transaction_id] = candidates.pop() if candidates else LotId(event.transaction_id)
    return made


def _as_it_was(event: Transaction) -> Lot:
    """Return the lot that an exchange ended, as it was on that day. Raises DataError where the row does not tell it."""
    if event.lot_id is None or event.basis is None or event.acquired is None:
        raise DataError(
            f"transaction {event.transaction_id} of account {event.account_id}: {event.type} of {event.security_id}: "
            f"expected its lot_id, basis and acquired, found one of them missing"
        )
    given = event.gift_price is not None
    return Lot(
        account_id=event.account_id,
        lot_id=event.lot_id,
        security_id=event.security_id,
        quantity=event.quantity,
        cost_per_share=event.basis / event.quantity,
        acquired=event.acquired,
        holding_start=event.holding_start,
        gift_price=event.gift_price if given else None,
        gift_date=event.gift_date if given else None,
    )


def _balance(
    events: Sequence[Transaction],
    made: Mapping[TransactionId, LotId],
    created: set[tuple[AccountId, SecurityId, LotId]],
    stated: Mapping[tuple[AccountId, LotId], Lot],
) -> tuple[dict[Place, Decimal], dict[Place, Decimal], dict[Place, Decimal]]:
    """Return (scale, unseen, imbalance) of History: shares bought - shares still there = shares that disposals took.

    What rows without a lot took beyond that came from lots that were there before the history and are gone now.
    """
    scale: dict[Place, Decimal] = {}
    unseen: defaultdict[Place, Decimal] = defaultdict(Decimal)
    nameless: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for event in events:
        place = (event.account_id, event.security_id)
        now = scale.get(place, _ONE)
        if event.type is TransactionType.SPLIT:
            scale[place] = now * event.quantity
        elif event.transaction_id in made:
            unseen[place] -= event.quantity / now
        elif event.type in DISPOSALS:
            if event.lot_id is None:
                nameless[place] += event.quantity / now
            if event.lot_id is None or (*place, event.lot_id) in created:
                unseen[place] += event.quantity / now
    for lot in stated.values():
        place = (lot.account_id, lot.security_id)
        if (*place, lot.lot_id) in created:
            unseen[place] += lot.quantity / scale.get(place, _ONE)
    sold = {place: min(max(shares, _ZERO), nameless[place]) for place, shares in unseen.items()}
    excess = {place: (shares - sold[place]) * scale.get(place, _ONE) for place, shares in unseen.items()}
    return (
        scale,
        {place: shares for place, shares in sold.items() if shares > FRACTION},
        {place: shares for place, shares in excess.items() if abs(shares) > FRACTION},
    )
