"""Both rings and the state store held against each other at a start: what one of them remembers, another cannot have forgotten.

The state store keeps the boot number and the newest sequences of the rings as they were at the start before. Loaded once.
"""

import struct

from micropython import const

from cabinet.store.ring import JournalFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.store.journal import Journal
    from cabinet.store.state import StateStore

_NAME = "journal"
_FORM = "<III"  # boot number, newest sequence of ring A, of ring B
_YOUNG = const(3)  # starts after which a state store holds something, whatever cut them short


def check(journal: "Journal", state: "StateStore") -> bool:
    """Journal what a ring has lost, and never give a boot number twice. False if the state store itself is empty and cannot be."""
    raw = state.get(_NAME)
    whole = raw is not None or journal.boot <= _YOUNG or bool(state.names())
    if raw and len(raw) == struct.calcsize(_FORM):
        boot, head_a, head_b = struct.unpack(_FORM, raw)
        if journal.boot <= boot:
            journal.begin_boot(boot)
        for ring, known in ((0, head_a), (1, head_b)):
            if journal.head(ring) < known:
                journal.damaged(ring, journal.head(ring) + 1, known)
    try:
        state.put(_NAME, struct.pack(_FORM, journal.boot, journal.head(0), journal.head(1)))
    except (OSError, JournalFull):
        return whole  # the flash refuses: the next start compares with what was known before
    return whole
