"""How does each custodian take orders? Its destination profile, read from the section [fix] of the connections."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from connectors.fix.dialect import AllocationType, Dialect
from connectors.fix.dialects import DIALECTS
from connectors.fix.gateway import SessionConfig, TunnelConfig
from engine.domain.errors import DataError
from engine.domain.settings import LotMethod

_LINES: Final = ("host", "port", "username", "password", "allocations", "mass_status", "tls")
_KEYS: Final = ("target", "route", "version", "lots", "default_method", *_LINES)
_TLS_KEYS: Final = ("host_name", "ca", "certificate", "key")
_METHODS: Final = tuple(method for method in LotMethod if method is not LotMethod.OPTIMAL)


class Route(StrEnum):
    """How orders travel."""

    FILE = "file"  # FIX messages in a file
    SESSION = "session"  # a live FIX session, run by the gateway
    FIDELITY = "fidelity"  # Fidelity's order-import file


class LotHandling(StrEnum):
    """What a custodian honours of the lots that a plan sells."""

    ORDER = "order"  # the lots named on each order
    SHEET = "sheet"  # the lots of the sheet that goes beside the orders
    DEFAULT = "default"  # none: it sells by its default method, whatever we say


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One custodian's profile. target: its CompID in FIX. default_method: which lots it sells when left to itself."""

    custodian: str
    target: str
    route: Route
    dialect: Dialect
    lots: LotHandling
    default_method: LotMethod
    session: SessionConfig | None

    @property
    def lots_on_orders(self) -> bool:
        return self.lots is LotHandling.ORDER

    @property
    def stated(self) -> Mapping[str, str]:
        """What is confirmed of it with what is sent, and stays with that; see sent_by."""
        return {
            "target": self.target,
            "route": self.route.value,
            "version": self.dialect.name,
            "lots": self.lots.value,
            "default_method": self.default_method.value,
        }


def sent_by(custodian: str, stated: Mapping[str, str]) -> Destination:
    """Return the profile that something was sent by, whatever the connections say now; it reaches no session."""
    return Destination(
        custodian=custodian,
        target=stated["target"],
        route=Route(stated["route"]),
        dialect=DIALECTS[stated["version"]],
        lots=LotHandling(stated["lots"]),
        default_method=LotMethod(stated["default_method"]),
        session=None,
    )


def read_destinations(table: Mapping[str, Any], custodians: Iterable[str]) -> Mapping[str, Destination]:
    """Return the profile of each custodian: what the table [fix] says of it in destinations, else the usual one.

    The usual one is a FIX 4.4 file with a lot sheet, first in, first out where it is left to the custodian, and its
    letters and digits as its name. Raises DataError for a key or value that means nothing.
    """
    given = table.get("destinations", {})
    if not isinstance(given, Mapping):
        raise DataError(f"[fix] destinations: expected a table by custodian, found {given!r}")
    return {name: _destination(name, given.get(name, {}), str(table.get("sender", SENDER))) for name in custodians}


def session_destinations(table: Mapping[str, Any]) -> tuple[Destination, ...]:
    """Return the profiles whose orders go over a live session. Raises DataError as read_destinations does."""
    given = table.get("destinations", {})
    found = read_destinations(table, given if isinstance(given, Mapping) else ())
    return tuple(each for each in found.values() if each.session is not None)


def _destination(name: str, keys: Any, sender: str) -> Destination:
    place = f'[fix.destinations."{name}"]'
    _known(place, keys, _KEYS)
    dialect = _one_of(place, "version", keys.get("version", "FIX.4.4"), DIALECTS)
    route = Route(_one_of(place, "route", keys.get("route", "file"), {each.value: each for each in Route}))
    lots = _one_of(place, "lots", keys.get("lots", "sheet"), {each.value: each for each in LotHandling})
    if lots is LotHandling.ORDER and (not dialect.carries_lots or route is Route.FIDELITY):
        found = route.value if route is Route.FIDELITY else dialect.name
        raise DataError(f'{place} lots: expected "sheet" or "default", found "order", which {found} cannot say')
    method = keys.get("default_method", LotMethod.FIFO.value)
    target = str(keys.get("target") or _comp_id(name))
    return Destination(
        custodian=name,
        target=target,
        route=route,
        dialect=dialect,
        lots=lots,
        default_method=_one_of(place, "default_method", method, {each.value: each for each in _METHODS}),
        session=_session(place, name, keys, sender, target, dialect) if route is Route.SESSION else None,
    )


def _session(
    place: str, name: str, keys: Mapping[str, Any], sender: str, target: str, dialect: Dialect
) -> SessionConfig:
    host, port = keys.get("host"), keys.get("port")
    if not isinstance(host, str) or not host:
        raise DataError(f"{place} host: expected the custodian's address, found {host!r}")
    if not isinstance(port, int) or not 0 < port < 65_536:
        raise DataError(f"{place} port: expected a number from 1 to 65535, found {port!r}")
    mass = keys.get("mass_status", False)
    if not isinstance(mass, bool) or (mass and dialect.mass_status is None):
        raise DataError(f"{place} mass_status: expected false, or true in FIX 4.4 or later; found {mass!r}")
    kinds = {each.value: each for each in AllocationType}
    return SessionConfig(
        custodian=name,
        sender=sender,
        target=target,
        host=host,
        port=port,
        username=keys.get("username"),
        password=keys.get("password"),
        dialect=dialect,
        allocations=_one_of(place, "allocations", keys.get("allocations", "none"), kinds),
        mass_status=mass,
        tls=_tunnel(place, keys["tls"]) if "tls" in keys else None,
    )


def _tunnel(place: str, keys: Any) -> TunnelConfig:
    place = f"{place} tls"
    _known(place, keys, _TLS_KEYS)
    for name in ("host_name", "ca"):
        if not isinstance(keys.get(name), str):
            raise DataError(f"{place}: expected {name}, found none")
    if ("certificate" in keys) is not ("key" in keys):
        raise DataError(f"{place}: expected certificate and key, or neither; found one of them")
    return TunnelConfig(**{name: keys.get(name) for name in _TLS_KEYS})


def _known(place: str, keys: Any, known: Iterable[str]) -> None:
    if not isinstance(keys, Mapping):
        raise DataError(f"{place}: expected a table, found {keys!r}")
    for name in keys:
        if name not in known:
            near = difflib.get_close_matches(str(name), list(known), n=1)
            raise DataError(f"{place}: unknown key {name}" + (f"; did you mean {near[0]}?" if near else ""))


def _one_of(place: str, key: str, found: Any, choices: Mapping[str, Any]) -> Any:
    if not isinstance(found, str) or found not in choices:
        raise DataError(f"{place} {key}: expected one of {', '.join(choices)}; found {found!r}")
    return choices[found]


def _comp_id(custodian: str) -> str:
    return "".join(letter for letter in custodian.upper() if letter.isalnum())


SENDER: Final = "LOTSMITH"
"""Our CompID, where the firm gives itself no other by sender."""
