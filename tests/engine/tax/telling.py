"""A household's history as a line of text.

    d0 buy 100 @50; d90 out 40 of t1; d92 joint in 40 as m; 2023-09-30 sell 60 @40 of t1

A row is a day, an account (the taxable one unless said), what happened, shares (or the ratio of a split), a security (X
unless said), a price a share, a stated basis, and the lot named ("of") or made ("as"). Rows are called t1, t2, ... in
the order of telling, and so are the lots that purchases make. A day is a date, or "d7": seven days after 1 June 2023.
"""

import re
from datetime import date, timedelta

D0 = date(2023, 6, 1)
ROW = re.compile(
    r"(?P<day>\S+) ((?P<account>joint|ira|roth) )?(?P<verb>\w+) (?P<number>[\d.]+)( (?P<security>[A-Z]+))?"
    r"( @(?P<price>[\d.]+))?( basis (?P<basis>\d+))?( (of|as) (?P<lot>\w+))?"
)


def when(day: str) -> date:
    return D0 + timedelta(days=int(day[1:])) if day.startswith("d") else date.fromisoformat(day)


def tell(story, history: str) -> None:
    """Tell a story (conftest.py) every row of a history."""
    for text in history.split("; "):
        row = ROW.fullmatch(text)
        assert row, text
        day, verb, number, lot = when(row["day"]).isoformat(), row["verb"], row["number"], row["lot"]
        where = {"account": row["account"] or "taxable", "security": row["security"] or "X"}
        if verb in ("buy", "reinvest", "sell"):
            getattr(story, verb)(day, number, row["price"], lot=lot, **where)
        elif verb == "split":
            story.split(day, number, **where)
        elif verb == "in":
            story.move_in(day, number, lot=lot, basis=row["basis"], **where)
        else:
            {"out": story.move_out, "give": story.give}[verb](day, number, lot=lot, **where)
