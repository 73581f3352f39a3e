"""A firm goes in whole or not at all, and comes out exactly as it went in."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from data.audit import AuditLog
from data.database import open_database
from data.firm import FirmStore, apply_fills
from data.scans import LastScan, ScanStore
from engine.domain.accounts import AccountBook, Rule, TransactionType
from engine.domain.errors import DataError
from engine.domain.market import Mark


def test_a_firm_comes_back_exactly_as_it_was_imported(firm, firm_reference, firm_books):
    assert repr(replace(firm.reference(), settings={})) == repr(replace(firm_reference, settings={}))
    assert dict(firm.reference().settings) == dict(firm_reference.settings)
    assert repr(tuple(firm.books())) == repr(firm_books)
    assert firm.accounts() == tuple(book.account for book in firm_books)
    assert firm.households() == firm_reference.households


exact = some.decimals(allow_nan=False, allow_infinity=False)


@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(cash=exact, rate=exact, cost=exact, quantity=exact.filter(lambda value: value > 0))
def test_every_decimal_survives_the_database(database, firm_reference, firm_books, cash, rate, cost, quantity):
    first = firm_books[0]
    lot = replace(first.lots[0], cost_per_share=cost, quantity=quantity, wash_adjustment=cash)
    book = replace(first, account=replace(first.account, cash=cash, st_rate=rate), lots=(lot,))

    store = FirmStore(database)
    store.replace(firm_reference, [book], actor="ops", at=datetime(2026, 4, 1, tzinfo=UTC))

    assert repr(tuple(store.books())) == repr((book,))


def test_an_imported_risk_model_comes_back_with_every_bit(database, firm_reference, risk, at):
    store = FirmStore(database)
    store.replace(replace(firm_reference, risk=risk), [], actor="ops", at=at)

    for model in (store.reference().risk, store.risk()):
        assert model.exposures.tobytes() == risk.exposures.tobytes()
        assert model.specific_variance.tobytes() == risk.specific_variance.tobytes()
        assert (model.security_ids, model.factors, model.quality) == (("BBB", "AAA"), ("market",), "by hand")


def test_a_stream_that_breaks_half_way_leaves_the_old_firm_as_it_was(firm, firm_reference, firm_books, at):
    def broken():
        yield from firm_books[:2]
        raise DataError("line 7: not a number")

    before = repr((firm.reference(), tuple(firm.books()), firm.firm()))
    with pytest.raises(DataError, match="line 7"):
        firm.replace(replace(firm_reference, name="New"), broken(), actor="ops", at=at)

    assert repr((firm.reference(), tuple(firm.books()), firm.firm())) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda books: [*books, books[0]], "account A2: expected it once, found it twice"),
        (
            lambda books: [replace(books[0], account=replace(books[0].account, household_id="H7"))],
            "account A2: its household H7 is unknown",
        ),
        (
            lambda books: [replace(books[0], lots=books[1].lots)],
            "account A2: expected its own lots, found one of account A1",
        ),
    ],
)
def test_books_that_do_not_fit_leave_the_old_firm_as_it_was(firm, firm_reference, firm_books, at, change, says):
    with pytest.raises(DataError, match=says):
        firm.replace(replace(firm_reference, name="New"), change(firm_books), actor="ops", at=at)

    assert firm.firm().name == "Example & Söhne"
    assert tuple(firm.books()) == firm_books


def test_securities_of_one_id_are_refused(firm, firm_reference, at):
    twice = replace(firm_reference, securities=firm_reference.securities * 2)

    with pytest.raises(DataError, match="the database refused it"):
        firm.replace(twice, [], actor="ops", at=at)

    assert len(firm.reference().securities) == 3


def test_a_new_firm_takes_the_place_of_the_old_one_and_plans_stay(firm, firm_reference, firm_books, draft, store, at):
    plan = draft("A1")
    told = []

    firm.replace(replace(firm_reference, name="New"), firm_books[2:], actor="ops", at=at, progress=told.append)

    assert [account.account_id for account in firm.accounts()] == ["A3"]
    assert told == [1]
    assert firm.firm().name == "New"
    assert store.get(plan).account_id == "A1"
    assert store.inputs(plan)[0].account.account_id == "A1"


def test_an_import_is_one_row_of_the_audit_log(firm, database):
    (row,) = AuditLog(database).rows(what="firm.replace")

    assert (row.actor, row.subject, row.before) == ("ops", "Example & Söhne", None)
    assert row.after["accounts"] == 3
    assert row.after["as_of"] == "2026-03-31"


def test_more_accounts_than_are_read_at_once_keep_their_order(database, firm_reference, firm_books, at):
    one = firm_books[2]
    names = [f"X{(7 * n) % 250:03}" for n in range(250)]
    books = [AccountBook(account=replace(one.account, account_id=name), lots=(), transactions=()) for name in names]
    store = FirmStore(database)

    store.replace(firm_reference, iter(books), actor="ops", at=at)

    assert [book.account.account_id for book in store.books()] == names


def test_without_a_firm_the_error_says_what_to_do(database):
    store = FirmStore(database)

    assert store.is_empty()
    for read in (store.firm, store.reference, store.accounts, store.market_parts, lambda: list(store.books())):
        with pytest.raises(DataError, match="no firm yet: import a firm folder"):
            read()


def test_marks_are_the_last_closes_on_or_before_the_day_of_the_firm(firm):
    market = firm.market_parts()

    assert market.marks == {
        "BBB": Mark(price=Decimal("7.10"), on=date(2026, 3, 31)),
        "AAA": Mark(price=Decimal("20.000"), on=date(2026, 3, 30)),
    }
    assert list(market.securities) == ["BBB", "AAA", "CCC"]
    assert list(market.models) == ["M2", "M1"]


def test_a_market_is_its_parts_and_a_risk_model(firm, risk):
    market = firm.market_parts().with_risk(risk)

    assert market.risk is risk
    assert market.as_of == date(2026, 3, 31)
    assert market.substitutes[0].substitute_id == "BBB"


def test_a_snapshot_holds_the_household_and_the_rules_in_force(firm, firm_books):
    snapshot = firm.snapshot("A1")

    assert snapshot.book == firm_books[1]
    assert snapshot.household.name == "Eins"
    assert [book.account.account_id for book in snapshot.household_books] == ["A1", "A2"]
    assert [(rule.scope, rule.rule) for rule in snapshot.restrictions] == [
        ("A1", Rule.DO_NOT_BUY),  # until as_of, its last day
        ("firm", Rule.MAX_WEIGHT),
    ]
    assert snapshot.pending == ()


def test_snapshots_of_a_household_are_those_of_its_accounts(firm):
    assert firm.snapshots("H1") == (firm.snapshot("A1"), firm.snapshot("A2"))


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (lambda firm: firm.snapshot("A11"), "unknown account 'A11'; did you mean A1?"),
        (lambda firm: firm.snapshots("h1"), "unknown household 'h1'; 2 are known"),
        (lambda firm: firm.settings("cautios"), "unknown settings 'cautios'; did you mean cautious?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(firm, read, says):
    with pytest.raises(DataError) as caught:
        read(firm)

    assert str(caught.value) == says


def test_settings_are_the_text_as_written(firm):
    assert firm.settings("cautious") == "[plan]\nrisk_aversion = 300\n"


@pytest.mark.parametrize("actions", [["propose"], ["propose", "submit"], ["propose", "submit", "hold"],
                                     ["propose", "submit", "approve"], ["propose", "submit", "approve", "release"],
                                     ["propose", "submit", "approve", "release", "send"]])  # fmt: skip
def test_from_proposal_on_a_plans_trades_are_pending_for_the_other_accounts_of_the_household(
    firm, draft, advance, actions
):
    plan = advance(draft("A1"), *actions)

    sale, purchase = firm.snapshot("A2").pending

    assert (sale.type, sale.security_id, sale.quantity, sale.lot_id) == (TransactionType.SELL, "AAA", 10, "A1-L1")
    assert sale.basis == Decimal(101)  # 10 x 20 less the gain of 99
    assert (purchase.type, purchase.security_id, purchase.quantity) == (TransactionType.BUY, "BBB", 20)
    assert purchase.price == Decimal("7.1")
    assert {sale.account_id, purchase.account_id} == {"A1"}
    assert {sale.trade_date, purchase.trade_date} == {date(2026, 3, 31)}
    assert sale.transaction_id != purchase.transaction_id
    assert plan in sale.transaction_id
    assert firm.snapshot("A1").pending == ()  # a plan of its own takes the place of one before
    assert firm.snapshot("A3").pending == ()  # another household


@pytest.mark.parametrize("actions", [[], ["propose", "cancel"], ["propose", "submit", "reject"],
                                     ["propose", "submit", "approve", "release", "send", "fill"]])  # fmt: skip
def test_trades_of_drafts_and_of_plans_that_are_given_up_or_booked_are_not_pending(firm, draft, advance, actions):
    advance(draft("A1"), *actions)

    assert firm.snapshot("A2").pending == ()


def test_an_estimated_risk_model_is_kept_for_exactly_its_inputs(firm, firm_reference, firm_books, risk, at):
    assert firm.risk() is None

    firm.save_risk(risk, estimator="2")
    kept = firm.risk(estimator="2")
    outdated = firm.risk(estimator="3")
    firm.replace(replace(firm_reference, name="Renamed"), firm_books, actor="ops", at=at)
    renamed = firm.risk(estimator="2")
    firm.replace(replace(firm_reference, as_of=date(2026, 3, 30)), firm_books, actor="ops", at=at)

    assert kept.exposures.tobytes() == risk.exposures.tobytes()
    assert renamed is not None
    assert outdated is None
    assert firm.risk(estimator="2") is None
    assert firm.reference().risk is None  # an estimate is no part of the firm folder


def test_fills_change_one_account_and_leave_their_mark_in_the_audit_log(firm, database, firm_books, at):
    old = firm_books[1]
    new = replace(old, account=replace(old.account, cash=Decimal("7.00")), lots=old.lots[1:])

    with database.begin() as connection:
        apply_fills(connection, new, actor="robot", at=at)

    assert repr(firm.snapshot("A1").book) == repr(new)
    assert firm.snapshot("A2").book == firm_books[0]
    assert [account.account_id for account in firm.accounts()] == ["A2", "A1", "A3"]
    (row,) = AuditLog(database).rows(subject="A1", what="account.book")
    assert (row.before["cash"], row.after["cash"]) == ("1000.50", "7.00")


@pytest.mark.parametrize(
    ("traded", "day"),
    [
        (date(2026, 4, 2), date(2026, 4, 2)),
        (date(2026, 3, 31), date(2026, 3, 31)),
        (date(2026, 3, 30), date(2026, 3, 31)),
    ],
)
def test_the_firms_day_moves_on_to_the_newest_fill_and_never_back(firm, database, firm_books, at, traded, day):
    old = firm_books[1]
    sale = replace(old.transactions[0], transaction_id="A1-T2", trade_date=traded, type=TransactionType.SELL)

    with database.begin() as connection:
        apply_fills(connection, replace(old, transactions=(*old.transactions, sale)), actor="robot", at=at)

    assert firm.firm().as_of == day
    assert firm.snapshot("A2").as_of == day  # of the same household, which may not buy back what A1 sold at a loss
    assert firm.market_parts().as_of == day


def test_fills_of_an_unknown_account_change_nothing(firm, database, firm_books, at):
    stranger = replace(firm_books[1].account, account_id="A9")
    book = AccountBook(account=stranger, lots=(), transactions=())

    with database.begin() as connection, pytest.raises(DataError, match="unknown account 'A9'"):
        apply_fills(connection, book, actor="robot", at=at)

    assert len(firm.accounts()) == 3


def test_two_imports_at_once_leave_one_whole_firm(url, firm_reference, firm_books, at):
    def load(number):
        database = open_database(url)
        firm = replace(firm_reference, name=f"Firm {number}")
        FirmStore(database).replace(firm, firm_books[number:], actor="ops", at=at)
        database.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(load, range(3)))

    database = open_database(url)
    store = FirmStore(database)
    number = int(store.firm().name.split()[1])
    assert tuple(store.books()) == firm_books[number:]
    assert AuditLog(database).verify().problems == ()
    database.close()


def test_what_a_scan_saw_of_accounts_goes_with_their_firm_and_its_marks_stay(firm, database, firm_reference, at):
    scans = ScanStore(database)
    marks = {"AAA": Mark(price=Decimal(3), on=date(2026, 3, 31))}
    scans.save(
        LastScan(
            at=at, on=date(2026, 3, 31), imported_at=firm.firm().imported_at, marks=marks, since={},
            documents={"A1": {"stake": 1}}, rows=(),
        )
    )  # fmt: skip

    firm.replace(firm_reference, [], actor="ops", at=at)

    assert dict(scans.documents()) == {}
    assert scans.queue_at() is None
    assert dict(scans.head().marks) == marks
