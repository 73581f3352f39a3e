"""How does the running app keep up with the CRM? It tells what waits, asks for decisions, and hears the CRM's calls."""

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial
from itertools import count
from typing import Any, Final

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app import wiring
from app.ports import Services
from app.settings import read_settings
from app.steps import calls, crm, decisions, org
from app.steps.people import SYSTEM
from connectors.salesforce.webhook import SIGNATURE, TIMESTAMP
from engine.domain.errors import DataError, LotsmithError, NotAllowed

PATH: Final = "/webhooks/salesforce"
_TELL_EVERY_S: Final = 60.0
_ASK_EVERY: Final = 5  # rounds of telling for one of asking
_LONGEST_CALL: Final = 4_096
_log = logging.getLogger(__name__)


@cache
def services() -> Services:
    """Return the services of what runs beside the pages of this process."""
    return wiring.connect(read_settings())


def alongside(_: object) -> AbstractAsyncContextManager[None]:
    """Return what runs beside the app's pages for as long as the app does."""
    return keeping_up(services)


def webhook(connected: Callable[[], Services]) -> Route:
    """Return the address that the CRM calls when something was decided there.

    202: heard, and the plan is looked at next; 401: not signed, too old or heard before; 400: names no plan; 413.
    """

    async def hear(request: Request) -> Response:
        body = await _at_most(request, _LONGEST_CALL)
        if body is None:
            return JSONResponse({"error": f"expected at most {_LONGEST_CALL} bytes"}, status_code=413)
        found, headers = connected(), request.headers
        try:
            plan_id = await run_in_threadpool(
                calls.admit,
                found,
                timestamp=headers.get(TIMESTAMP, ""),
                signature=headers.get(SIGNATURE, ""),
                body=body,
            )
        except NotAllowed as refusal:
            return JSONResponse({"error": str(refusal)}, status_code=401)
        except DataError as refusal:
            return JSONResponse({"error": str(refusal)}, status_code=400)
        task = BackgroundTask(_quietly, partial(calls.look, found, plan_id))
        return JSONResponse({"heard": plan_id}, status_code=202, background=task)

    return Route(PATH, hear, methods=["POST"])


@asynccontextmanager
async def keeping_up(connected: Callable[[], Services], *, every_s: float = _TELL_EVERY_S) -> AsyncIterator[None]:
    """Exchange with the CRM in a thread of its own for as long as the app runs; nothing where none is connected."""
    end = threading.Event()
    thread = threading.Thread(target=_rounds, args=(connected, end, every_s), name="crm exchange", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()


def one_round(services: Services, number: int) -> None:
    """Tell the CRM what waits and, now and then while it has requests to spare, ask it for decisions."""
    crm.deliver(services)
    if number % _ASK_EVERY == 0 and not org.limit_warning(services):
        decisions.read_decisions(services)


async def _at_most(request: Request, longest: int) -> bytes | None:
    """Return the body of a request, None for one that is longer, of which no more is read."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > longest:
            return None
    return body


def _rounds(connected: Callable[[], Services], end: threading.Event, every_s: float) -> None:
    for number in count():
        if end.is_set():
            return
        _quietly(partial(_round, connected, end, number))
        end.wait(every_s)


def _round(connected: Callable[[], Services], end: threading.Event, number: int) -> None:
    found = connected()
    if found.crm is None:
        end.set()
        return
    if number == 0:
        _quietly(partial(org.check, found, actor=SYSTEM.user_id))
    one_round(found, number)


def _quietly(work: Callable[[], Any]) -> None:
    """Do work that nobody waits for: what fails is told to the log, stays undone, and is done another time."""
    try:
        work()
    except LotsmithError as error:
        _log.warning("%s", error)
    except Exception:  # noqa: BLE001  a fault of ours must not silence the exchange for good
        _log.exception("the exchange with the CRM failed")
