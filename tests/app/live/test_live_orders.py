"""From an approved plan over a live session to the books: three processes, joined by the database alone."""

import shutil
import subprocess
from decimal import Decimal

import pytest

from app.steps import amend, reconcile
from connectors.fix.wire import decode
from connectors.sandbox.tls import tls_files
from engine.domain.errors import DataError, IllegalMove, NotAllowed
from engine.domain.lifecycle import PlanState
from engine.execute.reconcile import BreakKind

pytestmark = [pytest.mark.fix]


def taken_in(floor, plan_id):
    reconcile.take_in(floor.services, plan_id)
    return floor.state(plan_id)


@pytest.mark.parametrize(
    ("version", "profile"),
    [
        ("FIX.4.4", {"lots": "order", "allocations": "calculated", "mass_status": True}),
        ("FIX.5.0SP2", {"lots": "order", "allocations": "preliminary"}),
        ("FIX.4.2", {"lots": "sheet", "allocations": "calculated"}),
    ],
)
def test_what_was_approved_is_filled_allocated_and_booked_in_each_version(new_floor, version, profile):
    floor = new_floor(version, **profile)
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.start("custodian")
    floor.start("gateway")

    floor.wait_until(lambda: taken_in(floor, plan_id) is PlanState.RECONCILED, "the plan to be closed")

    orders = [decode(text.encode())[0] for (text,) in floor.there("select text from orders order by cl_ord_id")]
    there = {(m.require(55), m.require(54), m.require(38), m.require(79)) for m in orders}
    assert there == {
        ("AAA", "2", "12", "1001"), ("BBB", "1", "4", "1001"), ("CCC", "1", "8", "1001"), ("DDD", "1", "20", "1001"),
    }  # fmt: skip
    (sale,) = (m for m in orders if m.require(54) == "2")
    assert sale.every(1752) == (("t1-a-loss",) if profile["lots"] == "order" else ())
    held = {lot.lot_id: lot.quantity for lot in floor.services.firm.snapshot("T1").lots}
    assert held["t1-a-loss"] == 100 - 12
    assert floor.there("select count(*) from requests") == [(4,)]  # one split a block
    assert floor.services.inbox.not_understood() == ()
    assert floor.services.audit.verify().problems == ()


def test_a_fill_that_is_taken_back_or_mended_counts_once(new_floor):
    floor = new_floor()
    floor.start("custodian")
    floor.faults(bust=["BBB"], correct=["CCC"], twice=["DDD"])
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.start("gateway")

    floor.wait_until(lambda: taken_in(floor, plan_id) is PlanState.RECONCILED, "the plan to be closed")

    filled = {one.order.security_id: one.quantity for one in reconcile.filled_orders(floor.services, plan_id)}
    assert filled == {"AAA": 12, "BBB": 4, "CCC": 8, "DDD": 20}
    assert len(floor.services.orders.corrections(plan_id)) == 2


def test_an_approver_cancels_what_is_left_and_only_what_was_filled_is_booked(new_floor):
    floor = new_floor()
    floor.start("custodian")
    floor.faults(hold=["AAA", "DDD"])
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.start("gateway")

    def left():
        reconcile.take_in(floor.services, plan_id)
        return {one.block.ticker: one for one in amend.working(floor.services, plan_id)}

    floor.wait_until(lambda: set(left()) == {"AAA", "DDD"}, "two blocks to stay open")
    block = left()["DDD"].block.cl_ord_id
    with pytest.raises(NotAllowed, match="it takes an approver"):
        amend.ask_change(floor.services, plan_id, block, Decimal(0), actor=floor.user("maya"))
    with pytest.raises(DataError, match="below 20; found 20"):
        amend.ask_change(floor.services, plan_id, block, Decimal(20), actor=floor.user("alan"))
    filled = left()["DDD"].filled
    amend.ask_change(floor.services, plan_id, block, Decimal(0), actor=floor.user("alan"))
    with pytest.raises(IllegalMove, match="has not answered the last change yet"):
        amend.ask_change(floor.services, plan_id, block, Decimal(0), actor=floor.user("alan"))
    floor.wait_until(lambda: set(left()) == {"AAA"}, "the cancellation")
    sale = left()["AAA"]
    lowered = Decimal(11)
    amend.ask_change(floor.services, plan_id, sale.block.cl_ord_id, lowered, actor=floor.user("alan"))
    floor.wait_until(lambda: left()["AAA"].wanted == lowered, "the lower quantity")
    amend.ask_change(floor.services, plan_id, sale.block.cl_ord_id, Decimal(0), actor=floor.user("alan"))

    floor.wait_until(lambda: taken_in(floor, plan_id) is PlanState.RECONCILED, "the plan to be closed")

    booked = {one.order.security_id: one.quantity for one in reconcile.filled_orders(floor.services, plan_id)}
    assert booked == {"AAA": sale.filled, "BBB": 4, "CCC": 8, "DDD": filled}
    done = [row.what for row in floor.services.audit.rows() if row.what.startswith("order.")]
    assert done == ["order.cancel", "order.lower", "order.cancel", "order.change.refused"]
    assert floor.services.audit.verify().problems == ()


def test_a_refused_change_leaves_the_order_as_it_was_and_may_be_asked_again(new_floor):
    floor = new_floor()
    floor.start("custodian")
    floor.faults(hold=["DDD"], changes="reject")
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.start("gateway")
    floor.wait_until(
        lambda: taken_in(floor, plan_id) and len(amend.working(floor.services, plan_id)) == 1, "an open block"
    )
    (open_,) = amend.working(floor.services, plan_id)

    amend.ask_change(floor.services, plan_id, open_.block.cl_ord_id, Decimal(0), actor=floor.user("alan"))

    def refused():
        reconcile.take_in(floor.services, plan_id)
        return [one.text for one in floor.services.orders.changes(plan_id) if one.taken is False]

    floor.wait_until(lambda: refused() == ["no changes today"], "the refusal")
    (still,) = amend.working(floor.services, plan_id)
    assert (still.wanted, still.open) == (open_.wanted, False)
    floor.faults(hold=["DDD"])
    amend.ask_change(floor.services, plan_id, open_.block.cl_ord_id, Decimal(0), actor=floor.user("alan"))
    floor.wait_until(lambda: taken_in(floor, plan_id) is PlanState.RECONCILED, "the cancellation")


def test_a_refused_split_is_a_lot_break_and_the_plan_stays_open(new_floor):
    floor = new_floor(lots="order", allocations="calculated")
    floor.start("custodian")
    floor.faults(allocations="reject")
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.start("gateway")

    def breaks():
        reconcile.take_in(floor.services, plan_id)
        return {each.kind for each in reconcile.breaks_of(floor.services, plan_id).breaks}

    floor.wait_until(lambda: breaks() == {BreakKind.LOT}, "the refusal of every split")
    assert floor.state(plan_id) is PlanState.FILLED
    sentences = [each.sentence for each in reconcile.breaks_of(floor.services, plan_id).breaks]
    assert all("the lots of an account are not ours" in sentence for sentence in sentences)


def test_a_rejected_order_is_a_break_with_its_reason(new_floor):
    floor = new_floor()
    floor.start("custodian")
    floor.faults(reject=["BBB"])
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.start("gateway")

    floor.wait_until(lambda: taken_in(floor, plan_id) is PlanState.FILLED, "what was filled to be booked")

    (only,) = reconcile.breaks_of(floor.services, plan_id).breaks
    assert (only.kind, only.expected, only.found) == (BreakKind.REJECTED, 4, 0)
    assert "the broker does not take this order" in only.sentence


def test_orders_released_too_long_ago_are_not_sent_and_the_app_learns_of_it(new_floor):
    floor = new_floor(oldest_s=60)  # the firm's clock stands days ago
    floor.start("custodian")
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.start("gateway")

    floor.wait_until(lambda: taken_in(floor, plan_id) is PlanState.FILLED, "the refusals")

    found = reconcile.breaks_of(floor.services, plan_id).breaks
    assert [each.kind for each in found] == [BreakKind.REJECTED] * 4
    assert all("too old to be sent, and not sent" in each.sentence for each in found)
    assert floor.there("select count(*) from orders") == [(0,)]
    assert floor.services.firm.snapshot("T1").account.cash == 0


@pytest.mark.skipif(shutil.which("stunnel") is None, reason="needs Debian's stunnel4")
def test_a_custodian_behind_tls_is_reached_and_one_that_bears_another_name_gets_no_order(new_floor, tmp_path):
    files, port = tls_files(tmp_path / "tls"), new_floor.free_port()
    tls = {"host_name": "localhost", "ca": str(files.ca)}
    floor = new_floor(reached=port, tls={**tls, "host_name": "fix.example.com"})
    there = tmp_path / "there.conf"
    there.write_text(
        f"foreground = yes\npid =\n[fix]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{floor.port}\n"
        f"cert = {files.certificate}\nkey = {files.key}\n"
    )
    floor.start("custodian")
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    with (tmp_path / "stunnel.err").open("w") as errors:
        floor.running["stunnel"] = subprocess.Popen(["stunnel", str(there)], stderr=errors)
    floor.start("gateway")
    floor.wait_until(lambda: "certificate" in (tmp_path / "gateway.err").read_text().lower(), "the refusal")
    assert floor.there("select count(*) from orders") in ([], [(0,)])

    config = tmp_path / "lotsmith.toml"
    config.write_text(config.read_text().replace("fix.example.com", "localhost"))
    floor.running["gateway"].terminate()
    floor.running["gateway"].wait()
    floor.start("gateway")

    floor.wait_until(lambda: taken_in(floor, plan_id) is PlanState.RECONCILED, "the plan to be closed")
