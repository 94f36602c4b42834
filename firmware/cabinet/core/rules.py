"""The safety table (rule_table.py), compiled into a few arrays. faults.py evaluates it, limits.py tightens it."""

from array import array

from micropython import const

# reactions, mildest first
NOTE = const(0)  # journaled, nothing else
DERATE = const(1)  # charged with less
STOP = const(2)  # not charged
GIVE_BACK = const(3)  # not charged, not handed out; given back if a rider has just brought it, else kept
QUARANTINE = const(4)  # not charged, no rider ever gets the door open
STOP_CABINET = const(5)  # every charger off, every rider's door shut, no swaps
REACTIONS = ("note", "derate", "stop", "give_back", "quarantine", "stop_cabinet")

# how a rule clears
FREE = const(0)  # when the clear condition holds
STAY = const(1)  # not before the pack has left the slot
SERVICE = const(2)  # not before somebody authorised has cleared it, and the clear condition holds
LATCHES = ("free", "stay", "service")

UNKNOWN = const(-(1 << 29))  # a quantity that is not known now: trips nothing, clears nothing

# scopes: whose rows they are, and when they are forgotten
PACK = const(0)
SLOT = const(1)
CABINET = const(2)
SCOPES = ("pack", "slot", "cabinet")


def rows() -> list:
    """The table, split. Only for import and for the host: it allocates much."""
    from cabinet.core import rule_table

    return [line.split() for line in rule_table.TABLE.split("\n") if line]


def quantity_names() -> list:
    """Names of the quantities in their order. Only for import and for the host."""
    from cabinet.core import rule_table

    return [word[1:] if word[0] == "-" else word for word in rule_table.QUANTITIES.split()]


def _sides() -> bytes:
    from cabinet.core import rule_table

    return bytes(0 if word[0] == "-" else 1 for word in rule_table.QUANTITIES.split())


def let_go(modules: dict) -> None:
    """Forget the text of the table, 12 KB of heap; it comes back when somebody imports it again. `modules` is sys.modules."""
    import cabinet.core

    modules.pop("cabinet.core.rule_table", None)
    if hasattr(cabinet.core, "rule_table"):
        del cabinet.core.rule_table  # type: ignore[attr-defined]


def _compile() -> tuple:
    names = quantity_names()
    table = rows()
    count = len(table)
    ids = tuple(row[0] for row in table)
    columns = bytearray(count * 6)  # scope, quantity, reaction, latch, derate to %, number of the reason
    numbers = array("i", [0] * (count * 6))  # the four levels, debounce ms, clear ms
    reasons = []
    for index, row in enumerate(table):
        if row[12] not in reasons:
            reasons.append(row[12])
        at = index * 6
        columns[at] = SCOPES.index(row[1])
        columns[at + 1] = names.index(row[2])
        columns[at + 2] = REACTIONS.index(row[9])
        columns[at + 3] = LATCHES.index(row[10])
        columns[at + 4] = int(row[11])
        columns[at + 5] = reasons.index(row[12])
        for offset in range(6):
            numbers[at + offset] = int(row[3 + offset])
    return _sides(), ids, bytes(columns), numbers, tuple(reasons)


_SIDES, IDS, _BYTES, _NUMBERS, _REASONS = _compile()
COUNT = len(IDS)  # rules
QUANTITIES = len(_SIDES)


def index_of(name: str) -> int:
    """The number of a rule. Raises ValueError if there is none of that name."""
    return IDS.index(name)


def scope(rule: int) -> int:
    """PACK, SLOT or CABINET."""
    return _BYTES[rule * 6]


def quantity(rule: int) -> int:
    """Position among the quantities."""
    return _BYTES[rule * 6 + 1]


def reaction(rule: int) -> int:
    """NOTE to STOP_CABINET."""
    return _BYTES[rule * 6 + 2]


def latch(rule: int) -> int:
    """FREE, STAY or SERVICE."""
    return _BYTES[rule * 6 + 3]


def derate_pct(rule: int) -> int:
    """What is left of the charge current while a DERATE rule stands."""
    return _BYTES[rule * 6 + 4]


def reason(rule: int) -> str:
    """Reason code for the rider; see words.py."""
    return _REASONS[_BYTES[rule * 6 + 5]]


def side(rule: int) -> int:
    """1 if large values are dangerous, -1 if small ones are."""
    return 1 if _SIDES[_BYTES[rule * 6 + 1]] else -1


def level(rule: int, column: int) -> int:
    """Limit LFP, limit NMC, clear LFP, clear NMC (column 0 to 3)."""
    return _NUMBERS[rule * 6 + column]


def debounce_ms(rule: int) -> int:
    """How long the quantity must stay at its limit before the rule trips."""
    return _NUMBERS[rule * 6 + 4]


def clear_ms(rule: int) -> int:
    """How long the quantity must stay at its clear level before the fault goes."""
    return _NUMBERS[rule * 6 + 5]


def source(rule: int) -> str:
    """Where the number comes from. Only for the host."""
    return rows()[rule][13]


# rules that say "hot": no service door either while they stand, and the neighbours stop as well
THERMAL = tuple(index_of(name) for name in ("temp_hot", "temp_runaway", "rise_fast", "rise_high", "compartment_hot"))
