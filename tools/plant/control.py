"""The plant's control socket: one JSON object a line in, one a line out, each answer with "ok". CPython only."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from plant.plant import Plant


class ControlError(Exception):
    """A request that cannot be done; the message goes back to the caller."""


def _number(request: dict, key: str, low: int, high: int) -> int:
    value = request.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ControlError(f"{key}: {value!r} is not a number in {low} .. {high}")
    return value


def _word(request: dict, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise ControlError(f"{key}: {value!r} is not a word")
    return value


def answer(plant: Plant, request: Any) -> dict:
    """Do what is asked; a dict with "ok"."""
    try:
        if not isinstance(request, dict):
            raise ControlError("a request is a JSON object")
        return {"ok": True, **_do(plant, request)}
    except (ControlError, ValueError) as error:
        return {"ok": False, "error": str(error)}


def _do(plant: Plant, request: dict) -> dict:
    world = plant.world
    command = request.get("cmd")
    if command == "snapshot":
        return {**world.snapshot(), "lines": plant.stats()}
    if command == "rider":
        return {"token": world.bring(_word(request, "kind")).view()["token"], "waiting": len(world.queue)}
    if command == "auto":
        world.auto_target = world.counts["completed"] + _number(request, "swaps", 0, 10**9)
        world.auto_bad_every = _number(request, "bad_every", 0, 10**6) if "bad_every" in request else 0
        return {"target": world.auto_target}
    if command == "fault":
        if "board" in request:
            plant.set_board_fault(_number(request, "board", 1, plant.boards), _word(request, "kind"))
        else:
            world.set_fault(_number(request, "slot", 1, len(world.slots)), _word(request, "kind"))
        return {}
    if command == "cabinet":
        world.set_danger(_word(request, "danger"), bool(request.get("on", True)))
        return {}
    if command == "ambient":
        world.ambient_c = float(_number(request, "degc", -40, 80))
        return {}
    if command == "hand":
        return {"pulse_ms": world.hand(_number(request, "slot", 1, len(world.slots)), _word(request, "do"))}
    if command == "quit":
        plant.stop.set()
        return {}
    raise ControlError(f"cmd: {command!r} is not one of snapshot, rider, auto, fault, cabinet, ambient, hand, quit")


async def serve(plant: Plant, path: Path) -> asyncio.Server:
    """Listen on a unix socket."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.LimitOverrunError):
            while line := await reader.readline():
                try:
                    request = json.loads(line)
                except ValueError as error:
                    result = {"ok": False, "error": f"not JSON: {error}"}
                else:
                    result = answer(plant, request)
                writer.write(json.dumps(result).encode() + b"\n")
                await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(session, str(path))
