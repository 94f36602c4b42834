"""`python -m plant --dir RUNDIR`: the plant as a process."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
from pathlib import Path

from plant.control import serve
from plant.plant import Plant
from plant.wire_profile import Maker


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="plant", description=__doc__)
    parser.add_argument("--dir", required=True, type=Path, help="run folder: symlinks, secrets.json, plant.json, plant.sock")
    parser.add_argument("--slots", type=int, default=12, help="2 .. 48 (default 12)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=60.0, help="how much faster than real packs the simulated ones charge (default 60)")
    parser.add_argument("--npb", type=int, default=0, help="slots 1 to NPB have Mean Well NPB chargers, 0 .. 4 (default 0)")
    parser.add_argument("--profile", type=Path, help="profile (.json) of the packs on CAN, in place of the pack link; needs --dbc")
    parser.add_argument("--dbc", type=Path, help="DBC file of the maker, from which the profile was imported")
    arguments = parser.parse_args(argv)
    if (arguments.profile is None) != (arguments.dbc is None):
        parser.error("--profile and --dbc go together")
    if not 2 <= arguments.slots <= 48:
        parser.error(f"--slots: {arguments.slots} is not in 2 .. 48")
    if not 0 <= arguments.npb <= min(4, arguments.slots):
        parser.error(f"--npb: {arguments.npb} is not in 0 .. {min(4, arguments.slots)}")
    if not 0.0 < arguments.speed <= 1000.0:
        parser.error(f"--speed: {arguments.speed} is not in 0 .. 1000")
    return arguments


def _watch_parent(plant: Plant) -> None:
    """End when standard input closes (if it is a pipe) or the parent dies."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        mode = os.fstat(0).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):

            def readable() -> None:
                if not os.read(0, 4096):
                    loop.remove_reader(0)
                    plant.stop.set()

            loop.add_reader(0, readable)
    parent = os.getppid()

    def check() -> None:
        if os.getppid() != parent:
            plant.stop.set()
        loop.call_later(1.0, check)

    check()


async def _run(arguments: argparse.Namespace) -> int:
    maker = Maker(arguments.profile, arguments.dbc) if arguments.profile else None
    plant = Plant(arguments.dir, arguments.slots, arguments.seed, arguments.speed, arguments.npb, maker)
    server = await serve(plant, arguments.dir / "plant.sock")
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, plant.stop.set)
    _watch_parent(plant)
    print(json.dumps({"ready": True, "dir": str(arguments.dir), "slots": arguments.slots, "seed": arguments.seed}), flush=True)
    error = None
    while not plant.stop.is_set() and error is None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(plant.stop.wait(), 0.5)
        error = plant.failed()
    server.close()
    plant.close()
    (arguments.dir / "plant.sock").unlink(missing_ok=True)
    if error is not None:
        print(f"plant: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Returns the exit code."""
    return asyncio.run(_run(_arguments(sys.argv[1:])))


if __name__ == "__main__":
    sys.exit(main())
