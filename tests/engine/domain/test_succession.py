"""What names, models, rules and prices become."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.market import ActionKind, CorporateAction, Mark, Model, PriceHistory, Security, Substitute
from engine.domain.policy import means
from engine.domain.succession import (
    coming_models,
    endings,
    followed,
    lasting_groups,
    marks_followed,
    models_in_force,
    one_history,
    securities_today,
    substitutes_today,
)

DAY = date(2026, 6, 15)


def merger(old="OLD", new="NEW", *, on=DAY, taxable=False):
    return CorporateAction(
        security_id=old, ex_date=on, kind=ActionKind.MERGER, value=D(2), successor=new, taxable=taxable
    )


def cash_merger(old="OLD", *, on=DAY):
    return CorporateAction(security_id=old, ex_date=on, kind=ActionKind.MERGER, value=D(0), cash=D(9))


def new_id(old="OLD", new="NEW", *, on=DAY):
    return CorporateAction(security_id=old, ex_date=on, kind=ActionKind.TICKER_CHANGE, value=D(1), successor=new)


def new_ticker(name="OLD", ticker="FRESH", *, on=DAY):
    return CorporateAction(security_id=name, ex_date=on, kind=ActionKind.TICKER_CHANGE, value=D(1), ticker=ticker)


def security(name, group=None):
    return Security(security_id=name, ticker=name, name=name, sector="Tech", identical_group=group)


def model(effective=None, **weights):
    pairs = tuple((name, D(weight)) for name, weight in weights.items())
    return Model(model_id="M", weights=pairs, effective=effective)


def history(name, days, closes, adjusted):
    return PriceHistory(
        security_id=name,
        dates=tuple(date(2026, 6, day) for day in days),
        closes=tuple(D(close) for close in closes),
        adjusted=tuple(None if price is None else D(price) for price in adjusted),
    )


# Weights before, what happened, weights after.
WEIGHTS = [
    (model(OLD="0.2", NEW="0.3", C="0.5"), [merger()], {"NEW": D("0.5"), "C": D("0.5")}),
    (model(OLD="0.2", C="0.8"), [new_id()], {"NEW": D("0.2"), "C": D("0.8")}),
    (model(OLD="0.2", C="0.8"), [new_id(), merger("NEW", "LAST")], {"LAST": D("0.2"), "C": D("0.8")}),
    (model(OLD="0.2", C="0.6", D="0.2"), [cash_merger()], {"C": D("0.75"), "D": D("0.25")}),
    (model(OLD="0.7", A="0.1", B="0.1", C="0.1"), [cash_merger()],
     {"A": D("0.333333333334"), "B": D("0.333333333333"), "C": D("0.333333333333")}),
    (model(OLD="0.2000001", C="0.8"), [merger()], {"NEW": D("0.2000001"), "C": D("0.7999999")}),  # was off by 1e-7
    (model(OLD="0.2", C="0.8"), [new_ticker()], {"OLD": D("0.2"), "C": D("0.8")}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "actions", "after"), WEIGHTS)
def test_a_name_that_ended_leaves_its_weight_to_what_it_became(before, actions, after):
    found = followed(before, endings(actions, as_of=DAY))

    assert dict(found.weights) == after
    assert sum(weight for _, weight in found.weights) == 1


def test_an_action_to_come_changes_nothing_yet():
    before = model(OLD="0.2", C="0.8")

    assert followed(before, endings([merger()], as_of=date(2026, 6, 14))) is before


# As of a day: the version in force, and the next one.
VERSIONS = [model(A="1"), model(date(2026, 6, 22), B="1"), model(date(2026, 9, 21), C="1")]


@pytest.mark.parametrize(
    ("on", "name", "coming"),
    [
        (date(2026, 6, 21), "A", date(2026, 6, 22)),
        (date(2026, 6, 22), "B", date(2026, 9, 21)),
        (date(2026, 9, 21), "C", None),
    ],
)
def test_a_model_holds_from_its_day_until_the_next_version_in_whatever_order_they_are_told(on, name, coming):
    for told in (VERSIONS, VERSIONS[::-1]):
        assert dict(models_in_force(told, endings([], as_of=on))["M"].weights) == {name: 1}
        assert [each.effective for each in coming_models(told, as_of=on)] == ([coming] if coming else [])


def test_of_several_models_the_next_to_change_comes_first():
    later = replace(model(date(2026, 8, 3), A="1"), model_id="L")

    assert [each.model_id for each in coming_models([later, *VERSIONS], as_of=DAY)] == ["M", "L"]


def test_the_version_in_force_follows_what_its_names_became():
    found = models_in_force([model(OLD="0.2", C="0.8")], endings([merger()], as_of=DAY))

    assert dict(found["M"].weights) == {"NEW": D("0.2"), "C": D("0.8")}


def test_a_model_of_nothing_but_names_that_became_money_is_left_as_it_is():
    before = model(OLD="1")

    assert followed(before, endings([cash_merger()], as_of=DAY)) is before


def test_a_new_ticker_is_shown_from_its_day_on():
    for on, ticker in ((date(2026, 6, 14), "OLD"), (DAY, "FRESH")):
        assert securities_today([security("OLD")], endings([new_ticker()], as_of=on))["OLD"].ticker == ticker


def test_of_two_new_tickers_the_later_one_is_shown_in_whatever_order_they_are_told():
    first, second = new_ticker(ticker="ONE", on=date(2026, 6, 1)), new_ticker(ticker="TWO")

    for told in ([first, second], [second, first]):
        assert securities_today([security("OLD")], endings(told, as_of=DAY))["OLD"].ticker == "TWO"


def test_an_old_id_joins_the_twins_of_a_new_one_that_has_some():
    found = securities_today([security("OLD", "G"), security("NEW", "N")], endings([new_id()], as_of=DAY))

    assert (found["OLD"].group, found["NEW"].group) == ("N", "N")


def test_what_ended_cannot_be_traded():
    found = securities_today([security("OLD"), security("NEW")], endings([merger()], as_of=DAY))

    assert (found["OLD"].tradable, found["NEW"].tradable) == (False, None)


# The wash-sale groups of OLD and NEW so many days after, and those that a ledger of the whole history takes.
GROUPS = [
    (merger(), 0, ("NEW", "NEW"), ("OLD", "NEW")),
    (merger(), 61, ("NEW", "NEW"), ("OLD", "NEW")),
    (merger(), 62, ("OLD", "NEW"), ("OLD", "NEW")),
    (merger(taxable=True), 0, ("OLD", "NEW"), ("OLD", "NEW")),
    (cash_merger(), 0, ("OLD", "NEW"), ("OLD", "NEW")),
    (new_id(), 900, ("OLD", "OLD"), ("OLD", "OLD")),
]


@pytest.mark.parametrize(("action", "days", "today", "always"), GROUPS)
def test_a_predecessor_is_identical_with_its_successor_while_a_wash_sale_can_reach_over(action, days, today, always):
    known = [security("OLD"), security("NEW")]
    ended = endings([action], as_of=date.fromordinal(DAY.toordinal() + days))

    found, lasting = securities_today(known, ended), lasting_groups(known, ended)

    assert (found["OLD"].group, found["NEW"].group) == today
    assert (lasting["OLD"], lasting["NEW"]) == always


def test_a_new_id_joins_the_twins_of_the_old_one():
    found = securities_today(
        [security("OLD", "G"), security("TWIN", "G"), security("NEW")], endings([new_id()], as_of=DAY)
    )

    assert {name: each.group for name, each in found.items()} == {"OLD": "G", "TWIN": "G", "NEW": "G"}


def test_substitutes_follow_and_none_stands_in_for_itself():
    told = [Substitute(security_id=a, substitute_id=b, rank=r) for a, b, r in
            (("OLD", "NEW", 1), ("OLD", "C", 2), ("C", "OLD", 1), ("C", "NEW", 2), ("D", "GONE", 1))]  # fmt: skip

    found = substitutes_today(told, endings([merger(), cash_merger("GONE")], as_of=DAY))

    assert [(each.security_id, each.substitute_id, each.rank) for each in found] == [("NEW", "C", 2), ("C", "NEW", 1)]


@pytest.mark.parametrize(
    ("actions", "meant"),
    [
        ([merger()], {"OLD", "NEW"}),
        ([new_id()], {"OLD", "NEW"}),
        ([new_id(), merger("NEW", "LAST")], {"OLD", "LAST"}),
        ([cash_merger()], {"OLD"}),
        ([merger(on=date(2026, 6, 16))], {"OLD"}),  # not yet
        ([new_ticker()], {"OLD"}),
    ],
)
def test_the_id_of_a_name_that_ended_means_what_it_became_in_the_end(actions, meant):
    securities = [security(name) for name in ("OLD", "NEW", "LAST", "OTHER")]

    found = securities_today(securities, endings(actions, as_of=DAY))

    assert {name for name, each in found.items() if means("OLD", each)} == meant


def test_of_the_names_that_one_was_before_the_last_to_end_comes_first():
    names = [security("NEW")]

    found = securities_today(names, endings([new_id("A", "B", on=date(2026, 1, 5)), new_id("B", "NEW")], as_of=DAY))

    assert found["NEW"].predecessors == ("B", "A")


def test_two_names_that_became_each_other_are_nothing_today():
    assert endings([merger("A", "B"), merger("B", "A")], as_of=DAY).today("A") is None


def test_a_new_id_has_the_past_of_the_old_one_and_no_jump_at_the_seam():
    """OLD closed at 20 (adjusted 10); NEW opens at 22, adjusted 11: a step of 10 % in closes and in adjusted closes."""
    told = [history("OLD", [11, 12, 15], [18, 20, 99], [9, 10, 99]), history("NEW", [15, 16], [22, 33], [11, "16.5"])]
    split = CorporateAction(security_id="OLD", ex_date=date(2026, 6, 12), kind=ActionKind.SPLIT, value=D(2))

    found, actions = one_history(told, [split], endings([new_id()], as_of=date(2026, 6, 16)))

    assert found[1] == history("NEW", [11, 12, 15, 16], [18, 20, 22, 33], [9, 10, 11, "16.5"])
    assert found[0] == told[0]
    assert [(action.security_id, action.kind) for action in actions] == [
        ("OLD", ActionKind.SPLIT), ("NEW", ActionKind.SPLIT)
    ]  # fmt: skip


def test_only_splits_and_dividends_of_an_id_before_the_change_belong_to_the_new_one():
    def of_old(kind, day, **more):
        return CorporateAction(security_id="OLD", ex_date=date(2026, 6, day), kind=kind, value=D(2), **more)

    told = [of_old(ActionKind.DIVIDEND, 12), of_old(ActionKind.SPIN_OFF, 12, successor="C", basis_fraction=D("0.5")),
            of_old(ActionKind.SPLIT, 15), of_old(ActionKind.SPLIT, 16)]  # fmt: skip

    _, actions = one_history([history("OLD", [11], [18], [9])], told, endings([new_id()], as_of=DAY))

    assert actions[:4] == tuple(told)
    assert [(action.security_id, action.kind) for action in actions[4:]] == [("NEW", ActionKind.DIVIDEND)]


def test_a_merger_joins_no_two_histories_and_no_two_marks():
    told = [history("OLD", [11], [18], [9]), history("NEW", [15], [22], [11])]
    ended, mark = endings([merger()], as_of=DAY), Mark(price=D(20), on=date(2026, 6, 12))

    assert one_history(told, [], ended) == (tuple(told), ())
    assert marks_followed({"OLD": mark}, ended) == {"OLD": mark}


@pytest.mark.parametrize("empty", [[], [history("NEW", [], [], [])]])
def test_a_new_id_without_a_price_yet_has_the_past_of_the_old_one(empty):
    found, _ = one_history([history("OLD", [11, 12], [18, 20], [9, 10]), *empty], [], endings([new_id()], as_of=DAY))

    assert found[-1] == history("NEW", [11, 12], [18, 20], [9, 10])


def test_a_new_id_with_a_past_as_long_keeps_its_own():
    told = [history("OLD", [12], [20], [10]), history("NEW", [11, 12], [22, 23], [11, 12])]

    assert one_history(told, [], endings([new_id()], as_of=DAY))[0][1] == told[1]


def test_a_past_on_another_basis_is_put_on_the_new_one():
    told = [history("OLD", [11, 12], [18, 20], [36, 40]), history("NEW", [15], [22], [11])]

    found, _ = one_history(told, [], endings([new_id()], as_of=date(2026, 6, 16)))

    assert found[1].adjusted == (9, 10, 11)


def test_a_name_without_adjusted_closes_goes_on_by_its_closes():
    told = [history("OLD", [12], [20], [10]), history("NEW", [15], [22], [None])]

    found, _ = one_history(told, [], endings([new_id()], as_of=date(2026, 6, 16)))

    assert found[1] == history("NEW", [12, 15], [20, 22], [None, None])


def test_moves_of_a_new_id_are_measured_from_the_mark_of_the_old_one():
    mark, own = Mark(price=D(20), on=date(2026, 6, 12)), Mark(price=D(22), on=DAY)

    assert marks_followed({"OLD": mark}, endings([new_id()], as_of=DAY))["NEW"] == mark
    assert marks_followed({"OLD": mark, "NEW": own}, endings([new_id()], as_of=DAY))["NEW"] == own
