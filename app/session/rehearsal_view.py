"""Which rehearsal is on screen? As the address line says."""

from collections.abc import Mapping
from typing import Final

import streamlit as st

from app.session import show

_PART: Final = "rehearsal"
_PICKER: Final = "rehearsal_picker"
_PREFIX: Final = 12


def asked() -> str | None:
    """Return the beginning of the id of the rehearsal that the address line names."""
    return st.query_params.get(_PART)


def look_at(rehearsal_id: str) -> None:
    """Put a rehearsal on the address line."""
    show(**{_PART: rehearsal_id[:_PREFIX]})


def pick(labels: Mapping[str, str]) -> str:
    """Let the person choose among rehearsals, by id; the one that stands on the address line is chosen. Return it."""
    st.session_state[_PICKER] = next(name for name in labels if name.startswith(asked() or ""))
    chosen = st.selectbox("Rehearsal", list(labels), key=_PICKER, format_func=labels.__getitem__, on_change=_follow)
    look_at(chosen)
    return chosen


def _follow() -> None:
    look_at(st.session_state[_PICKER])
