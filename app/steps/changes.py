"""How is a link written that leads to the same settings? Only what differs from the account's own, as one short text.

risk_aversion:50,max_trades:100,exclude:sector:Energy;AAPL,tilt:tag:quality=0.01
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from engine.domain.errors import DataError
from engine.domain.settings import PlanSettings, override, settings_to_dict

_SOURCE: Final = "the link's settings"
_PLAIN: Final = " :./&'()+-_"  # what a name may hold unescaped: none of the signs that part this text


def changes_text(own: PlanSettings, chosen: PlanSettings) -> str:
    """Return what differs from an account's own settings as KEY:VALUE parts with commas between; nothing is ""."""
    now = settings_to_dict(chosen)
    return ",".join(f"{name}:{_value_text(now[name])}" for name in now if getattr(own, name) != getattr(chosen, name))


def changed(own: PlanSettings, text: str) -> PlanSettings:
    """Return an account's own settings with the changes of such a text.

    Raises DataError as the command line's --set does: for a part without a colon, a key that is unknown or comes twice,
    and a bad value.
    """
    changes: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, colon, value = part.partition(":")
        if not colon:
            raise DataError(f"{_SOURCE}: {part}: expected KEY:VALUE")
        if name in changes:
            raise DataError(f"{_SOURCE}: {name}: expected it once, found it twice")
        changes[name] = _read(name, value)
    return override(own, changes, source=_SOURCE)


def _value_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ";".join(f"{_escaped(name)}={_number_text(amount)}" for name, amount in value.items())
    if isinstance(value, list):
        return ";".join(map(_escaped, value))
    return _number_text(value) if isinstance(value, float) else str(value)


def _number_text(value: float) -> str:
    return repr(value).removesuffix(".0")


def _read(name: str, text: str) -> Any:
    """Return the value as override takes it; whether it is one is override's to say."""
    if name == "exclude":
        return [unquote(each) for each in filter(None, text.split(";"))]
    if name == "tilt":
        pairs = (each.rpartition("=") for each in filter(None, text.split(";")))
        return {unquote(target): amount for target, _, amount in pairs}
    return text


def _escaped(name: str) -> str:
    return quote(name, safe=_PLAIN)
