"""The demo accounts have histories that explain their lots, to the share and the cent."""

import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

import pytest

from connectors.firm_folder.read import read_firm
from connectors.firm_folder.write import write_firm
from data.demo.books import demo_books
from data.demo.dirt import Dirt, dirty_accounts
from data.demo.reference import demo_reference
from data.demo.sessions import AS_OF
from engine.domain.accounts import Registration, TransactionType
from engine.tax.wash_sales import ledger, locks

DIRTY = dirty_accounts(120)
MONTH_AGO = AS_OF - timedelta(days=30)


def replayed(book):
    """lot_id -> (security, shares, total basis), by hand from the transactions."""
    lots = {}
    for t in book.transactions:
        if t.type is TransactionType.SPLIT:
            for lot_id, (security, shares, basis) in lots.items():
                if security == t.security_id:
                    lots[lot_id] = (security, shares * t.quantity, basis)
        elif t.type is TransactionType.SELL:
            security, shares, basis = lots.pop(t.lot_id)
            assert security == t.security_id
            if shares > t.quantity:
                lots[t.lot_id] = (security, shares - t.quantity, basis - t.basis)
            else:
                assert (shares, basis) == (t.quantity, t.basis)
        else:
            assert t.lot_id == t.transaction_id
            assert t.lot_id not in lots
            lots[t.lot_id] = (t.security_id, t.quantity, t.basis if t.basis is not None else t.quantity * t.price)
    return lots


def test_the_transactions_of_every_clean_account_give_its_lots(demo_accounts):
    for book in demo_accounts:
        if DIRTY.get(book.account.account_id) in (None, Dirt.OVERDRAWN, Dirt.SHARED_NUMBER):
            held = {lot.lot_id: (lot.security_id, lot.quantity, lot.basis) for lot in book.lots}
            assert replayed(book) == held, book.account.account_id


def test_lots_bear_the_day_they_were_bought_and_those_brought_along_an_older_one(demo_accounts):
    for book in demo_accounts:
        made = {t.lot_id: t for t in book.transactions if t.type is not TransactionType.SELL}
        for lot in book.lots:
            if made[lot.lot_id].type is TransactionType.TRANSFER_IN:
                assert lot.acquired < made[lot.lot_id].trade_date - timedelta(days=365)
            else:
                assert lot.acquired == made[lot.lot_id].trade_date


def test_every_fill_is_near_the_close_of_its_day(demo, demo_accounts):
    closes = {(h.security_id, day): close for h in demo.prices for day, close in zip(h.dates, h.closes, strict=True)}
    for book in demo_accounts[:20]:
        for t in book.transactions:
            if t.type is not TransactionType.SPLIT:
                close = closes[t.security_id, t.trade_date]
                assert abs(t.price / close - 1) <= Decimal("0.0016") or abs(t.price - close) <= Decimal("0.0001")


def test_gains_of_the_year_are_those_of_the_year_s_sales(demo_accounts):
    checked = 0
    for book in demo_accounts:
        sales = [t for t in book.transactions if t.type is TransactionType.SELL and t.trade_date.year == AS_OF.year]
        gain = sum((t.quantity * t.price - t.basis for t in sales), Decimal(0))
        told = book.account.ytd_st_gain + book.account.ytd_lt_gain
        if book.account.registration.is_taxable:
            assert abs(gain - told) <= Decimal("0.01")
            checked += bool(sales)
        else:
            assert told == 0
    assert checked > 30


def test_the_firm_is_as_large_and_as_mixed_as_promised(demo, demo_accounts):
    households = Counter(book.account.household_id for book in demo_accounts)
    large = [book for book in demo_accounts if sum(lot.basis for lot in book.lots) > 200_000]

    assert (len(demo_accounts), len(demo.households)) == (120, 60)
    assert set(households) == {household.household_id for household in demo.households}
    assert set(households.values()) == {1, 2, 3}
    assert len({book.account.custodian for book in demo_accounts}) == 3
    assert len({household.advisor for household in demo.households}) == 5
    assert {book.account.registration for book in demo_accounts} == set(Registration)
    assert {book.account.settings for book in demo_accounts} == {None, *demo.settings}
    assert {book.account.model_id for book in demo_accounts} == {model.model_id for model in demo.models}
    assert 105 <= len(large) < 120
    assert min(len({lot.security_id for lot in book.lots}) for book in large) >= 150
    assert 600 < median(len(book.lots) for book in large) < 1_200
    assert max(len(book.lots) for book in demo_accounts) < 2_200


def test_there_is_something_to_do(demo, demo_accounts):
    marks = {history.security_id: history.closes[-1] for history in demo.prices}
    gains = [lot.quantity * marks[lot.security_id] - lot.basis for book in demo_accounts for lot in book.lots]
    cash = []
    for book in demo_accounts:
        value = sum((lot.quantity * marks[lot.security_id] for lot in book.lots), book.account.cash)
        cash.append(book.account.cash / value)

    assert sum(gain for gain in gains if gain < 0) < -5_000_000
    assert sum(gain for gain in gains if gain > 0) > 5_000_000
    assert sum(Decimal(0) <= share <= Decimal("0.03") for share in cash) > 90
    assert sum(share > Decimal("0.05") for share in cash) >= 4


def test_purchases_and_loss_sales_of_the_last_days_lock_names(demo, demo_accounts):
    recent = [t for book in demo_accounts for t in book.transactions if t.trade_date >= MONTH_AGO]
    groups = {security.security_id: security.group for security in demo.securities}
    households = {}
    for book in demo_accounts:
        households.setdefault(book.account.household_id, []).append(book)
    found = [lock for books in households.values() for lock in locks(books, as_of=AS_OF, groups=groups)]

    assert {t.type for t in recent} >= {TransactionType.BUY, TransactionType.REINVEST, TransactionType.SELL}
    assert any(t.type is TransactionType.SELL and t.quantity * t.price < t.basis for t in recent)
    assert len({lock.rule for lock in found}) == 2


def test_an_account_keeps_out_of_its_own_wash_sales_but_not_of_those_of_its_household(demo, demo_accounts):
    groups = {security.security_id: security.group for security in demo.securities}
    households = {}
    for book in demo_accounts[:24]:
        households.setdefault(book.account.household_id, []).append(book)

    alone = [ledger([book], as_of=AS_OF, groups=groups) for book in demo_accounts[:24]]
    together = [ledger(books, as_of=AS_OF, groups=groups) for books in households.values()]

    assert sum(len(found.losses) for found in alone) > 500
    assert not any(loss.disallowed for found in alone for loss in found.losses)
    assert any(loss.disallowed for found in together for loss in found.losses)
    assert any(loss.permanently_disallowed for found in together for loss in found.losses)


def test_each_fault_of_the_dirty_accounts_is_there(demo, demo_accounts):
    books = {book.account.account_id: book for book in demo_accounts}
    dirty = {dirt: books[account_id] for account_id, dirt in DIRTY.items()}
    numbers = Counter(book.account.account_number for book in demo_accounts)
    [gone] = [security.security_id for security in demo.securities if security.tradable is False]

    assert set(dirty) == set(Dirt)
    assert [lot.cost_per_share for lot in dirty[Dirt.NO_BASIS].lots].count(Decimal(0)) == 1
    assert replayed(dirty[Dirt.LOTS_DIFFER]) != {
        lot.lot_id: (lot.security_id, lot.quantity, lot.basis) for lot in dirty[Dirt.LOTS_DIFFER].lots}  # fmt: skip
    shared = dirty[Dirt.SHARED_NUMBER].account.account_number
    assert numbers[shared] == 2
    assert len({book.account.custodian for book in demo_accounts if book.account.account_number == shared}) == 2
    assert dirty[Dirt.OVERDRAWN].account.cash < 0
    assert sum(any(lot.security_id == gone for lot in book.lots) for book in demo_accounts) == 3


def test_accounts_were_opened_on_different_days_with_cash_or_with_what_the_client_already_had(demo_accounts):
    opened = {book.account.account_id: min(t.trade_date for t in book.transactions) for book in demo_accounts}
    brought = [book for book in demo_accounts if book.transactions[0].type is TransactionType.TRANSFER_IN]
    arrivals = [t for book in brought for t in book.transactions if t.type is TransactionType.TRANSFER_IN]

    assert len(set(opened.values())) > 100
    assert min(opened.values()).year == 2022
    assert max(opened.values()).year == 2026
    assert 15 <= len(brought) <= 60  # the others began with cash
    assert all(t.trade_date == opened[t.account_id] for t in arrivals)
    assert {t.basis < t.quantity * t.price for t in arrivals if t.basis is not None} == {True}
    assert any(not book.account.registration.is_taxable for book in brought)


def test_a_third_of_the_taxable_accounts_carry_losses_forward_and_no_other_account_does(demo_accounts):
    carried = {registration: [] for registration in Registration}
    for book in demo_accounts:
        account = book.account
        carried[account.registration].append(account.st_carryforward + account.lt_carryforward > 0)

    assert 0.15 < sum(carried[Registration.TAXABLE]) / len(carried[Registration.TAXABLE]) < 0.45
    assert not any(carried[Registration.IRA] + carried[Registration.ROTH])


def test_histories_have_purchases_reinvested_dividends_loss_sales_arrivals_and_the_split(demo_accounts):
    kinds = Counter(t.type for book in demo_accounts for t in book.transactions)
    losses = [t for book in demo_accounts for t in book.transactions
              if t.type is TransactionType.SELL and t.quantity * t.price < t.basis]  # fmt: skip

    assert set(kinds) == {TransactionType.BUY, TransactionType.SELL, TransactionType.REINVEST,
                          TransactionType.TRANSFER_IN, TransactionType.SPLIT}  # fmt: skip
    assert kinds[TransactionType.REINVEST] > 5_000
    assert len({t.account_id for t in losses}) > 50


def test_the_same_seed_gives_the_same_firm_in_another_process_and_another_seed_another(demo, demo_accounts):
    program = (
        "import hashlib; from data.demo.books import demo_books; from data.demo.reference import demo_reference;"
        "print(hashlib.sha256(repr((demo_reference(1, 12), list(demo_books(1, 12)))).encode()).hexdigest())"
    )
    command, surroundings = [sys.executable, "-c", program], {"PYTHONHASHSEED": "2"}
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True, env=surroundings).stdout.strip()

    here = repr((demo_reference(1, 12), list(demo_accounts[:12])))
    assert hashlib.sha256(here.encode()).hexdigest() == elsewhere
    assert demo_reference(8, 12).prices != demo.prices
    assert next(demo_books(8, 12)) != demo_accounts[0]


def test_an_account_is_the_same_in_a_firm_of_any_size(demo, demo_accounts):
    small = demo_reference(1, 9)

    assert list(demo_books(1, 9)) == list(demo_accounts[:9])
    assert small.households == demo.households[: len(small.households)]
    assert set(small.restrictions) <= set(demo.restrictions)


def test_a_firm_without_accounts_has_a_market_and_no_households(demo):
    empty = demo_reference(1, 0)

    assert (empty.households, list(demo_books(1, 0))) == ((), [])
    assert empty.prices == demo.prices


def test_the_firm_with_its_faults_imports_without_a_problem_and_exports_the_same_bytes(tmp_path, demo_accounts):
    whole, accounts = demo_reference(1, 24), demo_accounts[:24]
    firm = replace(whole, prices=(*whole.prices[:60], whole.prices[-1]))  # the split and the delisting among them
    assert len(dirty_accounts(24)) == len(Dirt)
    write_firm(tmp_path / "first", firm, accounts)

    reference, books = read_firm(tmp_path / "first")
    write_firm(tmp_path / "second", reference, books)

    assert repr(tuple(books)) == repr(accounts)
    assert repr(reference) == repr(firm)
    files = {path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*.*")}
    assert {path.relative_to(tmp_path / "second") for path in (tmp_path / "second").rglob("*.*")} == files
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process's memory is read from /proc")
def test_an_account_is_forgotten_when_the_next_one_is_made():
    program = (
        "import re; from pathlib import Path; from data.demo.books import demo_books\n"
        "def peak(): return int(re.search(r'VmHWM:\\s*([0-9]+) kB', Path('/proc/self/status').read_text())[1])\n"
        "for number, book in enumerate(demo_books(1, 40), 1):\n"
        "    if number == 10: early = peak()\n"
        "print(peak() - early)"
    )
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert int(grown) < 15_000  # kB; thirty accounts kept would be more than 30,000
