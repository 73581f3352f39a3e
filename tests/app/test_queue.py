"""The approver's queue: its order, what holds no longer, plans of accounts that are gone, and the cut-offs."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.steps import approvals, reconcile
from app.steps.cut_off import cut_offs
from app.steps.outgoing import outgoing
from app.steps.queue import Assessment, Assessor, Entry, Order, Standing, ranked
from app.tables.review import check_table, filtered_entries, queue_table, verdict_line
from connectors.sandbox.custodian import fill_file
from engine.domain.errors import DataError
from engine.domain.lifecycle import Action, PlanState
from engine.domain.plans import Check, Verdict
from engine.plan.document import plan_from_document
from engine.review.checker import second_opinion

CLOSES = {"AAA": Decimal(100), "BBB": Decimal(100), "CCC": Decimal(50), "DDD": Decimal(20)}
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # in New York


def version(services, plan_id):
    return services.plans.get(plan_id).version


def state(services, plan_id):
    return services.plans.get(plan_id).state


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

    document, second = (
        head.document["checks"],
        second_opinion(plan_from_document(head.document)[0], *services.plans.inputs(plan_id)),
    )
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
