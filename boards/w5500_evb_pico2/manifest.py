# What an own MicroPython image freezes: bytecode in flash, which costs no RAM. Read by MicroPython's makemanifest.py:
#   make -C ports/rp2 BOARD=W5500_EVB_PICO2 FROZEN_MANIFEST=.../boards/w5500_evb_pico2/manifest.py
# `make setup` must have fetched build/lib before. settings.json, secrets.json and boot.py remain in the file system.
# ruff: noqa: F821

include("$(PORT_DIR)/boards/manifest.py")
require("ssl")

package("cabinet", base_path="../../firmware")
module("main.py", base_path="../../firmware")
package("chips", base_path="..")
for name in ("board.py", "pins.py"):
    module(name, base_path=".")
package("umqtt", files=("simple.py",), base_path="../../build/lib")
