"""The CAN of the board as something that asyncio can wait on."""

import asyncio

from stm32_modules import World, load
from tree import ROOT

CanLine = load(World(), ROOT + "boards/nucleo_h743zi2", ("stm32_can",), "stm32_can").CanLine


class Can:
    """As much of machine.CAN as is needed to wait on it."""

    FLAG_RTR, FLAG_EXT_ID, RECV_ERR_OVERRUN = 1, 2, 2

    def __init__(self):
        self.pending = 0

    def set_filters(self, filters):
        """Nothing to filter."""

    def get_counters(self, into):
        """Only what waits."""
        into[6] = self.pending


class Wait:
    """One bare yield until `stream` can be read."""

    def __init__(self, stream):
        self.stream = stream
        self.asked = False

    def __iter__(self):
        return self

    def __next__(self):
        if self.asked:
            raise StopIteration
        self.asked = True
        return asyncio.core._io_queue.queue_read(self.stream)


def test_a_task_that_waits_for_can_frames_wakes_when_one_comes_and_lets_others_run():
    can = Can()
    line = CanLine(can, 250000)
    seen = []

    async def reader():
        await Wait(line.stream)
        seen.append("frame")

    async def run():
        task = asyncio.create_task(reader())
        for _ in range(5):
            await asyncio.sleep_ms(1)
            seen.append("tick")
        can.pending = 1
        await task

    asyncio.run(run())
    assert seen == ["tick"] * 5 + ["frame"]
