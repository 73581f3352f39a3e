"""How is a session encrypted? An stunnel client in front of it, which checks the custodian's name and authority.

QuickFIX from the package index has no TLS, and the one build that has does not check whose certificate it is shown.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from connectors.fix.gateway import LOOPBACK, SessionConfig
from engine.domain.errors import DataError

_NAMES: Final = ("stunnel", "stunnel4")
_TIED: Final = ("setpriv", "--pdeathsig", "TERM")  # ends with the gateway, even where that is killed; Linux has it


def stunnel_text(session: SessionConfig, port: int) -> str:
    """Return the configuration of the client that takes a session on a loopback port to its custodian under TLS."""
    tls = session.tls
    assert tls is not None
    ours = [f"cert = {tls.certificate}", f"key = {tls.key}"] if tls.certificate else []
    lines = [
        "foreground = yes", "pid =", "[custodian]", "client = yes", f"accept = {LOOPBACK}:{port}",
        f"connect = {session.host}:{session.port}", f"CAfile = {tls.ca}", "verifyChain = yes",
        f"checkHost = {tls.host_name}", "sslVersionMin = TLSv1.2", *ours,
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


@contextmanager
def tunnel(session: SessionConfig, port: int, folder: Path) -> Iterator[tuple[SessionConfig, subprocess.Popen[bytes]]]:
    """Run the client of a session and yield the session as it then is to be reached, and the process.

    port: a free one on this machine. folder: for the configuration. Raises DataError where stunnel is not installed.
    """
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        raise DataError("TLS in front of a FIX session: expected stunnel (Debian's stunnel4), found none")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"stunnel-{session.target}.conf"
    path.write_text(stunnel_text(session, port))
    tied = _TIED if shutil.which(_TIED[0]) else ()
    process = subprocess.Popen([*tied, program, str(path)])  # noqa: S603  no shell, and a file of our own
    try:
        yield replace(session, host=LOOPBACK, port=port, tls=None), process
    finally:
        process.terminate()
        process.wait()
