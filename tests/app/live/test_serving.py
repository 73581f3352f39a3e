"""lotsmith serve runs gateway and desk beside the app: what is killed is back, and orders are booked by themselves."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from app.steps import amend
from engine.domain.lifecycle import PlanState

pytestmark = [pytest.mark.fix]

PATIENCE_MS = 60_000  # a machine at work on something else is slow, not wrong
expect.set_options(timeout=PATIENCE_MS)
LOTSMITH = str(Path(sys.executable).with_name("lotsmith"))


def children(pid):
    """The processes that a process has started, by what they run."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            words = folder.joinpath("cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and len(words) > 2:
            found[words[2]] = int(folder.name)
    return found


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def serving(new_floor):
    floor = new_floor(lots="order", allocations="calculated")
    floor.app_port = floor.free_port()
    with (floor.folder / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [LOTSMITH, "serve", "--port", str(floor.app_port)], env=dict(floor.environment), cwd=floor.folder,
            stdout=log, stderr=log,
        )  # fmt: skip
    yield floor, process
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def test_gateway_and_desk_are_started_and_started_again_and_ended(serving):
    floor, process = serving
    floor.start("custodian")
    floor.wait_until(lambda: {"app.gateway", "app.desk"} <= set(children(process.pid)), "gateway and desk")
    before = children(process.pid)
    for name in ("app.gateway", "app.desk"):
        os.kill(before[name], signal.SIGKILL)

    plan_id = floor.approve("T1")
    floor.send(plan_id)

    floor.wait_until(lambda: floor.state(plan_id) is PlanState.RECONCILED, "the plan to be booked and closed")
    after = children(process.pid)
    assert all(after[name] != before[name] for name in ("app.gateway", "app.desk"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in after.values())
    assert "app.gateway ended with -9; it starts again in 1 s" in (floor.folder / "serve.log").read_text()


def test_practice_leaves_the_firms_own_connections_alone(new_floor):
    floor = new_floor()
    port, log = floor.free_port(), floor.folder / "practice.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [LOTSMITH, "serve", "--sandbox", "--port", str(port)], env=dict(floor.environment), cwd=floor.folder,
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        floor.wait_until(lambda: listens(port), "the app")
        beside = set(children(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    assert "app.web" in beside
    assert not {"app.gateway", "app.desk"} & beside
    assert "Practice: the connections of LOTSMITH_CONFIG are left alone" in log.read_text()


@pytest.mark.browser
def test_an_approver_cancels_what_is_left_of_a_block_on_the_page(serving):
    floor, _ = serving
    floor.start("custodian")
    floor.faults(hold=["DDD"])
    plan_id = floor.approve("T1")
    floor.send(plan_id)
    floor.wait_until(lambda: len(amend.working(floor.services, plan_id)) == 1, "one block to stay open")
    floor.wait_until(lambda: listens(floor.app_port), "the app")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"http://127.0.0.1:{floor.app_port}/orders?plan={plan_id}")
        page.get_by_test_id("stSidebar").get_by_role("combobox").click()
        page.get_by_role("option", name=re.compile("Alan Approver")).click()
        page.get_by_role("tab", name="Changes").click()
        page.get_by_role("button", name="Cancel what is left…").click()
        expect(page.get_by_text(re.compile("cancel what is left of buy DDD"))).to_be_visible()
        page.get_by_role("button", name="Ask the custodian").click()
        floor.wait_until(lambda: floor.state(plan_id) is PlanState.RECONCILED, "the cancellation, and the plan closed")
        expect(page.get_by_text("reconciled", exact=True).first).to_be_visible()
        browser.close()
    (change,) = floor.services.orders.changes(plan_id)
    assert (change.actor, change.quantity, change.taken) == ("alan", 0, True)
