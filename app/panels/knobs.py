"""One setting on screen: its words, its unit, its range, and the reason where it can change nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import streamlit as st

from engine.domain.meanings import MEANINGS, Unit
from engine.domain.settings import PlanSettings

_PERCENT: Final = frozenset({Unit.WEIGHT, Unit.YEARLY, Unit.SHARE})
_SIGNS: Final = {Unit.WEIGHT: "%", Unit.YEARLY: "% a year", Unit.SHARE: "%", Unit.BP: "bp", Unit.USD: "$"}
_NO_LIMIT: Final = "no limit"


@dataclass(frozen=True, kw_only=True)
class Form:
    """Settings as they stood, and as they are being changed. without_effect: of settings, why they change nothing."""

    before: PlanSettings
    key: str
    without_effect: Callable[[PlanSettings], Mapping[str, str]]
    changes: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        return self.changes.get(name, getattr(self.before, name))

    def reason(self, name: str) -> str | None:
        """Return why a setting can change nothing as the others stand on screen, None where it can."""
        standing = {key: self.value(key) for key in ("net_taxes", "wash_sales", "liquidate", "enforce")}
        return self.without_effect(replace(self.before, **standing)).get(name)

    def told(self, name: str) -> dict[str, Any]:
        """Return what every widget of a setting is given: its key, its help, and whether it is out of use."""
        reason = self.reason(name)
        text = MEANINGS[name].text
        return {
            "key": f"{self.key}:{name}",
            "help": f"`{name}`: {text}" + (f" **Not in use: {reason}.**" if reason else ""),
            "disabled": reason is not None,
        }


def label(name: str) -> str:
    """Return a setting's label with its unit."""
    sign = _SIGNS.get(MEANINGS[name].unit)
    return MEANINGS[name].label + (f", {sign}" if sign else "")


def number(form: Form, name: str, *, most: float | None, step: float, least: float | None = 0.0) -> None:
    """Ask for a number, in per cent where the setting is a fraction; an empty field is none."""
    unit, value = MEANINGS[name].unit, form.value(name)
    scale = 100.0 if unit in _PERCENT else 1.0
    optional = getattr(PlanSettings(), name) is None
    start = None if value is None or (unit is Unit.USD and not optional and not value) else scale * float(value)
    highest = most if most is None or start is None else max(most, start)
    entered = st.number_input(
        label(name),
        least,
        highest,
        start,
        step,
        format=_format(unit, step),
        placeholder=_NO_LIMIT if optional else "none",
        **form.told(name),
    )
    if entered is None:
        form.changes[name] = None if optional else 0
    else:
        form.changes[name] = round(entered / scale, 8)


def count(form: Form, name: str) -> None:
    """Ask for a whole number; an empty field is no limit."""
    value = form.value(name)
    form.changes[name] = st.number_input(label(name), 0, None, value, 5, placeholder=_NO_LIMIT, **form.told(name))


def switch(form: Form, name: str) -> None:
    """Ask for yes or no."""
    form.changes[name] = st.toggle(label(name), bool(form.value(name)), **form.told(name))


def choice(form: Form, name: str, words: Mapping[Any, str]) -> None:
    """Ask for one of a few values."""
    options = list(words)
    form.changes[name] = st.selectbox(
        label(name), options, options.index(form.value(name)), format_func=words.__getitem__, **form.told(name)
    )


def reasons(form: Form, names: tuple[str, ...]) -> None:
    """Say once why settings of a group are out of use."""
    found: dict[str, list[str]] = {}
    for name in names:
        reason = form.reason(name)
        if reason is not None:
            found.setdefault(reason, []).append(MEANINGS[name].label)
    for reason, labels in found.items():
        st.caption(f":material/block: {reason[:1].upper()}{reason[1:]}: {_listed(labels)} not in use.")


def _listed(labels: list[str]) -> str:
    words = [labels[0], *(word[:1].lower() + word[1:] for word in labels[1:])]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _format(unit: Unit, step: float) -> str:
    return "%.0f" if unit is Unit.BP and step >= 1 else "%.2f"
