"""axe-core finds no serious or critical problem on any page, light or dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.app.browser.doing import go

pytestmark = pytest.mark.browser

PAGES = ("book", "account?account=A00003", "account?account=A00003&tab=Tax+lots", "what-if?account=A00003", "meeting",
         "meeting?household=H00002&meeting=on&lean=7", "review", "orders", "wash-sales?household=H00002", "audit",
         "data", "rehearsal")  # fmt: skip
SEVERE = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_keeps_anybody_out(app, page, path, scheme):
    page.emulate_media(color_scheme=scheme)
    go(page, f"{app.url}/{path}")
    page.wait_for_timeout(1500)

    found = Axe().run(page).response["violations"]
    severe = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {[node['html'][:160] for node in rule['nodes'][:3]]}"
        for rule in found
        if rule["impact"] in SEVERE
    ]
    assert severe == []
