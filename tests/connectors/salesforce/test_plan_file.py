"""The file that goes with a plan says what the document says, and is the same whenever it is made."""

import io

from pypdf import PdfReader

from connectors.salesforce.plan_file import TRADES_TOLD, plan_pdf


def words(document: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages).split())


def test_it_says_what_why_what_tax_which_checks_and_which_trades(document, shown):
    plan = document()

    text = words(plan_pdf(plan, shown))

    assert f"Rebalance plan {plan['plan_id'][:8]}: Joint account" in text
    assert "The Hand family. Prices of 2025-06-30. Made by Maya Manager, who may not approve it." in text
    assert "Before $100,000.50 $1,500.25 3.12%" in text
    assert "After $100,000.50 $1,515.25 2.00%" in text
    assert "-$4.90 -$12.25 $0.00 $12.25 $0.00" in text
    assert "Sell AAA.A 10 $255.00 Brings AAA closer to its target." in text
    assert plan["plan_id"] in text


def test_warnings_stand_before_what_passed(document, shown):
    text = words(plan_pdf(document(), shown))

    assert text.index("WARN wash_sale: the lock on AAA.A ends tomorrow") < text.index("PASS cash_band: cash 1.5 %")


def test_many_trades_are_told_by_the_largest(document, shown, trade):
    many = [trade(f"S{number:02}", "buy", number, 10) for number in range(1, TRADES_TOLD + 3)]

    text = words(plan_pdf(document(many), shown))

    assert "Buy S22 22 $220.00" in text
    assert "Buy S02 " not in text
    assert "And 2 smaller trades of $30.00 together" in text


def test_equal_plans_make_equal_bytes(document, shown):
    assert plan_pdf(document(), shown) == plan_pdf(document(), shown)
