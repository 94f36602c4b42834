"""MicroPython's old name of `binascii`, which umqtt.simple 1.3.4 imports."""

from binascii import *  # noqa: F403
