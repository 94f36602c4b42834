# What an own MicroPython image freezes: bytecode in flash, which costs no RAM. Read by MicroPython's makemanifest.py:
#   make -C ports/esp32 BOARD=ESP32_GENERIC_S3 FROZEN_MANIFEST=.../boards/esp32_s3/manifest.py
# `make setup` must have fetched build/lib before. settings.json, secrets.json and boot.py remain in the file system.
# ruff: noqa: F821

include("$(PORT_DIR)/boards/manifest.py")
require("ssl")

package("cabinet", base_path="../../firmware")
module("main.py", base_path="../../firmware")
package("chips", base_path="..")
for name in ("board.py", "pins.py", "esp32_parts.py"):
    module(name, base_path=".")
package("umqtt", files=("simple.py",), base_path="../../build/lib")
