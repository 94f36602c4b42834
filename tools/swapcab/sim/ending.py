"""How a run ends from outside: SIGTERM and a closed terminal (SIGHUP) become KeyboardInterrupt, so that every child is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def reap_on_signal() -> None:
    """From here to the end of the process, SIGTERM and SIGHUP raise KeyboardInterrupt."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    for number in SIGNALS:
        signal.signal(number, _interrupt)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise KeyboardInterrupt; the handlers from before are put back afterwards."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    reap_on_signal()
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, no signal interrupts the stopping of children."""
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (*SIGNALS, signal.SIGINT)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
