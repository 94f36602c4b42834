"""Runs first: brings every output to its safe level, then lets start.py run, or not.

Hold the blue button while the board starts to keep the cabinet from starting: then the prompt and mpremote are free. A file
`service` does the same once, after any reset but a power cut: `swapcab bench` leaves it for itself.
"""

import os

import machine
import pins
import pyb

SERVICE = "/flash/service"


def asked() -> bool:
    """Whether the cabinet remains off this once."""
    try:
        os.remove(SERVICE)
    except OSError:
        return False
    return machine.reset_cause() != machine.PWRON_RESET


for _number, _buffer, _drive in pins.SERIAL.values():
    if _drive:
        machine.Pin(getattr(machine.Pin.cpu, _drive), machine.Pin.OUT, value=0)
machine.Pin(getattr(machine.Pin.cpu, pins.FLASH_CS), machine.Pin.OUT, value=1)
machine.Pin(getattr(machine.Pin.cpu, pins.HEARTBEAT), machine.Pin.OUT, value=0)

if pyb.Switch().value() or asked():
    print("service: asked for, the cabinet is not started")
    pyb.main("no_start.py")
else:
    pyb.main("start.py")
