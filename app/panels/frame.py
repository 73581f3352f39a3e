"""What stands on every page: the firm, the age of its data, a label where it is no real firm; errors as sentences."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from typing import Any, Final, cast

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import session
from app.columns import COLUMNS
from app.ports import Progress, Services
from app.session import memory
from app.steps import firm
from app.steps.exchange import sessions_since
from app.steps.market import todays_market
from app.tables.files import csv_bytes, workbook_bytes
from app.tables.parts import literal
from engine.domain.errors import LotsmithError

NOT_SCANNED: Final = "Not scanned yet: no account was looked at."
_FRESH_SESSIONS: Final = 1  # behind the last close: a night's prices come in the morning
_ROW_PX: Final = 36
_SAYS_LITTLE_S: Final = 1.0
_MINUTES_S: Final = 90.0
_FIRST_PICTURE_S: Final = 1.0
_CHART: Final = {"displaylogo": False}


def header(services: Services) -> None:
    """Show which firm this is and how old its data are; nothing before a firm was imported."""
    if services.firm.is_empty():
        st.info(
            "No firm yet. Bring one in with `lotsmith import`, or on the page Firm data.", icon=":material/database:"
        )
        return
    present, priced = services.firm.firm(), todays_market(services).priced_on
    behind = sessions_since(priced, services.now())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if firm.is_demo(services):
            st.badge("Demo firm: generated data, no real client", icon=":material/science:", color="orange")
        elif firm.is_practice(services):
            st.badge("Practice: stand-in systems, no sign-in", icon=":material/science:", color="orange")
        st.caption(f"{present.name} · prices of {priced:%d %b %Y}", width="content")
        if behind > _FRESH_SESSIONS:
            st.badge(f"prices {behind} sessions old", icon=":material/schedule:", color="gray")


def told(sentences: Iterable[tuple[str, bool]]) -> None:
    """Show what the last action came to: each sentence with whether it was done."""
    told_so = list(sentences)
    for sentence, done in told_so:
        if not done:
            st.error(literal(sentence), icon=":material/block:")
    well = [literal(sentence) for sentence, done in told_so if done]
    if well:  # of many plans at once, one box: what was refused must not drown
        st.success("\n\n".join(well), icon=":material/check_circle:")


def refusal(error: LotsmithError) -> None:
    """Show an error that Lotsmith raised on purpose, with every problem it names."""
    st.error(literal(str(error)), icon=":material/error:")
    problems = getattr(error, "problems", ())
    if problems:
        st.dataframe(
            pd.DataFrame([{"file": p.file, "line": p.row, "column": p.column, "found": p.found, "expected": p.expected}
                          for p in problems]),
            hide_index=True,
        )  # fmt: skip


def discreet_refusal(error: LotsmithError) -> None:
    """Say that something cannot be shown while a client looks on; the error itself may speak of other clients.

    It is kept for after_meeting.
    """
    session.withhold(str(error))
    st.info(
        "This cannot be shown now. Take back what was changed last, or choose another account; why is told after the "
        "meeting has ended.",
        icon=":material/info:",
    )


def after_meeting() -> None:
    """Tell what could not be shown in a meeting that has ended, until somebody says that it was read."""
    reasons = session.withheld()
    if not reasons:
        return
    st.warning(
        "\n".join(f"- {literal(reason)}" for reason in reasons),
        title="What could not be shown in the meeting",
        icon=":material/visibility_off:",
    )
    st.button("I have read it", key="read_withheld", icon=":material/check:", on_click=session.forget_withheld)


def attempt(act: Callable[[], object], *, discreet: bool = False) -> bool:
    """Do something that may be refused; show the refusal in place and say whether it was done.

    discreet: a client looks on, so that of the refusal itself nothing is shown.
    """
    try:
        act()
    except LotsmithError as error:
        if discreet:
            discreet_refusal(error)
        else:
            refusal(error)
        return False
    return True


def heeded(act: Callable[[], object]) -> list[tuple[str, bool]]:
    """Do something that may be refused; return the refusal as a sentence to be told after the page is drawn again."""
    try:
        act()
    except LotsmithError as error:
        return [(str(error), False)]
    return []


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show a bar for long work while it runs, and how long it still takes."""
    bar = st.progress(0.0, text=label)
    began = monotonic()

    def report(doing: str, done: float) -> None:
        share = min(max(done, 0.0), 1.0)
        bar.progress(share, text=f"{label}: {doing}{time_left(monotonic() - began, share)}")

    yield report
    bar.empty()


def time_left(passed: float, share: float) -> str:
    """Say how long work still takes if it goes on as it did; nothing while too little of it says so."""
    if passed < _SAYS_LITTLE_S or share <= 0.0:
        return ""
    left = passed * (1.0 - share) / share
    return f" · about {left / 60:.0f} min left" if left > _MINUTES_S else f" · about {max(left, 1.0):.0f} s left"


def chart(figure: go.Figure, *, key: str, alt: str, config: dict[str, Any] | None = None) -> None:
    """Show a figure. alt: its name for a screen reader. Its camera button saves a PNG."""
    st.plotly_chart(figure, key=key, alt=alt, config={**_CHART, "toImageButtonOptions": _png(key), **(config or {})})


def picked_points(
    figure: go.Figure, *, key: str, alt: str, on_pick: Callable[[], None] | None = None
) -> list[dict[str, Any]]:
    """Show a figure whose points can be clicked; return those chosen, as plotly describes them.

    on_pick: called before the page runs again for a click.
    """
    event = st.plotly_chart(
        figure,
        key=key,
        alt=alt,
        on_select=on_pick or "rerun",
        selection_mode="points",
        config={**_CHART, "toImageButtonOptions": _png(key)},
    )
    return list(cast(Any, event).selection.points)


def clickable(figure: go.Figure, *, key: str, alt: str, on_click: Callable[..., None], args: Sequence[Any]) -> None:
    """Show a figure of which a click on a point is followed up before anything is drawn again."""
    st.plotly_chart(
        figure,
        key=key,
        alt=alt,
        on_select=partial(on_click, *args),
        selection_mode="points",
        config={**_CHART, "toImageButtonOptions": _png(key)},
    )


def _png(key: str) -> dict[str, Any]:
    return {"format": "png", "scale": 2, "filename": key.replace(":", "-")}


def let_draw() -> None:
    """Hold back what stands low on a session's first page of charts, so that its top is drawn meanwhile.

    A browser that has just come still loads what draws charts and tables; what it is sent in one go it shows in one go.
    """
    if memory.is_first("charts"):
        sleep(_FIRST_PICTURE_S)


def tabs(parts: Mapping[str, Callable[[], object]], *, key: str, in_link: bool = True) -> None:
    """Show parts in tabs, by their titles; only the part that is open is drawn. in_link: the address line names it."""
    how: dict[str, Any] = {"bind": "query-params"} if in_link else {"on_change": "rerun"}
    for tab, draw in zip(st.tabs([*parts], key=key, **how), parts.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def table(
    frame: pd.DataFrame,
    *,
    key: str,
    alt: str = "",
    empty: str = "Nothing here.",
    height: int | None = None,
    file: str | None = None,
    columns: Mapping[str, Any] | None = None,
) -> None:
    """Show a table of app.tables, or a sentence where it has no rows.

    alt: its name for a screen reader; the key in words where none is given. file: the name under which the whole table
    can be saved, as CSV and as a workbook; without one, only what the table's own toolbar offers. columns: how columns
    are shown that app.columns cannot name, being named after what is in them.
    """
    if frame.empty:
        st.caption(empty)
        return
    st.dataframe(
        frame,
        column_config={**_columns(frame), **(columns or {})},
        hide_index=True,
        key=key,
        height=_height(frame, height),
        placeholder="",
        alt=alt or _words(key),
    )
    if file is not None:
        downloads(frame, file=file, key=key)


def downloads(frame: pd.DataFrame, *, file: str, key: str) -> None:
    """Offer a table as CSV and as an Excel workbook; neither is written before it is asked for."""
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "CSV",
            lambda: csv_bytes(frame),
            f"{file}.csv",
            "text/csv",
            key=f"{key}:csv",
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
            help=f"Save these {len(frame):,} rows as {file}.csv",
        )
        st.download_button(
            "Excel",
            lambda: workbook_bytes(frame, sheet=file),
            f"{file}.xlsx",
            key=f"{key}:xlsx",
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
            help=f"Save these {len(frame):,} rows as {file}.xlsx",
        )


def picked(
    frame: pd.DataFrame, *, key: str, alt: str = "", empty: str = "Nothing here.", height: int | None = None
) -> int | None:
    """Show a table whose rows open something; return the place of the row just clicked."""
    if frame.empty:
        st.caption(empty)
        return None
    event = st.dataframe(
        frame,
        column_config=_columns(frame),
        hide_index=True,
        key=key,
        height=_height(frame, height),
        placeholder="",
        alt=alt or _words(key),
        on_select="rerun",
        selection_mode="single-cell",
    )
    cells = event.selection.cells
    return int(cells[0][0]) if cells else None


def marked(
    frame: pd.DataFrame, *, columns: Sequence[str], key: str, alt: str, height: int
) -> tuple[int | None, tuple[int, ...]]:
    """Show some columns of a table; return the row whose cell was just clicked, and the rows marked, by place."""
    event = st.dataframe(
        frame,
        column_order=columns,
        column_config=_columns(frame),
        hide_index=True,
        key=key,
        height=_height(frame, height),
        placeholder="",
        alt=alt,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
    )
    cells, rows = event.selection.cells, event.selection.rows
    return int(cells[0][0]) if cells else None, tuple(rows)


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Return how a table's own columns are shown; Streamlit copies every one that it is given."""
    return {name: COLUMNS[name] for name in frame.columns if name in COLUMNS}


def _words(key: str) -> str:
    return key.replace("_", " ").replace(":", " ").capitalize()


def _height(frame: pd.DataFrame, most: int | None) -> Any:
    """As high as its rows, up to a limit; Streamlit's own limit of ten rows where none is given."""
    if most is None:
        return "auto"
    return "content" if _ROW_PX * (len(frame) + 1) < most else most
