"""The newest opinion of a plan is kept, whole."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from data.opinions import Opinion, OpinionStore
from engine.domain.plans import Check, Verdict


def test_an_opinion_comes_back_as_it_was_and_makes_way_for_the_next(database, draft, at):
    opinions = OpinionStore(database)
    plan_id, other = draft("A1"), draft("A2")
    opinion = Opinion(
        plan_id=plan_id,
        checker="checker 1",
        inputs_hash="ab",
        checks=(Check(rule="tax", verdict=Verdict.WARN, detail="1 USD off"),),
        year_gain=Decimal("-1200.50"),
        seen="cd",
        on=date(2026, 11, 20),
        stale=("AAA has moved", "cash would be overdrawn"),
        washed=("AAA",),
        at=at,
    )

    opinions.keep(opinion)
    assert opinions.of([plan_id, other]) == {plan_id: opinion}

    next_one = replace(opinion, checks=(), year_gain=None, on=date(2026, 11, 23), stale=(), washed=())
    opinions.keep(next_one)
    assert opinions.of([plan_id]) == {plan_id: next_one}
