"""The connection is reset in the middle of a COPY, or of a long result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli.errors import DatabaseUnreachable
from tests.faults import calls
from tests.faults.calls import DOCS, World
from tests.faults.proxy import Proxy
from tests.servers import Server

# Each sends a MB or so.
COPIES: dict[str, Callable[..., Any]] = {
    "upsert_records": lambda w, **o: w.engine.upsert_records(entity_id=DOCS, records=source(), **o),
    "upsert_records/list": lambda w, **o: w.engine.upsert_records(
        entity_id=DOCS, records=list(source()), **o
    ),
    "sync_records": lambda w, **o: w.engine.sync_records(
        name="docs", connection_id="c", records=source(), last_sync_id="2", delete_missing=True, **o
    ),
    "upsert": lambda w, **o: w.vector.upsert(
        index_name="idx", **{**calls.vectors(3000), "documents": ["x" * 300] * 3000}, **o
    ),
}
READS: dict[str, Callable[[World], Any]] = {
    "get_records": lambda w: w.engine.get_records(entity_name="docs", connection_id="c"),
    "changes": lambda w: w.engine.changes(entity_id=DOCS, limit=10_000),
    "get_messages": lambda w: w.memory.get_messages(thread_id="t"),
    "export_resource": lambda w: w.memory.export_resource(resource_id="r"),
    "query": lambda w: w.vector.query(index_name="idx", query_vector=[1.0, 2.0, 3.0], top_k=500, include_vector=True),
    "search": lambda w: w.index.search("record", top_k=100),
}  # fmt: skip


def source() -> Iterator[Any]:
    return (one for n in range(3000) for one in calls.some(f"n{n}", pad="x" * 300))


@pytest.fixture
def furnished(database: str) -> str:
    with calls.world(database) as w:
        calls.furnish(w)
    return database


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def reset_in_the_copy(proxy: Proxy) -> bool:
    said = [name for name in proxy.messages if name.startswith("client:Copy")]
    return proxy.fired and bool(said) and "client:CopyDone" not in said


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("count", [5_000, 150_000])
def test_a_copy_that_is_reset_is_not_noticed_or_leaves_nothing(
    furnished: str, proxy: Proxy, name: str, count: int
) -> None:
    with psycopg.connect(furnished, autocommit=True) as direct:
        before = calls.state(direct)
        with calls.world(proxy.url(furnished)) as w:
            w.pool.open()
            proxy.arm()
            proxy.reset_after(count, "client", stay_down=True)
            with pytest.raises(DatabaseUnreachable):
                COPIES[name](w, timeout=0.6)
            assert reset_in_the_copy(proxy)
            proxy.heal()
        calls.settled(direct)
        assert calls.state(direct) == before
        with calls.world(proxy.url(furnished)) as w:
            w.pool.open()
            proxy.arm()
            proxy.reset_after(count, "client")
            COPIES[name](w)
            assert proxy.fired
            assert proxy.messages.count("client:CopyDone") == 1
            there = calls.state(direct)
            COPIES[name](w)
        assert len(there["idx" if name == "upsert" else "records"]) >= 3000
        ledger = {"sync_run"}
        assert {k: v for k, v in calls.state(direct).items() if k not in ledger} == {
            k: v for k, v in there.items() if k not in ledger
        }


@pytest.mark.parametrize("name", READS)
def test_a_result_that_is_reset_is_read_again(furnished: str, proxy: Proxy, name: str) -> None:
    with calls.world(furnished) as w:
        w.engine.upsert_records(entity_id=DOCS, records=[x for n in range(100) for x in calls.some(f"m{n}")])
        w.vector.upsert(index_name="idx", **calls.vectors(500))
        w.memory.save_messages(thread_id="t", messages=[{"role": "user", "content": "x" * 100}] * 100)
        w.index.refresh()
        whole = calls.plain(READS[name](w))
    with calls.world(proxy.url(furnished)) as w:
        for count in (1, 1_000, 4_000):
            w.pool.open()
            proxy.reset_after(count)
            assert calls.plain(READS[name](w)) == whole
            assert proxy.fired
            proxy.reset_after(count, stay_down=True)
            w.hurry(0.3)
            with pytest.raises(DatabaseUnreachable):
                READS[name](w)
            proxy.heal()
            w.hurry(10)


def test_a_walk_that_is_reset_has_given_whole_records_and_says_that_it_broke_off(
    furnished: str, proxy: Proxy
) -> None:
    with calls.world(proxy.url(furnished)) as w:
        w.engine.upsert_records(entity_id=DOCS, records=source())
        whole = list(w.engine.iter_records(entity_name="docs", connection_id="c"))
        lengths: list[int] = []
        for count, broken in ((1, False), (5_000, False), (400_000, True), (900_000, True)):
            proxy.reset_after(count)
            seen: list[Any] = []
            walk = w.engine.iter_records(entity_name="docs", connection_id="c")
            if broken:
                with pytest.raises(DatabaseUnreachable) as error:
                    seen.extend(walk)
                assert error.value.transient
            else:  # nothing was given yet: it begins anew
                seen.extend(walk)
            assert proxy.fired
            assert seen == whole[: len(seen)]
            lengths.append(len(seen))
        assert 0 < lengths[2] < lengths[3] < len(whole)
        assert lengths[:2] == [len(whole)] * 2
