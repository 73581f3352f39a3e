"""Orders come from approved plans alone, name their lots, and have names that never change."""

import dataclasses
import re
from datetime import date, datetime
from decimal import Decimal

import pytest

from engine.domain.errors import CheckFailed, DataError
from engine.domain.identifiers import AccountId, LotId, PlanId, SecurityId, UserId
from engine.domain.market import Security
from engine.domain.plans import (
    LotSale,
    Metrics,
    Objective,
    Plan,
    PlanStatus,
    Reason,
    Run,
    Side,
    TaxSummary,
    Term,
    Trade,
    Unrealised,
)
from engine.domain.settings import PlanSettings
from engine.execute.orders import ApprovedPlan, build_orders
from engine.plan.document import plan_document, plan_id

APPROVED_AT = datetime.fromisoformat("2024-03-04T12:00:00+00:00")
REASON = Reason(risk_bp=1.0, tax_bp=0.0, cost_bp=0.0, worth_bp=None, rules=(), sentence="Less risk.")
SECURITIES = {
    SecurityId(name): Security(security_id=SecurityId(name), ticker=f"{name}T", name=name, sector="S", cusip=cusip)
    for name, cusip in (("X", "123456789"), ("Y", None))
}


def trade(security, side, quantity, price, *lots):
    return Trade(
        security_id=SecurityId(security),
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        amount=Decimal(quantity) * Decimal(price),
        lots=tuple(LotSale(lot_id=LotId(lot), quantity=Decimal(q), term=Term.LONG, gain=Decimal(0)) for lot, q in lots),
        reason=REASON,
    )


def plan(*trades, status=PlanStatus.OPTIMAL):
    zero = Decimal(0)
    metrics = Metrics(
        nav=Decimal(10_000),
        cash=zero,
        tracking_error=0.01,
        active_share=0.1,
        sectors=(),
        unrealised=Unrealised(st_gain=zero, st_loss=zero, lt_gain=zero, lt_loss=zero),
    )
    return Plan(
        account_id=AccountId("A1"),
        as_of=date(2024, 3, 4),
        inputs_hash="i" * 64,
        engine_version="0.1.0",
        settings=PlanSettings(),
        status=status,
        trades=trades,
        before=metrics,
        after=metrics,
        tax=TaxSummary(st_gain=zero, lt_gain=zero, liability=zero, harvested_loss=zero, disallowed=zero),
        objective=Objective(total=1, risk=1, tax=0, cost=0, tilt=0, breach=0, lower_bound=1, gap=0),
        checks=(),
        not_harvested=(),
        binding=(),
    )


def approve(proposal):
    run = Run(solver="any", fallback=False, solve_ms=1.0, total_ms=2.0)
    return ApprovedPlan(
        plan_id=plan_id(plan_document(proposal, run)),
        plan=proposal,
        approver=UserId("erin"),
        approved_at=APPROVED_AT,
    )


def test_a_sale_names_each_lot_with_its_day_and_cost(account, lot):
    approved = approve(plan(trade("X", Side.SELL, 7, "101.5", ("L1", 5), ("L2", 2))))

    (order,) = build_orders(approved, account, SECURITIES, [lot("L1", "5", "90"), lot("L2", "9", "95.25")])

    assert (order.ticker, order.cusip, order.account_number) == ("XT", "123456789", "A1-77")
    assert (order.quantity, order.reference_price) == (Decimal(7), Decimal("101.5"))
    assert [(i.lot_id, i.quantity, i.acquired, i.cost_per_share) for i in order.lots] == [
        ("L1", 5, date(2020, 5, 6), Decimal(90)),
        ("L2", 2, date(2020, 5, 6), Decimal("95.25")),
    ]


def test_an_order_id_is_short_upper_case_and_the_same_each_time(account):
    approved = approve(plan(trade("X", Side.BUY, 7, 100), trade("Y", Side.BUY, 3, 50)))

    first = build_orders(approved, account, SECURITIES, [])
    again = build_orders(approved, account, SECURITIES, [])

    assert first == again
    assert all(re.fullmatch(r"L[A-Z2-7]{19}", order.cl_ord_id) for order in first)
    assert len({order.cl_ord_id for order in first}) == 2


def test_an_order_id_is_another_in_another_plan_account_security_or_side(account, lot):
    def ids(proposal, whose=account):
        return [order.cl_ord_id for order in build_orders(approve(proposal), whose, SECURITIES, [lot("L1", "9", "1")])]

    other = dataclasses.replace(account, account_id=AccountId("A2"))
    base = plan(trade("X", Side.BUY, 7, 100))
    found = [
        *ids(base),
        *ids(plan(trade("X", Side.BUY, 8, 100))),
        *ids(plan(trade("Y", Side.BUY, 7, 100))),
        *ids(plan(trade("X", Side.SELL, 7, 100, ("L1", 7)))),
        *ids(dataclasses.replace(base, account_id=AccountId("A2")), other),
    ]

    assert len(set(found)) == 5


def test_a_plan_that_is_not_the_one_approved_is_refused():
    approved = approve(plan(trade("X", Side.BUY, 7, 100)))

    with pytest.raises(CheckFailed, match="hashes to"):
        dataclasses.replace(approved, plan=plan(trade("X", Side.BUY, 8, 100)))
    with pytest.raises(CheckFailed, match="hashes to"):
        dataclasses.replace(approved, plan_id=PlanId("0" * 64))


def test_an_infeasible_plan_cannot_be_approved():
    with pytest.raises(CheckFailed, match="infeasible"):
        approve(plan(status=PlanStatus.INFEASIBLE))


def test_an_approval_without_a_time_zone_is_refused():
    approved = approve(plan())

    with pytest.raises(ValueError, match="time zone"):
        dataclasses.replace(approved, approved_at=APPROVED_AT.replace(tzinfo=None))


def test_another_accounts_plan_is_refused(account):
    other = dataclasses.replace(account, account_id=AccountId("A2"))

    with pytest.raises(DataError, match="for account A1, found account A2"):
        build_orders(approve(plan(trade("X", Side.BUY, 7, 100))), other, SECURITIES, [])


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ((), "found none"),
        ((("L1", "5", "Y"),), "expected an open lot of X"),
        ((("L1", "4", "X"),), "at most 4 shares, found 5"),
    ],
)
def test_shares_that_are_not_there_are_refused(account, lot, held, message):
    lots = [lot(name, quantity, "1", security=security) for name, quantity, security in held]

    with pytest.raises(DataError, match=message):
        build_orders(approve(plan(trade("X", Side.SELL, 5, 100, ("L1", 5)))), account, SECURITIES, lots)


def test_one_lot_named_twice_is_one_instruction_and_counts_together(account, lot):
    approved = approve(plan(trade("X", Side.SELL, 5, 100, ("L1", 3), ("L1", 2))))

    (order,) = build_orders(approved, account, SECURITIES, [lot("L1", "5", "1")])

    assert [(i.lot_id, i.quantity) for i in order.lots] == [("L1", 5)]
    with pytest.raises(DataError, match="at most 4"):
        build_orders(approved, account, SECURITIES, [lot("L1", "4", "1")])


def test_an_unknown_security_and_a_trade_given_twice_are_refused(account):
    with pytest.raises(DataError, match="trade in Z"):
        build_orders(approve(plan(trade("Z", Side.BUY, 5, 100))), account, SECURITIES, [])
    twice = plan(trade("X", Side.BUY, 5, 100), trade("X", Side.BUY, 6, 100))
    with pytest.raises(DataError, match="found two"):
        build_orders(approve(twice), account, SECURITIES, [])
