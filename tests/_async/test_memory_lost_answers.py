# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""The server did what it was asked, and the connection broke before it could say so: nothing is done twice."""

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from mastra_cli import PgMemory
from mastra_cli.runtime._async.wire import Wire

Call = Callable[[PgMemory, str], Awaitable[Any]]


def users(*texts: str) -> list[dict]:
    return [{"role": "user", "content": text} for text in texts]


async def add(memory, me):
    await memory.add_message(thread_id=me, content="new", role="user")


async def save(memory, me):
    await memory.save_messages(thread_id=me, messages=users("new", "new"))


async def save_with_ids(memory, me):
    message = {"id": "old", "role": "user", "content": "changed"}
    await memory.save_messages(thread_id=me, messages=[message, *users("new")])


async def save_several(memory, me):
    await memory.create_thread(resource_id=me, thread_id=f"b{me}")
    messages = [{**users("new")[0], "thread_id": thread} for thread in (me, f"b{me}")]
    await memory.save_messages(messages=messages)


async def turn(memory, me):
    await memory.save_memory(resource_id=me, thread_id=me, user_messages=users("new"))


async def begin(memory, me):
    await memory.save_memory(resource_id=me, thread_id=f"b{me}", user_messages=users("new"))


async def create(memory, me):
    assert (await memory.create_thread(resource_id=me, thread_id=f"b{me}", title="x")).title == "x"


async def remember(memory, me):
    assert (await memory.update_working_memory(resource_id=me, value=2, expected_version=1)).version == 2


async def delete(memory, me):
    assert await memory.delete_message(message_id="old", thread_id=me) == 1


async def delete_all(memory, me):
    assert (await memory.delete_resource(resource_id=me)).messages == 1


AFTER: dict[Call, list[tuple[str, str, int]]] = {
    add: [("", "old", 1), ("", "new", 2)],
    save: [("", "old", 1), ("", "new", 2), ("", "new", 3)],
    save_with_ids: [("", "changed", 1), ("", "new", 2)],
    save_several: [("", "old", 1), ("", "new", 2), ("b", "new", 1)],
    turn: [("", "old", 1), ("", "new", 2)],
    begin: [("", "old", 1), ("b", "new", 1)],
    create: [("", "old", 1)],
    remember: [("", "old", 1)],
    delete: [],
    delete_all: [],
}


@pytest.mark.parametrize("call", AFTER, ids=lambda call: call.__name__)
async def test_an_answer_that_is_lost_is_not_asked_for_twice(
    shared_database: str, me, call, monkeypatch
) -> None:
    real = Wire.wait
    state = {"armed": -1, "seen": 0}

    async def wait(self, *args, **kwargs):
        answer = await real(self, *args, **kwargs)
        if state["armed"] >= 0:
            state["seen"] += 1
            if state["seen"] == state["armed"]:
                self.pgconn.finish()
                raise psycopg.OperationalError("the connection broke")
        return answer

    monkeypatch.setattr(Wire, "wait", wait)
    lost = 0
    async with PgMemory(connection_string=shared_database) as memory:
        while True:
            state.update(armed=-1, seen=0)
            own = f"{me}{lost}"
            await memory.create_thread(resource_id=own, thread_id=own)
            await memory.save_messages(
                thread_id=own, messages=[{"id": "old", "role": "user", "content": "old"}]
            )
            await memory.update_working_memory(resource_id=own, value=1)
            state.update(armed=lost + 1, seen=0)
            await call(memory, own)
            broke = state["seen"] >= state["armed"]
            state.update(armed=-1)
            export = await memory.export_resource(resource_id=own)
            found = sorted((m.thread_id.removesuffix(own), m.content, m.seq) for m in export.messages)
            assert found == sorted(AFTER[call]), f"with answer {lost + 1} lost"
            for thread in export.threads:
                window = await memory.get_context_window(thread_id=thread.id)
                assert (window.dropped_messages, window.dropped_tokens) == (0, 0)
            if not broke:
                break
            lost += 1
    assert lost >= 1
