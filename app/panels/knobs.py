"""One setting on screen: its words, its unit, its range, and the reason where it can change nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from app.session import lab_view, widgets
from engine.domain.identifiers import AccountId
from engine.domain.meanings import MEANINGS, Unit
from engine.domain.settings import PlanSettings, override

_PERCENT: Final = frozenset({Unit.WEIGHT, Unit.YEARLY, Unit.SHARE})
_SIGNS: Final = {Unit.WEIGHT: "%", Unit.YEARLY: "% a year", Unit.SHARE: "%", Unit.BP: "bp", Unit.USD: "$"}
_NO_LIMIT: Final = "no limit"


@dataclass(frozen=True, kw_only=True)
class Form:
    """The settings of an account as they stand, on screen and on the address line. reasons: why some change nothing."""

    account_id: AccountId
    own: PlanSettings
    now: PlanSettings
    reasons: Mapping[str, str]

    def key(self, name: str) -> str:
        return knob_key(self.account_id, name)

    def told(self, name: str, shown: Any, read: Callable[[Any], Mapping[str, Any]]) -> dict[str, Any]:
        """Return what every widget of a setting is given: key, help, whether it is out of use, what follows a change.

        shown: what it is to show. read: what settings come of what was entered.
        """
        widgets.stand(self.key(name), shown)
        reason, text = self.reasons.get(name), MEANINGS[name].text
        return {
            "key": self.key(name),
            "help": f"`{name}`: {text}" + (f" **Not in use: {reason}.**" if reason else ""),
            "disabled": reason is not None,
            "on_change": self.follow,
            "args": [self.key(name), read],
        }

    def follow(self, key: str, read: Callable[[Any], Mapping[str, Any]]) -> None:
        """Put what was entered on the address line, with all that stands there already."""
        self.change(read(widgets.entered(key)))

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change settings from how they stand now."""
        before = lab_view.tuned(self.own)
        lab_view.tune(self.account_id, self.own, override(before, changes, source="settings on screen"))


def knob_key(account_id: AccountId, name: str) -> str:
    """Return the key of a setting's widget."""
    return f"knob:{account_id}:{name}"


def label(name: str) -> str:
    """Return a setting's label with its unit."""
    sign = _SIGNS.get(MEANINGS[name].unit)
    return MEANINGS[name].label + (f", {sign}" if sign else "")


def number(form: Form, name: str, *, most: float | None, step: float, least: float | None = 0.0) -> None:
    """Ask for a number, in per cent where the setting is a fraction; an empty field is none."""
    unit, value = MEANINGS[name].unit, getattr(form.now, name)
    scale = 100.0 if unit in _PERCENT else 1.0
    optional = getattr(PlanSettings(), name) is None
    shown = (
        None if value is None or (unit is Unit.USD and not optional and not value) else _rounded(scale * float(value))
    )
    highest = most if most is None or shown is None else max(most, shown)

    def read(entered: float | None) -> dict[str, Any]:
        if entered is None:
            return {name: None if optional else 0}
        return {name: _rounded(entered / scale)}

    st.number_input(
        label(name),
        least,
        highest,
        None,
        step,
        format=_format(unit, step),
        placeholder=_NO_LIMIT if optional else "none",
        **form.told(name, shown, read),
    )


def count(form: Form, name: str) -> None:
    """Ask for a whole number; an empty field is no limit."""
    told = form.told(name, getattr(form.now, name), lambda entered: {name: entered})
    st.number_input(label(name), 0, None, None, 5, placeholder=_NO_LIMIT, **told)


def switch(form: Form, name: str) -> None:
    """Ask for yes or no."""
    st.toggle(label(name), **form.told(name, bool(getattr(form.now, name)), lambda entered: {name: entered}))


def choice(form: Form, name: str, words: Mapping[Any, str]) -> None:
    """Ask for one of a few values."""
    told = form.told(name, getattr(form.now, name), lambda entered: {name: entered})
    st.selectbox(label(name), list(words), format_func=words.__getitem__, **told)


def _rounded(value: float) -> float:
    """Return a number without what binary fractions leave behind when per cents come and go."""
    return round(value, 8)


def reasons(form: Form, names: tuple[str, ...]) -> None:
    """Say once why settings of a group are out of use."""
    found: dict[str, list[str]] = {}
    for name in names:
        reason = form.reasons.get(name)
        if reason is not None:
            found.setdefault(reason, []).append(MEANINGS[name].label)
    for reason, labels in found.items():
        st.caption(f":material/block: {reason[:1].upper()}{reason[1:]}: {_listed(labels)} not in use.")


def _listed(labels: list[str]) -> str:
    words = [labels[0], *(word[:1].lower() + word[1:] for word in labels[1:])]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _format(unit: Unit, step: float) -> str:
    return "%.0f" if unit is Unit.BP and step >= 1 else "%.2f"
