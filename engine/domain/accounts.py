"""Whose portfolio is it, and what holds for it? Households, accounts, lots, transactions, restrictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import cast

from engine.domain.identifiers import AccountId, HouseholdId, LotId, ModelId, SecurityId, TransactionId
from engine.domain.market import WRITTEN_IF_GIVEN, CorporateAction, Model, PriceHistory, RiskModel, Security, Substitute
from engine.domain.rows import Rows
from engine.domain.sources import AccountSource


class Registration(StrEnum):
    """How an account is taxed."""

    TAXABLE = "taxable"
    IRA = "ira"
    ROTH = "roth"

    @property
    def is_taxable(self) -> bool:
        return self is Registration.TAXABLE


class TransactionType(StrEnum):
    BUY = "buy"
    SELL = "sell"
    REINVEST = "reinvest"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    SPLIT = "split"
    GIFT = "gift"
    EXCHANGE_OUT = "exchange_out"
    EXCHANGE_IN = "exchange_in"
    SPIN_OFF = "spin_off"


class Rule(StrEnum):
    """What a restriction demands of a security, sector or tag."""

    DO_NOT_BUY = "do_not_buy"
    DO_NOT_SELL = "do_not_sell"
    DO_NOT_HOLD = "do_not_hold"
    MIN_WEIGHT = "min_weight"
    MAX_WEIGHT = "max_weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """One taxpayer's accounts. not_visible: accounts elsewhere that the household names and nobody shows the firm."""

    household_id: HouseholdId
    name: str
    advisor: str
    segment: str | None = None
    not_visible: tuple[str, ...] | None = field(default=None, metadata=WRITTEN_IF_GIVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One registration at one custodian. Money in USD; rates are fractions with every tax already added."""

    account_id: AccountId
    household_id: HouseholdId
    registration: Registration
    custodian: str
    account_number: str
    model_id: ModelId
    cash: Decimal
    st_rate: Decimal
    lt_rate: Decimal
    ytd_st_gain: Decimal
    ytd_lt_gain: Decimal
    st_carryforward: Decimal
    lt_carryforward: Decimal
    settings: str | None = None  # name of a settings file


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Shares of one purchase still held.

    cost_per_share is USD before wash sales; wash_adjustment is USD for the whole lot, added to its basis by disallowed
    losses; holding_start is the tacked start of the holding period (26 U.S.C. 1223(3)), None where it is `acquired`.
    Shares received as a gift: cost_per_share and acquired are the donor's, gift_price is USD a share on gift_date, the
    day of the gift, counted in the lot's own shares (1015(a)); None for both where nothing was given.
    """

    account_id: AccountId
    lot_id: LotId
    security_id: SecurityId
    quantity: Decimal
    cost_per_share: Decimal
    acquired: date
    wash_adjustment: Decimal | None = None
    holding_start: date | None = None
    gift_price: Decimal | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    gift_date: date | None = field(default=None, metadata=WRITTEN_IF_GIVEN)

    def __post_init__(self) -> None:
        if not self.quantity > 0:
            raise ValueError(f"lot {self.lot_id}: quantity must be > 0, got {self.quantity}")
        if (self.gift_price is None) is not (self.gift_date is None):
            raise ValueError(f"lot {self.lot_id}: gift_price and gift_date must both be given or neither")

    @property
    def basis(self) -> Decimal:
        """Adjusted basis of the whole lot, USD; of a gift the donor's, which counts for a gain."""
        return self.quantity * self.cost_per_share + (self.wash_adjustment or Decimal(0))

    @property
    def held_from(self) -> date:
        """The day the holding period is counted from (the day of acquisition, itself excluded)."""
        return self.holding_start or self.acquired


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One booked event.

    quantity is > 0 in shares, except for a split, where it is new shares for each old one (2 for a 2-for-1).
    price is USD a share. lot_id is the lot sold, given or moved, or the lot made by a buy (its own id where None).
    basis is the total USD basis of what was sold or transferred, where the source gives it. gift_price and gift_date
    tell of shares transferred in that they were a gift, as those of a Lot do, in the row's own shares.

    A corporate action that sells nothing is told lot by lot. exchange_out: the lot given up, price the worth of what
    was received for a share, cash the USD of it that was money (boot). spin_off: the lot that stays, basis_fraction of
    whose basis leaves it, basis in USD. Both give acquired and holding_start of their lot, and a gift's own two fields.
    exchange_in: the lot that came instead; origin is the exchange_out or spin_off that it goes on from.
    """

    transaction_id: TransactionId
    account_id: AccountId
    trade_date: date
    security_id: SecurityId
    type: TransactionType
    quantity: Decimal
    price: Decimal
    lot_id: LotId | None = None
    basis: Decimal | None = None
    gift_price: Decimal | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    gift_date: date | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    origin: TransactionId | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    acquired: date | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    holding_start: date | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    basis_fraction: Decimal | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    cash: Decimal | None = field(default=None, metadata=WRITTEN_IF_GIVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """scope: "firm", a household_id or an account_id. target: a security_id, "sector:NAME" or "tag:NAME"."""

    scope: str
    target: str
    rule: Rule
    value: Decimal | None
    until: date | None  # last day it holds; None: for ever
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmReference:
    """Everything in a firm folder except what belongs to single accounts.

    settings: name -> the TOML text as written by the firm. risk is None where it is to be estimated from prices.
    """

    as_of: date
    currency: str
    name: str
    securities: tuple[Security, ...]
    prices: tuple[PriceHistory, ...]
    models: tuple[Model, ...]
    households: tuple[Household, ...]
    restrictions: tuple[Restriction, ...] = ()
    substitutes: tuple[Substitute, ...] = ()
    risk: RiskModel | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    actions: tuple[CorporateAction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBook:
    """One account with its open lots and its whole transaction history, oldest first. Streams of these make a firm.

    Both are held as Rows, whatever sequence they are given as: lot_rows and history say so to the type checker.
    """

    account: Account
    lots: Sequence[Lot]
    transactions: Sequence[Transaction]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lots", Rows.of(Lot, self.lots))
        object.__setattr__(self, "transactions", Rows.of(Transaction, self.transactions))

    @property
    def lot_rows(self) -> Rows[Lot]:
        """The lots, to be asked for whole columns."""
        return cast(Rows[Lot], self.lots)

    @property
    def history(self) -> Rows[Transaction]:
        """The transactions, to be asked for whole columns."""
        return cast(Rows[Transaction], self.transactions)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """All that a scan or plan of one account needs besides the market.

    household_books: every account of the household, this one included, ordered by account_id: wash sales reach over
    all of them. restrictions: those of firm, household and account in force on as_of. pending: trades of the
    household's plans, proposed or further, that are not booked yet, seen as if they were executed on as_of. sources: of
    the household's accounts that another system gives; None where none does.
    """

    as_of: date
    household: Household
    book: AccountBook
    household_books: tuple[AccountBook, ...]
    restrictions: tuple[Restriction, ...] = ()
    pending: tuple[Transaction, ...] = ()
    sources: tuple[AccountSource, ...] | None = field(default=None, metadata=WRITTEN_IF_GIVEN)

    @property
    def source(self) -> AccountSource | None:
        """Where this account's lots come from; None where they are the firm's own."""
        own = (source for source in self.sources or () if source.account_id == self.account.account_id)
        return next(own, None)

    @property
    def account(self) -> Account:
        return self.book.account

    @property
    def lots(self) -> Sequence[Lot]:
        return self.book.lots
