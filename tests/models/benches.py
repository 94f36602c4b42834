"""Every reference board on stand-ins, with what the conformance checks need to know of each. Both interpreters."""

import gpio_modules
import stm32_modules

ROOT = __file__.replace("\\", "/")[: -len("tests/models/benches.py")] or "./"


class Bench:
    """A board, the hardware behind it, and where that is to be looked at."""

    def __init__(self, name, world, module, drives, heartbeat, most_watchdog_ms):
        self.name = name
        self.world = world
        self.module = module
        self.pins = module.pins
        self.board = module.Board("/")
        self.drives = drives  # serial line -> pin of its driver enable
        self.heartbeat = heartbeat  # pin
        self.most_watchdog_ms = most_watchdog_ms

    def uart(self, port):
        """The UART behind a serial line."""
        return self.world.uarts[self.pins.SERIAL[port][0]]


def nucleo():
    """NUCLEO-H743ZI2."""
    world = stm32_modules.World()
    module = stm32_modules.load(world, ROOT + "boards/nucleo_h743zi2", ("board", "pins", "stm32_can", "stm32_parts"))
    return Bench("nucleo_h743zi2", world, module, {"rs485-packs": "D4", "rs485-io": "C8"}, "E9", 32000)


def _gpio(name, port, modules, cans, flash_select, most_watchdog_ms):
    world = gpio_modules.World(port, cans, flash_select)
    module = gpio_modules.load(world, ROOT + "boards/" + name, ("board", "pins") + modules)
    drives = {line: row[4] for line, row in module.pins.SERIAL.items()}
    return Bench(name, world, module, drives, module.pins.HEARTBEAT, most_watchdog_ms)


def esp32_s3():
    """ESP32-S3-DevKitC-1."""
    return _gpio("esp32_s3", "esp32", ("esp32_parts",), {"can-1": (10, 9), "can-2": (14, 21)}, -1, 60000)


def esp32_s3_with_flash_chip():
    """The same with the W25Q fitted."""
    bench = _gpio("esp32_s3", "esp32", ("esp32_parts",), {"can-1": (10, 9), "can-2": (14, 21)}, 8, 60000)
    bench.pins.FLASH_ON_SPI = True
    return bench


def w5500_evb_pico2():
    """W5500-EVB-Pico2."""
    return _gpio("w5500_evb_pico2", "rp2", (), {"can-1": (14, 15), "can-2": (26, 27)}, 13, 8388)


MODELLED = (nucleo, esp32_s3, esp32_s3_with_flash_chip, w5500_evb_pico2)
