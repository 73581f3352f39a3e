"""How does a stand-in listen? On this machine only, in the foreground or for the length of a with block."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 10.0


@contextmanager
def listening(app: ASGIApp, *, certificate: Path | None = None, private_key: Path | None = None) -> Iterator[str]:
    """Serve an application from a thread on a free port; yields its address, as http://127.0.0.1:41235."""
    server = _Server(_config(app, 0, certificate, private_key))
    thread = threading.Thread(target=server.run, name="stand-in", daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the stand-in did not start to listen")
        time.sleep(0.005)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"{'https' if certificate else 'http'}://{HOST}:{port}"
    finally:
        server.should_exit = True
        thread.join()


def serve(app: ASGIApp, *, port: int, certificate: Path | None = None, private_key: Path | None = None) -> None:
    """Serve an application on a port of this machine until the process is told to stop."""
    uvicorn.Server(_config(app, port, certificate, private_key)).run()


class _Server(uvicorn.Server):
    """Stops at once: a TLS connection left open by its client would otherwise outlive the server, half closed."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def _config(app: ASGIApp, port: int, certificate: Path | None, private_key: Path | None) -> uvicorn.Config:
    return uvicorn.Config(app, host=HOST, port=port, log_level="warning", lifespan="off", ws="none",
                          ssl_certfile=certificate, ssl_keyfile=private_key, timeout_graceful_shutdown=1)  # fmt: skip
