"""Receive the events of all cabinets and keep them in SQLite: `python examples/consume_events.py HOST PORT events.db`.

An event is acknowledged after it is stored, so none is lost when this program or its machine stops. An event that comes again is dropped by
its key. What the schemas do not allow is kept apart. Needs paho-mqtt and jsonschema, and the schemas in docs/schema.
"""

import json
import sqlite3
import sys

import paho.mqtt.client as mqtt

from swapcab.receiver import Schemas

PREFIX = "swapcab/v1"
TABLES = """
CREATE TABLE IF NOT EXISTS event (cabinet, ring, boot, seq, type, slot, pack, time, body, PRIMARY KEY (cabinet, ring, boot, seq));
CREATE TABLE IF NOT EXISTS refused (topic, why, body);
"""
COLUMNS = ("cabinet", "ring", "boot", "seq", "type", "slot", "pack", "time")


def envelopes(payload: bytes) -> list[dict]:
    """One message is one envelope or an array; in an array a field that is left out is as in the envelope before."""
    body = json.loads(payload)
    whole: list[dict] = []
    for one in body if isinstance(body, list) else [body]:
        whole.append({**(whole[-1] if whole else {}), **one})
    return whole


def main(host: str, port: int, path: str) -> None:
    """Runs until it is interrupted."""
    store = sqlite3.connect(path, check_same_thread=False)
    store.executescript(TABLES)
    schemas = Schemas()

    def on_message(client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with store:  # commits, or rolls back and raises: then nothing is acknowledged
            try:
                for event in envelopes(message.payload):
                    why = schemas.event(event)
                    if why:
                        raise ValueError(why)
                    store.execute(
                        "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (*(event[name] for name in COLUMNS), json.dumps(event)),
                    )
            except (ValueError, TypeError, KeyError) as error:
                store.execute("INSERT INTO refused VALUES (?, ?, ?)", (message.topic, str(error), message.payload))
        client.ack(message.mid, message.qos)

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "events-to-sqlite", clean_session=False, manual_ack=True)
    client.on_connect = lambda *_: client.subscribe(f"{PREFIX}/+/events/+", qos=1)
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    client.on_message = on_message
    client.connect(host, port)
    client.loop_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
