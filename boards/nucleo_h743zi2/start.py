"""Runs after boot.py: the cabinet. Settings and secrets lie beside this file.

If it ends, nothing is energised: the heartbeat stands still. A started watchdog resets the controller; without one (wrong
settings) the prompt is free. Hardware that does not answer may come back: then the board starts anew after a pause.
"""

import time

import machine
import main

PAUSE_S = 10  # time to reach the prompt with Ctrl-C

if main.main("/flash") == main.EXIT_HARDWARE:
    print("start: the hardware does not answer; starting again in %d s, Ctrl-C for the prompt" % PAUSE_S)
    time.sleep(PAUSE_S)
    machine.reset()
