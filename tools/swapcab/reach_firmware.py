# ruff: noqa: UP037 (runs under MicroPython)
"""Sent to a board as source: makes the modules of the installed firmware importable, as the start of the cabinet would."""


def reach_firmware() -> None:
    """The copy that the next start would run: /app_a, /app_b or /rom. Firmware that is frozen into the image is there already."""
    import sys

    try:
        switch = __import__("switch")
    except ImportError:
        return  # frozen into the image, or mounted
    copy = switch.choose()[0]
    if copy is None or copy.path in sys.path or switch.MOUNT in sys.path:
        return
    if copy.path != "/rom":
        __import__("vfs").mount(copy, switch.MOUNT)
    sys.path.insert(0, "/rom" if copy.path == "/rom" else switch.MOUNT)
