# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""CAN: the controller, what it receives, which chargers answer. Meanwhile the mains of the chargers is on: it supplies them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from swapcab.bench.board.unit import Unit

LEAST_MS = 1500
NPB_ASKED = (0x0040, 0x00B4, 0x00C2)  # faults, curve, configuration
NPB_TO, NPB_FROM = 0x000C0100, 0x000C0000
NPB_OFF = b"\0\0\0"


def can(unit: "Unit", port: str, bitrate: int, listen_ms: int, wanted: "list[int]") -> dict:
    """Send one frame that no device minds, listen until all that are wanted have spoken, look at the controller."""
    line = unit.can(port, bitrate)
    received = {}
    sent = line.send(0x1FFFFFFF, True, b"")
    began = unit.board.clock.ticks_ms()
    while unit.passed_ms(began) < listen_ms:
        unit.toggle()
        for frame in _frames(unit, line, 100):
            received[frame.can_id] = received.get(frame.can_id, 0) + 1
        if unit.passed_ms(began) > LEAST_MS and all([can_id in received for can_id in wanted]):
            break
    unit.beat.rest()
    return {"state": line.state(), "sent": sent, "received": ["%x" % can_id for can_id in sorted(received)],
            "frames": sum(received.values()), "overruns": getattr(line, "overruns", 0)}


def npb(unit: "Unit", port: str, bitrate: int, addresses: "list[int]", limit_ms: int) -> dict:
    """Tell each charger again and again to be off, and ask for its faults, its curve and its configuration."""
    line = unit.can(port, bitrate)
    found = {address: {} for address in addresses}
    began = unit.board.clock.ticks_ms()
    while unit.passed_ms(began) < limit_ms and min([len(said) for said in found.values()]) < len(NPB_ASKED):
        unit.toggle()
        for address in addresses:  # one after the other: a controller has few buffers
            line.send(NPB_TO | address, True, NPB_OFF)
            missing = [command for command in NPB_ASKED if command not in found[address]]
            if missing:
                line.send(NPB_TO | address, True, bytes((missing[0] & 0xFF, missing[0] >> 8)))
            for frame in _frames(unit, line, 100 // len(addresses)):
                from_whom, command = frame.can_id - NPB_FROM, frame.data[0] | frame.data[1] << 8
                if from_whom in found and frame.length >= 4 and command in NPB_ASKED:
                    found[from_whom][command] = frame.data[2] | frame.data[3] << 8
    unit.beat.rest()
    return {str(address): [found[address].get(command, -1) for command in NPB_ASKED] for address in found}


def _frames(unit: "Unit", line: "Any", milliseconds: int) -> "Any":
    """What comes in that time. One object, filled anew for each."""
    frame = _Frame()
    began = unit.board.clock.ticks_ms()
    while unit.passed_ms(began) < milliseconds:
        while line.recv(frame):
            yield frame
        unit.sleep_ms(1)


class _Frame:
    def __init__(self) -> None:
        self.can_id, self.extended, self.length, self.data = 0, False, 0, bytearray(8)
