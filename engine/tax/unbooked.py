"""Which mergers, spin-offs and changes of id does an account not know of yet? Held against its lots and its rows."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from engine.domain.accounts import AccountBook, Lot, TransactionType
from engine.domain.market import ActionKind, CorporateAction, action_key

SPIN_OFF_NOTICE: Final = timedelta(days=30)  # one not booked for longer is in the lots by other means, or was none
BOOKED_WITHIN: Final = timedelta(days=7)  # of the ex-date: custodians post an action days before or after it

_CAME: Final = frozenset({TransactionType.EXCHANGE_IN, TransactionType.TRANSFER_IN})


def unbooked(book: AccountBook, actions: Iterable[CorporateAction], *, as_of: date) -> tuple[CorporateAction, ...]:
    """Return the mergers, spin-offs and changes of id in force on a day that an account does not know of, by day.

    It knows of the end of a name where it has none of it left, and of a spin-off where shares of it came, or were sold,
    within a week of the day, or are there with the day of acquisition of a lot that gave them.
    """
    in_force = [action for action in actions if action.ex_date <= as_of and _changes_lots(action)]
    if not in_force:
        return ()
    held = {lot.security_id for lot in book.lots}
    meant = [action for action in in_force if action.security_id in held]
    found = [action for action in meant if shares_before(book, action) and not _is_booked(book, action, as_of)]
    return tuple(sorted(found, key=lambda action: (action.ex_date, action_key(action))))


def shares_before(book: AccountBook, action: CorporateAction) -> Sequence[Lot]:
    """Return the lots of an action's security that were there before its day."""
    return [lot for lot in book.lots if lot.security_id == action.security_id and lot.acquired < action.ex_date]


def _changes_lots(action: CorporateAction) -> bool:
    return action.ends_the_name or action.kind is ActionKind.SPIN_OFF


def _is_booked(book: AccountBook, action: CorporateAction, as_of: date) -> bool:
    """Return whether an account that holds shares from before an action knows of it, or has nothing to know."""
    if action.ends_the_name:
        return False
    if as_of - action.ex_date > SPIN_OFF_NOTICE:
        return True
    near = [row for row in book.transactions if abs(row.trade_date - action.ex_date) <= BOOKED_WITHIN]
    days = {lot.acquired for lot in shares_before(book, action)}
    return (
        any(lot.security_id == action.successor and lot.acquired in days for lot in book.lots)
        or any(row.security_id == action.successor and row.type in _CAME for row in near)
        or any(
            row.security_id == action.successor
            and row.type is TransactionType.SELL
            and row.trade_date >= action.ex_date
            for row in near
        )
        or any(row.security_id == action.security_id and row.type is TransactionType.SPIN_OFF for row in near)
    )


def words_of(action: CorporateAction) -> str:
    """Return an action in a few words."""
    return f"{action.kind.replace('_', '-')} of {action.security_id} on {action.ex_date}"
