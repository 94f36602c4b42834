"""See core.py."""

from asyncio import core
from asyncio.core import CancelledError, Event, Task, TaskQueue, TimeoutError, create_task, sleep_ms, wait_for_ms

__all__ = ("CancelledError", "Event", "Task", "TaskQueue", "TimeoutError", "core", "create_task", "sleep_ms", "wait_for_ms")
