# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""The way in: a caller's iterable, checked record by record; a long list is checked while it is written."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from time import monotonic
from typing import Any

from mastra_cli.errors import DeadlineExceeded, InvalidArgument, kind_of
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime.batches import Batch
from mastra_cli.runtime.models import Record, RecordInput

Records = waiting.Source[RecordInput | Record | Mapping[str, Any]]
# What can be iterated but is no batch.
_SINGLE = (str, bytes, Mapping, RecordInput, Record)


async def drain(batch: Batch, records: Records, timeout: float | None) -> float | None:
    """Take all records, or hold of a long list; the first error ends it. The seconds that are left."""
    given: Any = records
    if isinstance(given, _SINGLE) or not waiting.is_iterable(given):
        raise InvalidArgument(
            f"records must be an iterable of records, and is {kind_of(records)}", hint=_hint(records)
        )
    if batch.hold(given):
        return timeout
    until = None if timeout is None else monotonic() + timeout
    try:
        await waiting.reading(timeout, _take, batch, records, until)
    except TimeoutError:
        if until is None or monotonic() < until:
            raise  # the source's own
        raise _late() from None
    return None if until is None else max(0.001, until - monotonic())


async def _take(batch: Batch, records: Records, until: float | None) -> None:
    async for record in waiting.each(records):
        if until is not None and monotonic() > until:
            raise _late()
        batch.add(record)


def _hint(given: Any) -> str:
    if inspect.iscoroutine(given):
        given.close()  # or Python would warn of it too
    if inspect.isawaitable(given):
        return "await it first"
    if hasattr(given, "__aiter__"):
        return "an async source needs the async class"
    return "put a single record in a list"


def _late() -> DeadlineExceeded:
    return DeadlineExceeded(
        "the call's time was up while its records were read", hint="give a longer timeout, or none"
    )
