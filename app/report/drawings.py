"""The pictures of a document, as vector drawings: tax against closeness, and sectors before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from reportlab.graphics.shapes import Circle, Drawing, Group, Line, Polygon, PolyLine, Rect, String
from reportlab.lib.colors import Color, HexColor, white

from app.report.letters import REGULAR
from app.tables.parts import usd

INK: Final = HexColor("#1c2733")
SOFT: Final = HexColor("#6b7785")
RULE: Final = HexColor("#d5dbe1")
BLUE: Final = HexColor("#0b5cad")
ORANGE: Final = HexColor("#d9822b")
_SIZE: Final = 8
_TICKS: Final = 5
_MARK: Final = 5.0  # half the width of a mark, points
_LEFT: Final = 58.0
_BOTTOM: Final = 48.0
_LEAST_USD: Final = 100.0  # where nothing differs by more, the picture shows that nothing differs
_LEAST_PERCENT: Final = 0.1
_BAR: Final = 6.0
_ROW: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One choice on the picture of tax against closeness. x: % a year; y: USD; chosen: ringed."""

    label: str
    shape: str
    x: float
    y: float
    chosen: bool


def trade_off_drawing(curve: Sequence[tuple[float, float]], marks: Sequence[Mark], *, width: float) -> Drawing:
    """Return tax (USD, below zero saved) against predicted tracking error (% a year) with the choices marked.

    curve: the best possible between the ends, by tracking error. Marks differ by shape, and the chosen one has a ring.
    """
    height = 190.0
    drawing = Drawing(width, height)
    xs = _scale([x for x, _ in curve] + [mark.x for mark in marks] + [0.0], span=_LEAST_PERCENT)
    ys = _scale([y for _, y in curve] + [mark.y for mark in marks] + [0.0], span=_LEAST_USD)
    right, top = width - 16.0, height - 8.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (x - xs[0]) / (xs[-1] - xs[0]) * (right - _LEFT),
            _BOTTOM + (y - ys[0]) / (ys[-1] - ys[0]) * (top - _BOTTOM),
        )

    for y in ys:
        level = at(xs[0], y)[1]
        drawing.add(Line(_LEFT, level, right, level, strokeColor=SOFT if y == 0 else RULE, strokeWidth=0.5))
        drawing.add(_text(_LEFT - 4, level - 3, usd(y), anchor="end"))
    decimals = max(0, -floor(log10(xs[1] - xs[0]) + 1e-9))
    for x in xs:
        drawing.add(_text(at(x, ys[0])[0], _BOTTOM - 11, f"{x:.{decimals}f} %", anchor="middle"))
    axis = "predicted tracking error, a year (left is closer to the index)"
    drawing.add(_text((_LEFT + right) / 2, _BOTTOM - 23, axis, anchor="middle", color=SOFT))
    if len(curve) > 1:
        points = [part for x, y in sorted(curve) for part in at(x, y)]
        drawing.add(PolyLine(points, strokeColor=BLUE, strokeWidth=1.2))
    for mark in marks:
        drawing.add(_mark(mark.shape, *at(mark.x, mark.y), ringed=mark.chosen))
    step = (right - _LEFT) / max(len(marks), 1)
    for place, mark in enumerate(marks):
        left = _LEFT + place * step
        drawing.add(_mark(mark.shape, left + _MARK + 4, 9, ringed=mark.chosen))
        drawing.add(_text(left + 2 * _MARK + 10, 6, mark.label))
    return drawing


def sector_drawing(rows: Sequence[tuple[str, float, float]], *, width: float) -> Drawing:
    """Return weight less target by sector as pairs of bars. rows: (sector, before, after), fractions."""
    height = 34.0 + _ROW * len(rows)
    drawing = Drawing(width, height)
    most = max((abs(100 * value) for _, *pair in rows for value in pair), default=0.0) or 0.1
    step = _step(most)
    reach = step * ceil(most / step - 1e-9)
    left, right = 138.0, width - 20.0
    decimals = max(0, -floor(log10(step) + 1e-9))
    middle, unit = (left + right) / 2, (right - left) / 2 / reach
    for count in range(-round(reach / step), round(reach / step) + 1):
        x = middle + count * step * unit
        drawing.add(Line(x, 22, x, height - 4, strokeColor=RULE if count else SOFT, strokeWidth=0.5))
        drawing.add(_text(x, 12, f"{count * step:+.{decimals}f} %" if count else "0", anchor="middle"))
    for place, (sector, before, after) in enumerate(rows):
        base = height - 8 - _ROW * (place + 1) + (_ROW - 2 * _BAR) / 2
        drawing.add(_text(left - 6, base + _BAR - 2, sector, anchor="end"))
        for value, color, bottom in ((before, SOFT, base + _BAR), (after, BLUE, base)):
            length = 100 * value * unit
            drawing.add(Rect(middle + min(length, 0.0), bottom, abs(length), _BAR - 0.5, fillColor=color,
                             strokeColor=None))  # fmt: skip
    for place, (label, color) in enumerate((("today", SOFT), ("after the plan", BLUE))):
        drawing.add(Rect(8 + 50 * place, 3, 7, 7, fillColor=color, strokeColor=None))
        drawing.add(_text(18 + 50 * place, 4, label))
    return drawing


def _mark(shape: str, x: float, y: float, *, ringed: bool) -> Group:
    color = ORANGE if ringed else INK
    shapes = {
        "square": lambda: Rect(x - _MARK * 0.8, y - _MARK * 0.8, 1.6 * _MARK, 1.6 * _MARK),
        "circle": lambda: Circle(x, y, _MARK * 0.9),
        "triangle": lambda: Polygon([x - _MARK, y - _MARK * 0.8, x + _MARK, y - _MARK * 0.8, x, y + _MARK]),
        "diamond": lambda: Polygon([x - _MARK, y, x, y + _MARK, x + _MARK, y, x, y - _MARK]),
    }
    drawn = shapes[shape]()
    drawn.fillColor, drawn.strokeColor, drawn.strokeWidth = color, white, 0.6
    parts = [drawn]
    if ringed:
        parts.append(Circle(x, y, _MARK + 3.5, fillColor=None, strokeColor=ORANGE, strokeWidth=1.2))
    return Group(*parts)


def _text(x: float, y: float, text: str, *, anchor: str = "start", color: Color = INK) -> String:
    return String(x, y, text, fontName=REGULAR, fontSize=_SIZE, fillColor=color, textAnchor=anchor)


def _scale(values: Sequence[float], *, span: float) -> list[float]:
    """Return round numbers, evenly apart, that reach from the least value to the greatest, at least a span apart."""
    low, high = min(values), max(values)
    step = _step(max(high - low, span))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    last += last == first
    return [step * count for count in range(first, last + 1)]


def _step(span: float) -> float:
    """Return the round step that divides a span into about five."""
    raw = span / _TICKS
    power = 10.0 ** floor(log10(raw))
    return float(power * next(factor for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= raw * (1 - 1e-9)))
