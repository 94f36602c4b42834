"""Send a command to a cabinet and wait for its answer: `python examples/send_command.py HOST PORT CABINET unlock --slot 3`.

The command is sent again with the same id until the cabinet answers: a cabinet carries an id out once. Exit code 0 if it was accepted,
1 if it was refused, 3 if no answer came.
"""

import argparse
import json
import sys
import threading
import time
import uuid

import paho.mqtt.client as mqtt

AGAIN_S = 30


def send(host: str, port: int, root: str, command: dict, tries: int = 3, again_s: float = AGAIN_S) -> dict | None:
    """The cabinet's answer, or None."""
    answers: list[dict] = []
    answered, subscribed = threading.Event(), threading.Event()

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            body = json.loads(message.payload)
        except ValueError:
            return  # an exception would end the thread of the client
        if isinstance(body, dict) and body.get("id") == command["id"]:
            answers.append(body)
            answered.set()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"command-{command['id'][:8]}")
    client.on_connect = lambda *_: client.subscribe(root + "/results", qos=1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = on_message
    client.connect(host, port)
    client.loop_start()
    if not subscribed.wait(again_s):
        return None
    for _ in range(tries):
        client.publish(root + "/commands", json.dumps(command), qos=1)  # never retained: it would come again after each reconnect
        if answered.wait(again_s):
            break
    client.disconnect()
    client.loop_stop()
    return answers[0] if answers else None


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("host", str), ("port", int), ("cabinet", str), ("kind", str)):
        parser.add_argument(name, type=kind)
    parser.add_argument("--slot", type=int)
    parser.add_argument("--token", help="whose swap it is")
    parser.add_argument("--within-s", type=int, default=120, help="refused by a cabinet that receives it later [default: 120]")
    given = parser.parse_args()
    command = {"id": str(uuid.uuid4()), "kind": given.kind, "expires": int(time.time()) + given.within_s}
    command.update({name: value for name, value in (("slot", given.slot), ("token", given.token)) if value is not None})
    answer = send(given.host, given.port, f"swapcab/v1/{given.cabinet}", command)
    print(json.dumps(answer) if answer else "no answer: is the cabinet connected?")
    return 3 if answer is None else 0 if answer["accepted"] else 1


if __name__ == "__main__":
    sys.exit(main())
