"""The embedded MQTT broker as a process of its own: `python -m swapcab.broker --port 0`.

Prints {"port": N} as one line when it listens, and ends on SIGTERM, SIGINT, or when its standard input is closed if
--with-stdin is given. A port in use is one sentence on standard error and exit code 3. amqtt is for the simulator and the tests;
operators run a real broker (docs/uplink.md).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import warnings

from swapcab.exits import GOOD, TROUBLE


def _config(host: str, port: int) -> dict:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": 1000}},
        "timeout_disconnect_delay": 2,
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


async def serve(host: str, port: int, with_stdin: bool) -> None:
    """Listen until a signal, or until standard input ends. Raises OSError if the port cannot be opened."""
    from amqtt.broker import Broker

    broker = Broker(_config(host, port))
    try:
        await broker.start()
    except Exception as error:  # amqtt wraps the OSError of a port in use in one of its own
        raise OSError(f"cannot listen on {host}:{port}: {error.__cause__ or error}") from error
    listening = broker._servers["default"].instance  # amqtt has no other way to ask which port it got
    print(json.dumps({"port": next(iter(listening.sockets)).getsockname()[1]}), flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if with_stdin:
        loop.run_in_executor(None, lambda: (sys.stdin.buffer.read(), loop.call_soon_threadsafe(stop.set)))
    await stop.wait()
    try:
        await asyncio.wait_for(broker.shutdown(), 3)
    except (asyncio.TimeoutError, Exception) as error:
        logging.getLogger(__name__).info("shutdown: %r", error)


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input is closed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.CRITICAL)
    logging.disable(logging.ERROR)
    try:
        asyncio.run(serve(options.host, options.port, options.with_stdin))
    except OSError as error:
        print(f"swapcab.broker: {error}", file=sys.stderr)
        return TROUBLE
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
