"""Is this corporate action complete? What each kind needs, what it has no use for, each fault found at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol


class ToldAction(Protocol):
    """The fields of a corporate action, before it is known to be one."""

    @property
    def kind(self) -> str: ...
    @property
    def security_id(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def successor(self) -> str | None: ...
    @property
    def cash(self) -> Decimal | None: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def basis_fraction(self) -> Decimal | None: ...
    @property
    def taxable(self) -> bool | None: ...
    @property
    def ticker(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One field that is wrong."""

    field: str
    found: str
    expected: str


_MAY_HAVE: Final[dict[str, frozenset[str]]] = {
    "split": frozenset(),
    "dividend": frozenset(),
    "ticker_change": frozenset({"successor", "ticker"}),
    "merger": frozenset({"successor", "cash", "price", "taxable"}),
    "spin_off": frozenset({"successor", "price", "basis_fraction"}),
}
_OPTIONAL: Final = ("successor", "cash", "price", "basis_fraction", "taxable", "ticker")


def action_faults(told: ToldAction) -> Iterator[Fault]:
    """Yield what is wrong with an action, field by field; nothing where it is complete."""
    may_have = _MAY_HAVE[told.kind]
    for name in _OPTIONAL:
        given = getattr(told, name)
        if given is not None and name not in may_have:
            yield Fault(field=name, found=f"'{given}'", expected=f"nothing for {told.kind}")
    if told.successor is not None and told.successor == told.security_id:
        yield Fault(field="successor", found=f"'{told.successor}'", expected="another security")
    for name in ("cash", "price"):
        amount = getattr(told, name)
        if amount is not None and not amount > 0:
            yield Fault(field=name, found=f"'{amount}'", expected="a number > 0, or nothing")
    if told.kind == "merger":
        yield from _merger(told)
    elif not told.value > 0:
        yield Fault(field="value", found=f"'{told.value}'", expected="a number > 0")
    elif told.kind == "ticker_change":
        yield from _ticker_change(told)
    if told.kind == "spin_off":
        yield from _spin_off(told)


def _ticker_change(told: ToldAction) -> Iterator[Fault]:
    if told.value != 1:
        yield Fault(field="value", found=f"'{told.value}'", expected="1: a ticker change gives one share for one")
    if (told.successor is None) is (told.ticker is None):
        found = "neither" if told.ticker is None else "both"
        yield Fault(field="ticker", found=found, expected="the new ticker, or the new id in successor")


def _merger(told: ToldAction) -> Iterator[Fault]:
    if told.value < 0:
        yield Fault(field="value", found=f"'{told.value}'", expected="a number >= 0")
    elif told.value == 0:
        if told.cash is None:
            yield Fault(field="cash", found="nothing", expected="USD a share, as the merger gives no shares")
        if told.successor is not None:
            yield Fault(field="successor", found=f"'{told.successor}'", expected="nothing, as it gives no shares")
        if told.taxable is False:
            yield Fault(field="taxable", found="'false'", expected="true or nothing: a merger for cash is a sale")
    else:
        if told.successor is None:
            yield Fault(field="successor", found="nothing", expected="the security that holders received")
        if told.taxable is None:
            yield Fault(field="taxable", found="nothing", expected="true or false: is it no reorganisation?")


def _spin_off(told: ToldAction) -> Iterator[Fault]:
    if told.successor is None:
        yield Fault(field="successor", found="nothing", expected="the security that was spun off")
    if told.basis_fraction is None or not 0 < told.basis_fraction < 1:
        found = "nothing" if told.basis_fraction is None else f"'{told.basis_fraction}'"
        yield Fault(field="basis_fraction", found=found, expected="a fraction between 0 and 1, the two left out")
