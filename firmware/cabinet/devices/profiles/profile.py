"""A loaded profile, as reader.py makes it."""

from array import array


class Profile:
    """One protocol; all packs that speak it share this object. form.py explains the columns of its tables."""

    def __init__(self) -> None:
        self.name = ""
        self.maker = ""  # where the pack does not tell its own
        self.dummy = ""  # a serial number that the factory writes into every pack
        self.bus = 0
        self.page_count = 0
        self.flags = 0
        self.kinds = 0  # of fields that occur, a bit each
        self.reported = 0  # quantities that have a source, a bit each
        self.proof = 0  # strategy
        self.proof_a = 0  # identifier or register of the question
        self.proof_b = 0  # and of the answer
        self.shift = 0  # of the pack's address in identifiers
        self.request_shift = 0
        self.keep_alive = 0  # identifier of a frame that keeps the pack awake; 0: it needs none
        self.first = 0  # addresses
        self.last = 0
        self.read_max = 0  # registers
        self.rest_ms = 0
        self.lost_ms = 0
        self.request_check = 0
        self.request_check_from = 0
        self.answer_check = 0
        self.check_from = 0
        self.fixed: "tuple[tuple[int, int], ...]" = ()  # (quantity, value)
        self.pages = array("i")
        self.fields = array("i")
        self.pool = b""
        self.scratch = array("i")  # values of a page that is being judged
        self.need = 0  # pages of a reading, a bit each
        self.who = 0  # pages of the identity
        self.first_page = {}  # CAN identifier -> page
