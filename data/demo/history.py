"""How did a demo account come to its lots? Funding, deposits, dividends, harvests, trims, withdrawals, day by day."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np

from data.demo.holdings import Holdings, OpenLot
from data.demo.market import CENTS, QUARTERS_A_YEAR, SPLIT_RATIO, DemoMarket
from data.demo.people import Client, Profile
from data.demo.sessions import AS_OF, session_on_or_after, sessions
from data.demo.streams import Part, stream
from data.demo.targets import avoided, followed, target_weights, whole_shares
from engine.domain.accounts import TransactionType
from engine.domain.identifiers import LotId
from engine.domain.market import Array

_DIVIDEND_MONTHS: Final = (2, 5, 8, 11)
_WINDOW: Final = timedelta(days=31)  # the firm keeps its own accounts out of wash sales
_PRICE: Final = Decimal("0.0001")
_SHARE: Final = Decimal("0.0001")
_KEPT_CASH: Final = (0.0015, 0.009)  # fractions of the account, from which each has its own habit
_HARVESTED: Final = 0.01  # of the account: how far below its target a harvest takes a name
_TRIMMED: Final = 0.02  # of the account: how much of one name a trim sells


class History:
    """One account's life from its opening to AS_OF; run() once."""

    def __init__(self, seed: int, market: DemoMarket, profile: Profile, client: Client) -> None:
        self._market, self._profile = market, profile
        self._chance = stream(seed, Part.HISTORY, profile.index)
        self._holdings = Holdings(profile.account_id, market.world.size)
        self._bought: dict[int, date] = {}  # last purchase, by wash-sale group
        self._lost: dict[int, date] = {}  # last sale at a loss, by wash-sale group
        self._avoided = avoided(market.world, client)
        self._followed = followed(self._chance, market, profile, self._avoided)
        self._kept_cash = float(self._chance.uniform(*_KEPT_CASH))

    def run(self) -> Holdings:
        """Play the account's events in order of day and return what is held at the end."""
        self._open()
        for session, event in sorted(self._events(), key=lambda pair: pair[0]):
            getattr(self, f"_on_{event}")(session)
        return self._holdings

    def _events(self) -> Iterable[tuple[int, str]]:
        opened, last = self._profile.opened, len(sessions()) - 1
        yield from ((session, "split") for session in [self._market.split_session] if session > opened)
        for year in range(sessions()[0].year, AS_OF.year + 1):
            days = (session_on_or_after(date(year, month, 10)) for month in _DIVIDEND_MONTHS)
            yield from ((session, "dividends") for session in days if opened + 20 < session <= last)
        yield from self._repeated(opened, last, "deposit", wait=(90, 260))
        if self._profile.registration.is_taxable:
            yield from self._repeated(opened, last - 40, "harvest", wait=(40, 140))
            if self._chance.random() < 0.35:
                yield last - int(self._chance.integers(3, 17)), "harvest"
        yield from self._repeated(opened, last, "trim", wait=(120, 320))
        if self._chance.random() < 0.15:
            yield int(self._chance.integers(min(opened + 30, last), last + 1)), "withdrawal"

    def _repeated(self, opened: int, last: int, event: str, *, wait: tuple[int, int]) -> Iterable[tuple[int, str]]:
        session = opened + int(self._chance.integers(*wait))
        while session <= last:
            yield session, event
            session += int(self._chance.integers(*wait))

    def _open(self) -> None:
        profile, session = self._profile, self._profile.opened
        self._holdings.cash = Decimal(round(profile.funding * (1 - sum(old.share for old in profile.legacy))))
        for old in profile.legacy:
            price = self._price(session, old.security)
            shares = Decimal(int(profile.funding * old.share / float(price)))
            lots = min(int(self._chance.integers(1, 4)), int(shares))
            for part in range(lots):
                quantity = shares // lots + (shares % lots if part == 0 else 0)
                cost = (price * Decimal(str(round(old.basis * (1 + 0.3 * part), 4)))).quantize(_PRICE)
                bought = old.acquired + timedelta(days=200 * part)
                lot = OpenLot(lot_id=LotId(""), security=old.security, quantity=quantity, cost=cost, acquired=bought)
                self._holdings.transfer_in(sessions()[session], lot, price)
        self._invest(session, most=profile.names, kind=TransactionType.BUY)

    def _on_split(self, session: int) -> None:
        self._holdings.split(sessions()[session], self._market.world.split, SPLIT_RATIO)

    def _on_deposit(self, session: int) -> None:
        amount = self._nav(session) * self._chance.uniform(0.02, 0.10)
        self._holdings.cash += Decimal(round(amount / 100) * 100)
        self._invest(session, most=int(self._chance.integers(25, 90)), kind=TransactionType.BUY)

    def _on_dividends(self, session: int) -> None:
        yields = self._market.world.dividend / QUARTERS_A_YEAR
        income = self._holdings.shares * self._prices(session) * yields
        self._holdings.cash += Decimal(round(float(income.sum()) * CENTS)) / CENTS
        if not self._profile.fractional:
            self._invest(session, most=int(self._chance.integers(10, 32)), kind=TransactionType.REINVEST)
            return
        for security in np.argsort(-income, kind="stable")[:40].tolist():
            price = self._price(session, security)
            quantity = (Decimal(round(float(income[security]) * CENTS)) / CENTS / price).quantize(_SHARE)
            if income[security] >= 1 and self._may_buy(session, security):
                self._buy(session, security, quantity, price, TransactionType.REINVEST)

    def _on_harvest(self, session: int) -> None:
        day, prices, nav = sessions()[session], self._prices(session), self._nav(session)
        room = self._excess(session) + _HARVESTED * nav
        losses: list[tuple[float, OpenLot]] = []
        for security in np.flatnonzero(self._holdings.shares > 0).tolist():
            if day - self._bought.get(self._group(security), date.min) < _WINDOW or prices[security] == 0:
                continue
            for lot in self._holdings.lots_of(security):
                gain = (prices[security] - float(lot.cost)) * float(lot.quantity)
                if gain < -0.05 * float(lot.cost * lot.quantity) and gain < -100:
                    losses.append((gain, lot))
        losses.sort(key=lambda pair: pair[0])
        wanted = int(self._chance.integers(6, 25))
        for _, lot in losses:
            value = float(lot.quantity) * prices[lot.security]
            if wanted and value <= room[lot.security]:
                self._sell(session, lot, lot.quantity)
                room[lot.security] -= value
                wanted -= 1
        self._invest(session, most=90, kind=TransactionType.BUY)

    def _on_trim(self, session: int) -> None:
        """Sell part of what grew too large, whatever the tax: whole lots first, the last one in part."""
        excess, most = self._excess(session), _TRIMMED * self._nav(session)
        for security in np.argsort(-excess, kind="stable")[: int(self._chance.integers(3, 9))].tolist():
            if excess[security] > 200:
                self._sell_value(session, security, min(0.5 * float(excess[security]), most))
        self._invest(session, most=40, kind=TransactionType.BUY)

    def _on_withdrawal(self, session: int) -> None:
        wanted = 0.04 * self._nav(session)
        held = self._holdings.shares * self._prices(session)
        for security in np.argsort(-held, kind="stable")[:20].tolist():
            self._sell_value(session, security, wanted / 20)
        paid = min(self._holdings.cash, Decimal(round(wanted)))
        self._holdings.cash -= paid

    def _invest(self, session: int, *, most: int, kind: TransactionType) -> None:
        """Spend cash on whole shares of the names furthest below target, down to the cash that is kept."""
        prices = self._prices(session)
        budget = float(self._holdings.cash) - self._kept_cash * self._nav(session)
        gaps = np.maximum(-self._excess(session), 0.0)
        for security in np.flatnonzero(gaps).tolist():
            if not self._may_buy(session, security):
                gaps[security] = 0.0
        chosen = np.argsort(-gaps, kind="stable")[:most]
        chosen = chosen[gaps[chosen] > 0]
        if budget <= 0 or not len(chosen):
            return
        for security, shares in zip(chosen.tolist(), whole_shares(gaps[chosen], prices[chosen], budget), strict=True):
            if shares:
                price = self._price(session, security, filled=True)
                self._buy(session, security, Decimal(shares), price, kind)

    def _sell_value(self, session: int, security: int, value: float) -> None:
        price = float(self._prices(session)[security])
        left = Decimal(int(value / price)) if price else Decimal(0)
        in_window = sessions()[session] - self._bought.get(self._group(security), date.min) < _WINDOW
        for lot in self._holdings.lots_of(security):
            if left > 0 and not (in_window and float(lot.cost) > price):
                quantity = min(left, lot.quantity)
                self._sell(session, lot, quantity)
                left -= quantity

    def _buy(self, session: int, security: int, quantity: Decimal, price: Decimal, kind: TransactionType) -> None:
        self._bought[self._group(security)] = sessions()[session]
        self._holdings.buy(sessions()[session], security, quantity, price, kind)

    def _sell(self, session: int, lot: OpenLot, quantity: Decimal) -> None:
        price = self._price(session, lot.security, filled=True)
        if price < lot.cost:
            self._lost[self._group(lot.security)] = sessions()[session]
        self._holdings.sell(sessions()[session], lot, quantity, price)

    def _may_buy(self, session: int, security: int) -> bool:
        lost = self._lost.get(self._group(security), date.min)
        return not self._avoided[security] and sessions()[session] - lost >= _WINDOW

    def _excess(self, session: int) -> Array:
        """USD held of each name above its target; nothing is wanted of a name that has no price any more."""
        prices = self._prices(session)
        target = target_weights(self._market, self._profile, self._followed, session) * (prices > 0)
        return np.asarray(self._holdings.shares * prices - target * self._nav(session), dtype=np.float64)

    def _group(self, security: int) -> int:
        return int(self._market.world.twin[security])

    def _prices(self, session: int) -> Array:
        """Closes in USD, (n,); 0 for a name that has no price any more."""
        return np.where(session < self._market.priced, self._market.closes[session] / CENTS, 0.0)

    def _price(self, session: int, security: int, *, filled: bool = False) -> Decimal:
        """The close, or with a few basis points of luck the price of a fill."""
        close = Decimal(int(self._market.closes[session, security])) / CENTS
        if not filled:
            return close
        luck = Decimal(round(min(max(self._chance.normal(0, 4), -15), 15) * 100)).scaleb(-6)
        return (close * (1 + luck)).quantize(_PRICE, rounding=ROUND_HALF_EVEN)

    def _nav(self, session: int) -> float:
        return float(self._holdings.cash) + float((self._holdings.shares * self._prices(session)).sum())
