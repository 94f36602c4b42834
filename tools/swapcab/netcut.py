"""A TCP proxy that takes the place of the network: it can be cut, slowed down and broken.

`Proxy` is the asyncio part; `NetCut` runs one in a thread of its own for callers without a loop. While cut, nothing
passes in either direction and new connections get no further than the proxy; data on the way arrives after `restore()`
if both ends are still there, as with TCP over a line that comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

CHUNK = 16384
QUEUED_CHUNKS = 256


@dataclass
class Counters:
    """What has passed the proxy."""

    connections: int = 0
    open: int = 0
    bytes_up: int = 0  # from the client to the server
    bytes_down: int = 0
    cuts: int = 0


class Proxy:
    """Forwards 127.0.0.1:port to a server. All methods belong to the loop in which it was started."""

    def __init__(self, host: str, port: int, delay_ms: float = 0) -> None:
        self.target = (host, port)
        self.delay_ms = delay_ms  # one way
        self.counters = Counters()
        self.port = 0
        # (direction "up" or "down", bytes) -> bytes to pass on; b"" drops them, None breaks the connection
        self.mangle: Callable[[str, bytes], bytes | None] | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=CHUNK * 4)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Close everything."""
        if self._server:
            self._server.close()
        self.abort_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return not self._open.is_set()

    def cut(self) -> None:
        """Let nothing pass any more."""
        self.counters.cuts += 1
        self._open.clear()

    def restore(self) -> None:
        """Let everything pass again."""
        self._open.set()

    def abort_all(self) -> None:
        """Reset all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    def half_close_all(self) -> None:
        """Send the end of the stream in both directions, and go on receiving."""
        for writer in list(self._writers):
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        self.counters.connections += 1
        self.counters.open += 1
        other = None
        try:
            await self._open.wait()
            far_reader, other = await asyncio.open_connection(*self.target, limit=CHUNK * 4)
            self._writers.add(other)
            ways = [asyncio.create_task(self._way("up", reader, other)), asyncio.create_task(self._way("down", far_reader, writer))]
            try:
                await asyncio.gather(*ways)
            finally:
                for way in ways:
                    way.cancel()
        except (OSError, RuntimeError, asyncio.CancelledError):
            pass  # RuntimeError: writing after half_close_all
        finally:
            self.counters.open -= 1
            self._tasks.discard(task)
            for used in (writer, other):
                if used:
                    self._writers.discard(used)
                    used.transport.abort() if used.transport.is_closing() else used.close()

    async def _way(self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED_CHUNKS)
        filler = asyncio.create_task(self._fill(reader, queue))
        loop = asyncio.get_running_loop()
        try:
            while True:
                due, data = await queue.get()
                wait = due - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self._open.wait()
                if not data:
                    break
                if self.mangle:
                    changed = self.mangle(direction, data)
                    if changed is None:
                        raise ConnectionAbortedError
                    data = changed
                if direction == "up":
                    self.counters.bytes_up += len(data)
                else:
                    self.counters.bytes_down += len(data)
                writer.write(data)
                await writer.drain()
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()
        finally:
            filler.cancel()

    async def _fill(self, reader: asyncio.StreamReader, queue: asyncio.Queue) -> None:
        loop = asyncio.get_running_loop()
        data = b"x"
        while data:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            await queue.put((loop.time() + self.delay_ms / 1000, data))


class NetCut:
    """A `Proxy` in a thread; every method may be called from any thread."""

    def __init__(self, host: str, port: int, delay_ms: float = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="netcut", daemon=True)
        self._make = (host, port, delay_ms)
        self._proxy: Proxy | None = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def start(self, port: int = 0) -> int:
        """Listen; returns the port."""

        async def begin() -> int:
            self._proxy = Proxy(*self._make)
            return await self._proxy.start(port)

        self._thread.start()
        return asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)

    @property
    def proxy(self) -> Proxy:
        """The proxy itself; call its methods through `call`."""
        if self._proxy is None:
            raise RuntimeError("not started")
        return self._proxy

    def call(self, function: Callable[[], object]) -> None:
        """Run something in the proxy's loop."""
        self._loop.call_soon_threadsafe(function)

    @property
    def counters(self) -> Counters:
        """What has passed."""
        return self.proxy.counters

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return self.proxy.is_cut

    def _and_wait(self, function: Callable[[], object]) -> None:
        done = threading.Event()
        self.call(lambda: (function(), done.set()))
        done.wait(5)

    def cut(self) -> None:
        """Let nothing pass any more, from the return of this call on."""
        self._and_wait(self.proxy.cut)

    def restore(self) -> None:
        """Let everything pass again."""
        self._and_wait(self.proxy.restore)

    def abort_all(self) -> None:
        """Reset all connections."""
        self._and_wait(self.proxy.abort_all)

    def stop(self) -> None:
        """Close everything and end the thread."""
        if self._proxy:
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                asyncio.run_coroutine_threadsafe(self._proxy.stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
