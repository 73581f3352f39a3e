"""Approvals: the queue's order, decisions on what was seen and nothing else, and sending exactly what was confirmed."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.steps import approvals, execute, plan, reconcile, review
from app.steps.cut_off import cut_offs
from app.steps.market import todays_market
from app.steps.outgoing import notional, outgoing, seal_of
from app.steps.queue import Assessment, Assessor, Entry, Order, Standing, ranked
from app.tables.execute import signed_table
from app.tables.review import check_table, filtered_entries, queue_table, verdict_line
from connectors.fix.wire import decode
from connectors.sandbox.custodian import fill_file
from engine.domain.errors import CheckFailed, DataError, IllegalMove, NotAllowed
from engine.domain.lifecycle import Action, PlanState
from engine.domain.plans import Check, Side, Verdict

CLOSES = {"AAA": Decimal(100), "BBB": Decimal(100), "CCC": Decimal(50), "DDD": Decimal(20)}
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # in New York


@pytest.fixture
def services(desk):
    found = desk.services()
    yield found
    found.database.close()


@pytest.fixture
def person(services):
    return services.users.user


@pytest.fixture
def in_review(services, person):
    """in_review(account, **settings) is a plan that maya made and put before the reviewers."""

    def put(account_id="T1", **changes):
        settings = replace(plan.default_settings(services, account_id), **changes)
        plan_id = plan.keep(services, plan.what_if(services, account_id, settings), actor="maya")
        review.submit(services, plan_id, actor=person("maya"))
        return plan_id

    return put


def version(services, plan_id):
    return services.plans.get(plan_id).version


def state(services, plan_id):
    return services.plans.get(plan_id).state


# The queue


@pytest.fixture
def entry(services, in_review):
    """entry(name, ...) is a plan of T1 as the queue would show it with these verdicts and this cut-off."""
    (base,) = Assessor().entries(services, [services.plans.get(in_review())])

    def make(name, *verdicts, minutes=60, shares=1, stale=(), checked=True, age=0):
        checks = tuple(Check(rule=each, verdict=each, detail="") for each in verdicts)
        found = Assessment(planned=checks, second=(), stale=stale, year_gain=None) if checked else None
        trades = tuple(replace(trade, amount=trade.amount * shares) for trade in base.plan.trades)
        made = base.head.created_at - timedelta(hours=age)
        return Entry(
            head=replace(base.head, plan_id=name, created_at=made),
            plan=replace(base.plan, trades=trades),
            account=base.account,
            household=base.household,
            cut_off=NOON + timedelta(minutes=minutes),
            assessment=found,
        )

    return make


def names(entries):
    return "".join(entry.head.plan_id for entry in entries)


def test_by_risk_the_worst_verdict_comes_first_and_what_no_longer_holds_last(entry):
    queue = [
        entry("p", Verdict.PASS),
        entry("s", Verdict.PASS, stale=("AAA has moved",), minutes=1),
        entry("c", checked=False),
        entry("w", Verdict.PASS, Verdict.WARN),
        entry("f", Verdict.WARN, Verdict.FAIL),
    ]

    assert names(ranked(queue)) == "fwcps"
    assert [each.standing for each in ranked(queue)] == [
        Standing.FAILS, Standing.REMARKS, Standing.CHECKING, Standing.PASSES, Standing.STALE,
    ]  # fmt: skip


def test_of_one_verdict_the_soonest_cut_off_and_then_the_most_dollars_come_first(entry):
    queue = [
        entry("a", Verdict.PASS, minutes=30, shares=1),
        entry("b", Verdict.PASS, minutes=30, shares=5),
        entry("c", Verdict.PASS, minutes=10, shares=1),
        entry("d", Verdict.WARN, minutes=90, shares=1),
    ]

    assert names(ranked(queue)) == "dcba"
    assert names(ranked(queue, Order.CUT_OFF)) == "cbad"


def test_the_oldest_first_where_that_is_asked_for(entry):
    queue = [entry("a", Verdict.FAIL, age=1), entry("b", Verdict.PASS, age=30), entry("c", Verdict.PASS, age=2)]

    assert names(ranked(queue, Order.OLDEST)) == "bca"


@pytest.mark.parametrize("order", list(Order))
def test_what_no_longer_holds_is_last_by_every_rule(entry, order):
    queue = [entry("s", Verdict.PASS, stale=("AAA has moved",), minutes=1, age=99), entry("p", Verdict.PASS)]

    assert names(ranked(queue, order)) == "ps"


def test_a_row_of_the_queue_shows_the_plan_as_it_is(entry):
    # T1 sells 12 AAA for 1,200 USD, and buys as much: 2,400 USD in all.
    row = queue_table([entry("p", Verdict.PASS, Verdict.WARN, minutes=134)], NOON).iloc[0]

    assert (row["account"], row["traded"], row["time_left"]) == ("T1", 2400.0, "2 h 14 min left")
    assert (row["standing"], row["checks"]) == ("! remarks", "1 of 2")
    assert row["made_by"] == "maya"


def test_filters_leave_what_matches_each_of_them(entry):
    passes, fails = entry("p", Verdict.PASS), entry("f", Verdict.FAIL)

    assert names(filtered_entries([passes, fails])) == "pf"
    assert names(filtered_entries([passes, fails], standings=["✗ fails"])) == "f"
    assert names(filtered_entries([passes, fails], custodians=["Two"])) == ""
    assert names(filtered_entries([passes, fails], standings=["✓ passes"], custodians=["One"])) == "p"


def test_every_check_of_both_checkers_is_shown_with_the_worst_first(services, in_review):
    plan_id = in_review()
    head = services.plans.get(plan_id)

    found = Assessor().entry(services, head).assessment
    table = check_table(found)

    document, second = head.document["checks"], review.checks(services, plan_id)
    assert len(table) == len(document) + len(second) + 1  # and whether it still holds today
    assert set(table["rule"]) >= {check["rule"] for check in document} | {check.rule for check in second}
    remarked = check_table(replace(found, second=(Check(rule="x", verdict=Verdict.FAIL, detail="because"),)))
    assert tuple(remarked.iloc[0]) == ("✗ fails", "x", "because", "second checker")


def test_a_plan_whose_price_moved_no_longer_holds_in_the_queue(services, desk, in_review, hand_firm, tmp_path):
    plan_id, checker = in_review(), Assessor()
    assert checker.entry(services, services.plans.get(plan_id)).standing is Standing.PASSES

    for file in hand_firm.rglob("*"):
        if file.is_file():
            target = tmp_path / file.relative_to(hand_firm)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.read_text().replace("AAA,2026-11-20,100", "AAA,2026-11-20,106"))
    assert desk.run("import", str(tmp_path)).code == 0

    entry = checker.entry(services, services.plans.get(plan_id))
    assert entry.standing is Standing.STALE
    assert any("AAA has moved 6.0% since the plan" in reason for reason in entry.assessment.stale)


def test_an_approval_grows_too_old_in_the_queue_without_anything_happening(services, person, in_review):
    plan_id, checker = in_review(), Assessor()
    approvals.act(services, plan_id, Action.APPROVE, actor=person("alan"), comment="", version=2)
    head, approved = services.plans.get(plan_id), services.now()

    def seen_after(passed):
        later = replace(services, now=lambda: approved + passed)
        return [checker.entry(later, head), *checker.entries(later, [head])]

    assert {each.standing for each in seen_after(timedelta(days=3))} == {Standing.PASSES}
    late = seen_after(timedelta(days=3, seconds=1))
    assert {each.standing for each in late} == {Standing.STALE}
    assert {each.assessment.stale for each in late} == {("approved on 2026-11-20 21:00; an approval lasts 3 days",)}


def test_a_plan_that_was_held_after_its_approval_does_not_age_while_it_is_in_review_again(services, person, in_review):
    plan_id, approved = in_review(), services.now()
    for action, who in ((Action.APPROVE, "alan"), (Action.HOLD, "cora"), (Action.RESUME, "cora")):
        approvals.act(
            services, plan_id, action, actor=person(who), comment="a call", version=version(services, plan_id)
        )
    later = replace(services, now=lambda: approved + timedelta(days=9))

    assert Assessor().entry(later, services.plans.get(plan_id)).standing is Standing.PASSES


def test_on_another_day_of_the_firm_a_plan_is_checked_again(services, person, in_review):
    first, second, checker = in_review("T1"), in_review("T2"), Assessor()
    head = services.plans.get(second)
    checker.entry(services, head)
    monday = replace(services, now=lambda: datetime(2026, 11, 23, 21, 0, tzinfo=UTC))
    approvals.approve_and_send(
        monday, {first: 2}, actor=person("alan"), comment="", confirmed=outgoing(services, [first]).seal
    )
    (folder,) = services.exports.iterdir()
    fill_file(folder / "orders-one.fix", CLOSES, folder / "fills-one.fix")
    reconcile.take_in(monday, first)  # the fills are of Monday: so is the firm, then
    assert services.firm.firm().as_of == date(2026, 11, 23)

    (entry,) = checker.entries(services, [head])

    assert entry.standing is Standing.CHECKING


@pytest.fixture
def without_t2(services, desk, tmp_path):
    """without_t2() imports the firm as it is, less account T2 and its household."""

    def go():
        folder = tmp_path / "less"
        assert desk.run("export", str(folder)).code == 0
        for file in folder.glob("*.csv"):
            kept = [line for line in file.read_text().splitlines() if not re.search(r"(^|,)(T2|H2)(,|$)", line)]
            file.write_text("\n".join(kept) + "\n")
        assert desk.run("import", str(folder)).code == 0
        assert {account.account_id for account in services.firm.accounts()} == {"T1", "I1"}

    return go


def test_a_plan_whose_account_is_gone_is_listed_fails_and_can_be_cancelled(services, person, in_review, without_t2):
    here, gone = in_review("T1"), in_review("T2")
    without_t2()
    checker, head = Assessor(), services.plans.get(gone)

    listed = {each.head.plan_id: each for each in checker.entries(services, services.plans.heads())}
    opened = checker.entry(services, head)

    assert set(listed) == {here, gone}
    assert listed[gone].assessment == opened.assessment
    assert (opened.account.custodian, opened.household.name, opened.standing) == ("Two", "Lake", Standing.FAILS)
    assert verdict_line(opened.assessment) == "fails account: its account T2 is no longer in the firm"
    assert len(queue_table(listed.values(), NOON)) == 2
    with pytest.raises(DataError, match="T2"):
        approvals.act(services, gone, Action.APPROVE, actor=person("alan"), comment="", version=head.version)
    approvals.act(services, gone, Action.CANCEL, actor=person("maya"), comment="gone", version=head.version)
    assert state(services, gone) is PlanState.CANCELLED


def test_a_reconciled_plan_whose_account_is_gone_can_still_be_read(services, person, in_review, without_t2):
    plan_id = in_review("T2")
    approvals.approve_and_send(
        services, {plan_id: 2}, actor=person("alan"), comment="", confirmed=outgoing(services, [plan_id]).seal
    )
    (folder,) = services.exports.iterdir()
    fill_file(folder / "orders-two.fix", CLOSES, folder / "fills-two.fix")
    reconcile.take_in(services, plan_id)
    without_t2()

    entry = Assessor().entry(services, services.plans.get(plan_id))

    assert (entry.head.state, entry.standing) == (PlanState.RECONCILED, Standing.PASSES)


# Cut-offs


def test_a_custodians_cut_off_is_half_an_hour_before_the_close_unless_the_firm_says_otherwise(services):
    services = replace(
        services, now=lambda: NOON, connections={"fix": {"cut_off_minutes": {"Two": 60}}}
    )  # 20 November 2026 is a Friday in winter time: New York closes at 21:00 UTC

    assert cut_offs(services, ["One", "Two"]) == {
        "One": datetime(2026, 11, 20, 20, 30, tzinfo=UTC),
        "Two": datetime(2026, 11, 20, 20, 0, tzinfo=UTC),
    }


def test_after_the_last_cut_off_of_the_week_the_next_is_on_monday_and_a_short_day_has_an_early_one(services):
    friday = replace(services, now=lambda: datetime(2026, 11, 20, 20, 30, tzinfo=UTC))
    thanksgiving = replace(services, now=lambda: datetime(2026, 11, 26, 15, 0, tzinfo=UTC))

    assert cut_offs(friday, ["One"]) == {"One": datetime(2026, 11, 23, 20, 30, tzinfo=UTC)}
    assert cut_offs(thanksgiving, ["One"]) == {"One": datetime(2026, 11, 27, 17, 30, tzinfo=UTC)}


@pytest.mark.parametrize("minutes", [-1, 390, 2.5, "soon", True])
def test_a_margin_that_is_no_number_of_minutes_of_a_session_is_named(services, minutes):
    services = replace(services, connections={"fix": {"cut_off_minutes": {"default": minutes}}})

    with pytest.raises(DataError, match=r"\[fix.cut_off_minutes\] One: expected whole minutes before the close"):
        cut_offs(services, ["One"])


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
    blocks = outgoing(services, [in_review("T1")]).blocks
    (sale,) = (block for block in blocks if block.side is Side.SELL)
    (order,) = sale.allocations
    (lot,) = order.lots
    changed = replace(sale, allocations=(replace(order, lots=(replace(lot, **other),)),))

    assert seal_of([changed if block is sale else block for block in blocks]) != seal_of(blocks)
    assert seal_of(reversed(blocks)) == seal_of(blocks)


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
    assert (before.custodian, before.blocks, before.acknowledged, before.waiting, before.at) == ("One", 4, 0, 4, None)
    assert reconcile.answers_so_far(services, plan_id) == ()
    assert reconcile.present_breaks(services, services.plans.get(plan_id)) == ()  # shares may still come

    (folder,) = services.exports.iterdir()
    fill_file(folder / "orders-one.fix", {**CLOSES}, folder / "fills-one.fix")
    seen = reconcile.answers_so_far(services, plan_id)
    assert len(seen) == 1
    assert reconcile.take_in(services, plan_id) > 0
    assert reconcile.take_in(services, plan_id) == 0

    (after,) = reconcile.arrivals(services, plan_id)
    assert (after.acknowledged, after.rejected, after.waiting) == (4, 0, 0)
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
    assert arrival.rejected == 1
    filled = {one: Decimal(24) / 44, two: Decimal(6) / 10}  # 12 + 4 + 8 of 44 shares, 6 of 10
    assert found[0].filled_pct == pytest.approx(100 * float(filled[last]))
