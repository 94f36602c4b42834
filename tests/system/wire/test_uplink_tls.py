"""TLS: the broker is verified against the operator's authority and by its name, and there is no way round it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uplink_peers as peers
from needs import need
from patience import PATIENCE_S

from swapcab.paths import MICROPYPATH, ROOT

FOLDER = ROOT / "tests" / "benchmark" / "uplink"




@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Readable for Mosquitto after it has given up root, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="swapcab-tls-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module", params=["rsa", "ec"])
def certificates(request: pytest.FixtureRequest, folder: Path) -> object:
    """An authority and a server certificate for broker.test."""
    need("openssl")
    return peers.Certificates(folder, request.param)


@pytest.fixture(scope="module")
def broker(certificates, folder: Path) -> Iterator[int]:
    """Mosquitto with TLS."""
    need("mosquitto")
    with peers.mosquitto(folder, certificates.mosquitto_lines()) as port:
        yield port


def meets(port: int, **more: object) -> dict:
    """What the cabinet says when all is sent, or when it has been refused."""
    program = Path(sys.executable).with_name("micropython")
    env = {"MICROPYPATH": MICROPYPATH}
    patient = {"seconds": PATIENCE_S, "answer_ms": 600000, "connect_ms": 600000}
    want = {"host": "127.0.0.1", "port": port, "events": 50, "refusals": 1, **patient, **more}
    command = [str(program), "-X", "heapsize=1m", str(FOLDER / "uplink_alone.py"), json.dumps(want)]
    done = subprocess.run(command, capture_output=True, env=env)
    return json.loads(done.stdout.splitlines()[-1])


def test_events_go_over_a_verified_connection(broker: int, certificates):
    said = meets(broker, tls={"ca": str(certificates.ca), "hostname": "broker.test"})
    assert (said["backlog"], said["failures"], said["sessions"]) == (0, 0, 1)


def refusal(said: dict) -> str:
    """Why nothing was sent."""
    assert said["acked_a"] == 0 and said["sessions"] == 0 and said["reasons"], said
    return " ".join(said["reasons"])


def test_another_authority_is_refused(broker: int, folder: Path):
    other = peers.Certificates(folder, "ec", name="other.test")
    assert "not correctly signed by the trusted CA" in refusal(meets(broker, tls={"ca": str(other.ca), "hostname": "broker.test"}))


def test_another_host_name_is_refused(broker: int, certificates):
    reason = refusal(meets(broker, tls={"ca": str(certificates.ca), "hostname": "elsewhere.test"}))
    assert "tls: " in reason and "does not match with the expected CN" in reason


def test_an_address_is_no_name_for_a_certificate_without_it(broker: int, certificates):
    assert "does not match with the expected CN" in refusal(meets(broker, tls={"ca": str(certificates.ca)}))


def test_a_plain_broker_is_refused(folder: Path, certificates):
    need("mosquitto")
    with peers.mosquitto(folder) as port:
        reason = refusal(meets(port, tls={"ca": str(certificates.ca), "hostname": "broker.test"}))
    assert "tls: " in reason and "no TLS answer: a plain-text port?" in reason


def refusal_of(folder: Path, data: bytes) -> str:
    """Why a port is refused that answers with this, whatever it is asked."""
    need("openssl")
    made = peers.Certificates(folder, "ec", name="odd.test")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4)

        def answer() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as guest:
                guest.sendall(data)
                while guest.recv(4096):
                    pass

        threading.Thread(target=answer, daemon=True).start()
        return refusal(meets(listener.getsockname()[1], tls={"ca": str(made.ca), "hostname": "odd.test"}))


def test_a_port_that_answers_something_else_is_refused(folder: Path):
    reason = refusal_of(folder, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert "tls: " in reason and "SSL_INVALID_RECORD" in reason


def test_a_handshake_that_is_too_long_is_refused_by_its_size_alone(folder: Path):
    reason = refusal_of(folder, b"\x16\x03\x03\x20\x00\x0b\x00\x1f\xfc" + bytes(8188))
    assert "tls: the server's handshake is longer than 6144 bytes: too many certificates" in reason


def test_tls_without_an_authority_is_refused():
    assert "no certificate authority" in refusal(meets(1, tls={}))


def test_an_expired_certificate_is_refused(folder: Path):
    need("mosquitto")
    need("openssl")
    old = peers.Certificates(folder, "ec", name="old.test", days=-1)
    with peers.mosquitto(folder, old.mosquitto_lines()) as port:
        reason = refusal(meets(port, tls={"ca": str(old.ca), "hostname": "old.test"}))
    assert "tls: The certificate validity has expired" in reason
