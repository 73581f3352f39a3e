"""Closing methods as tables, worked by hand, and against every other choice of shares."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.accounts import Lot
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, LotId, SecurityId
from engine.domain.settings import LotMethod
from engine.tax.closing import choose_lots, tax_per_share
from tests.engine.tax.telling import tell


def lot(name: str, quantity: int, cost: str, acquired: date, wash: str | None = None) -> Lot:
    return Lot(
        account_id=AccountId("A"),
        lot_id=LotId(name),
        security_id=SecurityId("X"),
        quantity=Decimal(quantity),
        cost_per_share=Decimal(cost),
        acquired=acquired,
        wash_adjustment=None if wash is None else Decimal(wash),
    )


OLD = lot("old", 10, "70", date(2020, 1, 2))  # long-term at 60: loss 10 a share, worth 0.2 x 10 = 2.0
MIDDLE = lot("middle", 10, "75", date(2022, 1, 3))  # long-term: loss 15, worth 3.0
NEW = lot("new", 10, "68", date(2024, 5, 1))  # short-term: loss 8, worth 0.4 x 8 = 3.2
LOTS = (MIDDLE, NEW, OLD)


def chosen(method: LotMethod, quantity: str = "15", lots: Sequence[Lot] = LOTS) -> list[tuple[str, Decimal]]:
    picks = choose_lots(
        lots,
        Decimal(quantity),
        method=method,
        price=Decimal(60),
        on=date(2024, 6, 3),
        st_rate=Decimal("0.4"),
        lt_rate=Decimal("0.2"),
    )
    return [(pick.lot_id, taken) for pick, taken in picks]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (LotMethod.FIFO, ["old", "middle"]),
        (LotMethod.LIFO, ["new", "middle"]),
        (LotMethod.HIFO, ["middle", "old"]),
        (LotMethod.MIN_TAX, ["new", "middle"]),
        (LotMethod.OPTIMAL, ["new", "middle"]),
    ],
)
def test_each_method_takes_its_own_order_and_splits_the_last_lot(method: LotMethod, expected: list[str]) -> None:
    assert chosen(method) == [(expected[0], Decimal(10)), (expected[1], Decimal(5))]


def test_hifo_ranks_by_basis_after_wash_sale_adjustments() -> None:
    adjusted = lot("adjusted", 10, "70", date(2023, 1, 3), wash="60")  # 76 a share

    assert chosen(LotMethod.HIFO, "1", (MIDDLE, adjusted)) == [("adjusted", Decimal(1))]


def test_lots_that_a_method_cannot_tell_apart_go_oldest_first_then_by_name() -> None:
    twins = (
        lot("b", 1, "70", date(2023, 1, 3)),
        lot("a", 1, "70", date(2023, 1, 3)),
        lot("c", 1, "70", date(2022, 1, 3)),
    )

    assert [name for name, _ in chosen(LotMethod.HIFO, "3", twins)] == ["c", "a", "b"]


# At 60 on 3 June 2024, 40 % short and 20 % long. Tax a share: a 0.4 x 10 = 4, b 0.2 x 15 = 3, c 0.2 x 30 = 6,
# d 0.4 x -2 = -0.8, e 0.2 x -3 = -0.6.
GAINS = (
    lot("a", 1, "50", date(2023, 6, 3)),  # a year to the day: still short-term
    lot("b", 1, "45", date(2023, 6, 2)),  # a year and a day
    lot("c", 1, "30", date(2019, 1, 2)),
    lot("d", 1, "62", date(2024, 3, 1)),
    lot("e", 1, "63", date(2021, 3, 1)),
)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (LotMethod.FIFO, "c e b a d"),
        (LotMethod.LIFO, "d a b e c"),
        (LotMethod.HIFO, "e d a b c"),
        (LotMethod.MIN_TAX, "d e b a c"),
    ],
)
def test_each_method_orders_gains_and_losses_of_both_terms(method: LotMethod, expected: str) -> None:
    assert " ".join(name for name, _ in chosen(method, "5", GAINS)) == expected


def test_min_tax_goes_by_the_tacked_start_and_the_grown_basis_of_a_wash_sale() -> None:
    """Bought in May 2024 at 50: 4 a share short-term; tacked to 2022, 2 a share; with 15 a share of basis more, -1."""
    plain = lot("plain", 1, "50", date(2024, 5, 1))
    tacked = replace(lot("tacked", 1, "50", date(2024, 5, 1)), holding_start=date(2022, 5, 1))
    grown = replace(lot("grown", 1, "50", date(2024, 5, 1), wash="15"), holding_start=date(2022, 5, 1))

    assert [name for name, _ in chosen(LotMethod.MIN_TAX, "3", (plain, tacked, grown))] == ["grown", "tacked", "plain"]


def test_fifo_and_lifo_go_by_the_day_of_purchase_whatever_was_tacked() -> None:
    """Treas. Reg. 1.1012-1(c)(1): the earliest acquired, and a tacked holding period is no earlier acquisition."""
    january = lot("january", 1, "50", date(2024, 1, 3))
    june = replace(lot("june", 1, "50", date(2024, 6, 1)), holding_start=date(2020, 1, 1))

    assert chosen(LotMethod.FIFO, "1", (june, january)) == [("january", Decimal(1))]
    assert chosen(LotMethod.LIFO, "1", (june, january)) == [("june", Decimal(1))]


@pytest.mark.parametrize(
    ("sale", "gain", "left"),
    [
        pytest.param("sell 10 @60", -100, ["t2", "t3"], id="1.1012-1(c)(1): no lot named, first in, first out"),
        pytest.param("sell 10 @60 of t2", -150, ["t1", "t3"], id="1.1012-1(c)(2): the lot that is named"),
        pytest.param("sell 4 @60 of t3", -32, ["t1", "t2", "t3"], id="1.1012-1(c)(2): part of the lot that is named"),
        pytest.param("sell 15 @60", -175, ["t2", "t3"], id="1.1012-1(c)(1): one lot and half of the next"),
    ],
)
def test_the_ledger_takes_the_lot_that_the_sale_names_or_else_the_oldest_shares(story, sale, gain, left) -> None:
    tell(story, f"2020-01-02 buy 10 @70; 2022-01-03 buy 10 @75; 2023-05-01 buy 10 @68; 2024-06-03 {sale}")

    ledger = story.ledger()

    assert sum(piece.gain for piece in ledger.realised) == gain
    assert [lot.lot_id for lot in ledger.lots] == left


@pytest.mark.parametrize("quantity", ["30.0001", "0", "-1"])
def test_a_sale_of_more_than_is_held_or_of_nothing_is_refused_by_name(quantity: str) -> None:
    with pytest.raises(DataError, match="X in account A: found 30 shares"):
        chosen(LotMethod.FIFO, quantity)


@given(
    st.lists(st.tuples(st.integers(20, 140), st.integers(0, 900)), min_size=1, max_size=6),
    st.integers(1, 6),
)
def test_no_other_choice_of_single_share_lots_pays_less_tax_than_min_tax(
    raw: list[tuple[int, int]], quantity: int
) -> None:
    lots = [
        lot(f"L{i}", 1, str(cost), date.fromordinal(date(2024, 6, 1).toordinal() - age))
        for i, (cost, age) in enumerate(raw)
    ]
    quantity = min(quantity, len(lots))

    def tax(picked: Sequence[Lot]) -> Decimal:
        return sum(
            (
                tax_per_share(
                    one, price=Decimal(60), on=date(2024, 6, 3), st_rate=Decimal("0.4"), lt_rate=Decimal("0.2")
                )
                for one in picked
            ),
            Decimal(0),
        )

    by_id = {one.lot_id: one for one in lots}
    ours = tax([by_id[LotId(name)] for name, _ in chosen(LotMethod.MIN_TAX, str(quantity), lots)])

    assert ours == min(tax(picked) for picked in combinations(lots, quantity))


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(20, 140), st.integers(0, 900)), min_size=1, max_size=6),
    st.sampled_from(LotMethod),
    st.data(),
)
def test_a_sale_takes_its_shares_once_and_divides_one_lot_at_most(
    raw: list[tuple[int, int, int]], method: LotMethod, data: st.DataObject
) -> None:
    lots = [
        lot(f"L{i}", shares, str(cost), date(2024, 6, 1) - timedelta(days=age))
        for i, (shares, cost, age) in enumerate(raw)
    ]
    quantity = data.draw(st.integers(1, sum(one.quantity for one in lots) * 2).map(lambda halves: Decimal(halves) / 2))

    picks = chosen(method, str(quantity), lots)

    held = {one.lot_id: one.quantity for one in lots}
    assert sum(taken for _, taken in picks) == quantity
    assert len({name for name, _ in picks}) == len(picks)
    assert [taken for _, taken in picks[:-1]] == [held[LotId(name)] for name, _ in picks[:-1]]
    assert 0 < picks[-1][1] <= held[LotId(picks[-1][0])]


@given(st.lists(st.integers(20, 140), min_size=1, max_size=6), st.integers(1, 6))
def test_no_other_choice_of_single_share_lots_has_a_higher_basis_than_hifo(costs: list[int], quantity: int) -> None:
    lots = [lot(f"L{i}", 1, str(cost), date(2023, 1, 2)) for i, cost in enumerate(costs)]
    quantity = min(quantity, len(lots))
    basis = {one.lot_id: one.basis for one in lots}

    ours = sum(basis[LotId(name)] for name, _ in chosen(LotMethod.HIFO, str(quantity), lots))

    assert ours == max(sum(one.basis for one in picked) for picked in combinations(lots, quantity))


@pytest.mark.parametrize(
    ("worth", "tax"),
    [
        ("65", "-2.0"),  # 5 a share lost against the worth of 1 May 2024, short-term at 40 %
        ("55", "0"),  # at 60 between that worth and the donor's 75: neither gain nor loss
        ("75", "-3.0"),  # worth the donor's basis: 15 a share lost, long-term at 20 %
    ],
)
def test_the_tax_of_a_gift_is_that_of_the_basis_that_counts(worth: str, tax: str) -> None:
    given_to = replace(MIDDLE, gift_price=Decimal(worth), gift_date=date(2024, 5, 1))

    found = tax_per_share(given_to, price=Decimal(60), on=date(2024, 6, 3), st_rate=Decimal("0.4"),
                          lt_rate=Decimal("0.2"))  # fmt: skip

    assert found == Decimal(tax)
