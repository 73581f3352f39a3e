"""Sending and what comes back: once, whole, nothing stale, and the account afterwards as the custodian filled it."""

import json
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import update

from app.steps import execute, inputs, ledger, monitor, plan, reconcile, review
from connectors.fix.wire import decode
from connectors.sandbox.custodian import fill_file
from data import tables
from engine.domain.errors import CheckFailed, DataError, IllegalMove
from engine.domain.lifecycle import Action, PlanState
from engine.domain.plans import Side, Term
from engine.execute.reconcile import BreakKind

CLOSES = {"AAA": Decimal(100), "BBB": Decimal(100), "CCC": Decimal(50), "DDD": Decimal(20)}


def approve(services, account_id, **changes):
    """Return a plan that maya made, with some settings changed, and alan approved."""
    settings = replace(inputs.default_settings(services, account_id), **changes)
    plan_id = plan.keep(services, plan.what_if(services, account_id, settings), actor="maya")
    review.submit(services, plan_id, actor=services.users.user("maya"))
    actor = services.users.user("alan")
    review.decide(services, plan_id, Action.APPROVE, actor=actor, comment="", seen=plan_id)
    return plan_id


@pytest.fixture
def approved(services):
    """approved(account, **settings) is an approved plan."""
    return partial(approve, services)


@pytest.fixture
def send(services):
    """send(plan, ...) releases and sends as alan and returns the one folder written."""

    def go(*plan_ids, folder=None):
        (written,) = execute.send(services, plan_ids, actor=services.users.user("alan"), folder=folder)
        return written

    return go


def fill(folder, custodian="one", closes=CLOSES):
    file = folder / f"fills-{custodian}.fix"
    fill_file(folder / f"orders-{custodian}.fix", closes, file)
    return file


def state(services, plan_id):
    return services.plans.get(plan_id).state


def test_plans_of_two_custodians_go_out_in_one_sending_each_in_its_own_file(services, approved, send):
    folder = send(approved("T1"), approved("T2"))

    assert sorted(path.name for path in folder.iterdir()) == [
        "lots-one.csv", "lots-two.csv", "manifest.json", "orders-one.fix", "orders-two.fix",
    ]  # fmt: skip
    two = {
        (message.require(55), message.require(54), message.require(38), message.require(79))
        for message in decode((folder / "orders-two.fix").read_bytes())
    }
    assert two == {("AAA", "2", "6", "2001"), ("BBB", "2", "4", "2001")}  # the withdrawal, sold by hand calculation


def test_what_the_custodian_filled_is_what_the_account_holds(services, approved, send):
    plan_id = approved("T1")
    reconcile.read_answers(services, fill(send(plan_id)))

    (outcome,) = reconcile.reconcile_all(services)

    assert (outcome.state, outcome.outcome.breaks) == (PlanState.RECONCILED, ())
    lots = {lot.lot_id: lot for lot in services.firm.snapshot("T1").lots}
    assert lots["t1-a-loss"].quantity == 100 - 12
    filled = {order.order.security_id: order for order in reconcile.filled_orders(services, plan_id)}
    bought = {lot.security_id: lot for lot in lots.values() if not lot.lot_id.startswith("t1-")}
    assert {name: (lot.quantity, lot.cost_per_share, lot.acquired) for name, lot in bought.items()} == {
        name: (shares, filled[name].price, date(2026, 11, 20)) for name, shares in (("BBB", 4), ("CCC", 8), ("DDD", 20))
    }
    cash = 12 * filled["AAA"].price - 4 * filled["BBB"].price - 8 * filled["CCC"].price - 20 * filled["DDD"].price
    assert services.firm.snapshot("T1").account.cash == cash
    assert abs(cash) <= Decimal("1.20")  # within 5 bp of the closes, on 2,400 traded


def test_a_loss_that_was_just_sold_is_not_bought_back(desk, services, approved, send):
    # The fills are dated after the firm's day: what they did counts all the same.
    on_monday = desk.services(services.now() + timedelta(days=3))
    plan_id = approved("T1")
    (folder,) = execute.send(on_monday, [plan_id], actor=on_monday.users.user("alan"))
    reconcile.read_answers(on_monday, fill(folder))
    reconcile.reconcile_all(on_monday)

    again = plan.what_if(on_monday, "T1", inputs.default_settings(on_monday, "T1"))

    assert on_monday.firm.firm().as_of == date(2026, 11, 23)
    assert not [trade for trade in again.plan.trades if (trade.security_id, trade.side) == ("AAA", Side.BUY)]
    (lock,) = (lock for lock in monitor.look_at(on_monday, "T1").scan.locks if lock.identical_group == "AAA")
    assert lock.until == date(2026, 11, 23) + timedelta(days=31)
    losses = {loss["security_id"]: loss for loss in ledger.ledger_of(on_monday, "H1")["losses"]}
    assert losses["AAA"]["quantity"] == 12
    assert losses["AAA"]["disallowed"] == 0
    on_monday.database.close()


def test_answers_read_again_on_another_day_change_nothing(desk, services, approved, send):
    file = fill(send(approved("T1")))
    new = reconcile.read_answers(services, file)
    tomorrow = desk.services(services.now() + timedelta(days=1))

    assert new == len(decode(file.read_bytes()))
    assert reconcile.read_answers(tomorrow, file) == 0
    reconcile.reconcile_all(tomorrow)
    assert reconcile.read_answers(tomorrow, file) == 0
    assert reconcile.reconcile_all(tomorrow) == ()
    tomorrow.database.close()


def test_answers_are_found_beside_what_was_sent_and_nowhere_else(services, approved, send, tmp_path):
    stranger = services.exports / "2020-01-01-another-firm"
    stranger.mkdir(parents=True)
    (stranger / "fills-one.fix").write_bytes(b"")

    file = fill(send(approved("T1"), folder=tmp_path / "elsewhere"))

    assert reconcile.inbound(services) == (file,)


def test_what_a_custodian_rejects_is_a_break_and_the_rest_is_booked(services, approved, send):
    folder = send(approved("T2"))
    reconcile.read_answers(services, fill(folder, "two", {"AAA": Decimal(100)}))  # a custodian that knows no BBB

    (outcome,) = reconcile.reconcile_all(services)

    assert outcome.state is PlanState.FILLED
    assert [(each.kind, each.expected, each.found) for each in outcome.outcome.breaks] == [(BreakKind.REJECTED, 4, 0)]
    assert "rejected: unknown symbol" in outcome.outcome.breaks[0].sentence
    held = {lot.security_id: lot.quantity for lot in services.firm.snapshot("T2").lots}
    assert held == {"AAA": 505 - 6, "BBB": 505}
    (again,) = reconcile.reconcile_all(services)
    assert (again.state, again.outcome) == (outcome.state, outcome.outcome)


def test_while_shares_are_still_to_come_nothing_is_booked(services, approved, send):
    plan_id = approved("T1")
    folder = send(plan_id)
    whole = fill(folder).read_bytes()
    starts = [place for place in range(len(whole)) if whole.startswith(b"8=FIX", place)]
    (folder / "fills-one.fix").write_bytes(whole[: starts[2]])  # the first two messages of many
    reconcile.read_answers(services, folder / "fills-one.fix")

    (outcome,) = reconcile.reconcile_all(services)

    assert outcome.state is PlanState.SENT
    assert services.firm.snapshot("T1").account.cash == 0
    (folder / "fills-one.fix").write_bytes(whole)
    assert reconcile.read_answers(services, folder / "fills-one.fix") == len(starts) - 2
    assert reconcile.reconcile_all(services)[0].state is PlanState.RECONCILED


def test_a_plan_that_is_booked_elsewhere_meanwhile_stops_no_other(services, approved, send):
    for plan_id, custodian in ((approved("T1"), "one"), (approved("T2"), "two")):
        reconcile.read_answers(services, fill(send(plan_id), custodian))
    *_, first = services.plans.heads(states=[PlanState.SENT])  # the oldest is booked first
    at, booked = services.now(), []

    def meanwhile():
        booked.append(len(booked))
        if len(booked) == 2:  # the first time is noted as the job's begin, the second is that of the first booking
            reconcile.take_in(services, first.plan_id)
        return at

    (outcome,) = reconcile.reconcile_all(replace(services, now=meanwhile))

    assert outcome.plan_id != first.plan_id
    assert {state(services, each) for each in (first.plan_id, outcome.plan_id)} == {PlanState.RECONCILED}


def test_what_is_written_to_an_account_while_it_is_booked_is_not_undone(desk, services, approved, send, tmp_path):
    reconcile.read_answers(services, fill(send(approved("T2")), "two"))
    folder = tmp_path / "richer"
    assert desk.run("export", str(folder)).code == 0
    accounts = (folder / "accounts.csv").read_text()
    before = services.firm.snapshot("T2").account.cash
    cash = f",{before.normalize():f},"
    rows = [line.replace(cash, ",7000,", 1) if line.startswith("T2,") else line for line in accounts.splitlines()]
    (folder / "accounts.csv").write_text("\n".join(rows) + "\n")
    at, imported = services.now(), []

    def meanwhile():
        if not imported:
            imported.append(desk.run("import", str(folder)).code)
        return at

    (outcome,) = reconcile.reconcile_sent(replace(services, now=meanwhile))

    assert imported == [0]
    sold = sum(each.quantity * each.price for each in reconcile.filled_orders(services, outcome.plan_id))
    assert services.firm.snapshot("T2").account.cash == 7000 + sold


@pytest.fixture
def reimport(desk, tmp_path):
    """reimport(gone) takes the firm out and in again, without the lines that name one of these ids."""

    def go(*gone):
        folder = tmp_path / "-".join(gone)
        assert desk.run("export", str(folder)).code == 0
        for file in folder.glob("*.csv"):
            kept = [line for line in file.read_text().splitlines() if not {*gone} & set(line.split(","))]
            file.write_text("\n".join(kept) + "\n")
        assert desk.run("import", str(folder)).code == 0

    return go


def test_a_plan_that_cannot_be_booked_stops_no_other_and_is_named(services, approved, send, reimport):
    lost, other = approved("T2"), approved("T1")
    for plan_id, custodian in ((lost, "two"), (other, "one")):
        reconcile.read_answers(services, fill(send(plan_id), custodian))
    reimport("t2-a")  # the lot that was sold

    with pytest.raises(DataError, match=f"not booked: plan {lost[:12]} of account T2: "):
        reconcile.reconcile_all(services)

    assert (state(services, lost), state(services, other)) == (PlanState.SENT, PlanState.RECONCILED)


def test_a_sent_plan_whose_account_has_left_the_firm_is_a_break_and_stops_no_other(
    services, desk, approved, send, reimport, hand_firm
):
    lost, other = approved("T2"), approved("T1")
    for plan_id, custodian in ((lost, "two"), (other, "one")):
        reconcile.read_answers(services, fill(send(plan_id), custodian))
    reimport("T2", "H2")

    outcomes = {each.plan_id: each for each in reconcile.reconcile_all(services)}

    assert outcomes[other].state is PlanState.RECONCILED
    assert outcomes[lost].state is PlanState.SENT
    (gone,) = outcomes[lost].outcome.breaks
    assert (gone.kind, gone.expected, gone.found) == (BreakKind.NO_ACCOUNT, 10, 0)  # 6 AAA and 4 BBB were sold
    assert "account T2 is no longer in the firm, so 10 shares executed for it are not booked" in gone.sentence
    assert reconcile.present_breaks(services, services.plans.get(lost)) == (gone,)
    said = desk.run("reconcile")
    assert (said.code, "no_account: account T2" in said.out) == (1, True)

    assert desk.run("import", str(hand_firm)).code == 0
    assert {each.plan_id: each.state for each in reconcile.reconcile_all(services)} == {lost: PlanState.RECONCILED}
    held = {lot.security_id: lot.quantity for lot in services.firm.snapshot("T2").lots}
    assert held == {"AAA": 505 - 6, "BBB": 505 - 4}


@pytest.mark.parametrize(("tolerance", "kinds"), [({}, []), ({"price_tolerance": 0.0001}, [BreakKind.PRICE])])
def test_how_far_a_price_may_be_off_is_the_firms_to_say(services, approved, send, tolerance, kinds):
    # The plan sells 6 AAA and 4 BBB at 100; AAA is filled 1 % below.
    file = fill(send(approved("T2")), "two", {"AAA": Decimal(99), "BBB": Decimal(100)})
    reconcile.read_answers(services, file)

    found = reconcile.breaks_of(replace(services, connections={"fix": tolerance}), services.plans.heads()[0].plan_id)

    assert [each.kind for each in found.breaks if "AAA" in each.sentence] == kinds


@pytest.mark.parametrize("stated", [-0.01, 1, "2 %", True, None])
def test_a_price_tolerance_that_is_no_fraction_is_named(services, stated):
    with pytest.raises(DataError, match=r"\[fix\] price_tolerance: expected a fraction of the price"):
        reconcile.price_tolerance(replace(services, connections={"fix": {"price_tolerance": stated}}))


def test_answers_to_an_order_that_nobody_sent_are_refused_whole(services, new_desk, approved, send, tmp_path):
    ours = fill(send(approved("T1")))
    other = new_desk().services()
    plan_id = approve(other, "T1", risk_aversion=50.0)
    (folder,) = execute.send(other, [plan_id], actor=other.users.user("alan"), folder=tmp_path / "other")
    other.database.close()
    mixed = tmp_path / "mixed.fix"
    mixed.write_bytes(ours.read_bytes() + fill(folder).read_bytes())

    with pytest.raises(DataError, match="expected one that was sent, found none of that id"):
        reconcile.read_answers(services, mixed)

    assert reconcile.read_answers(services, ours) == len(decode(ours.read_bytes()))  # none of them was taken in before


def test_one_account_sends_one_plan_at_a_time(services, approved, send):
    first, second = approved("T1"), approved("T1", risk_aversion=50.0)

    with pytest.raises(DataError, match="account T1: expected one plan of it to send, found two"):
        send(first, second)
    assert state(services, first) is state(services, second) is PlanState.APPROVED

    folder = send(first)
    with pytest.raises(CheckFailed, match=f"is stale and was not sent: plan {first[:12]} of account T1 · .* was sent"):
        send(second)
    assert state(services, second) is PlanState.STALE
    assert len(services.orders.orders(second)) == 0

    reconcile.read_answers(services, fill(folder))
    reconcile.reconcile_all(services)


def test_of_two_plans_of_one_account_sent_at_the_same_moment_one_leaves(services, approved):
    plans = approved("T1"), approved("T1", risk_aversion=50.0)
    at, together, refusals = services.now(), threading.Barrier(2), []

    def in_step():
        with suppress(threading.BrokenBarrierError):  # the other one is done
            together.wait(timeout=5)
        return at

    def go(plan_id):
        try:
            execute.send(replace(services, now=in_step), [plan_id], actor=services.users.user("alan"))
        except CheckFailed as error:
            refusals.append(str(error))

    threads = [threading.Thread(target=go, args=[plan_id]) for plan_id in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sent = [plan_id for plan_id in plans if state(services, plan_id) is PlanState.SENT]
    assert len(sent) == 1
    assert [plan_id for plan_id in plans if services.orders.orders(plan_id)] == sent
    assert [f"plan {sent[0][:12]} of account T1 was sent" in why for why in refusals] == [True]


def test_a_plan_made_before_another_was_booked_is_stale_and_one_made_after_is_not(desk, services, approved, send):
    first, early = approved("T1"), approved("T1", risk_aversion=50.0)
    reconcile.read_answers(services, fill(send(first)))
    reconcile.reconcile_all(services)
    assert state(services, first) is PlanState.RECONCILED

    assert any("does not know what came of it" in why for why in execute.readiness(services, early).stale)
    later = desk.services(services.now() + timedelta(hours=1))
    found = plan.what_if(later, "T1", inputs.default_settings(later, "T1"))
    fresh = plan.keep(later, found, actor="maya")
    assert execute.readiness(later, fresh).stale == ()
    later.database.close()


def test_an_approval_lasts_three_days_and_then_nothing_is_sent(desk, services, approved):
    plan_id = approved("T1")
    late = desk.services(services.now() + timedelta(days=3, seconds=1))

    with pytest.raises(CheckFailed, match="is stale and was not sent: approved on 2026-11-20 21:00"):
        execute.send(late, [plan_id], actor=late.users.user("alan"))

    assert state(services, plan_id) is PlanState.STALE
    assert late.outbox.waiting() == ()
    late.database.close()


def test_a_plan_whose_price_moved_is_stale_and_its_companions_are_not_sent_either(
    desk, services, approved, hand_firm, tmp_path
):
    moving, steady = approved("T1"), approved("T2")
    folder = tmp_path / "moved"
    assert desk.run("export", str(folder)).code == 0
    prices = (folder / "prices.csv").read_text()
    assert "DDD,2026-11-20,20," in prices
    (folder / "prices.csv").write_text(prices.replace("DDD,2026-11-20,20,", "DDD,2026-11-20,21.01,"))
    assert desk.run("import", str(folder)).code == 0

    with pytest.raises(CheckFailed, match=r"DDD has moved 5\.\d% since the plan"):
        execute.send(services, [steady, moving], actor=services.users.user("alan"))

    assert state(services, moving) is PlanState.STALE
    assert state(services, steady) is PlanState.APPROVED


def test_a_folder_that_cannot_be_written_holds_up_no_other_sending(services, approved, send, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    first, second = approved("T1"), approved("T2")

    with pytest.raises(DataError, match="expected a folder that can be written"):
        send(first, folder=blocked / "out")
    other = send(second)
    again = send(first, folder=tmp_path / "out")

    assert state(services, first) is state(services, second) is PlanState.SENT
    assert (other / "orders-two.fix").exists()
    assert (again / "orders-one.fix").exists()
    assert services.outbox.waiting() == ()
    assert len(services.orders.orders(first)) == 4


def test_only_an_approved_plan_is_sent(desk, services, plan_of, send):
    plan_id = plan_of(desk, "T1", "--as", "maya")

    with pytest.raises(IllegalMove, match="is draft; only an approved plan is sent"):
        send(plan_id)

    assert not services.exports.exists()


@pytest.fixture
def forged(services):
    """forged(wrong) is the plan of T1 with one thing made wrong, in good order under its own hash, still a draft."""

    def go(wrong):
        found = plan.what_if(services, "T1", inputs.default_settings(services, "T1"))
        return plan.keep(services, replace(found, plan=wrong(found.plan)), actor="maya")

    return go


def with_tax_saved(original):
    return replace(original, tax=replace(original.tax, liability=original.tax.liability - 100))


def with_a_share_more(original):
    first, *rest = original.trades
    (sale,) = first.lots
    more = replace(sale, quantity=sale.quantity + 1)
    return replace(
        original, trades=(replace(first, quantity=first.quantity + 1, lots=(more,), amount=first.amount + 100), *rest)
    )


def with_another_term(original):
    first, *rest = original.trades
    return replace(original, trades=(replace(first, lots=(replace(first.lots[0], term=Term.LONG),)), *rest))


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (with_tax_saved, "tax: liability"),
        (with_a_share_more, "terms and gains: lot t1-a-loss: gain"),
        (with_another_term, "terms and gains: lot t1-a-loss: term LT, expected ST"),
    ],
)
def test_a_plan_that_is_wrong_is_not_proposed_not_approved_and_not_sent(services, forged, send, wrong, rule):
    plan_id = forged(wrong)
    maya, alan = services.users.user("maya"), services.users.user("alan")

    with pytest.raises(CheckFailed, match=f"the second checker disagrees: .*{rule}"):
        review.submit(services, plan_id, actor=maya)
    assert state(services, plan_id) is PlanState.DRAFT

    for action in (Action.PROPOSE, Action.SUBMIT):  # past the checks, as a fault of the program would
        services.plans.move(plan_id, action, maya, at=services.now())
    with pytest.raises(CheckFailed, match=f"the second checker disagrees: .*{rule}"):
        review.decide(services, plan_id, Action.APPROVE, actor=alan, comment="", seen=plan_id)
    assert state(services, plan_id) is PlanState.IN_REVIEW

    services.plans.move(plan_id, Action.APPROVE, alan, at=services.now())
    with pytest.raises(CheckFailed, match=f"does not pass: .*{rule}"):
        send(plan_id)
    assert state(services, plan_id) is PlanState.APPROVED
    assert services.orders.orders(plan_id) == ()
    assert services.outbox.all(execute.FILES) == ()
    assert not services.exports.exists()


def test_a_plan_changed_in_the_database_after_its_approval_is_not_sent(services, approved, send):
    plan_id = approved("T1")
    changed = json.dumps(services.plans.get(plan_id).document).replace('"buy"', '"sell"')
    with services.database.begin() as connection:
        connection.execute(update(tables.plans).values(document=json.loads(changed)))

    with pytest.raises(CheckFailed, match="expected a document of that hash"):
        send(plan_id)

    assert services.outbox.all(execute.FILES) == ()
    assert not services.exports.exists()


def test_a_plan_that_does_not_know_what_was_sent_goes_before_no_reviewer(services, approved, send):
    send(approved("T1"))
    settings = replace(plan.default_settings(services, "T1"), tax_weight=2.0)
    another = plan.keep(services, plan.what_if(services, "T1", settings), actor="maya")

    with pytest.raises(CheckFailed, match="account T1 was sent, and this plan does not know what came of it"):
        review.submit(services, another, actor=services.users.user("maya"))

    assert state(services, another) is PlanState.DRAFT
