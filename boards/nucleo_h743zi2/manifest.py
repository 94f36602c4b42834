# What an own MicroPython image freezes: bytecode in flash, which costs no RAM. Read by MicroPython's makemanifest.py:
#   make BOARD=SWAPCAB_H743ZI2 FROZEN_MANIFEST=.../boards/nucleo_h743zi2/manifest.py
# `make setup` must have fetched build/lib before. settings.json, secrets.json, boot.py and start.py remain in the file system.
# ruff: noqa: F821

include("$(PORT_DIR)/boards/manifest.py")
require("ssl")

package("cabinet", base_path="../../firmware")
module("main.py", base_path="../../firmware")
package("chips", base_path="..")
for name in ("board.py", "pins.py", "stm32_can.py", "stm32_parts.py"):
    module(name, base_path=".")
package("umqtt", files=("simple.py",), base_path="../../build/lib")
