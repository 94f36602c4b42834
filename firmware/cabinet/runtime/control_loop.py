"""The shell around core: readings in, decisions out, in the order that safety asks for.

One round: core decides; chargers that may not run are stopped at once; what happened is written to flash; only then are
charging and lock pulses acted on. If flash cannot take the events, nothing new is energised and the events are kept.
"""

import asyncio

from cabinet.core import events, evidence, snapshot, ticks
from cabinet.runtime import loop_profiler
from cabinet.store.journal import JournalFull
from cabinet.store.state import ACCEPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock
    from cabinet.runtime.loop_profiler import LoopProfiler
    from cabinet.runtime.supervisor import Critical, Supervisor
    from cabinet.trust.proof import PackProof

PERIOD_MS = 50
REPORT_LIMIT_MS = 1000
NEED_MS = {"absent": 0, "checking": 200, "charging": 500, "resting": 1500}
_PROVE_AGAIN_MS = 1000
_PROBE = "probe"
_PULSED = events.CODES["lock.pulsed"]
_KEPT_EVENTS = 64  # while flash refuses them
_KEPT_EVIDENCE = 8
_EVIDENCE_PCT = 90  # ring A fuller than this takes no evidence
STORE_LIMIT_MS = 10000  # events that have waited for flash for so long: nothing is charged any more
_EVIDENCE_BYTES = 400  # state and frames of one record


class SlotParts:
    """The devices of one slot."""

    def __init__(self, number: int, pack: "Any", charger: "Any", board: "Any", channel: int) -> None:
        self.number = number
        self.pack = pack
        self.charger = charger
        self.board = board
        self.channel = channel
        self.proving = False
        self.need = ""


class ControlLoop:
    """Runs core every PERIOD_MS and does what it permits."""

    def __init__(self, clock: "Clock", control: "Any", parts: list, journal: "Any", state: "Any", proof: "PackProof",
                 profiler: "LoopProfiler", pulse_ms: int) -> None:
        self._clock = clock
        self._control = control
        self._parts = parts
        self._journal = journal
        self._state = state
        self._proof = proof
        self._profiler = profiler
        self._pulse_ms = pulse_ms
        self._waiting = []  # events that flash has not taken yet
        self._records = {}  # by name: what of the state flash has not taken yet
        self.dropped_events = 0
        self.storage_error = ""  # the last one
        self._since_ms = None  # since when something has waited for flash
        self.on_message: "Any" = None  # called with (slot, code) for the rider
        self.on_stored: "Any" = None  # called with each event once it is on flash
        self.rounded: "Any" = None  # an asyncio.Event to be set after each round

    def restore(self) -> None:
        """Take up what the controller knew when the power went: the swap in progress, latched faults, packs in quarantine.

        What cannot be read is not taken for absent: every slot is then out of service until a person has looked and enables it.
        """
        state = self._state
        understood = self._control.restore(state, self._clock.ticks_ms())
        doubtful = [name for name in snapshot.NAMES if state.unsure(name)]
        if doubtful or not understood:
            self.put_out_of_service(doubtful or [""])

    def put_out_of_service(self, names: "list[str]") -> None:
        """These values of the state store are lost ("": nobody knows which): every slot waits for a person."""
        state = self._state
        for name in names:
            self.note(events.make("state.damaged", 0, "", name, "out_of_service"))
            if name in state.unreadable:
                state.unreadable.remove(name)  # reported by this
        for part in self._parts:
            self._control.command("disable", part.number, self._clock.ticks_ms())
        self._records[ACCEPTED] = state.damage()  # goes to flash behind what was disabled

    def note(self, event: events.Event) -> None:
        """Journal an event from elsewhere together with core's at the next round."""
        self._control.events.append(event)

    def carry_out(self, command: dict) -> "tuple[bool, str]":
        """A command from the broker. Core alone decides; the answer and whatever follows are journaled before anything is acted on."""
        control, kind, slot = self._control, command["kind"], command.get("slot") or 0
        now_ms = self._clock.ticks_ms()
        if kind == "swap":
            accepted, reason = control.order(command.get("token") or "", "command", now_ms)
        else:
            accepted, reason = control.command(kind, slot, now_ms)
        if accepted:
            self.note(events.make("command.accepted", slot, "", command["id"], kind))
        else:
            self.note(events.make("command.refused", slot, "", command["id"], kind, reason))
        return accepted, reason

    async def run(self, task: "Critical", supervisor: "Supervisor") -> None:
        """For ever."""
        due = self._clock.ticks_ms()
        while True:
            began = self._profiler.start()
            self.step()
            self._profiler.stop(loop_profiler.CONTROL, began)
            supervisor.report(task)
            if self.rounded is not None:
                self.rounded.set()
            due = ticks.add(due, PERIOD_MS)
            pause = ticks.diff(due, self._clock.ticks_ms())
            if pause < 0:  # a round was missed; do not hurry after it
                due = self._clock.ticks_ms()
                pause = 0
            await asyncio.sleep_ms(pause)

    def step(self) -> None:
        """One round."""
        control = self._control
        control.step(self._clock.ticks_ms())
        for index, part in enumerate(self._parts):
            if control.slots[index].charge_ma == 0:
                part.charger.set(0, 0)
        stored = self._store()
        for index, part in enumerate(self._parts):
            slot = control.slots[index]
            if slot.charge_ma and (stored or part.charger.set_ma):  # what runs goes on, and gets a lower set-point
                part.charger.set(slot.charge_mv, slot.charge_ma)
            if slot.pulse:
                self._pulse(part, stored)
            if slot.poll_need != part.need:
                part.need = slot.poll_need
                part.pack.set_need(NEED_MS[part.need])
            if slot.wants_wake:
                part.pack.wake()
            if slot.wants_proof and not part.proving:
                part.proving = True
                asyncio.create_task(self._prove(index, part))
        if control.messages:
            for slot, code in control.messages:
                if self.on_message:
                    self.on_message(slot, code)
            control.messages.clear()

    def _pulse(self, part: SlotParts, stored: bool) -> None:
        """Give a pulse whose record stands on flash. One that could not be recorded was never given, and must not be journaled later."""
        waiting = None
        if not stored:
            for event in self._waiting:
                if event.code == _PULSED and event.slot == part.number:
                    waiting = event
        if waiting is None and not self._records:
            part.board.pulse(part.channel, self._pulse_ms)
            return
        if waiting is not None:
            self._waiting.remove(waiting)
            self._records[_PROBE] = b""  # something has to wait in its place, or flash would count as sound while nothing is asked of it
        self._control.take_back_pulse(part.number)

    def _store(self) -> bool:
        """Write changed records and the events to flash; False if flash did not take all of them."""
        control = self._control
        for name, data in control.snapshot():
            self._records[name] = data
        if not self._records and not control.events and not self._waiting:
            control.storage_ok = self._room()
            control.stored = True
            control.storage_lost = False
            self._since_ms = None
            return True
        began = self._profiler.start()
        for event in control.events:
            if event.code == evidence.TAKEN:
                self._add_frames(event)
        self._waiting.extend(control.events)
        control.events.clear()
        try:
            self._put_records()
            self._append_waiting()
        except (OSError, JournalFull) as error:
            self.storage_error = str(error)  # what flash did not take is tried again in the next round
        if self._waiting:
            self._drop()
        stored = not self._records and not self._waiting
        control.stored = stored
        control.storage_ok = stored and self._room()
        self._watch_storage(stored)
        self._profiler.stop(loop_profiler.JOURNAL, began)
        return stored

    def _put_records(self) -> None:
        """In the order of their names: the swap comes last, see core/snapshot.py."""
        for name in sorted(self._records):
            try:
                self._state.put(name, self._records[name])
                del self._records[name]
            except ValueError as error:  # too long to be stored: nothing new may begin, but the events are kept, and the loop goes on
                self.storage_error = str(error)

    def _watch_storage(self, stored: bool) -> None:
        """What cannot be recorded for long must not go on: charging ends, and the heartbeat rests (see App)."""
        now_ms = self._clock.ticks_ms()
        if stored:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms
        self._control.storage_lost = self._since_ms is not None and not 0 <= ticks.diff(now_ms, self._since_ms) < STORE_LIMIT_MS

    def _add_frames(self, event: events.Event) -> None:
        """Put the raw frames beside what core knew. All of it was read before this round; what does not fit a record stays out.

        Frames stand behind their age and, of a pack, its serial number. A device without a reading has none: what its
        predecessor on the same line sent is no evidence against it.
        """
        frames = bytearray()
        room = _EVIDENCE_BYTES - len(event.values[-2])
        number = event.slot or 1
        part = self._parts[number - 1]
        slot = self._control.slots[number - 1]
        devices = ((part.pack, slot.pack), (part.charger, slot.charger), (part.board, slot.io))
        now_ms = self._clock.ticks_ms()
        for device, reading in devices if event.slot else devices[2:]:
            serial = event.pack if device is part.pack else ""
            if reading.taken_ms is None or (device is part.pack and reading.serial != serial):
                continue
            size = len(frames)
            evidence.put_owner(frames, ticks.diff(now_ms, reading.taken_ms), serial)
            head = len(frames)
            device.put_frames(frames)
            if len(frames) > room or len(frames) == head:
                frames = frames[:size]
        event.values = event.values[:-1] + (bytes(frames),)

    def _drop(self) -> None:
        """What waits for flash must not fill the memory: evidence goes first, beyond _KEPT_EVIDENCE, then the oldest."""
        kept = 0
        position = 0
        while position < len(self._waiting):
            if self._waiting[position].code == evidence.TAKEN:
                kept += 1
                if kept > _KEPT_EVIDENCE:
                    self._waiting.pop(position)
                    self.dropped_events += 1
                    continue
            position += 1
        while len(self._waiting) > _KEPT_EVENTS:
            self._waiting.pop(0)
            self.dropped_events += 1

    def _room(self) -> bool:
        """Whether ring A takes new business: at 100 % there is just room to end what is under way."""
        return self._journal.level_pct(events.RING_A) < 100

    def _append_waiting(self) -> None:
        """Append in order. Where the journal is full, alarms still pass what waits: a reserve is kept for them."""
        position = 0
        while position < len(self._waiting):
            try:
                if self._waiting[position].code == evidence.TAKEN and self._journal.level_pct(events.RING_A) >= _EVIDENCE_PCT:
                    raise JournalFull("no room for evidence")
                self._journal.append(self._waiting[position])
                event = self._waiting.pop(position)
                if self.on_stored:
                    self.on_stored(event)
            except JournalFull:
                self.storage_error = "the journal is full"
                if self._waiting[position].code == evidence.TAKEN:  # the fault itself passes, as an alarm
                    self._waiting.pop(position)
                    self.dropped_events += 1
                else:
                    position += 1

    async def _prove(self, index: int, part: SlotParts) -> None:
        try:
            serial = part.pack.reading.serial
            nonce = self._proof.nonce()
            mac = await part.pack.prove(nonce)
            proven = None if mac is None else self._proof.check(serial, nonce, mac)  # None: no answer
            self._control.proof_result(index + 1, serial, proven, self._clock.ticks_ms())
        except OSError as error:  # no random source, or the bus failed: not the pack's fault. It stays unproven and is asked again
            self.note(events.make("task.restarted", index + 1, serial, "prove", "OSError %s" % error.errno))
            await asyncio.sleep_ms(_PROVE_AGAIN_MS)
        finally:
            part.proving = False
