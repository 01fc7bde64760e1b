# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""What `RecordIndex` promises of Postgres: transactions, two refreshers, rights, round trips."""

from __future__ import annotations

import math

import psycopg
import pytest
from psycopg import sql

from mastra_cli.errors import Conflict, DeadlineExceeded, InvalidArgument, NotMigrated, PermissionDenied
from mastra_cli.runtime._async import record_store, waiting
from mastra_cli.runtime._async.mock import MockMastraEngine
from mastra_cli.runtime._async.postgres import PostgresEngine
from mastra_cli.runtime._async.session import connect
from mastra_cli.runtime._async.vector import PgVector
from mastra_cli.runtime.models_vector import Flat
from mastra_cli.runtime.timing import Clock
from tests._async.record_place import Place, found
from tests.servers import Server


@pytest.fixture
async def place(shared_database: str):
    async with connect(url=shared_database) as pool:
        yield Place(PostgresEngine(pool=pool), PgVector(pool=pool))


CLOCK = Clock(math.inf, 30.0)


async def test_an_unchanged_refresh_is_one_round_trip(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.sync(("a", "cat"))
    index = place.index()
    first = await index.refresh()
    then = (await index.status()).refreshed_at
    trips: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self, *args, **kwargs):
        trips.append(str(args[0]))
        return await execute(self, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    result = await index.refresh()
    assert len(trips) == 1
    assert (result.version, result.created, result.embedded) == (first.version, 0, 0)
    # It was looked at all the same.
    assert (await index.status()).refreshed_at > then


async def test_no_transaction_is_open_while_the_embedder_works(place: Place, shared_database: str) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(9)))
    states: set[str] = set()

    def embed(texts: list[str]) -> list[list[float]]:
        with psycopg.connect(shared_database) as c:
            rows = c.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            states.update(row[0] for row in rows.fetchall())
        return place.embedder(texts)

    await place.index(embedder=embed, batch_size=3, max_concurrency=1).refresh()
    assert states == {"idle"}


async def test_of_two_refreshers_one_works_and_the_other_waits(place: Place) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(40)))

    async def embed(texts: list[str]) -> list[list[float]]:
        await waiting.sleep(0.01)
        return place.embedder(texts)

    options = {"embedder": embed, "batch_size": 5, "max_concurrency": 1}
    many = [place.index(**options) for _ in range(4)]
    results = await waiting.gather(lambda index: index.refresh(), many, limit=4)
    assert sum(result.created for result in results) == 40
    assert len(place.embedder.texts) == len(set(place.embedder.texts)) == 40
    assert (await many[0].status()).vectors == 40
    assert len({result.version for result in results}) == 1


async def test_a_refresher_that_waits_ends_at_its_deadline(place: Place) -> None:
    await place.sync(("a", "cat"))
    index = place.index()
    await index.refresh()
    await place.sync(("a", "dog"))
    assert await index._store.take("somebody", CLOCK)
    with pytest.raises(DeadlineExceeded, match=r"another refresh of docs_.* was not done in time"):
        await index.refresh(timeout=0.3)


async def test_who_was_killed_is_followed_at_once_and_who_was_overtaken_writes_nothing(
    place: Place, shared_database: str
) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(12)))
    overtaken: list[str] = []

    async def embed(texts: list[str]) -> list[list[float]]:
        if not overtaken:
            # Its connections are gone, and another takes over while it still embeds.
            overtaken.append("yes")
            with psycopg.connect(shared_database, autocommit=True) as c:
                c.execute(
                    "SELECT pg_terminate_backend(backend_pid) FROM mastra.vector_follower WHERE index_name = %s",
                    [f"mastra.{place.index_name}"],
                )
            async with connect(url=shared_database) as pool:
                other = Place(PostgresEngine(pool=pool), PgVector(pool=pool))
                other.name, other.connection_id = place.name, place.connection_id
                other.index_name = place.index_name
                await other.sync(("00", "a ship"))
                assert (await other.index().refresh(timeout=10)).created == 12
        return place.embedder(texts)

    result = await place.index(embedder=embed, batch_size=4, max_concurrency=1).refresh()
    assert (result.created, result.updated) == (0, 0)
    assert (await place.index().status()).vectors == 12
    assert await found(place.index(), "ship", mode="keyword") == ["00"]


async def test_a_lease_that_ran_out_is_taken_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.sync(("a", "cat"))
    index = place.index()
    await index.refresh()
    await place.sync(("a", "dog"))
    index._store.lease = 0.2
    assert await index._store.take("somebody", CLOCK)
    assert (await place.index().refresh()).updated == 1
    with pytest.raises(record_store.TakenOver):
        await index._store.keep("somebody", 1, CLOCK)


async def test_vectors_of_another_database_are_refused(
    place: Place, server: Server, shared_database: str
) -> None:
    async with PgVector(connection_string=server.url()) as vector:
        with pytest.raises(InvalidArgument, match="engine and vector are in two databases"):
            Place(PostgresEngine(url=shared_database), vector).index()
    async with PgVector(connection_string=shared_database) as vector:
        async with PostgresEngine(url=shared_database) as engine:
            same = Place(engine, vector)
            await same.sync(("a", "cat"))
            assert (await same.index().refresh()).created == 1


async def test_that_there_are_two_databases_shows_at_the_first_call_at_the_latest(
    server: Server, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", shared_database)
    async with PostgresEngine() as engine, PgVector(connection_string=server.url()) as vector:
        index = Place(engine, vector).index()
        for call in (index.refresh, index.status, index.drop, index.rebuild, lambda: index.search("cat")):
            with pytest.raises(InvalidArgument, match="engine and vector are in two databases"):
                await call()


async def test_an_engine_without_vectors_and_a_mock_with_them_are_refused(place: Place) -> None:
    with pytest.raises(InvalidArgument, match="vector must be a PgVector of the engine's database"):
        Place(place.engine, None).index()
    with pytest.raises(InvalidArgument, match="two databases"):
        Place(MockMastraEngine(), place.vector).index()


async def test_an_index_that_was_made_empty_is_taken_as_it_is(place: Place) -> None:
    await place.vector.create_index(
        index_name=place.index_name,
        dimension=9,
        metric="dotproduct",
        index_config=Flat(),
        text_search="english",
    )
    await place.sync(("a", "cats"), ("b", "dogs"))
    index = place.index()
    assert (await index.refresh()).created == 2
    assert await found(index, "cat", mode="keyword") == ["a"]
    assert (await place.vector.describe_index(index_name=place.index_name)).metric == "dotproduct"


async def test_an_index_that_holds_other_vectors_is_a_conflict(place: Place) -> None:
    await place.vector.create_index(index_name=place.index_name, dimension=9)
    await place.vector.upsert(index_name=place.index_name, vectors=[[1.0] * 9])
    await place.sync(("a", "cat"))
    with pytest.raises(Conflict, match="is there already, for other vectors than this entity's"):
        await place.index().refresh()
    # Nor is it dropped.
    await place.index().drop()
    assert (await place.vector.describe_index(index_name=place.index_name)).count == 1


async def test_a_strangers_vector_under_a_records_id_gives_way(place: Place) -> None:
    await place.sync(("a", "cat"))
    await place.index().refresh()
    await place.sync(*((f"{n:03}", f"dog {n}") for n in range(120)))

    async def embed(texts: list[str]) -> list[list[float]]:
        # In between: what is looked up before is not what is met at the write.
        vectors = [place.embedder.vector("ship")]
        await place.vector.upsert(index_name=place.index_name, vectors=vectors, ids=["0:050"])
        return place.embedder(texts)

    result = await place.index(embedder=embed).refresh()
    assert (result.created, result.skipped) == (120, ())
    [hit] = await place.index().search("dog 50", top_k=1, mode="keyword")
    assert (hit.record.external_id, hit.text) == ("050", "dog 50")
    status = await place.index().status()
    assert (status.vectors, status.records, status.behind) == (121, 121, 0)


async def test_an_index_follows_one_entity_alone(place: Place) -> None:
    await place.sync(("a", "cat"))
    await place.index().refresh()
    await place.delete("a")
    await place.index().refresh()
    other = Place(place.engine, place.vector)
    other.index_name = place.index_name
    await other.sync(("a", "dog"))
    with pytest.raises(Conflict, match="is there already, for other vectors than this entity's"):
        await other.index().refresh()
    await other.index().drop()
    await place.sync(("a", "cat"))
    assert (await place.index().refresh()).created == 1


async def test_an_index_that_was_deleted_is_made_again(place: Place) -> None:
    await place.sync(("a", "cat"), ("b", "dog"))
    index = place.index()
    await index.refresh()
    await place.vector.delete_index(index_name=place.index_name)
    await place.sync(("c", "ship"))
    assert (await index.refresh()).created == 3
    assert sorted(await found(index, "cat", mode="vector")) == ["a", "b", "c"]


async def test_a_role_with_dml_alone_can_refresh_and_search(
    place: Place, shared_database: str, admin: psycopg.Connection
) -> None:
    role = f"app_{place.index_name}"
    with psycopg.connect(shared_database, autocommit=True) as c:
        name = sql.Identifier(role)
        c.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        try:
            c.execute(sql.SQL("GRANT USAGE ON SCHEMA mastra TO {}").format(name))
            c.execute(
                sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mastra TO {}").format(
                    name
                )
            )
            head, _, tail = shared_database.partition("//")
            url = f"{head}//{role}@{tail.rpartition('@')[2]}"
            await place.sync(("a", "cat"))
            async with connect(url=url) as pool:
                theirs = Place(PostgresEngine(pool=pool), PgVector(pool=pool))
                theirs.connection_id, theirs.index_name = place.connection_id, place.index_name
                with pytest.raises(PermissionDenied, match=r"making the index docs_.* needs more") as caught:
                    await theirs.index().refresh()
                assert caught.value.hint is not None
                assert "an index that an admin has made, empty" in caught.value.hint
                await place.vector.create_index(index_name=place.index_name, dimension=9)
                c.execute(
                    sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON mastra.{} TO {}").format(
                        sql.Identifier(place.index_name), name
                    )
                )
                c.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA mastra TO {}").format(name))
                assert (await theirs.index().refresh()).created == 1
                assert await found(theirs.index(), "cat") == ["a"]
        finally:
            c.execute(sql.SQL("DROP OWNED BY {}").format(name))
            c.execute(sql.SQL("DROP ROLE {}").format(name))


async def test_a_large_index_is_built_and_found_from(place: Place) -> None:
    await place.sync(*((f"{n:04}", f"cat {n}") for n in range(2_100)), ("x", "blue ship"))
    index = place.index(text="text", batch_size=500)
    assert (await index.refresh()).created == 2_101
    assert (await place.vector.describe_index(index_name=place.index_name)).ready
    assert (await found(index, "blue ship", top_k=1)) == ["x"]


async def test_a_database_that_is_not_migrated_says_so(empty_database: str) -> None:
    async with connect(url=empty_database) as pool:
        place = Place(PostgresEngine(pool=pool), PgVector(pool=pool))
        with pytest.raises(NotMigrated):
            await place.index().refresh()
