"""What a person does on any page, and waits for."""

import re


def settled(page):
    """Wait until the script has run to its end and says so."""
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
        " && document.querySelectorAll('h1').length > 0"
    )
    page.wait_for_timeout(400)
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")


def go(page, url):
    """Open an address."""
    page.goto(url)
    settled(page)


def become(page, person):
    """Choose another demo person in the sidebar."""
    page.get_by_test_id("stSidebar").get_by_role("combobox").click()
    page.get_by_role("option", name=re.compile(person)).click()
    settled(page)
