"""The pack link and the I/O board as register images and CAN payloads, computed from the models. Portable.

What stands here in `struct` is written a second time, independently, in pack_link.dbc: the tests hold the two against each other.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.cabinet_world import World
    from plant.charger import Charger
    from plant.pack import Pack
    from plant.slot import Slot
    from plant.status import Status

MAGIC = 0x5350
MAP_VERSION = 0x0100
FEATURE_PROOF = 1 << 0
IDENTITY, STATUS, CELLS, TEMPERATURES, NONCE, ANSWER = 0x0000, 0x0100, 0x0140, 0x0160, 0x0200, 0x0210
MAX_READ = 64
LOCK_BASE = 0x0100
CHANNELS = 8  # slots that one I/O board serves

# ---- Modbus: packs


def text_registers(text: str, registers: int) -> list:
    """ASCII, two characters a register, padded with zeros."""
    raw = text.encode()[: registers * 2]
    raw += bytes(registers * 2 - len(raw))
    return list(struct.unpack(">%dH" % registers, raw))


def identity_registers(pack: "Pack") -> list:
    """Block 0x0000, 24 registers."""
    head = [MAGIC, MAP_VERSION, FEATURE_PROOF]
    tail = [pack.chemistry, pack.cells, pack.nominal_mv // 10, pack.capacity_mah // 10, pack.firmware, len(pack.sensor_offsets), 0, 0, 0]
    return head + text_registers(pack.serial, 8) + text_registers(pack.maker, 4) + tail


def status_registers(s: "Status") -> list:
    """Block 0x0100, 24 registers."""
    return [
        s.counter,
        s.state,
        s.alarms >> 16,
        s.alarms & 0xFFFF,
        s.pack_mv >> 16,
        s.pack_mv & 0xFFFF,
        (s.current_ma >> 16) & 0xFFFF,
        s.current_ma & 0xFFFF,
        s.soc_dpct,
        s.soh_dpct,
        s.cell_min,
        s.cell_max,
        s.index_min << 8 | s.index_max,
        s.temp_min & 0xFFFF,
        s.temp_max & 0xFFFF,
        s.temp_mos & 0xFFFF,
        s.charge_ma // 10,
        s.discharge_ma // 10,
        s.charge_mv // 10,
        s.cycles,
        s.remaining_mah // 10,
        0,
        0,
        0,
    ]


def answer_registers(pack: "Pack") -> list:
    """Block 0x0210, 17 registers: status of the proof and the MAC."""
    status = pack.proof_status()
    mac = pack.mac if status == 2 and pack.mac is not None else bytes(32)
    return [status] + list(struct.unpack(">16H", mac))


def pack_registers(pack: "Pack", address: int, count: int) -> "list | None":
    """Holding registers, or None where there are none (exception 2)."""
    if not 1 <= count <= MAX_READ:
        return None
    if address >= ANSWER:
        base, block = ANSWER, answer_registers(pack)
    elif address >= TEMPERATURES:
        temps = pack.status().temps
        base, block = TEMPERATURES, [t & 0xFFFF for t in temps] + [0] * (16 - len(temps))
    elif address >= CELLS:
        cells = pack.status().cells
        base, block = CELLS, cells + [0] * (32 - len(cells))
    elif address >= STATUS:
        base, block = STATUS, status_registers(pack.status())
    else:
        base, block = IDENTITY, identity_registers(pack)
    first = address - base
    if first < 0 or first + count > len(block):
        return None
    return block[first : first + count]


def pack_write(pack: "Pack", address: int, values: list) -> bool:
    """FC16: a challenge in one piece. False where nothing may be written (exception 2)."""
    if address != NONCE or len(values) != 16:
        return False
    pack.challenge(struct.pack(">16H", *values))
    return True


# ---- Modbus: I/O boards


def board_slots(world: "World", board: int) -> "list[Slot]":
    """The slots of board 1, 2, ..."""
    return world.slots[(board - 1) * CHANNELS : board * CHANNELS]


def board_inputs(world: "World", board: int) -> list:
    """32 discrete inputs."""
    bits = [False] * 32
    for n, slot in enumerate(board_slots(world, board)):
        bits[n] = slot.door_closed
        bits[8 + n] = slot.locked
        bits[16 + n] = slot.present()
    if board == 1:
        for n, danger in enumerate(("smoke", "water", "emergency_stop", "tilt", "gas", "ground_fault", "fan", "mains_lost")):
            bits[24 + n] = bool(world.dangers.get(danger))
        bits[31] = bits[31] or not world.mains
    return bits


def board_temperatures(world: "World", board: int) -> list:
    """9 input registers: the cabinet and 8 compartments; a sensor that has come off reads 0x7FFF."""
    temps = [int(world.ambient_c * 10) & 0xFFFF]
    temps += [0x7FFF if s.sensor_lost else int(s.temp_c * 10) & 0xFFFF for s in board_slots(world, board)]
    return temps + [0] * (9 - len(temps))


def board_read_lock(world: "World", board: int, address: int, count: int) -> "list | None":
    """Milliseconds of pulse left, or None."""
    slots = board_slots(world, board)
    first = address - LOCK_BASE
    if first < 0 or count < 1 or first + count > CHANNELS:
        return None
    return [int(slots[n].pulse_left * 1000 + 0.5) if n < len(slots) else 0 for n in range(first, first + count)]


def board_pulse(world: "World", board: int, address: int, milliseconds: int) -> int:
    """FC06. 0 if the pulse runs, else the Modbus exception code."""
    slots = board_slots(world, board)
    n = address - LOCK_BASE
    if not 0 <= n < len(slots):
        return 2
    if not 1 <= milliseconds <= 2000:
        return 3
    slots[n].pulse(milliseconds)
    return 0


# ---- CAN: packs

PACK_STATUS, PACK_LIMITS, PACK_CELLS_MINMAX, PACK_TEMPERATURES, PACK_ALARMS, PACK_CELL_GROUP, PACK_IDENTITY = range(7)
CAN_BASE = 0x18FF1000
CAN_PERIOD_MS = (200, 500, 500, 500, 500, 200, 200)
CHALLENGE_ID = 0x18DA00F4  # | node << 8
ANSWER_ID = 0x18DAF400  # | node
IDENTITY_PARTS = 7


def can_id(frame: int, node: int) -> int:
    """29-bit id of one of the seven frames."""
    return CAN_BASE | frame << 8 | node


def can_values(pack: "Pack", frame: int, part: int = 0) -> dict:
    """Raw signal values by name, as in pack_link.dbc. `part` is the cell group or the part of the identity."""
    s = pack.status()
    if frame == PACK_STATUS:
        return {
            "Counter": s.counter & 0xFF,
            "StateBits": s.state,
            "Voltage": s.pack_mv // 10,
            "Current": max(-32768, min(32767, s.current_ma // 10)),
            "Soc": (s.soc_dpct + 5) // 10,
            "Soh": s.soh_dpct // 10,
        }
    if frame == PACK_LIMITS:
        return {
            "ChargeCurrent": s.charge_ma // 10,
            "ChargeVoltage": s.charge_mv // 10,
            "DischargeCurrent": s.discharge_ma // 10,
            "Cycles": s.cycles,
        }
    if frame == PACK_CELLS_MINMAX:
        return {"CellMin": s.cell_min, "CellMax": s.cell_max, "IndexMin": s.index_min, "IndexMax": s.index_max, "Reserved": 0}
    if frame == PACK_TEMPERATURES:
        return {"TempMin": s.temp_min, "TempMax": s.temp_max, "TempMos": s.temp_mos, "Sensors": len(s.temps), "Reserved": 0}
    if frame == PACK_ALARMS:
        return {"Alarms": s.alarms, "Remaining": s.remaining_mah}
    if frame == PACK_CELL_GROUP:
        cells = s.cells[3 * part : 3 * part + 3]
        cells = cells + [0] * (3 - len(cells))
        values = {"Group": part, "Reserved": 0}
        for n in range(3):
            values["Cell%d" % (3 * part + n + 1)] = cells[n]
        return values
    return _identity_values(pack, part)


def _identity_values(pack: "Pack", part: int) -> dict:
    values = {"Part": part}
    if part == 0:
        values.update({"Magic": MAGIC, "Chemistry": pack.chemistry, "Cells": pack.cells, "Nominal": pack.nominal_mv // 10, "MapVersion": 1})
    elif part == 1:
        values.update({"Capacity": pack.capacity_mah // 10, "Firmware": pack.firmware})
    else:
        if part < 5:
            text, first, name = pack.serial, 7 * (part - 2), "Serial"
        else:
            text, first, name = pack.maker, 7 * (part - 5), "Maker"
        length = 16 if part < 5 else 8
        for n in range(first, min(first + 7, length)):
            values["%s%d" % (name, n)] = ord(text[n]) if n < len(text) else 0
    return values


def cell_groups(pack: "Pack") -> int:
    """How many cell frames a round has."""
    return (pack.cells + 2) // 3


def can_payload(pack: "Pack", frame: int, part: int = 0) -> bytes:
    """The eight bytes of a frame, by struct."""
    v = can_values(pack, frame, part)
    if frame == PACK_STATUS:
        return struct.pack("<BBHhBB", v["Counter"], v["StateBits"], v["Voltage"], v["Current"], v["Soc"], v["Soh"])
    if frame == PACK_LIMITS:
        return struct.pack("<HHHH", v["ChargeCurrent"], v["ChargeVoltage"], v["DischargeCurrent"], v["Cycles"])
    if frame == PACK_CELLS_MINMAX:
        return struct.pack("<HHBBH", v["CellMin"], v["CellMax"], v["IndexMin"], v["IndexMax"], 0)
    if frame == PACK_TEMPERATURES:
        return struct.pack("<hhhBB", v["TempMin"], v["TempMax"], v["TempMos"], v["Sensors"], 0)
    if frame == PACK_ALARMS:
        return struct.pack("<II", v["Alarms"], v["Remaining"])
    if frame == PACK_CELL_GROUP:
        return struct.pack("<BHHHB", part, v["Cell%d" % (3 * part + 1)], v["Cell%d" % (3 * part + 2)], v["Cell%d" % (3 * part + 3)], 0)
    if part == 0:
        return struct.pack("<BHBBHB", 0, v["Magic"], v["Chemistry"], v["Cells"], v["Nominal"], v["MapVersion"])
    if part == 1:
        return struct.pack("<BHHBBB", 1, v["Capacity"], v["Firmware"], 0, 0, 0)
    text = (pack.serial.encode() + bytes(16))[:16] if part < 5 else (pack.maker.encode() + bytes(8))[:8]
    first = 7 * (part - 2) if part < 5 else 7 * (part - 5)
    chunk = text[first : first + 7]
    return bytes([part]) + chunk + bytes(7 - len(chunk))


# ---- CAN: Elcon/TC chargers


def charger_status(charger: "Charger") -> dict:
    """Raw signal values of the status frame, as in elcon.dbc."""
    return {"Voltage": int(charger.out_v * 10 + 0.5), "Current": int(charger.out_a * 10 + 0.5), "Faults": charger.faults}


def charger_payload(charger: "Charger") -> bytes:
    """The status frame by struct (big endian)."""
    v = charger_status(charger)
    return struct.pack(">HHBBBB", v["Voltage"], v["Current"], v["Faults"], 0, 0, 0)


def charger_command(charger: "Charger", data: bytes) -> bool:
    """A command frame arrived; False if it is none."""
    if len(data) != 8:
        return False
    volts, amps, stop = struct.unpack(">HHB", data[:5])
    charger.command(volts / 10.0, amps / 10.0, stop == 0)
    return True
