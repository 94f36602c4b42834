"""umodbus on the paced wire, under MicroPython: `micropython master_umodbus.py PTY BAUD UNITS SCANS WARMUP_S`.

The library as it is; only `machine.UART` is a stand-in on the pty.
"""

# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false
# (runs under MicroPython: time, gc and asyncio have more to them there)

import asyncio
import json
import sys
import time

from serial_pty import SerialPty

PATH = sys.argv[1]


class UART:
    """What umodbus uses of machine.UART; no flush, as on ports that lack it."""

    def __init__(self, uart_id, baudrate=9600, bits=8, parity=None, stop=1, tx=None, rx=None):
        self.line = SerialPty(PATH, baudrate)
        self.buf = bytearray(512)
        self.have = 0

    def any(self):
        if not self.have:
            self.have = self.line.readinto(self.buf)
        return self.have

    def read(self):
        count = self.any()
        self.have = 0
        return bytes(self.buf[:count]) if count else None

    def write(self, data):
        return self.line.write(data)


class Machine:
    UART = UART
    Pin = None


sys.modules["machine"] = Machine  # type: ignore[assignment]

serial = __import__("umodbus.serial").serial  # after its stand-in for `machine`


async def ticker(gap):
    last = time.ticks_us()
    while True:
        await asyncio.sleep_ms(10)
        now = time.ticks_us()
        late = time.ticks_diff(now, last) - 10_000
        if late > gap[0]:
            gap[0] = late
        last = now


async def main(baud, units, scans, warmup_s):
    master = serial.Serial(1, baudrate=baud, pins=(0, 1))
    gap = [0]
    asyncio.create_task(ticker(gap))
    await asyncio.sleep_ms(0)
    began = time.ticks_us()
    answers = 0
    for _ in range(scans):
        for unit in range(1, units + 1):
            try:
                master.read_holding_registers(unit, 0, 40)
                answers += 1
            except (OSError, ValueError):
                answers += 0  # dead, or damaged: it goes on to the next, as a user's program would
            await asyncio.sleep_ms(0)
    took = time.ticks_diff(time.ticks_us(), began)
    print(json.dumps({"scan_us": took / scans, "gap_us": gap[0], "living": answers // scans}))


asyncio.run(main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
