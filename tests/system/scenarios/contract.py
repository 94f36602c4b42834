"""Traffic held against docs/asyncapi.json by what others wrote (jsonschema, paho-mqtt), with no code of the cabinet or the platform."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from jsonschema import Draft202012Validator
from paho.mqtt.enums import CallbackAPIVersion
from patience import PATIENCE_S
from referencing import Registry, Resource

DOCS = Path(__file__).resolve().parents[3] / "docs"
BASE = "https://docs.invalid/"


class Contract:
    """Validators of all channels of the AsyncAPI document."""

    def __init__(self, folder: Path = DOCS) -> None:
        self.document: dict[str, Any] = json.loads((folder / "asyncapi.json").read_text())
        schemas = {path.name: json.loads(path.read_text()) for path in sorted((folder / "schema").glob("*.json"))}
        for schema in schemas.values():
            Draft202012Validator.check_schema(schema)
        registry = Registry().with_resources((f"{BASE}schema/{name}", Resource.from_contents(body)) for name, body in schemas.items())
        self.channels: list[tuple[str, re.Pattern[str], Draft202012Validator]] = []
        for name, channel in self.document["channels"].items():
            parts = [re.escape(part) for part in re.split(r"\{\w+\}", channel["address"])]
            (message,) = channel["messages"].values()
            schema = {"$id": f"{BASE}{name}.json", **message["payload"]}
            self.channels.append((name, re.compile("[^/]+".join(parts) + "$"), Draft202012Validator(schema, registry=registry)))

    def channel(self, topic: str) -> str:
        """The channel that a topic belongs to, or ""."""
        return next((name for name, pattern, _ in self.channels if pattern.match(topic)), "")

    def objection(self, topic: str, payload: bytes) -> str:
        """What is wrong with a message, or ""."""
        for name, pattern, validator in self.channels:
            if not pattern.match(topic):
                continue
            try:
                body = json.loads(payload)
            except ValueError as error:
                return f"{topic}: {error}"
            for error in validator.iter_errors(body):
                return f"{name}: {error.message[:300]}"
            return ""
        return f"{topic}: no channel has this address"


class Recorder:
    """Subscribes to everything on a broker and keeps it. Use it as a context."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, bytes, int]] = []  # topic, payload, QoS
        self._ready = threading.Event()
        self._port = port
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "recorder")
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, one: self.messages.append((one.topic, bytes(one.payload), one.qos))

    def __enter__(self) -> Recorder:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._ready.wait(PATIENCE_S):
            raise TimeoutError("the broker did not answer the subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe("#", qos=2)

    def judged(self, contract: Contract) -> tuple[Counter[str], list[str]]:
        """Messages by channel, and what is wrong with any of them."""
        seen: Counter[str] = Counter()
        wrong = []
        for topic, payload, qos in self.messages:
            seen[contract.channel(topic)] += 1
            objection = contract.objection(topic, payload) or ("" if qos == 1 else f"{topic}: QoS {qos}")
            if objection:
                wrong.append(objection)
        return seen, wrong
