# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""The way to the broker: link, address, stream, login."""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from swapcab.bench.board.unit import Unit


def link(unit: "Unit", wait_ms: int) -> dict:
    """Whether the interface gets an address."""
    network = unit.board.network()
    clock = unit.board.clock
    began = clock.ticks_ms()
    while not network.is_up() and unit.passed_ms(began) < wait_ms:
        unit.sleep_ms(50)
    return {"up": network.is_up(), "ms": unit.passed_ms(began)}


def broker(unit: "Unit") -> dict:
    """Open the stream to the broker and send CONNECT; `step` is how far it came, `code` is what the broker answered."""
    import asyncio

    return asyncio.run(_broker(unit))


def _secrets(unit: "Unit") -> dict:
    found = unit.json("secrets.json")
    if not found:
        try:
            with open(unit.folder + "/secrets.sealed", "rb") as file:
                sealed = file.read()
        except OSError:
            return {}
        import machine

        from cabinet.trust.sealed import unseal

        found = json.loads(unseal(sealed, machine.unique_id()))
    return found


async def _broker(unit: "Unit") -> dict:
    import asyncio

    uplink = unit.json("settings.json").get("uplink", {})
    secrets = _secrets(unit)
    tls = None
    if uplink.get("tls") == "on":
        with open(unit.folder + "/" + uplink["ca_file"], "rb") as file:
            tls = {"ca": file.read()}
    opened = unit.board.network().connect(uplink["host"], uplink.get("port", 1883), tls)
    try:
        reader, writer = await asyncio.wait_for(opened, 15)
    except (OSError, asyncio.TimeoutError) as error:
        return {"step": "connect", "error": "%s %s" % (type(error).__name__, error)}
    client = b"swapcab-bench"
    flags, body = 2, _text(client)
    if uplink.get("user"):
        flags |= 0xC0
        body += _text(uplink["user"].encode()) + _text(secrets.get("uplink_password", "").encode())
    packet = _text(b"MQTT") + bytes((4, flags, 0, 10)) + body
    writer.write(bytes((0x10, len(packet))) + packet)
    try:
        await writer.drain()
        answer = await asyncio.wait_for(reader.readexactly(4), 10)
        writer.write(b"\xe0\0")
        await writer.drain()
        writer.close()
    except (OSError, EOFError, asyncio.TimeoutError) as error:
        return {"step": "mqtt", "error": "%s %s" % (type(error).__name__, error)}
    return {"step": "done", "code": answer[3] if answer[0] == 0x20 else -1}


def _text(data: bytes) -> bytes:
    return bytes((len(data) >> 8, len(data) & 0xFF)) + data
