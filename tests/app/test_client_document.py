"""The client's PDF, read back: its figures are the plan's, it says what it must, and it knows of no other household."""

import io
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from pypdf import PdfReader

from app.report.client import Handout, client_pdf
from app.steps import meeting
from app.steps.meeting import Wishes

OTHERS = ("Lake", "H2", "T2", "2001")  # the other household, its account and its number
PREPARED = date(2026, 11, 23)


@pytest.fixture
def handout(services):
    """handout(account, lean=...) is what a client's document is made of."""

    def make(account_id="T1", *, lean=10, wishes=None, generated=False):
        talk = meeting.meet(services, account_id, wishes or Wishes())
        return Handout(
            meeting=talk,
            chosen=meeting.choose(talk, lean),
            points=meeting.between(talk),
            firm="Hand-written firm",
            generated=generated,
            prepared=PREPARED,
        )

    return make


def read(document):
    return PdfReader(io.BytesIO(document))


def words(document):
    """Return the text of every page, each run of white space as one space."""
    return " ".join(" ".join(page.extract_text() for page in read(document).pages).split())


def test_the_choices_stand_side_by_side_with_the_figures_of_their_plans(handout):
    text = words(client_pdf(handout()))

    # By hand in test_meeting.py: 153.60 saved, 0.277 % a year, 4 trades, further than 0.25 % and no gain realised.
    assert "Keep Balanced Match the index" in text
    assert "Tax this year none $154 saved none" in text
    assert "Two years out of three within 0.00% a year 0.28% a year 0.00% a year" in text
    assert "Trades none 4 none" in text
    assert "Years until close to the index Close already Not at this pace This year" in text
    assert "In two years out of three, the account's return would be within 0.28% of the index's." in text


def test_the_plan_in_numbers_is_the_plan_document(handout):
    made = handout()
    document = made.chosen.found.document
    text = words(client_pdf(made))

    sold = sum(Decimal(str(t["amount"])) for t in document["trades"] if t["side"] == "sell")
    bought = sum(Decimal(str(t["amount"])) for t in document["trades"] if t["side"] == "buy")
    assert (sold, bought) == (1200, 1200)
    for label, amount in (
        ("Value of the account today", document["before"]["nav"]),
        ("Sold", sold),
        ("Bought", bought),
        ("Losses harvested", document["tax"]["harvested_loss"]),
        ("Tax saved this year", -document["tax"]["liability"]),
        ("Cash after", document["after"]["cash"]),
    ):
        assert f"{label} ${amount:,.0f}" in text, label
    assert "Net short-term gain -$480" in text
    before, after = document["before"]["tracking_error"], document["after"]["tracking_error"]
    assert f"Predicted tracking error, a year {before:.2%} today, {after:.2%} after" in text


def test_each_trade_told_has_its_reason_and_what_is_sold_at_a_loss_its_window(handout):
    made = handout()
    text = words(client_pdf(made))

    assert "Sell Alpha Works, $1,200" in text
    for trade in made.chosen.found.plan.trades:
        assert trade.reason.sentence in text
    assert "Worth $76.80 to the plan." in text  # without it nothing is left to do: 7.68 bp of 100,000
    # Sold on 20 November: the 30th day after it is 20 December.
    assert "Sold at a loss: AAA. Until 20 December 2026 no account of the household" in text
    assert "from 21 December 2026 it may again" in text


def test_the_plan_between_the_choices_has_a_column_of_its_own_and_the_wishes_are_told(handout):
    wishes = Wishes(deposit=Decimal(10_000), exclude=("BBB",), gains=Decimal(50_000))
    text = words(client_pdf(handout(lean=3, wishes=wishes)))

    assert "Keep Balanced Match the index Your choice" in text
    assert "What you asked for: add $10,000; leave out Beta Foods; realise at most $50,000 of net gains" in text
    assert "Money added $10,000" in text


def test_what_is_assumed_is_told_with_its_figures(handout):
    text = words(client_pdf(handout()))

    for said in (
        "Prices are closing prices of 20 November 2026.",
        "taxed at 32.0% where held for a year or less and at 20.0% where held longer",
        "a predicted range of at most 0.25%: 0.25 percentage points above what matching it reaches",
        "Not visible to us: 401(k) at work, Spouse's IRA.",
        "Harvesting a loss defers tax more than it removes it",
        "a proposal is checked and approved by another person",
    ):
        assert said in text


def test_hypothetical_figures_carry_their_disclosures(handout):
    text = words(client_pdf(handout()))

    for heading, said in {
        "Hypothetical figures.": "computed by a model for trades that have not been made",
        "How they were computed.": "Other assumptions give other figures.",
        "Risks and limits.": "Investments can lose value.",
        "Fees.": "no advisory, custody or other fee",
        "Not tax or legal advice.": "ask your own tax adviser",
        "Whom this is for.": "Prepared by Hand-written firm for Hill and their advisor",
    }.items():
        assert said in text.split(heading, 1)[1], heading
    assert "generated data" not in text


def test_a_made_up_firm_is_labelled_on_every_page(handout):
    pages = read(client_pdf(handout(generated=True))).pages

    assert len(pages) > 1
    for page in pages:
        assert "generated data" in " ".join(page.extract_text().split())


@pytest.mark.parametrize("lean", [0, 10, 20])
def test_no_other_household_is_in_it(handout, lean):
    document = client_pdf(handout(lean=lean))
    text = words(document)

    assert "Hill" in text
    for other in OTHERS:
        assert not re.search(rf"\b{other}\b", text), other
    assert not any(re.search(rf"\b{other}\b", str(read(document).metadata)) for other in OTHERS)


def test_every_page_says_which_of_how_many_it_is(handout):
    pages = read(client_pdf(handout())).pages

    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page.extract_text()


def test_equal_values_give_equal_bytes_and_other_values_others(handout):
    made = handout()

    assert client_pdf(made) == client_pdf(made)
    assert client_pdf(made) != client_pdf(replace(made, prepared=date(2026, 11, 24)))


def test_a_reader_finds_title_language_and_bookmarks(handout):
    reader = read(client_pdf(handout()))

    assert reader.metadata.title == "Three ways forward: Hill"
    assert reader.metadata.author == "Hand-written firm"
    assert reader.root_object["/Lang"] == "en-US"
    assert [mark.title for mark in reader.outline] == [
        "The choices", "The plan in numbers: Balanced", "Tax against closeness", "Sectors, before and after",
        "The largest trades, and why", "Wash sales", "What is assumed", "Important information",
    ]  # fmt: skip


def test_the_pictures_are_drawn_with_their_labels(handout):
    text = words(client_pdf(handout()))

    assert "predicted tracking error, a year (left is closer to the index)" in text
    for sector in ("Health Care", "Industrials", "Staples", "Technology"):
        assert sector in text.split("Sectors, before and after", 1)[1]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("Søren & <b>Łucja", "Søren & <b>Łucja"),
        ("Νίκος Дмитрий Đặng", "Νίκος Дмитрий Đặng"),
        ("Z\u0307o\u0301\u0142c\u0301", "Żółć"),  # accents that stand apart are joined to their letters
        ("王 Li", "? Li"),  # the font has no Chinese
        ("דוד Katz", "??? Katz"),  # what is written from right to left is not laid out
    ],
)
def test_a_clients_name_is_written_in_its_own_letters(handout, name, told):
    made = handout()
    snapshot = made.meeting.snapshot
    named = replace(snapshot, household=replace(snapshot.household, name=name))

    talk = replace(made.meeting, inputs=replace(made.meeting.inputs, snapshot=named))
    document = client_pdf(replace(made, meeting=talk))

    first, *_ = read(document).pages
    assert first.extract_text().splitlines()[1] == told  # under the title
    assert f"Prepared by Hand-written firm for {told} and their advisor" in words(document)
    assert read(document).metadata.title == f"Three ways forward: {told}"


def test_all_that_is_written_is_in_a_font_that_the_document_brings(handout):
    fonts = {}

    def note(text, _cm, _tm, font, _size):
        if text.strip():
            fonts[font["/BaseFont"].partition("+")[2]] = "/FontFile2" in font.get("/FontDescriptor", {})

    for page in read(client_pdf(handout(generated=True))).pages:
        page.extract_text(visitor_text=note)

    assert fonts == {"LiberationSans": True, "LiberationSans-Bold": True}


def test_a_choice_without_a_trade_says_so(handout):
    text = words(client_pdf(handout(lean=20)))

    assert "This choice makes no trade." in text
    assert "No loss is taken" in text


def test_the_command_writes_the_document_of_the_meeting(desk, tmp_path):
    file = tmp_path / "hill.pdf"
    said = desk.run("report", "T1", "--to", str(file))

    assert (said.code, said.out) == (0, ""), said.err
    assert "Tax this year none $154 saved none" in words(file.read_bytes())

    refused = desk.run("report", "T1", "--to", str(file), "--take", "900000")
    assert refused.code == 1
    assert "withdraw less than that" in refused.err

    nowhere = desk.run("report", "T1", "--to", str(tmp_path / "no" / "folder.pdf"))
    assert nowhere.code == 2
    assert "expected a file that can be written" in nowhere.err
