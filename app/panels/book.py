"""The book on screen: its age, tiles and filters, the map, saved views and the queue."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st

from app import navigation
from app.charts.book import heat_figure
from app.columns import COLUMNS
from app.panels import bulk, frame
from app.ports import Services
from app.session import book_view, memory, widgets
from app.steps import firm, monitor
from app.steps import views as step
from app.steps.views import BookView
from app.tables.book import (
    DRIFTS,
    IN_LINE,
    NOT_PLANNED,
    ORDERS,
    REASONS,
    SAVINGS,
    Book,
    Tile,
    book_of,
    chosen,
    columns_of,
    heat,
    queue_table,
    usual_of,
)
from app.tables.book import tiles as tiles_of
from app.tables.parts import literal, short_usd, usd
from engine.domain.identifiers import AccountId
from engine.domain.lifecycle import User

_SCAN: Final = "scan"
_TABLE: Final = "book_queue"
_HEIGHT: Final = 560
_ICONS: Final[Mapping[str, str]] = {
    "data problem": ":material/report:",
    "not planned": ":material/event_busy:",
    "out of balance": ":material/balance:",
    "cash low": ":material/south:",
    "cash high": ":material/north:",
    "harvestable": ":material/agriculture:",
    "market move": ":material/show_chart:",
    "gains budget": ":material/savings:",
    "lock ending": ":material/lock_open:",
    IN_LINE: ":material/check_circle:",
}


def heading(services: Services, user: User) -> datetime | None:
    """Show the title, the age of the queue and the way to a new one; return when it was scanned, None before that."""
    scanned = monitor.queue_at(services)
    title, age, scan_now = st.columns([2, 4, 1.5], vertical_alignment="bottom")
    title.title("Book")
    work = memory.background(_SCAN)
    if scan_now.button(
        "Scan now",
        key="scan",
        icon=":material/radar:",
        width="stretch",
        type="primary" if scanned is None else "secondary",
        disabled=services.firm.is_empty() or (work is not None and not work.finished),
        help="Look at every account with today's prices, lots and settings",
    ):
        memory.start_work(
            _SCAN, "Scanning", lambda progress: monitor.scan_firm(services, actor=user.user_id, progress=progress)
        )
        st.rerun()
    if work is not None:
        bulk.watch(_SCAN, work)
    if scanned is None:
        _unscanned(services)
        return None
    age.caption(_age(services, scanned), text_alignment="right")
    return scanned


def _unscanned(services: Services) -> None:
    if services.firm.is_empty():
        return  # the head of the page has said so
    present = services.firm.firm()
    if firm.is_without_accounts(services):
        st.info("This firm has no account yet.", icon=":material/inbox:")
        return
    st.info(
        f"Nothing is in the queue yet: {present.name} came in on {present.imported_at:%d %b %Y at %H:%M} UTC and has "
        "not been scanned since. **Scan now** looks at every account; you can go on meanwhile.",
        icon=":material/radar:",
    )


def _age(services: Services, scanned: datetime) -> str:
    minutes = int((services.now() - scanned).total_seconds() // 60)
    ago = "just now" if minutes < 1 else _ago(minutes)
    return f"Scanned {scanned:%d %b %Y %H:%M} UTC, {ago}"


def _ago(minutes: int) -> str:
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} days ago"


def read(services: Services, scanned: datetime) -> Book:
    """Return the book of a scan, read once for all sessions; say so where the firm has moved on since."""
    book = memory.shared(("book", scanned), lambda: _read(services))
    present = services.firm.firm().as_of
    if book.days and present > book.days[-1]:
        st.info(
            f"The firm's books are of {present:%d %b %Y}, this queue of {book.days[-1]:%d %b %Y}: scan again.",
            icon=":material/update:",
        )
    return book


def _read(services: Services) -> Book:
    queue = monitor.last_queue(services)
    if queue is None:  # an import came between
        st.rerun()
    return book_of(queue.table.to_pandas(), [(day, table.to_pandas()) for day, table in queue.days])


def controls(book: Book) -> BookView:
    """Show the filters, the columns and their order; return the view that they make. All of it is in the link."""
    rows, key, usual = book.frame, book_view.KEYS, usual_of(book)
    book_view.resume()
    st.text_input(
        "Search", key=key["search"], placeholder="account, household or advisor", width=250, live="100ms",
        bind="query-params", icon=":material/search:", label_visibility="collapsed",
    )  # fmt: skip
    with st.popover("Filters", icon=":material/filter_alt:", key="book_filters", width="content"):
        for label, part, options in (
            ("Why", "reasons", REASONS),
            ("Advisor", "advisors", _values(rows["advisor"])),
            ("Custodian", "custodians", _values(rows["custodian"])),
            ("Registration", "registrations", _values(rows["registration"])),
            ("Largest drift", "drifts", DRIFTS),
            ("Tax that harvesting saves", "savings", SAVINGS),
        ):
            st.multiselect(label, options, key=key[part], bind="query-params", placeholder="any")
    with st.popover("Columns", icon=":material/view_column:", key="book_columns", width="content"):
        shown = columns_of(book)
        st.multiselect(
            "Columns, in their order", shown, default=list(usual),
            key=key["columns"], bind="query-params", format_func=_label,
        )  # fmt: skip
        st.selectbox(
            "Sorted by", ["", *ORDERS], key=key["order"], bind="query-params",
            format_func=lambda name: _label(name) if name else "the queue: data problems, then dollars at stake",
        )  # fmt: skip
        st.toggle("Smallest first", key=key["smallest_first"], bind="query-params")
        st.caption("A click on a column's head sorts the table on screen alone; this order is in the link.")
    st.toggle("Map", key="map", bind="query-params", help="Drift against the tax that harvesting saves")
    return book_view.asked(usual)


def _values(column: pd.Series) -> list[str]:
    return sorted(column.unique())


def _label(name: str) -> str:
    return str(COLUMNS[name]["label"])


def tiles(book: Book, view: BookView) -> None:
    """Show a tile a reason; a click filters by it, another no longer."""
    with st.grid(5, min_column_width=115, gap="xsmall"):  # five on a tablet too
        _total(book, view)
        for tile in tiles_of(book, view):
            if tile.reason == NOT_PLANNED and not tile.accounts and tile.reason not in view.reasons:
                continue  # a firm without nights has no such thing
            _tile(tile, is_chosen=tile.reason in view.reasons)


def _total(book: Book, view: BookView) -> None:
    rows = book.frame[chosen(book, view)]
    st.button(
        f":material/view_list: Shown  \n**{len(rows):,}** of {len(book.frame):,}  \n"
        f"{literal(short_usd(rows['at_stake'].sum()))} at stake",
        key="tile:all",
        width="stretch",
        help=literal(f"Value {usd(rows['nav'].sum())}; harvesting saves {usd(rows['tax_saved'].sum())}. ")
        + "A click takes every filter away",
        on_click=book_view.show,
        args=(BookView(columns=view.columns, order=view.order, smallest_first=view.smallest_first), usual_of(book)),
    )


def _tile(tile: Tile, *, is_chosen: bool) -> None:
    mark = ":material/check:" if is_chosen else _ICONS[tile.reason]
    st.button(
        f"{mark} {tile.reason.capitalize()}  \n**{tile.accounts:,}**  \n{literal(short_usd(tile.at_stake))} at stake",
        key=f"tile:{tile.reason}",
        type="primary" if is_chosen else "secondary",
        width="stretch",
        help=f"{'Filtered by it; a click takes it away' if is_chosen else 'Show these accounts'}",
        on_click=book_view.toggle_reason,
        args=(tile.reason,),
    )


def wants_map() -> bool:
    """Return whether the map is to be shown."""
    return widgets.is_on("map")


def heat_map(book: Book, view: BookView) -> None:
    """Show where in the book the dollars are; a click on a cell filters by it, another no longer."""
    by = st.segmented_control(
        "Colour", ["accounts", "dollars at stake"], default="dollars at stake", required=True, key="map_by",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    figure = heat_figure(
        heat(book, view), drifts=DRIFTS, savings=SAVINGS, dollars=by != "accounts", chosen=(view.drifts, view.savings)
    )
    key = (
        f"book_map:{','.join((*view.drifts, *view.savings))}"  # another choice is another figure, with nothing clicked
    )
    frame.picked_points(
        figure, key=key, alt=f"Drift against tax saved, coloured by {by}", on_pick=lambda: _pick_cell(key)
    )


def _pick_cell(key: str) -> None:
    cell = widgets.clicked(key)
    if cell is not None:
        book_view.toggle_cell(*cell[:2])


def views(services: Services, user: User, book: Book, view: BookView) -> None:
    """Show this person's saved views, each a click away, and the way to save what is on screen."""
    saved = step.saved_views(services, user.user_id)
    for name, state in saved.items():
        st.button(
            name,
            key=f"view:{name}",
            icon=":material/bookmark:",
            type="primary" if state == view else "secondary",
            help="Show this view",
            on_click=book_view.show,
            args=(state, usual_of(book)),
        )
    with st.popover("Save view", icon=":material/bookmark_add:", key="save_view", width="content", type="tertiary"):
        _save(services, user, view, saved)


def _save(services: Services, user: User, view: BookView, saved: Mapping[str, BookView]) -> None:
    with st.form("save_view_form", border=False, clear_on_submit=True):
        name = st.text_input("Name", key="view_name", max_chars=40, placeholder="harvest, large accounts")
        st.caption("Keeps the filters, the columns and their order. Only you see it; a name that is there is replaced.")
        wanted = st.form_submit_button("Save", key="view_save", type="primary")
    if wanted and frame.attempt(lambda: step.save_view(services, user.user_id, name, view)):
        st.rerun()
    for each in saved:
        if st.button(f"Delete {each}", key=f"forget:{each}", icon=":material/delete:", type="tertiary"):
            step.delete_view(services, user.user_id, each)
            st.rerun()


def queue(
    services: Services,
    user: User,
    book: Book,
    view: BookView,
    *,
    plan_states: Mapping[AccountId, str],
    scanned: datetime,
) -> None:
    """Show the queue: a click on a cell opens the account, marked rows are planned together."""
    shown, names = queue_table(book, view, plan_states=plan_states)
    actions = st.container(horizontal=True, vertical_alignment="center", gap="small")
    bulk.outcomes(services, user)
    marked: tuple[int, ...] = ()
    if shown.empty:
        st.info("No account is like this. The first tile takes every filter away.", icon=":material/filter_alt_off:")
    else:
        widgets.come_back_to(_TABLE)
        widgets.unmark_changed(_TABLE, (scanned, _rows_of(view)))
        picked, marked = frame.marked(
            shown, columns=names, key=_TABLE, alt=f"Queue of {len(shown):,} accounts", height=_HEIGHT
        )
        if picked is not None:
            widgets.leave_by(_TABLE)
            navigation.go(navigation.ACCOUNT, account=shown["account"][picked])
    accounts = [AccountId(name) for name in (shown["account"].iloc[list(marked)] if marked else shown["account"])]
    with actions:
        bulk.actions(services, user, accounts, are_marked=bool(marked))
    frame.downloads(shown, file="queue", key=_TABLE)


def _rows_of(view: BookView) -> BookView:
    return replace(view, columns=())
