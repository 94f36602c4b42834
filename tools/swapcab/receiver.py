"""What an operator's platform does with a cabinet's messages: takes, checks, drops duplicates, counts, answers.

Built on paho-mqtt. Used by the simulator and the tests to judge the firmware from outside; a starting point for a real one.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import deque
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from swapcab.messages import expand
from swapcab.paths import ROOT

SCHEMAS = ROOT / "docs" / "schema"


class Schemas:
    """Validators of the published schemas, by kind of message and by event type."""

    def __init__(self, folder: Path = SCHEMAS) -> None:
        from jsonschema import Draft202012Validator

        self._by_name = {path.stem: Draft202012Validator(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))}
        self._fields = {
            name: set(validator.schema["properties"]["data"].get("properties", {}))  # type: ignore[index,call-overload]
            for name, validator in self._by_name.items()
            if name.startswith("event.")
        }

    def event(self, envelope: Any) -> str:
        """What is wrong with an envelope, or ""."""
        kind = envelope.get("type") if isinstance(envelope, dict) else None
        name = f"event.{kind}"
        if name not in self._by_name:
            return f"no schema for an event of type {kind!r}"
        wrong = self.message(name, envelope)
        if wrong:
            return wrong
        unknown = set(envelope["data"]) - self._fields[name]
        return f"{kind}: fields that stand in no schema: {sorted(unknown)}" if unknown else ""

    def message(self, name: str, body: Any) -> str:
        """What is wrong with a message of another kind (birth, slot, result, command), or ""."""
        validator = self._by_name.get(name)
        if validator is None:
            return ""
        for error in validator.iter_errors(body):
            return f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message}"[:300]
        return ""


class Receiver:
    """Subscribes to all of a cabinet. Read the attributes under `lock`, or the counters at any time."""

    def __init__(
        self,
        host: str,
        port: int,
        cabinet: str,
        prefix: str = "swapcab/v1",
        *,
        validate: bool = True,
        keep: int = 200,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        self.root = f"{prefix}/{cabinet}/"
        self.lock = threading.Lock()
        self.messages = 0
        self.received = 0  # events, each counted once
        self.duplicates = 0  # events that had been received before
        self.order_violations = 0
        self.misordered: deque[str] = deque(maxlen=20)  # what came too late, and after what
        self.invalid: list[str] = []  # what did not validate, the first 50
        self.invalid_count = 0
        self.seen: set[tuple[int, str, int]] = set()  # (boot, ring, sequence)
        self.last: dict[str, tuple[int, int]] = {}  # by ring: (boot, sequence) of the newest first delivery
        self.by_type: dict[str, int] = {}
        self.latest: deque[dict[str, Any]] = deque(maxlen=keep)
        self.birth: dict[str, Any] | None = None
        self.online: bool | None = None
        self.slots: dict[int, dict[str, Any]] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.alarms: deque[dict[str, Any]] = deque(maxlen=keep)  # told of ahead of their place in ring A
        self.last_event_s = 0.0  # time.monotonic() of the newest event
        self._news = threading.Condition(self.lock)
        self._schemas = Schemas() if validate else None
        self._ready = threading.Event()
        self._address = (host, port)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"receiver-{uuid.uuid4().hex[:8]}")
        if user:
            self.client.username_pw_set(user, password)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._on_message

    def start(self, timeout_s: float = 60) -> None:
        """Connect and subscribe; returns when the subscription stands. Raises OSError."""
        self.client.connect(*self._address, keepalive=30)
        self.client.loop_start()
        if not self._ready.wait(timeout_s):
            raise TimeoutError("the broker did not answer the subscription")

    def stop(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()

    def has(self, boot: int, ring: str, sequence: int) -> bool:
        """Whether that event has been received."""
        with self.lock:
            return (boot, ring, sequence) in self.seen

    def missing(self, ring: str, head: int, first: int = 1) -> list[int]:
        """Sequences of a ring from `first` to `head` that no event with them has come of, whatever its boot."""
        with self.lock:
            return self._missing(ring, head, first)

    def _missing(self, ring: str, head: int, first: int) -> list[int]:
        there = {sequence for _, of_ring, sequence in self.seen if of_ring == ring}
        return [sequence for sequence in range(first, head + 1) if sequence not in there]

    def command(self, kind: str, **more: Any) -> str:
        """Send a command; returns its id."""
        identity = str(more.pop("id", uuid.uuid4()))
        self.client.publish(self.root + "commands", json.dumps({"id": identity, "kind": kind, **more}), qos=1)
        return identity

    def result(self, identity: str, timeout_s: float = 60) -> dict[str, Any] | None:
        """The answer to a command, or None if none came in time."""
        with self._news:
            self._news.wait_for(lambda: identity in self.results, timeout_s)
            return self.results.get(identity)

    def wait_for(self, condition: Any, timeout_s: float) -> bool:
        """Wait until `condition()` (called under the lock, after every message) is true."""
        with self._news:
            return bool(self._news.wait_for(condition, timeout_s))

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(self.root + "#", qos=1)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        topic = message.topic[len(self.root) :]
        with self._news:
            self.messages += 1
            try:
                self._take(topic, message.payload)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._bad(f"{topic}: {error!r}")
            self._news.notify_all()

    def _take(self, topic: str, payload: bytes | bytearray) -> None:
        if topic == "online":
            self.online = payload == b"1"
            if payload not in (b"0", b"1"):
                self._bad(f"online: {payload[:20]!r}")
            return
        if topic == "commands":
            return
        body = json.loads(payload)
        if topic in ("events/a", "events/b"):
            self.last_event_s = time.monotonic()
            for envelope in expand(body):
                self._event(topic[-1].upper(), envelope)
            return
        if topic == "alarms":
            wrong = self._schemas.event(body) if self._schemas else ""
            if wrong:
                self._bad(wrong)
            self.alarms.append(body)
            return
        kind = {"birth": "birth", "results": "result"}.get(topic, "slot" if topic.startswith("slots/") else "")
        if not kind:
            self._bad(f"a message on {topic}")
            return
        wrong = self._schemas.message(kind, body) if self._schemas else ""
        if wrong:
            self._bad(wrong)
        if kind == "birth":
            self.birth = body
        elif kind == "slot":
            self.slots[int(topic.split("/")[1])] = body
        else:
            self.results[body["id"]] = body

    def _event(self, ring: str, envelope: dict[str, Any]) -> None:
        wrong = self._schemas.event(envelope) if self._schemas else ""
        if wrong:
            self._bad(wrong)
        if envelope["ring"] != ring:
            self._bad(f"an event of ring {envelope['ring']} on the topic of ring {ring}")
        place = (envelope["boot"], envelope["seq"])
        key = (envelope["boot"], ring, envelope["seq"])
        if key in self.seen:
            self.duplicates += 1
            return
        self.seen.add(key)
        self.received += 1
        if place < self.last.get(ring, (0, 0)):
            self.order_violations += 1
            self.misordered.append(f"{ring} {place} after {self.last[ring]}")
        else:
            self.last[ring] = place
        kind = envelope["type"]
        self.by_type[kind] = self.by_type.get(kind, 0) + 1
        self.latest.append(envelope)

    def _bad(self, text: str) -> None:
        self.invalid_count += 1
        if len(self.invalid) < 50:
            self.invalid.append(text)
