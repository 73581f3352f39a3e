"""How does a person look at the book? Filters, columns and order, as its widgets and the address line say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from app.session import comes_in
from app.steps.views import BookView

KEYS: Final[Mapping[str, str]] = {
    "search": "q", "reasons": "why", "advisors": "advisor", "custodians": "custodian", "registrations": "registration",
    "drifts": "drift", "savings": "saves", "columns": "columns", "order": "sort", "smallest_first": "smallest_first",
}  # fmt: skip
"""The widget of each part of a BookView, and its name on the address line."""
_WIDGETS: Final = (*KEYS.values(), "map")
_LEFT: Final = "book_as_left"
_RESUMED: Final = "book_resumed"
_AGAIN: Final = "book_again"


def asked(usual_columns: tuple[str, ...]) -> BookView:
    """Return what the widgets of the book ask for, no columns where they are the usual; to be called below them."""
    seen = {part: st.session_state[key] for part, key in KEYS.items() if key in st.session_state}
    wanted = st.session_state.pop(_RESUMED, {})
    if any(st.session_state.get(key) != value for key, value in wanted.items()):
        # The back button led here: then Streamlit believes the address line, which has lost the view, once.
        st.session_state[_AGAIN] = wanted
        st.rerun()
    values: dict[str, Any] = {part: tuple(value) if isinstance(value, list) else value for part, value in seen.items()}
    view = BookView(**values)
    view = replace(view, columns=() if view.columns == usual_columns else view.columns)
    now = {key: st.session_state.get(key) for key in _WIDGETS}
    st.session_state[_LEFT] = {key: value for key, value in now.items() if value and (key != "columns" or view.columns)}
    return view


def resume() -> None:
    """Take up the view that this person left, where they come back without a link; to be called above the widgets."""
    wanted = st.session_state.pop(_AGAIN, None)
    if wanted is None and comes_in() and not any(key in st.query_params for key in _WIDGETS):
        wanted = st.session_state[_RESUMED] = st.session_state.get(_LEFT, {})
    for key, value in (wanted or {}).items():
        st.session_state[key] = value


def show(view: BookView, usual_columns: tuple[str, ...]) -> None:
    """Set the widgets of the book; to be called from a callback, before they are drawn."""
    for part, key in KEYS.items():
        value = getattr(view, part) if part != "columns" else view.columns or usual_columns
        wanted = list(value) if isinstance(value, tuple) else value
        if st.session_state.get(key) != wanted:  # Streamlit warns of a widget with a default that is set all the same
            st.session_state[key] = wanted


def toggle_reason(reason: str) -> None:
    """Add a reason to those that the book is filtered by, or take it away; a callback."""
    chosen = list(st.session_state.get(KEYS["reasons"], ()))
    st.session_state[KEYS["reasons"]] = [*(each for each in chosen if each != reason)] + [reason] * (
        reason not in chosen
    )


def toggle_cell(drift: str, saving: str) -> None:
    """Filter the book by a cell of its heat map, or no longer by it; a callback."""
    drifts, savings = KEYS["drifts"], KEYS["savings"]
    again = (st.session_state.get(drifts), st.session_state.get(savings)) == ([drift], [saving])
    st.session_state[drifts], st.session_state[savings] = ([], []) if again else ([drift], [saving])
