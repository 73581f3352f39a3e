"""How does a Salesforce org look from outside? A stand-in that the real client signs in to over TLS.

It follows the addresses, bodies, limits and errors of the REST interface that reviews of plans use, and takes its
objects, rules and approval process from the package in connectors/salesforce/metadata. Not followed: sharing, field
permissions, recall, triggers and formulas beyond the package's own validation rules.

    python -m connectors.sandbox.salesforce --port 8443 --dir DIR

writes DIR/connection.json, which connectors.salesforce.config.read_config reads, and serves a page for people on the
next port over plain http.
"""

import argparse
import asyncio
import json
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.loopback import HOST, serve
from connectors.sandbox.org.calls import caller
from connectors.sandbox.org.faults import Fault, Kind
from connectors.sandbox.org.refused import Refused, error_body
from connectors.sandbox.org.rest import DAILY_REQUESTS, Rest
from connectors.sandbox.org.rest import Request as Call
from connectors.sandbox.org.schema import Model, load_schema
from connectors.sandbox.org.sessions import ConnectedApp, Sessions, SignInRefused
from connectors.sandbox.org.tenant import USERS, Org
from connectors.sandbox.salesforce_page import reviewers_page
from connectors.sandbox.tls import TlsFiles, tls_files, write_private

DOMAIN: Final = "lotsmith-demo.my"
CONSUMER_KEY: Final = "lotsmith-demo-app"
CLIENT_SECRET: Final = "not-a-secret-of-anyone"  # noqa: S105  opens the stand-in on this machine and nothing else
_KEY_BITS: Final = 2048
_METHODS: Final = ["GET", "POST", "PATCH", "DELETE", "PUT"]
_FAULT_ANSWERS: Final = {
    Kind.SESSION: Refused("INVALID_SESSION_ID", "Session expired or invalid", status=401),
    Kind.LIMIT: Refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403),
    Kind.TOO_MANY_AT_ONCE: Refused(
        "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", status=403
    ),
    Kind.INTERNAL: Refused("UNKNOWN_EXCEPTION", "An unexpected error occurred.", status=500),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A stand-in ready to be served. private_key_file is the client's half of the connected app's key pair."""

    app: Starlette
    org: Org
    sessions: Sessions
    tls: TlsFiles
    private_key_file: Path
    webhook_secret: str


def salesforce_stand_in(folder: Path, *, org: Org | None = None) -> StandIn:
    """Return a stand-in that keeps its certificates and keys in a folder, and its records where the org says."""
    tls = tls_files(folder)
    org = org or Org()
    key_file = folder / "connected-app-key.pem"
    connected = ConnectedApp(
        consumer_key=CONSUMER_KEY,
        public_key=_public_key(key_file),
        client_secret=CLIENT_SECRET,
        run_as=USERS[0].username,
    )
    sessions = Sessions(connected, users=org.users, domains=("login", "test", DOMAIN))
    app = _Interface(org, sessions).application()
    secret = secrets.token_hex(32)
    return StandIn(app=app, org=org, sessions=sessions, tls=tls, private_key_file=key_file, webhook_secret=secret)


def write_connection(stand_in: StandIn, address: str, path: Path) -> None:
    """Write the file that tells a client how to connect; keys and certificates are named relative to it."""
    values = {
        "domain": DOMAIN,
        "consumer_key": CONSUMER_KEY,
        "username": USERS[0].username,
        "private_key_file": stand_in.private_key_file.name,
        "address": address,
        "ca_file": stand_in.tls.ca.name,
        "webhook_secret": stand_in.webhook_secret,
    }
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


class _Interface:
    """The addresses under /services, and those under /sandbox by which tests and demos make it fail."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self._org = org
        self._sessions = sessions
        self._rest = Rest(org)
        self._requests = 0

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/services/oauth2/token", self._token, methods=["POST"]),
                Route("/services/data/v{version}/{path:path}", self._data, methods=_METHODS),
                Route("/sandbox/faults", self._order_fault, methods=["POST"]),
                Route("/sandbox/faults", self._clear_faults, methods=["DELETE"]),
                Route("/sandbox/sessions", self._expire, methods=["DELETE"]),
                Route("/sandbox/health", self._health),
            ]
        )

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        with self._org.lock:
            if self._org.faults.strikes(Kind.UNAVAILABLE, "POST oauth2/token"):
                return _unavailable()
            try:
                answer = self._sessions.sign_in(form, request.headers.get("authorization", ""))
            except SignInRefused as refused:
                return JSONResponse({"error": refused.code, "error_description": str(refused)}, status_code=400)
        return JSONResponse({**answer, "instance_url": f"https://{request.url.netloc}"})

    async def _data(self, request: Request) -> Response:
        content = await request.body()
        with self._org.lock:
            self._requests += 1
            late_s = self._org.faults.delay_s(_place(request))
        await asyncio.sleep(late_s)
        with self._org.lock:
            response = self._answer(request, content)
        response.headers["Sforce-Limit-Info"] = f"api-usage={self._requests}/{DAILY_REQUESTS}"
        return response

    def _answer(self, request: Request, content: bytes) -> Response:
        path, faults = request.path_params["path"], self._org.faults
        at = _place(request)
        if faults.strikes(Kind.UNAVAILABLE, at):
            return _unavailable()
        if faults.strikes(Kind.CUT, at):
            return _cut()
        if faults.strikes(Kind.NOT_JSON, at):
            return PlainTextResponse("<html>Please sign in to the network</html>")
        try:
            for kind, refused in _FAULT_ANSWERS.items():
                if faults.strikes(kind, at):
                    raise refused
            user = self._sessions.user_of(request.headers.get("authorization", ""))
            body = _json(content)
        except Refused as refused:
            return JSONResponse(error_body(refused), status_code=refused.status)
        call = Call(
            method=request.method,
            path=path,
            version=request.path_params["version"],
            user=user,
            params=dict(request.query_params),
            body=body,
        )
        answer = self._rest.answer(call)
        if request.method != "GET":
            self._org.save()
        if faults.strikes(Kind.LOST_REPLY, at):
            return PlainTextResponse("upstream request timeout", status_code=504)
        if faults.strikes(Kind.CUT_REPLY, at):
            return _cut()
        return Response(status_code=204) if answer.body is None else JSONResponse(answer.body, answer.status)

    async def _order_fault(self, request: Request) -> Response:
        wanted = await request.json()
        try:
            fault = Fault(
                kind=Kind(wanted["kind"]),
                times=int(wanted.get("times", 1)),
                match=wanted.get("match", ""),
                seconds=float(wanted.get("seconds", 0)),
            )
        except (KeyError, ValueError) as error:
            kinds = ", ".join(Kind)
            said = f"{error}; expected kind ({kinds}), times?, match?, seconds?"
            return JSONResponse({"error": said}, status_code=400)
        with self._org.lock:
            self._org.faults.order(fault)
        return Response(status_code=204)

    async def _clear_faults(self, _: Request) -> Response:
        with self._org.lock:
            self._org.faults.clear()
        return Response(status_code=204)

    async def _expire(self, _: Request) -> Response:
        with self._org.lock:
            self._sessions.expire_all()
        return Response(status_code=204)

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"what": "stand-in for Salesforce", "sign_ins": self._sessions.sign_ins})


def main() -> None:
    """Serve the stand-in until interrupted."""
    parser = argparse.ArgumentParser(description="Stand-in for a Salesforce org, on this machine only.")
    parser.add_argument("--port", type=int, default=8443, help="https port of the interface")
    parser.add_argument("--page-port", type=int, help="http port of the page for people (default: the next one)")
    parser.add_argument("--model", choices=[model.name.lower() for model in Model], default="managed_package",
                        help="which objects of Financial Services Cloud the org has")  # fmt: skip
    parser.add_argument("--call", metavar="URL", help="call this address when a plan is decided")
    parser.add_argument("--dir", type=Path, required=True, help="folder for certificates, keys and records")
    arguments = parser.parse_args()
    folder: Path = arguments.dir
    folder.mkdir(parents=True, exist_ok=True)
    schema = load_schema(Model[arguments.model.upper()])
    stand_in = salesforce_stand_in(folder, org=Org(schema=schema, state_file=folder / "org.json"))
    if arguments.call:
        stand_in.org.calls = caller(arguments.call, stand_in.webhook_secret)
    write_connection(stand_in, f"https://{HOST}:{arguments.port}", folder / "connection.json")
    page = reviewers_page(stand_in.org)
    page_port = arguments.page_port or arguments.port + 1
    threading.Thread(target=serve, args=(page,), kwargs={"port": page_port}, daemon=True).start()
    serve(
        stand_in.app,
        port=arguments.port,
        certificate=stand_in.tls.certificate,
        private_key=stand_in.tls.key,
    )


def _public_key(key_file: Path) -> str:
    if not key_file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        write_private(key_file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(key_file.read_bytes(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError as error:
        raise Refused("JSON_PARSER_ERROR", str(error)) from error


def _place(request: Request) -> str:
    """Return where a request goes, as faults are matched with it."""
    return f"{request.method} {request.path_params['path']}"


def _cut() -> Response:
    """Return an answer that promises more than comes; then the line is closed."""
    return Response(b"{", headers={"content-length": "1000"}, media_type="application/json")


def _unavailable() -> Response:
    return PlainTextResponse("Service Unavailable", status_code=503)


if __name__ == "__main__":
    main()
