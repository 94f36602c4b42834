"""The portable nodes and the wire ends made of pymodbus, cantools and can-isotp say the same, byte for byte."""

import asyncio
import random
import struct

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from plant.cabinet_world import World
from plant.frames import RtuUnits, sealed
from plant.rng import Rng
from plant.wire_modbus import BoardRegisters, PackRegisters, Registers


def pymodbus_answer(registers: Registers, request: bytes) -> "bytes | None":
    from pymodbus.exceptions import NoSuchIdException

    framer = FramerRTU(DecodePDU(True))
    _, pdu = framer.handleFrame(request, 0, 0)
    if pdu is None:
        return None
    try:
        response = asyncio.run(pdu.datastore_update(registers, pdu.dev_id))  # type: ignore[arg-type]
    except NoSuchIdException:
        return None
    response.dev_id = pdu.dev_id
    return framer.buildFrame(response)


def a_request(dice: random.Random) -> bytes:
    unit = dice.choice((1, 2, 3, 4, 8, 9))
    kind = dice.choice((2, 3, 3, 3, 4, 6, 16))
    address = dice.choice((0, 0x100, 0x140, 0x160, 0x200, 0x210, dice.randrange(0x300)))
    if kind == 16:
        count = dice.choice((16, 16, 1, 15))
        return sealed(struct.pack(">BBHHB", unit, 16, address, count, 2 * count) + dice.randbytes(2 * count))
    if kind == 6:
        return sealed(struct.pack(">BBHH", unit, 6, dice.choice((0x100, 0x103, 0x107, 0x108, 0)), dice.choice((0, 1, 300, 2000, 2001))))
    return sealed(struct.pack(">BBHH", unit, kind, address, dice.choice((1, 8, 9, 16, 17, 24, 32, 40, 64, 65))))


def test_packs_and_boards_answer_alike_from_both_ends() -> None:
    dice = random.Random(5)
    world = World(12, 3)
    pairs = (
        (RtuUnits(world, Rng(1)), PackRegisters(world)),
        (RtuUnits(world, Rng(1), boards=True), BoardRegisters(world)),
    )
    answered = 0
    for _ in range(1500):
        request = a_request(dice)
        for units, registers in pairs:
            ours = units.answer(request)
            theirs = pymodbus_answer(registers, request)
            assert (ours[1] if ours else None) == theirs, request.hex()
            answered += theirs is not None
        for slot in world.slots:  # what was pulsed or asked is forgotten before the next
            slot.pulse_left = 0.0
    assert answered > 1000
