"""The line to a custodian is encrypted, and leads to nobody but that custodian."""

import shutil
import socket
import ssl
import threading
import time

import pytest

from connectors.fix.dialects import DIALECTS
from connectors.fix.gateway import SessionConfig, TunnelConfig
from connectors.fix.tunnel import stunnel_text, tunnel
from connectors.sandbox.tls import tls_files

with_stunnel = pytest.mark.skipif(
    not (shutil.which("stunnel") or shutil.which("stunnel4")), reason="needs Debian's stunnel4"
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def session(port, files, host_name="localhost", **more):
    return SessionConfig(
        custodian="Alpha", sender="US", target="ALPHA", host="127.0.0.1", port=port, dialect=DIALECTS["FIX.4.4"],
        tls=TunnelConfig(host_name=host_name, ca=str(files.ca), **more),
    )  # fmt: skip


@pytest.fixture
def custodian(tmp_path):
    """A server that answers "hello " and what it is told, under TLS; its port, and the files of its authority."""
    files = tls_files(tmp_path / "there")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as line:
                    line.sendall(b"hello " + line.recv(100))
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], files
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def told(inside, word):
    """What comes back through the tunnel, b"" where it does not get through."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection((inside.host, inside.port), timeout=20) as line:
                line.sendall(word)
                return line.recv(100)
        except ConnectionRefusedError:  # the tunnel is not up yet
            assert time.monotonic() < deadline
            time.sleep(0.05)
        except ConnectionResetError:
            return b""


@with_stunnel
def test_the_custodian_that_proves_its_name_is_reached_under_tls(custodian, tmp_path):
    port, files = custodian

    with tunnel(session(port, files), free_port(), tmp_path / "gateway") as (inside, process):
        assert (inside.host, inside.tls) == ("127.0.0.1", None)
        assert told(inside, b"orders") == b"hello orders"
    assert process.poll() is not None


@with_stunnel
def test_another_name_or_another_authority_gets_nothing(custodian, tmp_path):
    port, files = custodian
    stranger = tls_files(tmp_path / "stranger")

    for wrong in (session(port, files, host_name="fix.example.com"), session(port, stranger)):
        with tunnel(wrong, free_port(), tmp_path / "gateway") as (inside, _):
            assert told(inside, b"orders") == b""


def test_the_client_checks_name_and_authority_and_shows_our_certificate_where_there_is_one(tmp_path):
    files = tls_files(tmp_path)
    plain = stunnel_text(session(9876, files), 5000)
    both = stunnel_text(session(9876, files, certificate="/c.pem", key="/k.pem"), 5000)

    for line in ("verifyChain = yes", "checkHost = localhost", f"CAfile = {files.ca}", "accept = 127.0.0.1:5000"):
        assert line in plain.splitlines()
    assert "cert = " not in plain
    assert {"cert = /c.pem", "key = /k.pem"} <= set(both.splitlines())
