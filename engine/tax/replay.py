"""What does a household's history come to? Played day by day: shares move, losses are caught."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, SecurityId, TransactionId
from engine.tax.gifts import as_sold
from engine.tax.history import in_order, read_history
from engine.tax.holdings import Holdings
from engine.tax.matching import WASH_SALE_DAYS, Match, OpenLoss, catch, may_catch
from engine.tax.moves import POSTING_TIME
from engine.tax.parcels import DUST, FRACTION, Parcel, add_basis, recognised, split_shares


class Sold(NamedTuple):
    """A piece of one sale that came from one parcel. proceeds and basis in USD; basis after earlier wash sales."""

    sale: Transaction
    parcel: Parcel
    proceeds: Decimal

    @property
    def gain(self) -> Decimal:
        """Proceeds less basis before anything is disallowed, USD."""
        return self.proceeds - self.parcel.basis

    @property
    def at_a_loss(self) -> bool:
        return self.gain < -DUST


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Pieces sold in taxable accounts, what caught their losses (by index into sold), what is left, what left."""

    sold: tuple[Sold, ...]
    matches: Mapping[int, Sequence[Match]]
    left: tuple[Parcel, ...]
    departed: tuple[Parcel, ...]


def replay(
    books: Sequence[AccountBook], *, as_of: date, groups: Mapping[SecurityId, str], pending: Sequence[Transaction] = ()
) -> Replay:
    """Return what a household's history up to as_of comes to, then its pending trades.

    Shares that were there before the history and are gone: their basis is the sale's own `basis` column, else that of
    the rest of their lot. Raises DataError naming the transaction where a taxable sale's basis is nowhere.
    """
    history = read_history(books, as_of=as_of)
    holdings = Holdings(history, groups)
    play = _Play(holdings, {book.account.account_id: book.account.registration.is_taxable for book in books})
    play.days(history.events, history.opening, pending=False)
    play.days(in_order(pending), (), pending=True)
    shelves = (*holdings.held.values(), *holdings.kept.values())
    return Replay(
        sold=tuple(play.sold),
        matches=play.matches,
        left=tuple(parcel for shelf in shelves for parcel in shelf),
        departed=(*holdings.gone, *(parcel for parcels in holdings.away.values() for parcel in parcels)),
    )


class _Play:
    """Events in their order, and the losses that still wait for a replacement."""

    def __init__(self, holdings: Holdings, taxable: Mapping[AccountId, bool]) -> None:
        self.holdings = holdings
        self.taxable = taxable
        self.open: dict[str, deque[OpenLoss]] = {}
        self.splits: dict[tuple[SecurityId, Decimal], date] = {}
        self.exchanges: dict[TransactionId, Transaction] = {}
        self.succeeded: dict[SecurityId, SecurityId] = {}
        self.sold: list[Sold] = []
        self.matches: dict[int, list[Match]] = {}

    def days(self, events: Sequence[Transaction], opening: Sequence[Lot], *, pending: bool) -> None:
        """Play events; each opening lot enters on the day on which its book says that it was acquired."""
        entries: dict[date, list[Lot]] = {}
        for lot in opening:
            entries.setdefault(lot.acquired, []).append(lot)
        rows = {day: tuple(of_day) for day, of_day in groupby(events, key=lambda t: t.trade_date)}
        for day in sorted(entries.keys() | rows.keys()):
            for lot in entries.get(day, ()):
                parts = self._match_purchase(self.holdings.opened(lot))
                self.holdings.shelve(self.holdings.kept, parts)
            first = len(self.sold)
            for event in rows.get(day, ()):
                self._event(event, pending=pending)
            self._match_sales(range(first, len(self.sold)))

    def _event(self, event: Transaction, *, pending: bool) -> None:
        holdings = self.holdings
        match event.type:
            case TransactionType.SPLIT:
                self._split(event)
            case TransactionType.BUY | TransactionType.REINVEST:
                holdings.shelve(holdings.held, self._match_purchase(holdings.bought(event)))
            case TransactionType.TRANSFER_IN:
                holdings.shelve(holdings.held, holdings.moved_in(event))
            case TransactionType.TRANSFER_OUT:
                holdings.send(event, self._take(event, pending=pending))
            case TransactionType.SPIN_OFF:
                holdings.part_with(event)
            case TransactionType.EXCHANGE_OUT:
                self.exchanges[event.transaction_id] = event
                holdings.send(event, self._give_up(event))
            case TransactionType.EXCHANGE_IN:
                self._succeed(event)
            case TransactionType.GIFT:
                holdings.gone += self._take(event, pending=pending)
            case TransactionType.SELL:
                taken = self._take(event, pending=pending)
                if self.taxable[event.account_id]:  # a loss inside an IRA is no deduction: nothing to disallow
                    self.sold += [_sold(event, parcel) for parcel in taken]

    def _take(self, event: Transaction, *, pending: bool) -> list[Parcel]:
        """Return the parcels of a disposal; shares older than the history only where their basis is known or taxed."""
        taken, missing = self.holdings.take(event, pending=pending)
        if missing <= DUST:
            return taken
        older = self.holdings.older(event, missing)
        if older is not None:
            return [older, *taken]
        if missing > FRACTION and event.type is TransactionType.SELL and self.taxable[event.account_id]:
            raise DataError(
                f"transaction {event.transaction_id} of account {event.account_id}: sells {missing.normalize():f} "
                f"shares of {event.security_id} whose purchase is not in the history; expected their USD basis in the "
                f"column basis, found none"
            )
        return taken

    def _split(self, event: Transaction) -> None:
        """Split one account's shares, and what no account's row will tell of: shares sold, and shares on their way."""
        self.holdings.split(event)
        self.holdings.split_away(event)
        posted = self.splits.get((event.security_id, event.quantity))
        if posted is not None and event.trade_date - posted <= POSTING_TIME:
            return
        self.splits[event.security_id, event.quantity] = event.trade_date
        group = self.holdings.group(event.security_id)
        self.open[group] = deque(
            loss._replace(quantity=split_shares(loss.quantity, event.quantity))
            if self._name_today(loss) == event.security_id
            else loss
            for loss in self.open.get(group, ())
        )

    def _give_up(self, event: Transaction) -> list[Parcel]:
        """Return the parcels that an exchange ends, with the basis that goes on; money beside the shares is taxed.

        Basis is lowered by the money and raised by the gain recognised (26 U.S.C. 358(a)(1)).
        """
        taken = self._take(event, pending=False)
        if not event.cash:
            return taken
        given = []
        for parcel in taken:
            cash = event.cash * parcel.quantity / event.quantity
            gain = recognised(parcel.basis, event.price * parcel.quantity, cash)
            if gain and self.taxable[event.account_id]:
                self.sold.append(Sold(sale=event, parcel=parcel._replace(basis=cash - gain), proceeds=cash))
            given.append(add_basis(parcel, gain - cash))
        return given

    def _succeed(self, event: Transaction) -> None:
        """Let shares come in by an exchange. What was open of losses on the old name is, from now on, open on the new.

        Stock of a predecessor and of its successor in a reorganisation may be substantially identical (IRS Pub. 550).
        """
        origin = self.exchanges.pop(event.origin, None) if event.origin else None
        if origin is not None:
            self._go_on(origin.security_id, event.security_id, event.quantity / origin.quantity)
        self.holdings.shelve(self.holdings.held, self.holdings.exchanged(event))

    def _go_on(self, old: SecurityId, new: SecurityId, ratio: Decimal) -> None:
        if old in self.succeeded:
            return
        group = self.holdings.group(old)
        waiting = self.open.get(group, ())
        gone = [loss for loss in waiting if self._name_today(loss) == old]
        self.open[group] = deque(loss for loss in waiting if self._name_today(loss) != old)
        self.succeeded[old] = new
        target = self.holdings.group(new)
        moved = [loss._replace(quantity=split_shares(loss.quantity, ratio)) for loss in gone]
        self.open[target] = deque(sorted((*self.open.get(target, ()), *moved), key=lambda loss: (loss.on, loss.sale)))

    def _name_today(self, loss: OpenLoss) -> SecurityId:
        """Return the security whose shares a loss is counted in: what was sold, or what that has become since."""
        name = self.sold[loss.sale].sale.security_id
        while name in self.succeeded:
            name = self.succeeded[name]
        return name

    def _match_purchase(self, parcel: Parcel) -> list[Parcel]:
        """Return a parcel just bought, divided by the open losses that it catches, earliest sale first."""
        waiting = self.open.get(self.holdings.group(parcel.security_id))
        if not waiting or parcel.bought is None or parcel.used:
            return [parcel]
        of_its_own: list[OpenLoss] = []
        done: list[Parcel] = []
        fresh: Parcel | None = parcel
        while fresh is not None and waiting:
            loss = waiting.popleft()
            if parcel.bought - loss.on > WASH_SALE_DAYS:
                continue
            if not may_catch(fresh, loss):
                of_its_own.append(loss)
                continue
            match, caught, fresh, rest = catch(fresh, loss, taxable=self.taxable[parcel.account_id])
            self.matches.setdefault(loss.sale, []).append(match)
            done.append(caught)
            if rest is not None:
                waiting.appendleft(rest)
        waiting.extendleft(reversed(of_its_own))
        return done if fresh is None else [*done, fresh]

    def _match_sales(self, pieces: range) -> None:
        """Match the losses of one day with what was bought before and is still held, earliest purchase first.

        Shares sold on the same day are gone by now: a sale of everything replaces nothing. The losses of a day go in
        the order in which their shares were acquired (Treas. Reg. 1.1091-1(b)); unknown dates are the oldest.
        """
        losses = [i for i in pieces if self.sold[i].at_a_loss]
        for index in sorted(losses, key=lambda i: self.sold[i].parcel.acquired or date.min):
            sold = self.sold[index]
            group = self.holdings.group(sold.sale.security_id)
            matches, rest = self.holdings.purchases(group).catch(_open_loss(index, sold), self.taxable)
            if matches:
                self.matches[index] = matches
            if rest is not None:
                self.open.setdefault(group, deque()).append(rest)


def _sold(sale: Transaction, parcel: Parcel) -> Sold:
    proceeds = sale.price * parcel.quantity
    return Sold(sale=sale, parcel=as_sold(parcel, proceeds), proceeds=proceeds)


def _open_loss(index: int, sold: Sold) -> OpenLoss:
    return OpenLoss(
        sale=index,
        cause=sold.parcel.cause,
        on=sold.sale.trade_date,
        held_from=sold.parcel.held_from,
        quantity=sold.parcel.quantity,
        loss=-sold.gain,
    )
