"""MicroPython's old name of `socket`, which umqtt.simple 1.3.4 imports."""

from socket import *  # noqa: F403
