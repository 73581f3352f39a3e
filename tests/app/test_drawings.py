"""The pictures of a client's document: marks and bars lie where their figures say, and axes carry round numbers."""

import pytest
from reportlab.graphics.shapes import Group, PolyLine, Rect, String

from app.report.drawings import Mark, sector_drawing, trade_off_drawing


def texts(drawing):
    return [(part.text, part.x, part.y) for part in drawing.contents if isinstance(part, String)]


def place_of(drawing, words):
    [(_, x, y)] = [text for text in texts(drawing) if text[0] == words]
    return x, y


def centre(group):
    left, bottom, right, top = group.contents[0].getBounds()
    return (left + right) / 2, (bottom + top) / 2


def test_a_mark_stands_over_its_tracking_error_and_beside_its_tax_and_the_chosen_one_has_a_ring():
    marks = [
        Mark(label="Keep", shape="square", x=1.0, y=0.0, chosen=False),
        Mark(label="Match", shape="square", x=0.2, y=-1000.0, chosen=True),
    ]

    drawing = trade_off_drawing([], marks, width=500.0)

    keep, match = [part for part in drawing.contents if isinstance(part, Group)][:2]
    assert centre(keep)[0] == pytest.approx(place_of(drawing, "1.0 %")[0])
    assert centre(keep)[1] == pytest.approx(place_of(drawing, "$0")[1] + 3)  # a label's base is 3 points lower
    assert centre(match)[0] == pytest.approx(place_of(drawing, "0.2 %")[0])
    assert centre(match)[1] == pytest.approx(place_of(drawing, "-$1,000")[1] + 3)
    assert centre(keep)[0] > centre(match)[0]  # left is closer
    assert centre(keep)[1] > centre(match)[1]  # what saves tax is lower
    assert [len(group.contents) for group in (keep, match)] == [1, 2]


def test_the_axes_have_round_numbers_from_zero_and_the_line_goes_from_close_to_far():
    drawing = trade_off_drawing([(1.0, -400.0), (0.5, 300.0)], [], width=500.0)

    labels = [text for text, *_ in texts(drawing)]
    # From -400 to 300 in steps of 200, from 0 to 1 in steps of 0.2.
    assert labels[:5] == ["-$400", "-$200", "$0", "$200", "$400"]
    assert labels[5:11] == ["0.0 %", "0.2 %", "0.4 %", "0.6 %", "0.8 %", "1.0 %"]
    [line] = [part for part in drawing.contents if isinstance(part, PolyLine)]
    assert line.points[0] < line.points[2]


def test_where_no_choice_differs_the_picture_shows_that_and_not_a_cent_as_a_mountain():
    drawing = trade_off_drawing([], [Mark(label="Keep", shape="circle", x=0.0, y=0.0, chosen=True)], width=500.0)

    assert [text for text, *_ in texts(drawing)][:2] == ["$0", "$20"]


def test_a_sector_above_its_target_is_a_bar_to_the_right_as_long_as_its_per_cent():
    drawing = sector_drawing([("Energy", 0.02, -0.01)], width=500.0)

    before, after = [part for part in drawing.contents if isinstance(part, Rect)][:2]
    middle, one = place_of(drawing, "0")[0], place_of(drawing, "+1.0 %")[0]
    assert (before.x, before.width) == pytest.approx((middle, 2 * (one - middle)))
    assert (after.x, after.width) == pytest.approx((middle - (one - middle), one - middle))
