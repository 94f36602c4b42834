"""The CAN drivers beside peers that others wrote: cantools decodes, can-isotp answers, python-can is the other end of slcan."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import can
import cantools
import isotp
import pytest
from patience import PATIENCE_S
from slcan import SlcanPort

from cabinet.bus import isotp as our_isotp
from cabinet.bus.can_bus import CanBus, Frame
from cabinet.core.reading import PackReading
from cabinet.devices.bms.pack_link_can import PackLinkCan
from cabinet.devices.chargers.elcon import ElconCharger
from swapcab.paths import ROOT

FRAMES = 100_000


class HandClock:
    ms = 1_000

    def ticks_ms(self) -> int:
        return self.ms

    def ticks_us(self) -> int:
        return self.ms * 1000


class SilentPort:
    bitrate = 250_000
    stream = None

    def __init__(self) -> None:
        self.out: list[tuple[int, bytes]] = []

    def send(self, can_id: int, extended: bool, data: bytes) -> bool:
        self.out.append((can_id, bytes(data)))
        return True

    def recv(self, frame: Frame) -> bool:
        return False

    def set_filters(self, filters: list) -> None:
        """Takes everything."""

    def state(self) -> int:
        return 0

    def restart(self) -> None:
        """Never needed."""


def silent() -> Any:
    return SilentPort()


def database(name: str) -> Any:
    return cantools.database.load_file(ROOT / "tools/plant" / name)


def scaled(value: Any, factor: int) -> int:
    return round(float(value) * factor)


def test_random_charger_frames_decode_as_cantools_decodes_them() -> None:
    status = database("elcon.dbc").get_message_by_name("ChargerStatus")
    clock: Any = HandClock()
    charger = ElconCharger(CanBus("can", silent(), clock), 0xA0, clock)
    source = random.Random(1)
    for _ in range(FRAMES):
        data = bytearray(source.randbytes(8))
        charger.on_frame(0x18FF50A0, data, 8, 5)
        reported: Any = status.decode(bytes(data))
        reading = charger.reading
        assert reading.output_mv == scaled(reported["Voltage"], 1000)
        assert reading.output_ma == scaled(reported["Current"], 1000)
        assert reading.fault_bits == reported["Faults"] & 0x1F


def test_charger_commands_are_encoded_as_cantools_encodes_them() -> None:
    command = database("elcon.dbc").get_message_by_name("ChargerCommand")
    clock: Any = HandClock()
    port: Any = SilentPort()
    bus = CanBus("can", port, clock)
    charger = ElconCharger(bus, 0xA0, clock)
    source = random.Random(2)
    for _ in range(2000):
        mv, ma = source.randrange(100, 120_000), source.randrange(100, 60_000)
        charger.set(mv, ma)
        bus.step()
        sent: Any = command.decode(port.out[-1][1])
        assert sent["Stop"] == 0
        assert scaled(sent["MaxVoltage"], 1000) == mv // 100 * 100, "never more than asked for"
        assert scaled(sent["MaxCurrent"], 1000) == ma // 100 * 100


def expected_reading(frames: dict[str, Any]) -> dict[str, int] | None:
    """What a reading must be by cantools' decoding; None where it is not plausible."""
    s, lim, c, t, a = (frames[name] for name in ("PackStatus", "PackLimits", "PackCells", "PackTemperatures", "PackAlarms"))
    low, high = scaled(c["CellMin"], 1000), scaled(c["CellMax"], 1000)
    cold, hot = scaled(t["TempMin"], 10), scaled(t["TempMax"], 10)
    if s["Soc"] > 100 or s["Soh"] > 150 or not low <= high <= 6000 or not -600 <= cold <= hot <= 2000 or a["Alarms"] >= 1 << 28:
        return None
    return {
        "state_bits": s["StateBits"], "pack_mv": scaled(s["Voltage"], 1000), "current_ma": scaled(s["Current"], 1000),
        "soc_pct": s["Soc"], "soh_pct": s["Soh"], "charge_limit_ma": scaled(lim["ChargeCurrent"], 1000),
        "charge_limit_mv": scaled(lim["ChargeVoltage"], 1000), "cycles": lim["Cycles"], "cell_min_mv": low, "cell_max_mv": high,
        "temp_min_ddegc": cold, "temp_max_ddegc": hot, "alarm_bits": a["Alarms"],
    }  # fmt: skip


def some_bytes(source: random.Random, name: str) -> bytes:
    """Random, but half of the time near what a pack would say, so that whole readings come about."""
    data = bytearray(source.randbytes(8))
    if source.random() < 0.9:
        if name == "PackStatus":
            data[6], data[7] = source.randrange(101), source.randrange(151)
        elif name == "PackCells":
            low = source.randrange(6000)
            data[0:4] = low.to_bytes(2, "little") + source.randrange(low, 6001).to_bytes(2, "little")
        elif name == "PackTemperatures":
            cold = source.randrange(-600, 2000)
            data[0:4] = cold.to_bytes(2, "little", signed=True) + source.randrange(cold, 2001).to_bytes(2, "little", signed=True)
        elif name == "PackAlarms":
            data[3] &= 0x0F
    return bytes(data)


def test_random_pack_frames_decode_as_cantools_decodes_them() -> None:
    packs = database("pack_link.dbc")
    messages = [(n, packs.get_message_by_name(n)) for n in ("PackLimits", "PackCells", "PackTemperatures", "PackAlarms", "PackStatus")]
    clock: Any = HandClock()
    pack = PackLinkCan(CanBus("can", silent(), clock), 9, clock)
    source = random.Random(3)
    whole = 0
    for _ in range(FRAMES // 5):
        pack.set_need(0)
        pack.set_need(200)
        pack.reading.identity_taken_ms = clock.ms  # a frame says nothing about it
        reported: dict[str, Any] = {}
        for name, message in messages:
            data = some_bytes(source, name)
            reported[name] = message.decode(data)
            pack.on_frame((message.frame_id & 0xFFFFFF00) | 9, bytearray(data), 8, clock.ms)
        expected = expected_reading(reported)
        if expected is None:
            assert pack.reading.taken_ms is None
        else:
            whole += 1
            assert {key: getattr(pack.reading, key) for key in expected} == expected
    assert whole > FRAMES // 20


def test_an_identity_encoded_by_cantools_is_read_back() -> None:
    message = database("pack_link.dbc").get_message_by_name("PackIdentity")
    clock: Any = HandClock()
    pack = PackLinkCan(CanBus("can", silent(), clock), 9, clock)
    source = random.Random(4)
    for _ in range(500):
        serial = "".join(chr(source.randrange(0x21, 0x7F)) for _ in range(source.randrange(1, 17)))
        maker = "".join(chr(source.randrange(0x21, 0x7F)) for _ in range(source.randrange(0, 9)))
        cells, chemistry = source.randrange(1, 33), source.randrange(4)
        nominal, capacity = source.randrange(1, 65536), source.randrange(1, 65536)
        raw = {"Magic": 0x5350, "Chemistry": chemistry, "Cells": cells, "Nominal": nominal / 100, "MapVersion": 1}
        raw |= {"Capacity": capacity / 100, "Firmware": 7}
        raw |= {f"Serial{i}": serial.encode().ljust(16, b"\0")[i] for i in range(16)}
        raw |= {f"Maker{i}": maker.encode().ljust(8, b"\0")[i] for i in range(8)}
        pack.set_need(0)
        pack.set_need(200)
        for part in range(7):
            data = message.encode({"Part": part, **raw}, strict=False, padding=False)
            pack.on_frame(0x18FF1609, bytearray(data.ljust(8, b"\0")), 8, clock.ms)
        r = pack.reading
        assert (r.serial, r.maker, r.cell_count, r.nominal_mv, r.capacity_mah) == (serial, maker, cells, nominal * 10, capacity * 10)
        assert r.chemistry == (chemistry if chemistry in (1, 2) else 0)
        assert pack.fault == ""


@pytest.mark.parametrize(("stmin", "blocksize"), [(0, 0), (20, 0), (0, 2), (5, 1)])
def test_a_challenge_passes_through_can_isotp(stmin: int, blocksize: int) -> None:
    clock: Any = HandClock()
    port: Any = SilentPort()
    bus = CanBus("can", port, clock)
    tp = our_isotp.IsoTp(bus, 0x18DA09F4)
    to_pack: list[isotp.CanMessage] = []
    from_pack: list[isotp.CanMessage] = []
    address = isotp.Address(isotp.AddressingMode.NormalFixed_29bits, target_address=0xF4, source_address=0x09)
    layer = isotp.TransportLayerLogic(
        rxfn=lambda _timeout: to_pack.pop(0) if to_pack else None, txfn=from_pack.append, address=address,
        params={"stmin": stmin, "blocksize": blocksize, "tx_padding": 0},
    )  # fmt: skip
    request = b"\x01" + bytes(range(32))
    answer = b"\x41" + bytes(reversed(range(32)))
    assert tp.start(request, clock.ms)
    received = None
    end = time.monotonic() + PATIENCE_S
    while tp.state != our_isotp.DONE and time.monotonic() < end:
        bus.step()
        while port.out:
            can_id, data = port.out.pop(0)
            to_pack.append(isotp.CanMessage(arbitration_id=can_id, data=data, extended_id=True))
        layer.process(do_rx=True, do_tx=True)
        if layer.available():
            received = layer.recv()
            layer.send(answer)
        while from_pack:
            message = from_pack.pop(0)
            assert message.arbitration_id == 0x18DAF409
            tp.on_frame(bytearray(bytes(message.data).ljust(8, b"\0")), len(message.data), clock.ms)
        clock.ms += 10
        tp.tick(clock.ms)
        assert tp.state != our_isotp.FAILED
    assert received is not None and bytes(received) == request
    assert tp.answer is not None and bytes(tp.answer[: tp.length]) == answer


class MasterEnd:
    """The controller's end of a pty, without blocking."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.stream = None

    def write(self, data: bytes) -> int:
        return os.write(self.fd, data)

    def readinto(self, buf: bytearray) -> int:
        try:
            data = os.read(self.fd, len(buf))
        except BlockingIOError:
            return 0
        buf[: len(data)] = data
        return len(data)


def test_python_can_is_the_other_end_of_our_slcan() -> None:
    master, slave = os.openpty()
    line = MasterEnd(master)
    peer = can.Bus(interface="slcan", channel=os.ttyname(slave), bitrate=250_000, sleep_after_open=0)
    port = SlcanPort(line, 250_000)
    source = random.Random(5)
    sent = []
    try:
        frame = Frame()
        while port.recv(frame):
            """What python-can said to open its adapter is no frame."""
        for _ in range(500):
            extended = source.random() < 0.7
            can_id = source.randrange(1 << (29 if extended else 11))
            message = can.Message(arbitration_id=can_id, is_extended_id=extended, data=source.randbytes(source.randrange(9)))
            peer.send(message)
            end = time.monotonic() + PATIENCE_S
            while not port.recv(frame):
                assert time.monotonic() < end
            assert (frame.can_id, frame.extended) == (message.arbitration_id, extended)
            assert bytes(frame.data[: frame.length]) == bytes(message.data)
            assert port.send(message.arbitration_id, extended, message.data)
            back = None
            while back is None and time.monotonic() < end:
                back = peer.recv(1)
            assert back is not None
            assert (back.arbitration_id, back.is_extended_id, bytes(back.data)) == (message.arbitration_id, extended, bytes(message.data))
            sent.append(back)
    finally:
        peer.shutdown()
        os.close(master)
        os.close(slave)
    assert len(sent) == 500


def test_a_reading_has_every_field_that_the_link_carries() -> None:
    fields = set(vars(PackReading()))
    assert {"pack_mv", "current_ma", "soc_pct", "alarm_bits", "charge_limit_ma", "cycles"} <= fields
