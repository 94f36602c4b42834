"""Hardware that is not as the settings say ends the start with a code of its own; a firmware that cannot be loaded does not."""

import os
import sys

import main
from settings_folder import folder


class Module:
    """A stand-in for the board's module."""


def clean(path, names):
    """Take the folder away."""
    for name in names:
        os.remove(path + "/" + name)
    os.rmdir(path)


def test_a_chip_that_does_not_answer_and_a_port_that_is_not_there_are_no_faults_of_the_firmware():
    path, names = folder()
    try:
        for error in (OSError(19, "MCP2515: no chip answers"), ValueError("no CAN can-3 on this board; it has: can-1")):

            def fail(folder, error=error):
                raise error

            sys.modules["board"] = module = Module()
            module.Board = fail
            assert main.main(path) == main.EXIT_HARDWARE
    finally:
        del sys.modules["board"]
        clean(path, names)


def test_a_firmware_that_cannot_be_loaded_is_a_fault_of_the_firmware():
    path, names = folder()
    with open(path + "/board.mpy", "wb") as file:
        file.write(b"M\x00 of another version")
    sys.path.insert(0, path)
    try:
        main.main(path)
    except ValueError:
        pass
    else:
        raise AssertionError("taken for a fault of the hardware")
    finally:
        sys.path.remove(path)
        clean(path, names + ["board.mpy"])


def test_wrong_settings_end_it_with_their_own_code():
    assert main.main("/nothing/there") == main.EXIT_SETTINGS
