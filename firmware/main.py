"""What the controller runs: read the settings, pick the board, start. Without good settings nothing is energised."""

import asyncio
import gc
import sys

from cabinet.unload import unload_start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.app import App

EXIT_SETTINGS = 64
EXIT_HARDWARE = 69  # what the settings name is not there, or does not answer: no fault of this firmware, and it may come back
EXIT_FAILED = 70

# While the firmware starts, garbage is collected this often: what stays lies close together, and the heap keeps large free blocks.
START_THRESHOLD_BYTES = 4096


def _unique_id() -> bytes:
    import machine

    return machine.unique_id()


def build(folder: str) -> "App | int":
    """The application whose settings stand in `folder`, or an exit code: they are wrong, or the hardware is not as they say.

    A function of its own: as long as a frame lives, what its expressions have touched is not collected, and the settings and the
    module that checks them take up 40 KB.
    """
    from cabinet.startup import load

    loaded = load.load(folder, _unique_id)
    del load
    if loaded is None:
        return EXIT_SETTINGS
    unload_start()
    from board import Board
    from cabinet.app import App

    try:  # around this alone: a module that cannot be loaded raises ValueError or OSError, too, and is the firmware's fault
        return App(Board(folder), *loaded)
    except (OSError, ValueError) as error:
        sys.print_exception(error)
        print("hardware: %s. Look at this part and at what settings.json says of it; nothing is energised meanwhile." % error)
        return EXIT_HARDWARE


def main(folder: str) -> int:
    """Run the cabinet whose settings stand in `folder`; returns an exit code."""
    gc.threshold(START_THRESHOLD_BYTES)
    app = build(folder)
    if isinstance(app, int):
        return app
    unload_start()
    gc.threshold(-1)  # from here on the loop profiler collects, between control rounds
    failed = asyncio.run(app.run())
    print("stopped, the watchdog resets the controller: %s" % failed)
    return EXIT_HARDWARE if app.flash_silent() else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "/"))
