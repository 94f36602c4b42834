"""The other ends of the uplink benchmark: brokers, silent peers, name servers, and the programs under test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MICROPYTHON = Path(sys.executable).with_name("micropython")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def mosquitto(folder: Path, lines: str = "") -> Iterator[int]:
    """Mosquitto on a free port of 127.0.0.1."""
    port = free_port()
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nset_tcp_nodelay true\npersistence false\nallow_anonymous true\n{lines}")
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with open(folder / f"mosquitto-{port}.log", "wb") as log:
        process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose connection requests are dropped: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        time.sleep(0.1)
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections and bytes, says nothing."""
    taken = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept())

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


@contextlib.contextmanager
def silent_name_server() -> Iterator[int]:
    """Takes questions, gives no answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@contextlib.contextmanager
def silent_system_resolver(folder: Path) -> Iterator[tuple[str, ...]]:
    """What to put before a command so that the system's resolver asks a name server that says nothing. Raises OSError without root."""
    if os.geteuid() or not shutil.which("unshare"):
        raise PermissionError("needs root and unshare")
    settings = folder / "resolv.conf"
    settings.write_text("nameserver 127.0.0.99\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.99", 53))
        yield ("unshare", "-m", "sh", "-c", f'mount --bind {settings} /etc/resolv.conf && exec "$@"', "sh")


class Certificates:
    """An authority of its own and a server certificate for `localhost`, made with the openssl program."""

    def __init__(self, folder: Path, kind: str, name: str = "broker.test", days: int = 2) -> None:
        self.folder = folder
        new_key = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        self.ca, self.cert, self.key = (folder / f"{kind}-{name}-{part}.pem" for part in ("ca", "cert", "key"))
        ca_key, request, extra = (folder / f"{kind}-{name}-{part}" for part in ("ca.key", "csr", "ext"))
        extra.write_text(f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n")
        own = ["req", "-x509", "-newkey", *new_key, "-nodes", "-keyout", ca_key, "-out", self.ca, "-days", "3"]
        self._openssl(*own, "-subj", "/CN=Test authority")
        self._openssl("req", "-newkey", *new_key, "-nodes", "-keyout", self.key, "-out", request, "-subj", f"/CN={name}")
        sign = ["x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out", self.cert, "-extfile", extra]
        self._openssl(*sign, "-days", str(days))
        self.key.chmod(0o644)  # Mosquitto gives up root before it reads it

    def _openssl(self, *arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)

    def mosquitto_lines(self) -> str:
        """For the configuration of Mosquitto."""
        return f"certfile {self.cert}\nkeyfile {self.key}\ntls_version tlsv1.2\n"

    def context(self) -> ssl.SSLContext:
        """For a server in this process."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.cert, self.key)
        return made


def program(name: str, want: dict[str, Any], heap: str = "1m", before: tuple[str, ...] = ()) -> subprocess.Popen:
    """A MicroPython program of this folder, started. The interpreter dies of arguments above 255 bytes: they go in pieces.

    `before` is a command that runs what follows it.
    """
    env = {"MICROPYPATH": f".frozen:{ROOT / 'firmware'}:{ROOT / 'build' / 'lib'}", "PATH": os.environ.get("PATH", "")}
    text = json.dumps(want)
    pieces = [text[at : at + 250] for at in range(0, len(text), 250)]
    command = [*before, str(MICROPYTHON), "-X", f"heapsize={heap}", str(HERE / name), *pieces]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)


def outcome(process: subprocess.Popen, limit_s: float) -> tuple[dict[str, Any] | None, float]:
    """(last line, seconds); None if it had to be killed."""
    begin = time.monotonic()
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None, time.monotonic() - begin
    try:
        return json.loads(output.splitlines()[-1]), time.monotonic() - begin
    except (ValueError, IndexError):
        raise RuntimeError(output.decode(errors="replace")) from None


def round_trip_s(port: int, tries: int = 5) -> float:
    """The shortest PINGREQ to PINGRESP through a proxy, seconds."""
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04ping")
        if len(line.recv(4)) != 4:
            raise RuntimeError("no CONNACK")
        best = 1e9
        for _ in range(tries):
            begin = time.perf_counter()
            line.sendall(b"\xc0\x00")
            line.recv(2)
            best = min(best, time.perf_counter() - begin)
        return best


def bare_rate(port: int, count: int, window: int) -> float:
    """QoS 1 messages of 200 bytes a second of a bare socket that answers each PUBACK with the next message: what the line gives."""
    topic = b"swapcab/v1/bare/events/a"
    body = struct.pack("!H", len(topic)) + topic

    def message(number: int) -> bytes:
        rest = body + struct.pack("!H", number) + b"x" * 200
        return bytes((0x32, len(rest) & 127 | 128, len(rest) >> 7)) + rest

    moments: list[float] = []
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04bare")
        if len(line.recv(4)) != 4:
            raise RuntimeError("no CONNACK")
        sent = window
        line.sendall(b"".join(message(number) for number in range(1, window + 1)))
        rest = 0  # bytes of an acknowledgement that has not come completely
        while len(moments) < count:
            arrived, rest = divmod(rest + len(line.recv(4096)), 4)
            for _ in range(arrived):
                moments.append(time.perf_counter())
                sent += 1
                line.sendall(message(sent % 65535 or 1))
    steady = moments[window - 1 :]
    whole = (len(steady) - 1) // window * window
    return whole / (steady[whole] - steady[0])


def paho_rate(port: int, count: int, window: int) -> float:
    """QoS 1 messages of 200 bytes a second of paho-mqtt with that many in flight."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="upper")
    client.max_inflight_messages_set(window)
    client.max_queued_messages_set(0)
    ready, done = threading.Event(), threading.Event()
    moments: list[float] = []
    client.on_connect = lambda *_: ready.set()

    def published(*_: object) -> None:
        moments.append(time.perf_counter())
        if len(moments) == count:
            done.set()

    client.on_publish = published
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.wait(10)
    for _ in range(count):
        client.publish("swapcab/v1/upper/events/a", b"x" * 200, qos=1)
    done.wait(60)
    client.disconnect()
    client.loop_stop()
    steady = moments[window - 1 :]  # start and end do not count, as for the uplink
    whole = (len(steady) - 1) // window * window
    return whole / (steady[whole] - steady[0])
