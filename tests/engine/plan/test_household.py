"""Accounts of one household planned together: none washes another, and the side they take is the better one."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from itertools import product

import pytest

from engine.domain.accounts import Registration
from engine.domain.errors import DataError
from engine.domain.plans import LockRule, Side
from engine.domain.settings import PlanSettings
from engine.plan.decided import plan_transactions
from engine.plan.household import MemberPlan, Unplanned, propose_each, propose_household
from engine.plan.problem import build_problem
from engine.plan.search import search
from engine.review.checker import failures, second_opinion
from engine.tax.wash_sales import ledger

LONG_AGO = date(2024, 1, 5)
SETTINGS = PlanSettings(
    risk_aversion=20.0, cost_bp=0.0, max_cash=1.0, min_cash=0.0, max_active_weight=None, max_sector_active=None,
    whole_shares=False,
)  # fmt: skip


@pytest.fixture
def market(market_of):
    return market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05)


def member(account_of, account_id, cash, *lots, **fields):
    snapshot = account_of(cash, *((f"{account_id}.{lot[0]}", *lot[1:]) for lot in lots), **fields)
    account = replace(snapshot.account, account_id=account_id)
    held = tuple(replace(lot, account_id=account_id) for lot in snapshot.lots)
    return replace(snapshot.book, account=account, lots=held)


def household(account_of, *books):
    base = account_of(0)
    return [replace(base, book=book, household_books=tuple(books)) for book in books]


def plans_of(snapshots, market, settings=SETTINGS):
    chosen = {s.account.account_id: settings for s in snapshots}
    return propose_household(snapshots, market, chosen, inputs_hash=lambda _: "x")


def two(account_of, loss_price, cash):
    """One account full of A at a loss, another all cash that wants both names."""
    return household(
        account_of,
        member(account_of, "L", 0, ("a", "A", 600, loss_price, LONG_AGO), ("b", "B", 400, 90, LONG_AGO)),
        member(account_of, "W", cash),
    )


def disallowed(made, books, market):
    """Return what wash sales take of losses once all these plans are booked, USD."""
    rows = {each.account_id: tuple(each.trades) for each in made}
    booked = [replace(book, transactions=rows.get(book.account.account_id, ())) for book in books]
    groups = {name: security.group for name, security in market.securities.items()}
    return sum((loss.disallowed for loss in ledger(booked, as_of=market.as_of, groups=groups).losses), D(0))


def test_accounts_that_can_be_planned_wash_nothing_though_another_cannot(account_of, market):
    """L sells A at a loss, W has cash for it, and the third follows a model that does not exist."""
    *books, lost = (*(each.book for each in two(account_of, 120, 500_000)), member(account_of, "X", 10_000))
    lost = replace(lost, account=replace(lost.account, model_id="none"))
    snapshots = household(account_of, *books, lost)
    settings = {snapshot.account.account_id: SETTINGS for snapshot in snapshots}

    found = propose_each(snapshots, market, settings, inputs_hash=lambda _: "x")

    made, unplanned = found[:2], found[2]
    assert isinstance(unplanned, Unplanned)
    assert "model none does not exist" in str(unplanned.error)
    assert [type(each) for each in made] == [MemberPlan, MemberPlan]
    assert any(trade.lots and trade.lots[0].gain < 0 for trade in made[0].plan.trades)
    assert disallowed(made, books, market) == 0
    alone = [propose_each([each], market, settings, inputs_hash=lambda _: "x")[0] for each in snapshots[:2]]
    assert disallowed(alone, books, market) > 0  # which is what sight of each other is for


def test_accounts_that_all_can_be_planned_are_planned_together(account_of, market):
    snapshots = two(account_of, 120, 500_000)
    settings = {snapshot.account.account_id: SETTINGS for snapshot in snapshots}

    found = propose_each(snapshots, market, settings, inputs_hash=lambda _: "x")

    assert [each.plan for each in found] == [each.plan for each in plans_of(snapshots, market).members]


@pytest.mark.parametrize(("loss_price", "cash"), [(120, 100_000), (105, 500_000), (150, 50_000), (101, 1_000_000)])
def test_plans_of_one_household_disallow_no_loss_when_all_are_booked(account_of, market, loss_price, cash):
    snapshots = two(account_of, loss_price, cash)

    made = plans_of(snapshots, market)

    rows = {
        m.plan.account_id: tuple(plan_transactions(m.plan, label=m.plan.account_id, on=m.snapshot.as_of))
        for m in made.members
    }
    books = [replace(s.book, transactions=rows[s.account.account_id]) for s in snapshots]
    left = {}
    for book in books:
        sold = {row.lot_id: row.quantity for row in book.transactions if row.lot_id}
        kept = tuple(replace(lot, quantity=lot.quantity - sold.get(lot.lot_id, 0)) for lot in book.lots)
        left[book.account.account_id] = replace(book, lots=tuple(lot for lot in kept if lot.quantity > 0))
    found = ledger(list(left.values()), as_of=snapshots[0].as_of, groups={})
    assert sum(loss.disallowed for loss in found.losses) == 0
    for m in made.members:
        assert not failures(second_opinion(m.plan, m.snapshot, market))


@pytest.mark.parametrize(("loss_price", "cash"), [(120, 100_000), (105, 500_000), (150, 50_000), (101, 1_000_000)])
def test_the_household_takes_the_better_side_and_its_bound_is_one(account_of, market, loss_price, cash):
    # By brute force: A is either bought by nobody or sold at a loss by nobody; so is B. The best of the four.
    snapshots = two(account_of, loss_price, cash)
    sums = []
    for rules in product(LockRule, repeat=2):
        locks = [lock_of(snapshots[0], name, rule) for name, rule in zip("AB", rules, strict=True)]
        parts = [build_problem(s, market, SETTINGS, locks=locks) for s in snapshots]
        sums.append(sum(float(p.value) * search(p).objective for p in parts))

    made = plans_of(snapshots, market)

    assert made.bound_usd <= min(sums) + 0.01
    assert made.cost_usd == pytest.approx(min(sums), abs=0.01)


def lock_of(snapshot, group, rule):
    from engine.domain.plans import Lock

    return Lock(household_id="H", identical_group=group, cause="T", rule=rule, until=date(2027, 1, 1))


def test_an_ira_may_not_buy_what_a_taxable_account_sells_at_a_loss(account_of, market):
    snapshots = household(
        account_of,
        member(account_of, "L", 0, ("a", "A", 600, 200, LONG_AGO), ("b", "B", 400, 90, LONG_AGO)),
        member(account_of, "R", 10_000, registration=Registration.IRA),
    )

    made = plans_of(snapshots, market)

    sells = {t.security_id for t in made.members[0].plan.trades if t.side is Side.SELL}
    buys = {t.security_id for t in made.members[1].plan.trades if t.side is Side.BUY}
    assert "A" in sells
    assert buys == {"B"}


def test_accounts_of_two_households_are_refused(account_of, market):
    first, second = two(account_of, 120, D(1000))
    other = replace(second, household=replace(second.household, household_id="other"))

    with pytest.raises(DataError, match="H, other"):
        plans_of([first, other], market)
