"""What the custodian's default method would cost, against the plan's lots, worked out by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from engine.domain.accounts import Registration
from engine.domain.errors import DataError
from engine.domain.plans import Side
from engine.domain.settings import LotMethod
from engine.execute.fallback import at_risk, total

ON = date(2024, 3, 4)


@pytest.fixture
def lots(lot):
    """Old, cheap and long-term; middling; and bought this year above today's price of 100."""
    return (
        replace(lot("OLD", "50", "20"), acquired=date(2010, 1, 4)),
        replace(lot("MID", "50", "90"), acquired=date(2020, 5, 6)),
        replace(lot("NEW", "50", "130"), acquired=date(2024, 1, 8)),
    )


@pytest.fixture
def sale(order):
    return order("S1", "60", side=Side.SELL, lots=(("NEW", "50"), ("MID", "10")))


@pytest.mark.parametrize(
    ("method", "default"),
    [
        # The plan: 50 x (100 - 130) x 0.40 = -600, and 10 x (100 - 90) x 0.25 = 25.
        (LotMethod.FIFO, "1025"),  # 50 x 80 x 0.25 = 1000, 10 x 10 x 0.25 = 25
        (LotMethod.LIFO, "-575"),  # NEW, then MID: as the plan
        (LotMethod.HIFO, "-575"),
    ],
)
def test_dollars_at_risk_are_the_tax_of_the_default_lots_less_that_of_the_plans(account, lots, sale, method, default):
    found = at_risk([sale], account, lots, method=method, on=ON)

    assert (found.planned, found.default) == (Decimal(-575), Decimal(default))
    assert found.usd == Decimal(default) + 575


def test_the_custodian_sells_lots_of_the_same_security_alone(account, lot, lots, sale):
    other = replace(lot("OTHER", "50", "1", security="Y"), acquired=date(2001, 1, 4))  # older than them all

    assert at_risk([sale], account, [other, *lots], method=LotMethod.FIFO, on=ON).default == 1025


def test_purchases_and_retirement_accounts_risk_nothing(account, lots, sale, order):
    ira = replace(account, registration=Registration.IRA)

    assert at_risk([sale], ira, lots, method=LotMethod.FIFO, on=ON).usd == 0
    assert at_risk([order("B1", "60")], account, lots, method=LotMethod.FIFO, on=ON).usd == 0


def test_risks_of_several_accounts_add_up(account, lots, sale):
    one = at_risk([sale], account, lots, method=LotMethod.FIFO, on=ON)

    assert total([one, one]).usd == 2 * one.usd == 3200
    assert total([]).usd == 0


def test_another_accounts_order_and_a_lot_that_is_gone_are_refused(account, lots, sale):
    with pytest.raises(DataError, match="order S1 is account A1's, not A2's"):
        at_risk([sale], replace(account, account_id="A2"), lots, method=LotMethod.FIFO, on=ON)
    with pytest.raises(DataError, match="expected open lots, found no lot NEW"):
        at_risk([sale], account, lots[:2], method=LotMethod.FIFO, on=ON)
