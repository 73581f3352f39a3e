"""What need not be worked out again, by this session or by any? And what is worked out in the background?"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, TypeVar, cast

import streamlit as st

from app.ports import Progress
from app.steps.background import Work

T = TypeVar("T")
MAX_REMEMBERED: Final = 48
_REMEMBERED: Final = "remembered"
_SEEN: Final = "seen"


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


def shared(key: Hashable, make: Callable[[], T]) -> T:
    """Return a value made once for all sessions under this key, not to be changed by anyone; few are kept."""
    return cast(T, _shared(key, make))


@st.cache_resource(max_entries=MAX_REMEMBERED, show_spinner=False)
def _shared(key: Hashable, _make: Callable[[], object]) -> object:  # noqa: ARG001  the key of the cache
    return _make()


def is_first(what: str) -> bool:
    """Return whether this session asks for the first time."""
    seen: set[str] = st.session_state.setdefault(_SEEN, set())
    is_new = what not in seen
    seen.add(what)
    return is_new


def known(key: Hashable) -> Any | None:
    """Return what this session remembers under a key, or what any session has made known; None where neither."""
    mine = remembered().get(key)
    return _made_known().get(key) if mine is None else mine


def made_known(key: Hashable, make: Callable[[], T]) -> T:
    """Return a value made once under this key, which all sessions then know; few are kept, the newest."""
    at_hand = known(key)
    value = remember(key, lambda: make() if at_hand is None else at_hand)
    everybodys = _made_known()
    everybodys[key] = value
    for old in list(everybodys)[:-MAX_REMEMBERED]:
        everybodys.pop(old, None)
    return cast(T, value)


@st.cache_resource(show_spinner=False)
def _made_known() -> dict[Hashable, Any]:
    return {}


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
