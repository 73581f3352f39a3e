"""What does a client take home? One account's choices, the plan that was looked at, why, and what it all rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

import pandas as pd
from reportlab.lib.colors import HexColor, white
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from app.report.drawings import BLUE, INK, ORANGE, RULE, SOFT, Mark, sector_drawing, trade_off_drawing
from app.report.letters import BOLD, REGULAR, printable
from app.steps.meeting import Choice, Kind, Meeting
from app.tables.assumptions import assumptions, disclosures
from app.tables.meeting import (
    WORTH,
    choice_table,
    closeness_words,
    largest_first,
    plan_table,
    title,
    trade_label,
    value_today,
    wash_words,
    wish_words,
    worth_usd,
)
from app.tables.parts import day, usd
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan
from engine.plan.frontier import FrontierPoint

TRADES_TOLD: Final = 10
GENERATED: Final = "Prepared from generated data: no person, account or security in it is real"
_MARGIN: Final = 54.0
_WIDTH: Final = LETTER[0] - 2 * _MARGIN - 12  # a frame of platypus keeps 6 points to itself on either side
_TINT: Final = HexColor("#eef3f9")
_SHAPES: Final = {Kind.KEEP: "square", Kind.BALANCED: "circle", Kind.MATCH: "triangle", Kind.BETWEEN: "diamond"}
_BODY: Final = ParagraphStyle("body", fontName=REGULAR, fontSize=9.5, leading=13.5, textColor=INK, spaceAfter=5)
_SMALL: Final = ParagraphStyle("small", parent=_BODY, fontSize=8.5, leading=11.5, spaceAfter=3)
_CELL: Final = ParagraphStyle("cell", parent=_BODY, fontSize=9, leading=12, spaceAfter=0)
_RIGHT: Final = ParagraphStyle("right", parent=_CELL, alignment=2)
_TRADE: Final = ParagraphStyle("trade", parent=_BODY, fontName=BOLD, spaceAfter=0)
_TITLE: Final = ParagraphStyle("title", parent=_BODY, fontName=BOLD, fontSize=20, leading=25, spaceAfter=2)
_HOUSE: Final = ParagraphStyle("house", parent=_BODY, fontSize=13, leading=17, textColor=BLUE, spaceAfter=4)
_META: Final = ParagraphStyle("meta", parent=_SMALL, textColor=SOFT, spaceAfter=8)
_HEADING: Final = ParagraphStyle("heading", parent=_BODY, fontName=BOLD, fontSize=12.5, leading=16,
                                 spaceBefore=12, spaceAfter=5, keepWithNext=1)  # fmt: skip
_LABEL: Final = ParagraphStyle("label", parent=_SMALL, textColor=white, backColor=ORANGE, borderPadding=(3, 5, 3, 5),
                               spaceBefore=4, spaceAfter=10, fontName=BOLD)  # fmt: skip
_BULLET: Final = ParagraphStyle("bullet", parent=_SMALL, leftIndent=10, bulletIndent=0, bulletFontName=REGULAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """All that a client's document is made of. points: the trade-off between the ends, empty where there is none.

    generated: the firm is made up, and the document says so.
    """

    meeting: Meeting
    chosen: Choice
    points: tuple[FrontierPoint, ...]
    firm: str
    generated: bool
    prepared: date


def client_pdf(handout: Handout) -> bytes:
    """Return the document as PDF, US letter, with bookmarks; equal values give equal bytes."""
    file = BytesIO()
    meeting = handout.meeting
    house, priced = printable(meeting.snapshot.household.name), day(meeting.market.priced_on)
    document = SimpleDocTemplate(
        file, pagesize=LETTER, invariant=1, lang="en-US", displayDocTitle=1,
        leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=50, bottomMargin=62,
        title=f"Three ways forward: {house}", author=printable(handout.firm),
        subject=f"Hypothetical choices for account {meeting.account.account_id}, prices of {priced}",
        creator="Lotsmith",
    )  # fmt: skip
    foot = " · ".join(
        [
            *([GENERATED] if handout.generated else []),
            "Hypothetical figures: see What is assumed, Important information",
        ]
    )
    document.build(_story(handout), canvasmaker=_footed(house, foot))
    return file.getvalue()


def _story(handout: Handout) -> list[Flowable]:
    meeting, chosen = handout.meeting, handout.chosen
    account = meeting.account
    story: list[Flowable] = [
        _paragraph("Three ways forward for your portfolio", _TITLE),
        _paragraph(meeting.snapshot.household.name, _HOUSE),
        _paragraph(
            f"Account {account.account_id}, {account.custodian}, {usd(value_today(meeting))} · prices of "
            f"{day(meeting.market.priced_on)} · prepared {day(handout.prepared)} by {handout.firm}",
            _META,
        ),
    ]
    if handout.generated:
        story.append(_paragraph(GENERATED, _LABEL))
    story += _choices(meeting, chosen)
    story += _pictures(handout)
    if chosen.found is not None:
        story += _trades(chosen.found.plan, meeting.market)
        story += [_Heading("Wash sales")]
        story += [_paragraph(text, _SMALL) for text in wash_words(chosen.found.plan, meeting.market)]
    story += [_Heading("What is assumed"), *(_bullet(text) for text in assumptions(meeting))]
    story += [CondPageBreak(180), _Heading("Important information")]
    said = disclosures(firm=handout.firm, household=meeting.snapshot.household.name, generated=handout.generated)
    return story + [Paragraph(f"<b>{_safe(head)}.</b> {_safe(text)}", _SMALL) for head, text in said]


def _choices(meeting: Meeting, chosen: Choice) -> list[Flowable]:
    shown = [*meeting.choices, *([chosen] if chosen.kind is Kind.BETWEEN else [])]
    story: list[Flowable] = [_Heading("The choices")]
    asked = wish_words(meeting.wishes, meeting.market)
    if asked:
        story.append(
            _paragraph(f"What you asked for: {'; '.join(asked)}. Keep is the account as it stands today.", _BODY)
        )
    marked = 1 + next(place for place, choice in enumerate(shown) if choice.kind is chosen.kind)
    first = 132.0
    widths = [first, *[(_WIDTH - first) / len(shown)] * len(shown)]
    story += [_table(choice_table(shown), widths=widths, marked=marked, head=True), Spacer(1, 8)]
    story.append(
        Paragraph(
            f"<b>{_safe(title(chosen))}</b>, shaded, is the plan described below. "
            f"{_safe(closeness_words(chosen.tracking_error))}",
            _BODY,
        )
    )
    if chosen.found is not None:
        story.append(
            KeepTogether(
                [
                    _Heading(f"The plan in numbers: {title(chosen)}"),
                    _table(plan_table(chosen), widths=[230.0, _WIDTH - 230.0], marked=None, head=False),
                ]
            )
        )
    return story


def _pictures(handout: Handout) -> list[Flowable]:
    meeting, chosen = handout.meeting, handout.chosen
    shown = [*meeting.choices, *([chosen] if chosen.kind is Kind.BETWEEN else [])]
    marks = [
        Mark(
            label=title(choice),
            shape=_SHAPES[choice.kind],
            x=100 * choice.tracking_error,
            y=float(choice.tax),
            chosen=choice.kind is chosen.kind,
        )
        for choice in shown
    ]
    curve = [(100 * point.tracking_error, float(point.tax_usd)) for point in handout.points]
    line = " The line is the best that is possible in between." if curve else ""
    story: list[Flowable] = [
        KeepTogether(
            [
                _Heading("Tax against closeness"),
                _paragraph(f"Dollars of tax this year, below zero saved; the plan described has a ring.{line}", _SMALL),
                trade_off_drawing(curve, marks, width=_WIDTH),
            ]
        )
    ]
    if chosen.found is not None:
        after = dict(chosen.found.plan.after.sectors)
        rows = [(printable(name), now, after.get(name, 0.0)) for name, now in chosen.found.plan.before.sectors]
        story.append(
            KeepTogether(
                [
                    _Heading("Sectors, before and after"),
                    _paragraph("Weight of each sector less its weight in the index.", _SMALL),
                    sector_drawing(rows, width=_WIDTH),
                ]
            )
        )
    return story


def _trades(plan: Plan, market: MarketSnapshot) -> list[Flowable]:
    story: list[Flowable] = [_Heading("The largest trades, and why")]
    trades = largest_first(plan)
    if trades:
        story.append(_paragraph(WORTH, _SMALL))
    for trade in trades[:TRADES_TOLD]:
        worth = worth_usd(trade, plan)
        told = trade.reason.sentence + ("" if worth is None else f" Worth ${worth:,.2f} to the plan.")
        story.append(
            KeepTogether([_paragraph(trade_label(trade, market), _TRADE), _paragraph(told, _SMALL), Spacer(1, 3)])
        )
    if not trades:
        story.append(_paragraph("This choice makes no trade.", _BODY))
    elif len(trades) > TRADES_TOLD:
        rest = trades[TRADES_TOLD:]
        amount = sum(trade.amount for trade in rest)
        story.append(_paragraph(f"And {len(rest):,} smaller trades of {usd(amount)} together.", _BODY))
    return story


def _table(frame: pd.DataFrame, *, widths: Sequence[float], marked: int | None, head: bool) -> Table:
    cells = [[_paragraph(str(row.iloc[0]), _CELL), *(_paragraph(str(text), _RIGHT) for text in row.iloc[1:])]
             for _, row in frame.iterrows()]  # fmt: skip
    if head:
        bold = ParagraphStyle("head", parent=_RIGHT, fontName=BOLD)
        cells.insert(0, [_paragraph("", _CELL), *(_paragraph(str(name), bold) for name in frame.columns[1:])])
    style: list[tuple[Any, ...]] = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, RULE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 3.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
        ("LEFTPADDING", (0, 0), (0, -1), 2),
    ]
    if head:
        style.append(("LINEBELOW", (0, 0), (-1, 0), 1.0, INK))
    if marked is not None:
        style.append(("BACKGROUND", (marked, 0), (marked, -1), _TINT))
    return Table(cells, colWidths=list(widths), style=style, hAlign="LEFT", repeatRows=1 if head else 0)


class _Heading(Paragraph):  # type: ignore[misc]  # reportlab has no types
    """A heading with its bookmark."""

    def __init__(self, text: str) -> None:
        super().__init__(_safe(text), _HEADING)
        self.told = printable(text)

    def draw(self) -> None:
        self.canv.bookmarkHorizontal(self.told, 0, self.height + 12)
        self.canv.addOutlineEntry(self.told, self.told, level=0)
        super().draw()


def _footed(house: str, foot: str) -> type[Canvas]:
    """Return a canvas that ends every page with whom it is for, what it is, and which page of how many."""

    class Footed(Canvas):  # type: ignore[misc]  # reportlab has no types
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802  reportlab's own word
            self.pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self.pages, start=1):
                self.__dict__.update(page)
                self.setStrokeColor(RULE)
                self.line(_MARGIN, 46, LETTER[0] - _MARGIN, 46)
                self.setFillColor(SOFT)
                self.setFont(REGULAR, 7.5)
                self.drawString(_MARGIN, 35, house)
                self.drawRightString(LETTER[0] - _MARGIN, 35, f"Page {number} of {len(self.pages)}")
                self.drawString(_MARGIN, 25, foot)
                super().showPage()
            super().save()

    return Footed


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(_safe(text), style)


def _bullet(text: str) -> Paragraph:
    return Paragraph(_safe(text), _BULLET, bulletText="•")


def _safe(text: str) -> str:
    return escape(printable(text))
