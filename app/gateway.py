"""The gateway: live FIX sessions in a process of their own, joined to the app by the outbox and inbox alone.

python -m app.gateway FOLDER reads the environment as every command does. lotsmith serve starts it, and again whenever
it ends.
"""

import fcntl
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.settings import Settings, read_settings
from connectors.fix.destinations import session_destinations
from connectors.fix.gateway import LOOPBACK, GatewayConfig, SessionConfig
from connectors.fix.tunnel import tunnel
from data.database import open_database
from data.mailbox import SqlMailbox
from engine.domain.errors import DataError, LotsmithError

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
_REFUSED: Final = 2
_OWNER_ONLY: Final = 0o077


def sessions(settings: Settings) -> tuple[SessionConfig, ...]:
    """Return the live sessions of an installation. Raises DataError for a destination that is stated wrongly."""
    found = session_destinations(settings.connections.get("fix", {}))
    return tuple(each.session for each in found if each.session is not None)


def run(settings: Settings, folder: Path, *, stop: threading.Event) -> None:
    """Keep every live session up until stop is set.

    folder belongs to this installation's gateway alone. Raises DataError where another one holds it, where there is no
    session, or for a configuration that cannot work.
    """
    from connectors.fix.session import run_gateway  # the only module that needs the compiled quickfix

    live = sessions(settings)
    if not live:
        raise DataError("expected a destination with the route session, found none")
    database = open_database(settings.database_url)
    with _only_one(folder), ExitStack() as stack:
        reached = tuple(_reached(stack, session, folder, stop) for session in live)
        config = GatewayConfig(folder=folder, sessions=reached, **_given(settings))
        run_gateway(config, SqlMailbox(database, lambda: datetime.now(UTC)), stop=stop)


def _given(settings: Settings) -> dict[str, Any]:
    """Return how long an order may be on its way, and how often to call again, where the firm says so."""
    table = settings.connections.get("fix", {})
    return {name: int(table[name]) for name in ("max_order_age_s", "reconnect_s", "heartbeat_s") if name in table}


def _reached(stack: ExitStack, session: SessionConfig, folder: Path, stop: threading.Event) -> SessionConfig:
    """Return a session as it is reached: through a tunnel of its own where it wants TLS. The gateway ends with it."""
    if session.tls is None:
        return session
    inside, process = stack.enter_context(tunnel(session, _free_port(), folder))

    def watch() -> None:
        process.wait()
        if not stop.is_set():
            _LOG.error("%s: the TLS tunnel ended; the gateway ends with it, and may be started again", session.target)
            stop.set()

    threading.Thread(target=watch, daemon=True).start()
    return inside


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataError(f"{folder}: expected no gateway that runs there already, found one") from error
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run the gateway of this environment until it is told to stop."""
    folder = Path(sys.argv[1])
    os.umask(_OWNER_ONLY)
    folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=folder / "gateway.log", level=logging.INFO, format="%(asctime)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        run(read_settings(), folder, stop=stop)
    except LotsmithError as error:
        _LOG.error("%s", error)
        sys.stderr.write(f"gateway: {error}\n")
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
