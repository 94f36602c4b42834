"""Runs after boot.py: the cabinet. Settings and secrets lie beside this file.

If it ends, nothing is energised: the heartbeat stands still. A started watchdog resets the controller; without one (wrong
settings) the prompt is free.
"""

import main

main.main("/flash")
