"""Does a firm folder, served by the stand-in as a process of its own, come back through a sync as it was?"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.addepar.client import AddeparClient
from connectors.addepar.connection import connection_from_table
from connectors.addepar.sync import AddeparPull, pull
from connectors.firm_folder.read import read_firm
from connectors.firm_folder.write import write_firm
from connectors.sandbox.tls import tls_files
from engine.domain.accounts import Account, FirmReference
from engine.domain.errors import ExternalRefusal


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, running: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder, and the [addepar] table that points at the process serving it over TLS."""
    folder, files = tmp_path_factory.mktemp("firm"), tls_files(tmp_path_factory.mktemp("tls"))
    write_firm(folder, running.firm.reference, running.firm.books)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "connectors.sandbox.addepar", "--firm-folder", folder, "--port", str(port),
               "--certificate", files.certificate, "--private-key", files.key]  # fmt: skip
    table = {"base_url": f"https://127.0.0.1:{port}/api", "firm_id": "1", "key": "sandbox-key",
             "secret": "sandbox-secret", "certificate": str(files.ca)}  # fmt: skip
    with subprocess.Popen(command) as process:
        try:
            _await_port(port)
            yield folder, table
        finally:
            process.terminate()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the stand-in did not start"
            time.sleep(0.05)
        else:
            return


def test_a_sync_equals_the_folder(served: tuple[Path, dict[str, Any]]) -> None:
    folder, table = served
    reference, streamed = read_firm(folder)
    books = tuple(streamed)

    found = _pulled(table, reference, [book.account for book in books])

    assert found.issues == ()
    assert found.books == books
    assert found.reference == reference


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(served: tuple[Path, dict[str, Any]]) -> None:
    folder, table = served
    reference, _ = read_firm(folder)
    with pytest.raises(ExternalRefusal, match="its certificate is not trusted"):
        _pulled({**table, "certificate": str(_other_authority(folder))}, reference, [])


def _pulled(table: dict[str, Any], reference: FirmReference, accounts: list[Account]) -> AddeparPull:
    config, mapping = connection_from_table(table, source="test")
    with AddeparClient(config) as client:
        return pull(client, mapping, as_of=reference.as_of, priced_on=reference.as_of, reference=reference,
                    accounts=accounts)  # fmt: skip


def _other_authority(folder: Path) -> Path:
    return tls_files(folder.parent / "stranger").ca
