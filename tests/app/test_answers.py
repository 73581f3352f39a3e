"""What custodians say over a session is written down once; what makes no sense holds up nothing and is listed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.steps import amend, execute, inputs, plan, realised, reconcile, review
from app.steps.answers import take_in_sessions
from connectors.fix.messages import message, number
from connectors.fix.wire import decode
from data.mailbox import SESSION, SqlMailbox
from engine.domain.errors import DataError, IllegalMove, NotAllowed
from engine.domain.lifecycle import Action, PlanState
from engine.execute.reconcile import BreakKind

LIVE = {"route": "session", "host": "127.0.0.1", "port": 9}


@pytest.fixture
def live(services):
    """The firm, with custodian One at a live session."""
    return replace(services, connections={"fix": {"destinations": {"One": LIVE}}})


def send(services, account_id="T1"):
    settings = inputs.default_settings(services, account_id)
    plan_id = plan.keep(services, plan.what_if(services, account_id, settings), actor="maya")
    review.submit(services, plan_id, actor=services.users.user("maya"))
    alan = services.users.user("alan")
    review.decide(services, plan_id, Action.APPROVE, actor=alan, comment="", seen=plan_id)
    execute.send(services, [plan_id], actor=alan)
    return plan_id


def said(services, *fields, kind="8", key=None):
    """A message of custodian One, as the gateway keeps it."""
    at = services.now()
    text = message(kind, fields, sender="ONE", target="LOTSMITH", sequence=1, sent=at).decode()
    mailbox = SqlMailbox(services.database, services.now)
    mailbox.received([("One", key or text, text, None, None)])


def execution(block, exec_id, shares, price, *, kind="F", ref=None):
    named = () if ref is None else ((19, ref),)
    return (
        (37, "C"), (11, block.cl_ord_id), (17, exec_id), (150, kind), (39, "1"), (55, block.ticker), (54, "1"),
        (151, "0"), (14, "0"), (6, "0"), (32, str(shares)), (31, str(price)), *named,
    )  # fmt: skip


def fill_all(services, plan_id):
    for block in services.orders.blocks(plan_id):
        price = block.allocations[0].reference_price
        said(services, *execution(block, f"E-{block.cl_ord_id}", number(block.quantity), number(price)))


def block_in(services, plan_id, ticker):
    return next(block for block in services.orders.blocks(plan_id) if block.ticker == ticker)


def test_orders_for_a_session_wait_for_the_gateway_and_only_the_lot_sheet_is_a_file(live):
    plan_id = send(live)

    waiting = [row for row in live.outbox.waiting() if row.topic.startswith(SESSION)]
    orders = {decode(row.payload["text"].encode())[0].require(11): row.key for row in waiting}
    assert orders == {block.cl_ord_id: block.cl_ord_id for block in live.orders.blocks(plan_id)}
    (folder,) = live.exports.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["lots-one.csv", "manifest.json"]
    execute.send(live, [plan_id], actor=live.users.user("alan"))
    assert len([row for row in live.outbox.waiting() if row.topic.startswith(SESSION)]) == len(waiting)


def test_what_went_over_a_session_never_goes_into_a_file_too_though_the_profile_is_another_now(live, tmp_path):
    plan_id = send(live)
    by_file = replace(live, connections={"fix": {"destinations": {"One": {"version": "FIX.4.2"}}}})

    execute.send(by_file, [plan_id], actor=live.users.user("alan"), folder=tmp_path / "again")

    (folder,) = live.exports.iterdir()
    for name in ("lots-one.csv", "manifest.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert len(list((tmp_path / "again").iterdir())) == 2


def test_orders_confirmed_for_a_file_are_written_though_the_profile_is_a_session_now(services, live):
    services.exports.write_text("in the way")
    with pytest.raises(DataError, match="expected a folder that can be written"):
        send(services)
    services.exports.unlink()

    plan_id = services.plans.heads(states=[PlanState.SENT])[0].plan_id
    (folder,) = execute.send(live, [plan_id], actor=services.users.user("alan"))

    orders = decode((folder / "orders-one.fix").read_bytes())
    assert {each.require(11) for each in orders} == {each.cl_ord_id for each in services.orders.blocks(plan_id)}
    assert not [row for row in live.outbox.waiting() if row.topic.startswith(SESSION)]


def test_fills_from_the_inbox_are_booked_and_the_outcome_is_the_prediction_where_prices_held(live):
    plan_id = send(live)
    fill_all(live, plan_id)

    reconcile.reconcile_all(live)

    assert live.plans.get(plan_id).state is PlanState.RECONCILED
    outcome = realised.outcome(live, plan_id)
    assert outcome.realised.tax == outcome.predicted.tax
    assert outcome.realised.cost_bp == 0
    assert take_in_sessions(live) == 0


def test_a_message_of_no_order_of_ours_is_listed_and_holds_up_no_other(live):
    plan_id = send(live)
    stranger = replace(live.orders.blocks(plan_id)[0], cl_ord_id="BNOBODY")
    said(live, *execution(stranger, "X1", 1, 1))
    said(live, (11, "B"), (150, "Z"), (17, "X2"))
    said(live, (70, "ANOBODY"), (87, "0"), kind="P")
    fill_all(live, plan_id)

    reconcile.reconcile_all(live)

    assert live.plans.get(plan_id).state is PlanState.RECONCILED
    assert [one.problem for one in live.inbox.not_understood()] == [
        "block BNOBODY: expected one that was sent, found none of that id",
        "execution report of B: expected a known ExecType (150), found Z",
        "answer to ANOBODY: expected one that was sent, found none of that id",
    ]


def test_an_execution_taken_back_before_it_is_booked_does_not_count(live):
    plan_id = send(live)
    block = block_in(live, plan_id, "BBB")
    said(live, *execution(block, "WRONG", 4, 150))
    said(live, *execution(block, "UNDO", 4, 150, kind="H", ref="WRONG"))
    fill_all(live, plan_id)

    reconcile.reconcile_all(live)

    assert live.plans.get(plan_id).state is PlanState.RECONCILED
    (bought,) = (one for one in reconcile.filled_orders(live, plan_id) if one.order.ticker == "BBB")
    assert (bought.quantity, bought.price) == (4, 100)


def test_an_execution_taken_back_after_it_was_booked_is_a_break_of_a_closed_plan(live):
    plan_id = send(live)
    fill_all(live, plan_id)
    reconcile.reconcile_all(live)
    block = block_in(live, plan_id, "BBB")
    later = replace(live, now=lambda: live.now() + timedelta(hours=1))
    said(later, *execution(block, "UNDO", 4, 100, kind="H", ref=f"E-{block.cl_ord_id}"))

    take_in_sessions(later)

    (sending,) = reconcile.sendings(later, states=[PlanState.SENT, PlanState.FILLED])
    assert sending.head.plan_id == plan_id
    assert {each.kind for each in sending.breaks} == {BreakKind.MISSING, BreakKind.BOOKED}


def test_a_correction_of_an_execution_that_nobody_reported_is_listed(live):
    plan_id = send(live)
    said(live, *execution(block_in(live, plan_id, "BBB"), "UNDO", 4, 100, kind="H", ref="NEVER"))

    take_in_sessions(live)

    (only,) = live.inbox.not_understood()
    assert "correction of execution NEVER" in only.problem


def test_more_filled_than_executions_tell_of_is_a_break_until_they_come(live):
    plan_id = send(live)
    block = block_in(live, plan_id, "DDD")
    status = ((37, "C"), (11, block.cl_ord_id), (17, "S1"), (584, "M1"), (150, "I"), (39, "2"), (55, "DDD"), (54, "1"),
              (151, "0"), (14, "20"), (6, "20"))  # fmt: skip
    said(live, *status)
    take_in_sessions(live)

    assert BreakKind.UNREPORTED in {each.kind for each in reconcile.breaks_of(live, plan_id).breaks}
    fill_all(live, plan_id)
    reconcile.reconcile_all(live)
    assert live.plans.get(plan_id).state is PlanState.RECONCILED


def held_order(services):
    """A plan whose orders the gateway has taken, and its block of BBB."""
    plan_id = send(services)
    SqlMailbox(services.database, services.now).take("One", 100)
    return plan_id, block_in(services, plan_id, "BBB")


def ask(services, plan_id, block, shares):
    return amend.ask_change(services, plan_id, block.cl_ord_id, Decimal(shares), actor=services.users.user("alan"))


def refusal(asked, block, code):
    return (37, "C"), (11, asked), (41, block.cl_ord_id), (39, "0"), (434, "2"), (102, code), (58, "twice")


def test_an_order_that_is_cancelled_before_the_gateway_took_it_never_leaves(live):
    plan_id = send(live)
    block = block_in(live, plan_id, "BBB")
    with pytest.raises(IllegalMove, match="it has not left yet; cancel it"):
        ask(live, plan_id, block, 3)

    ask(live, plan_id, block, 0)

    taken = {key for key, _ in SqlMailbox(live.database, live.now).take("One", 100)}
    others = {each for each in live.orders.blocks(plan_id) if each != block}
    assert taken == {each.cl_ord_id for each in others}
    for each in others:
        price = each.allocations[0].reference_price
        said(live, *execution(each, f"E-{each.cl_ord_id}", number(each.quantity), number(price)))
    reconcile.reconcile_all(live)
    assert live.plans.get(plan_id).state is PlanState.RECONCILED
    booked = {one.order.ticker: one.quantity for one in reconcile.filled_orders(live, plan_id)}
    assert booked == {"AAA": 12, "BBB": 0, "CCC": 8, "DDD": 20}
    assert [(row.actor, row.subject) for row in live.audit.rows() if row.what == "order.cancel"] == [
        ("alan", block.cl_ord_id)
    ]


def test_an_order_that_the_gateway_has_taken_is_cancelled_by_asking_the_custodian(live):
    plan_id, block = held_order(live)

    asked = ask(live, plan_id, block, 0)

    ((key, text),) = SqlMailbox(live.database, live.now).take("One", 100)
    (cancel,) = decode(text.encode())
    assert (key, cancel.type, cancel.require(41)) == (asked, "F", block.cl_ord_id)
    take_in_sessions(live)
    assert live.orders.changes(plan_id)[0].taken is None


def test_who_may_not_change_what_was_sent_is_refused_and_the_audit_log_knows(live):
    plan_id, block = held_order(live)
    maya = live.users.user("maya")

    with pytest.raises(NotAllowed, match="it takes an approver"):
        amend.ask_change(live, plan_id, block.cl_ord_id, Decimal(0), actor=maya)

    (row,) = (row for row in live.audit.rows() if row.what.startswith("order."))
    assert (row.what, row.actor, row.subject) == ("order.change.refused", "maya", block.cl_ord_id)
    assert live.orders.changes(plan_id) == ()


def test_a_change_that_is_sent_again_and_known_there_stays_as_it_was_answered_first(live):
    plan_id, block = held_order(live)
    asked = ask(live, plan_id, block, 3)
    replaced = (
        (37, "C"), (11, asked), (41, block.cl_ord_id), (17, "R1"), (150, "5"), (39, "0"), (55, "BBB"), (54, "1"),
        (38, "3"), (151, "3"), (14, "0"), (6, "0"),
    )  # fmt: skip
    said(live, *replaced)
    said(live, *refusal(asked, block, "6"), kind="9")

    take_in_sessions(live)

    (change,) = live.orders.changes(plan_id)
    assert change.taken is True
    (now,) = (one for one in amend.working(live, plan_id) if one.block == block)
    assert (now.wanted, now.held_as) == (3, asked)
    assert live.inbox.not_understood() == ()


def test_a_question_that_a_custodian_refuses_rejects_no_order(live):
    plan_id, block = held_order(live)
    said(live, (45, "7"), (372, "H"), (379, block.cl_ord_id), (380, "3"), (58, "no questions here"), kind="j")
    fill_all(live, plan_id)

    reconcile.reconcile_all(live)

    assert live.plans.get(plan_id).state is PlanState.RECONCILED
    assert "rejected" not in {one.status for one in live.orders.acknowledgements(plan_id)}
    (only,) = live.inbox.not_understood()
    assert "a question (35=H) was refused" in only.problem


def test_a_split_after_a_correction_takes_the_place_of_the_one_before(services):
    profile = {**LIVE, "allocations": "calculated"}
    live = replace(services, connections={"fix": {"destinations": {"One": profile}}})
    plan_id = send(live)
    block = block_in(live, plan_id, "BBB")

    def splits():
        rows = [row for row in live.outbox.all(SESSION + "One") if row.key.startswith("A")]
        found = [decode(row.payload["text"].encode())[0] for row in rows]
        return [each for each in found if each.require(11) == block.cl_ord_id]

    fill_all(live, plan_id)
    reconcile.reconcile_sent(live)
    said(live, *execution(block, "MENDED", 4, 101, kind="G", ref=f"E-{block.cl_ord_id}"))
    reconcile.reconcile_sent(live)

    first, second = splits()
    assert (first.require(71), first.require(6), first.get(72)) == ("0", "100", None)
    assert (second.require(71), second.require(6), second.require(72)) == ("1", "101", first.require(70))


def test_two_accounts_of_one_number_at_one_custodian_are_never_sent_together(desk, services, tmp_path):
    folder = tmp_path / "same"
    assert desk.run("export", str(folder)).code == 0
    accounts = (folder / "accounts.csv").read_text().replace("T2,H2,taxable,Two,2001", "T2,H2,taxable,One,1001")
    (folder / "accounts.csv").write_text(accounts)
    assert desk.run("import", str(folder)).code == 0
    alan = services.users.user("alan")
    plan_ids = []
    for account_id in ("T1", "T2"):
        settings = inputs.default_settings(services, account_id)
        plan_id = plan.keep(services, plan.what_if(services, account_id, settings), actor="maya")
        review.submit(services, plan_id, actor=services.users.user("maya"))
        review.decide(services, plan_id, Action.APPROVE, actor=alan, comment="", seen=plan_id)
        plan_ids.append(plan_id)

    with pytest.raises(DataError, match=r"read back, are not what was approved: .*sale of AAA in account 1001"):
        execute.send(services, plan_ids, actor=alan)

    assert [services.plans.get(plan_id).state for plan_id in plan_ids] == [PlanState.APPROVED] * 2
    assert not services.exports.exists()


def test_the_order_import_and_its_lot_sheet_are_written_read_back_and_counted(services):
    fidelity = replace(services, connections={"fix": {"destinations": {"One": {"route": "fidelity"}}}})

    send(fidelity)

    (folder,) = fidelity.exports.iterdir()
    assert (folder / "orders-one.csv").read_text().splitlines() == [
        "1001,,S,12,AAA,M,D,", "1001,,B,4,BBB,M,D,", "1001,,B,8,CCC,M,D,", "1001,,B,20,DDD,M,D,",
    ]  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == ["lots-one.csv", "manifest.json", "orders-one.csv"]
    assert Decimal((folder / "lots-one.csv").read_text().splitlines()[1].split(",")[5]) == 12
