"""A charger channel with the protocol of the Elcon/TC chargers: a set-point is valid for five seconds, then the output goes off."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.pack import Pack

HARDWARE = 1 << 0
OVER_TEMPERATURE = 1 << 1
INPUT_VOLTAGE = 1 << 2
NO_BATTERY = 1 << 3
COMMUNICATION = 1 << 4


class Charger:
    """One channel. Its model has the voltage at the output only, nothing of the pack behind it."""

    COMMAND_LIFE = 5.0  # s without a command until the output goes off
    RISE = 8.0  # A/s at most
    LINE_OHM = 0.012  # cable and contacts
    MAX_V = 60.0
    MAX_A = 20.0
    BATTERY_V = 10.0  # below this there is no battery

    def __init__(self, address: int) -> None:
        self.address = address
        self.set_v = 0.0
        self.set_a = 0.0
        self.started = False
        self.age = self.COMMAND_LIFE  # s since the last command
        self.load: "Pack | None" = None
        self.out_a = 0.0
        self.temp_c = 25.0
        self.faults = COMMUNICATION
        self.silent = False  # fault: neither receives nor sends
        self.stuck = False  # fault: receives, and does not stop
        self.broken = False  # fault: reports a hardware failure
        self.commands = 0

    def command(self, volts: float, amps: float, start: bool) -> None:
        """A command frame arrived."""
        if self.silent:
            return
        self.commands += 1
        self.age = 0.0
        if self.stuck and not start:
            return
        self.set_v = min(volts, self.MAX_V)
        self.set_a = min(amps, self.MAX_A)
        self.started = start and volts > 0.0 and amps > 0.0

    @property
    def energised(self) -> bool:
        """True if it would drive current into what hangs at it."""
        return self.started and not self.faults & (HARDWARE | OVER_TEMPERATURE | INPUT_VOLTAGE | COMMUNICATION)

    def step(self, dt: float, pack: "Pack | None", mains: bool = True, ambient_c: float = 25.0) -> float:
        """`pack` is what is connected to the output, or None. Returns the current that flows (A)."""
        self.age = min(self.age + dt, 3600.0)
        self.load = pack
        faults = 0
        if self.age >= self.COMMAND_LIFE and not (self.stuck and self.started):
            faults |= COMMUNICATION
            self.started = False
        if not mains:
            faults |= INPUT_VOLTAGE
        if self.broken:
            faults |= HARDWARE
        if self.temp_c > 85.0:
            faults |= OVER_TEMPERATURE
        if self.started:
            if pack is None or pack.volts() < self.BATTERY_V:
                faults |= NO_BATTERY
            elif not faults:
                self.out_a = pack.accepts_a(min(self.set_a, self.out_a + self.RISE * dt), self.set_v, self.LINE_OHM)
        self.faults = faults
        if faults or not self.started:
            self.out_a = 0.0
        self.temp_c += (self.out_a * 1.5 - (self.temp_c - ambient_c)) * dt / 300.0
        return self.out_a

    @property
    def out_v(self) -> float:
        """Voltage that it measures at its output."""
        return 0.0 if self.load is None else self.load.volts() + self.out_a * self.LINE_OHM
