"""From a shell: a plan is made, put before reviewers, approved by another person, and sent once, as it was approved."""

import csv
import hashlib
import json

import pytest
import simplefix

from connectors.sandbox.custodian import fill_file, read_closes

SIDES = {b"1": "buy", b"2": "sell"}


def orders_in(file):
    """Return the messages of a FIX file, read by a decoder that is not ours."""
    parser = simplefix.FixParser()
    parser.append_buffer(file.read_bytes())
    messages = []
    while (message := parser.get_message()) is not None:
        messages.append(message)
    assert not parser.get_buffer()
    return messages


@pytest.fixture(scope="module")
def way(new_desk, reviewers):
    """The whole way, walked once with the real command: what each step said, by its name."""
    desk = new_desk(reviewers.config)
    plan = json.loads(desk.run("plan", "T1", "--json", "--as", "pia").out)
    plan_id, out = plan["plan_id"], str(desk.folder / "out")
    said = {"too early": desk.run("send", plan_id, "--as", "alan"), "push": desk.shell("push", plan_id, "--as", "pia")}
    waiting = reviewers.waits(plan_id)
    said["self-approval"] = desk.shell("approve", plan_id, "--as", "pia")
    said["wrong role"] = desk.run("approve", plan_id, "--as", "maya")
    said["approve"] = desk.shell("approve", plan_id[:10], "--as", "alan", "--comment", "agreed with the client")
    said["self-release"] = desk.run("send", plan_id, "--as", "pia")
    said["send"] = desk.shell("send", plan_id, "--as", "alan", "--to", out)
    return desk, plan, said, waiting


@pytest.fixture(scope="module")
def sent(way):
    """The folder that was sent."""
    return way[0].folder / "out"


def test_each_step_says_where_the_plan_stands(way, sent):
    _, plan, said, _ = way

    assert (said["too early"].code, said["too early"].err) == (
        1, f"plan {plan['plan_id'][:12]} is draft; only an approved plan is sent\n",
    )  # fmt: skip
    assert (said["push"].code, said["push"].err) == (0, "plan is in_review\n")
    assert (said["approve"].code, said["approve"].err) == (0, "plan is approved\n")
    assert (said["send"].code, said["send"].out) == (0, f"{sent}\n")


def test_who_made_a_plan_neither_approves_nor_sends_it_whatever_their_roles(way):
    _, _, said, _ = way

    refused = "Pia Both made, edited or proposed this plan and may not"
    assert (said["self-approval"].code, said["self-approval"].err) == (1, f"{refused} approve it; ask another person\n")
    assert (said["self-release"].code, said["self-release"].err) == (1, f"{refused} release it; ask another person\n")
    assert said["wrong role"].code == 1
    assert "Maya Manager may not approve a plan; it takes one of: advisor, approver" in said["wrong role"].err


def test_a_refusal_is_on_record_and_the_record_is_whole(way):
    desk, plan, _, _ = way

    services = desk.services()
    events = [(row.what, row.actor) for row in reversed(services.audit.rows(subject=plan["plan_id"]))]
    services.database.close()

    assert events[:9] == [
        ("plan.save", "pia"), ("plan.propose", "pia"), ("plan.submit", "pia"), ("plan.approve.refused", "pia"),
        ("plan.approve.refused", "maya"), ("plan.approve", "alan"), ("plan.release.refused", "pia"),
        ("plan.release", "alan"), ("plan.send", "alan"),
    ]  # fmt: skip
    assert desk.run("audit", "verify").code == 0


def test_salesforce_heard_of_the_review_and_of_the_decision(way, reviewers):
    _, plan, _, waiting = way

    row = reviewers.shown(plan["plan_id"])
    assert waiting
    assert not reviewers.waits(plan["plan_id"])
    assert "approved" in row.lower()


def test_the_fix_file_is_the_plan_trade_by_trade(way, sent):
    plan, messages = way[1], orders_in(sent / "orders-one.fix")

    found = {
        (message.get(55).decode(), SIDES[message.get(54)], int(message.get(38)), message.get(79), message.get(80))
        for message in messages
    }

    expected = {
        (trade["security_id"], trade["side"], trade["quantity"], b"1001", str(trade["quantity"]).encode())
        for trade in plan["trades"]
    }
    assert found == expected
    assert found == {
        ("AAA", "sell", 12, b"1001", b"12"), ("BBB", "buy", 4, b"1001", b"4"),
        ("CCC", "buy", 8, b"1001", b"8"), ("DDD", "buy", 20, b"1001", b"20"),
    }  # fmt: skip
    assert {message.get(35) for message in messages} == {b"D"}
    assert [message.get(34) for message in messages] == [b"1", b"2", b"3", b"4"]
    assert len({message.get(11) for message in messages}) == 4
    assert {(message.get(49), message.get(56)) for message in messages} == {(b"LOTSMITH", b"ONE")}


def test_the_lot_sheet_names_the_lots_of_the_plan(way, sent):
    with (sent / "lots-one.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    (sale,) = (trade for trade in way[1]["trades"] if trade["side"] == "sell")
    assert [(row["lot_id"], row["quantity"]) for row in rows] == [
        (lot["lot_id"], str(lot["quantity"])) for lot in sale["lots"]
    ]
    assert [(row["account"], row["symbol"], row["acquired"], row["cost_per_share"]) for row in rows] == [
        ("1001", "AAA", "2026-03-02", "140")
    ]


def test_the_manifest_seals_the_files(way, sent):
    manifest = json.loads((sent / "manifest.json").read_text())

    assert manifest["plan_ids"] == [way[1]["plan_id"]]
    assert {file["name"]: file["sha256"] for file in manifest["files"]} == {
        name: hashlib.sha256((sent / name).read_bytes()).hexdigest() for name in ("orders-one.fix", "lots-one.csv")
    }
    assert (manifest["orders"], manifest["shares_bought"], manifest["shares_sold"]) == (4, "32", "12")


def test_sending_again_writes_the_same_bytes_and_sends_nothing_more(way, sent):
    desk, plan, _, _ = way
    before = {path.name: path.read_bytes() for path in sent.iterdir()}
    record = desk.run("audit", "verify", "--json").out

    again = desk.shell("send", plan["plan_id"], "--as", "alan")
    elsewhere = desk.run("send", plan["plan_id"], "--as", "alan", "--to", str(desk.folder / "out2"))

    assert (again.code, again.out) == (0, f"{sent}\n")
    assert elsewhere.code == 0
    assert {path.name: path.read_bytes() for path in sent.iterdir()} == before
    assert {path.name: path.read_bytes() for path in (desk.folder / "out2").iterdir()} == before
    assert desk.run("audit", "verify", "--json").out == record
    services = desk.services()
    assert len(services.orders.orders(plan["plan_id"])) == 4
    assert len(services.outbox.all("fix.files")) == 1
    services.database.close()


def test_reconciling_names_each_break_and_with_the_custodians_fills_there_is_none(way, sent, tmp_path):
    desk, plan, _, _ = way
    prices = tmp_path / "prices.csv"
    prices.write_text("ticker,close\nAAA,100\nBBB,100\nCCC,50\nDDD,20\n")

    open_ = desk.shell("reconcile")
    messages = fill_file(sent / "orders-one.fix", read_closes(prices), sent / "fills-one.fix")
    done = desk.run("reconcile")
    again = desk.run("reconcile", "--fills", str(sent / "fills-one.fix"))

    assert open_.code == 1
    assert open_.out.splitlines()[0] == f"{plan['plan_id']}\tsent"
    assert sorted(line.split(" (")[0] for line in open_.out.splitlines()[1:]) == [
        "  missing: buy BBB at One", "  missing: buy CCC at One", "  missing: buy DDD at One",
        "  missing: sell AAA at One",
    ]  # fmt: skip
    assert done.code == 0, done.err
    assert f"fills-one.fix: {messages} new answers" in done.err
    assert done.out == f"{plan['plan_id']}\treconciled\n"
    assert again.code == 0, again.err
    assert "0 new answers" in again.err
