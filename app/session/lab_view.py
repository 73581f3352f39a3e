"""What is tuned, given away and compared in the what-if lab? As the address line says."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NoReturn

import streamlit as st

from app.session import LAB_PARTS, show
from app.session.widgets import stand
from app.steps.changes import changed, changes_text
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, PlanId
from engine.domain.settings import MAX_DIGITS, PlanSettings, is_sized

MAX_COMPARED: Final = 4
_CHANGES, _GIFT, _COMPARED = LAB_PARTS
_CHOSEN: Final = "chosen_plans"
_TUNED: Final = "tuned"
_WHOLE: Final = "whole_run"
_PREFIX: Final = 10


def compared(kept: Iterable[PlanId]) -> tuple[PlanId, ...]:
    """Return which of these kept plans the address line lays side by side, in its order; at most four.

    Without a word of it there, the first four given.
    """
    known = list(kept)
    asked = st.query_params.get(_COMPARED)
    if asked is None:
        return tuple(known[:MAX_COMPARED])
    found = [plan for part in asked.split(",") if part for plan in known if plan.startswith(part)]
    return tuple(dict.fromkeys(found))[:MAX_COMPARED]


def compare(plans: Iterable[PlanId]) -> None:
    """Lay plans side by side; of more than four the first give way."""
    show(**{_COMPARED: ",".join(plan[:_PREFIX] for plan in list(plans)[-MAX_COMPARED:])})


def choose_compared(names: Mapping[PlanId, str]) -> tuple[PlanId, ...]:
    """Let the person choose which of these kept plans, newest first, lie side by side; return them, at most four."""
    key = f"{_CHOSEN}:{next(iter(names), '')}"  # with a plan more it is another list, and shows what is said here
    st.session_state[_CHOSEN] = key
    stand(key, list(compared(names)))
    chosen = st.multiselect(
        "Compare",
        list(names),
        key=key,
        format_func=lambda plan: names[plan],
        max_selections=MAX_COMPARED,
        placeholder="keep a plan first",
        on_change=_follow_chosen,
        args=[key],
    )
    return tuple(chosen)


def _follow_chosen(key: str) -> None:
    if st.session_state[_CHOSEN] == key:  # else a browser that is behind speaks of a list that was there before
        compare(st.session_state[key])


def tuned(own: PlanSettings) -> PlanSettings:
    """Return the settings that the address line asks for: an account's own with the changes that it names.

    Raises DataError for changes that make no sense.
    """
    return changed(own, st.query_params.get(_CHANGES, ""))


def tune(account: AccountId, own: PlanSettings, settings: PlanSettings) -> None:
    """Put settings on the address line, as what differs from the account's own, and remember them."""
    _tune(account, changes_text(own, settings))


def untune(account: AccountId) -> None:
    """Put the settings back to the account's own, and take back a gift."""
    _tune(account, "")
    show(**{_GIFT: None})


def _tune(account: AccountId, text: str) -> None:
    st.session_state[f"{_TUNED}:{account}"] = text
    show(**{_CHANGES: text or None})


def come_back(account: AccountId, *, drawn: str) -> None:
    """Take up the settings as this person left them, on coming to the page from elsewhere without a word of them.

    drawn: the key of a widget that stands on the page for this account; where it has a value, nobody has just come.
    """
    left = st.session_state.get(f"{_TUNED}:{account}", "")
    if left and drawn not in st.session_state and _CHANGES not in st.query_params:
        show(**{_CHANGES: left})


def gift() -> Decimal | None:
    """Return the dollars' worth of lots that are to be given away. Raises DataError for what is no amount above 0."""
    text = st.query_params.get(_GIFT)
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except ArithmeticError as error:
        raise DataError(f"the link's gift: expected an amount in USD, found {text!r}") from error
    if not (amount.is_finite() and amount > 0):
        raise DataError(f"the link's gift: expected an amount above 0 USD, found {text}")
    if not is_sized(amount):
        raise DataError(f"the link's gift: expected an amount of at most {MAX_DIGITS} digits, found {text}")
    return amount


def give(usd: Decimal | None) -> None:
    """Put a gift on the address line; None takes it back."""
    show(**{_GIFT: None if usd is None else f"{usd:f}"})


def is_whole_run() -> bool:
    """Return whether the whole page is being drawn, and not a part of it; true once after mark_whole_run."""
    return bool(st.session_state.pop(_WHOLE, False))


def mark_whole_run() -> None:
    """Say that the whole page is being drawn; for the page itself, whose script runs only then."""
    st.session_state[_WHOLE] = True


def run_again() -> NoReturn:
    """Draw this part of the page once more; only where it is drawn by itself."""
    st.rerun(scope="fragment")
