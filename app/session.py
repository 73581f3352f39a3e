"""Who is looking, and at what? The only file that touches Streamlit's state and the address line."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from threading import Thread
from typing import Any, Final, TypeVar, cast

import streamlit as st

from app import wiring
from app.ports import Progress, Services
from app.settings import read_settings
from app.steps import firm
from app.steps.background import Work
from app.steps.views import BookView
from engine.domain.errors import DataError, NotAllowed
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, UserId
from engine.domain.lifecycle import Role, User
from engine.domain.settings import PlanSettings
from engine.plan.warm import warm

T = TypeVar("T")
MAX_COMPARED: Final = 4
MAX_REMEMBERED: Final = 24
_CHOSEN: Final = "chosen_plans"
_USER: Final = "user"
_PERSON: Final = "signed_in_as"
_ACCOUNT: Final = "account_on_screen"
_PICKER: Final = "account_picker"
_HOUSEHOLD: Final = "household_picker"
_TUNED: Final = "tuned"
_ROUND: Final = "tuning_round"
_REMEMBERED: Final = "remembered"
_COMPARED: Final = "compared_plans"
_SHOWN: Final = "rows_shown"
BOOK_KEYS: Final[Mapping[str, str]] = {
    "search": "q", "reasons": "why", "advisors": "advisor", "custodians": "custodian", "registrations": "registration",
    "drifts": "drift", "savings": "saves", "columns": "columns", "order": "sort", "smallest_first": "smallest_first",
}  # fmt: skip
"""The widget of each part of a BookView, and its name on the address line."""
_BOOK_WIDGETS: Final = (*BOOK_KEYS.values(), "map")
_LEFT: Final = "book_as_left"
_RESUMED: Final = "book_resumed"
_AGAIN: Final = "book_again"
_PAGE: Final = "page_on_screen"
_COMES_IN: Final = "page_is_new"


@st.cache_resource(show_spinner="Opening the database…")
def services() -> Services:
    """Return the services of this process, shared by every session; the plan engine is made ready meanwhile."""
    Thread(target=warm, daemon=True).start()
    return wiring.connect(read_settings())


def sign_in() -> None:
    """Establish who is looking, once a run; stops the page with a sign-in form where nobody is.

    OpenID Connect through Streamlit where it is configured. A demo firm, or a practice run beside stand-ins, offers its
    people to choose from instead, and says that this is no sign-in.
    """
    people = services().users
    if _single_sign_on():
        if not st.user.is_logged_in:
            st.title("Lotsmith")
            st.button("Sign in", type="primary", on_click=st.login, key="sign_in")
            st.stop()
        known = people.by_email(str(st.user.email))
        if known is None:
            raise NotAllowed(f"{st.user.email} is no user of Lotsmith; ask compliance to be added")
        st.session_state[_USER] = known
        return
    if not (firm.is_demo(services()) or firm.is_practice(services())):
        raise NotAllowed("no sign-in is configured: expected an [auth] section in Streamlit's secrets.toml")
    demo = {person.user_id: person for person in people.users() if Role.SYSTEM not in person.roles}
    if not demo:
        raise NotAllowed("nobody works here yet: add people with `lotsmith user add`")
    first = min(demo.values(), key=lambda person: Role.PORTFOLIO_MANAGER not in person.roles)
    st.session_state.setdefault(_PERSON, st.session_state.get(_USER, first).user_id)
    with st.sidebar:
        chosen = st.selectbox(
            "Who you are (no sign-in)",
            list(demo),
            key=_PERSON,
            format_func=lambda user_id: f"{demo[user_id].name}, {_titles(demo[user_id])}",
        )
    st.session_state[_USER] = demo[UserId(chosen)]


def user() -> User:
    """Return the person who is signed in."""
    return cast(User, st.session_state[_USER])


def _titles(person: User) -> str:
    return ", ".join(sorted(role.replace("_", " ") for role in person.roles))


def _single_sign_on() -> bool:
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def account_id() -> AccountId | None:
    """Return the account on screen: the one that the address line names, else the one looked at last."""
    value = st.query_params.get("account") or st.session_state.get(_ACCOUNT)
    if value is None:
        return None
    st.session_state[_ACCOUNT] = value
    show(account=value)
    return AccountId(value)


def pick_account(labels: Mapping[AccountId, str]) -> AccountId:
    """Let the person choose among accounts, the one on screen first; return it.

    Raises DataError for an account that is unknown, and where there is none to choose.
    """
    if not labels:
        raise DataError("this firm has no account yet")
    current = account_id() or next(iter(labels))
    if current not in labels:
        raise DataError(f"account {current}: no such account; expected one of {len(labels)} of this firm")
    st.session_state[_PICKER] = current
    chosen = st.selectbox(
        "Account", list(labels), key=_PICKER, format_func=lambda each: labels[each], on_change=_follow_picker
    )
    st.session_state[_ACCOUNT] = chosen
    show(account=chosen)
    return AccountId(chosen)


def pick_household(labels: Mapping[HouseholdId, str]) -> HouseholdId:
    """Let the person choose among households, that of the address line first; return it. Raises DataError for none."""
    current = st.query_params.get("household") or next(iter(labels), None)
    if current not in labels:
        raise DataError(f"household {current}: no such household; expected one of {len(labels)} of this firm")
    st.session_state[_HOUSEHOLD] = current
    chosen = st.selectbox(
        "Household", list(labels), key=_HOUSEHOLD, format_func=lambda each: labels[each], on_change=_follow_household
    )
    return HouseholdId(chosen)


def _follow_household() -> None:
    show(household=st.session_state[_HOUSEHOLD])


def _follow_picker() -> None:
    st.session_state[_ACCOUNT] = st.session_state[_PICKER]
    show(account=st.session_state[_PICKER], plan=None)


def plan_id() -> PlanId | None:
    """Return the plan that the address line names."""
    value = st.query_params.get("plan")
    return PlanId(value) if value else None


def show(**parts: str | None) -> None:
    """Put parts (account, plan) on the address line, so that a link leads to the same view; None takes one away."""
    for name, value in parts.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value


def compared() -> tuple[PlanId, ...]:
    """Return the kept plans that are laid side by side, oldest first."""
    return tuple(st.session_state.get(_COMPARED, ()))


def compare(plan: PlanId) -> None:
    """Lay a plan beside the others; the oldest gives way to a fifth."""
    others = [kept for kept in compared() if kept != plan]
    st.session_state[_COMPARED] = [*others, plan][-MAX_COMPARED:]


def choose_compared(names: Mapping[PlanId, str]) -> tuple[PlanId, ...]:
    """Let the person choose which of these kept plans lie side by side, at most four; return them."""
    laid = [plan for plan in compared() if plan in names] or list(names)[:MAX_COMPARED]
    st.session_state[_CHOSEN] = laid
    chosen = st.multiselect(
        "Compare",
        list(names),
        key=_CHOSEN,
        format_func=lambda plan: names[plan],
        max_selections=MAX_COMPARED,
        placeholder="keep a plan first",
        on_change=_follow_chosen,
    )
    return tuple(chosen)


def _follow_chosen() -> None:
    st.session_state[_COMPARED] = list(st.session_state[_CHOSEN])


def tuned(account: AccountId, defaults: PlanSettings) -> PlanSettings:
    """Return the settings as this person left them on screen for an account, else its defaults."""
    return cast(PlanSettings, st.session_state.get(f"{_TUNED}:{account}", defaults))


def tune(account: AccountId, settings: PlanSettings) -> None:
    """Remember how the settings stand on screen."""
    st.session_state[f"{_TUNED}:{account}"] = settings


def tuning_round(account: AccountId) -> int:
    """Return how often the settings of an account were put back; part of the keys of their widgets."""
    return int(st.session_state.get(f"{_ROUND}:{account}", 0))


def untune(account: AccountId) -> None:
    """Put the settings on screen back to the account's own."""
    st.session_state.pop(f"{_TUNED}:{account}", None)
    st.session_state[f"{_ROUND}:{account}"] = tuning_round(account) + 1


def remember(key: Hashable, make: Callable[[], T]) -> T:
    """Return a value made once a session under this key; a changed key makes it again. Few are kept, the newest."""
    memory: dict[Hashable, Any] = st.session_state.setdefault(_REMEMBERED, {})
    if key not in memory:
        memory[key] = make()
        while len(memory) > MAX_REMEMBERED:
            memory.pop(next(iter(memory)))
    return cast(T, memory[key])


def enter(page: str) -> None:
    """Note which page is on screen; a page can then tell whether a person has just come to it."""
    st.session_state[_COMES_IN] = st.session_state.get(_PAGE) != page
    st.session_state[_PAGE] = page


def book_view(usual_columns: tuple[str, ...]) -> BookView:
    """Return what the widgets of the book ask for, no columns where they are the usual; to be called below them."""
    seen = {part: st.session_state[key] for part, key in BOOK_KEYS.items() if key in st.session_state}
    wanted = st.session_state.pop(_RESUMED, {})
    if any(st.session_state.get(key) != value for key, value in wanted.items()):
        # The back button led here: then Streamlit believes the address line, which has lost the view, once.
        st.session_state[_AGAIN] = wanted
        st.rerun()
    values: dict[str, Any] = {part: tuple(value) if isinstance(value, list) else value for part, value in seen.items()}
    view = BookView(**values)
    view = replace(view, columns=() if view.columns == usual_columns else view.columns)
    now = {key: st.session_state.get(key) for key in _BOOK_WIDGETS}
    st.session_state[_LEFT] = {key: value for key, value in now.items() if value and (key != "columns" or view.columns)}
    return view


def resume_book() -> None:
    """Take up the view that this person left, where they come back without a link; to be called above the widgets."""
    wanted = st.session_state.pop(_AGAIN, None)
    if wanted is None and st.session_state[_COMES_IN] and not any(key in st.query_params for key in _BOOK_WIDGETS):
        wanted = st.session_state[_RESUMED] = st.session_state.get(_LEFT, {})
    for key, value in (wanted or {}).items():
        st.session_state[key] = value


def show_book_view(view: BookView, usual_columns: tuple[str, ...]) -> None:
    """Set the widgets of the book; to be called from a callback, before they are drawn."""
    for part, key in BOOK_KEYS.items():
        value = getattr(view, part) if part != "columns" else view.columns or usual_columns
        wanted = list(value) if isinstance(value, tuple) else value
        if st.session_state.get(key) != wanted:  # Streamlit warns of a widget with a default that is set all the same
            st.session_state[key] = wanted


def toggle_reason(reason: str) -> None:
    """Add a reason to those that the book is filtered by, or take it away; a callback."""
    chosen = list(st.session_state.get(BOOK_KEYS["reasons"], ()))
    st.session_state[BOOK_KEYS["reasons"]] = [*(each for each in chosen if each != reason)] + [reason] * (
        reason not in chosen
    )


def toggle_cell(drift: str, saving: str) -> None:
    """Filter the book by a cell of its heat map, or no longer by it; a callback."""
    drifts, savings = BOOK_KEYS["drifts"], BOOK_KEYS["savings"]
    again = (st.session_state.get(drifts), st.session_state.get(savings)) == ([drift], [saving])
    st.session_state[drifts], st.session_state[savings] = ([], []) if again else ([drift], [saving])


def is_on(key: str) -> bool:
    """Return whether the switch of this key is on."""
    return bool(st.session_state.get(key))


def picked_point(key: str) -> dict[str, Any] | None:
    """Return the point just clicked in the figure of this key; for its callback."""
    points = st.session_state[key]["selection"]["points"]
    return dict(points[0]) if points else None


def unmark_changed(table: str, rows: Hashable) -> None:
    """Unmark the rows of a table once it shows others: the places that were marked would mean other rows."""
    shown: dict[str, Hashable] = st.session_state.setdefault(_SHOWN, {})
    if shown.get(table, rows) != rows and table in st.session_state:
        st.session_state[table] = {"selection": {"rows": [], "columns": [], "cells": []}}
    shown[table] = rows


def shared(key: Hashable, make: Callable[[], T]) -> T:
    """Return a value made once for all sessions under this key, not to be changed by anyone; few are kept."""
    return cast(T, _shared(key, make))


@st.cache_resource(max_entries=MAX_REMEMBERED, show_spinner=False)
def _shared(key: Hashable, _make: Callable[[], object]) -> object:  # noqa: ARG001  the key of the cache
    return _make()


def background(name: str) -> Work | None:
    """Return the work that was started under this name, running or done, whoever started it."""
    return _background().get(name)


def start_work(name: str, label: str, work: Callable[[Progress], object]) -> None:
    """Start work in the background; nothing happens while work of this name still runs."""
    running = _background().get(name)
    if running is None or running.finished:
        _background()[name] = Work(label, work)


def forget_work(name: str) -> None:
    """Forget finished work and what came of it."""
    _background().pop(name, None)


@st.cache_resource(show_spinner=False)
def _background() -> dict[str, Work]:
    return {}
