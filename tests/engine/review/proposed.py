"""Real plans: accounts with one or more features each, and what the optimiser proposes for them.

Eight names in three sectors. F and G are substantially identical, H is tagged as a weapons maker; losses and gains,
short and long, are mixed over the lots, some names are over their target and some are not held at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import numpy as np

from engine.domain.accounts import (
    AccountBook,
    AccountSnapshot,
    Lot,
    Registration,
    Restriction,
    Rule,
    Transaction,
    TransactionType,
)
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.plan.document import plan_document, plan_from_document
from engine.plan.propose import propose_plan
from tests.engine.plan.conftest import AS_OF

LONG_AGO, LATELY = date(2024, 1, 5), date(2026, 8, 3)
A_YEAR_AGO = date(2025, 11, 20)  # held for exactly one year: short-term
PRICES = {"A": 100, "B": 120, "C": 50, "D": 60, "E": 40, "F": 90, "G": 75, "H": 200}
TARGETS = {"A": 0.2, "B": 0.2, "C": 0.15, "D": 0.1, "E": 0.1, "F": 0.05, "G": 0.05, "H": 0.15}
SECTORS = {"A": "X", "B": "X", "C": "Y", "D": "Y", "E": "Y", "F": "Z", "G": "Z", "H": "Z"}
LOTS = (
    ("a1", "A", 100, 130, LONG_AGO),
    ("a2", "A", 200, 80, LONG_AGO),
    ("b1", "B", 150, 140, LATELY),
    ("b2", "B", 100, 100, LATELY),
    ("c1", "C", 300, 40, LONG_AGO),
    ("d1", "D", 120, 70, A_YEAR_AGO),
    ("d2", "D", 80, 75, LONG_AGO),
    ("f1", "F", 100, 99, LONG_AGO),
    ("h1", "H", 50, 215, LONG_AGO),
)
SETTINGS = PlanSettings(risk_aversion=20.0, max_active_weight=None, max_sector_active=None, max_cash=0.05)

Builders = tuple[Callable[..., MarketSnapshot], Callable[..., AccountSnapshot]]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that a plan is made from."""

    snapshot: AccountSnapshot
    market: MarketSnapshot
    settings: PlanSettings

    def having(self, **settings: Any) -> "Inputs":
        return replace(self, settings=replace(self.settings, **settings))

    def knowing(self, **fields: Any) -> "Inputs":
        return replace(self, snapshot=replace(self.snapshot, **fields))

    def owning(self, **fields: Any) -> "Inputs":
        """The same with other fields of the account itself."""
        book = replace(self.snapshot.book, account=replace(self.snapshot.account, **fields))
        others = tuple(b for b in self.snapshot.household_books if b.account.account_id != book.account.account_id)
        return self.knowing(book=book, household_books=(book, *others))

    def holding(self, lot_id: str, **fields: Any) -> "Inputs":
        """The same with other fields of one lot."""
        lots = tuple(replace(lot, **fields) if lot.lot_id == lot_id else lot for lot in self.snapshot.lots)
        book = replace(self.snapshot.book, lots=lots)
        others = tuple(b for b in self.snapshot.household_books if b.account.account_id != book.account.account_id)
        return self.knowing(book=book, household_books=(book, *others))


def propose(inputs: Inputs) -> Plan:
    """Return the optimiser's plan as its document states it."""
    plan, run = propose_plan(inputs.snapshot, inputs.market, inputs.settings, inputs_hash="0" * 64)
    return plan_from_document(plan_document(plan, run))[0]


def plain(builders: Builders) -> Inputs:
    """A taxable account of 120,000 USD with whole shares and few limits."""
    market_of, account_of = builders
    exposures = np.array([[1, 0.5], [1, -0.5], [0.8, 0], [1.1, 0.2], [0.9, -0.3], [1.2, 0.6], [1.2, 0.5], [0.7, -0.8]])
    market = market_of(
        PRICES,
        TARGETS,
        specific=0.03,
        exposures=exposures,
        covariance=np.diag([0.02, 0.01]),
        **{name: {"sector": sector} for name, sector in SECTORS.items() if name not in "FGH"},
        F={"sector": "Z", "identical_group": "PAIR"},
        G={"sector": "Z", "identical_group": "PAIR"},
        H={"sector": "Z", "tags": ("weapons",)},
    )
    return Inputs(snapshot=account_of(14_000, *LOTS), market=market, settings=SETTINGS)


def restricted(inputs: Inputs, target: str, rule: Rule, value: str | None = None, until: date | None = None) -> Inputs:
    rule_of = Restriction(
        scope="H", target=target, rule=rule, value=None if value is None else D(value), until=until, reason="Policy"
    )
    return inputs.knowing(restrictions=(*inputs.snapshot.restrictions, rule_of))


def happened(
    inputs: Inputs,
    kind: TransactionType,
    name: str,
    days_ago: int,
    shares: int = 20,
    *,
    by: Registration = Registration.TAXABLE,
    basis: int | None = None,
    booked: bool = True,
    stated: bool = True,
) -> Inputs:
    """The same household in which another account bought or sold. booked: no, an approved plan will do so.

    stated: no, the books show the lot alone and not the purchase.
    """
    account = replace(inputs.snapshot.account, account_id=f"{by}", registration=by)
    on, price = AS_OF - timedelta(days_ago), D(PRICES[name])
    label = f"{name}-{days_ago}"
    row = Transaction(
        transaction_id=label, account_id=account.account_id, trade_date=on, security_id=name, type=kind,
        quantity=D(shares), price=price, lot_id=label, basis=None if basis is None else D(basis),
    )  # fmt: skip
    if not booked:
        return inputs.knowing(pending=(row,), household_books=(inputs.snapshot.book, AccountBook(
            account=account, lots=(), transactions=())))  # fmt: skip
    lots = ()
    if kind is not TransactionType.SELL:
        lots = (
            Lot(account_id=account.account_id, lot_id=label, security_id=name, quantity=D(shares), cost_per_share=price,
                acquired=on),
        )  # fmt: skip
    book = AccountBook(account=account, lots=lots, transactions=(row,) if stated else ())
    return inputs.knowing(household_books=(*inputs.snapshot.household_books, book))


BUY, SELL, REINVEST = TransactionType.BUY, TransactionType.SELL, TransactionType.REINVEST
IRA = Registration.IRA

ACCOUNTS: Mapping[str, Callable[[Builders], Inputs]] = {
    "plain": plain,
    "fractional": lambda b: plain(b).having(whole_shares=False),
    "round lots": lambda b: _in_tens(plain(b)),
    "netted": lambda b: plain(b).having(net_taxes=True).owning(ytd_st_gain=D(1500), lt_carryforward=D(2500)),
    "adjusted": lambda b: plain(b).holding("a1", wash_adjustment=D(160)),
    "deposit": lambda b: plain(b).having(deposit=D(10_000)),
    "withdrawal": lambda b: plain(b).having(withdrawal=D(20_000)),
    "sold out": lambda b: plain(b).having(liquidate=True),
    "retirement": lambda b: plain(b).owning(registration=IRA),
    "fifo": lambda b: plain(b).having(lot_method=LotMethod.FIFO),
    "hifo": lambda b: plain(b).having(lot_method=LotMethod.HIFO),
    "spouse bought": lambda b: happened(plain(b), BUY, "D", 9),
    "spouse reinvested": lambda b: happened(plain(b), REINVEST, "D", 30),
    "retirement account bought": lambda b: happened(plain(b), BUY, "D", 9, by=IRA),
    "a lot alone tells": lambda b: happened(plain(b), BUY, "D", 9, stated=False),
    "the twin was bought": lambda b: happened(plain(b), BUY, "G", 9).having(exclude=("F",)),
    "tacked": lambda b: plain(b).holding("d1", holding_start=date(2025, 11, 19)),
    "twins": lambda b: plain(b).having(exclude=("F",)),
    "seven decimals": lambda b: _odd(plain(b)),
    "a purchase is pending": lambda b: happened(plain(b), BUY, "D", 0, booked=False),
    "spouse sold at a loss": lambda b: happened(plain(b), SELL, "E", 30, basis=900),
    "spouse sold the twin at a loss": lambda b: happened(plain(b), SELL, "F", 9, basis=2000),
    "a loss sale is pending": lambda b: happened(plain(b), SELL, "E", 0, basis=900, booked=False),
    "retirement after a loss": lambda b: happened(plain(b).owning(registration=IRA), SELL, "E", 9, basis=900),
    "allowed": lambda b: happened(plain(b), BUY, "D", 9).having(wash_sales=WashSalePolicy.ALLOW),
    "allowed behind an IRA": lambda b: happened(plain(b), BUY, "D", 9, by=IRA).having(wash_sales=WashSalePolicy.ALLOW),
    "allowed, a twin elsewhere": lambda b: _twin_elsewhere(plain(b)).having(wash_sales=WashSalePolicy.ALLOW),
    "do not buy": lambda b: restricted(plain(b), "E", Rule.DO_NOT_BUY),
    "do not sell": lambda b: restricted(plain(b), "D", Rule.DO_NOT_SELL),
    "do not hold": lambda b: restricted(plain(b), "D", Rule.DO_NOT_HOLD),
    "no weapons": lambda b: restricted(plain(b), "tag:weapons", Rule.DO_NOT_HOLD),
    "blackout": lambda b: restricted(plain(b), "E", Rule.DO_NOT_BUY, until=AS_OF),
    "most of a name": lambda b: restricted(plain(b), "E", Rule.MAX_WEIGHT, "0.06"),
    "least of a name": lambda b: restricted(plain(b), "A", Rule.MIN_WEIGHT, "0.22"),
    "most of a sector": lambda b: restricted(plain(b), "sector:Y", Rule.MAX_WEIGHT, "0.3"),
    "excluded": lambda b: plain(b).having(exclude=("E", "D")),
    "one excluded": lambda b: plain(b).having(exclude=("D",)),
    "not tradable": lambda b: _frozen(plain(b), "E"),
    "few trades": lambda b: plain(b).having(max_trades=4),
    "few names": lambda b: plain(b).having(max_names=6),
    "little turnover": lambda b: plain(b).having(max_turnover=0.1),
    "little gain": lambda b: plain(b).having(max_net_gain=D(-6000), tax_weight=0.2),
    "large trades": lambda b: plain(b).having(min_trade_usd=D(4500)),
    "large losses": lambda b: plain(b).having(harvest_min_loss_usd=D(1500)),
    "close": lambda b: plain(b).having(max_tracking_error=0.01),
    "banded": lambda b: plain(b).having(max_active_weight=0.03),
    "sectors banded": lambda b: plain(b).having(max_sector_active=0.02),
    "factors banded": lambda b: plain(b).having(max_factor_active=0.02, enforce=True),
    "much cash": lambda b: plain(b).having(min_cash=0.03, max_cash=0.08),
}


def _in_tens(inputs: Inputs) -> Inputs:
    tens = {name: replace(security, lot_size=D(10)) for name, security in inputs.market.securities.items()}
    return replace(inputs, market=replace(inputs.market, securities=tens))


def _twin_elsewhere(inputs: Inputs) -> Inputs:
    """The spouse bought T, which is substantially identical to D and which this account neither holds nor follows."""
    d = replace(inputs.market.securities["D"], identical_group="D and T")
    known = {**inputs.market.securities, "D": d, "T": replace(d, security_id="T", ticker="T")}
    of_spouse = happened(inputs, BUY, "D", 9)
    account, spouse = of_spouse.snapshot.household_books
    lots = tuple(replace(lot, security_id="T") for lot in spouse.lots)
    rows = tuple(replace(row, security_id="T") for row in spouse.transactions)
    books = (account, replace(spouse, lots=lots, transactions=rows))
    return replace(of_spouse, market=replace(inputs.market, securities=known)).knowing(household_books=books)


def _odd(inputs: Inputs) -> Inputs:
    return inputs.holding("d2", quantity=D("80.1234567")).having(whole_shares=False, exclude=("D",))


def _frozen(inputs: Inputs, name: str) -> Inputs:
    known = inputs.market.securities
    frozen = {**known, name: replace(known[name], tradable=False)}
    return replace(inputs, market=replace(inputs.market, securities=frozen))
