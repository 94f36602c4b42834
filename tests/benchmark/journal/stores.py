# ruff: noqa: UP031, SIM105, SIM115 (runs under MicroPython)
"""One way to keep events on flash, measured: `micropython stores.py NAME`; prints a JSON object.

1,000 events of 120 bytes, acknowledged by tens, on 1 MiB of NOR flash with 4 KiB sectors and 256-byte pages. The peers are
littlefs (VfsLfs2) designs that people build; each reports an event as stored when it would survive a cut.
"""

import gc
import json
import os
import sys
import time

from nor_flash import NorFlash

EVENTS = 1000
PAYLOAD = 120
SIZE = 1 << 20
PROGRAM_MS = 3  # datasheet maxima of a W25Q: a page, a sector
ERASE_MS = 450


class Clock:
    """A fixed instant."""

    def ticks_ms(self):
        """Ticks."""
        return 123456789

    def wall_s(self):
        """Time."""
        return 1767225600

    def quality(self):
        """Synchronised."""
        return 2


class Disk:
    """The flash as a block device of the extended kind, which littlefs needs."""

    def __init__(self, flash, program_size):
        self.flash = flash
        self.program_size = program_size

    def readblocks(self, n, buf, offset=0):
        """Read."""
        self.flash.read(n * 4096 + offset, buf)

    def writeblocks(self, n, buf, offset=None):
        """Program, page by page; without an offset erase first."""
        if offset is None:
            self.flash.erase(n * 4096)
            offset = 0
        view = memoryview(buf)
        at = n * 4096 + offset
        done = 0
        while done < len(view):
            size = min(256 - at % 256, len(view) - done)
            self.flash.program(at, view[done : done + size])
            at += size
            done += size

    def ioctl(self, op, arg):
        """Size, erase."""
        if op == 4:
            return self.flash.size // 4096
        if op == 5:
            return 4096
        if op == 6:
            self.flash.erase(arg * 4096)
            return 0
        return 0


def payload_event(n):
    """An event whose payload has exactly 120 bytes."""
    from cabinet.core import events
    from cabinet.store import event_codec

    buf = bytearray(600)
    for size in range(40, 100):
        event = events.make("task.restarted", 7, "SP24-00123", "drain", "x" * size)
        length = event_codec.encode(buf, 0, 12, 123456789, 1767225600, 2, event)
        if length == PAYLOAD:
            return event
    raise ValueError("no such event")


class Ring:
    """The firmware's journal."""

    def __init__(self, flash, chain=True):
        self.flash = flash
        self.chain = chain
        self.area_b = NorFlash(8 * 4096)
        from cabinet.trust.hmac import HmacKey

        self.key = HmacKey(b"k" * 32)
        self.open()
        self.event = payload_event(0)

    def open(self):
        """Recover."""
        from cabinet.store.area import AreaPart
        from cabinet.store.journal import Journal

        if not self.chain:
            from cabinet.trust.hmac import HmacKey

            HmacKey.mac = lambda self, *parts: b"12345678"
        self.journal = Journal(AreaPart(self.flash, 0, SIZE), self.area_b, b"k" * 32, Clock(), 0)

    def one_ring(self):
        """Recover ring A alone, with its own buffers; the key is there already."""
        from cabinet.store.ring import Buffers, Ring

        return Ring(self.flash, "A", self.key, Buffers())

    def append(self, n):
        """Store an event."""
        self.journal.append(self.event)

    def ack(self, n):
        """Acknowledge up to it."""
        self.journal.ack(0, self.journal.head(0))

    def idle(self):
        """Between bus polls."""
        self.journal.idle()


class Little:
    """littlefs designs: how the events and the acknowledged number are kept."""

    def __init__(self, flash, mode, program_size=32):
        self.flash = flash
        self.mode = mode
        self.disk = Disk(flash, program_size)
        self.line = b"e" * PAYLOAD
        if mode == "json":
            envelope = {"v": 1, "boot": 12, "ring": "A", "seq": 1, "time": 1767225600, "type": "task.restarted", "slot": 7}
            self.line = json.dumps(envelope).encode() + b"\n"
        self.file = None
        self.count = 0
        self.vfs().mkfs(self.disk, progsize=program_size)
        self.open()

    def vfs(self):
        """The class, whatever the port calls its module."""
        import vfs

        return vfs.VfsLfs2

    def open(self):
        """Mount, and find where writing goes on and what is acknowledged."""
        import vfs

        try:
            vfs.umount("/f")
        except OSError:
            pass
        vfs.mount(self.vfs()(self.disk, progsize=self.disk.program_size), "/f")
        if self.mode in ("kept", "sixteen"):
            self.file = open("/f/log", "ab")
        elif self.mode == "segments":
            self.number = max([int(name) for name in os.listdir("/f") if name.isdigit()] or [0])
        try:
            with open("/f/cursor") as file:
                int(file.read() or "0")
        except OSError:
            pass

    def append(self, n):
        """Store an event."""
        mode = self.mode
        if mode == "kept":
            self.file.write(self.line)
            self.file.flush()
        elif mode == "sixteen":
            self.file.write(self.line)
            if n % 16 == 15:
                self.file.flush()
        elif mode == "segments":
            with open("/f/%d" % self.number, "ab") as file:
                file.write(self.line)
                if file.tell() >= 4096 - PAYLOAD:
                    self.number += 1
        else:
            with open("/f/log", "ab") as file:
                file.write(self.line)

    def ack(self, n):
        """Acknowledge up to it."""
        with open("/f/cursor", "w") as file:
            file.write(str(n))

    def idle(self):
        """Nothing to do."""


def measure(name):
    """All figures of one store."""
    flash = NorFlash(SIZE)
    store = Ring(flash, name != "ring without chain") if name.startswith("ring") else Little(flash, name)
    for _ in range(12):
        store.idle()
    flash.programmed = flash.erases = flash.programs = 0
    worst_erases = worst_stall = idle_erases = 0
    took_us = []
    for n in range(EVENTS):
        if n % 50 == 0:
            gc.collect()
        programs, erases = flash.programs, flash.erases
        start = time.ticks_us()
        store.append(n)
        took = time.ticks_diff(time.ticks_us(), start)
        took_us.append(took)
        worst_erases = max(worst_erases, flash.erases - erases)
        worst_stall = max(worst_stall, (flash.programs - programs) * PROGRAM_MS + (flash.erases - erases) * ERASE_MS)
        if n % 10 == 9:
            programs, erases = flash.programs, flash.erases
            store.ack(n)
            worst_stall = max(worst_stall, (flash.programs - programs) * PROGRAM_MS + (flash.erases - erases) * ERASE_MS)
        erases = flash.erases
        store.idle()
        idle_erases += flash.erases - erases
    figures = {
        "name": name,
        "bytes_per_event": flash.programmed / EVENTS,
        "times_payload": flash.programmed / EVENTS / PAYLOAD,
        "erases_per_event": flash.erases / EVENTS,
        "erases_append_path": (flash.erases - idle_erases) / EVENTS,
        "worst_erases_append": worst_erases,
        "worst_stall_ms": worst_stall,
        "took_us": {"append": took_us},
    }
    # half full, nothing acknowledged, then a restart
    for n in range(SIZE // 2 // 140 - EVENTS):
        store.append(EVENTS + n)
        store.idle()
    gc.collect()
    flash.reads = flash.read_bytes = 0
    store.journal = store.file = None
    gc.collect()
    before = gc.mem_alloc()
    store.open()
    gc.collect()
    figures["ram"] = gc.mem_alloc() - before
    figures["recovery_reads"] = flash.reads
    figures["recovery_read_bytes"] = flash.read_bytes
    if name.startswith("ring"):
        slices(store.journal, figures)
        store.journal = None
        gc.collect()
        before = gc.mem_alloc()
        start = time.ticks_us()
        ring = store.one_ring()
        figures["recovery_us"] = time.ticks_diff(time.ticks_us(), start)
        gc.collect()
        figures["ram_one_ring"] = gc.mem_alloc() - before
        figures["sectors"] = ring.count
    return figures


def slices(journal, figures):
    """The longest that one call holds the loop, of each kind."""
    took_us = figures["took_us"]
    for kind in ("read", "ack", "idle"):
        took_us[kind] = []
    after = 0
    for n in range(2000):
        if n % 50 == 0:
            gc.collect()
        start = time.ticks_us()
        record = journal.read(0, after)
        took_us["read"].append(time.ticks_diff(time.ticks_us(), start))
        if record is None:
            break
        after = record.sequence
        if n % 10 == 9:
            start = time.ticks_us()
            journal.ack(0, after)
            took_us["ack"].append(time.ticks_diff(time.ticks_us(), start))
            start = time.ticks_us()
            journal.idle()
            took_us["idle"].append(time.ticks_diff(time.ticks_us(), start))


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
