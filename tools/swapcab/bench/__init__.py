"""The acceptance test of a controller: `swapcab bench PORT`.

    on_board.py   what runs on the controller: takes things and measures, judges nothing
    link.py       how the host calls it: over mpremote's raw REPL
    hands.py      who opens doors and looks at relays: an operator, a test jig, or nobody
    checks.py     the checks in order: each asks, judges, and names the faulty part and the next step
    sheet.py      JSON and the HTML sheet to file with the serial number
    live.py       the checklist while it runs
    passive.py    a running cabinet, by what its console says, without a byte sent to it
"""
