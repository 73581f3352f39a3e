"""What joins a live FIX session to the rest? A mailbox to pass in, and the configuration of its sessions."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from connectors.fix.wire import BEGIN
from engine.domain.errors import DataError

_SECRETS: Final = re.compile(r"(\x01(?:554|925|96)=)[^\x01]*")


class Outcome(StrEnum):
    """What became of an order that was taken from the mailbox."""

    ACCEPTED = "accepted"  # the custodian holds it
    REFUSED = "refused"  # the custodian, or FIX itself, turned it down
    EXPIRED = "expired"  # too old to be sent; the custodian never got it


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One order to send. key: ClOrdID of the block; text: the whole FIX message as it is exported."""

    key: str
    text: str


class Mailbox(Protocol):
    """The outbox and inbox of the gateway, kept in a database by whoever runs it.

    Every call is durable when it returns. The gateway calls from two threads, but never twice at the same time. An
    exception from a mailbox ends the gateway; a restart goes on where the database and the session's store stand.
    """

    def take(self, custodian: str) -> Outgoing | None:
        """Return the oldest order of this custodian never taken before, and remember it as taken."""

    def unanswered(self, custodian: str) -> Sequence[Outgoing]:
        """Return the orders taken but not done: perhaps sent, perhaps not."""

    def done(self, key: str, outcome: Outcome, text: str) -> None:
        """Remember what became of an order, with the FIX text that says so. Called again, the first outcome stays."""

    def received(self, custodian: str, key: str, text: str) -> None:
        """Keep a message of the custodian (reports, rejects). Called again with a key it has, it keeps nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """One custodian's session. sender and target are CompIDs; the password never shows in a repr or a log."""

    custodian: str
    sender: str
    target: str
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)


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
        f"BeginString={BEGIN}",
        f"FileStorePath={config.folder / 'store'}",
        f"HeartBtInt={config.heartbeat_s}",
        f"ReconnectInterval={config.reconnect_s}",
        f"StartTime={config.start_time}",
        f"EndTime={config.end_time}",
        "UseDataDictionary=Y",
        f"DataDictionary={dictionary_path()}",
    ]
    for session in config.sessions:
        lines += [
            "[SESSION]",
            f"SenderCompID={session.sender}",
            f"TargetCompID={session.target}",
            f"SocketConnectHost={session.host}",
            f"SocketConnectPort={session.port}",
        ]
    return "\n".join(lines) + "\n"


def dictionary_path() -> Path:
    """Return the FIX 4.4 dictionary that quickfix installs. Raises DataError where it is missing."""
    path = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"
    if not path.is_file():
        raise DataError(f"{path}: expected the FIX 4.4 dictionary that comes with quickfix, found none")
    return path


def redacted(text: str) -> str:
    """Return a FIX message fit for a log: passwords masked, fields parted by |."""
    return _SECRETS.sub(r"\1***", text).replace("\x01", "|")
