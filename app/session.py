"""Who is looking, and at what? The only file that touches Streamlit's state and the address line."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import streamlit as st

from app import wiring
from app.ports import Services
from app.settings import read_settings
from app.steps import firm
from engine.domain.errors import NotAllowed
from engine.domain.identifiers import AccountId, PlanId, UserId
from engine.domain.lifecycle import User
from engine.domain.settings import PlanSettings, override

T = TypeVar("T")
MAX_COMPARED: Final = 4
_PERSON: Final = "signed_in_as"
_COMPARED: Final = "compared_plans"


@st.cache_resource(show_spinner="Opening the database…")
def services() -> Services:
    """Return the services of this process, shared by every session."""
    return wiring.connect(read_settings())


def user() -> User:
    """Return the person who is signed in; stops the page with a sign-in form where nobody is.

    OpenID Connect through Streamlit where it is configured. A demo firm without it offers its demo people instead, and
    says that this is no sign-in.
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
        return known
    if not firm.is_demo(services()):
        raise NotAllowed("no sign-in is configured: expected an [auth] section in Streamlit's secrets.toml")
    demo = {person.user_id: person for person in people.users() if person.user_id != "system"}
    st.session_state.setdefault(_PERSON, next(iter(demo)))
    with st.sidebar:
        chosen = st.selectbox(
            "Demo person (no sign-in)",
            list(demo),
            key=_PERSON,
            format_func=lambda user_id: f"{demo[user_id].name}, {_titles(demo[user_id])}",
        )
    return demo[UserId(chosen)]


def _titles(person: User) -> str:
    return ", ".join(sorted(role.replace("_", " ") for role in person.roles))


def _single_sign_on() -> bool:
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def account_id() -> AccountId | None:
    """Return the account that the address line names."""
    value = st.query_params.get("account")
    return AccountId(value) if value else None


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


def stop_comparing(plan: PlanId) -> None:
    """Take a plan away from the comparison; it stays kept."""
    st.session_state[_COMPARED] = [kept for kept in compared() if kept != plan]


def settings_from(defaults: PlanSettings, changes: Mapping[str, Any]) -> PlanSettings:
    """Return the account's settings with what the screen changed."""
    return override(defaults, changes, source="settings on screen")


def remember(key: str, make: Callable[[], T]) -> T:
    """Return a value made once a session under this key; a changed key makes it again."""
    memory = st.session_state.setdefault("remembered", {})
    if key not in memory:
        memory[key] = make()
    return memory[key]  # type: ignore[no-any-return]  # the key stands for the type


def clear(key: str) -> Callable[[], None]:
    """Return a callback that empties a text field."""
    return functools.partial(st.session_state.__setitem__, key, "")
