"""A dump that was restored answers as the original does; migrations race over a slow network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg

from mastra_cli.errors import Conflict, NotFound
from mastra_cli.local import migrations
from tests.faults import calls
from tests.faults.proxy import Proxy
from tests.postgres.dumps import dump, psql
from tests.servers import Server


def told(call: calls.Call, w: calls.World) -> Any:
    """What a call answers; some find nothing any more after those before them."""
    try:
        return calls.plain(call.run(w))
    except (NotFound, Conflict) as error:
        return calls.plain(f"{type(error).__name__}: {error}")


def test_a_restored_dump_gives_equal_answers_to_every_call(
    database: str, empty_database: str, server: Server
) -> None:
    with calls.world(database) as w:
        calls.furnish(w)
    psql(server, empty_database, dump(server, database))
    for call in calls.CALLS:
        if call.name != "measure_recall":
            with calls.world(database) as one, calls.world(empty_database) as two:
                assert told(call, one) == told(call, two), call.name
    with (
        psycopg.connect(database, autocommit=True) as original,
        psycopg.connect(empty_database, autocommit=True) as copy,
    ):
        assert calls.state(original) == calls.state(copy)
    assert migrations.migrate(empty_database).applied == ()


def test_eight_migrations_at_once_over_a_slow_network_make_one_schema(
    empty_database: str, server: Server
) -> None:
    applied: list[int] = []
    errors: list[BaseException] = []

    def caught(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    with Proxy(server.port) as proxy:
        proxy.latency = 0.003
        url = proxy.url(empty_database)
        threads = [
            threading.Thread(
                target=caught, args=(lambda: applied.append(len(migrations.migrate(url).applied)),)
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert sorted(applied)[:7] == [0] * 7
    assert max(applied) > 0
