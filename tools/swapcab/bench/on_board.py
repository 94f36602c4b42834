# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""What `swapcab bench` runs on the controller: it takes things and measures, and judges nothing. Sent as source over the raw REPL.

Each method of `Unit` gives a dictionary. Nothing of the firmware runs meanwhile: the heartbeat stands still, so the mains
relay of the chargers is open but for the seconds of its own check. Nothing in the journal is changed.
"""

import gc
import json
import os
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = 0x3FFFFFFF
AREAS = (("journal-a", "A"), ("journal-b", "B"), ("state", "S"))


def reach_firmware() -> None:
    """Make the modules of the installed firmware importable, as the start of the cabinet would."""
    try:
        switch = __import__("switch")
    except ImportError:
        return  # frozen into the image, or mounted
    copy = switch.choose()[0]
    if copy is None or copy.path in sys.path or switch.MOUNT in sys.path:
        return
    if copy.path != "/rom":
        import vfs

        vfs.mount(copy, switch.MOUNT)
    sys.path.insert(0, "/rom" if copy.path == "/rom" else switch.MOUNT)


def folder_of_settings() -> str:
    """Where settings.json lies."""
    for folder in ("", "/flash"):
        try:
            os.stat(folder + "/settings.json")
            return folder
        except OSError:
            continue
    return ""


class Unit:
    """The controller under test. `sleep_ms` is given by tests that have a clock of their own."""

    def __init__(self, board: "Any" = None, folder: "str | None" = None, sleep_ms: "Any" = None) -> None:
        if board is None:
            reach_firmware()
            from board import Board

            board = Board("/")
        self.board = board
        self.folder = folder_of_settings() if folder is None else folder
        given: "Any" = time
        self.sleep_ms = sleep_ms or given.sleep_ms
        self._lines = {}
        self._cans = {}
        self._beat: "Any" = None
        self._dog: "Any" = None

    # ---- what it is

    def identity(self) -> dict:
        """Names and versions; no key ever."""
        import machine

        said: "Any" = sys.implementation
        found = {
            "board": self.board.name,
            "machine": getattr(said, "_machine", ""),
            "micropython": ".".join([str(part) for part in said.version[:3]]),
            "serial": "".join(["%02x" % byte for byte in machine.unique_id()]),
            "reset_cause": self.board.reset_cause(),
            "firmware": "",
            "cabinet": "",
            "settings": "",
        }
        try:
            from cabinet.runtime.version import VERSION

            found["firmware"] = VERSION
        except ImportError:
            found["firmware"] = ""  # none is installed
        settings = self._json("settings.json")
        if settings:
            found["cabinet"] = settings["cabinet"]["id"]
            found["settings"] = self._digest("settings.json")
        return found

    def settings(self) -> dict:
        """Buses, groups and broker, as far as the checks need them."""
        whole = self._json("settings.json")
        wanted = ("cabinet", "buses", "groups")
        found = {name: whole[name] for name in wanted if name in whole}
        uplink = whole.get("uplink", {})
        found["uplink"] = {name: uplink[name] for name in ("host", "port", "tls") if name in uplink}
        found["pulse_ms"] = whole.get("control", {}).get("pulse_ms", 300)
        return found

    def _json(self, name: str) -> dict:
        try:
            with open(self.folder + "/" + name) as file:
                return json.load(file)
        except OSError:
            return {}

    def _digest(self, name: str) -> str:
        import hashlib

        with open(self.folder + "/" + name, "rb") as file:
            return "".join(["%02x" % byte for byte in hashlib.sha256(file.read()).digest()[:4]])

    # ---- memory, random numbers, time

    def memory(self) -> dict:
        """Heap and file system in bytes."""
        gc.collect()
        heap: "Any" = gc
        stat = os.statvfs(self.folder or "/")
        in_rom = "/rom" in sys.path or "switch" not in sys.modules
        return {"heap_free": heap.mem_free(), "heap_used": heap.mem_alloc(), "disk_free": stat[0] * stat[3], "disk": stat[0] * stat[2],
                "in_rom": in_rom, "word": 8 if sys.maxsize >> 32 else 4}

    def random(self) -> dict:
        """How random 2,048 bytes look, and whether a start gives the same ones (the host keeps the digest)."""
        ones, longest, run, last = 0, 1, 1, -1
        counts = bytearray(256)
        first = b""
        for _ in range(16):
            data = self.board.random_bytes(128)
            first = first or bytes(data[:16])
            for byte in data:
                counts[byte] = min(255, counts[byte] + 1)
                run = run + 1 if byte == last else 1
                longest, last = max(longest, run), byte
                while byte:
                    ones += byte & 1
                    byte >>= 1
        return {"ones": ones, "bits": 16384, "longest_run": longest, "most_of_one": max(counts), "seen": sum([1 for c in counts if c]),
                "first": "".join(["%02x" % byte for byte in first])}

    def now(self) -> dict:
        """The clocks at this moment."""
        clock = self.board.clock
        return {"ticks_ms": clock.ticks_ms(), "wall_s": clock.wall_s(), "quality": clock.quality(), "fault": getattr(clock, "fault", "")}

    # ---- serial lines

    def _line(self, port: str, baud: int) -> "Any":
        if port not in self._lines:
            self._lines[port] = self.board.serial(port, baud)
        return self._lines[port]

    def ask(self, port: str, baud: int, unit: int, function: int, start: int, value: int, tries: int = 1) -> dict:
        """Modbus requests to one device: how many were answered, how; the data of the last good answer as hex."""
        line = self._line(port, baud)
        counts = {"good": 0, "crc": 0, "silent": 0, "echo": 0, "refused": 0, "garbage": 0, "data": "", "ms": 0}
        for _ in range(tries):
            kind, data, took_ms = self._exchange(line, baud, bytes((unit, function)) + struct.pack(">HH", start, value))
            counts[kind] += 1
            if kind == "good":
                counts["data"] = "".join(["%02x" % byte for byte in data])
                counts["ms"] = max(counts["ms"], took_ms)
            self.sleep_ms(5)
        return counts

    def _exchange(self, line: "Any", baud: int, request: bytes) -> "tuple[str, bytes, int]":
        from cabinet.devices.crc16 import crc16

        frame = bytearray(request)
        check = crc16(frame, 0, len(frame))
        frame.append(check & 0xFF)
        frame.append(check >> 8)
        buf = bytearray(64)
        while line.readinto(buf):
            pass
        line.write(frame)
        got = bytearray()
        began = self.board.clock.ticks_ms()
        quiet_ms = 20 + 60000 // baud
        last = began
        while True:
            count = line.readinto(buf)
            now = self.board.clock.ticks_ms()
            if count:
                got.extend(memoryview(buf)[:count])
                last = now
            elif (now - last) & _MASK > (quiet_ms if got else 300):
                break
            else:
                self.sleep_ms(1)
        if not got:
            return "silent", b"", 0
        if got[: len(frame)] == frame and (request[1] != 6 or len(got) > len(frame)):
            return "echo", b"", 0
        if got[0] == frame[0] and len(got) >= 5:
            if crc16(got, 0, len(got) - 2) == got[-2] | got[-1] << 8:
                return ("refused" if got[1] & 0x80 else "good"), bytes(got[2:-2]), (last - began) & _MASK
            return "crc", b"", 0
        return "garbage", b"", 0

    # ---- CAN

    def can(self, port: str, bitrate: int, listen_ms: int) -> dict:
        """Listen, send one frame that no device minds, look at the controller."""
        if port not in self._cans:
            opened = self._cans[port] = self.board.can(port, bitrate)
            opened.set_filters([(0, 0, True), (0, 0, False)])
        line = self._cans[port]
        frame = _Frame()
        heard = {}
        sent = line.send(0x1FFFFFFF, True, b"")
        clock = self.board.clock
        began = clock.ticks_ms()
        while (clock.ticks_ms() - began) & _MASK < listen_ms:
            while line.recv(frame):
                heard[frame.can_id] = heard.get(frame.can_id, 0) + 1
            self.sleep_ms(1)
        return {"state": line.state(), "sent": sent, "heard": ["%x" % can_id for can_id in sorted(heard)],
                "frames": sum(heard.values()), "overruns": getattr(line, "overruns", 0)}

    # ---- relay, watchdog

    def relay(self, hold_ms: int) -> dict:
        """Toggle the heartbeat for so long, as a living supervisor does, and then no more, as one whose loop is wedged.

        The last level is the high one: a charge pump whose first capacitor is shorted is held by it."""
        if self._beat is None:
            self._beat = self.board.heartbeat()
        toggles = hold_ms // 100 | 1
        for _ in range(toggles):
            self._beat.toggle()
            self.sleep_ms(100)
        return {"toggles": toggles}

    def watchdog(self, timeout_ms: int) -> dict:
        """Start it and never feed it. After the reset the cabinet is not to start."""
        if self.sleep_ms is getattr(time, "sleep_ms", None):
            try:
                open("/service", "w").close()
            except OSError:
                print("no /service here")
        self._dog = self.board.watchdog(timeout_ms)
        return {"timeout_ms": timeout_ms}

    # ---- flash

    def journal(self, name: str, letter: str, most: int) -> dict:
        """Read an area twice; try up to `most` sectors that hold nothing, and leave them as they were."""
        from cabinet.store import layout

        area = self.board.flash(name)
        magic = layout.magic(letter)
        header = bytearray(layout.SECTOR_HEADER)
        kinds = [0] * 5
        free, unstable = [], 0
        for base in range(0, area.size, area.sector_size):
            area.read(base, header)
            first = bytes(header)
            area.read(base, header)
            unstable += first != header
            kind = layout.classify(header, magic)
            kinds[kind] += 1
            if kind == layout.DIRTY and not self._blank(area, base):
                free.insert(0, (base, kind, first[: layout.FMT_SIZE]))  # given up, or it did not erase: looked at first
            elif kind in (layout.READY, layout.DIRTY):
                free.append((base, kind, first[: layout.FMT_SIZE]))
        bad = []
        self._erase_ms = 0
        for base, kind, mark in free[:most]:
            if not self._try_sector(area, base):
                bad.append(base // area.sector_size)
            elif kind == layout.READY:
                layout.put_fmt(header, magic, struct.unpack("<I", mark[4:8])[0] + 2)
                area.program(base, header[: layout.FMT_SIZE])
        return {"sectors": sum(kinds), "with_records": kinds[3] + kinds[4], "ready": kinds[2], "tried": min(most, len(free)),
                "bad": bad, "unstable": unstable, "erase_ms": self._erase_ms, "beside": hasattr(area, "begin_erase")}

    def _blank(self, area: "Any", base: int) -> bool:
        buf = bytearray(64)
        for at in range(base, base + area.sector_size, 64):
            area.read(at, buf)
            if buf != b"\xff" * 64:
                return False
        return True

    def _try_sector(self, area: "Any", base: int) -> bool:
        """Erase, write both patterns, erase."""
        try:
            self._erase(area, base)
            if not self._blank(area, base):
                return False
            page = bytearray(area.page_size)
            back = bytearray(area.page_size)
            for pattern in (0x55, 0x00):
                for i in range(len(page)):
                    page[i] = pattern
                for at in (base, base + area.sector_size - area.page_size):
                    area.program(at, page)
                    area.read(at, back)
                    if back != page:
                        return False
            self._erase(area, base)
            return self._blank(area, base)
        except OSError:
            return False

    def _erase(self, area: "Any", base: int) -> None:
        began = self.board.clock.ticks_ms()
        area.erase(base)
        self._erase_ms = max(self._erase_ms, (self.board.clock.ticks_ms() - began) & _MASK)

    # ---- network

    def link(self, wait_ms: int) -> dict:
        """Whether the interface gets an address."""
        network = self.board.network()
        clock = self.board.clock
        began = clock.ticks_ms()
        while not network.is_up() and (clock.ticks_ms() - began) & _MASK < wait_ms:
            self.sleep_ms(50)
        return {"up": network.is_up(), "ms": (clock.ticks_ms() - began) & _MASK}

    def broker(self) -> dict:
        """Open the stream to the broker and say CONNECT; `step` tells how far it came, `code` is what the broker answered."""
        import asyncio

        return asyncio.run(self._broker())

    def _secrets(self) -> dict:
        found = self._json("secrets.json")
        if not found:
            try:
                with open(self.folder + "/secrets.sealed", "rb") as file:
                    sealed = file.read()
            except OSError:
                return {}
            import machine

            from cabinet.trust.sealed import unseal

            found = json.loads(unseal(sealed, machine.unique_id()))
        return found

    async def _broker(self) -> dict:
        import asyncio

        uplink = self._json("settings.json").get("uplink", {})
        secrets = self._secrets()
        tls = None
        if uplink.get("tls") == "on":
            with open(self.folder + "/" + uplink["ca_file"], "rb") as file:
                tls = {"ca": file.read()}
        opened = self.board.network().connect(uplink["host"], uplink.get("port", 1883), tls)
        try:
            reader, writer = await asyncio.wait_for(opened, 15)
        except (OSError, asyncio.TimeoutError) as error:
            return {"step": "connect", "error": "%s %s" % (type(error).__name__, error)}
        client = b"swapcab-bench"
        flags, body = 2, _text(client)
        if uplink.get("user"):
            flags |= 0xC0
            body += _text(uplink["user"].encode()) + _text(secrets.get("uplink_password", "").encode())
        packet = _text(b"MQTT") + bytes((4, flags, 0, 10)) + body
        writer.write(bytes((0x10, len(packet))) + packet)
        try:
            await writer.drain()
            answer = await asyncio.wait_for(reader.readexactly(4), 10)
            writer.write(b"\xe0\0")
            await writer.drain()
            writer.close()
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            return {"step": "mqtt", "error": "%s %s" % (type(error).__name__, error)}
        return {"step": "done", "code": answer[3] if answer[0] == 0x20 else -1}

    # ---- the loop

    def loop(self, buses: list, seconds: int) -> dict:
        """The firmware's own bus code on the slot boards: period of each, and the longest that a 10 ms ticker had to wait."""
        import asyncio

        return asyncio.run(self._loop(buses, seconds))

    async def _loop(self, buses: list, seconds: int) -> dict:
        import asyncio

        from cabinet.bus.modbus_bus import ModbusBus
        from cabinet.devices.io.slot_board import SlotBoard

        clock = self.board.clock
        boards, tasks = [], []
        for name, port, baud, units in buses:
            bus = ModbusBus(name, self._line(port, baud), clock)
            boards += [SlotBoard(bus, unit, clock, 1 + 8 * i) for i, unit in enumerate(units)]
            tasks.append(asyncio.create_task(bus.run()))
        gap_us, late = 0, clock.ticks_us()
        began = clock.ticks_ms()
        given: "Any" = asyncio
        gc.collect()
        while (clock.ticks_ms() - began) & _MASK < seconds * 1000:
            await given.sleep_ms(10)
            now = clock.ticks_us()
            gap_us, late = max(gap_us, (now - late) & _MASK), now
        for task in tasks:
            task.cancel()
        collected = clock.ticks_us()
        gc.collect()
        return {"gap_us": gap_us, "collect_us": (clock.ticks_us() - collected) & _MASK,
                "scan_ms": max([board.stats.period_ms_max for board in boards]) if boards else 0}


class _Frame:
    def __init__(self) -> None:
        self.can_id, self.extended, self.length, self.data = 0, False, 0, bytearray(8)


def _text(data: bytes) -> bytes:
    return bytes((len(data) >> 8, len(data) & 0xFF)) + data


def call(unit: Unit, name: str, arguments: list) -> None:
    """One method; its answer, or what went wrong, as one JSON line between marks."""
    try:
        answer = {"ok": getattr(unit, name)(*arguments)}
    except Exception as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    print("\n@bench " + json.dumps(answer))
