"""What does a reviewer read who wants the plan as one file? What is proposed, why, its tax, the checks, the trades."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table

from connectors.salesforce.mapping import Presentation, check_line
from engine.domain.plans import Verdict

TRADES_TOLD: Final = 20
_FIRST: Final = (Verdict.FAIL, Verdict.WARN, Verdict.PASS)
_MARGIN: Final = 54.0
_RULE: Final = HexColor("#d5dbe1")
_BODY: Final = ParagraphStyle("body", fontName="Helvetica", fontSize=9, leading=12, spaceAfter=4)
_CELL: Final = ParagraphStyle("cell", parent=_BODY, fontSize=8, leading=10, spaceAfter=0)
_RIGHT: Final = ParagraphStyle("right", parent=_CELL, alignment=2)
_TITLE: Final = ParagraphStyle("title", parent=_BODY, fontName="Helvetica-Bold", fontSize=15, leading=19)
_HEADING: Final = ParagraphStyle("heading", parent=_BODY, fontName="Helvetica-Bold", fontSize=10.5, leading=14,
                                 spaceBefore=7, keepWithNext=1)  # fmt: skip
_STYLE: Final = [
    ("LINEBELOW", (0, 0), (-1, -1), 0.5, _RULE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
]


def plan_pdf(document: Mapping[str, Any], shown: Presentation) -> bytes:
    """Return a plan document as PDF, US letter, for those who decide on it; equal values give equal bytes."""
    file = BytesIO()
    title = f"Rebalance plan {document['plan_id'][:8]}: {shown.account_name}"
    SimpleDocTemplate(
        file, pagesize=LETTER, invariant=1, lang="en-US", displayDocTitle=1, title=_plain(title), creator="Lotsmith",
        subject=f"Plan {document['plan_id']}", leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=44, bottomMargin=44,
    ).build(_story(document, shown, title))  # fmt: skip
    return file.getvalue()


def _story(document: Mapping[str, Any], shown: Presentation, title: str) -> list[Flowable]:
    made = ", ".join(shown.makers) or "Lotsmith"
    checks = sorted(shown.checks, key=lambda check: _FIRST.index(check.verdict))
    return [
        _text(title, _TITLE),
        _text(f"{shown.household_name}. Prices of {document['as_of']}. Made by {made}, who may not approve it."),
        _text("What and why", _HEADING),
        _text(shown.summary),
        _table(_figures(document), widths=(126, 126, 126, 126)),
        _text("Tax", _HEADING),
        _table(_tax(document["tax"]), widths=(100.8,) * 5),
        _text("Checks", _HEADING),
        *(_text(check_line(check)) for check in checks),
        _text("Trades", _HEADING),
        *_trades(document["trades"], shown.tickers),
        _text(f"Document {document['plan_id']}. An approval is of exactly this document.", _CELL),
    ]


def _figures(document: Mapping[str, Any]) -> list[Sequence[str]]:
    before, after, objective = document["before"], document["after"], document["objective_bp"]
    return [
        ("", "Value", "Cash", "Predicted tracking error, a year"),
        ("Before", _usd(before["nav"]), _usd(before["cash"]), f"{before['tracking_error']:.2%}"),
        ("After", _usd(after["nav"]), _usd(after["cash"]), f"{after['tracking_error']:.2%}"),
        ("Objective", f"{objective['total']:.2f} bp", "Certified gap", f"{objective['gap']:.2f} bp"),
    ]


def _tax(tax: Mapping[str, Any]) -> list[Sequence[str]]:
    names = ("liability", "st_gain", "lt_gain", "harvested_loss", "disallowed")
    return [
        ("Tax now", "ST gain", "LT gain", "Harvested loss", "Disallowed by wash sales"),
        [_usd(tax[name]) for name in names],
    ]


def _trades(trades: Sequence[Mapping[str, Any]], tickers: Mapping[str, str]) -> list[Flowable]:
    largest = sorted(trades, key=lambda trade: -trade["amount"])
    rows: list[Sequence[str]] = [("Trade", "Shares", "Amount", "Why")]
    rows += [
        (
            f"{trade['side'].capitalize()} {tickers.get(trade['security_id'], trade['security_id'])}",
            f"{trade['quantity']:,.6g}",
            _usd(trade["amount"]),
            trade["reason"]["sentence"],
        )
        for trade in largest[:TRADES_TOLD]
    ]
    story: list[Flowable] = [_table(rows, widths=(80, 60, 75, 289), words=3)]
    if rest := largest[TRADES_TOLD:]:
        amount = sum(trade["amount"] for trade in rest)
        story.append(_text(f"And {len(rest):,} smaller trades of {_usd(amount)} together, each on the plan's record."))
    return story


def _table(rows: Sequence[Sequence[str]], *, widths: Sequence[float], words: int | None = None) -> Table:
    """words: the column that is read as words and stands to the left, besides the first."""
    cells = [[_text(cell, _CELL if place in (0, words) else _RIGHT) for place, cell in enumerate(row)] for row in rows]
    return Table(cells, colWidths=list(widths), style=_STYLE, hAlign="LEFT", repeatRows=1)


def _text(words: str, style: ParagraphStyle = _BODY) -> Paragraph:
    return Paragraph(escape(_plain(words)), style)


def _plain(words: str) -> str:
    """Return text in the letters that a built-in font has; a question mark stands for any other."""
    return words.encode("cp1252", "replace").decode("cp1252")


def _usd(amount: float) -> str:
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"
