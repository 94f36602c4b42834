"""MicroPython's asyncio for another Python, on virtual time only: the same queue (a pairing heap, the order of equals included),
the same tasks, the same cancelling; so a run takes the same turns. Only what the firmware uses; `virtual.timebase` turns the loop.

What is pushed without an instant is due at once, before everything else.
"""

# pyright: basic, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false, reportOptionalMemberAccess=false

class CancelledError(BaseException):
    """As in MicroPython."""


class TimeoutError(Exception):
    """As in MicroPython."""


def ticks():
    """Replaced by virtual time."""
    return 0


def ticks_add(instant, delta):
    """No wrap here."""
    return instant + delta


def ticks_diff(later, earlier):
    """No wrap here."""
    return later - earlier


# A heap's node: child, last child, next sibling; `up` marks the last sibling and names its parent.


def _meld(one, two):
    if one is None:
        return two
    if two is None:
        return one
    if one.ph_key < two.ph_key:
        if one.child is None:
            one.child = two
        else:
            last = one.child_last
            last.next = two
            last.up = None
        one.child_last = two
        two.next = None
        two.up = one
        return one
    one.next = two.child
    one.up = None
    two.child = one
    if one.next is None:
        two.child_last = one
        one.up = two
    return two


def _pairing(child):
    heap = None
    while child is not None:
        first = child
        child = child.next
        first.next = first.up = None
        if child is not None:
            second = child
            child = child.next
            second.next = second.up = None
            first = _meld(first, second)
        heap = _meld(heap, first)
    if heap is not None:
        heap.next = heap.up = None
    return heap


class TaskQueue:
    """Tasks by instant."""

    def __init__(self):
        self.heap = None

    def peek(self):
        """The first, or None."""
        return self.heap

    def push(self, task, key=0):
        """Put in; without an instant: due before all others."""
        task.data = None
        task.ph_key = key
        self.heap = _meld(task, self.heap)

    def pop(self):
        """Take the first out."""
        task = self.heap
        child = task.child
        task.child = None
        self.heap = _pairing(child)
        return task

    def remove(self, node):
        """Take one out that stands somewhere."""
        self.heap = _delete(self.heap, node)


def _delete(heap, node):
    if node is heap:
        child = heap.child
        node.child = None
        return _pairing(child)
    if node.next is None and node.up is None:
        return heap
    parent = node
    while parent.up is None:
        parent = parent.next
    parent = parent.up
    following = node.next
    was_last = node.up is not None
    if node is parent.child and node.child is None:
        parent.child = following
        node.next = node.up = None
        return heap
    if node is parent.child:
        child = node.child
        node.child = node.next = node.up = None
        node = _pairing(child)
        parent.child = node
    else:
        before = parent.child
        while before.next is not node:
            before = before.next
        child = node.child
        node.child = node.next = node.up = None
        node = _pairing(child)
        if node is None:
            node = before
        else:
            before.next = node
    node.next = following
    node.up = None
    if was_last:
        parent.child_last = node
        node.up = parent
    return heap


class Task:
    """A coroutine that runs."""

    __slots__ = ("child", "child_last", "coro", "data", "ph_key", "next", "state", "up")

    def __init__(self, coro):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0
        self.child = self.child_last = self.next = self.up = None

    def __await__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif type(self.state) is not TaskQueue:
            raise RuntimeError("can't wait")
        return self

    __iter__ = __await__

    def __next__(self):
        if not self.state:
            if self.data is None:
                raise StopIteration
            raise self.data
        self.state.push(cur_task)
        cur_task.data = self

    def done(self):
        """Whether it has ended."""
        return not self.state

    def cancel(self):
        """Have CancelledError raised in it."""
        if self is cur_task:
            raise RuntimeError("can't cancel self")
        if not self.state:
            return False
        while isinstance(self.data, Task):
            self = self.data
        if isinstance(self.data, TaskQueue):
            self.data.remove(self)
            _task_queue.push(self)
        elif self.ph_key > 0:
            _task_queue.remove(self)
            _task_queue.push(self)
        self.data = CancelledError
        return True


class _Sleep:
    def __init__(self):
        self.instant = None

    def __await__(self):
        return self

    __iter__ = __await__

    def __next__(self):
        if self.instant is not None:
            _task_queue.push(cur_task, self.instant)
            self.instant = None
            return None
        raise StopIteration


_sleep = _Sleep()


def sleep_ms(t):
    """As in MicroPython."""
    _sleep.instant = ticks() + (t if t > 0 else 0)
    return _sleep


def create_task(coro):
    """As in MicroPython."""
    task = Task(coro)
    _alive.append(coro)
    _task_queue.push(task)
    return task


_alive = []  # never collected: what a power cut has stopped must not run its `finally`
_task_queue = TaskQueue()
cur_task = None


async def _run(waiter, aw):
    try:
        result = await aw
        status = True
    except BaseException as er:
        result = None
        status = er
    if waiter.data is None and waiter.cancel():
        waiter.data = CancelledError(status, result)


async def wait_for_ms(aw, timeout):
    """As in MicroPython."""
    aw = aw if isinstance(aw, Task) else create_task(aw)
    runner = create_task(_run(cur_task, aw))
    try:
        await sleep_ms(timeout)
    except CancelledError as er:
        status = er.args[0] if er.args else None
        if status is None:
            runner.cancel()
            raise er
        if status is True:
            return er.args[1]
        raise status  # noqa: B904
    runner.cancel()
    await runner
    raise TimeoutError


class _Never:
    def __init__(self):
        self.first = True

    def __await__(self):
        return self

    def __next__(self):
        if self.first:
            self.first = False
            return None
        raise StopIteration


class Event:
    """As in MicroPython."""

    def __init__(self):
        self.state = False
        self.waiting = TaskQueue()

    def is_set(self):
        """Whether it has happened."""
        return self.state

    def set(self):
        """It happens."""
        while self.waiting.peek():
            _task_queue.push(self.waiting.pop())
        self.state = True

    def clear(self):
        """It has not happened."""
        self.state = False

    async def wait(self):
        """Until it happens."""
        if not self.state:
            self.waiting.push(cur_task)
            cur_task.data = self.waiting
            await _Never()
        return True
