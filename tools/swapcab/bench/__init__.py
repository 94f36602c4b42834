"""The acceptance test of a controller: `swapcab bench --port PORT`.

    board/            what runs on the controller: takes things and measures, judges nothing; a file is sent when it is needed
    controller.py     how the host calls it, on a controller that is out of service
    operators.py      what opens doors and reads the mains relay: a person, a test jig, or nothing
    slot_wiring.py    where the locks and switches of each slot are wired, and how each kind of board is asked
    drivers.py        what the drivers' rows say of packs and chargers
    checks.py         the checks in order: each asks, judges, and names the faulty part and the next step
    *_checks.py       the checks themselves
    sheet.py          JSON and the HTML sheet to file with the serial number
    command.py        the checklist while it runs
    passive.py        a running cabinet, after the lines of its console, without a byte sent to it
"""
