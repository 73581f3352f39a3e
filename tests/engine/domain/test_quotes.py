"""A source's closes among those of the firm, by hand."""

from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.market import ActionKind, CorporateAction, PriceHistory
from engine.domain.quotes import HeldBack, Quotes, merged, with_actions

MON, TUE, WED, THU = (date(2026, 11, day) for day in (16, 17, 18, 19))


def history(name, *rows):
    """rows: (day, close) or (day, close, adjusted)."""
    full = [(*row, None)[:3] for row in rows]
    return PriceHistory(
        security_id=name,
        dates=tuple(day for day, _, _ in full),
        closes=tuple(D(str(close)) for _, close, _ in full),
        adjusted=tuple(None if adjusted is None else D(str(adjusted)) for _, _, adjusted in full),
    )


def split(day, ratio, name="A"):
    return CorporateAction(security_id=name, ex_date=day, kind=ActionKind.SPLIT, value=D(str(ratio)))


def test_new_days_follow_corrections_replace_and_what_is_not_told_stays():
    known = [history("A", (MON, 10, 9), (TUE, 11, 10)), history("B", (MON, 5))]
    told = Quotes(closes=(history("A", (TUE, 12), (WED, 13)),))

    found, held = merged(known, told, actions=())

    assert found == (history("A", (MON, 10, 9), (TUE, 12), (WED, 13)), history("B", (MON, 5)))
    assert held == ()


def test_a_close_told_again_keeps_its_adjusted_close_unless_the_source_gives_one():
    known = [history("A", (MON, 10, 9))]

    assert merged(known, Quotes(closes=(history("A", (MON, "10.0")),)), actions=())[0][0].adjusted == (D(9),)
    assert merged(known, Quotes(closes=(history("A", (MON, 10, 8)),)), actions=())[0][0].adjusted == (D(8),)


def test_a_sources_adjusted_closes_count_on_every_day_that_it_tells_again():
    known = [history("A", (MON, 10, 9), (TUE, 11, 10))]

    (found,), _ = merged(known, Quotes(closes=(history("A", (MON, 10, 8), (TUE, 11, 7)),)), actions=())

    assert found == history("A", (MON, 10, 8), (TUE, 11, 7))


def test_adjusted_closes_of_before_a_split_are_put_on_the_basis_of_those_after_it():
    """Two for one on THU. The source tells WED again, adjusted for it: 102 is 51, so 100 and 99 are 50 and 49.5."""
    known = [history("A", (MON, 100, 99), (TUE, 100, 100), (WED, 102, 102))]
    told = Quotes(closes=(history("A", (WED, 102, 51), (THU, "51.51", "51.51")),))

    (found,), _ = merged(known, told, actions=[split(THU, 2)])

    assert found == history("A", (MON, 100, "49.5"), (TUE, 100, 50), (WED, 102, 51), (THU, "51.51", "51.51"))


def test_adjusted_closes_that_share_no_day_with_those_of_before_are_left_out():
    known = [history("A", (MON, 100, 100))]

    (found,), _ = merged(known, Quotes(closes=(history("A", (THU, 51, 51)),)), actions=[split(THU, 2)])

    assert found == history("A", (MON, 100, 100), (THU, 51))


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ([(MON, 10), (TUE, 12, 12)], [(MON, 10, 5), (TUE, 12, 6)]),  # Monday was not adjusted
        ([(MON, 10, 10), (TUE, 12, 12)], [(MON, 10), (TUE, 12, 6)]),  # the source does not adjust Monday
        ([(MON, 9, 9), (TUE, 12, 12)], [(MON, 10, 5), (TUE, 12, 6)]),  # Monday's close is corrected
    ],
)
def test_a_day_tells_of_the_basis_only_with_the_same_close_adjusted_on_both_sides(known, told):
    """Tuesday tells: 12 is 6 now. A Friday before, at 8, is 4."""
    friday = date(2026, 11, 13)

    (found,), _ = merged([history("A", (friday, 8, 8), *known)], Quotes(closes=(history("A", *told),)), actions=())

    assert found == history("A", (friday, 8, 4), (MON, 10, 5), (TUE, 12, 6))


def test_a_history_that_was_never_adjusted_takes_the_sources_adjusted_closes_from_now_on():
    (found,), _ = merged([history("A", (MON, 10))], Quotes(closes=(history("A", (TUE, 11, 10)),)), actions=())

    assert found == history("A", (MON, 10), (TUE, 11, 10))


def test_adjusted_closes_on_another_basis_have_eight_decimals_and_on_the_same_one_every_digit_that_they_had():
    known = [history("A", (MON, 1, "1.0000000000001"), (TUE, 3, 3))]

    (third,), _ = merged(known, Quotes(closes=(history("A", (TUE, 3, 1)),)), actions=())
    (same,), _ = merged(known, Quotes(closes=(history("A", (TUE, 3, 3)),)), actions=())

    assert third.adjusted == (D("0.33333333"), D(1))
    assert same.adjusted == known[0].adjusted


def test_a_day_that_was_missing_is_put_in_its_place():
    found, _ = merged([history("A", (MON, 10), (WED, 12))], Quotes(closes=(history("A", (TUE, 11)),)), actions=())

    assert found == (history("A", (MON, 10), (TUE, 11), (WED, 12)),)


def test_a_security_without_a_history_gets_one_at_the_end():
    told = [history(name, (TUE, 11)) for name in "EDCA"]

    found, _ = merged([history("B", (MON, 5))], Quotes(closes=tuple(told)), actions=())

    assert [each.security_id for each in found] == ["B", "A", "C", "D", "E"]


def test_a_security_of_which_the_source_tells_no_close_gets_no_history():
    assert merged([], Quotes(closes=(history("A"),)), actions=()) == ((), ())


def test_a_correction_is_held_against_the_day_before_and_not_against_what_it_corrects():
    known = [history("A", (MON, 100), (TUE, 10), (WED, 101))]

    found, held = merged(known, Quotes(closes=(history("A", (TUE, 100)),)), actions=())

    assert (found, held) == ((history("A", (MON, 100), (TUE, 100), (WED, 101)),), ())


@pytest.mark.parametrize(
    ("close", "taken"), [("140", True), ("140.01", False), ("60", True), ("59.99", False), ("100", True)]
)
def test_a_close_more_than_forty_per_cent_from_the_one_before_is_held_back(close, taken):
    found, held = merged([history("A", (MON, 100))], Quotes(closes=(history("A", (TUE, close)),)), actions=())

    assert (found[0].dates == (MON, TUE)) is taken
    assert held == (() if taken else (HeldBack(security_id="A", on=TUE, close=D(close), before=D(100)),))


def test_nothing_that_follows_a_close_held_back_is_taken():
    told = Quotes(closes=(history("A", (TUE, 50), (WED, 51)), history("B", (TUE, 6))))

    found, held = merged([history("A", (MON, 100)), history("B", (MON, 5))], told, actions=())

    assert found == (history("A", (MON, 100)), history("B", (MON, 5), (TUE, 6)))
    assert [each.on for each in held] == [TUE]


def test_a_split_tells_why_a_price_halved():
    """2-for-1 on Tuesday and 5-for-1 on Thursday: 100, 50, 50, 10."""
    told = Quotes(closes=(history("A", (TUE, 50), (WED, 50), (THU, 10)),))

    found, held = merged([history("A", (MON, 100))], told, actions=[split(THU, 5), split(TUE, 2), split(TUE, 9, "B")])

    assert (found[0].closes, held) == ((100, 50, 50, 10), ())
    assert merged([history("A", (MON, 100))], told, actions=[split(MON, 2)])[1][0].on == TUE  # it was before


def test_a_close_held_back_after_a_split_is_told_beside_the_price_before_in_new_shares():
    """2-for-1 on Tuesday: 100 is 50, and 20 is too far from that."""
    _, held = merged([history("A", (MON, 100))], Quotes(closes=(history("A", (TUE, 20)),)), actions=[split(TUE, 2)])

    assert held == (HeldBack(security_id="A", on=TUE, close=D(20), before=D(50)),)


def test_a_dividend_tells_no_reason_why_a_price_halved():
    paid = CorporateAction(security_id="A", ex_date=TUE, kind=ActionKind.DIVIDEND, value=D(2))

    _, held = merged([history("A", (MON, 100))], Quotes(closes=(history("A", (TUE, 50)),)), actions=[paid])

    assert [each.on for each in held] == [TUE]


def test_of_two_actions_of_one_security_day_and_kind_the_sources_counts():
    paid = CorporateAction(security_id="A", ex_date=MON, kind=ActionKind.DIVIDEND, value=D(1))

    assert with_actions([split(MON, 2), split(TUE, 3)], [split(MON, 4), paid]) == (paid, split(MON, 4), split(TUE, 3))


def test_an_action_of_nothing_is_none():
    with pytest.raises(ValueError, match="split of A on 2026-11-16: value: expected a number > 0, got '0'"):
        split(MON, 0)
