"""What a driver owes. For the type checker and the reader: the firmware never imports it at run time.

Each contract begins with the duties of its implementer. Three duties hold for every device:

1. No call waits, and none allocates once the cabinet runs. Only `prove` is a coroutine.
2. A reading is written by its driver alone, and `taken_ms` only when everything in it was measured: what is older than 20 s is cleared,
   long before the tick counter wraps.
3. `fault` says why nothing good comes from the device, in the words below, and "" once it is well again. It is never an exception:
   a frame that is too short, too long or implausible is counted in `stats` and ignored.

The block at the end of startup/driver_registry.py has the type checker hold each driver against its contract.
"""

from typing import Any, Protocol

from cabinet.bus.stats import DeviceStats
from cabinet.core.reading import ChargerReading, PackReading
from cabinet.devices.io.inputs import SlotInputs


class Device(Protocol):
    """What every device has."""

    name: str  # unique, for events and the console; packs and chargers are named after their slot by whoever wires them
    bus: Any  # it has a `name`
    fault: str  # "", timeout, crc, exception, foreign, implausible, frozen
    stats: DeviceStats

    def put_frames(self, out: bytearray) -> None:
        """Append the frames behind the reading, as evidence: each behind the byte 1 (serial) or 2 (CAN) and its length. A driver that
        keeps none adds nothing."""
        ...


class Pack(Device, Protocol):
    """A battery pack's BMS.

    1. Believe only one pack at a time: once a serial number was read, another one, or another maker, chemistry, cell count or nominal
       voltage, is the fault `foreign`, and nothing is believed until `set_need(0)`.
    2. Report an identity before any reading. A pack that reports no serial number keeps `identity_taken_ms` None and is never accepted.
    3. Notice a BMS that answers and no longer measures (devices/bms/pack_age.py): the fault `frozen`, and `taken_ms` stands still.
    4. Forget everything at `set_need(0)`, an answer that is still on its way included: the pack has left.
    """

    reading: PackReading

    def set_need(self, period_ms: int) -> None:
        """How often a reading is needed; 0: the pack has left. A pack that sends by itself keeps its own pace."""
        ...

    def wake(self) -> None:
        """Do what wakes a BMS that sleeps; nothing where nothing does."""
        ...

    async def prove(self, nonce: bytes) -> "bytes | None":
        """Have the pack answer a challenge of 32 bytes: the 32-byte MAC, or None if the pack cannot or does not in time."""
        ...


class Charger(Device, Protocol):
    """A charger that stops by itself when no frame reaches it: `stops_ms` of its row says how soon.

    1. Send "off" at once, ahead of all else, when `set(0, 0)` is called, and again until a reading shows no current.
    2. Withdraw a set-point that was not renewed for two seconds: the control loop calls `set` in each round, and may have died.
    3. Give no current before the charger holds the set-point that was sent last; a lower one is never ignored.
    4. Report what the charger measures (voltage, current, faults), not what it was commanded.
    5. After a silence begin as with a new charger: it may have lost its mains and its set-up.
    """

    reading: ChargerReading
    set_mv: int  # the set-point that holds now; 0: off
    set_ma: int

    def set(self, mv: int, ma: int) -> None:
        """The most that the charger shall give; 0, 0: off. Called in each control round."""
        ...


class GuardedCharger(Charger, Protocol):
    """A charger that never stops by itself (`stops_ms` of its row is None). Where one is wired, the mains guard asks it ten times a second.

    6. Say in `runaway` that nothing but the mains relay stops it: it was commanded to stop, or may have been, and is not known to be off.
       Decide from the time and from what was sent and received, never from a task that may have died.
    7. Say so within `blind_ms` of its row less what the relay takes to fall.
    """

    def runaway(self, now_ms: int) -> bool:
        """Whether only the mains relay stops it now."""
        ...

    def mains_was_off(self) -> None:
        """The relay has taken its mains for long enough: it is off, and its set-up is lost."""
        ...


class LockBoard(Device, Protocol):
    """A board with locks.

    1. Energise a lock by one order whose length the hardware times. Never send "on" and later "off": this program may die in between.
    2. Give up a pulse that could not be sent within a second: the world may have changed since it was permitted.
    3. Where an order may be carried out though its answer got lost, send it once.
    """

    pulses_failed: int

    def pulse(self, channel: int, ms: int) -> bool:
        """Unlock a channel (from 0) for 1 to 2000 ms. False if that cannot be now."""
        ...


class LatchBoard(LockBoard, Protocol):
    """A lock board that feels its latches (`feels_latches` of its row): they take the place of those of the inputs.

    4. Set `heard_ms` to None when the latches are not known any more: the switches of its slots then count as unknown.
    """

    latches: int  # bit n: the lock of channel n is locked
    heard_ms: "int | None"  # when they were reported


class Inputs(Protocol):
    """What reads the switches of eight slots; a lock board may do both (`reads_switches` of its row).

    1. Hand over one picture of all switches at one time (`SlotInputs.take`). Half a picture is none.
    2. A broken wire reads as the unsafe state: door open, latch out, no pack, danger.
    3. Call `SlotInputs.check_age` while there is no answer.
    """

    inputs: SlotInputs

    def watched(self) -> "list[Any]":
        """The devices that may be lost, each with the attributes of Device."""
        ...
