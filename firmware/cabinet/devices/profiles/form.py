"""The compiled form of a device profile: how it is laid out.

For the host's tools and for the reader of the source: it never gets onto a controller. What the firmware uses of it stands there once
more as private constants, which cost neither memory nor a look-up; a test holds them together.
"""

import struct

from micropython import const

MAGIC = b"SWPF"
FORMAT = 2
MAX_BYTES = 8192
HEAD = "<4sBBHBBBBBBBBHHHHIII"  # magic, format, bus, length, pages, flags, proof, answer shift, request shift, first, last, read_max, ...
HEAD_SIZE = struct.calcsize(HEAD)
PAGE = "<IihBHBIHHhHHI"
PAGE_SIZE = struct.calcsize(PAGE)
PAGE_WORDS = const(13)
FIELD = "<BBHBBBBiiiiiBhi"
FIELD_SIZE = struct.calcsize(FIELD)
FIELD_WORDS = const(15)
MAX_PAGES = 30
MAX_FIELDS = 250
MAX_ANSWER = 400  # bytes of one frame on a serial line
MAX_TEMPLATE = 32

# buses
MODBUS = const(0)
CAN = const(1)
SERIAL = const(2)
BUSES = ("modbus", "can", "serial")

# flags of the whole profile
HAS_SERIAL = const(1)  # the pack reports a serial number
FROM_CELLS = const(2)  # lowest and highest cell are found in the list of cells
FROM_TEMPS = const(4)
EXTENDED = const(8)  # 29-bit identifiers
HAS_COUNTER = const(16)  # the BMS counts its measurements
POLLED = const(32)  # CAN: answers only when asked
NO_NODE = const(255)  # address shift of a pack that has no address: one pack a line

# proof of identity
PROOF_NONE = const(0)
PROOF_PACK_LINK = const(1)  # the challenge of docs/pack-link.md

# columns of a page
P_ID = const(0)  # CAN identifier, or first register
P_MUX = const(1)  # value of the multiplexer; -1: there is none
P_MUX_FIELD = const(2)
P_FLAGS = const(3)
P_FIRST = const(4)  # fields
P_COUNT = const(5)
P_REQUEST = const(6)  # CAN: identifier of the request; Modbus: function << 8 | registers
P_MIN = const(7)  # shortest answer
P_ASK = const(8)  # where in the pool: CAN: data of the request; serial: the request, and behind it what follows its check
P_LENGTH = const(9)  # serial: length of the answer; negative: it stands in the byte -length of it ...
P_PLUS = const(10)  # ... plus so much
P_BEGIN = const(11)  # serial: where in the pool the beginning of the answer stands, and behind it what follows the answer
P_EVERY = const(12)  # ms; 0: in each round

# flags of a page
READING = const(1)  # a reading needs it
IDENTITY = const(2)
KEY = const(4)  # completes a reading that came unasked
OTHER = const(8)  # serial: a second beginning of the answer is right, too; it stands in the pool behind the tail

# columns of a field
F_KIND = const(0)
F_TO = const(1)
F_AT = const(2)
F_BYTES = const(3)
F_HOW = const(4)
F_SHIFT = const(5)
F_BITS = const(6)  # 0: whole bytes
F_ADD = const(7)
F_NUM = const(8)
F_DEN = const(9)
F_MIN = const(10)
F_MAX = const(11)
F_INDEX = const(12)  # lists and texts: place of the first one
F_LIST = const(13)  # how many; -1: to the end of the answer; -2 - n: the number stands in byte n of the answer
F_ABSENT = const(14)  # number, list: this raw value means that there is none; bits: those of the number that count (NOT_ABSENT: all)
NOT_ABSENT = const(-(1 << 30))

# how
BIG = const(1)
SIGNED = const(2)
INVERT = const(4)

# kinds of fields
NUMBER = const(0)
BIT = const(1)  # alarm (0 to 12) or state (16 to 18)
CELL = const(2)
TEMP = const(3)
SERIAL_TEXT = const(4)
MAKER_TEXT = const(5)
MUX = const(6)
CELL_MASK = const(7)  # as many cells as bits are set
KINDS = const(8)

MAX_CELLS = 32
MAX_TEMPS = 16
SERIAL_SIZE = 32
MAKER_SIZE = 8

# quantities in the order of their numbers, with what a reading may hold at most
QUANTITIES = (
    "pack_mv", "current_ma", "soc_pct", "soh_pct", "cell_min_mv", "cell_max_mv", "temp_min_ddegc", "temp_max_ddegc",
    "charge_limit_ma", "charge_limit_mv", "cycles", "counter", "cell_count", "nominal_mv", "capacity_mah", "chemistry",
    "nominal_cell_mv",
)  # fmt: skip
RANGES = (
    (0, 1000000), (-1000000, 1000000), (0, 100), (0, 150), (0, 6000), (0, 6000), (-600, 2000), (-600, 2000),
    (0, 1000000), (0, 1000000), (0, 65535), (0, 65535), (0, 32), (0, 1000000), (0, 1000000), (0, 255),
    (0, 6000),
)  # fmt: skip
PACK_MV = const(0)
CURRENT_MA = const(1)
SOC_PCT = const(2)
SOH_PCT = const(3)
CELL_MIN_MV = const(4)
CELL_MAX_MV = const(5)
TEMP_MIN = const(6)
TEMP_MAX = const(7)
CHARGE_LIMIT_MA = const(8)
CHARGE_LIMIT_MV = const(9)
CYCLES = const(10)
COUNTER = const(11)
CELL_COUNT = const(12)
NOMINAL_MV = const(13)
CAPACITY_MAH = const(14)
CHEMISTRY = const(15)
NOMINAL_CELL_MV = const(16)
FIRST_IDENTITY = const(12)  # from here on quantities belong to the identity

STATE_SHIFT = const(16)
BITS = (
    "cell_over_voltage", "cell_under_voltage", "pack_over_voltage", "pack_under_voltage", "charge_over_temperature",
    "charge_under_temperature", "discharge_over_temperature", "discharge_under_temperature", "charge_over_current",
    "discharge_over_current", "short_circuit", "internal", "imbalance", "", "", "", "charge_switch", "discharge_switch", "balancing",
)  # fmt: skip

# checks of framed protocols
CHECKS = ("none", "sum8", "xor8", "negsum16_be", "crc16_modbus")
