"""Behind PgBouncer in transaction mode every answer is the caller's own."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from mastra_cli import sync_connect
from mastra_cli.runtime import identity
from tests.faults import calls
from tests.faults.calls import World
from tests.faults.pooler import Pooler
from tests.servers import Server


@pytest.fixture
def pooled(server: Server, database: str) -> Iterator[tuple[Pooler, str]]:
    with calls.world(database) as w:
        w.vector.create_index(index_name="idx", dimension=3)
        w.memory.create_memory_index(dimension=3)
    pooler = Pooler(server, size=4)
    yield pooler, pooler.url(database.rpartition("/")[2])
    pooler.close()


class Client:
    """One of many; whatever it is answered says whose it is."""

    def __init__(self, w: World, number: int) -> None:
        self.w, self.number = w, number
        self.me = f"c{number}"
        self.entity = identity.entity_id(self.me, "docs")
        self.vector = [float(number + 1), 1.0, 0.5]
        self.sent = 0
        w.engine.create_entity(name="docs", connection_id=self.me)
        w.memory.create_thread(resource_id=self.me, thread_id=self.me)
        self.deeds = [self.upsert, self.get, self.page, self.sync, self.count, self.say, self.window, self.put,
                      self.query, self.note, self.walk, self.bulk]  # fmt: skip

    def upsert(self) -> None:
        made = self.w.engine.upsert_records(
            entity_id=self.entity, records=[{"external_id": "x", "data": {"of": self.me, "at": time.time()}}]
        )
        assert (made.received, made.created + made.updated) == (1, 1)

    def get(self) -> None:
        found = self.w.engine.get_record(entity_id=self.entity, external_id="x")
        assert found is None or found.data["of"] == self.me

    def page(self) -> None:
        page = self.w.engine.page_records(
            entity_name="docs", connection_id=self.me, options={"filters": {"of": self.me}}
        )
        assert all(record.data["of"] == self.me for record in page.items)

    def sync(self) -> None:
        result = self.w.engine.sync_records(
            name="docs", connection_id=self.me, records=[{"external_id": "s", "data": {"of": self.me}}]
        )
        assert result.entity.connection_id == self.me

    def count(self) -> None:
        of_others = {"of": {"$ne": self.me}}
        assert self.w.engine.count_records(entity_name="docs", connection_id=self.me, filters=of_others) == 0

    def walk(self) -> None:
        for record in self.w.engine.iter_records(entity_name="docs", connection_id=self.me):
            assert record.data["of"] == self.me

    def say(self) -> None:
        said = self.w.memory.add_message(thread_id=self.me, content=f"{self.me} {self.sent}", role="user")
        self.sent += 1
        assert (said.thread_id, said.seq) == (self.me, self.sent)

    def window(self) -> None:
        window = self.w.memory.get_context_window(thread_id=self.me, last=5)
        assert all(message.content.startswith(f"{self.me} ") for message in window)

    def put(self) -> None:
        ids = [f"{self.me}-{n}" for n in range(3)]
        put = self.w.vector.upsert(index_name="idx", vectors=[self.vector] * 3, ids=ids, namespace=self.me)
        assert put == ids

    def bulk(self) -> None:
        ids = [f"{self.me}-{n}" for n in range(60)]
        self.w.vector.upsert(index_name="idx", vectors=[self.vector] * 60, ids=ids, namespace=self.me)

    def query(self) -> None:
        found = self.w.vector.query(index_name="idx", query_vector=self.vector, namespace=self.me, top_k=5)
        assert all(hit.id.startswith(f"{self.me}-") for hit in found)

    def note(self) -> None:
        assert self.w.memory.update_working_memory(resource_id=self.me, value=self.me).value == self.me


def crowd(url: str, clients: int, each: int) -> tuple[int, list[BaseException]]:
    """How many calls were answered rightly, and what went wrong, with that many clients at once."""
    errors: list[BaseException] = []
    done = [0] * clients

    def work(number: int) -> None:
        try:
            with calls.world(url, timeout=60, max_size=1) as w:
                client, choice = Client(w, number), random.Random(number)
                for _ in range(each):
                    choice.choice(client.deeds)()
                    done[number] += 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done), errors


def test_a_server_that_others_use_too_keeps_its_settings(pooled: tuple[Pooler, str]) -> None:
    with sync_connect(url=pooled[1]) as pool:
        assert pool.row("SHOW jit") == ("on",)


def test_many_clients_on_few_servers_get_their_own_answers(pooled: tuple[Pooler, str]) -> None:
    assert crowd(pooled[1], 8, 12) == (96, [])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_3200_calls_of_16_clients_on_4_servers_get_their_own_answers(pooled: tuple[Pooler, str]) -> None:
    assert crowd(pooled[1], 16, 200) == (3200, [])


@pytest.mark.slow
def test_a_pause_and_a_restart_of_the_pooler_are_not_noticed(
    pooled: tuple[Pooler, str], database: str
) -> None:
    pooler, url = pooled
    with calls.world(url, timeout=20) as w:
        client = Client(w, 0)
        client.upsert()
        pooler.process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        threading.Timer(0.5, pooler.process.send_signal, [signal.SIGUSR2]).start()
        began = time.monotonic()
        client.get()
        assert 0.2 < time.monotonic() - began < 5
        pooler.process.kill()
        pooler.process.wait()
        command = pooler.process.args
        threading.Timer(
            0.5,
            lambda: setattr(pooler, "process", subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/")),
        ).start()  # type: ignore[arg-type]
        for deed in client.deeds:
            deed()
    with psycopg.connect(database) as direct:
        stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in tr%'"
        assert direct.execute(stuck).fetchone() == (0,)
