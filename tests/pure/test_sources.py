"""Where records come from: a source that hangs (one that is plain and slow: the conformance suite), and no source."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mastra_cli import DeadlineExceeded, InvalidArgument, MockMastraEngine, SyncMockMastraEngine


async def hanging() -> AsyncIterator[dict[str, Any]]:
    yield {"external_id": "1", "data": {}}
    await asyncio.sleep(60)


async def failing() -> AsyncIterator[dict[str, Any]]:
    yield {"external_id": "1", "data": {}}
    raise TimeoutError("the API's own")


async def test_a_source_that_hangs_ends_with_the_call() -> None:
    engine, began = MockMastraEngine(url="mock://localhost"), time.monotonic()
    with pytest.raises(
        DeadlineExceeded, match="the call's time was up while its records were read"
    ) as caught:
        await engine.sync_records(name="e", connection_id="c", records=hanging(), timeout=0.1)
    assert caught.value.hint == "give a longer timeout, or none"
    assert time.monotonic() - began < 1
    [run] = await engine.list_sync_runs(entity_id=(await engine.list_entities()).items[0].id)
    assert run.status == "failed"


async def test_a_source_s_own_timeout_comes_out_as_it_is() -> None:
    engine = MockMastraEngine(url="mock://localhost")
    with pytest.raises(TimeoutError, match="the API's own"):
        await engine.sync_records(name="e", connection_id="c", records=failing(), timeout=30)


async def fetched() -> list[dict[str, Any]]:
    return []


async def test_what_is_no_source_is_told_how_to_become_one() -> None:
    engine, twin = MockMastraEngine(url="mock://localhost"), SyncMockMastraEngine(url="mock://localhost")
    given: Any = fetched()
    with pytest.raises(
        InvalidArgument, match="records must be an iterable of records, and is a coroutine"
    ) as caught:
        await engine.sync_records(name="e", connection_id="c", records=given)
    assert caught.value.hint == "await it first"
    given = failing()
    with pytest.raises(InvalidArgument) as caught:
        twin.sync_records(name="e", connection_id="c", records=given)
    assert caught.value.hint == "an async source needs the async class"
