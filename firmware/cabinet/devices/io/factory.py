"""Which lock boards and which inputs a driver's name stands for. Imported only where a cabinet has others than slot boards."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board


def lock_board(driver: str, bus: "Any", address: int, board: "Board", port: str) -> "Any":
    """The board with the locks. Raises ValueError where the hardware times no pulses."""
    if driver == "kr-cu16":
        from cabinet.devices.io.kr_cu16 import KrCu16

        return KrCu16(bus, address, board.clock)
    if driver == "pins":
        from cabinet.devices.io.pins import PinLocks

        pulses: "Any" = getattr(board, "pulses", None)
        if pulses is None:
            raise ValueError("bus {}: the board {} times no lock pulses by itself, and this program must not".format(bus.name, board.name))
        return PinLocks(bus, address, pulses(port, address))
    from cabinet.devices.io import relay_boards

    made = relay_boards.XunmingBoard if driver == "xunming" else relay_boards.WaveshareBoard
    return made(bus, address, board.clock)


def input_device(driver: str, bus: "Any", address: int, board: "Board", port: str, first_slot: int) -> "tuple[Any, list]":
    """(the SlotInputs of eight slots, the devices that may be lost)."""
    if driver == "waveshare-inputs":
        from cabinet.devices.io.waveshare_inputs import WaveshareInputs

        made = WaveshareInputs(bus, address, board.clock, first_slot)
        return made.inputs, made.boards
    from cabinet.devices.io.pins import PinInputs

    inputs: "Any" = getattr(board, "inputs", None)
    if inputs is None:
        raise ValueError("bus {}: the board {} has no inputs of its own".format(bus.name, board.name))
    pins = PinInputs(bus, address, inputs(port, address), first_slot)
    return pins.inputs, [pins]
