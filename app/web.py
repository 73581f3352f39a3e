"""Serve the app: Streamlit on uvicorn, whose pages name in their head the large scripts that they will need.

A browser would else hear of the library that draws charts when the first chart arrives, and load it only then.

Not by `streamlit run`, which listens on a socket of its own making: asyncio then leaves out TCP_NODELAY, and every
small file and message waits some 40 ms for an acknowledgement. Where uvicorn makes the socket, it is sent at once.
"""

import argparse
from pathlib import Path
from typing import Final

import streamlit as st
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import crm_exchange

_SCRIPTS: Final = Path(st.__file__).parent / "static" / "static" / "js"
_CHARTS: Final = ("PlotlyChart",)
_TABLES: Final = ("DataFrame", "arrowFormatUtils")
_NEEDS: Final = {"book": _TABLES, "account": _CHARTS + _TABLES, "what-if": _CHARTS + _TABLES, "meeting": _CHARTS}


class EarlyParts:
    """Names in the head of a page the scripts that it will need, so that they load while the page is being made."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an app; what a page needs is looked up once."""
        self.app = app
        self.links = {page: ", ".join(map(_link, _files(parts))) for page, parts in _NEEDS.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with links in the head of a page."""
        link = self.links.get(scope["path"].strip("/")) if scope["type"] == "http" else None

        async def send_with_links(message: Message) -> None:
            if link and message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("link", link)
            await send(message)

        await self.app(scope, receive, send_with_links)


def _files(parts: tuple[str, ...]) -> list[str]:
    """Return the scripts of these parts; none where a version of Streamlit calls them otherwise."""
    return sorted(file.name for part in parts for file in _SCRIPTS.glob(f"{part}.*.js"))


def _link(script: str) -> str:
    return f"<./static/js/{script}>; rel=modulepreload; crossorigin"


app = st.App(
    str(Path(__file__).with_name("main.py")),
    routes=[crm_exchange.webhook(crm_exchange.services)],
    middleware=[Middleware(EarlyParts)],
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
