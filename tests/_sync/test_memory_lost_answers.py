# Generated from the _async twin by `nox -s sync`: edit that one.
"""The server did what it was asked, and the connection broke before it could say so: nothing is done twice."""

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from mastra_cli import SyncPgMemory
from mastra_cli.runtime._sync.wire import Wire

Call = Callable[[SyncPgMemory, str], Awaitable[Any]]


def users(*texts: str) -> list[dict]:
    return [{"role": "user", "content": text} for text in texts]


def add(memory, me):
    memory.add_message(thread_id=me, content="new", role="user")


def save(memory, me):
    memory.save_messages(thread_id=me, messages=users("new", "new"))


def save_with_ids(memory, me):
    message = {"id": "old", "role": "user", "content": "changed"}
    memory.save_messages(thread_id=me, messages=[message, *users("new")])


def save_several(memory, me):
    memory.create_thread(resource_id=me, thread_id=f"b{me}")
    messages = [{**users("new")[0], "thread_id": thread} for thread in (me, f"b{me}")]
    memory.save_messages(messages=messages)


def turn(memory, me):
    memory.save_memory(resource_id=me, thread_id=me, user_messages=users("new"))


def begin(memory, me):
    memory.save_memory(resource_id=me, thread_id=f"b{me}", user_messages=users("new"))


def create(memory, me):
    assert (memory.create_thread(resource_id=me, thread_id=f"b{me}", title="x")).title == "x"


def remember(memory, me):
    assert (memory.update_working_memory(resource_id=me, value=2, expected_version=1)).version == 2


def delete(memory, me):
    assert memory.delete_message(message_id="old", thread_id=me) == 1


def delete_all(memory, me):
    assert (memory.delete_resource(resource_id=me)).messages == 1


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
def test_an_answer_that_is_lost_is_not_asked_for_twice(
    shared_database: str, me, call, monkeypatch
) -> None:
    real = Wire.wait
    state = {"armed": -1, "seen": 0}

    def wait(self, *args, **kwargs):
        answer = real(self, *args, **kwargs)
        if state["armed"] >= 0:
            state["seen"] += 1
            if state["seen"] == state["armed"]:
                self.pgconn.finish()
                raise psycopg.OperationalError("the connection broke")
        return answer

    monkeypatch.setattr(Wire, "wait", wait)
    lost = 0
    with SyncPgMemory(connection_string=shared_database) as memory:
        while True:
            state.update(armed=-1, seen=0)
            own = f"{me}{lost}"
            memory.create_thread(resource_id=own, thread_id=own)
            memory.save_messages(
                thread_id=own, messages=[{"id": "old", "role": "user", "content": "old"}]
            )
            memory.update_working_memory(resource_id=own, value=1)
            state.update(armed=lost + 1, seen=0)
            call(memory, own)
            broke = state["seen"] >= state["armed"]
            state.update(armed=-1)
            export = memory.export_resource(resource_id=own)
            found = sorted((m.thread_id.removesuffix(own), m.content, m.seq) for m in export.messages)
            assert found == sorted(AFTER[call]), f"with answer {lost + 1} lost"
            for thread in export.threads:
                window = memory.get_context_window(thread_id=thread.id)
                assert (window.dropped_messages, window.dropped_tokens) == (0, 0)
            if not broke:
                break
            lost += 1
    assert lost >= 1
