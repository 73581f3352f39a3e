"""What did issuers of the demo world do? A merger and a spin-off that some accounts have not booked, a new ticker."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from data.demo.market import DemoMarket
from data.demo.sessions import sessions
from data.demo.universe import INDEX_NAMES
from data.demo.world import LARGEST, LARGEST_NAMES, model_of, security_id
from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType
from engine.domain.identifiers import LotId, TransactionId
from engine.domain.market import ActionKind, CorporateAction, Model

MERGED: Final = INDEX_NAMES + 1  # a mid-cap that few accounts brought along ...
ACQUIRER: Final = 60  # ... and the name of the index that took it over
RENAMED: Final = INDEX_NAMES + 3
SPINNING: Final = INDEX_NAMES + 5
SPUN_OFF: Final = INDEX_NAMES + 6
RECONSTITUTED_ON: Final = date(2026, 12, 21)  # the Monday after the third Friday of the quarter's last month

_MERGED_SESSION: Final = -8
_SPINNING_SESSION: Final = -12
_RENAMED_SESSION: Final = -20
_CHANGES: Final = 6  # names that leave the model of the largest for as many others
_WITH_SPIN_OFF: Final = 83  # of 120 accounts: one that holds what spun off
_EVERY: Final = 120
_BROUGHT_SESSION: Final = -400
_BROUGHT: Final = Decimal(90)
_GAIN: Final = Decimal("0.62")  # of what it cost to what it was worth when it was brought along


def actions(market: DemoMarket) -> tuple[CorporateAction, ...]:
    """Return the corporate actions, dividends left out: the adjusted closes hold these."""
    days = sessions()
    return (
        CorporateAction(security_id=security_id(MERGED), ex_date=days[_MERGED_SESSION], kind=ActionKind.MERGER,
                        value=Decimal("0.4"), successor=security_id(ACQUIRER), cash=Decimal("6.25"), taxable=False),
        CorporateAction(security_id=security_id(RENAMED), ex_date=days[_RENAMED_SESSION],
                        kind=ActionKind.TICKER_CHANGE, value=Decimal(1), ticker=market.world.tickers[RENAMED]),
        CorporateAction(security_id=security_id(SPINNING), ex_date=days[_SPINNING_SESSION], kind=ActionKind.SPIN_OFF,
                        value=Decimal("0.25"), successor=security_id(SPUN_OFF), basis_fraction=Decimal("0.1875")),
    )  # fmt: skip


def next_model(market: DemoMarket) -> Model:
    """Return the announced version of the model of the largest names: its smallest give way to the next ones."""
    weights = market.index_weights(-1)
    weights[LARGEST_NAMES - _CHANGES : LARGEST_NAMES] = 0.0
    weights[LARGEST_NAMES + _CHANGES :] = 0.0
    return replace(model_of(LARGEST, weights / weights.sum()), effective=RECONSTITUTED_ON)


def with_spinning(book: AccountBook, market: DemoMarket, index: int) -> AccountBook:
    """Return a demo account with what spun off, brought along, where it is one that holds it."""
    if index % _EVERY != _WITH_SPIN_OFF:
        return book
    days, name = sessions(), security_id(SPINNING)
    price = Decimal(int(market.closes[_BROUGHT_SESSION, SPINNING])).scaleb(-2)
    cost = (price * _GAIN).quantize(Decimal("0.01"))
    row = Transaction(
        transaction_id=TransactionId(f"{book.account.account_id}-brought"),
        account_id=book.account.account_id,
        trade_date=days[_BROUGHT_SESSION],
        security_id=name,
        type=TransactionType.TRANSFER_IN,
        quantity=_BROUGHT,
        price=price,
        lot_id=LotId(f"{book.account.account_id}-brought"),
        basis=_BROUGHT * cost,
    )
    lot = Lot(account_id=book.account.account_id, lot_id=LotId(row.transaction_id), security_id=name,
              quantity=_BROUGHT, cost_per_share=cost, acquired=days[2 * _BROUGHT_SESSION])  # fmt: skip
    rows = sorted((*book.transactions, row), key=lambda each: each.trade_date)
    lots = sorted((*book.lots, lot), key=lambda each: each.lot_id)
    return replace(book, lots=tuple(lots), transactions=tuple(rows))
