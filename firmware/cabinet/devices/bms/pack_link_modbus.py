"""A pack that speaks the Swapcab pack link over Modbus RTU (docs/pack-link.md)."""

import asyncio

from micropython import const

from cabinet.bus import cell_view
from cabinet.bus.modbus_frame import READ_HOLDING
from cabinet.bus.polled_client import SILENT_AFTER, PolledClient
from cabinet.core import ticks
from cabinet.devices.bms import pack_link
from cabinet.devices.bms.pack_age import IDENTITY_PERIOD_MS, check_age, moves
from cabinet.devices.bms.pack_link import MAGIC, PackLink, i16_be, u16_be

_IDENTITY = const(0x0000)
_STATUS = const(0x0100)
_CELLS = const(0x0140)
_TEMPERATURES = const(0x0160)
_NONCE = const(0x0200)
_MAC = const(0x0210)
_IDENTITY_SIZE = const(24)
_STATUS_SIZE = const(21)  # not that of the identity: a late answer to one cannot pass for the other
_PROVE_MS = const(5_000)
_PROVE_POLL_MS = const(40)
_COUNTER_JUMP = const(3_000)  # more measurements than a pack takes between two polls

# what is under way
_ASK_IDENTITY = const(1)
_ASK_STATUS = const(2)
_SEND_NONCE = const(3)
_ASK_MAC = const(4)
_ASK_CELLS = const(5)
_ASK_TEMPERATURES = const(6)

_MAC_READY = const(2)
_MAC_ERROR = const(3)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.ports import Clock


class _Challenge:
    """While one is under way."""

    def __init__(self, nonce: bytes, now_ms: int) -> None:
        self.nonce = nonce
        self.sent = False
        self.began_ms = self.ask_ms = now_ms


class PackLinkModbus(PolledClient, PackLink):
    """The pack at one unit address (= slot number)."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock") -> None:
        self.clock = clock
        self._begin()
        self._asking = 0
        self._known = False  # the identity holds for the pack that answers now
        self._proof = None  # the challenge that is under way
        self.mac = None  # the answer to the last one, until somebody has taken it
        PolledClient.__init__(self, bus, address, "pack {}".format(address))

    def forget(self) -> None:
        """The pack is gone."""
        self._forget_pack()
        self._known = False
        self._asking = 0  # an answer that is still under way is that of a pack that has left
        self._end_proof(None)

    async def prove(self, nonce: bytes) -> "bytes | None":
        """Have the pack answer a challenge: the 32-byte MAC, or None if it does not in time."""
        if not self.start_proof(nonce):
            return None
        while not self.proof_over(self.clock.ticks_ms()):
            await asyncio.sleep_ms(10)
        mac = self.mac
        self.mac = None
        return mac

    def start_proof(self, nonce: bytes) -> bool:
        """Begin to challenge the pack; False if it is not asked for now, or a challenge is under way."""
        if len(nonce) != 32 or not self.period_ms or self._proof is not None:
            return False
        self.mac = None
        self._proof = _Challenge(nonce, self.clock.ticks_ms())
        return True

    def proof_over(self, now_ms: int) -> bool:
        """Push the challenge on; True when it is over, and then the answer is in `mac`."""
        proof = self._proof
        if proof is None:
            return True
        if ticks.diff(now_ms, proof.began_ms) > _PROVE_MS or self.fails >= SILENT_AFTER:
            self._end_proof(None)
            return True
        if not self.urgent and ticks.diff(now_ms, proof.ask_ms) >= 0:
            self.urgent = True
            proof.ask_ms = ticks.add(now_ms, _PROVE_POLL_MS)
        return False

    def _end_proof(self, mac: "bytes | None") -> None:
        self.mac = mac
        self._proof = None
        self.urgent = False

    # ---- called by the bus ----

    def compose(self, now_ms: int) -> bool:
        """The next request of this pack."""
        bus = self.bus
        if self.urgent:
            self.urgent = False
            proof = self._proof
            if proof is not None:
                if proof.sent:
                    self._asking = _ASK_MAC
                    return bus.read(READ_HOLDING, _MAC, 17)
                self._asking = _SEND_NONCE
                return bus.write_registers(_NONCE, proof.nonce)
        taken = self.reading.identity_taken_ms
        if not self._known or taken is None or ticks.diff(now_ms, taken) > IDENTITY_PERIOD_MS:
            self._asking = _ASK_IDENTITY
            return bus.read(READ_HOLDING, _IDENTITY, _IDENTITY_SIZE)
        view = bus.cells
        if view is not None and view.owner is self and view.step < cell_view.ALL_ASKED:
            view.step += 1
            if view.step == cell_view.CELLS_ASKED:
                self._asking = _ASK_CELLS
                return bus.read(READ_HOLDING, _CELLS, cell_view.CELLS)
            self._asking = _ASK_TEMPERATURES
            return bus.read(READ_HOLDING, _TEMPERATURES, cell_view.TEMPERATURES)
        self._asking = _ASK_STATUS
        return bus.read(READ_HOLDING, _STATUS, _STATUS_SIZE)

    def accept(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """An answer."""
        if not self.period_ms:
            return ""  # nobody wants to know any more
        asking = self._asking
        if asking == _ASK_STATUS:
            return self._take_status(buf, at, now_ms)
        if asking == _ASK_IDENTITY:
            return self._take_identity(buf, at, now_ms)
        if asking >= _ASK_CELLS:
            self.again = True
            return self._take_cells(buf, at) if asking == _ASK_CELLS else self._take_temperatures(buf, at)
        proof = self._proof
        if proof is None or not asking:
            return ""
        if asking == _SEND_NONCE:
            proof.sent = True
        elif u16_be(buf, at) == _MAC_READY:
            self._end_proof(bytes(buf[at + 2 : at + 34]))
        elif u16_be(buf, at) >= _MAC_ERROR:
            self._end_proof(None)
        return ""

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer."""
        if self.fails >= SILENT_AFTER:
            self._known = False  # whoever answers next must say who it is
        check_age(self.reading, now_ms)

    def _take_identity(self, buf: "bytearray", at: int, now_ms: int) -> str:
        if u16_be(buf, at) != MAGIC or buf[at + 2] != 1:  # any minor version of map 1
            return "implausible"
        fault = self._identify(
            buf, at + 6, at + 22, u16_be(buf, at + 30), u16_be(buf, at + 32), u16_be(buf, at + 34) * 10, u16_be(buf, at + 36) * 10, now_ms
        )
        if not fault:
            self._known = True
            self.again = True
        return fault

    def _take_cells(self, buf: "bytearray", at: int) -> str:
        view = self.bus.cells
        if view is None or view.owner is not self:
            return ""
        for i in range(min(self.reading.cell_count, cell_view.CELLS)):
            if not view.cell(i, u16_be(buf, at + 2 * i)):
                return "implausible"
        return ""

    def _take_temperatures(self, buf: "bytearray", at: int) -> str:
        view = self.bus.cells
        if view is None or view.owner is not self:
            return ""
        for i in range(cell_view.TEMPERATURES):
            value = i16_be(buf, at + 2 * i)
            if value:  # sensors that a pack does not have read 0
                if not pack_link.temperatures_plausible(value, value):
                    return "implausible"
                view.temperature(i, value)
        return ""

    def _take_status(self, buf: "bytearray", at: int, now_ms: int) -> str:
        counter = u16_be(buf, at)
        volt_high = u16_be(buf, at + 8)
        amp_high = i16_be(buf, at + 12)
        if volt_high > 0x0FFF or not -0x0FFF <= amp_high <= 0x0FFF or u16_be(buf, at + 4) > 0x0FFF:
            return "implausible"
        pack_mv = volt_high << 16 | u16_be(buf, at + 10)
        current_ma = amp_high * 65536 + u16_be(buf, at + 14)
        soc = u16_be(buf, at + 16)
        soh = u16_be(buf, at + 18)
        cell_min = u16_be(buf, at + 20)
        cell_max = u16_be(buf, at + 22)
        temp_min = i16_be(buf, at + 26)
        temp_max = i16_be(buf, at + 28)
        if soc > 1000 or soh > 1500 or not pack_link.power_plausible(pack_mv, current_ma):
            return "implausible"
        if not pack_link.cells_plausible(cell_min, cell_max) or not pack_link.temperatures_plausible(temp_min, temp_max):
            return "implausible"
        reading = self.reading
        old = reading.counter
        had = reading.taken_ms is not None
        if not moves(self, counter, now_ms):
            return "frozen"
        if had and (counter - old) & 0xFFFF > _COUNTER_JUMP:
            self._known = False  # restarted, or another pack: who is it?
            self.again = True
        reading.state_bits = u16_be(buf, at + 2)
        reading.alarm_bits = u16_be(buf, at + 4) << 16 | u16_be(buf, at + 6)
        reading.pack_mv = pack_mv
        reading.current_ma = current_ma
        reading.soc_pct = soc // 10
        reading.soh_pct = soh // 10
        reading.cell_min_mv = cell_min
        reading.cell_max_mv = cell_max
        reading.temp_min_ddegc = temp_min
        reading.temp_max_ddegc = temp_max
        reading.charge_limit_ma = u16_be(buf, at + 32) * 10
        reading.charge_limit_mv = u16_be(buf, at + 36) * 10
        reading.cycles = u16_be(buf, at + 38)
        reading.taken_ms = now_ms
        self.stats.renewed(now_ms)
        return ""
