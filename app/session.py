"""Who is looking, and at what? The only file that touches Streamlit's state and the address line."""

from collections.abc import Callable, Collection, Hashable, Mapping
from decimal import Decimal
from threading import Thread
from typing import Any, Final, TypeVar, cast

import streamlit as st

from app import wiring
from app.ports import Services
from app.settings import read_settings
from app.steps import firm
from app.steps.meeting import BALANCED_LEAN, INDEX_FIRST, TAX_FIRST, Wishes
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
_MEETING: Final = "meeting"


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
    """Let the client's account be chosen where there are several, that of the address line first; return it."""
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
    return int(value) if value.isdecimal() and TAX_FIRST <= int(value) <= INDEX_FIRST else BALANCED_LEAN


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
    return Decimal(value) if value.isdecimal() else None


def tie(name: str, value: object) -> str:
    """Let a widget of the meeting stand at a value; return its key, for use with follow."""
    st.session_state[f"{_MEETING}:{name}"] = value
    return f"{_MEETING}:{name}"


def follow(name: str) -> None:
    """Put what a tied widget was set to on the address line."""
    value = st.session_state[f"{_MEETING}:{name}"]
    text = ",".join(value) if isinstance(value, list) else "" if value is None else str(value)
    show(**{name: text or None})


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
