"""Many writers, opposite orders, killed clients: memory, vectors and the index of records."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import psycopg
import pytest

from mastra_cli.errors import Conflict
from tests.faults import calls

WRITERS = 12


def at_once(work: Callable[[int], None], count: int = WRITERS) -> list[BaseException]:
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_writers_of_the_same_threads_and_vectors_in_any_order_leave_each_whole(
    database: str, isolation: str
) -> None:
    name = database.rpartition("/")[2]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'".encode())
    rounds = 4
    with calls.world(database, max_size=WRITERS, timeout=60) as w:
        threads = ["a", "b", "c"]
        for thread in threads:
            w.memory.create_thread(resource_id="r", thread_id=thread)
        w.vector.create_index(index_name="idx", dimension=2)
        w.memory.update_working_memory(resource_id="r", value=0)

        def write(number: int) -> None:
            mixed = random.Random(number)
            for turn in range(rounds):
                order = mixed.sample(threads, 3)
                w.memory.save_messages(
                    messages=[
                        {"thread_id": t, "role": "user", "content": f"{number} {turn}"}
                        for t in order
                        for _ in "12"
                    ]
                )
                # One id, from many: it is replaced in its place.
                w.memory.save_messages(
                    messages=[
                        {"id": "same", "thread_id": t, "role": "user", "content": f"same {number}"}
                        for t in order
                    ]
                )
                w.memory.add_message(thread_id="a", content="one", role="user")
                ids = mixed.sample([f"v{n}" for n in range(70)], 70)
                w.vector.upsert(
                    index_name="idx",
                    ids=ids[: 70 if turn % 2 else 9],
                    vectors=[[number + 1.0, turn + 1.0]] * (70 if turn % 2 else 9),
                )
                while True:
                    mind = w.memory.get_working_memory(resource_id="r")
                    assert mind
                    try:
                        w.memory.update_working_memory(
                            resource_id="r", value=mind.value + 1, expected_version=mind.version
                        )
                        break
                    except Conflict:
                        continue

        assert at_once(write) == []
        for thread in threads:
            messages = w.memory.get_messages(thread_id=thread).messages
            assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
            one = WRITERS * rounds if thread == "a" else 0
            assert len(messages) == WRITERS * rounds * 2 + one + 1
        mind = w.memory.get_working_memory(resource_id="r")
        assert mind
        assert mind.value == WRITERS * rounds
        assert w.vector.describe_index(index_name="idx").count == 70
