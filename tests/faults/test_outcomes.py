"""What a caller sees of each fault: the table of the README, made anew by this run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mastra_cli.errors import MastraError
from tests.faults import calls
from tests.faults.calls import DOC, DOCS, IDX, World
from tests.faults.proxy import Proxy
from tests.servers import Server

README = Path(__file__).parent.parent.parent / "README.md"
V = [1.0, 2.0, 3.0]

COLUMNS: dict[str, Callable[..., Any]] = {
    "a read, a query": lambda w, **o: (w.engine.get_records(**DOC, **o), w.vector.query(**IDX, query_vector=V, **o))[0],
    "a walk": lambda w, **o: list(w.engine.iter_records(**DOC, **o)),
    "a few records": lambda w, **o: w.engine.upsert_records(entity_id=DOCS, records=calls.some("a", "new", x=1), **o),
    "a sync": lambda w, **o: w.engine.sync_records(name="docs", connection_id="c", records=calls.some("a", y=1), **o),
    "messages": lambda w, **o: w.memory.save_messages(thread_id="t", messages=calls.TURN, **o),
    "many vectors": lambda w, **o: w.vector.upsert(**IDX, **calls.vectors(80), **o),
}  # fmt: skip
COMMITS = {"a sync", "many vectors"}


class Scene:
    """A furnished database, and the ways to spoil it."""

    def __init__(self, server: Server, database: str, proxy: Proxy) -> None:
        self.server, self.database, self.proxy = server, database, proxy

    @contextmanager
    def locked(self, _: World) -> Iterator[None]:
        with psycopg.connect(self.database) as other:
            other.execute("SELECT FROM mastra.entity, mastra.thread FOR UPDATE")
            other.execute("LOCK TABLE mastra.idx IN EXCLUSIVE MODE")
            yield

    def lost(self, _: World) -> Any:
        self.proxy.kill_at(1)
        return nullcontext()

    def answer_lost(self, _: World) -> Any:
        self.proxy.swallow_commit()
        return nullcontext()

    def gone(self, _: World) -> Any:
        self.proxy.down = True
        self.proxy.cut()
        return nullcontext()

    def gone_at_work(self, _: World) -> Any:
        self.proxy.kill_at(1, stay_down=True)
        return nullcontext()

    def gone_at_commit(self, _: World) -> Any:
        self.proxy.swallow_commit(stay_down=True)
        return nullcontext()

    def silent(self, _: World) -> Any:
        self.proxy.hole = {"client"}
        return nullcontext()

    def deaf(self, _: World) -> Any:
        self.proxy.hole = {"server"}
        return nullcontext()

    @contextmanager
    def read_only(self, w: World) -> Iterator[None]:
        name = self.database.rpartition("/")[2]
        with psycopg.connect(self.database, autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
            self.proxy.cut()
            w.engine.list_entities()
            yield
            admin.execute("SET default_transaction_read_only = off")
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
            self.proxy.cut()

    @contextmanager
    def full(self, w: World) -> Iterator[None]:
        name = self.database.rpartition("/")[2]
        w.pool.close()
        w.pool.__enter__()
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
            yield
            admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())


ROWS: dict[str, tuple[Callable[[Scene, World], Any], set[str]]] = {
    "the connection breaks": (Scene.lost, set(COLUMNS)),
    "the connection breaks at COMMIT, answer lost": (Scene.answer_lost, COMMITS),
    "the server is gone": (Scene.gone, set(COLUMNS)),
    "the server is gone while it works": (Scene.gone_at_work, set(COLUMNS)),
    "the server is gone at COMMIT, answer lost": (Scene.gone_at_commit, COMMITS),
    "requests are swallowed": (Scene.silent, set(COLUMNS)),
    "answers are swallowed": (Scene.deaf, set(COLUMNS)),
    "another session holds the rows": (Scene.locked, set(COLUMNS)),
    "the server takes no writes": (Scene.read_only, set(COLUMNS)),
    "the server takes no connections": (Scene.full, set(COLUMNS)),
}


def outcome(call: Callable[..., Any], w: World) -> str:
    try:
        call(w, timeout=0.4)
    except MastraError as error:
        return f"`{type(error).__name__}`"
    return "answer"


@pytest.mark.slow
def test_the_table_of_outcomes_in_the_readme_is_what_happens(server: Server, database: str) -> None:
    lines = ["| what happens | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    with calls.world(database) as w:
        calls.furnish(w)
    calls.save(database)
    with Proxy(server.port) as proxy, psycopg.connect(database, autocommit=True) as direct:
        scene = Scene(server, database, proxy)
        for row, (spoil, whom) in ROWS.items():
            cells: list[str] = []
            for name, call in COLUMNS.items():
                if name not in whom:
                    cells.append("-")
                    continue
                with calls.world(proxy.url(database)) as w:
                    call(w)  # warm: what is told is of a program that runs
                    with spoil(scene, w):
                        cells.append(outcome(call, w))
                    proxy.heal()
                    # Whatever it was: once it is over, the next call works.
                    proxy.cut()
                    call(w)
                calls.settled(direct)
                calls.restore(direct)
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
    table = "\n".join(lines)
    found = README.read_text().partition("<!-- outcomes -->\n")[2].partition("\n<!-- /outcomes -->")[0]
    assert found == table, f"the README says otherwise; it is:\n{table}"
