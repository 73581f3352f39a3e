"""Days that go as days go: a reload, the back button, a line that breaks, an examiner, a folder with a fault."""

import hashlib
import json
import re
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import expect

from app import wiring
from app.settings import Settings
from app.steps import inputs, plan, review
from engine.domain.lifecycle import PlanState
from tests.app.browser.doing import become, go, settled

pytestmark = pytest.mark.browser

HAND_FIRM = Path(__file__).parents[1] / "hand_firm"
ACCOUNT = "A00003"


class Line:
    """A line to the app that can be cut and mended: bytes go to and fro while it is whole."""

    def __init__(self, url):
        self.target = (urlparse(url).hostname, urlparse(url).port)
        self.open_ends = []
        self.cut_off = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self.cut_off = True
        for end in self.open_ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.open_ends.clear()

    def mend(self):
        self.cut_off = False

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.cut_off:
                near.close()
                continue
            far = socket.create_connection(self.target)
            self.open_ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(source, sink):
        with suppress(OSError):
            while content := source.recv(1 << 16):
                sink.sendall(content)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(app):
    made = Line(app.url)
    yield made
    made.cut()
    made.listener.close()


def test_a_reload_and_the_back_button_lead_to_the_same_view(app, page):
    go(page, f"{app.url}/account?account={ACCOUNT}")
    page.get_by_role("tab", name="Tax year").click()
    settled(page)
    told = page.get_by_text("This year's gains and losses so far")
    expect(told).to_be_visible()

    page.reload()
    settled(page)
    expect(told).to_be_visible()

    page.get_by_role("button", name="What if?").click()
    settled(page)
    expect(page.get_by_role("heading", name="What-if", exact=True)).to_be_visible()
    page.go_back()
    settled(page)
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="Account")).to_be_visible()
    assert f"account={ACCOUNT}" in page.url
    page.go_back()  # Streamlit keeps an entry for the tab that a page is left from, behind one for the page itself
    settled(page)
    expect(told).to_be_visible()


def test_a_line_that_breaks_in_the_middle_loses_nothing_that_was_set(line, page):
    go(page, f"{line.url}/what-if?account={ACCOUNT}")
    page.get_by_text("Trading", exact=True).first.click()
    field = page.get_by_role("spinbutton", name="Most trades")
    field.fill("120")
    field.press("Enter")
    settled(page)
    trades = page.get_by_test_id("stMetric").filter(has_text="Trades").first
    assert int(trades.get_by_test_id("stMetricValue").inner_text()) <= 120

    line.cut()
    page.wait_for_timeout(1500)
    line.mend()
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]')?.dataset.testConnectionState === 'CONNECTED'", timeout=60_000
    )
    settled(page)

    assert int(trades.get_by_test_id("stMetricValue").inner_text()) <= 120
    field.fill("90")
    field.press("Enter")
    settled(page)
    assert int(trades.get_by_test_id("stMetricValue").inner_text()) <= 90


def test_an_examiner_searches_the_log_and_takes_rows_home_that_prove_themselves(app, page):
    go(page, f"{app.url}/audit?about=maya")
    expect(page.get_by_text("1 events.")).to_be_visible()  # the search of the link is the search on screen

    go(page, f"{app.url}/audit")
    with page.expect_download() as download:
        page.get_by_role("button", name="All of them, sealed").click()
    previous = "0" * 64
    for text in download.value.path().read_text().splitlines():
        row = json.loads(text)
        sealed = {name: value for name, value in row.items() if name != "hash"}
        content = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert row["previous"] == previous
        assert hashlib.sha256(content).hexdigest() == row["hash"]
        previous = row["hash"]

    page.get_by_role("textbox", name="Head noted earlier").fill(previous)
    page.get_by_role("textbox", name="Head noted earlier").press("Enter")
    settled(page)
    page.get_by_role("button", name="Verify the whole chain").click()
    expect(page.get_by_text("each sealed by the next")).to_be_visible()


def test_a_folder_with_a_fault_changes_nothing_and_the_row_at_fault_is_kept_for_operations(app, page, tmp_path):
    folder = tmp_path / "firm"
    shutil.copytree(HAND_FIRM, folder)
    prices = folder / "prices.csv"
    prices.write_text(prices.read_text().replace("AAA,2026-11-20,100", "AAA,2026-11-20,dear"))
    go(page, f"{app.url}/data?tab=Bring+in+a+folder")
    page.locator("input[type=file]").set_input_files(folder)
    page.get_by_role("button", name="Check and bring in").click()
    expect(page.get_by_test_id("stAlertContentError")).to_be_visible()
    expect(page.get_by_text("Lotsmith demo firm (generated, not real)").first).to_be_visible()

    go(page, f"{app.url}/data?tab=Data+quality")
    with page.expect_download() as download:
        page.locator(".st-key-findings-csv").get_by_role("button").click()
    assert "prices.csv, line 2, close" in download.value.path().read_text()

    go(page, f"{app.url}/data?tab=Jobs")
    with page.expect_download() as download:
        page.locator(".st-key-jobs-csv").get_by_role("button").click()
    newest = download.value.path().read_text().splitlines()[1]
    assert newest.startswith("import,")
    assert "failed" in newest


def test_a_link_to_a_plan_shows_it_to_somebody_without_the_right_and_offers_no_approval(app, page):
    services = wiring.connect(Settings(database_url=app.database, exports=app.exports, user=None, connections={}))
    made = plan.what_if(services, ACCOUNT, inputs.default_settings(services, ACCOUNT))
    plan_id = plan.keep(services, made, actor="maya")
    review.submit(services, plan_id, actor=services.users.user("maya"))

    go(page, f"{app.url}/review?plan={plan_id}")
    become(page, "Cora Compliance")

    expect(page.get_by_role("heading", name="Checks")).to_be_visible()
    expect(page.get_by_text(re.compile("Who may.*Alan Approver"))).to_be_visible()
    for name in ("Approve", "Approve and send…", "Approve in part…", "Keep as a new draft"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0
    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW
    services.database.close()
