# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The judge: what must always hold, checked against the plant's truth and what passed over wires, flash and network.

The plant's own auditor watches currents, doors and packs; its findings count here as well. The first violation ends a run.
"""

import io
import sys

from cabinet.core import ticks
from cabinet.core.events import EVENTS
from plant.crc16 import crc16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from virtual.sim import Sim

PULSE_LIFE_US = 1_300_000  # a permit is carried out within this time, retries included
STOP_US = 200_000  # from the frame that shows a fault to the stop frame, without the rule's own delay
COUNT_EVERY_US = 10_000_000
CONTROL_US = 400_000  # a control round at least so often
RANDOM_TOLD_US = 14_000_000  # a flash that fails keeps what a pack's proof met for so long before it is stored
BUDGET_GRACE_US = 500_000
FRAMES_LOST_US = 6_000_000  # a charger that hears nothing goes off by itself after five seconds
DANGERS = ((0, 1_500_000), (1, 1_500_000), (2, 0), (3, 1_000_000), (4, 1_500_000), (5, 100_000), (7, 100_000))  # input bit, debounce
TEMP_STOP_DDEGC = 450
DEAF_S = 1.15  # a charger is told once a second
DEAF = (
    "charge_hot_pack", "charge_over_current", "charge_over_voltage", "charge_in_danger", "charge_blind", "charge_door_open",
    "charge_empty_slot", "charge_set_point", "charge_against_bms",
)  # fmt: skip
ALARMS_STOP = 0x133

# name: meaning; the plant's auditor has its own
INVARIANTS = {
    "charge_conditions": "a charger is commanded on though the plant does not meet the conditions of charging",
    "late_stop": "no stop frame in time after a frame that carries a fault",
    "charge_unjournaled": "a charger was switched on and no charge.started was on flash",
    "charge_refused": "a charger is commanded on for a pack that stands in the journal as refused or quarantined",
    "refused_handed_out": "a swap was completed with a pack that stood in the journal as refused or quarantined",
    "pulse_unjournaled": "a lock was pulsed and no lock.pulsed was on flash",
    "pulse_unclaimed": "a lock was pulsed for a claim that nobody made",
    "event_lost": "an event on flash did not reach the broker, or another came before it",
    "event_changed": "the broker received something else than was stored",
    "budget": "the chargers were granted more power than the budget",
    "packs_lost": "a pack is nowhere, or in two places",
    "loop_held": "no control round for too long",
    "died": "the firmware gave up though nothing was done to it",
    "crashed": "a task ended with an error that nobody put there",
    "not_serving": "all faults are gone and repaired, and still no rider is served",
}


class Violated(BaseException):
    """The run ends here."""


def _whole(frame: bytes) -> bool:
    """Whether noise has left it alone."""
    return crc16(frame[:-2]) == frame[-2] | frame[-1] << 8


def _switches_on(data: bytes) -> bool:
    """Whether a charger's command frame lets current flow."""
    return data[4] == 0 and bool(data[2] or data[3]) and bool(data[0] or data[1])


class Judge:
    """Watches one run."""

    def __init__(self, sim: "Sim") -> None:
        self.sim = sim
        self.violation = None
        self.checks = 0
        self.stored = ({}, {})  # by ring: sequence -> (code, slot) of what is on flash and not yet at the broker
        self.heads = [0, 0]
        self.begun = [0, 0]  # by ring: sequence of the event that is being stored; 0: none
        self.reached = [0, 0]  # by ring: highest sequence at the broker
        self.events = 0
        self.repeats = 0
        self.dropped = 0
        self.gaps = []
        self.types = {}
        count = len(sim.world.slots)
        self.pulses_due = {}  # slot: (instant, claim)
        self.pulses = 0
        self.started = [False] * count  # charge.started is on flash since the charger was last told to stop
        self.told_on = [False] * count  # the last command, whether or not the charger has heard it
        self.refused = [False] * count  # the last verdict on flash over the pack that stands there
        self.left_refused = [False] * count  # the same of the pack that left
        self.wire_on = [False] * count
        self.wire_w = [0] * count
        self.pending = {}  # (slot, what): (instant of the frame, deadline)
        self.over_since = 0
        self.step_us = 0
        self.app = None
        self.expected_errors = 0  # injected by faults.py
        self.expected_deaths = 0
        self.unlocks = {}  # slot: instant of a service command
        self.bad_since = {}
        self.audited = 0
        self.charge_starts = 0
        self.reactions = {}  # name: [count, largest us]
        self.on_stop = None
        self.swap_ended_us = 0
        self.counted_us = 0
        sim.time.on_error = self.task_failed

    def task_failed(self, error: BaseException) -> None:
        """A task that nobody waits for has ended with an error."""
        text = io.StringIO()
        sys.print_exception(error, text)
        self.violate("crashed", 0, text.getvalue()[-300:])

    def violate(self, name: str, slot: int, detail: str) -> None:
        """Ends the run, unless it has ended already."""
        if self.violation is None:
            self.violation = {"name": name, "slot": slot, "detail": detail, "t": self.sim.time.now_us / 1_000_000}
            self.sim.tell("VIOLATION %s, slot %d: %s" % (name, slot, detail))
        raise Violated(name)

    # ---- hooks into one life of the firmware ----

    def attach(self, app: "Any") -> None:
        """A new app has been built on the flash that the old one left."""
        self.app = app
        self.step_us = self.sim.time.now_us
        journal = app.journal
        for ring in (0, 1):
            if not journal.rings[ring].broken:  # could not be read at this start; what stands there is left alone
                self._survived(ring, journal.head(ring))
        store = journal._store
        step = app.loop.step

        def storing(ring: "Any", event: "Any", urgent: bool) -> int:
            index = journal.rings.index(ring)
            self._about_to_store(index, ring.sequence + 1, event)
            sequence = store(ring, event, urgent)
            self._stored(index, sequence, event)
            return sequence

        def stepping() -> None:
            step()
            self.stepped()

        journal._store = storing
        app.loop.step = stepping
        sim = self.sim
        sim.io_line.on_request = self._io_request
        sim.io_line.on_answer = self._io_answer
        sim.packs_line.on_answer = self._pack_answer
        sim.can.on_try = self._can_tried
        sim.can.on_send = self._can_sent

    def detach(self) -> None:
        """The controller has no power any more."""
        self.app = None
        self.pending.clear()
        self.pulses_due.clear()
        for index in range(len(self.started)):
            self.started[index] = False
            self.refused[index] = self.left_refused[index] = False  # it is judged anew
            self.wire_on[index] = self.told_on[index] = False
            self.wire_w[index] = 0

    def gave_up(self, failed: str) -> None:
        """The supervisor let go. That it does while the flash does not answer is right: `not_serving` tells whether it comes back."""
        if failed == "the flash does not answer":
            return
        if self.expected_deaths:
            self.expected_deaths -= 1
        else:
            self.violate("died", 0, failed)

    def bitten(self) -> None:
        """The watchdog has bitten."""
        if self.expected_deaths:
            self.expected_deaths -= 1
        else:
            self.violate("died", 0, "the watchdog was not fed")

    # ---- journal and broker ----

    def _about_to_store(self, ring: int, sequence: int, event: "Any") -> None:
        self.stored[ring][sequence] = (event.code, event.slot)
        self.begun[ring] = sequence
        if sequence > self.heads[ring]:
            self.heads[ring] = sequence

    def _stored(self, ring: int, sequence: int, event: "Any") -> None:
        self.stored[ring][sequence] = (event.code, event.slot)
        if sequence > self.heads[ring]:
            self.heads[ring] = sequence
        self.begun[ring] = 0
        self.events += 1
        name = EVENTS[event.code][0]
        sim = self.sim
        now = sim.time.now_us
        if ring == 0 or name[:4] == "link":
            sim.tell("%s %s%s %s" % (name, "slot %d " % event.slot if event.slot else "", event.pack, event.values))
        if name == "lock.pulsed":
            self.pulses_due[event.slot] = (now, event.values[0])
        elif name == "charge.started":
            self.started[event.slot - 1] = True
        elif name == "charge.stopped":
            self.started[event.slot - 1] = False
        elif name == "task.restarted":
            if event.values == ("prove", "OSError 5") and (sim.no_random or now - sim.random_again_us < RANDOM_TOLD_US):
                sim.tell("   (no random numbers)")
            elif self.expected_errors:
                self.expected_errors -= 1
            else:
                self.violate("crashed", event.slot, str(event.values))
        elif name in ("swap.completed", "swap.cancelled"):
            self.swap_ended_us = now
            if name == "swap.completed" and self.left_refused[event.values[4] - 1]:
                self.violate("refused_handed_out", event.values[4], str(event.values))
        elif name[:5] == "pack.":
            self._verdict(name, event.slot - 1)
        self.types[name] = self.types.get(name, 0) + 1

    def _verdict(self, name: str, index: int) -> None:
        if name in ("pack.refused", "pack.quarantined"):
            self.refused[index] = True
        elif name == "pack.removed":
            self.left_refused[index] = self.refused[index]
            self.refused[index] = False
        elif name in ("pack.accepted", "pack.inserted"):
            self.refused[index] = self.left_refused[index] = False

    def _survived(self, ring: int, head: int) -> None:
        """After a start: an event in the middle of which the power went may be there or not, or the start's own note
        stands in its place; nothing else may be missing."""
        self.stored[ring].pop(self.begun[ring], None)
        self.begun[ring] = 0
        lost = self.heads[ring] - head
        if lost > 1 or (lost < 0 and self.heads[ring]):
            pending = sorted(self.stored[ring])
            if lost > 1:
                text = "ring %d: %d of head %d are gone after a start %s"
                self.violate("event_lost", 0, text % (ring, lost, self.heads[ring], pending[-4:]))
        if lost == 1:
            self.stored[ring].pop(self.heads[ring], None)
        self.heads[ring] = head

    def received(self, letter: str, envelope: dict) -> None:
        """The broker takes an event."""
        ring = 0 if letter == "A" else 1
        sequence = envelope["seq"]
        reached = self.reached[ring]
        if sequence <= reached:
            self.repeats += 1
            return
        kind = envelope["type"]
        if sequence != reached + 1:
            if ring == 0:
                self.violate("event_lost", 0, "ring A: %d follows %d" % (sequence, reached))
            self.gaps.append((reached + 1, sequence - 1))
        known = self.stored[ring].get(sequence)
        if known is not None:
            code, slot = known
            if EVENTS[code][0] != kind or (envelope.get("slot") or 0) != slot:
                self.violate("event_changed", slot, "%d: %s was stored, %s received" % (sequence, EVENTS[code][0], kind))
        elif sequence > self.heads[ring]:
            self.violate("event_changed", 0, "%d: %s was never stored" % (sequence, kind))
        if kind == "journal.gap":
            data = envelope["data"]
            self.gaps = [gap for gap in self.gaps if not (data["from"] <= gap[0] and gap[1] <= data["to"])]
            self.dropped += data["count"]
        for old in range(reached + 1, sequence + 1):
            self.stored[ring].pop(old, None)
        self.reached[ring] = sequence

    # ---- wires ----

    def _io_request(self, request: bytes) -> None:
        if len(request) != 8 or request[1] != 6 or request[2] != 1:
            return
        if not _whole(request):
            return
        slot = (request[0] - 1) * 8 + request[3] + 1
        now = self.sim.time.now_us
        self.pulses += 1
        self.sim.tell("pulse on the wire, slot %d" % slot)
        due = self.pulses_due.get(slot)
        if due is None or now - due[0] > PULSE_LIFE_US or self.app is None:
            self.violate("pulse_unjournaled", slot, "no lock.pulsed on flash within the last %d ms" % (PULSE_LIFE_US // 1000))
            return
        claim = due[1]
        control = self.app.control
        if claim == "service":
            if now - self.unlocks.get(slot, -(1 << 60)) > 20_000_000:
                self.violate("pulse_unclaimed", slot, "no unlock command")
        elif not control.swap.active and now - self.swap_ended_us > PULSE_LIFE_US:
            self.violate("pulse_unclaimed", slot, "%s, but there is no swap" % claim)

    def _io_answer(self, request: bytes, frame: bytes, last_us: int) -> None:
        """What a slot board says of doors and dangers is known to the firmware from the frame's last byte."""
        if len(frame) != 9 or frame[1] != 2 or frame[0] != request[0] or not _whole(frame):
            return
        board = frame[0]
        on = False
        for index in range((board - 1) * 8, min(board * 8, len(self.wire_on))):
            if self.wire_on[index]:
                on = True
                bit = index & 7
                bad = not (frame[3] >> bit & frame[4] >> bit & frame[5] >> bit & 1)
                self._pend(index + 1, "door", bad, last_us, 0)
        if board == 1 and (True in self.wire_on or on):
            for bit, debounce_us in DANGERS:
                bad = frame[6] >> bit & 1
                key = "danger%d" % bit
                if bad or self.pending:
                    for index in range(len(self.wire_on)):
                        if self.wire_on[index]:
                            self._pend(index + 1, key, bad, last_us, debounce_us)

    def _pack_answer(self, request: bytes, frame: bytes, last_us: int) -> None:
        if frame[0] != request[0] or len(frame) != 47 or request[2] != 1 or frame[1] != 3 or not _whole(frame):
            return
        slot = frame[0]
        if not self.wire_on[slot - 1]:
            return
        temp = (frame[31] << 8 | frame[32]) if frame[31] < 0x80 else 0
        alarms = frame[9] << 8 | frame[10]
        self._pend(slot, "temp_high", temp >= TEMP_STOP_DDEGC, last_us, 2_200_000)
        self._pend(slot, "alarm_stop", alarms & ALARMS_STOP, last_us, 1_700_000)

    def _pend(self, slot: int, what: str, bad: int, last_us: int, allowed_us: int) -> None:
        key = (slot, what)
        if not bad:
            if self.pending:
                self.pending.pop(key, None)
        elif key not in self.pending:
            self.pending[key] = (last_us, last_us + allowed_us + STOP_US)

    def _can_tried(self, can_id: int, data: bytes, start_us: int) -> None:
        """The firmware starts or stops a charger: what it does is judged here, whether or not noise swallows the frame.

        One that is off is told so every second, also while the journal is behind with what else has happened: that is no stop.
        """
        if can_id & 0xFFFF00FF != 0x180600F4:
            return
        index = (can_id >> 8 & 0xFF) - 0xA1
        on = _switches_on(data)
        if on and not self.told_on[index] and not self.started[index]:
            self.violate("charge_unjournaled", index + 1, "switched on, no charge.started on flash since it was last off")
        if not on and self.told_on[index]:
            self.started[index] = False
        self.told_on[index] = on
        if not on and self.wire_on[index]:
            self._stopped(index + 1, start_us)

    def _can_sent(self, can_id: int, data: bytes, start_us: int) -> None:
        if can_id & 0xFFFF00FF != 0x180600F4:
            return
        index = (can_id >> 8 & 0xFF) - 0xA1
        on = _switches_on(data)
        if on:
            if self.refused[index]:
                self.violate("charge_refused", index + 1, "told to charge after the refusal is on flash")
            self.wire_w[index] = (data[0] << 8 | data[1]) * (data[2] << 8 | data[3]) // 100
            if not self.wire_on[index]:
                self.charge_starts += 1
        else:
            self.wire_w[index] = 0
        self.wire_on[index] = on

    def _stopped(self, slot: int, start_us: int) -> None:
        for key in list(self.pending):
            if key[0] == slot:
                seen, deadline = self.pending.pop(key)
                if start_us > deadline and not self._deaf(self.sim.world.slots[slot - 1].charger):
                    self.violate("late_stop", slot, "%s: %d ms after the frame" % (key[1], (start_us - seen) // 1000))
                row = self.reactions.setdefault(key[1], [0, 0])
                row[0] += 1
                row[1] = max(row[1], start_us - seen)

    # ---- after each control round ----

    def stepped(self) -> None:
        """The firmware has done a round."""
        sim = self.sim
        now = sim.time.now_us
        self.step_us = now
        self.checks += 1
        if self.pending:
            for (slot, what), (seen, deadline) in self.pending.items():
                if now > deadline and not self._deaf(sim.world.slots[slot - 1].charger):
                    self.violate("late_stop", slot, "%s: nothing %d ms after the frame" % (what, (now - seen) // 1000))
        total = 0
        slots = sim.world.slots
        for index, on in enumerate(self.wire_on):
            if on:
                total += self.wire_w[index]
                self._conditions(slots[index], now)
            elif self.bad_since:
                self.bad_since.pop(index + 1, None)
        if self.app is None:
            return
        options = self.app.control.options
        if total * 100 > options.budget_w * options.charger_efficiency_pct + 20_00:
            if not self.over_since:
                self.over_since = now
            elif now - self.over_since > (FRAMES_LOST_US if self._can_troubled() else BUDGET_GRACE_US):
                self.violate("budget", 0, "%d W of %d W at %d %%" % (total, options.budget_w, options.charger_efficiency_pct))
        else:
            self.over_since = 0

    def _conditions(self, slot: "Any", now: int) -> None:
        """The charger is commanded on: does the plant allow it? Whatever changes must have been seen within a grace."""
        pack = slot.pack
        grace = 1_000_000
        if pack is None:
            bad = "no pack"
        elif not slot.door_closed:
            bad = "the door is open"
        elif not slot.locked:
            bad = "the door is not locked"
        elif pack.kind not in ("genuine", "hot"):
            bad, grace = "the pack is " + pack.kind, 0
        elif not pack.answered:
            bad, grace = "the pack has not proven itself", 0
        elif slot.number in self.sim.world.mute_slots or pack.bms_dead:
            bad, grace = "the pack is silent", 5_000_000
        elif pack.frozen:
            bad, grace = "the pack is frozen", 20_000_000
        elif slot.sensor_lost:
            bad, grace = "the temperature of the compartment is not known", 20_000_000
        elif self.sim.world.severe_danger():
            bad, grace = "danger", 3_000_000
        else:
            if self.bad_since:
                self.bad_since.pop(slot.number, None)
            return
        if slot.presence_stuck is not None and pack is None:
            grace = 10_000_000
        since = self.bad_since.setdefault(slot.number, (now, bad))
        if since[1] != bad:
            since = self.bad_since[slot.number] = (now, bad)
        if now - since[0] >= grace and not self._deaf(slot.charger):
            self.violate("charge_conditions", slot.number, bad)

    def world_stepped(self) -> None:
        """The plant has moved on."""
        sim = self.sim
        auditor = sim.world.auditor
        if sim.time.now_us >= self.counted_us:
            self.counted_us = sim.time.now_us + COUNT_EVERY_US
            self._count_packs()
        if auditor.count != self.audited:
            fresh = auditor.violations[self.audited :]
            self.audited = auditor.count
            for row in fresh:
                if not self._excused(row):
                    self.violate(row["name"], row["slot"], row["detail"])
        late = sim.time.now_us - self.step_us > CONTROL_US and not self.expected_deaths
        if late and self.app is not None and not self.app.journal.broken and not self.app.state.broken:
            self.violate("loop_held", 0, "%d ms without a control round" % ((sim.time.now_us - self.step_us) // 1000))

    def _excused(self, row: dict) -> bool:
        """What no firmware can prevent: a charger that cannot be told, or does not do as it is told.

        That a charger which hears nothing goes off by itself is not excused: `charge_no_command` stands as it is."""
        if row["name"] == "hot_pack_released":
            return self._unheard(row["slot"])
        if not row["slot"] or row["name"] not in DEAF:
            return False
        return self._deaf(self.sim.world.slots[row["slot"] - 1].charger) or self._not_told(row["slot"])

    def _unheard(self, number: int) -> bool:
        """Whether noise has kept all that the pack said since it came from the firmware."""
        sim = self.sim
        noisy = sim.packs_line.noise if number <= sim.world.modbus_slots else self._can_troubled()
        return bool(noisy) and self.app is not None and not self.app.control.slots[number - 1].serial

    def _not_told(self, number: int) -> bool:
        """Whether the pack's data are late: their age limit of 3 s ends charging, a moment after the auditor has lost patience."""
        if self.app is None:
            return True
        taken = self.app.control.slots[number - 1].pack.taken_ms
        return taken is None or 1500 < ticks.diff(self.app.clock.ticks_ms(), taken) < 3300

    def _deaf(self, charger: "Any") -> bool:
        """Whether commands do not reach this charger."""
        if charger.stuck or charger.silent:
            return True
        return self._can_troubled() and charger.age > DEAF_S

    def _can_troubled(self) -> bool:
        """Whether frames to chargers are lost, or were a moment ago."""
        can = self.sim.can
        return can is None or bool(can.bus_off or can.noise) or self.sim.time.now_us - can.trouble_us < FRAMES_LOST_US

    def _count_packs(self) -> None:
        lost = self.sim.world.auditor.unaccounted()
        if lost:
            self.violate("packs_lost", 0, "%d packs" % lost)

    def finish(self) -> None:
        """At the end: everything that is on flash is at the broker, every pack is somewhere."""
        self._count_packs()
        for ring in (0, 1):
            if self.app is not None and self.reached[ring] != self.app.journal.head(ring):
                self.violate("event_lost", 0, "ring %d: %d of %d arrived" % (ring, self.reached[ring], self.app.journal.head(ring)))
        if self.gaps:
            self.violate("event_lost", 0, "ring B: gaps that no journal.gap tells of: %s" % self.gaps[:5])
