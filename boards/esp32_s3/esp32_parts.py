"""Flash partitions, Wi-Fi and the random source on MicroPython's ESP32 port."""

import errno
import os

import esp32
import network
from chips.board_parts import refuse_stuck

from cabinet.store.block_area import BlockArea

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMESPACE = "swapcab"


def partition(name: str, size: int) -> BlockArea:
    """A raw data partition. Raises OSError where the partition table has none, or one that cannot be used raw."""
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=name)
    if not found:
        raise OSError(errno.ENODEV, "no partition %s: write boards/esp32_s3/partitions.csv to the flash (docs/boards.md)" % name)
    info: "Any" = found[0].info()  # (type, subtype, address, size, label, encrypted)
    if info[3] < size:
        raise OSError(errno.ENODEV, "partition %s has %d bytes; %d are needed" % (name, info[3], size))
    if info[5]:
        raise OSError(errno.EACCES, "partition %s is encrypted: bits cannot be cleared in place there" % name)
    return BlockArea(found[0])


def credentials() -> "tuple[str, str]":
    """(network name, passphrase) from the module's non-volatile storage; empty where none were written."""
    found = []
    store = esp32.NVS(_NAMESPACE)
    buffer = bytearray(64)
    for key in ("ssid", "psk"):
        try:
            found.append(buffer[: store.get_blob(key, buffer)].decode())
        except OSError:
            found.append("")
    return found[0], found[1]


def station() -> "Any":
    """The Wi-Fi station, on and connecting; the port reconnects by itself, without end."""
    wlan: "Any" = network.WLAN(network.STA_IF)
    if not wlan.active():
        wlan.active(True)
        wlan.config(pm=wlan.PM_NONE)  # a station that sleeps answers late
        name, passphrase = credentials()
        if name:
            wlan.connect(name, passphrase)
    return wlan


def true_random(count: int) -> bytes:
    """Bytes of the hardware generator. Raises OSError if it has no source of noise.

    It has one only while the radio is on; otherwise the output is pseudo-random, by Espressif's documentation.
    """
    if not station().active():
        raise OSError(errno.ENODEV, "random source: the radio is off, so the generator has no noise")
    data = os.urandom(count)
    if len(data) != count:
        raise OSError(errno.EIO, "random source: too few bytes")
    return refuse_stuck(data)
