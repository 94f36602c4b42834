"""Whatever boards a cabinet has, each slot gets its lock and its switches."""

import json

from cabinet.startup import settings as config
from cabinet.startup.wiring import Wiring


class Clock:
    def ticks_ms(self):
        return 1000

    def ticks_us(self):
        return 1_000_000


class Line:
    baud = 19200
    stream = None


class Port:
    def __init__(self, what):
        self.what = what


class Board:
    name = "any"
    clock = Clock()

    def serial(self, port, baud):
        return Line()

    def inputs(self, port, index):
        return Port((port, index))

    def pulses(self, port, index):
        return Port((port, index))


def wired(io, inputs, buses):
    slots = 20
    text = json.dumps({
        "cabinet": {"id": "c", "slots": slots},
        "buses": dict(buses, packs={"kind": "modbus", "port": "a", "baud": 9600}, can={"kind": "can", "port": "b", "baud": 250000}),
        "groups": [{
            "first_slot": 1, "last_slot": slots,
            "pack": {"bus": "packs", "driver": "pack-link-modbus", "first_address": 1},
            "charger": {"bus": "can", "driver": "elcon", "first_address": 1},
            "io": io, "inputs": inputs,
        }],
        "uplink": {"host": "h"},
    })
    settings = config.parse(text)
    app = object.__new__(Wiring)
    app.board = Board()
    app.clock = app.board.clock
    app.buses = {}
    app.boards = {}
    app.devices = []
    app.cabinet_reading = None
    app.kiosk = None
    app._open_buses({name: bus for name, bus in settings.buses.items() if bus.kind != "can" and name != "packs"})
    locks = [app._lock_board(w) for w in settings.slots]
    return app, settings.slots, locks, [app._switches(w, board) for w, board in zip(settings.slots, locks)]


def test_sixteen_locks_a_board_beside_eight_switches_a_pair_of_expanders():
    app, slots, locks, switches = wired(
        {"bus": "locks", "driver": "kr-cu16", "first_address": 0}, {"bus": "gpio", "driver": "pin-inputs", "first_address": 0},
        {"locks": {"kind": "kerong", "port": "x", "baud": 19200}, "gpio": {"kind": "pins", "port": "expanders", "baud": 400000}},
    )
    assert locks[0] is locks[15] and locks[16] is locks[19] is not locks[0]
    assert len({id(s) for s in switches}) == 20
    inputs = [app.boards[("gpio", k, "pin-inputs")].inputs for k in range(3)]
    assert [(i.feedback, i.feedback_shift) for i in inputs] == [(locks[0], 0), (locks[0], 8), (locks[16], 0)]
    assert app.cabinet_reading is inputs[0].cabinet and inputs[1].cabinet is None
    assert switches[8] is inputs[1].slots[0] and len(app.devices) == 5
    assert [c._port.what for c in app.buses["gpio"].clients] == [("expanders", 0), ("expanders", 1), ("expanders", 2)]


def test_relay_boards_beside_input_boards_on_one_line():
    for driver in ("xunming", "waveshare"):
        app, slots, locks, switches = wired(
            {"bus": "io", "driver": driver, "first_address": 1}, {"bus": "io", "driver": "waveshare-inputs", "first_address": 10},
            {"io": {"kind": "modbus", "port": "x", "baud": 9600}},
        )
        assert sorted(c.address for c in app.buses["io"].clients) == [1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20]
        assert len({id(s) for s in switches}) == 20 and len(app.devices) == 13


def test_locks_on_pins():
    app, slots, locks, switches = wired(
        {"bus": "gpio", "driver": "pins", "first_address": 0}, {"bus": "gpio", "driver": "pin-inputs", "first_address": 0},
        {"gpio": {"kind": "pins", "port": "native", "baud": 400000}},
    )
    assert [board.name for board in locks] == ["locks 0"] * 8 + ["locks 1"] * 8 + ["locks 2"] * 4
