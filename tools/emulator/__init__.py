"""A board for everyone: MicroPython's unix port behind a pseudo-terminal, speaking the raw REPL as a controller does.

    swapcab emulate                      a new board in build/emulated/, prints the port; Ctrl-C ends it
    swapcab emulate --slots 6            the same with a plant on its buses: packs, chargers, locks, riders
    mpremote connect <port> ...          any of mpremote's commands, from another terminal

From a test (the folder keeps the board's flash, so that a second start finds what the first one wrote):

    from emulator.host import EmulatedBoard, Options

    with EmulatedBoard(folder, Options()) as board:
        subprocess.run([mpremote, "connect", str(board.port), "exec", "print(1)"])
        board.pins["HB"]                 # the level of each output that the program has set
        board.power_off(); board.power_on()

Plant: start `python -m plant --dir RUNDIR` and give `Options(plant=RUNDIR)`. Everything that the board prints is in
`folder/console.log`. Host: Linux (it reads in /proc whether a program can be interrupted).
"""
