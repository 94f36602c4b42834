"""The acceptance test of a controller: `swapcab bench PORT`.

    board/        what runs on the controller: takes things and measures, judges nothing; a file is sent when it is needed
    link.py       how the host calls it: over mpremote's raw REPL
    hands.py      who opens doors and looks at relays: an operator, a test jig, or nobody
    places.py     where the locks and switches of each slot hang, and how each kind of board is asked
    checks.py     the checks in order: each asks, judges, and names the faulty part and the next step
    of_*.py       the checks themselves
    sheet.py      JSON and the HTML sheet to file with the serial number
    command.py    the checklist while it runs
    passive.py    a running cabinet, by what its console says, without a byte sent to it
"""
