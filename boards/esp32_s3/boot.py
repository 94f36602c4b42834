"""Runs first: brings every output to its safe level. With the service button held it ends in an error, and main.py does not run."""

import machine
import pins

for _number, _buffer, _tx, _rx, _drive in pins.SERIAL.values():
    machine.Pin(_drive, machine.Pin.OUT, value=0)
machine.Pin(pins.FLASH_CS, machine.Pin.OUT, value=1)
for _select, _interrupt in pins.CAN.values():
    machine.Pin(_select, machine.Pin.OUT, value=1)
machine.Pin(pins.HEARTBEAT, machine.Pin.OUT, value=0)

if not machine.Pin(pins.SERVICE, machine.Pin.IN, machine.Pin.PULL_UP)():
    raise RuntimeError("service: the button was held, the cabinet is not started")
