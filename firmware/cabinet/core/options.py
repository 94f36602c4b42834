"""Settings of the core. Integers only, the unit in the name; option_table.py has their ranges and meanings."""

from micropython import const

BLIND_MS_MAX = const(60000)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Options:
    """The settings by name, with their defaults; `known_tokens` are the riders that the cabinet serves on its own.

    `blind_ms`: how long current may flow unseen after a charger's last permit. The drivers' rows say it; if nobody does, it is long."""

    def __init__(self, known_tokens: "Any" = None, blind_ms: int = BLIND_MS_MAX, **values: int) -> None:
        self.full_soc_pct = 90
        self.charge_stop_soc_pct = 98
        self.charge_resume_pct = 4
        self.budget_w = 6000
        self.charger_efficiency_pct = 90
        self.charge_ma = 20000
        self.charge_min_ma = 1000
        self.class_min_mv = 36000
        self.class_max_mv = 60000
        self.stale_pack_ms = 3000
        self.stale_rest_ms = 15000
        self.stale_charger_ms = 3500
        self.stale_io_ms = 1500
        self.debounce_ms = 150
        self.pulse_ms = 300
        self.door_open_ms = 3000
        self.pulse_tries = 3
        self.in_ms = 60000
        self.check_ms = 20000
        self.out_ms = 60000
        self.close_ms = 30000
        self.left_open_ms = 120000
        self.swap_order = 0
        self.swap_packs = 1
        self.proof_tries = 3
        self.blind_ms = blind_ms
        self.known_tokens = known_tokens if known_tokens is not None else set()
        from cabinet.core.option_table import FIELDS  # not kept in memory

        for name, value in values.items():
            if name not in FIELDS:
                raise ValueError("unknown setting: " + name)
            _, least, most, _ = FIELDS[name]
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError("%s = %r: allowed are whole numbers from %d to %d" % (name, value, least, most))
            setattr(self, name, value)
