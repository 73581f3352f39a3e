"""Who is looking, and at what? With its rooms the only code that touches Streamlit's state and the address line."""

from collections.abc import Iterable, Mapping
from threading import Thread
from typing import Final, cast

import streamlit as st

from app import wiring
from app.ports import Services
from app.settings import read_settings
from app.steps import exchange, firm
from app.steps.queue import Assessor
from engine.domain.errors import DataError, NotAllowed
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, UserId
from engine.domain.lifecycle import Role, User
from engine.plan.warm import warm

LAB_PARTS: Final = ("set", "gift", "compare")
"""What the address line says of one account in the lab; another account starts without it."""
_USER: Final = "user"
_PERSON: Final = "signed_in_as"
_ACCOUNT: Final = "account_on_screen"
_PICKER: Final = "account_picker"
_HOUSEHOLD: Final = "household_picker"
_PAGE: Final = "page_on_screen"
_COMES_IN: Final = "page_is_new"
_SAID: Final = "said"
_WITHHELD: Final = "withheld"


@st.cache_resource(show_spinner="Opening the database…")
def services() -> Services:
    """Return the services of this process, shared by every session; the plan engine is made ready meanwhile."""
    Thread(target=warm, daemon=True).start()
    Thread(target=exchange.warm, daemon=True).start()
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
    show(account=st.session_state[_PICKER], plan=None, **dict.fromkeys(LAB_PARTS))


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


def in_meeting() -> bool:
    """Return whether a client looks on: the address line says so, and names the household."""
    return st.query_params.get("meeting") == "on" and "household" in st.query_params


def withhold(sentence: str) -> None:
    """Keep what a client must not read until the meeting has ended, each sentence once."""
    kept = st.session_state.setdefault(_WITHHELD, [])
    if sentence not in kept:
        kept.append(sentence)


def withheld() -> tuple[str, ...]:
    """Return what was withheld in a meeting, oldest first."""
    return tuple(st.session_state.get(_WITHHELD, ()))


def forget_withheld() -> None:
    """Forget it: it was read."""
    st.session_state.pop(_WITHHELD, None)


def enter(page: str) -> None:
    """Note which page is on screen; a page can then tell whether a person has just come to it."""
    st.session_state[_COMES_IN] = st.session_state.get(_PAGE) != page
    st.session_state[_PAGE] = page


def comes_in() -> bool:
    """Return whether a person has just come to the page on screen."""
    return bool(st.session_state[_COMES_IN])
