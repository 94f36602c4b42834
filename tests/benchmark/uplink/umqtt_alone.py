"""umqtt.simple as it is, under MicroPython, beside a 10 ms ticker: `micropython umqtt_alone.py '{"host": ..., "port": ..., "events": N}'`.

With "listen" it takes commands, too. Prints {"started": true}, then after the work {"drain_us": ..., "gap_us_max": ...}. It blocks, so
whoever waits must have a limit.
"""

import asyncio
import json
import sys
import time

from umqtt.simple import MQTTClient

PAYLOAD = b"x" * 200


async def ticker(gaps):
    """Wants to run every 10 ms."""
    before = time.ticks_us()
    while True:
        await asyncio.sleep_ms(10)
        now = time.ticks_us()
        gaps.append(time.ticks_diff(now, before))
        before = now


async def main(want):
    gaps = []
    task = asyncio.create_task(ticker(gaps))
    await asyncio.sleep_ms(100)
    print(json.dumps({"started": True}))
    client = MQTTClient(b"plain", want["host"], want["port"], keepalive=60)
    client.set_callback(lambda topic, payload: None)
    client.connect()
    if want.get("listen"):
        client.subscribe(b"swapcab/v1/cab-1/commands", 1)
    begin = time.ticks_us()
    for _ in range(want["events"]):
        client.publish(b"swapcab/v1/plain/events/a", PAYLOAD, qos=1)
        await asyncio.sleep_ms(0)
    spent = time.ticks_diff(time.ticks_us(), begin)
    await asyncio.sleep_ms(20)
    task.cancel()
    print(json.dumps({"drain_us": spent, "gap_us_max": max(gaps)}))


asyncio.run(main(json.loads(sys.argv[1])))
