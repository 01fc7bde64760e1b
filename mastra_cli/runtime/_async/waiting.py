# Written by hand, as is its _sync twin.
"""All that waits, but for the database: the one pair of modules that is written twice."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

Lock = asyncio.Lock
# What callers may hand over to be read once.
Source: TypeAlias = Iterable[T] | AsyncIterable[T]
# What a function given to this library returns; in the sync twin it is T itself.
Answer: TypeAlias = Awaitable[T]

_BREATH = 500


def home() -> object:
    """What a connection may not leave: this process, and here this event loop too. Compare with `==`."""
    return os.getpid(), asyncio.get_running_loop()


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


class Turns:
    """At most `count` at a time; who waits longest goes next."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    async def take(self, seconds: float) -> bool:
        """Whether a turn came within that time; each one taken is given back with `give`."""
        if self._free.locked():
            try:
                async with asyncio.timeout(seconds):
                    await self._free.acquire()
            except TimeoutError:
                return False
        else:
            await self._free.acquire()
        return True

    def give(self) -> None:
        self._free.release()


async def gather(work: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int) -> list[R]:
    """`work` over all items, `limit` at a time; answers in the items' order; the first error ends all."""
    turns = asyncio.Semaphore(limit)

    async def one(item: T) -> R:
        async with turns:
            return await work(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class Crew:
    """Works on several things at a time, as often as it is asked to. To be closed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    async def gather(self, work: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
        """`work` over all items; answers in the items' order; the first error ends all."""
        return await gather(work, items, limit=self._limit)

    async def close(self) -> None:
        """Nothing waits for what comes next."""


async def within(
    seconds: float | None, work: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
) -> R:
    """What `work` answers, or `TimeoutError` when that takes longer."""
    async with asyncio.timeout(seconds):
        return await work(*args, **kwargs)


async def reading(
    seconds: float | None, work: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
) -> R:
    """`work` that reads a caller's source, or `TimeoutError`; one that never awaits is not interrupted."""
    return await within(seconds, work, *args, **kwargs)


async def call(function: Callable[P, R | Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a caller's own function answers, be it sync (then run in a thread) or async."""
    asked: Any = function
    if inspect.iscoroutinefunction(asked) or inspect.iscoroutinefunction(type(asked).__call__):
        answer = asked(*args, **kwargs)
    else:
        answer = await asyncio.to_thread(asked, *args, **kwargs)
    return await cast(Awaitable[R], answer) if inspect.isawaitable(answer) else cast(R, answer)


async def each(items: Source[T]) -> AsyncIterator[T]:
    """The items of an iterable or an async iterable; a long plain one lets others run between its items."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    for number, item in enumerate(items, 1):
        yield item
        if number % _BREATH == 0:
            await asyncio.sleep(0)


def is_iterable(items: Any) -> bool:
    return isinstance(items, Iterable | AsyncIterable)
