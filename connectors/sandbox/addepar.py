"""Who answers when a firm has no Addepar at hand? A stand-in that serves a firm's content as Addepar's API would.

It keeps the documented manners: basic credentials and the firm header, JSON:API envelopes and media type, pages,
request allowances with their header, jobs, and refusals of unknown keys. /sandbox/... puts faults in, for tests:
POST /sandbox/faults {method, path, status, times, headers, detail}, or {path, times, slow (seconds), cut (true)},
/sandbox/jobs (see JobManners), /sandbox/rows (see Patch), /sandbox/allowances [[requests, seconds]], /sandbox/firm
{folder, on}: the firm as it is on a later day, /sandbox/clear (the faults alone), /sandbox/reset; GET
/sandbox/requests counts what came.
"""

import argparse
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from connectors.firm_folder.read import read_firm
from connectors.sandbox.addepar_endpoints import AddeparSandbox
from connectors.sandbox.addepar_firm import addepar_firm
from connectors.sandbox.addepar_query import QueryRefused, portfolio_result, transactions_result
from connectors.sandbox.addepar_wire import CutOff, refused
from connectors.sandbox.loopback import serve


def addepar_app(sandbox: AddeparSandbox) -> Starlette:
    """Return the stand-in as an ASGI application: Addepar's API under /api/v1, its controls under /sandbox."""

    async def admit(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        if not request.url.path.startswith("/api/v1/"):
            return await proceed(request)
        refusal = sandbox.gate.refusal(request)
        fault = None if refusal else sandbox.gate.due_fault(request, with_status=False)
        if fault is not None:
            await asyncio.sleep(float(fault.get("slow", 0)))
        served = refusal or await proceed(request)
        return CutOff() if fault is not None and fault.get("cut") else served

    return Starlette(
        routes=[
            Mount("/api/v1", routes=_routes(sandbox)),
            Route("/sandbox/requests", sandbox.counted),
            Route("/sandbox/{what}", sandbox.control, methods=["POST"]),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=admit)],
        exception_handlers={HTTPException: refused, QueryRefused: refused},
    )


def _routes(sandbox: AddeparSandbox) -> list[Route]:
    api = [
        Route("/entities", sandbox.entities),
        Route("/entities/{id}", sandbox.entity),
        Route("/entities/{id}/prices", sandbox.prices),
        Route("/groups", sandbox.groups),
        Route("/groups/{id}", sandbox.group),
        Route("/groups/{id}/members", sandbox.members),
        Route("/groups/{id}/child_groups", sandbox.child_groups),
        Route("/positions", sandbox.positions),
        Route("/attributes", sandbox.attributes),
        Route("/attributes/query", sandbox.search_attributes, methods=["POST"]),
        Route("/attributes/{id}", sandbox.attribute),
        Route("/attributes/{id}/arguments", sandbox.arguments),
        Route("/attributes/{id}/relationships/arguments", sandbox.argument_ids),
        Route("/portfolio/views", sandbox.views),
        Route("/portfolio/views/{id}", sandbox.view),
        Route("/portfolio/query", sandbox.query(portfolio_result), methods=["POST"]),
        Route("/transactions/query", sandbox.query(transactions_result), methods=["POST"]),
        Route("/jobs", sandbox.list_jobs),
    ]
    for kind, job_type, ask in (("jobs", "PORTFOLIO_QUERY", portfolio_result),
                                ("transaction_jobs", "TRANSACTION_QUERY", transactions_result)):  # fmt: skip
        api += [
            Route(f"/{kind}", sandbox.submit(kind, job_type, ask), methods=["POST"]),
            Route(f"/{kind}/{{id}}", sandbox.job),
            Route(f"/{kind}/{{id}}", sandbox.cancel, methods=["DELETE"]),
            Route(f"/{kind}/{{id}}/download", sandbox.download),
        ]
    return api


def main() -> None:
    """Serve a firm folder's content as Addepar would, until stopped."""
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox.addepar", description=main.__doc__)
    parser.add_argument("--firm-folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, help="PEM file; with --private-key, serve https")
    parser.add_argument("--private-key", type=Path)
    options = parser.parse_args()
    reference, books = read_firm(options.firm_folder)
    app = addepar_app(AddeparSandbox(addepar_firm(reference, books)))
    with contextlib.suppress(KeyboardInterrupt):
        serve(app, port=options.port, certificate=options.certificate, private_key=options.private_key)


if __name__ == "__main__":
    main()
