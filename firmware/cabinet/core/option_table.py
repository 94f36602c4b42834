"""The settings of the core: default, range and meaning of each. Read at start and by the documentation only.

Nothing here can loosen a safety limit: those stand in rule_table.py, and limits.LimitSet only ever tightens them.
"""

# name: (default, least, most, meaning). config.py takes ranges and words from here.
FIELDS = {
    "full_soc_pct": (90, 50, 100, "state of charge from which a pack may be handed out"),
    "charge_stop_soc_pct": (98, 60, 100, "state of charge at which charging ends"),
    "charge_resume_pct": (4, 1, 30, "charging begins again this far below charge_stop_soc_pct"),
    "budget_w": (6000, 0, 200000, "power that all chargers together may draw from the mains"),
    "charger_efficiency_pct": (90, 50, 100, "output power over mains power of the chargers"),
    "charge_ma": (20000, 0, 200000, "largest charge current of a slot"),
    "charge_min_ma": (1000, 0, 20000, "a slot is not charged with less; it waits for budget instead"),
    "class_min_mv": (36000, 10000, 60000, "lowest nominal voltage of the packs that the slots are built for"),
    "class_max_mv": (60000, 10000, 60000, "highest nominal voltage of the packs that the slots are built for"),
    "stale_pack_ms": (3000, 200, 5000, "pack data older than this end charging"),
    "stale_rest_ms": (15000, 1000, 60000, "pack data older than this bar a resting pack from being handed out"),
    "stale_charger_ms": (3500, 200, 5000, "charger data older than this end charging"),
    "stale_io_ms": (1500, 100, 2000, "door, lock and presence data older than this end charging and bar the lock"),
    "debounce_ms": (150, 0, 1000, "door and presence switches must stand for this long"),
    "pulse_ms": (300, 50, 1000, "length of a lock pulse"),
    "door_open_ms": (3000, 500, 20000, "a door must open within this time of a pulse"),
    "pulse_tries": (3, 1, 3, "pulses given to a door before it counts as stuck"),
    "in_ms": (60000, 5000, 600000, "time for the rider to put the pack in and shut the door (OCPP: Timeout[In])"),
    "check_ms": (20000, 2000, 120000, "time for the pack that was put in to be judged"),
    "out_ms": (60000, 5000, 600000, "time for the rider to take the pack out (OCPP: Timeout[Out])"),
    "close_ms": (30000, 2000, 600000, "time for the rider to shut the door once everything else is done"),
    "left_open_ms": (120000, 10000, 3600000, "a door that stands open for longer no longer holds up the other slots"),
    "swap_order": (0, 0, 1, "0: the rider's pack in first (In-Out), 1: the full pack out first (Out-In)"),
    "swap_packs": (1, 1, 4, "packs that a rider's vehicle has: he changes them one after the other, with one order"),
    "proof_tries": (3, 1, 5, "challenges that a pack may leave unanswered"),
}

ONLY_AT_START = True  # see unload.py
