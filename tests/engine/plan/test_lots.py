"""Lots are sold in the order that their method says, none that a rule keeps, each to the share."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.plans import Term
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.lots import sale_lots, sales
from engine.plan.rules import NameRules

ON = date(2026, 11, 20)
FREE = NameRules()


@pytest.fixture
def account(account_of):
    """Four lots of A at a price of 100, rates 40 % short-term and 25 % long-term.

    lot    cost  acquired     gain   term  tax a dollar
    old     50   2024-01-05   +0.50  LT    +0.125
    new     70   2026-03-02   +0.30  ST    +0.12
    loss   120   2026-08-03   -0.20  ST    -0.08
    down   130   2024-02-01   -0.30  LT    -0.075
    """
    return account_of(
        0,
        ("old", "A", 10, 50, date(2024, 1, 5)),
        ("new", "A", 10, 70, date(2026, 3, 2)),
        ("loss", "A", 10, 120, date(2026, 8, 3)),
        ("down", "A", 10, 130, date(2024, 2, 1)),
    )


def lots_of(account, *, rules=FREE, **settings):
    return sale_lots(
        account.lots, account.account, PlanSettings(**settings), rules, price=D(100), value=D(10_000), on=ON
    )


@pytest.mark.parametrize(
    ("method", "order"),
    [
        (LotMethod.OPTIMAL, ["loss", "down", "new", "old"]),
        (LotMethod.MIN_TAX, ["loss", "down", "new", "old"]),
        (LotMethod.HIFO, ["down", "loss", "new", "old"]),
        (LotMethod.FIFO, ["old", "down", "new", "loss"]),
        (LotMethod.LIFO, ["loss", "new", "down", "old"]),
    ],
)
def test_the_order_of_each_lot_method(account, method, order):
    assert [entry.lot.lot_id for entry in lots_of(account, lot_method=method)] == order


def test_tax_gain_weight_and_term_of_a_lot_by_hand(account):
    found = {entry.lot.lot_id: entry for entry in lots_of(account)}

    assert {k: e.tax for k, e in found.items()} == pytest.approx(
        {"old": 0.125, "new": 0.12, "loss": -0.08, "down": -0.075}
    )
    assert {k: e.gain for k, e in found.items()} == pytest.approx({"old": 0.5, "new": 0.3, "loss": -0.2, "down": -0.3})
    assert {k: e.term for k, e in found.items()} == {
        "old": Term.LONG, "new": Term.SHORT, "loss": Term.SHORT, "down": Term.LONG
    }  # fmt: skip
    assert found["old"].weight == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("settings", "rules", "blocked"),
    [
        ({}, NameRules(no_sell=("do_not_sell A",)), {"old": "restricted", "new": "restricted", "loss": "restricted",
                                                    "down": "restricted"}),
        ({}, NameRules(no_loss_sale=("wash_sales",)), {"loss": "wash_sale_lock", "down": "wash_sale_lock"}),
        # The losses are 200 and 300 USD.
        ({"harvest_min_loss_usd": D(201)}, FREE, {"loss": "below_threshold"}),
        ({"harvest_min_loss_usd": D(200)}, FREE, {}),
        # They are 200 / 1,200 = 16.7 % and 300 / 1,300 = 23.1 % of basis.
        ({"harvest_min_loss_pct": 0.2}, FREE, {"loss": "below_threshold"}),
        ({"harvest_min_loss_usd": D(201)}, NameRules(must_exit=("exclude",)), {}),
    ],
)  # fmt: skip
def test_what_keeps_a_lot_from_being_sold(account, settings, rules, blocked):
    found = lots_of(account, rules=rules, **settings)

    assert {entry.lot.lot_id: entry.blocked for entry in found if entry.blocked} == blocked


def test_a_fixed_order_cannot_pass_over_a_lot_that_is_kept(account):
    # FIFO: old is free, down is locked, and what comes after it waits.
    found = lots_of(account, rules=NameRules(no_loss_sale=("wash_sales",)), lot_method=LotMethod.FIFO)

    assert [(e.lot.lot_id, e.blocked) for e in found] == [
        ("old", None), ("down", "wash_sale_lock"), ("new", "lot_method"), ("loss", "wash_sale_lock")
    ]  # fmt: skip


def test_a_sale_closes_whole_lots_and_a_part_of_the_last(account):
    sold = sales(lots_of(account), D("12.5"), D(100))

    # 10 of loss at -20 a share, 2.5 of down at -30.
    assert [(s.lot_id, s.quantity, s.term, s.gain) for s in sold] == [
        ("loss", D(10), Term.SHORT, D(-200)), ("down", D("2.5"), Term.LONG, D("-75.0"))
    ]  # fmt: skip


# Three gifts at a price of 100, all given on 1 June 2026 and bought by the donor in 2024; rates 40 % and 25 %.
@pytest.mark.parametrize(
    ("cost", "worth", "term", "gain", "tax"),
    [
        (80, 60, Term.LONG, 0.2, 0.05),  # above the donor's basis: 20 against 80, held since 2024
        (120, 90, Term.LONG, 0.0, 0.0),  # between the two: neither gain nor loss
        (150, 110, Term.SHORT, -0.1, -0.04),  # below the value of that day: 10 against 110, held since June
        (150, 150, Term.LONG, -0.5, -0.125),  # worth the donor's basis: 50 against 150, held since 2024
    ],
)
def test_a_gift_has_the_gain_term_and_tax_that_its_price_gives_it(account_of, cost, worth, term, gain, tax):
    """26 U.S.C. 1015(a), 1223(2)."""
    bought = account_of(0, ("g", "A", 10, cost, date(2024, 1, 5)))
    (held,) = bought.lots
    given = replace(held, gift_price=D(worth), gift_date=date(2026, 6, 1))

    account = replace(bought, book=replace(bought.book, lots=(given,)))
    (entry,) = lots_of(account)
    (sold,) = sales((entry,), D(4), D(100))

    assert (entry.term, entry.gain_usd, sold.gain) == (term, D(str(gain)) * 1000, D(str(gain)) * 400)
    assert (entry.gain, entry.tax) == pytest.approx((gain, tax))


def test_hifo_goes_by_the_basis_that_counts_at_the_price(account_of):
    """A gift bought for 150 and worth 90 then is neither gain nor loss at 100; what was bought at 110 is the dearer."""
    account = account_of(0, ("gift", "A", 10, 150, date(2024, 1, 5)), ("own", "A", 10, 110, date(2024, 1, 5)))
    lots = (replace(account.lots[0], gift_price=D(90), gift_date=date(2026, 6, 1)), account.lots[1])
    account = replace(account, book=replace(account.book, lots=lots))

    assert [entry.lot.lot_id for entry in lots_of(account, lot_method=LotMethod.HIFO)] == ["own", "gift"]
