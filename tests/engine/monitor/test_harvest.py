"""Harvestable losses lot by lot. At today's marks: a1 loses 1,000 long-term (25 %), g1 3,000 short-term (40 %)."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import AccountBook, Registration, Restriction, Rule, Transaction, TransactionType
from engine.domain.plans import Lock, LockRule, Term
from engine.domain.settings import PlanSettings
from engine.monitor.harvest import harvest
from engine.tax.wash_sales import locks as wash_sale_locks

OPEN = PlanSettings()


def lock(group: str, rule: LockRule, until: date, cause="t1") -> Lock:
    return Lock(household_id="H", identical_group=group, cause=cause, rule=rule, until=until)


def blocked(found) -> dict[str, str | None]:
    return {lot.lot_id: lot.blocked for lot in found.lots}


def totals(found) -> tuple[D, D, D]:
    """Return (short-term loss, long-term loss, tax saved) that are free today."""
    return found.st_loss, found.lt_loss, found.tax_saved


def with_lots(snapshot, *lots):
    return replace(snapshot, book=replace(snapshot.book, lots=lots))


def test_every_loss_lot_shows_its_term_its_dollars_and_the_tax_it_saves_largest_first(snapshot, market):
    found = harvest(snapshot, market, OPEN, ())

    assert [(lot.lot_id, lot.term, lot.quantity, lot.loss, lot.tax_saved) for lot in found.lots] == [
        ("g1", Term.SHORT, 1500, 3000, 1200),
        ("a1", Term.LONG, 100, 1000, 250),
    ]
    assert totals(found) == (3000, 1000, 1450)


@pytest.mark.parametrize(("price", "loss"), [("21.99", 15), ("21.9999", D("0.15")), ("22", None), ("22.01", None)])
def test_only_a_price_below_basis_is_a_loss(snapshot, market, price, loss):
    marks = {**market.marks, "GAMA": replace(market.marks["GAMA"], price=D(price))}

    found = {lot.lot_id: lot.loss for lot in harvest(snapshot, replace(market, marks=marks), OPEN, ()).lots}

    assert found.get("g1") == loss


def test_a_wash_sale_adjustment_is_part_of_the_basis_and_tacked_time_of_the_term(snapshot, market):
    """g1 carries 600 of an earlier loss and goes on from 2025-11-19, one day earlier: loss 3,600, long-term."""
    g1 = replace(snapshot.lots[3], wash_adjustment=D(600), holding_start=date(2025, 11, 19))

    found = harvest(with_lots(snapshot, g1), market, OPEN, ())

    assert [(lot.term, lot.loss, lot.tax_saved) for lot in found.lots] == [(Term.LONG, 3600, 900)]


@pytest.mark.parametrize("registration", [Registration.IRA, Registration.ROTH])
def test_an_ira_has_nothing_to_harvest(snapshot, market, registration):
    account = replace(snapshot.account, registration=registration)
    sheltered = replace(snapshot, book=replace(snapshot.book, account=account))

    found = harvest(sheltered, market, OPEN, ())

    assert (found.lots, totals(found)) == ((), (0, 0, 0))


def test_a_loss_behind_a_wash_sale_lock_is_shown_with_its_first_free_day_and_not_counted(snapshot, market):
    locks = [
        lock("GAMA", LockRule.NO_LOSS_SALE, date(2026, 12, 1), "t1"),
        lock("GAMA", LockRule.NO_LOSS_SALE, date(2026, 12, 5), "t2"),
        lock("GAMA", LockRule.NO_LOSS_SALE, date(2026, 11, 25), "t3"),
    ]

    found = harvest(snapshot, market, OPEN, locks)

    assert blocked(found) == {"g1": "wash_sale_lock", "a1": None}
    assert [lot.until for lot in found.lots] == [date(2026, 12, 5), None]
    assert totals(found) == (0, 1000, 250)


def test_a_first_free_day_is_shown_only_where_the_lock_is_what_keeps_the_loss(snapshot, market):
    given = Restriction(scope="A", target="GAMA", rule=Rule.DO_NOT_SELL, value=None, until=None, reason="Because.")
    locks = [lock("GAMA", LockRule.NO_LOSS_SALE, date(2026, 12, 1))]

    found = harvest(replace(snapshot, restrictions=(given,)), market, OPEN, locks)

    assert (found.lots[0].blocked, found.lots[0].until) == ("restricted", None)


def test_a_security_in_no_list_is_a_group_of_its_own(snapshot, market):
    securities = {name: security for name, security in market.securities.items() if name != "GAMA"}
    locks = [lock("GAMA", LockRule.NO_LOSS_SALE, date(2026, 12, 1))]

    found = harvest(snapshot, replace(market, securities=securities), OPEN, locks)

    assert blocked(found) == {"g1": "wash_sale_lock", "a1": None}


def test_a_lock_on_buying_does_not_keep_another_loss_of_the_name_from_being_taken(snapshot, market):
    found = harvest(snapshot, market, OPEN, [lock("GAMA", LockRule.NO_BUY, date(2026, 12, 1))])

    assert blocked(found) == {"g1": None, "a1": None}


def test_a_lock_of_the_identical_group_reaches_every_security_of_it(snapshot, market):
    securities = {**market.securities, "GAMA": replace(market.securities["GAMA"], identical_group="gamma")}

    found = harvest(
        snapshot,
        replace(market, securities=securities),
        OPEN,
        [lock("gamma", LockRule.NO_LOSS_SALE, date(2026, 12, 1))],
    )

    assert blocked(found) == {"g1": "wash_sale_lock", "a1": None}


@pytest.mark.parametrize(("days_ago", "free"), [(30, False), (31, True)])
def test_a_purchase_by_the_ira_of_the_household_blocks_for_30_days_and_frees_on_the_31st(
    snapshot, market, days_ago, free
):
    bought = Transaction(
        transaction_id="t1",
        account_id="B",
        trade_date=market.as_of - timedelta(days=days_ago),
        security_id="GAMA",
        type=TransactionType.REINVEST,
        quantity=D("0.5"),
        price=D(20),
    )
    sibling = replace(snapshot.account, account_id="B", registration=Registration.IRA)
    books = (snapshot.book, AccountBook(account=sibling, lots=(), transactions=(bought,)))

    found = harvest(snapshot, market, OPEN, wash_sale_locks(books, as_of=market.as_of, groups={}))

    assert blocked(found)["g1"] == (None if free else "wash_sale_lock")
    assert found.tax_saved == (1450 if free else 250)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (replace(OPEN, harvest_min_loss_usd=D(1000)), {"g1": None, "a1": None}),
        (replace(OPEN, harvest_min_loss_usd=D("1000.01")), {"g1": None, "a1": "below_threshold"}),
        (replace(OPEN, harvest_min_loss_pct=0.09), {"g1": None, "a1": None}),  # both lose 1/11 of their basis
        (replace(OPEN, harvest_min_loss_pct=0.091), {"g1": "below_threshold", "a1": "below_threshold"}),
    ],
)
def test_a_loss_under_a_threshold_is_shown_and_not_counted(snapshot, market, settings, expected):
    assert blocked(harvest(snapshot, market, settings, ())) == expected


@pytest.mark.parametrize(
    ("target", "rule", "expected"),
    [
        ("GAMA", Rule.DO_NOT_SELL, "restricted"),
        ("sector:Fuel", Rule.DO_NOT_SELL, "restricted"),
        ("tag:fuel", Rule.DO_NOT_SELL, "restricted"),
        ("ALFA", Rule.DO_NOT_SELL, None),
        ("GAMA", Rule.DO_NOT_BUY, None),
        ("GAMA", Rule.DO_NOT_HOLD, None),
    ],
)
def test_a_lot_that_may_not_be_sold_is_not_harvestable(snapshot, market, target, rule, expected):
    given = Restriction(scope="H", target=target, rule=rule, value=None, until=None, reason="Because.")

    assert blocked(harvest(replace(snapshot, restrictions=(given,)), market, OPEN, ()))["g1"] == expected


def test_a_halted_name_cannot_be_sold(snapshot, market):
    securities = {**market.securities, "GAMA": replace(market.securities["GAMA"], tradable=False)}

    assert blocked(harvest(snapshot, replace(market, securities=securities), OPEN, ()))["g1"] == "not_tradable"


def test_a_lot_that_an_approved_plan_already_sells_is_pending(snapshot, market):
    sale = Transaction(
        transaction_id="p1",
        account_id="A",
        trade_date=market.as_of,
        security_id="GAMA",
        type=TransactionType.SELL,
        quantity=D(1500),
        price=D(20),
        lot_id="g1",
    )
    siblings = replace(sale, account_id="B", lot_id="a1")

    found = harvest(replace(snapshot, pending=(sale, siblings)), market, OPEN, ())

    assert blocked(found) == {"g1": "pending", "a1": None}
    assert totals(found) == (0, 1000, 250)


def test_a_lot_without_a_price_has_no_known_loss(snapshot, market):
    marks = {name: mark for name, mark in market.marks.items() if name != "GAMA"}

    assert blocked(harvest(snapshot, replace(market, marks=marks), OPEN, ())) == {"a1": None}


@pytest.mark.parametrize(
    ("worth", "expected"),
    [
        (21, [(Term.SHORT, 1500, 600)]),  # 1,500 shares at 20: 1 a share against the worth of 1 June 2026
        (19, []),  # between that worth and the donor's 22 a share there is no loss to take
        (25, [(Term.LONG, 3000, 750)]),  # worth the donor's basis and more: the donor's time counts
    ],
)
def test_the_loss_of_a_gift_is_against_its_worth_of_that_day(snapshot, market, worth, expected):
    g1 = replace(snapshot.lots[3], acquired=date(2024, 1, 5), gift_price=D(worth), gift_date=date(2026, 6, 1))

    found = harvest(with_lots(snapshot, g1), market, OPEN, ())

    assert [(lot.term, lot.loss, lot.tax_saved) for lot in found.lots] == expected
