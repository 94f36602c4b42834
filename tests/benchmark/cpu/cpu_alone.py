"""One JSON line of medians in microseconds, under MicroPython: `micropython cpu_alone.py SLOTS ROUNDS`."""

import gc
import json
import sys
import time

from core_cabinet import Cabinet, Pack

from cabinet.core import events
from cabinet.store import event_codec
from cabinet.trust.hmac import HmacKey
from cabinet.trust.proof import pack_key, proof_mac
from cabinet.uplink import envelope

SLOTS = int(sys.argv[1])
ROUNDS = int(sys.argv[2])


def median_us(work, rounds=ROUNDS):
    """Median of `rounds` single calls, collection off."""
    taken = []
    gc.collect()
    for _ in range(rounds):
        began = time.ticks_us()
        work()
        taken.append(time.ticks_diff(time.ticks_us(), began))
        if gc.mem_free() < 1000000:
            gc.collect()
    taken.sort()
    return taken[rounds // 2]


def charging_cabinet():
    """All slots but one hold a pack, and those that may be charged are."""
    cabinet = Cabinet(SLOTS, {n: Pack(f"P{n}", 40 + n % 50) for n in range(1, SLOTS)}, budget_w=1000 * SLOTS)
    cabinet.run(lambda: cabinet.state(1) == "charging", 8000)
    cabinet.run(lambda: False, 3000)
    return cabinet


def plain_loop():
    """What a thousand rounds of the plainest work cost: the unit in which others are given."""
    total = 0
    for number in range(1000):
        total += number & 7
    return total


cabinet = charging_cabinet()
control = cabinet.control
now = cabinet.now_ms


def step():
    control.step(now)


def still_bytes():
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(100):
        control.step(now)
    after = gc.mem_alloc()
    gc.enable()
    return (after - before) // 100


swap = events.make("swap.completed", 5, "SC48L30-000001", 17, 8, "SC48L30-000014", 15, 2, "SC48L30-000002", 99)
buffer = bytearray(512)
length = event_codec.encode(buffer, 0, 3, 123456, 1795349010, 2, swap)
record = event_codec.decode(7, buffer, 0, length)
key = HmacKey(b"k" * 32)
payload = b"x" * 120

print(json.dumps({
    "loop": median_us(plain_loop),
    "step": median_us(step),
    "step_bytes": still_bytes(),
    "encode": median_us(lambda: event_codec.encode(buffer, 0, 3, 123456, 1795349010, 2, swap)),
    "envelope": median_us(lambda: envelope.encode('"cab-0001"', 0, record)),
    "mac": median_us(lambda: key.mac(payload)),
    "proof": median_us(lambda: proof_mac(pack_key(b"m" * 32, "SC48L30-000001"), b"n" * 32, "SC48L30-000001")),
}))
