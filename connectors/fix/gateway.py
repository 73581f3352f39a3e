"""What joins a live FIX session to the rest? A mailbox to pass in, and the configuration of its sessions."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from connectors.fix.bilateral import with_lots
from connectors.fix.dialect import AllocationType, Dialect
from engine.domain.errors import DataError

_SECRETS: Final = re.compile(r"(\x01(?:554|925|96)=)[^\x01]*")
LOOPBACK: Final = "127.0.0.1"


class Outcome(StrEnum):
    """What became of a message that was taken from the mailbox."""

    ACCEPTED = "accepted"  # the custodian holds it
    REFUSED = "refused"  # the custodian, or FIX itself, turned it down
    EXPIRED = "expired"  # too old to be sent; the custodian never got it


class Outgoing(NamedTuple):
    """One message to send. key: the id that it gives itself (ClOrdID, AllocID); text: the whole FIX message."""

    key: str
    text: str


class Settled(NamedTuple):
    """What a custodian's answer says of one of our messages, by its key."""

    key: str
    outcome: Outcome


class Mailbox(Protocol):
    """The outbox and inbox of the gateway, kept in a database by whoever runs it.

    Every call is durable when it returns. An exception from a mailbox ends the gateway; a restart goes on where the
    database, the session's store and the journal of what came in stand.
    """

    def take(self, custodian: str, most: int) -> Sequence[tuple[str, str]]:
        """Return the oldest messages never taken before, each as key and text, and remember them as taken."""

    def unanswered(self, custodian: str) -> Sequence[tuple[str, str]]:
        """Return the messages taken but not done, each as key and text: perhaps sent, perhaps not."""

    def received(self, batch: Sequence[tuple[str, str, str, str | None, str | None]]) -> None:
        """Keep messages of custodians: custodian, key, text, and the key and outcome of one of ours that it settles.

        A message whose key it has is not kept twice; the first outcome of one of ours stays.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelConfig:
    """TLS in front of a session: the name and authority that the custodian must prove, and our own certificate."""

    host_name: str
    ca: str
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """One custodian's session. sender and target are CompIDs; the password never shows in a repr or a log.

    mass_status: one question about all orders after a logon, in place of one an order. tls: None where the line itself
    is private.
    """

    custodian: str
    sender: str
    target: str
    host: str
    port: int
    dialect: Dialect
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    allocations: AllocationType = AllocationType.NONE
    mass_status: bool = False
    tls: TunnelConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """folder holds sequence numbers, sent messages and the log, and belongs to one gateway alone.

    max_order_age_s: an order whose TransactTime is older is never sent. Session times are UTC, HH:MM:SS; equal times
    mean a session around the clock whose sequence numbers start anew at that time.
    """

    folder: Path
    sessions: tuple[SessionConfig, ...]
    heartbeat_s: int = 30
    reconnect_s: int = 5
    max_order_age_s: int = 3600
    start_time: str = "00:00:00"
    end_time: str = "00:00:00"


def settings_text(config: GatewayConfig) -> str:
    """Return the configuration as quickfix reads it; user names and passwords are left to the logon itself."""
    lines = [
        "[DEFAULT]",
        "ConnectionType=initiator",
        f"FileStorePath={config.folder / 'store'}",
        f"HeartBtInt={config.heartbeat_s}",
        f"ReconnectInterval={config.reconnect_s}",
        f"StartTime={config.start_time}",
        f"EndTime={config.end_time}",
        "UseDataDictionary=Y",
    ]
    for session in config.sessions:
        lines += [
            "[SESSION]",
            f"BeginString={session.dialect.begin}",
            f"SenderCompID={session.sender}",
            f"TargetCompID={session.target}",
            f"SocketConnectHost={session.host}",
            f"SocketConnectPort={session.port}",
            *dictionary_lines(session.dialect, config.folder),
        ]
    return "\n".join(lines) + "\n"


def dictionary_lines(dialect: Dialect, folder: Path) -> list[str]:
    """Return the settings that lead quickfix to a version's dictionaries; one made by agreement lies in the folder."""
    application = dictionary_file(dialect, folder)
    if dialect.transport is None:
        return [f"DataDictionary={application}"]
    return [
        "DefaultApplVerID=" + dialect.name,
        f"TransportDataDictionary={dictionary_path(dialect.transport)}",
        f"AppDataDictionary={application}",
    ]


def dictionary_file(dialect: Dialect, folder: Path) -> Path:
    """Return the dictionary of a version's messages; one that lots are added to is written into the folder."""
    stock = dictionary_path(dialect.application)
    if not dialect.lots_by_agreement:
        return stock
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"lots-{dialect.application}"
    path.write_text(with_lots(stock.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def dictionary_path(name: str) -> Path:
    """Return a dictionary that quickfix installs. Raises DataError where it is missing."""
    path = Path(sys.prefix) / "share" / "quickfix" / name
    if not path.is_file():
        raise DataError(f"{path}: expected the dictionary that comes with quickfix, found none")
    return path


def redacted(text: str) -> str:
    """Return a FIX message fit for a log: passwords masked, fields parted by |."""
    return _SECRETS.sub(r"\1***", text).replace("\x01", "|")
