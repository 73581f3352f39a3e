"""What do widgets hold, and what shall they show? For callbacks, and for what stands on the address line."""

from collections.abc import Hashable
from typing import Any, Final

import streamlit as st

_SHOWN: Final = "rows_shown"
_LEFT: Final = "tables_left"


def typed(key: str) -> str:
    """Return what stands in a text field now, also before the page is drawn again."""
    return str(st.session_state.get(key, ""))


def stand(key: str, value: Any) -> None:
    """Let a widget that is about to be drawn show a value."""
    if key not in st.session_state or st.session_state[key] != value:  # else a hand that is still on it would be moved
        st.session_state[key] = value


def entered(key: str) -> Any:
    """Return what a widget holds; for use where its change is followed up."""
    return st.session_state[key]


def clicked(key: str) -> Any:
    """Return what was bound to the point of a chart that was just clicked; None where none was."""
    points = st.session_state[key].selection.points
    return points[0].get("customdata") if points else None


def is_on(key: str) -> bool:
    """Return whether the switch of this key is on."""
    return bool(st.session_state.get(key))


def unmark_changed(table: str, rows: Hashable) -> None:
    """Unmark the rows of a table once it shows others: the places that were marked would mean other rows."""
    shown: dict[str, Hashable] = st.session_state.setdefault(_SHOWN, {})
    if shown.get(table, rows) != rows and table in st.session_state:
        st.session_state[table] = {"selection": {"rows": [], "columns": [], "cells": []}}
    shown[table] = rows


def leave_by(table: str) -> None:
    """Note that a click into a table leads to another page."""
    st.session_state.setdefault(_LEFT, set()).add(table)


def come_back_to(table: str) -> None:
    """Forget the click by which a table was left. Where the other page was not drawn to its end, it would lead there
    again, and nobody who goes back at once would arrive.
    """
    left: set[str] = st.session_state.get(_LEFT, set())
    if table in left and table in st.session_state:
        rows = st.session_state[table]["selection"]["rows"]
        st.session_state[table] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    left.discard(table)
