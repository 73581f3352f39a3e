"""Does a sync bring each account to what Addepar shows, ask no more than it must, and fence what it cannot read?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.ports import Services
from app.steps import plan
from app.steps.opinions import footing
from app.steps.sync import sync_addepar
from connectors.firm_folder.read import read_firm
from data.firm import apply_fills
from data.orders import save_blocks
from data.refresh import write_sources
from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.errors import DataError, ExternalRefusal
from engine.domain.orders import Block, LotInstruction, Order
from engine.domain.plans import Side, Verdict
from engine.domain.settings import PlanSettings
from engine.domain.sources import AccountSource
from engine.execute.booking import booked
from engine.execute.fills import FilledOrder
from tests.app.addepar.reached import EVENING

D = Decimal
TODAY = EVENING.date()
TOMORROW = EVENING + timedelta(days=1)


def books(services: Services) -> dict[str, AccountBook]:
    return {book.account.account_id: book for book in services.firm.books()}


def bought(account_id: str = "T1", shares: str = "10", **more: Any) -> Transaction:
    given: dict[str, Any] = {
        "transaction_id": "new", "account_id": account_id, "trade_date": date(2026, 11, 19), "security_id": "BBB",
        "type": TransactionType.BUY, "quantity": D(shares), "price": D(100), "lot_id": "new-b", **more,
    }  # fmt: skip
    return Transaction(**given)


def with_purchase(reference: Any, held: tuple[AccountBook, ...]) -> Any:
    """T1 bought 10 more of BBB at 100 on 19 Nov 2026."""
    held = _t1_first(held)
    lot = replace(held[0].lots[0], lot_id="new-b", security_id="BBB", quantity=D(10), cost_per_share=D(100),
                  acquired=date(2026, 11, 19))  # fmt: skip
    changed = [
        replace(book, lots=(*book.lots, lot), transactions=(*book.transactions, bought()))
        if book.account.account_id == "T1" else book
        for book in held
    ]  # fmt: skip
    return reference, changed


def test_a_firm_that_equals_its_addepar_keeps_every_book_gifts_included(addepar: Services) -> None:
    before = books(addepar)

    outcome = sync_addepar(addepar, actor="maya")

    assert (outcome.accounts, outcome.kept, outcome.issues) == (3, (), ())
    assert books(addepar) == before  # Addepar itself shows the gift as a transfer
    assert addepar.audit.verify().problems == ()


def test_a_second_sync_reads_only_the_histories_that_changed(stand_in: Any, connect: Callable[..., Services]) -> None:
    sync_addepar(connect(), actor="maya")
    stand_in.shows(with_purchase, on=TODAY)
    services = connect(TOMORROW)

    outcome = sync_addepar(services, actor="maya")

    assert (outcome.histories, outcome.accounts) == (1, 3)
    assert books(services)["T1"].transactions[-1] == bought()
    assert any(lot.lot_id == "new-b" for lot in books(services)["T1"].lots)


def test_a_late_deletion_and_a_correction_change_what_we_hold(stand_in: Any, connect: Callable[..., Services]) -> None:
    def corrected(reference: Any, held: tuple[AccountBook, ...]) -> Any:
        def rows(book: AccountBook) -> tuple[Transaction, ...]:
            kept = (row for row in book.transactions if row.transaction_id != "t1-sell-eee")
            return tuple(replace(row, price=D("31.5")) if row.transaction_id == "t2-buy-fff" else row for row in kept)

        return reference, [replace(book, transactions=rows(book)) for book in held]

    sync_addepar(connect(), actor="maya")
    stand_in.shows(corrected, on=TODAY)
    services = connect(TOMORROW)

    outcome = sync_addepar(services, actor="maya")

    assert outcome.histories == 2
    found = books(services)
    assert found["T1"].transactions == ()
    assert {row.transaction_id: row.price for row in found["T2"].transactions}["t2-buy-fff"] == D("31.5")


def dearer(reference: Any, held: tuple[AccountBook, ...]) -> Any:
    """Every share costs 1 USD more."""
    return replace(reference, prices=tuple(replace(p, closes=(p.closes[-1] + 1,)) for p in reference.prices)), held


@pytest.mark.parametrize(
    ("at", "session"),
    [
        (datetime(2026, 11, 21, 12, 0, tzinfo=UTC), date(2026, 11, 20)),  # a Saturday
        (datetime(2026, 11, 23, 12, 0, tzinfo=UTC), date(2026, 11, 20)),  # Monday before it opens
        (datetime(2026, 11, 23, 22, 0, tzinfo=UTC), date(2026, 11, 23)),  # Monday after it has closed
        (datetime(2026, 11, 24, 2, 0, tzinfo=UTC), date(2026, 11, 23)),  # Monday evening in New York
    ],
)
def test_prices_are_those_of_the_last_session_that_has_closed(
    stand_in: Any, connect: Callable[..., Services], at: datetime, session: date
) -> None:
    stand_in.shows(dearer, on=at.date())
    services = connect(at)

    sync_addepar(services, actor="maya")

    mark = services.firm.market_parts().marks["AAA"]
    assert (services.firm.firm().as_of, mark.on, mark.price) == (at.date(), session, 101)


def test_where_prices_have_a_source_of_their_own_a_sync_leaves_them_alone(
    stand_in: Any, connect: Callable[..., Services]
) -> None:
    stand_in.shows(dearer, on=TODAY)
    services = connect()
    services = replace(services, connections={**services.connections, "prices": {"source": "/vendor"}})
    before = services.firm.prices()

    assert sync_addepar(services, actor="maya").accounts > 0

    assert services.firm.prices() == before


def test_a_full_sync_reads_every_history(addepar: Services) -> None:
    sync_addepar(addepar, actor="maya")

    assert sync_addepar(addepar, actor="maya").histories == 0
    assert sync_addepar(addepar, actor="maya", whole=True).histories == 3


def test_another_mapping_reads_every_history_again(connect: Callable[..., Services]) -> None:
    sync_addepar(connect(), actor="maya")

    other = connect(transactions={"split_ratio": "split_ratio"})

    assert sync_addepar(other, actor="maya").histories == 3


def test_an_account_that_cannot_be_read_keeps_yesterdays_book_and_is_not_planned(
    stand_in: Any, connect: Callable[..., Services]
) -> None:
    sync_addepar(connect(), actor="maya")
    services = connect(TOMORROW)
    before = books(services)["T1"]
    stand_in.control("rows", {"grouping": "tax_lot", "name": "t1-b", "set": {"cost_basis ORIGINAL": None}})

    outcome = sync_addepar(services, actor="maya")

    assert outcome.kept == ("T1",)
    assert books(services)["T1"] == before
    source = services.firm.snapshot("T1").source
    assert source is not None
    assert (source.read_on, source.tried_on) == (TODAY, TOMORROW.date())
    with pytest.raises(DataError, match=r"T1 is fenced off .*lot t1-b of BBB, holdings.original_cost: found nothing"):
        plan.what_if(services, "T1", plan.default_settings(services, "T1"))


def test_a_mended_account_may_be_planned_again(stand_in: Any, connect: Callable[..., Services]) -> None:
    stand_in.control("rows", {"grouping": "tax_lot", "name": "t1-b", "set": {"cost_basis ORIGINAL": None}})
    services = connect()
    assert sync_addepar(services, actor="maya").kept == ("T1",)
    stand_in.control("reset", {})
    stand_in.control("jobs", {"polls": 0})

    assert sync_addepar(services, actor="maya").kept == ()
    assert plan.what_if(services, "T1", plan.default_settings(services, "T1")).plan.account_id == "T1"


def test_a_plan_of_derived_lots_says_so_and_old_lots_say_how_old(connect: Callable[..., Services]) -> None:
    services = connect()
    given = AccountSource(account_id="T1", source="Addepar", read_on=TODAY - timedelta(days=6), tried_on=TODAY,
                          derived=True)  # fmt: skip
    with services.database.begin() as connection:
        write_sources(connection, [given])

    checks = {check.rule: check for check in plan.what_if(services, "T1", PlanSettings()).plan.checks}

    assert checks["lots"].verdict is Verdict.WARN
    assert checks["lots"].detail.startswith("rebuilt from transactions, since Addepar gives no lots")
    assert "6 days old, of 2026-11-14" in checks["lots"].detail


def test_a_plan_of_lots_read_today_passes(addepar: Services) -> None:
    sync_addepar(addepar, actor="maya")

    checks = {check.rule: check for check in plan.what_if(addepar, "T1", PlanSettings()).plan.checks}

    assert checks["lots"].verdict is Verdict.PASS


def test_a_household_is_warned_of_a_member_that_could_not_be_read(
    stand_in: Any, connect: Callable[..., Services]
) -> None:
    services = connect()
    stand_in.control("rows", {"grouping": "tax_lot", "name": "t1-b", "set": {"cost_basis ORIGINAL": None}})
    sync_addepar(services, actor="maya")

    snapshot = services.firm.snapshot("I1")

    assert snapshot.source is not None
    assert snapshot.source.faults == ()
    assert [source.account_id for source in snapshot.sources or () if source.faults] == ["T1"]


def test_an_account_of_the_firms_own_that_addepar_never_had_stays_open_to_planning(
    stand_in: Any, connect: Callable[..., Services]
) -> None:
    stand_in.shows(lambda reference, held: (reference, [b for b in held if b.account.account_id != "T2"]), on=TODAY)
    services = connect()

    outcome = sync_addepar(services, actor="maya")

    assert outcome.kept == ("T2",)
    assert services.firm.snapshot("T2").source is None


def test_an_account_that_vanished_from_addepar_is_fenced_off(stand_in: Any, connect: Callable[..., Services]) -> None:
    sync_addepar(connect(), actor="maya")
    stand_in.shows(lambda reference, held: (reference, [b for b in held if b.account.account_id != "T2"]), on=TODAY)
    services = connect(TOMORROW)
    sync_addepar(services, actor="maya")

    with pytest.raises(DataError, match="0 Addepar entities for 2001"):
        plan.what_if(services, "T2", plan.default_settings(services, "T2"))


def test_a_sync_that_was_refused_goes_on_without_asking_anything_twice(
    stand_in: Any, connect: Callable[..., Services]
) -> None:
    services = connect(accounts_per_job=2)
    stand_in.control("faults", {"path": "/v1/transactions/query", "status": 403})
    with pytest.raises(ExternalRefusal, match="403"):
        sync_addepar(services, actor="maya")
    first = stand_in.asked()
    services.database.close()

    outcome = sync_addepar(connect(accounts_per_job=2), actor="maya")

    second = stand_in.asked()[len(first) :]
    assert outcome.accounts == 3
    assert [request for request in second if request.startswith("GET /v1/entities") or "groups" in request] == []
    assert second.count("POST /v1/jobs") == 1  # of the second chunk alone
    assert addepar_answers(connect()) == 0


def test_a_job_that_failed_costs_no_other_answer(stand_in: Any, connect: Callable[..., Services]) -> None:
    services = connect(accounts_per_job=2)
    stand_in.control("jobs", {"polls": 0, "outcome": "Failed", "errors": ["no capacity"], "times": 1})
    with pytest.raises(ExternalRefusal, match="ended as failed: no capacity"):
        sync_addepar(services, actor="maya")
    first = stand_in.asked()

    assert sync_addepar(services, actor="maya").accounts == 3

    again = stand_in.asked()[len(first) :]
    assert [request for request in again if not request.split()[1].startswith(("/v1/jobs", "/v1/transactions"))] == []
    assert again.count("POST /v1/jobs") == 2  # the failed one anew, and the second chunk's


def test_a_refused_mapping_keeps_nothing_to_go_on_from(connect: Callable[..., Services]) -> None:
    services = connect(holdings={"lot": "nonsense"})

    with pytest.raises(ExternalRefusal, match=r"holdings.lot = 'nonsense'"):
        sync_addepar(services, actor="maya")

    assert addepar_answers(services) == 0


def test_requests_are_counted_over_every_process_of_the_firm(stand_in: Any, connect: Callable[..., Services]) -> None:
    sync_addepar(connect(), actor="maya")
    spent = len(stand_in.asked())
    later = connect(requests_per_15_minutes=spent, longest_wait_seconds=60)

    with pytest.raises(ExternalRefusal, match="the firm's request allowance is used up"):
        sync_addepar(later, actor="maya")

    assert len(stand_in.asked()) == spent


def addepar_answers(services: Services) -> int:
    return 0 if services.addepar.unfinished() is None else 1


def sell_and_book(services: Services) -> Order:
    """Book an order for 12 shares of t1-a-loss that was filled in T1 today."""
    what_if = plan.what_if(services, "T1", plan.default_settings(services, "T1"))
    lot = LotInstruction(lot_id="t1-a-loss", quantity=D(12), acquired=date(2026, 3, 2), cost_per_share=D(140))
    given: Any = {"custodian": "One", "security_id": "AAA", "ticker": "AAA", "cusip": None, "side": Side.SELL,
                  "quantity": D(12)}  # fmt: skip
    made = Order(cl_ord_id="LSours", plan_id=plan.keep(services, what_if, actor="maya"), account_id="T1",
                 account_number="1001", reference_price=D(100), lots=(lot,), **given)  # fmt: skip
    fill = FilledOrder(order=made, quantity=D(12), price=D(100))
    with services.database.begin() as connection:
        save_blocks(connection, [Block(cl_ord_id="LSblock", allocations=(made,), **given)])
        apply_fills(connection, booked(books(services)["T1"], [fill], TODAY), actor="system", at=EVENING)
    return made


@pytest.fixture
def order(addepar: Services) -> Order:
    return sell_and_book(addepar)


def test_a_trade_of_ours_that_addepar_does_not_show_yet_is_not_lost(addepar: Services, order: Order) -> None:
    before = books(addepar)["T1"]

    outcome = sync_addepar(addepar, actor="maya")

    assert outcome.kept == ("T1",)
    assert books(addepar)["T1"] == before
    assert [(issue.severity.value, issue.subject) for issue in outcome.issues] == [
        ("warning", f"our order {order.cl_ord_id}-1")
    ]
    assert plan.what_if(addepar, "T1", plan.default_settings(addepar, "T1")).plan.account_id == "T1"


def test_a_trade_of_ours_that_is_booked_while_a_sync_reads_is_not_lost(addepar: Services) -> None:
    """The histories are known from the sync before, so that of T1 is not read again: it is our own, the trade in it."""
    sync_addepar(addepar, actor="maya")
    held = {lot.lot_id: lot.quantity for lot in books(addepar)["T1"].lots}
    sold: list[Order] = []

    def meanwhile(doing: str, _done: float) -> None:
        if doing.startswith("accounts and households") and not sold:
            sold.append(sell_and_book(addepar))

    outcome = sync_addepar(addepar, actor="maya", progress=meanwhile)

    left = {lot.lot_id: lot.quantity for lot in books(addepar)["T1"].lots}
    assert (outcome.kept, left) == (("T1",), {**held, "t1-a-loss": held["t1-a-loss"] - 12})


def test_what_was_judged_before_a_sync_is_judged_again_after_it(connect: Callable[..., Services]) -> None:
    sync_addepar(connect(), actor="maya")
    later = connect(EVENING + timedelta(minutes=5))
    before = footing(later)

    sync_addepar(later, actor="maya")

    assert (later.firm.firm().as_of, footing(later).as_of) == (before.as_of, before.as_of)
    assert footing(later) != before


def test_once_addepar_shows_our_trade_its_book_is_taken(
    stand_in: Any, connect: Callable[..., Services], order: Order
) -> None:
    def sold(reference: Any, held: tuple[AccountBook, ...]) -> Any:
        sale = bought(transaction_id="812", trade_date=TODAY, security_id="AAA", type=TransactionType.SELL,
                      quantity=D(12), lot_id="t1-a-loss", basis=D(1680))  # fmt: skip
        lots = [replace(lot, quantity=lot.quantity - 12) if lot.lot_id == "t1-a-loss" else lot for lot in held[0].lots]
        first = replace(held[0], lots=tuple(lots), transactions=(*held[0].transactions, sale),
                        account=replace(held[0].account, cash=D(1200)))  # fmt: skip
        return reference, [first, *held[1:]]

    folder = stand_in.shows(lambda reference, held: sold(reference, _t1_first(held)), on=TODAY)
    services = connect(TOMORROW)

    assert sync_addepar(services, actor="maya").kept == ()
    shown = {book.account.account_id: book for book in read_firm(folder)[1]}
    assert books(services)["T1"].transactions == shown["T1"].transactions
    assert set(books(services)["T1"].lots) == set(shown["T1"].lots)
    assert books(services)["T1"].account.cash == 1200


def test_a_trade_of_ours_that_addepar_never_shows_is_a_break_that_fences_the_account(
    connect: Callable[..., Services], order: Order
) -> None:
    services = connect(EVENING + timedelta(days=6))
    sync_addepar(services, actor="maya")

    with pytest.raises(DataError, match=f"our order {order.cl_ord_id}-1, transactions.id: found nothing"):
        plan.what_if(services, "T1", plan.default_settings(services, "T1"))


def _t1_first(held: tuple[AccountBook, ...]) -> tuple[AccountBook, ...]:
    return tuple(sorted(held, key=lambda book: book.account.account_id != "T1"))
