# Written by hand, as is its _async twin.
"""All that waits, but for the database: the one pair of modules that is written twice."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import Annotated, Any, ParamSpec, TypeAlias, TypeVar, cast

from mastra_cli.errors import InvalidArgument

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

Lock = threading.Lock
# What callers may hand over to be read once.
Source: TypeAlias = Iterable[T]
# What a function given to this library returns; in the async twin it is an Awaitable[T].
Answer: TypeAlias = Annotated[T, "at once"]


def home() -> object:
    """What a connection may not leave: this process. Compare with `==`."""
    return os.getpid()


def sleep(seconds: float) -> None:
    # Other threads need no pause to run.
    if seconds > 0:
        time.sleep(seconds)


class Turns:
    """At most `count` at a time."""

    def __init__(self, count: int) -> None:
        # A semaphore is Python under a lock, at which many threads queue up; this is one step in C.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(count):
            self._free.put(None)

    def take(self, seconds: float) -> bool:
        """Whether a turn came within that time; each one taken is given back with `give`."""
        try:
            self._free.get(timeout=max(0.0, seconds))
        except Empty:
            return False
        return True

    def give(self) -> None:
        self._free.put(None)


class Crew:
    """Works on several things at a time, as often as it is asked to. To be closed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._threads: ThreadPoolExecutor | None = None

    def gather(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """`work` over all items; answers in the items' order; the first error ends all."""
        todo = list(items)
        if self._limit == 1 or len(todo) < 2:
            return [work(item) for item in todo]
        if self._threads is None:
            # Its threads are started as they are needed, and wait for what comes next.
            self._threads = ThreadPoolExecutor(self._limit, thread_name_prefix="mastra")
        futures = [self._threads.submit(work, item) for item in todo]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            wait(futures)
            raise

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None


def gather(work: Callable[[T], R], items: Iterable[T], *, limit: int) -> list[R]:
    """`work` over all items, `limit` at a time; answers in the items' order; the first error ends all."""
    with closing(Crew(limit)) as crew:
        return crew.gather(work, items)


def within(seconds: float | None, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What `work` answers, or `TimeoutError` when that takes longer.

    Its thread is then left to end by itself; what it still brings, and can be closed, is closed.
    """
    if seconds is None:
        return work(*args, **kwargs)
    future: Future[R] = Future()

    def run() -> None:
        try:
            answer: Any = work(*args, **kwargs)
        except BaseException as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            return
        if future.set_running_or_notify_cancel():
            future.set_result(answer)
        elif hasattr(answer, "close"):
            answer.close()

    threading.Thread(target=run, name="mastra-within", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.cancel():
            raise
        return future.result()


def reading(seconds: float | None, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`work` that reads a caller's source: in this thread, which a cursor or a session may be bound to."""
    return work(*args, **kwargs)


def call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a caller's own function answers; an async one is refused."""
    answer = function(*args, **kwargs)
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise InvalidArgument(
            f"{getattr(function, '__qualname__', function)!s} is async",
            hint="give a plain function, or use the async class",
        )
    return cast(R, answer)


def each(items: Source[T]) -> Iterator[T]:
    """The items of an iterable."""
    yield from items


def is_iterable(items: Any) -> bool:
    return isinstance(items, Iterable)
