"""What holds the heap of a running MicroPython at 32-bit words: its memory is read from outside while the process is stopped.

Every block that can be reached from the interpreter's roots belongs to the nearest thing with a name on the way there: a module (its
functions, classes and constants), the objects of a class, the coroutines of a module, or the table of names. Linux only.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
from collections import Counter, deque
from pathlib import Path

BLOCK = 16  # bytes: four words
HEAD, TAIL = 1, 2  # a block's two bits in the allocation table
NAMES = "names of everything"
POOL_HEAD = struct.Struct("<IIIIII")  # of a table of names: the one before it, names before, room, used, hashes, lengths; then the names
CONST_POOLS = ("mp_qstr_const_pool", "mp_qstr_frozen_const_pool")
FUNCTIONS = ("fun_bc", "gen_wrap", "closure", "bound_meth", "property", "staticmethod", "classmethod", "cell")
# type of an object -> what a person calls it
KINDS = dict.fromkeys(FUNCTIONS, "functions") | {
    "str": "texts", "bytes": "texts", "tuple": "tuples and lists", "list": "tuples and lists", "bytearray": "buffers and arrays",
    "array": "buffers and arrays", "memoryview": "buffers and arrays", "dict": "dictionaries", "module": "dictionaries",
    "type": "classes", "instance": "attributes of objects", "gen_instance": "coroutines", "names": NAMES,
}  # fmt: skip


class HeapMap:
    """The live blocks of process `pid`, which runs `interpreter`, built with its symbols."""

    def __init__(self, pid: int, interpreter: Path) -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                self._memory = memory
                self._load(pid, interpreter)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.holders: Counter[str] = Counter()  # name -> bytes
        self.kinds: Counter[str] = Counter()  # kind of thing -> bytes
        self._follow()

    @property
    def live(self) -> int:
        """Bytes in blocks that can be reached."""
        return sum(self.holders.values())

    # --- what the process holds

    def _load(self, pid: int, interpreter: Path) -> None:
        maps = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
        spans = [(int(words[0].split("-")[0], 16), int(words[0].split("-")[1], 16), words[-1]) for words in maps]
        base = min(low for low, _, name in spans if name == str(interpreter.resolve()))
        listed = subprocess.run(["nm", "-S", str(interpreter)], capture_output=True, text=True, check=True, timeout=60).stdout
        rows = [words for words in map(str.split, listed.splitlines()) if len(words) == 4]
        symbols = {name: (int(at, 16) + base, int(size, 16)) for at, size, _, name in rows}
        self._types = {at: name.removeprefix("mp_type_") for name, (at, _) in symbols.items() if name.startswith("mp_type_")}
        state = self._words(*symbols["mp_state_ctx"])
        # in the state: where the allocation table begins, its length, finalisers, where the blocks begin and end
        table, length, self._begin, end = next(
            (state[i], state[i + 1], state[i + 3], state[i + 4])
            for i in range(len(state) - 5)
            if state[i + 1] and state[i + 4] - state[i + 3] == state[i + 1] * 4 * BLOCK
        )
        self._heap = self._words(self._begin, end - self._begin)
        self._blocks = self._sizes(self._read(table, length))
        low, high = next((low, high) for low, high, name in spans if name == "[stack]")
        self._roots = (state, self._words(low, high - low))  # in this order: what stands on the stack may be stale
        self._read_names(state, {symbols[name][0] for name in CONST_POOLS if name in symbols})

    def _read(self, address: int, size: int) -> bytes:
        self._memory.seek(address)
        return self._memory.read(size)

    def _words(self, address: int, size: int) -> tuple[int, ...]:
        return struct.unpack(f"<{size // 4}I", self._read(address, size // 4 * 4))

    def _sizes(self, marks: bytes) -> dict[int, int]:
        """Address of a block -> its bytes."""
        sizes: dict[int, int] = {}
        at = 0
        for number in range(len(marks) * 4):
            mark = marks[number >> 2] >> 2 * (number & 3) & 3
            if mark == HEAD:
                at = self._begin + number * BLOCK
                sizes[at] = BLOCK
            elif mark == TAIL:
                sizes[at] += BLOCK
        return sizes

    def _read_names(self, state: tuple[int, ...], const_pools: set[int]) -> None:
        """The tables of names point to one another, the last of them stands in the state."""
        self._name: dict[int, str] = {}
        self._of_names: set[int] = set()  # blocks
        pool = next(word for word in state if word in self._blocks and self._leads_to(word, const_pools))
        while pool:
            before, count_before, _, used, hashes, lengths = POOL_HEAD.unpack(self._read(pool, POOL_HEAD.size))
            self._of_names.update((pool, hashes, lengths))
            sizes = self._read(lengths, used)
            for index, letters in enumerate(self._words(pool + POOL_HEAD.size, 4 * used)):
                self._of_names.add(letters)
                self._name[(count_before & 0x7FFFFFFF) + index] = self._read(letters, sizes[index]).decode()
            pool = before

    def _leads_to(self, pool: int, const_pools: set[int]) -> bool:
        for _ in range(32):  # each is twice as large as the one before
            if pool in const_pools:
                return True
            if pool not in self._blocks:
                return False
            pool = self._word(pool)
        return False

    def _word(self, address: int) -> int:
        at = (address - self._begin) >> 2
        return self._heap[at] if 0 <= at < len(self._heap) else 0

    def _content(self, address: int) -> tuple[int, ...]:
        at = (address - self._begin) >> 2
        return self._heap[at : at + self._blocks[address] // 4]

    # --- what a block is

    def _type(self, address: int) -> str:
        """The type of an object; "" of memory that belongs to one."""
        if address in self._of_names:
            return "names"
        first = self._word(address)
        if first in self._types:
            return self._types[first]
        return "instance" if first in self._blocks and self._types.get(self._word(first)) == "type" else ""

    def _look_up(self, dictionary: int, name: str) -> str:
        """A name that is found under another."""
        room, table = self._word(dictionary + 8), self._word(dictionary + 12)
        for at in range(table, table + 8 * room, 8):
            key, value = self._word(at), self._word(at + 4)
            if key & 7 == 2 and value & 7 == 2 and self._name.get(key >> 3) == name:
                return self._name.get(value >> 3, "?")
        return "?"

    def _module(self, context: int) -> str:
        """Of a module, or of what points to one."""
        return "module " + self._look_up(self._word(context + 4), "__name__") if context in self._blocks else "frozen modules"

    def _own_name(self, address: int, kind: str) -> str:
        """The name of a block itself; "" if the block belongs to the one that points to it."""
        if kind == "names":
            return NAMES
        if kind == "module":
            return self._module(address)
        if kind in ("fun_bc", "gen_wrap"):
            return self._module(self._word(address + 4))
        if kind == "type":
            dictionaries = [word for word in self._content(address)[3:] if word in self._blocks and self._type(word) == "dict"]
            return "module " + self._look_up(dictionaries[-1], "__module__") if dictionaries else "frozen modules"
        if kind == "instance":
            return "objects of " + self._name.get(self._word(self._word(address) + 4) >> 16, "?")
        if kind == "gen_instance":
            return "coroutines of " + self._module(self._word(self._word(address + 8) + 4)).removeprefix("module ")
        return ""

    def _memory_of(self, owner: int, inherited: str) -> str:
        """What a block without a type is, by what points to it."""
        kind = self._type(owner)
        if kind in FUNCTIONS:
            return "bytecode"
        if kind == "module":
            return "constants of modules"
        return KINDS.get(kind, "the rest") if kind else inherited

    def _follow(self) -> None:
        """Breadth first from the roots: a block without a name takes the name of the first block that points to it."""
        found: dict[int, tuple[str, str]] = {}  # block -> its name, and what it is
        queue: deque[int] = deque()

        def visit(address: int, owner: int) -> None:
            if address in found or address not in self._blocks:
                return
            heir, inherited = found.get(owner, ("interpreter", "the rest"))
            kind = self._type(address)
            name = self._own_name(address, kind) or heir
            what = KINDS.get(kind, "the rest") if kind else self._memory_of(owner, inherited)
            found[address] = name, what
            self.holders[name] += self._blocks[address]
            self.kinds[what] += self._blocks[address]
            queue.append(address)

        for roots in self._roots:
            for word in roots:
                visit(word, 0)
            while queue:
                address = queue.popleft()
                for word in self._content(address):
                    visit(word, address)
