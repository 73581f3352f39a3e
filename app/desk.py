"""The desk: delivers what waits for custodians, takes their answers in and books them, whether or not a page is open.

python -m app.desk reads the environment as every command does. lotsmith serve runs it beside live FIX sessions.
"""

import logging
import signal
import threading
from typing import Final

from app import wiring
from app.ports import Services
from app.settings import read_settings
from app.steps import execute, reconcile
from engine.domain.errors import LotsmithError

_EVERY_S: Final = 1.0
_LOG: Final = logging.getLogger(__name__)


def turn(services: Services, *, first: bool = False) -> None:
    """Deliver what waits, take answers in, and book and close what is done.

    first: book also where nothing is new: the desk before this one may have ended in between.
    """
    execute.deliver(services)
    if services.inbox.waiting() or first:
        reconcile.reconcile_sent(services)


def main() -> None:
    """Take turns until told to stop. What cannot be done is logged and tried again at the next turn."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s desk: %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    services = wiring.connect(read_settings())
    first = True
    while not stop.is_set():
        try:
            turn(services, first=first)
            first = False
        except LotsmithError as error:
            _LOG.warning("%s", error)
        stop.wait(_EVERY_S)


if __name__ == "__main__":
    main()
