"""A broker that asks for the cabinet's certificate: taken with it, refused without it, and a handshake gives way in between."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uplink_peers as peers
from needs import need
from uplink_programs import outcome, start_alarms


@pytest.fixture(scope="module", params=["rsa", "ec"])
def made(request: pytest.FixtureRequest) -> Iterator[object]:
    """An authority, a server's certificate, and a cabinet's."""
    need("mosquitto")
    need("openssl")
    with tempfile.TemporaryDirectory(prefix="swapcab-mtls-") as folder:
        Path(folder).chmod(0o755)
        yield peers.Certificates(Path(folder), request.param)


@pytest.fixture(scope="module")
def cabinet_files(made) -> tuple[Path, Path]:
    """Certificate and key of the cabinet, signed by the same authority."""
    folder, kind = made.folder, made.ca.name.split("-")[0]
    key, request, cert = (folder / f"cabinet.{part}" for part in ("key", "csr", "pem"))
    new_key = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    asked = ["openssl", "req", "-newkey", *new_key, "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=cab-1"]
    ca_key = folder / f"{kind}-broker.test-ca.key"
    signed = ["openssl", "x509", "-req", "-in", request, "-CA", made.ca, "-CAkey", ca_key, "-CAcreateserial", "-out", cert, "-days", "2"]
    for command in (asked, signed):
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def broker(made) -> Iterator[int]:
    """Mosquitto that lets nobody in without a certificate, and takes its name for the user."""
    lines = f"{made.mosquitto_lines()}cafile {made.ca}\nrequire_certificate true\nuse_identity_as_username true\n"
    with peers.mosquitto(made.folder, lines) as port:
        yield port


def test_a_cabinet_with_a_certificate_is_let_in_and_its_handshake_comes_in_slices(broker: int, made, cabinet_files):
    tls = {"ca": str(made.ca), "hostname": "broker.test", "cert": str(cabinet_files[0]), "key": str(cabinet_files[1])}
    said = outcome(start_alarms(host="127.0.0.1", port=broker, events=50, tls=tls))
    assert (said["backlog"], said["failures"], said["sessions"]) == (0, 0, 1)
    # the context, and a turn each for our greeting and for every record of the server's two flights
    assert len(said["slices_us"]) >= 7
    print("slices of the handshake, us:", said["slices_us"])


def test_a_cabinet_without_a_certificate_is_refused_and_keeps_its_events(broker: int, made):
    tls = {"ca": str(made.ca), "hostname": "broker.test"}
    said = outcome(start_alarms(host="127.0.0.1", port=broker, events=50, tls=tls, refusals=1))
    assert (said["acked_a"], said["sessions"]) == (0, 0) and said["failures"] >= 1
