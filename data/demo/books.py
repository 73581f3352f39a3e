"""What does each demo account hold, and how did it come to it? One account at a time, however many there are."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from data.demo.actions import with_spinning
from data.demo.dirt import dirt_of, soiled
from data.demo.history import History
from data.demo.holdings import Holdings
from data.demo.market import DemoMarket, demo_market
from data.demo.people import Client, Profile, client, profile
from data.demo.sessions import AS_OF
from engine.domain.accounts import Account, AccountBook
from engine.domain.plans import Term

_CENT: Final = Decimal("0.01")
_FRESH_CASH: Final = Decimal("0.08")  # of the account: a deposit of the last days that waits to be invested


def demo_books(seed: int, accounts: int) -> Iterator[AccountBook]:
    """Yield the accounts of a demo firm by account_id; account i does not depend on how many there are.

    seed >= 0. Only one account is in memory at a time.
    """
    market = demo_market(seed)
    for index in range(accounts):
        yield _book(seed, market, index)


def _book(seed: int, market: DemoMarket, index: int) -> AccountBook:
    person = profile(seed, index)
    household = client(seed, person.household)
    holdings = History(seed, market, person, household).run()
    book = AccountBook(
        account=_account(person, household, holdings, market),
        lots=holdings.lots(),
        transactions=tuple(holdings.transactions),
    )
    book = with_spinning(book, market, index)
    dirt = dirt_of(index)
    return soiled(book, dirt, profile(seed, index - 1)) if dirt else book


def _account(person: Profile, household: Client, holdings: Holdings, market: DemoMarket) -> Account:
    taxable = person.registration.is_taxable
    account = Account(
        account_id=person.account_id,
        household_id=household.household.household_id,
        registration=person.registration,
        custodian=person.custodian,
        account_number=person.account_number,
        model_id=person.model_id,
        cash=holdings.cash.quantize(_CENT),
        st_rate=household.st_rate if taxable else Decimal(0),
        lt_rate=household.lt_rate if taxable else Decimal(0),
        ytd_st_gain=holdings.gain(AS_OF.year, Term.SHORT) if taxable else Decimal(0),
        ytd_lt_gain=holdings.gain(AS_OF.year, Term.LONG) if taxable else Decimal(0),
        st_carryforward=person.carryforward[0],
        lt_carryforward=person.carryforward[1],
        settings=person.settings,
    )
    if not person.fresh_cash:
        return account
    invested = Decimal(round(float((holdings.shares * market.closes[-1]).sum()))) * _CENT
    return replace(account, cash=account.cash + (invested * _FRESH_CASH).quantize(Decimal(1)))
