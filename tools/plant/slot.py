"""One compartment: door, latch, spring, presence switch, and the connector that mates when a seated pack is shut in."""

from plant.charger import Charger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.pack import Pack


class Slot:
    """A hardware-timed pulse draws the bolt; the spring then pops the door; shutting the door latches it."""

    UNLOCK_TIME = 0.05  # s of pulse until the bolt is drawn
    POP_TIME = 0.12  # s until the door has left its switch
    LOAD_A = 0.6  # more than this is load; the firmware opens below 0.5 A, by readings of a moment ago
    WAKE_TIME = 0.25  # s until the BMS of an inserted pack talks

    def __init__(self, number: int, charger: Charger) -> None:
        self.number = number
        self.charger = charger
        self.pack: "Pack | None" = None
        self.door_closed = True
        self.locked = True
        self.pulse_left = 0.0
        self.pulse_on = 0.0  # s that the pulse lasts already
        self.since_pulse = 3600.0  # s since a pulse ended
        self.pulses = 0
        self.load_breaks = 0  # times the bolt was drawn while charge current flowed
        self.seated_for = 0.0
        self.reported = True  # since the pack was put in, the BMS has sent every message of a reading: the controller can know it
        self.reported_for = 3600.0  # s since then
        self._sent = 0  # a bit for each message of the reading
        self.door_stuck = False  # fault: the bolt is drawn, and the door stays shut
        self.lock_jammed = False  # fault: the bolt does not move
        self.presence_stuck: "bool | None" = None  # fault: the switch always reports this
        self.sensor_lost = False  # fault: the temperature sensor of the compartment has come off
        self.temp_c = 25.0
        self._air = 0.0  # s since the temperature of the air was computed

    # ---- what the lock board does

    def pulse(self, milliseconds: int) -> None:
        """The board gives the lock a pulse; a pulse during another replaces it."""
        self.pulse_left = milliseconds / 1000.0
        self.pulse_on = 0.0
        self.pulses += 1

    def present(self) -> bool:
        """The presence switch."""
        if self.presence_stuck is not None:
            return self.presence_stuck
        return self.pack is not None

    # ---- what the pack reports

    def message_sent(self, message: int = 0, messages: int = 1) -> None:
        """Note that one of the `messages` of a reading went out, whole and under the pack's own address."""
        self._sent |= 1 << message
        self.reported = self.reported or self._sent == (1 << messages) - 1

    # ---- what people do

    def insert(self, pack: "Pack") -> None:
        """Put a pack in. Raises ValueError if the door is shut or the place taken: hands cannot do that."""
        if self.door_closed or self.pack is not None:
            raise ValueError("slot %d: cannot insert" % self.number)
        self.pack = pack
        self.seated_for = 0.0
        self.reported = False
        self.reported_for = 0.0
        self._sent = 0

    def take(self) -> "Pack":
        """Take the pack out. Raises ValueError if that cannot be."""
        if self.door_closed or self.pack is None:
            raise ValueError("slot %d: nothing to take" % self.number)
        pack = self.pack
        self.pack = None
        return pack

    def shut(self) -> None:
        """Push the door to; the latch falls in."""
        self.door_closed = True
        self.locked = True
        self.pulse_left = 0.0

    # ---- nature

    @property
    def talks(self) -> bool:
        """True if the BMS is on the wire."""
        return self.pack is not None and self.seated_for >= self.WAKE_TIME and not self.pack.bms_dead

    @property
    def connected(self) -> bool:
        """True if the power contacts are mated: a pack is seated behind a latched door."""
        return self.pack is not None and self.door_closed and self.locked

    def step(self, dt: float, ambient_c: float, mains: bool, speed: float) -> None:
        """Let `dt` seconds pass."""
        if self.pulse_left > 0.0:
            self.pulse_on += min(dt, self.pulse_left)
            self.pulse_left -= dt
            if self.pulse_on >= self.UNLOCK_TIME and self.locked and not self.lock_jammed:
                self.locked = False
                if self.charger.energised and self.charger.out_a > self.LOAD_A:
                    self.load_breaks += 1
            if self.pulse_on >= self.POP_TIME and not self.locked and not self.door_stuck:
                self.door_closed = False
            if self.pulse_left <= 0.0:
                self.pulse_left = 0.0
                if not self.locked and not self.door_stuck:
                    self.door_closed = False  # the spring has drawn ahead of the bolt
                if self.door_closed:
                    self.locked = True
            self.since_pulse = 0.0
        elif self.since_pulse < 3600.0:
            self.since_pulse += dt
        pack = self.pack
        connected = pack is not None and self.door_closed and self.locked
        current = self.charger.step(dt, pack if connected else None, mains, ambient_c)
        if pack is not None:
            self.seated_for += dt
            if self.reported:
                self.reported_for += dt
            pack.step(dt, current, self.temp_c, speed)
        self._air += dt
        if self._air >= 1.0:
            warmer = (pack.temp_c - self.temp_c) * 0.3 if pack is not None else 0.0
            self.temp_c += (warmer + ambient_c - self.temp_c) * self._air / 200.0
            self._air = 0.0
