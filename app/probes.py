"""Is the app alive, and can it work? For what starts it, stops it and sends people to it."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.ports import Services

LIVE: Final = "/health/live"
READY: Final = "/health/ready"
_log = logging.getLogger(__name__)


def probes(connected: Callable[[], Services]) -> list[Route]:
    """Return the addresses that tell how the app is.

    live, 200: it answers. ready, 200: so does its database, whose schema is this program's; 503: it does not, and the
    log says why. Neither says anything of the firm, so that they may be asked without signing in.
    """

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        if await run_in_threadpool(_answers, connected):
            return JSONResponse({"status": "ready"})
        return JSONResponse(
            {"status": "not ready", "cause": "the database does not answer"}, status_code=HTTPStatus.SERVICE_UNAVAILABLE
        )

    return [Route(LIVE, live), Route(READY, ready)]


def _answers(connected: Callable[[], Services]) -> bool:
    try:
        connected().firm.is_empty()
    except Exception:  # noqa: BLE001  whatever it is that keeps the database from answering
        _log.exception("not ready")
        return False
    return True
