"""pymodbus on the paced wire: `python master_pymodbus.py PTY BAUD UNITS SCANS WARMUP_S`; 200 ms timeout, no retry."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ModbusException


async def ticker(gap: list[float]) -> None:
    """The longest time beyond its period that a 10 ms ticker had to wait."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0.01)
        now = time.perf_counter()
        gap[0] = max(gap[0], now - last - 0.01)
        last = now


async def main(path: str, baud: int, units: int, scans: int, _warmup_s: float) -> None:
    """Scan after scan."""
    logging.disable(logging.CRITICAL)
    client = AsyncModbusSerialClient(path, baudrate=baud, timeout=0.2, retries=0)
    await client.connect()
    gap = [0.0]
    task = asyncio.create_task(ticker(gap))
    answers = 0
    began = time.perf_counter()
    for _ in range(scans):
        for unit in range(1, units + 1):
            try:
                answer = await client.read_holding_registers(0, count=40, device_id=unit)
                answers += not answer.isError()
            except ModbusException:
                if not client.connected:
                    await client.connect()
    took = time.perf_counter() - began
    task.cancel()
    client.close()
    print(json.dumps({"scan_us": took * 1e6 / scans, "gap_us": round(gap[0] * 1e6), "living": answers // scans}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
