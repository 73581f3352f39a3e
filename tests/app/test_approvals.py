"""Approvals: decisions on what was seen and nothing else, and sending exactly what was confirmed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.steps import approvals, execute, plan, reconcile, review
from app.steps.market import todays_market
from app.steps.outgoing import notional, outgoing, seal_of
from app.tables.execute import signed_table
from connectors.fix.wire import decode
from connectors.sandbox.custodian import fill_file
from engine.domain.errors import CheckFailed, DataError, IllegalMove, NotAllowed
from engine.domain.lifecycle import Action, PlanState
from engine.domain.plans import Side

CLOSES = {"AAA": Decimal(100), "BBB": Decimal(100), "CCC": Decimal(50), "DDD": Decimal(20)}


def version(services, plan_id):
    return services.plans.get(plan_id).version


def state(services, plan_id):
    return services.plans.get(plan_id).state


# What would be sent


def test_what_is_shown_before_is_what_is_sent_after(services, person, in_review):
    plan_ids = [in_review("T1"), in_review("T2")]
    before = outgoing(services, plan_ids)

    outcomes = approvals.approve_and_send(
        services, {each: version(services, each) for each in plan_ids}, actor=person("alan"), comment="",
        confirmed=before.seal,
    )  # fmt: skip

    assert [(each.done, each.state, each.said) for each in outcomes] == [
        (True, PlanState.SENT, "approved and sent")
    ] * 2
    shown = {(block.cl_ord_id, block.ticker, block.side, block.quantity) for block in before.blocks}
    stored = {
        (block.cl_ord_id, block.ticker, block.side, block.quantity)
        for plan_id in plan_ids
        for block in services.orders.blocks(plan_id)
    }
    assert shown == stored
    sides = {"1": Side.BUY, "2": Side.SELL}
    (folder,) = services.exports.iterdir()
    written = {
        (message.require(11), message.require(55), sides[message.require(54)], Decimal(message.require(38)))
        for each in before.destinations
        for message in decode((folder / each.files[0]).read_bytes())
    }
    assert shown == written


def test_the_confirmation_states_names_dollars_and_destinations(services, in_review):
    stated = outgoing(services, [in_review("T1"), in_review("T2")])

    # T1 at One: 12 AAA x 100 sold, 4 x 100 + 8 x 50 + 20 x 20 bought. T2 at Two raises cash: 6 AAA, 4 BBB x 100.
    one, two = stated.destinations
    assert (one.custodian, one.comp_id, one.files) == ("One", "ONE", ("orders-one.fix", "lots-one.csv"))
    assert (two.custodian, two.comp_id, two.files) == ("Two", "TWO", ("orders-two.fix", "lots-two.csv"))
    assert (one.usd(Side.SELL), one.usd(Side.BUY)) == (1200, 1200)
    assert (two.usd(Side.SELL), two.usd(Side.BUY)) == (1000, 0)
    assert (stated.usd(Side.SELL), stated.usd(Side.BUY)) == (2200, 1200)
    assert notional(one.blocks[0]) == Decimal("1200.00")
    table = signed_table(stated.blocks, todays_market(services).securities)
    assert list(table[["Side", "Ticker", "Shares", "Dollars", "To"]].itertuples(index=False, name=None)) == [
        ("sell", "AAA", 12, 1200, "One"),
        ("buy", "BBB", 4, 400, "One"),
        ("buy", "CCC", 8, 400, "One"),
        ("buy", "DDD", 20, 400, "One"),
        ("sell", "AAA", 6, 600, "Two"),
        ("sell", "BBB", 4, 400, "Two"),
    ]


def test_if_anything_else_would_go_than_was_confirmed_nothing_is_approved_and_nothing_goes(services, person, in_review):
    first, second = in_review("T1"), in_review("T2")
    only_first = outgoing(services, [first]).seal

    with pytest.raises(CheckFailed, match="no longer what was confirmed, and nothing was done"):
        approvals.approve_and_send(
            services, {first: 2, second: 2}, actor=person("alan"), comment="", confirmed=only_first
        )

    assert {state(services, first), state(services, second)} == {PlanState.IN_REVIEW}
    review.decide(services, first, Action.APPROVE, actor=person("alan"), comment="", seen=first)
    with pytest.raises(CheckFailed, match="no longer what was confirmed, and nothing was sent"):
        execute.send(services, [first], actor=person("alan"), confirmed=outgoing(services, [second]).seal)
    assert state(services, first) is PlanState.APPROVED
    assert not services.exports.exists()


@pytest.mark.parametrize(
    "other",
    [
        {"lot_id": "t1-other"},
        {"acquired": date(2020, 1, 2)},
        {"cost_per_share": Decimal("123.45")},
    ],
)
def test_everything_that_a_custodian_is_told_of_a_lot_is_in_the_seal(services, in_review, other):
    (there,) = outgoing(services, [in_review("T1")]).destinations
    blocks = there.blocks
    (sale,) = (block for block in blocks if block.side is Side.SELL)
    (order,) = sale.allocations
    (lot,) = order.lots
    changed = replace(sale, allocations=(replace(order, lots=(replace(lot, **other),)),))

    def sealed(some):
        return seal_of("LOTSMITH", [replace(there, blocks=tuple(some))])

    assert sealed([changed if block is sale else block for block in blocks]) != sealed(blocks)
    assert sealed(reversed(blocks)) == sealed(blocks)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"destinations": {"One": {"target": "STRANGER"}}},
        {"destinations": {"One": {"route": "fidelity"}}},
        {"destinations": {"One": {"lots": "order"}}},
        {"sender": "ANOTHER"},
    ],
)
def test_orders_that_would_go_elsewhere_or_by_another_name_are_not_what_was_confirmed(
    services, person, in_review, elsewhere
):
    plan_id = in_review("T1")
    shown = outgoing(services, [plan_id])
    services = replace(services, connections={"fix": elsewhere})

    with pytest.raises(CheckFailed, match="no longer what was confirmed, and nothing was done"):
        approvals.approve_and_send(services, {plan_id: 2}, actor=person("alan"), comment="", confirmed=shown.seal)
    review.decide(services, plan_id, Action.APPROVE, actor=person("alan"), comment="", seen=plan_id)
    with pytest.raises(CheckFailed, match="no longer what was confirmed, and nothing was sent"):
        execute.send(services, [plan_id], actor=person("alan"), confirmed=shown.seal)

    assert state(services, plan_id) is PlanState.APPROVED


def test_files_that_are_written_again_carry_the_names_that_were_confirmed(services, person, in_review, tmp_path):
    plan_id = in_review("T1")
    approvals.approve_and_send(
        services, {plan_id: 2}, actor=person("alan"), comment="", confirmed=outgoing(services, [plan_id]).seal
    )
    renamed = replace(
        services, connections={"fix": {"sender": "ANOTHER", "destinations": {"One": {"target": "STRANGER"}}}}
    )

    execute.export_again(renamed, [plan_id], folder=tmp_path / "again")

    written = decode((tmp_path / "again" / "orders-one.fix").read_bytes())
    assert {(message.require(49), message.require(56)) for message in written} == {("LOTSMITH", "ONE")}


def test_a_lot_that_costs_something_else_since_it_was_shown_is_not_what_was_confirmed(
    services, desk, person, in_review, tmp_path
):
    plan_id = in_review("T1")
    shown = outgoing(services, [plan_id])
    assert desk.run("export", str(tmp_path / "firm")).code == 0
    lots = (tmp_path / "firm" / "lots.csv").read_text()
    assert "t1-a-loss,AAA,100,140," in lots
    (tmp_path / "firm" / "lots.csv").write_text(lots.replace("t1-a-loss,AAA,100,140,", "t1-a-loss,AAA,100,141,"))
    assert desk.run("import", str(tmp_path / "firm")).code == 0

    with pytest.raises(CheckFailed, match="no longer what was confirmed, and nothing was done"):
        approvals.approve_and_send(services, {plan_id: 2}, actor=person("alan"), comment="", confirmed=shown.seal)

    assert state(services, plan_id) is PlanState.IN_REVIEW


def test_two_plans_of_one_account_cannot_be_confirmed_together(services, in_review):
    plan_ids = [in_review("T1"), in_review("T1", risk_aversion=50.0)]

    with pytest.raises(DataError, match="account T1: expected one plan of it to send, found two"):
        outgoing(services, plan_ids)


# Decisions


def test_of_two_people_at_once_the_second_is_told_who_was_first_and_nothing_is_approved_twice(
    services, person, in_review
):
    plan_id = in_review()
    seen = version(services, plan_id)
    approvals.act(services, plan_id, Action.APPROVE, actor=person("ada"), comment="", version=seen)

    with pytest.raises(IllegalMove) as refused:
        approvals.act(services, plan_id, Action.REQUEST_CHANGES, actor=person("alan"), comment="no", version=seen)

    assert str(refused.value) == (
        f"nothing was done: Ada Advisor approved plan {plan_id[:12]} at 21:00:00 UTC, after you had opened it; "
        "it is approved now"
    )
    assert [move.action for move in services.plans.history(plan_id)].count(Action.APPROVE) == 1


def test_a_plan_that_was_held_and_resumed_in_between_is_looked_at_again(services, person, in_review):
    plan_id = in_review()
    seen = version(services, plan_id)
    for action in (Action.HOLD, Action.RESUME):
        approvals.act(
            services, plan_id, action, actor=person("cora"), comment="a call", version=version(services, plan_id)
        )

    with pytest.raises(IllegalMove, match=r"nothing was done: Cora Compliance resumed plan .* it is in review now"):
        approvals.act(services, plan_id, Action.APPROVE, actor=person("alan"), comment="", version=seen)

    assert state(services, plan_id) is PlanState.IN_REVIEW


def test_approving_several_refuses_one_without_the_others(services, person, in_review):
    mine = plan.keep(
        services, plan.what_if(services, "T2", plan.default_settings(services, "T2")), actor="pia"
    )  # pia both makes and approves plans
    review.submit(services, mine, actor=person("pia"))
    other = in_review("T1")

    outcomes = approvals.approve_all(
        services, {each: version(services, each) for each in (mine, other)}, actor=person("pia"), comment=""
    )

    assert [(each.account_id, each.done, each.state) for each in outcomes] == [
        ("T2", False, PlanState.IN_REVIEW), ("T1", True, PlanState.APPROVED),
    ]  # fmt: skip
    assert "made, edited or proposed this plan and may not approve it" in outcomes[0].said
    assert outcomes[1].said == "approved"


def test_several_are_sent_to_review_and_one_that_moved_meanwhile_stays_as_it_is(services, person, in_review):
    def draft(account_id):
        settings = plan.default_settings(services, account_id)
        return plan.keep(services, plan.what_if(services, account_id, settings), actor="maya")

    calm, moved = draft("T1"), draft("T2")
    seen = {each: version(services, each) for each in (moved, calm)}
    review.propose(services, moved, actor=person("ada"))

    outcomes = approvals.submit_all(services, seen, actor=person("maya"))

    assert [(each.account_id, each.done, each.state) for each in outcomes] == [
        ("T2", False, PlanState.PROPOSED), ("T1", True, PlanState.IN_REVIEW),
    ]  # fmt: skip
    assert "Ada Advisor proposed" in outcomes[0].said
    assert outcomes[1].said == "sent to review"


@pytest.mark.parametrize(("who", "says"), [("ada", "may not release"), ("maya", "may not approve"), ("pia", "made")])
def test_who_may_not_send_approves_nothing_on_the_way(services, person, in_review, who, says):
    plan_id = in_review()
    if who == "pia":
        plan.keep(services, plan.kept(services, plan_id), actor="pia")  # now one of its makers

    with pytest.raises(NotAllowed, match=says):
        approvals.approve_and_send(
            services, {plan_id: 2}, actor=person(who), comment="", confirmed=outgoing(services, [plan_id]).seal
        )

    assert state(services, plan_id) is PlanState.IN_REVIEW


@pytest.fixture
def wrong(services, person):
    """A plan of T1 that claims 100 USD less tax, in review as only a fault of the program could put it there."""
    found = plan.what_if(services, "T1", plan.default_settings(services, "T1"))
    tax = replace(found.plan.tax, liability=found.plan.tax.liability - 100)
    plan_id = plan.keep(services, replace(found, plan=replace(found.plan, tax=tax)), actor="maya")
    for action in (Action.PROPOSE, Action.SUBMIT):
        services.plans.move(plan_id, action, person("maya"), at=services.now())
    return plan_id


def test_of_plans_to_be_sent_together_none_is_approved_where_the_last_does_not_pass(services, person, in_review, wrong):
    plan_ids = [in_review("T2"), wrong]

    with pytest.raises(CheckFailed, match=f"plan {wrong[:12]} does not pass, and nothing was done: .*tax: liability"):
        approvals.approve_and_send(
            services, {each: version(services, each) for each in plan_ids}, actor=person("alan"), comment="",
            confirmed=outgoing(services, plan_ids).seal,
        )  # fmt: skip

    assert [state(services, each) for each in plan_ids] == [PlanState.IN_REVIEW] * 2


def test_of_plans_to_be_sent_together_none_is_approved_where_two_would_wash_each_other(services, person, in_review):
    base = plan.keep(services, plan.what_if(services, "I1", plan.default_settings(services, "I1")), actor="maya")
    bought = review.adjust(services, base, {"AAA": Decimal(5)})
    buys = review.save_adjusted(services, base, bought, actor=person("maya"), comment="by hand")
    harvest = in_review("T1")  # sells 12 AAA at a loss
    for action in (Action.PROPOSE, Action.SUBMIT):  # past the checks, as a fault of the program would
        services.plans.move(buys, action, person("maya"), at=services.now())
    plan_ids = [in_review("T2"), harvest, buys]

    with pytest.raises(CheckFailed, match="nothing was done"):
        approvals.approve_and_send(
            services, {each: version(services, each) for each in plan_ids}, actor=person("alan"), comment="",
            confirmed=outgoing(services, plan_ids).seal,
        )  # fmt: skip

    assert [state(services, each) for each in plan_ids] == [PlanState.IN_REVIEW] * 3


def test_who_may_approve_leaves_out_the_makers(services):
    assert [user.user_id for user in approvals.who_may(services, Action.APPROVE, {"maya"})] == ["ada", "alan", "pia"]
    assert [user.user_id for user in approvals.who_may(services, Action.SEND, {"pia"})] == ["alan"]


# In part


@pytest.fixture
def loose(in_review):
    """A plan of T2 that invests 1,000 USD in equal parts and may keep cash, so that it stands with a purchase less."""
    return in_review("T2", withdrawal=Decimal(0), deposit=Decimal(1000), max_cash=1.0)


def trades(services, plan_id):
    return {trade["security_id"]: trade["quantity"] for trade in services.plans.get(plan_id).document["trades"]}


def test_a_part_that_is_cut_is_a_new_draft_and_who_cut_it_approves_it_no_more(services, person, loose):
    assert trades(services, loose) == {"AAA": 5, "BBB": 5}
    part = approvals.part_of(services, loose, {"AAA"})

    draft = approvals.return_part(
        services, loose, part, actor=person("alan"), comment="not that one", version=version(services, loose)
    )

    assert trades(services, draft) == {"AAA": 5}
    stored = services.plans.get(draft)
    assert (stored.state, stored.parent_id, set(stored.makers)) == (PlanState.DRAFT, loose, {"maya", "alan"})
    assert state(services, loose) is PlanState.CHANGES_REQUESTED
    review.submit(services, draft, actor=person("maya"))
    with pytest.raises(NotAllowed, match="Alan Approver made, edited or proposed this plan"):
        approvals.act(
            services, draft, Action.APPROVE, actor=person("alan"), comment="", version=version(services, draft)
        )
    approvals.act(services, draft, Action.APPROVE, actor=person("ada"), comment="", version=version(services, draft))


def test_who_only_asks_for_a_part_may_approve_what_the_maker_makes_of_it(services, person, loose):
    approvals.ask_for_part(
        services, loose, {"AAA"}, actor=person("alan"), comment="too soon", version=version(services, loose)
    )

    said = services.plans.history(loose)[-1].comment
    assert said == "too soon; please propose these 1 of 2 trades alone: AAA +5"
    part = review.adjust(services, loose, {"BBB": Decimal(0)})
    draft = review.save_adjusted(services, loose, part, actor=person("maya"), comment="as asked")
    review.submit(services, draft, actor=person("maya"))
    approvals.act(services, draft, Action.APPROVE, actor=person("alan"), comment="", version=version(services, draft))
    assert state(services, draft) is PlanState.APPROVED


@pytest.mark.parametrize(("kept", "says"), [((), "at least one trade to keep"), (None, "every trade is kept")])
def test_a_part_is_neither_nothing_nor_everything(services, loose, kept, says):
    with pytest.raises(DataError, match=says):
        approvals.part_of(services, loose, set(trades(services, loose)) if kept is None else set(kept))


# What comes back


def test_answers_are_told_by_custodian_as_they_come_in(services, person, in_review):
    plan_id = in_review("T1")
    approvals.approve_and_send(
        services, {plan_id: 2}, actor=person("alan"), comment="", confirmed=outgoing(services, [plan_id]).seal
    )
    (before,) = reconcile.arrivals(services, plan_id)
    assert (before.custodian, len(before.blocks), before.at) == ("One", 4, None)
    assert (before.acknowledged, before.waiting) == (frozenset(), before.blocks)
    nothing_yet = reconcile.answers_so_far(services, plan_id)
    assert nothing_yet == reconcile.answers_so_far(services, plan_id)
    assert reconcile.present_breaks(services, services.plans.get(plan_id)) == ()  # shares may still come

    (folder,) = services.exports.iterdir()
    fill_file(folder / "orders-one.fix", {**CLOSES}, folder / "fills-one.fix")
    seen = reconcile.answers_so_far(services, plan_id)
    assert seen != nothing_yet
    assert reconcile.take_in(services, plan_id) > 0
    assert reconcile.take_in(services, plan_id) == 0

    (after,) = reconcile.arrivals(services, plan_id)
    assert (after.acknowledged, after.rejected, after.waiting) == (before.blocks, frozenset(), frozenset())
    assert (after.shares, after.filled) == (44, 44)  # 12 + 4 + 8 + 20
    assert state(services, plan_id) is PlanState.RECONCILED


def test_a_plan_with_a_break_comes_before_one_without(services, person, in_review):
    one, two = in_review("T1"), in_review("T2")
    for plan_id in (one, two):
        approvals.approve_and_send(
            services, {plan_id: 2}, actor=person("alan"), comment="", confirmed=outgoing(services, [plan_id]).seal
        )
    last = services.plans.heads(states=[PlanState.SENT])[-1].plan_id  # the order that breaks have to undo
    name, missing = {one: ("one", "DDD"), two: ("two", "BBB")}[last]  # a ticker without a close is rejected
    (orders,) = services.exports.glob(f"*/orders-{name}.fix")
    closes = {ticker: close for ticker, close in CLOSES.items() if ticker != missing}
    fill_file(orders, closes, orders.with_name(f"fills-{name}.fix"))
    reconcile.take_in(services, last)

    found = reconcile.sendings(services, states=[PlanState.SENT, PlanState.FILLED])

    assert [(each.head.plan_id, len(each.breaks)) for each in found] == [(last, 1), (({one, two} - {last}).pop(), 0)]
    (arrival,) = found[0].arrivals
    assert len(arrival.rejected) == 1
    filled = {one: Decimal(24) / 44, two: Decimal(6) / 10}  # 12 + 4 + 8 of 44 shares, 6 of 10
    assert found[0].filled_pct == pytest.approx(100 * float(filled[last]))
