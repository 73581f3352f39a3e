"""What stands on every page: the firm, the age of its data, a label where it is no real firm; errors as sentences."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pandas as pd
import streamlit as st

from app.columns import COLUMNS
from app.ports import Progress, Services
from app.steps import firm
from app.steps.market import todays_market
from engine.domain.errors import LotsmithError

_STALE_DAYS: Final = 4
_ROW_PX: Final = 36


def header(services: Services) -> None:
    """Show which firm this is and how old its data are; nothing before a firm was imported."""
    if services.firm.is_empty():
        st.info(
            "No firm yet. Bring one in with `lotsmith import`, or on the page Firm data.", icon=":material/database:"
        )
        return
    present, marks = services.firm.firm(), todays_market(services).marks.values()
    priced = max((mark.on for mark in marks), default=present.as_of)
    age = (services.now().date() - priced).days
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if firm.is_demo(services):
            st.badge("Demo firm: generated data, no real client", icon=":material/science:", color="orange")
        elif firm.is_practice(services):
            st.badge("Practice: stand-in systems, no sign-in", icon=":material/science:", color="orange")
        st.caption(f"{present.name} · prices of {priced:%d %b %Y}", width="content")
        if age > _STALE_DAYS:
            st.badge(f"prices {age} days old", icon=":material/schedule:", color="gray")


def refusal(error: LotsmithError) -> None:
    """Show an error that Lotsmith raised on purpose, with every problem it names."""
    st.error(str(error), icon=":material/error:")
    problems = getattr(error, "problems", ())
    if problems:
        st.dataframe(
            pd.DataFrame([{"file": p.file, "line": p.row, "column": p.column, "found": p.found, "expected": p.expected}
                          for p in problems]),
            hide_index=True,
        )  # fmt: skip


def attempt(act: Callable[[], object]) -> bool:
    """Do something that may be refused; show the refusal in place and say whether it was done."""
    try:
        act()
    except LotsmithError as error:
        refusal(error)
        return False
    return True


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show a bar for long work while it runs."""
    bar = st.progress(0.0, text=label)

    def report(doing: str, done: float) -> None:
        bar.progress(min(max(done, 0.0), 1.0), text=f"{label}: {doing}")

    yield report
    bar.empty()


def table(frame: pd.DataFrame, *, key: str, empty: str = "Nothing here.", height: int | None = None) -> None:
    """Show a table of app.tables, or a sentence where it has no rows."""
    if frame.empty:
        st.caption(empty)
        return
    st.dataframe(
        frame, column_config=dict(COLUMNS), hide_index=True, key=key, height=_height(frame, height), placeholder=""
    )


def picked(frame: pd.DataFrame, *, key: str, empty: str = "Nothing here.", height: int | None = None) -> int | None:
    """Show a table whose rows open something; return the place of the row just clicked."""
    if frame.empty:
        st.caption(empty)
        return None
    event = st.dataframe(
        frame,
        column_config=dict(COLUMNS),
        hide_index=True,
        key=key,
        height=_height(frame, height),
        placeholder="",
        on_select="rerun",
        selection_mode="single-cell",
    )
    cells = event.selection.cells
    return int(cells[0][0]) if cells else None


def _height(frame: pd.DataFrame, most: int | None) -> Any:
    """As high as its rows, up to a limit; Streamlit's own limit of ten rows where none is given."""
    if most is None:
        return "auto"
    return "content" if _ROW_PX * (len(frame) + 1) < most else most
