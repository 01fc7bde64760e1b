"""Many writers, opposite orders, killed clients: memory, vectors and the index of records."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from mastra_cli.errors import Conflict
from tests.faults import calls

ROOT = Path(__file__).parent.parent.parent
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


CLIENT = """
    import sys
    from tests.faults import calls
    turn = int(sys.argv[2])
    with calls.world(sys.argv[1]) as w:
        w.pool.open()
        print("ready", flush=True)
        while True:
            turn += 1
            text = f"turn {turn}"
            w.memory.save_messages(thread_id="t", messages=[{"role": "user", "content": text}] * 7)
            w.memory.save_messages(messages=[{"thread_id": t, "role": "user", "content": text} for t in "uv"])
            w.vector.upsert(index_name="idx", ids=[f"v{n}" for n in range(80)], vectors=[[turn + 1.0, 1.0, 1.0]] * 80)
            w.engine.upsert_records(entity_id=sys.argv[3], records=calls.some("a", "b", turn=turn))
            w.index.refresh()
            w.memory.delete_thread(thread_id="w")
            w.memory.save_memory(resource_id="r", thread_id="w", user_messages=[{"role": "user", "content": text}])
"""


def kill_at_random_points(database: str, times: int) -> None:
    with calls.world(database) as w, psycopg.connect(database, autocommit=True) as direct:
        for thread in "tuv":
            w.memory.create_thread(resource_id="r", thread_id=thread)
        w.memory.create_memory_index(dimension=3)
        w.vector.create_index(index_name="idx", dimension=3)
        entity = w.engine.create_entity(name="docs", connection_id="c")
        for attempt in range(times):
            client = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(CLIENT), database, str(1000 * attempt), entity.id],
                stdout=subprocess.PIPE, cwd=ROOT,
            )  # fmt: skip
            assert client.stdout
            assert client.stdout.readline() == b"ready\n"
            time.sleep(random.Random(attempt).uniform(0, 0.2))
            client.kill()
            client.wait()
            client.stdout.close()
            w.pool.close()
            w.pool.__enter__()
            calls.settled(direct)
            texts = [message.content for message in w.memory.get_messages(thread_id="t").messages]
            assert all(texts.count(text) % 7 == 0 for text in set(texts))
            u, v = (w.memory.get_messages(thread_id=thread).messages for thread in "uv")
            assert [one.content for one in u] == [one.content for one in v]
            stored = w.vector.get(index_name="idx", ids=[f"v{n}" for n in range(80)])
            hits = w.vector.query(
                index_name="idx", query_vector=[1.0, 1.0, 1.0], top_k=80, include_vector=True, exact=True
            )
            assert len(stored) in (0, 80)
            assert len({tuple(hit.vector or ()) for hit in hits}) <= 1
            turns = {record.data["turn"] for record in w.engine.get_records_by_entity_id(entity_id=entity.id)}
            assert len(turns) <= 1
            stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in tr%'"
            assert direct.execute(stuck).fetchone() == (0,)
            if attempt % 10 == 9:
                w.index.refresh()
                assert w.index.status().behind == 0
        w.index.refresh()
        assert {hit.record.external_id for hit in w.index.search("record a", top_k=5)} <= {"a", "b"}


def test_a_killed_client_leaves_whole_batches(database: str) -> None:
    kill_at_random_points(database, 3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_client_killed_100_times_leaves_whole_batches(database: str) -> None:
    kill_at_random_points(database, 100)
