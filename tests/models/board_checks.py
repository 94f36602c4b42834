"""The board contract as checks that any board must pass: on stand-ins, on the unix board, on real hardware. Both interpreters."""

from cabinet.core import events
from cabinet.store.journal import Journal
from cabinet.store.state import StateStore

AREAS = (("journal-a", 524288), ("journal-b", 131072), ("state", 32768))


def refusal(call, *args):
    """The exception that a call ends with."""
    try:
        call(*args)
    except (OSError, ValueError) as error:
        return error
    return None


def contracts(root):
    """{contract: names of its attributes and methods}, read from ports.py."""
    found = {}
    with open(root + "firmware/cabinet/ports.py") as source:
        for line in source:
            words = line.replace("(", " ").replace(":", " ").split()
            if line.startswith("class "):
                found[words[1]] = names = []
            elif line.startswith("    def ") or line.startswith("    async def "):
                names.append(words[words.index("def") + 1])
            elif line.startswith("    ") and line[4].isalpha() and ":" in line and " " not in line.strip().split(":")[0]:
                names.append(words[0])
    return found


def has_every_name(board, root, serial="rs485-packs", can="can-1"):
    """Each part offers what its contract names."""
    parts = {"Board": board, "Clock": board.clock, "FlashArea": board.flash("journal-a"), "Network": board.network()}
    parts.update({"Watchdog": board.watchdog(5000), "Heartbeat": board.heartbeat()})
    if serial:
        parts["SerialLine"] = board.serial(serial, 115200)
    if can:
        parts["CanPort"] = board.can(can, 250000)
    names = contracts(root)
    for contract, part in parts.items():
        assert names[contract], contract
        for name in names[contract]:
            assert hasattr(part, name), contract + "." + name


def refuses_unknown_names(board):
    """ValueError, and what there is instead."""
    wrong = ((board.serial, ("rs485-9", 9600)), (board.can, ("can-9", 250000)), (board.flash, ("photos",)), (board.network, ("nowhere",)))
    for call, args in wrong:
        error = refusal(call, *args)
        assert isinstance(error, ValueError) and len(str(error)) > 20, (args, error)


def flash_is_flash(board):
    """Erasing sets ones, programming clears bits, areas do not overlap, nothing goes past their ends."""
    areas = [board.flash(name) for name, _size in AREAS]
    one = bytearray(1)
    for i, (name, size) in enumerate(AREAS):
        area = areas[i]
        assert area.size == size and area.sector_size >= 1024 and size % area.sector_size == 0, name
        assert area.sector_size % area.page_size == 0
        last = size - area.sector_size
        for at in (0, last):
            area.erase(at)
    for i, area in enumerate(areas):
        for at in (0, area.size - 1):
            area.read(at, one)
            assert one[0] == 0xFF
            area.program(at, bytes((0xF0 | i,)))
    for i, area in enumerate(areas):
        for at in (0, area.size - 1):
            area.read(at, one)
            assert one[0] == 0xF0 | i, "areas lie over each other"
        area.program(0, b"\x0f")
        area.read(0, one)
        assert one[0] == i & 0x0F, "programming must only clear bits"
        area.erase(0)
        area.read(0, one)
        assert one[0] == 0xFF
        if hasattr(area, "begin_erase"):
            assert not area.busy()
            area.program(0, b"\0")
            area.begin_erase(0)
            while area.busy():
                pass
            area.read(0, one)
            assert one[0] == 0xFF


def keeps_a_journal(board):
    """Events and state come back after a start."""
    for round_ in range(2):
        journal = Journal(board.flash("journal-a"), board.flash("journal-b"), bytes(32), board.clock)
        state = StateStore(board.flash("state"))
        if round_ == 0:
            first = journal.append(events.make("swap.refused", 1, "P1", 7, "test"))
            state.put("swap", b"seven")
            journal.idle()
        else:
            record = journal.read(0, first - 1)
            assert record is not None and record.event.values[0] == 7
            assert state.get("swap") == b"seven"


def ticks_wrap(board, clock):
    """Both ticks wrap at 2**30."""
    clock.now_us = (1 << 30) * 1000 + 7000
    assert board.clock.ticks_ms() == 7
    assert 0 <= board.clock.ticks_us() < 1 << 30


def clock_is_honest(board):
    """Time is unknown, or it is one after 2024; what is synchronised is believed; nonsense is refused."""
    clock = board.clock
    assert (clock.wall_s() > 1735689600) == (clock.quality() > 0)
    if hasattr(clock, "synchronise"):
        assert isinstance(refusal(clock.synchronise, 5), ValueError)
        clock.synchronise(1795354200)
        assert clock.quality() == 2 and clock.wall_s() > 1735689600


def random_is_random(board):
    """The right number, never twice the same."""
    for count in (0, 1, 16, 32, 33, 100):
        assert len(board.random_bytes(count)) == count
    seen = {bytes(board.random_bytes(16)) for _ in range(8)}
    assert len(seen) == 8


def cause_is_a_word(board):
    """One of five."""
    assert board.reset_cause() in ("power_on", "watchdog", "soft", "hard", "unknown")


def network_tells_its_state(board, world):
    """No link, no stream; with a link the name server that DHCP gave is asked."""
    network = board.network()
    assert not network.is_up()
    coroutine = network.connect("192.0.2.1", 1883, None)
    failed = refusal(coroutine.send, None)
    assert isinstance(failed, OSError), failed
    world.link = 3
    assert network.is_up()
    coroutine = network.connect("192.0.2.1", 1883, None)
    try:
        coroutine.send(None)
        opened = None
    except StopIteration as done:
        opened = done.value
    assert opened and opened[:3] == ("192.0.2.1", 1883, None) and opened[3] is network
    looked_up = network.lookup("broker.example.org")
    try:
        looked_up.send(None)
        found = None
    except StopIteration as done:
        found = done.value
    assert found == "192.0.2.53 knows broker.example.org", found
    assert isinstance(refusal(board.network, "fax"), ValueError) and board.network(network.name) is network
