"""Who is looking, and at what? The only file that touches Streamlit's state and the address line."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from threading import Thread
from typing import Any, Final, NoReturn, TypeVar, cast

import streamlit as st

from app import wiring
from app.ports import Progress, Services
from app.settings import read_settings
from app.steps import cut_off, firm
from app.steps.background import Work
from app.steps.changes import changed, changes_text
from app.steps.meeting import BALANCED_LEAN, INDEX_FIRST, TAX_FIRST, Wishes
from app.steps.queue import Assessor
from app.steps.views import BookView
from engine.domain.errors import DataError, NotAllowed
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, UserId
from engine.domain.lifecycle import Role, User
from engine.domain.settings import MAX_DIGITS, PlanSettings, is_sized
from engine.plan.warm import warm

T = TypeVar("T")
MAX_COMPARED: Final = 4
MAX_REMEMBERED: Final = 48
_CHOSEN: Final = "chosen_plans"
_USER: Final = "user"
_PERSON: Final = "signed_in_as"
_ACCOUNT: Final = "account_on_screen"
_PICKER: Final = "account_picker"
_HOUSEHOLD: Final = "household_picker"
_TUNED: Final = "tuned"
_CHANGES: Final = "set"
_GIFT: Final = "gift"
_REMEMBERED: Final = "remembered"
_MEETING: Final = "meeting"
_LEAN_DIGITS: Final = 2
_DOLLAR_DIGITS: Final = 12
_WHOLE: Final = "whole_run"
_COMPARED: Final = "compare"
_LAB: Final = (_CHANGES, _GIFT, _COMPARED)
_PREFIX: Final = 10
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
_SAID: Final = "said"


@st.cache_resource(show_spinner="Opening the database…")
def services() -> Services:
    """Return the services of this process, shared by every session; the plan engine is made ready meanwhile."""
    Thread(target=warm, daemon=True).start()
    Thread(target=cut_off.warm, daemon=True).start()
    return wiring.connect(read_settings())


@st.cache_resource(show_spinner=False)
def assessor() -> Assessor:
    """Return what checks the plans of the queue, once for all sessions."""
    return Assessor()


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
    if in_meeting():  # nothing of the firm's inner life on a screen that a client sees
        st.session_state[_USER] = demo[UserId(st.session_state[_PERSON])]
        return
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


def pick_account(labels: Mapping[AccountId, str]) -> AccountId:
    """Let the person choose among accounts, that of the address line first, else the one looked at last; return it.

    Raises DataError for an account of the address line that is unknown, and where there is none to choose.
    """
    if not labels:
        raise DataError("this firm has no account yet")
    last = st.session_state.get(_ACCOUNT)  # which an import may have taken away
    current = st.query_params.get("account") or (last if last in labels else next(iter(labels)))
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
    show(account=st.session_state[_PICKER], plan=None, **dict.fromkeys(_LAB))


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


def say(sentence: str, *, done: bool) -> None:
    """Keep a sentence for the next drawing of the page: what was done, or why it was not."""
    st.session_state.setdefault(_SAID, []).append((sentence, done))


def tell(sentences: Iterable[tuple[str, bool]]) -> None:
    """Keep several sentences for the next drawing of the page."""
    for sentence, done in sentences:
        say(sentence, done=done)


def said() -> tuple[tuple[str, bool], ...]:
    """Return what was kept to be said, each with whether it was done, and forget it."""
    return tuple(st.session_state.pop(_SAID, ()))


def typed(key: str) -> str:
    """Return what stands in a text field now, also before the page is drawn again."""
    return str(st.session_state.get(key, ""))


def in_meeting() -> bool:
    """Return whether a client looks on: the address line says so, and names the household."""
    return st.query_params.get(_MEETING) == "on" and "household" in st.query_params


def household_id() -> str:
    """Return the household that the address line names, which it does in a meeting."""
    return st.query_params["household"]


def begin_meeting(household: HouseholdId) -> None:
    """Turn to one household alone, with nothing asked for yet."""
    show(household=household, meeting="on", account=None, **dict.fromkeys(("lean", "add", "take", "without", "gains")))


def leave_meeting() -> None:
    """Take the meeting off the address line, so that another page may show what it always does."""
    show(meeting=None)


def pick_account_of(labels: Mapping[AccountId, str]) -> AccountId:
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
    st.session_state[f"{_MEETING}:{name}"] = value
    return f"{_MEETING}:{name}"


def follow(name: str) -> None:
    """Put what a tied widget was set to on the address line."""
    value = st.session_state[f"{_MEETING}:{name}"]
    text = ",".join(value) if isinstance(value, list) else "" if value is None else str(value)
    show(**{name: text or None})


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


def is_whole_run() -> bool:
    """Return whether the whole page is being drawn, and not a part of it; true once after mark_whole_run."""
    return bool(st.session_state.pop(_WHOLE, False))


def mark_whole_run() -> None:
    """Say that the whole page is being drawn; for the page itself, whose script runs only then."""
    st.session_state[_WHOLE] = True


def run_again() -> NoReturn:
    """Draw this part of the page once more; only where it is drawn by itself."""
    st.rerun(scope="fragment")


def remembered() -> Mapping[Hashable, Any]:
    """Return what is remembered, by key."""
    memory: dict[Hashable, Any] = st.session_state.setdefault(_REMEMBERED, {})
    return memory


def remember_last(key: Hashable, value: Any) -> None:
    """Remember a value in the place of the one under this key before."""
    memory: dict[Hashable, Any] = st.session_state.setdefault(_REMEMBERED, {})
    memory.pop(key, None)
    memory[key] = value


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
