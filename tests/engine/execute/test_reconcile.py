"""Every difference between what was ordered and what was executed is a break with a name."""

from decimal import Decimal

import pytest

from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, ClOrdId
from engine.execute.fills import FilledOrder
from engine.execute.reconcile import BreakKind, Said, account_gone, reconcile

TOLERANCE = Decimal("0.02")


@pytest.fixture
def blocks(order, block):
    return (block(order("O1", "10"), order("O2", "20", account_id="A2")), block(order("O3", "5"), name="B2"))


def found(blocks, fills, **more):
    result = reconcile(blocks, fills, price_tolerance=TOLERANCE, **more)
    return [(b.kind, b.cl_ord_id, b.expected, b.found) for b in result.breaks], result.complete


def test_exact_fills_are_complete_without_a_break(blocks, fill):
    fills = [fill("E1", "12", "100"), fill("E2", "18", "101"), fill("E3", "5", "99", block="B2")]

    assert found(blocks, fills) == ([], True)


def test_a_partial_fill_and_no_fill_are_missing(blocks, fill):
    assert found(blocks, [fill("E1", "12", "100")]) == (
        [(BreakKind.MISSING, "B1", 30, 12), (BreakKind.MISSING, "B2", 5, 0)],
        False,
    )


def test_a_reject_is_named_with_its_reason(blocks, fill):
    result = reconcile(
        blocks,
        [fill("E1", "30", "100")],
        price_tolerance=TOLERANCE,
        said=Said(rejects={ClOrdId("B2"): "unknown symbol"}),
    )

    (only,) = result.breaks
    assert (only.kind, only.cl_ord_id) == (BreakKind.REJECTED, "B2")
    assert only.sentence.endswith("rejected: unknown symbol")


def test_a_rejected_block_that_is_filled_beyond_its_order_is_over_filled_all_the_same(blocks, fill):
    fills = [fill("E1", "30", "100"), fill("E3", "6", "100", block="B2")]
    said = Said(rejects={ClOrdId("B2"): "unknown symbol"})

    assert found(blocks, fills, said=said) == ([(BreakKind.OVER_FILLED, "B2", 5, 6)], False)


def test_a_break_names_side_ticker_custodian_and_order(blocks):
    first, _ = reconcile(blocks, [], price_tolerance=TOLERANCE).breaks

    assert first.sentence == "buy X at Alpha (B1): ordered 30 shares, filled 0"


def test_shares_executed_for_an_account_that_has_left_are_a_break_of_their_sum(order):
    filled = [
        FilledOrder(order=order(name, shares, account_id="A9"), quantity=Decimal(shares), price=Decimal(100))
        for name, shares in (("O1", "10"), ("O2", "5"))
    ]

    gone = account_gone(AccountId("A9"), filled)

    assert (gone.kind, gone.cl_ord_id, gone.expected, gone.found) == (BreakKind.NO_ACCOUNT, "O1", 15, 0)
    assert gone.sentence.startswith("account A9 is no longer in the firm, so 15 shares executed for it are not booked")


def test_too_many_shares_are_over_filled(blocks, fill):
    fills = [fill("E1", "31", "100"), fill("E3", "5", "100", block="B2")]

    assert found(blocks, fills) == ([(BreakKind.OVER_FILLED, "B1", 30, 31)], False)


@pytest.mark.parametrize(("price", "breaks"), [("102", 0), ("98", 0), ("102.01", 1), ("97.99", 1)])
def test_an_average_price_beyond_the_tolerance_is_a_break_that_leaves_it_complete(blocks, fill, price, breaks):
    fills = [fill("E1", "30", price), fill("E3", "5", "100", block="B2")]

    result = reconcile(blocks, fills, price_tolerance=TOLERANCE)

    assert [b.kind for b in result.breaks] == [BreakKind.PRICE] * breaks
    assert result.complete


def test_the_reference_is_the_orders_share_weighted_mark(order, block, fill):
    # (10 x 100 + 30 x 104) / 40 = 103
    pair = block(order("O1", "10", price="100"), order("O2", "30", account_id="A2", price="104"))

    (only,) = reconcile([pair], [fill("E1", "40", "110")], price_tolerance=TOLERANCE).breaks

    assert (only.expected, only.found) == (Decimal(103), Decimal(110))


def test_an_execution_of_nothing_we_ordered_is_unknown(blocks, fill):
    fills = [fill("E1", "30", "100"), fill("E3", "5", "100", block="B2"), fill("E9", "3", "100", block="B9")]

    assert found(blocks, fills) == ([(BreakKind.UNKNOWN, "B9", 0, 3)], False)


def test_a_repeated_report_is_no_break_and_a_contradiction_is_an_error(blocks, fill):
    fills = [fill("E1", "30", "100"), fill("E1", "30", "100"), fill("E3", "5", "100", block="B2")]
    assert found(blocks, fills) == ([], True)

    with pytest.raises(DataError, match="expected one content"):
        reconcile(blocks, [*fills, fill("E1", "29", "100")], price_tolerance=TOLERANCE)


def test_after_a_change_what_is_wanted_is_what_is_expected(blocks, fill):
    fills = [fill("E1", "12", "100"), fill("E3", "5", "100", block="B2")]

    assert found(blocks, fills, said=Said(held={ClOrdId("B1"): Decimal(12)})) == ([], True)
    assert found(blocks, fills, said=Said(held={ClOrdId("B1"): Decimal(20)})) == (
        [(BreakKind.MISSING, "B1", 20, 12)], False,
    )  # fmt: skip


def test_a_refused_split_and_shares_that_no_execution_told_of_are_breaks_of_their_own(blocks, fill):
    fills = [fill("E1", "30", "100"), fill("E3", "5", "100", block="B2")]
    said = Said(refused_splits={ClOrdId("B1"): "no such lot"}, filled={ClOrdId("B2"): Decimal(5)})

    result = reconcile(blocks, fills, price_tolerance=TOLERANCE, said=said)
    assert [(each.kind, each.cl_ord_id) for each in result.breaks] == [(BreakKind.LOT, "B1")]
    assert result.breaks[0].sentence.endswith("refused: no such lot")
    assert found(blocks, fills[:1], said=Said(filled={ClOrdId("B2"): Decimal(5)})) == (
        [(BreakKind.MISSING, "B2", 5, 0), (BreakKind.UNREPORTED, "B2", 5, 0)], False,
    )  # fmt: skip
