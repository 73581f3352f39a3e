"""What does a client see, and what did they ask for? As the address line says, while a meeting is on."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

import streamlit as st

from app.session import show
from app.session.widgets import stand
from app.steps.meeting import BALANCED_LEAN, INDEX_FIRST, TAX_FIRST, Wishes
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, HouseholdId

_LEAN_DIGITS: Final = 2
_DOLLAR_DIGITS: Final = 12
_MEETING: Final = "meeting"


def begin(household: HouseholdId) -> None:
    """Turn to one household alone, with nothing asked for yet."""
    show(household=household, meeting="on", account=None, **dict.fromkeys(("lean", "add", "take", "without", "gains")))


def leave() -> None:
    """Take the meeting off the address line, so that another page may show what it always does."""
    show(meeting=None)


def household_id() -> str:
    """Return the household that the address line names, which it does in a meeting."""
    return st.query_params["household"]


def pick_account(labels: Mapping[AccountId, str]) -> AccountId:
    """Let the client's account be chosen where there are several, that of the address line first; return it.

    Raises DataError where there is none to choose.
    """
    if not labels:
        raise DataError(f"household {household_id()}: expected an account to speak about, found none")
    named = AccountId(st.query_params.get("account", ""))
    current = named if named in labels else next(iter(labels))
    if len(labels) > 1:
        st.radio(
            "Account", list(labels), key=tie("account", current), format_func=lambda each: labels[AccountId(each)],
            horizontal=True, on_change=follow, args=["account"], label_visibility="collapsed",
        )  # fmt: skip
    return current


def lean() -> int:
    """Return where the meeting's slider stands, as the address line says; in the middle where it says nothing."""
    value = st.query_params.get("lean", "")
    named = value.isdecimal() and len(value) <= _LEAN_DIGITS and TAX_FIRST <= int(value) <= INDEX_FIRST
    return int(value) if named else BALANCED_LEAN


def wishes(known: Collection[str]) -> Wishes:
    """Return what a client asked for, as the address line says. known: what may be left out of the account."""
    return Wishes(
        deposit=_dollars("add") or Decimal(0),
        withdrawal=_dollars("take") or Decimal(0),
        exclude=tuple(name for name in st.query_params.get("without", "").split(",") if name in known),
        gains=_dollars("gains"),
    )


def _dollars(name: str) -> Decimal | None:
    value = st.query_params.get(name, "")
    return Decimal(value) if value.isdecimal() and len(value) <= _DOLLAR_DIGITS else None


def tie(name: str, value: object) -> str:
    """Let a widget of the meeting stand at a value; return its key, for use with follow."""
    key = f"{_MEETING}:{name}"
    stand(key, value)
    return key


def follow(name: str) -> None:
    """Put what a tied widget was set to on the address line."""
    value = st.session_state[f"{_MEETING}:{name}"]
    text = ",".join(value) if isinstance(value, list) else "" if value is None else str(value)
    show(**{name: text or None})
