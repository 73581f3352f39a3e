"""Serve the app: Streamlit on uvicorn, whose pages name in their head the large scripts that they will need.

A browser would else hear of the library that draws charts when the first chart arrives, and load it only then.

Not by `streamlit run`, which listens on a socket of its own making: asyncio then leaves out TCP_NODELAY, and every
small file and message waits some 40 ms for an acknowledgement. Where uvicorn makes the socket, it is sent at once.
"""

import argparse
import re
from http import HTTPStatus
from pathlib import Path
from typing import Final

import streamlit as st
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import crm_exchange
from app.probes import probes

_STATIC: Final = Path(st.__file__).parent / "static"
_SCRIPTS: Final = _STATIC / "static" / "js"
_IMPORTED: Final = re.compile(r'(?:from|import)"\./([^"]+\.js)"')
_SMALL: Final = 2_000  # bytes; to name what is smaller would take a longer head than it saves
_EACH: Final = ("PageLink", "Metric", "Selectbox", "DownloadButton", "DataFrame", "arrowFormatUtils")
_CHARTS: Final = "PlotlyChart"
_NEEDS: Final = {
    "book": _EACH,
    "account": (*_EACH, _CHARTS),
    "what-if": (*_EACH, _CHARTS, "MenuButton", "Slider", "NumberInput", "Checkbox", "TextInput"),
    "meeting": (_CHARTS,),
}
_SAFE: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "content-security-policy": "frame-ancestors 'self'",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_AT_ONCE: Final = b"//# allFunctionsCalledOnLoad\n"  # a hint to V8, which others read as a comment


class SafeHeaders:
    """Tells browsers on every answer what no page of ours needs: to guess types, to stand in a frame of others, to tell
    another site the address it came from (which names an account), and the devices of a computer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with these headers."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SAFE)
            await send(message)

        await self.app(scope, receive, send_safely if scope["type"] == "http" else send)


class EarlyParts:
    """Names in the head of a page the scripts that it will need, so that they load while the page is being made.

    The library of charts is one function of 4.7 MB around a thousand others. Unless a browser is told, it reads the
    inner ones three times, the last time where nothing else can be drawn meanwhile; told, once, as they arrive.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an app; what a page needs is looked up once."""
        self.app = app
        self.links = {page: ", ".join(map(_link, _files(parts))) for page, parts in _NEEDS.items()}
        self.at_once = {f"/static/js/{file.name}" for file in _SCRIPTS.glob(f"{_CHARTS}.*.js")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with links in the head of a page and the hint before the library of charts."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path in self.at_once:
            await self.app(scope, receive, _with_hint(send))
        elif link := self.links.get(path.strip("/")):
            await self.app(scope, receive, _with_links(send, link))
        else:
            await self.app(scope, receive, send)


def _with_links(send: Send, link: str) -> Send:
    async def send_with_links(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("link", link)
        await send(message)

    return send_with_links


def _with_hint(send: Send) -> Send:
    """Put the hint before the whole script; a part of it, a script that is packed, or a mere "as before" stays."""
    owed = b""

    async def send_with_hint(message: Message) -> None:
        nonlocal owed
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if message["status"] == HTTPStatus.OK and "content-encoding" not in headers:
                owed = _AT_ONCE
                headers["content-length"] = str(int(headers["content-length"]) + len(owed))
                del headers["etag"], headers["accept-ranges"]  # they are those of the file without it
        elif message["type"] == "http.response.body":
            message = {**message, "body": owed + message.get("body", b"")}
            owed = b""
        await send(message)

    return send_with_hint


def _files(parts: tuple[str, ...]) -> list[str]:
    """Return the scripts of these parts and what those import, but for what every page names itself.

    None where a version of Streamlit calls them otherwise.
    """
    known = (_STATIC / "index.html").read_text()
    found: dict[str, int] = {}
    todo = [file for part in parts for file in _SCRIPTS.glob(f"{part}.*.js")]
    while todo:
        file = todo.pop()
        if file.name not in known and file.name not in found:
            found[file.name] = file.stat().st_size
            todo += [_SCRIPTS / name for name in _IMPORTED.findall(file.read_text())]
    return sorted((name for name, size in found.items() if size >= _SMALL), key=found.__getitem__, reverse=True)


def _link(script: str) -> str:
    return f"<./static/js/{script}>; rel=modulepreload; crossorigin"


app = st.App(
    str(Path(__file__).with_name("main.py")),
    routes=[crm_exchange.webhook(crm_exchange.services), *probes(crm_exchange.services)],
    middleware=[Middleware(SafeHeaders), Middleware(EarlyParts)],
    lifespan=crm_exchange.alongside,
)


def main() -> None:
    """Serve the app on the port that is asked for, until it is interrupted."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--port", type=int, required=True)
    uvicorn.run(
        app,
        host=st.get_option("server.address"),
        port=asked.parse_args().port,
        ws="websockets-sansio",
        ws_max_size=st.get_option("server.maxMessageSize") * 10**6,
        ws_per_message_deflate=st.get_option("server.enableWebsocketCompression"),
        log_level="warning",
    )


if __name__ == "__main__":
    main()
