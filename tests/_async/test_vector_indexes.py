# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""How indexes of `PgVector` are made, built, described and dropped, and who may."""

from __future__ import annotations

import json

import numpy as np
import psycopg
import pytest

from mastra_cli.errors import (
    Conflict,
    ExtensionMissing,
    InvalidArgument,
    NotMigrated,
    PermissionDenied,
    VectorIndexNotFound,
)
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime._async.session import connect
from mastra_cli.runtime._async.vector import PgVector
from mastra_cli.runtime.models_vector import BuildProgress, Flat, Hnsw, IndexStats, IvfFlat
from tests import vectors as numbers


@pytest.fixture
async def vector(database: str):
    async with PgVector(connection_string=database) as vector:
        yield vector


async def test_create_describe_list_delete(vector: PgVector) -> None:
    made = await vector.create_index(index_name="docs", dimension=3)
    assert made == IndexStats("docs", 3, 0, "cosine", "hnsw", Hnsw(16, 64), "vector", made.size_bytes, True)
    assert made.size_bytes > 0
    await vector.upsert(index_name="docs", vectors=[[1, 2, 3]])
    await vector.create_index(
        index_name="A_b1", dimension=2, metric="l1", index_config=Flat(), vector_type="halfvec"
    )
    flat = await vector.describe_index(index_name="A_b1")
    assert (flat.metric, flat.type, flat.config, flat.vector_type, flat.ready) == (
        "l1",
        "flat",
        Flat(),
        "halfvec",
        True,
    )
    assert (await vector.describe_index(index_name="docs")).count == 1
    assert await vector.list_indexes() == ["A_b1", "docs"]
    await vector.delete_index(index_name="docs")
    assert await vector.list_indexes() == ["A_b1"]
    with pytest.raises(VectorIndexNotFound, match="there is no vector index docs in the schema mastra"):
        await vector.delete_index(index_name="docs")


async def test_the_same_again_is_no_op_and_another_is_a_conflict(vector: PgVector) -> None:
    made = await vector.create_index(index_name="docs", dimension=3, index_config=Hnsw(8, 40))
    await vector.upsert(index_name="docs", vectors=[[1, 2, 3]])
    for same in ({}, {"index_config": Hnsw(8, 40)}, {"vector_type": "vector"}, {"build_index": False}):
        again = await vector.create_index(index_name="docs", dimension=3, **same)
        assert (again.config, again.count) == (made.config, 1)
    for other, words in [
        ({"dimension": 4}, "the index docs is there with dimension 3, not 4"), ({"metric": "l1"}, "with metric cosine, not l1"),
        ({"vector_type": "halfvec"}, "with vector type vector, not halfvec"), ({"index_config": Hnsw()}, "build_index"),
        ({"index_config": IvfFlat()}, "build_index"),
    ]:  # fmt: skip
        with pytest.raises(Conflict) as caught:
            await vector.create_index(**{"index_name": "docs", "dimension": 3, **other})
        assert words in f"{caught.value} {caught.value.hint}"


async def test_created_by_many_at_once(vector: PgVector) -> None:
    async def create(number: int) -> IndexStats:
        return await vector.create_index(index_name="docs", dimension=3)

    made = await waiting.gather(create, range(6), limit=6)
    assert {(each.dimension, each.ready) for each in made} == {(3, True)}


@pytest.mark.parametrize(
    ("dimension", "options", "kind"),
    [(2_000, {}, "vector"), (2_001, {}, "halfvec"), (4_000, {}, "halfvec"), (5_000, {"index_config": Flat()}, "vector"),
     (5_000, {"index_config": Hnsw(quantize="binary")}, "vector"), (64, {"metric": "hamming"}, "bit")],
)  # fmt: skip
async def test_the_vector_type_follows_the_dimension(
    vector: PgVector, dimension: int, options, kind: str
) -> None:
    made = await vector.create_index(index_name="docs", dimension=dimension, **options)
    assert (made.vector_type, made.dimension) == (kind, dimension)
    value = np.ones(dimension, int)
    await vector.upsert(index_name="docs", vectors=[value] * 60, ids=map(str, range(60)))
    assert len(await vector.query(index_name="docs", query_vector=value, include_vector=True)) == 10
    [storage] = await vector._pool.rows(
        "SELECT attstorage FROM pg_attribute WHERE attrelid = 'mastra.docs'::regclass AND attname = 'embedding'"
    )
    size = {"vector": 4, "halfvec": 2, "bit": 0.125}[kind] * dimension
    assert storage[0] in ("p" if size <= 7_600 else "ex")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"dimension": 4_001}, "an ANN index of vector takes up to 2,000 dimensions, and 4,001 were asked"),
     ({"dimension": 2_001, "vector_type": "vector"}, "takes up to 2,000 dimensions"), ({"dimension": 16_001, "index_config": Flat()}, "vector holds up to 16,000"),
     ({"dimension": 0}, "dimension must be a whole number from 1, and is 0"), ({"dimension": 3.0}, "dimension must be a whole number"),
     ({"metric": "manhattan"}, "no such metric: 'manhattan'"), ({"vector_type": "float"}, "no such vector type: 'float'"),
     ({"metric": "hamming", "vector_type": "vector"}, "the metric hamming does not compare vector"), ({"vector_type": "bit"}, "the metric cosine does not compare bit"),
     ({"metric": "l1", "index_config": IvfFlat()}, "IVFFlat does not index vector under l1"), ({"vector_type": "sparsevec", "index_config": IvfFlat()}, "IVFFlat does not index sparsevec"),
     ({"metric": "jaccard", "index_config": IvfFlat()}, "IVFFlat does not index bit under jaccard"),
     ({"metric": "hamming", "index_config": Hnsw(quantize="binary")}, "binary quantisation is for vector and halfvec, not for bit"),
     ({"index_config": "hnsw"}, r"index_config must be Hnsw\(\), IvfFlat\(\) or Flat\(\), and is a str"),
     ({"text_search": "klingon"}, "the server knows no language 'klingon'"), ({"text_search": "x'; --"}, "the server knows no language")],
)  # fmt: skip
async def test_what_can_not_be_an_index(vector: PgVector, options, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words) as caught:
        await vector.create_index(**{"index_name": "docs", "dimension": 3, **options})
    if "an ANN index" in words:
        assert 'Hnsw(quantize="binary") indexes one bit a dimension' in caught.value.hint
    assert await vector.list_indexes() == []


async def test_what_an_index_is_stands_in_its_tables_comment(vector: PgVector) -> None:
    await vector.create_index(
        index_name="docs",
        dimension=3,
        metric="euclidean",
        index_config=Hnsw(m=4, ef_construction=20),
        text_search="english",
    )
    [[comment]] = await vector._pool.rows("SELECT obj_description('mastra.docs'::regclass)")
    assert json.loads(comment) == {
        "metric": "euclidean",
        "type": "hnsw",
        "config": {"m": 4, "ef_construction": 20},
        "language": "pg_catalog.english",
    }


@pytest.mark.parametrize("config", [Hnsw(), Hnsw(quantize="binary"), IvfFlat(2), Flat()])
async def test_somebodys_own_comment_on_the_table_stays(vector: PgVector, database: str, config) -> None:
    words = 'Ours since May.\r\n{"owner": "search"}\n'
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "CREATE TABLE mastra.docs (id serial PRIMARY KEY, vector_id text UNIQUE NOT NULL, embedding vector(3), metadata jsonb)"
        )
        admin.execute(
            "INSERT INTO mastra.docs (vector_id, embedding) VALUES ('a', '[1,2,3]'), ('b', '[3,2,1]')"
        )
        admin.execute(f"COMMENT ON TABLE mastra.docs IS '{words}'")
        for metric in ("euclidean", "dotproduct"):
            stats = await vector.build_index(index_name="docs", metric=metric, index_config=config)
            assert (stats.metric, stats.config, stats.ready) == (metric, config, True)
            [[comment]] = admin.execute("SELECT obj_description('mastra.docs'::regclass)").fetchall()
            assert comment.startswith(words)
            assert json.loads(comment.removeprefix(words))["metric"] == metric
        assert (await vector.query(index_name="docs", query_vector=[3, 2, 1]))[0].id == "b"


async def test_a_name_that_something_else_has_is_a_conflict(vector: PgVector, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE VIEW public.seen AS SELECT 1 AS a")
    await vector.create_index(index_name="docs", dimension=3)
    with pytest.raises(
        Conflict, match=r'docs_meta_idx can not be made in the schema mastra: .*"docs_meta_idx"'
    ):
        await vector.create_index(index_name="docs_meta_idx", dimension=3)
    async with PgVector(connection_string=database, schema="public") as public:
        for name in ("vector", "halfvec", "sparsevec"):
            with pytest.raises(
                Conflict, match=rf'{name} can not be made in the schema public: .*type "{name}"'
            ) as e:
                await public.create_index(index_name=name, dimension=3)
            assert e.value.hint == "choose another name for the index"
        with pytest.raises(Conflict, match=r'seen can not be made in the schema public: .*"seen"'):
            await public.create_index(index_name="seen", dimension=3)
        assert await public.list_indexes() == []
    # Where the extension is not, they are names as any other.
    await vector.create_index(index_name="vector", dimension=3)
    await vector.upsert(index_name="vector", vectors=[[1, 2, 3]])
    assert len(await vector.query(index_name="vector", query_vector=[1, 2, 3])) == 1


async def test_a_table_that_is_no_index_is_left_alone(vector: PgVector, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE TABLE mastra.mine (id int)")
    for call in (vector.describe_index, vector.delete_index):
        with pytest.raises(Conflict, match=r"mastra\.mine is a table, and no vector index"):
            await call(index_name="mine")
    with pytest.raises(Conflict, match=r"mastra\.mine is a table, and no vector index"):
        await vector.create_index(index_name="mine", dimension=3)
    assert await vector.list_indexes() == []


async def test_load_first_and_index_after(vector: PgVector) -> None:
    made = await vector.create_index(index_name="docs", dimension=16, build_index=False)
    assert (made.type, made.ready) == ("hnsw", False)
    await vector.upsert(index_name="docs", vectors=numbers.DATA.vectors[:1_000])
    assert (await vector.query(index_name="docs", query_vector=numbers.DATA.vectors[0])).mode == "exact"
    seen: list[BuildProgress] = []
    built = await vector.build_index(index_name="docs", on_progress=seen.append)
    assert (built.ready, built.count, built.config) == (True, 1_000, Hnsw())
    assert all(0 <= each.fraction <= 1 and each.phase for each in seen)
    assert (await vector.query(index_name="docs", query_vector=numbers.DATA.vectors[0])).mode == "ann"


async def test_a_build_reports_its_progress(vector: PgVector, database: str) -> None:
    await vector.create_index(index_name="docs", dimension=3, build_index=False)
    await vector.upsert(index_name="docs", vectors=[[1, 2, 3]])
    seen: list[BuildProgress] = []

    # A reader of before holds the build up, so that there is something to see.
    with psycopg.connect(database) as reader:
        reader.execute("INSERT INTO mastra.docs (vector_id, embedding) VALUES ('held', '[1,1,1]')")

        def on_progress(progress: BuildProgress) -> None:
            seen.append(progress)
            reader.commit()

        await vector.build_index(index_name="docs", on_progress=on_progress)
    assert seen[0].phase.startswith("waiting for")


async def test_a_rebuild_changes_config_and_metric_and_queries_go_on(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=16, build_index=False)
    rows = numbers.DATA.vectors[:1_500]
    await vector.upsert(index_name="docs", vectors=rows, ids=[f"v{i}" for i in range(len(rows))])
    for config, metric in [(IvfFlat(), None), (Hnsw(m=8), "euclidean"), (Hnsw(quantize="binary"), "cosine"), (Flat(), None),
                           (None, None), (Hnsw(), "l1")]:  # fmt: skip
        built = await vector.build_index(index_name="docs", index_config=config, metric=metric)
        wanted = IvfFlat(1) if config == IvfFlat() else config or Flat()
        assert (built.config, built.metric, built.ready) == (wanted, metric or "cosine", True)
        found = await vector.query(index_name="docs", query_vector=numbers.DATA.vectors[5], top_k=3)
        assert found[0].id == "v5"
        assert (found.mode, found.metric) == ("exact" if wanted == Flat() else "ann", metric or "cosine")
    names = await vector._pool.rows("SELECT relname FROM pg_class WHERE relname LIKE 'docs_vector%'")
    assert names == [("docs_vector_idx",)]


async def test_what_a_killed_build_left_is_dropped(vector: PgVector, database: str) -> None:
    await vector.create_index(index_name="docs", dimension=3, build_index=False)
    await vector.upsert(index_name="docs", vectors=[[1, 2, 3]])
    with psycopg.connect(database, autocommit=True) as admin:
        for name in ("docs_vector_new", "docs_vector_old", "docs_vector_idx"):
            admin.execute(f"CREATE INDEX {name} ON mastra.docs USING hnsw (embedding vector_cosine_ops)")
            admin.execute(
                f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'mastra.{name}'::regclass"
            )
    assert not (await vector.describe_index(index_name="docs")).ready
    assert (await vector.query(index_name="docs", query_vector=[1, 2, 3])).mode == "exact"
    assert (await vector.build_index(index_name="docs")).ready
    rows = await vector._pool.rows("SELECT relname FROM pg_class WHERE relname LIKE 'docs_vector%'")
    assert rows == [("docs_vector_idx",)]


async def test_two_builds_at_once(vector: PgVector, database: str) -> None:
    await vector.create_index(index_name="docs", dimension=3, build_index=False)
    await vector.upsert(index_name="docs", vectors=[[1, 2, 3]])
    with psycopg.connect(database) as reader:
        reader.execute("INSERT INTO mastra.docs (vector_id, embedding) VALUES ('held', '[1,1,1]')")

        async def build(number: int) -> object:
            try:
                if number == 0:
                    return await vector.build_index(index_name="docs")
                for _ in range(200):
                    if await vector._pool.rows("SELECT FROM pg_stat_progress_create_index"):
                        break
                    await waiting.sleep(0.02)
                return await vector.build_index(index_name="docs")
            except Conflict as error:
                return error
            finally:
                reader.commit()

        built, refused = await waiting.gather(build, range(2), limit=2)
    assert built.ready
    assert "another session is building an index on docs" in str(refused)


async def test_ivfflat_is_never_built_on_an_empty_table(vector: PgVector) -> None:
    made = await vector.create_index(index_name="docs", dimension=3, index_config=IvfFlat())
    assert (made.type, made.ready) == ("ivfflat", False)
    with pytest.raises(
        InvalidArgument, match="the index docs is empty, and IVFFlat takes its lists from rows"
    ) as caught:
        await vector.build_index(index_name="docs")
    assert caught.value.hint == "upsert first, then build_index()"


async def test_a_build_that_has_too_little_memory_says_what_to_set(database: str) -> None:
    url = f"{database}?options=-cmaintenance_work_mem%3D1MB"
    async with PgVector(connection_string=url) as vector:
        await vector.create_index(index_name="docs", dimension=16, build_index=False)
        await vector.upsert(index_name="docs", vectors=numbers.DATA.vectors)
        with pytest.warns(
            UserWarning, match=r"maintenance_work_mem is 1 MB.*SET maintenance_work_mem = '64MB'"
        ):
            await vector.build_index(index_name="docs")


async def test_text_search_can_be_added_and_not_changed(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=3)
    await vector.create_index(index_name="docs", dimension=3, text_search="german")
    await vector.create_index(index_name="docs", dimension=3)
    await vector.upsert(index_name="docs", vectors=[[1, 2, 3]], documents=["Die Häuser der Stadt"])
    found = await vector.hybrid_query(index_name="docs", query_vector=[1, 2, 3], query_text="Haus")
    assert found[0].score == pytest.approx(2 / 61)
    with pytest.raises(Conflict, match=r"with text_search pg_catalog.german, not pg_catalog.english"):
        await vector.create_index(index_name="docs", dimension=3, text_search="english")


async def test_another_schema(vector: PgVector, database: str) -> None:
    async with PgVector(connection_string=database, schema="public") as public:
        await public.create_index(index_name="message", dimension=3)
        await public.upsert(index_name="message", vectors=[[1, 2, 3]])
        assert await public.list_indexes() == ["message"]
    assert await vector.list_indexes() == []
    for schema in ('a"b', "", "pg_catalog", "information_schema", None, "x" * 64):
        with pytest.raises(InvalidArgument):
            PgVector(connection_string=database, schema=schema)
    async with PgVector(connection_string=database, schema="nowhere") as nowhere:
        with pytest.raises(NotMigrated):
            await nowhere.create_index(index_name="docs", dimension=3)


async def test_a_pool_is_shared(database: str) -> None:
    async with connect(url=database) as pool:
        first, second = PgVector(pool=pool), PgVector(pool=pool, schema="public")
        await first.create_index(index_name="docs", dimension=3)
        await first.close()
        assert await second.list_indexes() == []


async def test_an_empty_database_gets_the_extension_or_says_who_must_make_it(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS nobody_special")
        admin.execute("CREATE ROLE nobody_special LOGIN")
        admin.execute("GRANT CREATE ON SCHEMA public TO nobody_special")
    url = empty_database.replace("//postgres@", "//nobody_special@")
    async with PgVector(connection_string=url, schema="public") as vector:
        # pgvector is no trusted extension.
        with pytest.raises(
            ExtensionMissing, match="pgvector is not in this database, and could not be made"
        ) as caught:
            await vector.create_index(index_name="docs", dimension=3)
    assert caught.value.hint == "an admin runs: CREATE EXTENSION vector"
    async with PgVector(connection_string=empty_database, schema="public") as vector:
        assert (await vector.create_index(index_name="docs", dimension=3)).ready


async def test_a_role_without_ddl_can_query_and_upsert_and_no_more(vector: PgVector, database: str) -> None:
    await vector.create_index(index_name="docs", dimension=3)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS application")
        admin.execute("CREATE ROLE application LOGIN")
        admin.execute("GRANT USAGE ON SCHEMA mastra TO application")
        admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON mastra.docs TO application")
        admin.execute("GRANT USAGE ON SEQUENCE mastra.docs_id_seq TO application")
    async with PgVector(connection_string=database.replace("//postgres@", "//application@")) as limited:
        await limited.create_index(index_name="docs", dimension=3)
        ids = await limited.upsert(index_name="docs", vectors=[[1, i, 3] for i in range(200)])
        assert (
            len(
                await limited.query(
                    index_name="docs", query_vector=[1, 2, 3], filter={"a": {"$exists": False}}
                )
            )
            == 10
        )
        await limited.update_vector(index_name="docs", id=ids[0], metadata={"a": 1})
        assert await limited.delete_vectors(index_name="docs", filter={"a": 1}) == 1
        await limited.truncate_index(index_name="docs")
        assert (await limited.describe_index(index_name="docs")).count == 0
        for call, needs in [
            (limited.build_index, "it needs to own its table"), (limited.delete_index, "it needs to own its table"),
        ]:  # fmt: skip
            with pytest.raises(
                PermissionDenied, match="the index docs needs more than this role has"
            ) as caught:
                await call(index_name="docs")
            assert caught.value.hint == needs
        with pytest.raises(
            PermissionDenied, match="creating the index more needs more than this role has"
        ) as caught:
            await limited.create_index(index_name="more", dimension=3)
        assert caught.value.hint == "it needs USAGE and CREATE on the schema mastra"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP OWNED BY application")
        admin.execute("DROP ROLE application")
