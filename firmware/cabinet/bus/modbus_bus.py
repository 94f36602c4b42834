"""Modbus RTU: requests for registers and coils, and the answers to them.

Frames of other units, of another function or of another length never reach a device.
"""

from cabinet.bus.modbus_frame import (
    READ_DISCRETE,
    READ_INPUT,
    WRITE_COIL,
    WRITE_MANY,
    WRITE_MANY_MAX,
    WRITE_ONE,
    answer_size,
    close,
    find_answer,
    is_echo_of,
    is_frame,
    put_registers,
    put_request,
)
from cabinet.bus.polled_bus import PolledBus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.polled_client import PolledClient


class ModbusBus(PolledBus):
    """One RS485 line and the units on it."""

    kind = "modbus"

    # ---- requests: a device calls one of these from compose() ----

    def read(self, function: int, start: int, count: int) -> bool:
        """Ask for `count` registers, or bits with READ_COILS and READ_DISCRETE. False, and nothing is sent, if the device does not
        take so many registers at once."""
        asker = self._asker
        if function > READ_DISCRETE and asker is not None and count > asker.max_registers:
            return False
        put_request(self.tx, function, start, count)
        self._want = answer_size(function, count)
        self._tx_len = 6
        return True

    def write_coil(self, coil: int, value: int) -> bool:
        """Set one coil: 0xFF00 on, 0 off. Some boards take other values, such as a time."""
        put_request(self.tx, WRITE_COIL, coil, value)
        self._want = 8
        self._tx_len = 6
        return True

    def write_register(self, register: int, value: int) -> bool:
        """Set one holding register."""
        put_request(self.tx, WRITE_ONE, register, value)
        self._want = 8
        self._tx_len = 6
        return True

    def write_registers(self, start: int, data: "bytes | bytearray") -> bool:
        """Set len(data) / 2 holding registers, at most 27."""
        if len(data) > WRITE_MANY_MAX:
            return False
        put_request(self.tx, WRITE_MANY, start, len(data) >> 1)
        self._tx_len = put_registers(self.tx, data)
        self._want = 8
        return True

    # ---- what the engine asks of a kind of line ----

    def _close(self, client: "PolledClient") -> int:
        """Complete the request in tx; returns its length."""
        return close(self.tx, client.address, self._tx_len)

    def _find(self, client: "PolledClient") -> int:
        """Where in rx the answer begins; -1 if it is not there."""
        return find_answer(self.rx, self._have, self.tx, self._want)

    def _begun(self, client: "PolledClient") -> bool:
        """Whether an answer of this unit to this function begins there and is not whole yet."""
        rx = self.rx
        have = self._have
        return have < self._want and rx[0] == self.tx[0] and (have < 2 or rx[1] == self.tx[1])

    def _whole_frame(self) -> bool:
        """Whether what was received is a good frame of any unit."""
        return is_frame(self.rx, self._have)

    def _judge(self, client: "PolledClient", at: int) -> str:
        rx = self.rx
        if rx[at + 1] & 0x80:
            return "exception"
        now_ms = self.clock.ticks_ms()
        if self.tx[1] <= READ_INPUT:
            fault = client.accept(rx, at + 3, now_ms)
            if not fault and not self._urgent:
                self._kept.keep(self._schedule.clients.index(client), rx, at, self._want)
            return fault
        return client.accept(rx, at + 2, now_ms) if is_echo_of(rx, at, self.tx) else "foreign"
