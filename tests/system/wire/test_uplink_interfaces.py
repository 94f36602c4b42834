"""Two interfaces to one broker: the preferred one is cut although its link stays up, the other takes over, the preferred one comes back."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path

from brokers import start_mosquitto
from patience import PATIENCE_S
from uplink_programs import start_alarms

from swapcab.receiver import Receiver

ETHERNET, MODEM = "127.0.0.2", "127.0.0.3"  # addresses that stand for interfaces


class Lines:
    """Forwards to the broker; what comes from an address in `dead` is accepted and goes nowhere, as behind a router without a way out."""

    def __init__(self, target: int) -> None:
        self.dead: set[str] = set()
        self.used: list[str] = []
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, (source, _) = self._listener.accept()
                self.used.append(source)
                server = socket.create_connection(("127.0.0.1", self._target))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(*ends, source), daemon=True).start()

    def _pump(self, taken: socket.socket, given: socket.socket, source: str) -> None:
        with contextlib.suppress(OSError):
            while data := taken.recv(65536):
                if source not in self.dead:
                    given.sendall(data)
        for end in (taken, given):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """No more connections."""
        self._listener.close()


def follows(said: list[str], wanted: list[str]) -> bool:
    """Whether `wanted` was said in this order; on a busy machine something may have been said in between."""
    rest = iter(said)
    return all(word in rest for word in wanted)


def test_a_dead_interface_is_left_and_taken_up_again_and_nothing_is_lost(tmp_path: Path):
    broker, port = start_mosquitto(tmp_path)
    receiver = Receiver("127.0.0.1", port, "cab-1", keep=10000)
    receiver.start()
    lines = Lines(port)
    cabinet = start_alarms(
        host="127.0.0.1", port=lines.port, sources=[ETHERNET, MODEM], events=200, fresh_ms=20, answer_ms=2000, return_ms=300,
        until=[f"connected by {name}" for name in (ETHERNET, MODEM, ETHERNET)], seconds=PATIENCE_S,
    )  # fmt: skip
    reported = []
    try:
        assert cabinet.stdout
        for text in cabinet.stdout:
            said = json.loads(text)
            if "told" not in said:
                break
            reported.append(said["told"])
            if said["told"] == f"connected by {MODEM}":
                lines.dead.clear()  # Ethernet works again
            elif said["told"] == f"connected by {ETHERNET}" and not lines.dead and MODEM not in lines.used:
                lines.dead.add(ETHERNET)  # in the middle of the drain, and the link stays up
        connected = [state for state in reported if state.startswith("connected")]
        assert follows(connected, [f"connected by {name}" for name in (ETHERNET, MODEM, ETHERNET)])
        assert said["backlog"] == 0 and said["head_a"] > 200
        assert receiver.wait_for(lambda: not receiver._missing("A", said["head_a"], 1), PATIENCE_S)
        assert receiver.wait_for(lambda: receiver.by_type.get("link.up", 0) >= 3, PATIENCE_S)
        assert (receiver.order_violations, receiver.invalid) == (0, [])
        link = [event["data"].get("interface") or event["data"]["reason"] for event in receiver.latest if event["type"].startswith("link.")]
        assert follows(link, [ETHERNET, "no PUBACK within 2000 ms", MODEM, "back to " + ETHERNET, ETHERNET])
    finally:
        cabinet.kill()
        cabinet.wait()
        lines.stop()
        receiver.stop()
        broker.kill()
        broker.wait()
