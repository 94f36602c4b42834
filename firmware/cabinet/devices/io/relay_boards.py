"""Lock boards on Modbus that have no switches of their own worth believing: the pulse is theirs, the switches are read elsewhere.

Both time the pulse themselves, from one order. Neither ever gets "on" and later "off".
"""

from micropython import const

from cabinet.bus.modbus_frame import READ_COILS
from cabinet.devices.io.lock_board import LockBoard

_CHANNELS = const(8)
_PERIOD_MS = const(1000)

_XUNMING_LOCK = const(101)  # coil of the first lock; the value written is the time in ms
_WAVESHARE_FLASH = const(0x0200)  # "flash on" of the first relay; the value is the time in 100 ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.ports import Clock


class XunmingBoard(LockBoard):
    """Eight locks; a lock's coil takes the milliseconds that it is to be held open. 0 and 0xFF00, 0xFFFF mean other things: never sent."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock") -> None:
        LockBoard.__init__(self, bus, address, "lock board {}".format(address), clock, _CHANNELS, _PERIOD_MS)

    def send_pulse(self, channel: int, ms: int) -> bool:
        """Hold open for `ms`."""
        return self.bus.write_coil(_XUNMING_LOCK + channel, ms)

    def ask(self, now_ms: int) -> bool:
        """Whether it is there."""
        return self.bus.read(READ_COILS, _XUNMING_LOCK, _CHANNELS)

    def take(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """It is."""
        self.stats.renewed(now_ms)
        return ""


class WaveshareBoard(LockBoard):
    """Eight relays with the command "flash on", which closes one for a time in steps of 100 ms."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock") -> None:
        LockBoard.__init__(self, bus, address, "relay board {}".format(address), clock, _CHANNELS, _PERIOD_MS)

    def send_pulse(self, channel: int, ms: int) -> bool:
        """Close for `ms`, rounded up to 100 ms."""
        return self.bus.write_coil(_WAVESHARE_FLASH + channel, (ms + 99) // 100)

    def ask(self, now_ms: int) -> bool:
        """Whether it is there."""
        return self.bus.read(READ_COILS, 0, _CHANNELS)

    def take(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """It is."""
        self.stats.renewed(now_ms)
        return ""
