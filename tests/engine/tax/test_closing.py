"""Closing methods as a table: three lots, worked by hand."""

from collections.abc import Sequence
from datetime import date
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
