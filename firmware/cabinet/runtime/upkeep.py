"""The small tasks beside the control loop: the rider's terminal, device losses, telemetry, and the journal's idle work."""

import asyncio
from array import array

from micropython import const

from cabinet.core import events, ticks
from cabinet.runtime import loop_profiler
from cabinet.store.journal import JournalFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock
    from cabinet.runtime.loop_profiler import LoopProfiler

KIOSK_MS = 50
WATCH_MS = 250
IDLE_MS = 200
_ROW = const(7)


async def serve_kiosk(kiosk: "Any", control: "Any", clock: "Clock") -> None:
    """Tokens from the rider's terminal become orders; what core has to say is sent by the control loop."""
    while True:
        token = kiosk.take()
        if token:
            control.order(token, "rider", clock.ticks_ms())
        kiosk.flush()
        await asyncio.sleep_ms(KIOSK_MS)


async def keep_journal(journal: "Any", state: "Any", books: "Any", profiler: "LoopProfiler") -> None:
    """Erase ahead of need, one sector at a time, where nobody waits; with nothing to erase, write down what was counted."""
    while True:
        began = profiler.start()
        erasing = state.idle() if state.erasing else journal.idle() or state.idle()  # one erase at a time
        if not erasing:
            books.keep()
        report_unreadable(journal, state)
        profiler.stop(loop_profiler.ERASE, began)
        await asyncio.sleep_ms(IDLE_MS)


def report_unreadable(journal: "Any", state: "Any") -> None:
    """Journal the names of values that could not be read, one a call."""
    if state.unreadable:
        try:
            journal.append(events.make("state.damaged", 0, "", state.unreadable[0], "default"))
            state.unreadable.pop(0)
        except (OSError, JournalFull):
            return  # tried again at the next call


class DeviceWatch:
    """Journals when a device is lost and when it is back: once each, whatever it does in between. `packs` are among the `devices`."""

    def __init__(self, devices: list, packs: list, note: "Any") -> None:
        self._devices = devices
        self._packs = packs
        self._note = note
        self._lost = [False] * len(devices)

    async def run(self) -> None:
        """For ever."""
        while True:
            for index, device in enumerate(self._devices):
                fault = device.fault
                page = device.stats.page_note if device in self._packs else ""  # a CAN controller counts nothing of that kind
                if fault == "timeout" and not page and device in self._packs and device.reading.identity_taken_ms is None:
                    fault = ""  # no pack has answered since one was asked for: core knows whether one should
                if fault and not self._lost[index]:
                    self._lost[index] = True
                    reason = "%s (%s)" % (fault, page) if page else fault
                    self._note(events.make("device.lost", 0, "", device.name, device.bus.name, reason))
                elif not fault and self._lost[index]:
                    self._lost[index] = False
                    self._note(events.make("device.back", 0, "", device.name, device.bus.name))
            await asyncio.sleep_ms(WATCH_MS)


class Telemetry:
    """Records how the packs are, by exception: what has moved by its dead-band since the last record, or was not recorded for long.

    `settings` is the section `telemetry`. The slots are looked at one after the other, spread over the period.
    """

    def __init__(self, settings: "Any", clock: "Clock", control: "Any", profiler: "LoopProfiler", note: "Any") -> None:
        self._period_ms = settings.period_s * 1000
        self._heartbeat_ms = settings.heartbeat_s * 1000
        cell_mv = settings.cell_mv
        self._bands = (settings.soc_pct, settings.voltage_mv, settings.current_ma, settings.temp_ddegc, cell_mv, cell_mv)
        self._power = (settings.power_w,)
        self._told = array("i", bytes(4 * _ROW * (len(control.slots) + 1)))  # ticks and values of the last records; 0: none
        self._clock = clock
        self._control = control
        self._profiler = profiler
        self._note = note

    def _due(self, row: int, bands: tuple, values: tuple) -> bool:
        """Whether a record is to be made; then these values are the ones to be compared with."""
        reported = self._told
        at = row * _ROW
        now_ms = self._clock.ticks_ms() or 1
        late_ms = ticks.diff(now_ms, reported[at])
        due = not reported[at] or late_ms < 0 or late_ms >= self._heartbeat_ms
        for index, band in enumerate(bands):
            due = due or abs((values[index] or 0) - reported[at + 1 + index]) >= band > 0
        if due:
            reported[at] = now_ms
            for index in range(len(bands)):
                reported[at + 1 + index] = values[index] or 0
        return due

    async def run(self) -> None:
        """For ever."""
        slots = self._control.slots
        pause_ms = max(100, self._period_ms // (len(slots) + 1))
        while True:
            for slot in slots:
                await asyncio.sleep_ms(pause_ms)
                pack = slot.pack
                if pack.taken_ms is not None:
                    values = (pack.soc_pct, pack.pack_mv, pack.current_ma, pack.temp_max_ddegc, pack.cell_min_mv, pack.cell_max_mv)
                    if self._due(slot.number, self._bands, values):
                        self._note(events.make("telemetry.slot", slot.number, pack.serial, *values))
            await asyncio.sleep_ms(pause_ms)
            power_mw = 0
            full = 0
            for slot in slots:
                power_mw += slot.charger.output_mv * slot.charger.output_ma // 1000
                full += slot.ready
            if self._due(0, self._power, (power_mw // 1000,)):
                self._note(events.make("telemetry.cabinet", 0, "", power_mw // 1000, full, self._profiler.gap_us // 1000,
                                        self._profiler.heap_free))
