"""PgVector's searches use their index: EXPLAIN says so, for every metric and type, and what they touch does not grow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import psycopg
import pytest

from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models_vector import Hnsw, IvfFlat
from tests import vectors as numbers
from tests.conftest import _drop
from tests.servers import Server

EVERY = [
    *((metric, kind, Hnsw()) for kind in ("vector", "halfvec", "sparsevec") for metric in ("cosine", "euclidean", "dotproduct", "l1")),
    ("hamming", "bit", Hnsw()), ("jaccard", "bit", Hnsw()), ("hamming", "bit", IvfFlat()),
    *((metric, kind, IvfFlat()) for kind in ("vector", "halfvec") for metric in ("cosine", "euclidean", "dotproduct")),
    ("cosine", "vector", Hnsw(quantize="binary")), ("euclidean", "halfvec", Hnsw(quantize="binary")),
]  # fmt: skip


@pytest.fixture(scope="module")
def here(template: str, _create: Callable[[str], str], admin: psycopg.Connection) -> Iterator[str]:
    url = _create(template)
    yield url
    _drop(admin, url)


def rows_of(count: int, kind: str, dimension: int = 16) -> np.ndarray:
    data = numbers.Clustered.make(count, dimension, 40).vectors
    return (data > 0).astype(int) if kind == "bit" else data


def filled(
    url: str, count: int, metric: str, kind: str, config, dimension: int = 16
) -> tuple[SyncPgVector, np.ndarray]:
    vector = SyncPgVector(connection_string=url, timeout=300)
    rows = rows_of(count, kind, dimension)
    vector.create_index(
        index_name="docs",
        dimension=dimension,
        metric=metric,
        vector_type=kind,
        index_config=config,
        build_index=False,
    )
    vector.upsert(
        index_name="docs",
        vectors=(dict(enumerate(map(float, row))) for row in rows) if kind == "sparsevec" else rows,
        metadata=({"half": i % 2, "hundredth": i % 100} for i in range(count)),
    )
    vector.build_index(index_name="docs")
    vector._pool.rows("VACUUM ANALYZE mastra.docs")
    return vector, rows


def check_plans(url: str, count: int, metric: str, kind: str, config, dimension: int = 16) -> None:
    vector, rows = filled(url, count, metric, kind, config, dimension)
    question = rows[3].tolist()
    with vector:
        for filter, reason in [
            (None, "the index gives the nearest rows"),
            ({"half": 1}, "the index gives the nearest rows"),
            ({"hundredth": 7}, f"{count // 100:,} rows match, at most 2,000: they are compared exactly"),
        ]:
            plan = vector.explain(index_name="docs", query_vector=question, filter=filter)
            assert (plan.reason, plan.uses_index) == (reason, "nearest" in reason), (
                metric,
                kind,
                config,
                filter,
            )
            found = vector.query(index_name="docs", query_vector=question, filter=filter)
            assert (len(found), found.mode) == (10, plan.mode)
            if filter and "hundredth" in filter:
                assert "docs_meta_idx" in plan.plan
        vector.delete_index(index_name="docs")


@pytest.mark.parametrize(("metric", "kind", "config"), EVERY, ids=str)
def test_the_index_is_used_for_every_metric_and_type(here: str, metric: str, kind: str, config) -> None:
    check_plans(here, 8_000, metric, kind, config)


# One of each kind of index here; all of them, which differ by their operators alone, by night.
LARGE = [("cosine", "vector", Hnsw()), ("hamming", "bit", Hnsw()), ("cosine", "halfvec", IvfFlat()), ("cosine", "vector", Hnsw(quantize="binary"))]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "kind", "config"),
    [pytest.param(*one, marks=pytest.mark.slow if one in LARGE else pytest.mark.nightly) for one in EVERY],
    ids=str,
)
def test_the_index_is_used_at_50_000_vectors(here: str, metric: str, kind: str, config) -> None:
    check_plans(here, 50_000, metric, kind, config, 32)


def test_the_plan_stays_when_the_statement_is_prepared(here: str) -> None:
    """From the sixth time on psycopg prepares, and later the server may plan without knowing the values."""
    vector, rows = filled(here, 8_000, "cosine", "vector", Hnsw())
    with vector, psycopg.connect(here, autocommit=True) as other:

        def scans() -> int:
            return other.execute("SELECT pg_stat_force_next_flush(), idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'docs_vector_idx'").fetchone()[1]  # fmt: skip

        for filter in (None, {"half": 1}):
            vector.query(index_name="docs", query_vector=rows[0], filter=filter)
            vector._pool.rows("SELECT pg_stat_force_next_flush()")
            before = scans()
            for row in rows[:30]:
                vector.query(index_name="docs", query_vector=row, filter=filter)
            vector._pool.rows("SELECT pg_stat_force_next_flush()")
            assert scans() - before == 30
        vector.delete_index(index_name="docs")


def test_one_plan_is_kept_for_all_values_of_a_filter_unless_namespaces_need_their_own(here: str) -> None:
    kept = "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE 'WITH q%'"
    vector, rows = filled(here, 8_000, "cosine", "vector", Hnsw())
    for plans in ([10], []):
        with SyncPgVector(connection_string=here) as asking:
            for number in range(20):
                asking.query(index_name="docs", query_vector=rows[0], filter={"hundredth": number})
            assert [uses for (uses,) in asking._pool.rows(kept, prepare=False)] == plans
        vector.upsert(index_name="docs", vectors=rows[:500], namespace="another")
        vector._pool.rows("ANALYZE mastra.docs")
    with vector:
        vector.delete_index(index_name="docs")


def test_a_namespace_that_was_not_there_when_they_were_counted_has_plans_of_its_own(here: str) -> None:
    vector, rows = filled(here, 8_000, "cosine", "vector", Hnsw())
    vector.upsert(index_name="docs", vectors=rows[:5], namespace="tiny", metadata=[{"hundredth": 1}] * 5)
    with vector, SyncPgVector(connection_string=here) as asking:
        for namespace, count in (("default", 10), ("tiny", 5)):
            for _ in range(8):
                found = asking.query(
                    index_name="docs", query_vector=rows[0], filter={"hundredth": 1}, namespace=namespace
                )
                assert len(found) == count
        [(uses,)] = asking._pool.rows(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE 'WITH q%'",
            prepare=False,
        )
        assert uses == 3  # of the eight in `default`
        vector.delete_index(index_name="docs")


def test_an_index_on_a_part_of_the_rows_is_not_the_index(here: str) -> None:
    vector, rows = filled(here, 500, "cosine", "vector", Hnsw())
    with vector:
        vector._pool.rows("DROP INDEX mastra.docs_vector_idx")
        vector._pool.rows(
            "CREATE INDEX docs_vector_idx ON mastra.docs USING hnsw (embedding vector_cosine_ops) WHERE id < 9"
        )
        with SyncPgVector(connection_string=here) as asking:
            plan = asking.explain(index_name="docs", query_vector=rows[0])
            assert (plan.reason, plan.uses_index) == (
                "the ANN index is not built: build_index() builds it",
                False,
            )
            assert len(asking.query(index_name="docs", query_vector=rows[0])) == 10
        vector.delete_index(index_name="docs")


def test_a_plan_is_not_kept_when_the_table_has_grown(here: str) -> None:
    kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%embedding%'"
    vector, rows = filled(here, 50, "cosine", "vector", Hnsw())
    with vector, SyncPgVector(connection_string=here) as asking:
        for text, filter in enumerate((None, {"half": 1})):
            for _ in range(8):
                asking.query(index_name="docs", query_vector=rows[0], filter=filter)
            assert asking._pool.rows(kept, prepare=False) == [(1 + text,)]
        vector.upsert(index_name="docs", vectors=rows_of(5_000, "vector"))
        asking._indexes.clear()  # half a minute later
        for _ in range(8):
            found = asking.query(index_name="docs", query_vector=rows[0])
            assert found.mode == "ann"
        assert asking._pool.rows(kept, prepare=False) == [(3,)]
        vector.delete_index(index_name="docs")


def test_that_very_many_rows_of_a_large_table_match_is_seen_from_a_few(here: str) -> None:
    vector, rows = filled(here, 20_000, "cosine", "vector", Hnsw())
    with vector:
        for filter, looked in (({"half": 1}, 0), ({"hundredth": {"$lt": 40}}, 0), ({"hundredth": 7}, 200)):
            plan = vector.explain(index_name="docs", query_vector=rows[0], filter=filter)
            nodes = [json.loads(plan.plan)]
            for node in nodes:
                nodes += node.get("Plans", [])
            [few] = [node["Actual Rows"] for node in nodes if node.get("Subplan Name") == "CTE few"]
            assert (few, plan.uses_index) == (looked, looked == 0)
        name = vector._pool.row("SELECT current_database()")[0]
        vector._pool.rows(f'ALTER DATABASE "{name}" SET enable_indexscan = off', writes=True)
        with SyncPgVector(connection_string=here) as asking:
            plan = asking.explain(index_name="docs", query_vector=rows[0], filter={"half": 1})
            assert plan.reason == "the planner finds a scan of so small a table cheaper"
        vector._pool.rows(f'ALTER DATABASE "{name}" RESET enable_indexscan', writes=True)
        vector.delete_index(index_name="docs")


def test_what_a_search_touches_does_not_grow_with_the_table(here: str) -> None:
    touched: dict[int, list[int]] = {}
    for count in (6_000, 18_000):
        vector, rows = filled(here, count, "cosine", "vector", Hnsw())
        with vector:
            for filter in (None, {"half": 1}):
                blocks = 0
                for row in rows[:10]:  # one search alone is a matter of chance
                    plan = vector.explain(index_name="docs", query_vector=row, filter=filter)
                    assert plan.uses_index
                    root = json.loads(plan.plan)
                    blocks += root["Shared Hit Blocks"] + root["Shared Read Blocks"]
                touched.setdefault(count, []).append(blocks)
            vector.delete_index(index_name="docs")
    for small, large in zip(touched[6_000], touched[18_000], strict=True):
        assert large < 2 * small


SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)


@pytest.mark.parametrize(
    ("count", "dimension", "clusters"),
    [
        pytest.param(50_000, 96, 200, marks=pytest.mark.slow),
        pytest.param(60_000, 32, 60, marks=pytest.mark.nightly),
    ],
)
def test_recall_is_095_at_the_defaults_near_far_and_scattered(
    server: Server, here: str, count: int, dimension: int, clusters: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 50 %, 10 %, 1 % and 0.1 %; and over three far clusters of 5 % in all."""
    data = numbers.Clustered.make(count, dimension, clusters)
    lines: list[str] = []
    with SyncPgVector(connection_string=here, timeout=300) as vector:
        vector.create_index(index_name="docs", dimension=dimension, build_index=False)
        vector.upsert(
            index_name="docs",
            vectors=data.vectors,
            ids=[f"v{i}" for i in range(count)],
            metadata=({"n": i, "cluster": int(data.cluster[i]), "part": i % 1000} for i in range(count)),
        )
        vector.build_index(index_name="docs")
        vector._pool.rows("VACUUM ANALYZE mastra.docs")

        def recall(top_k: int, cases) -> tuple[float, str]:
            hits = wanted = 0
            modes: set[str] = set()
            for question, filter, mask in cases:
                rows = np.nonzero(mask)[0]
                truth = rows[numbers.nearest(data.vectors[rows], question, top_k)].tolist()
                found = vector.query(index_name="docs", query_vector=question, filter=filter, top_k=top_k)
                assert len(found) == len(truth)
                hits += len({int(each.id[1:]) for each in found} & set(truth))
                wanted += len(truth)
                modes.add(found.mode)
            return hits / wanted, "/".join(sorted(modes))

        def clusters_of(question, share: float, far: bool) -> list[int]:
            """The nearest or the farthest clusters that hold that share of the rows, or a part of one."""
            order = data.by_distance(question).tolist()
            return (order[::-1] if far else order)[: max(1, round(share * clusters))]

        questions = data.questions(40)
        everything = np.ones(count, bool)
        result, mode = recall(10, [(question, None, everything) for question in questions])
        lines.append(f"no filter: {result:.3f} {mode}")
        assert result >= 0.95
        numbers_ = np.arange(count)
        for top_k in (10, 100):
            for share in SELECTIVITIES:
                for where in ("near", "far", "scattered"):
                    cases = []
                    for question in questions[:12]:
                        if where == "scattered":
                            parts = round(1000 * share)
                            filter, mask = {"part": {"$lt": parts}}, numbers_ % 1000 < parts
                        else:
                            chosen = clusters_of(question, share, where == "far")
                            filter, mask = {"cluster": {"$in": chosen}}, np.isin(data.cluster, chosen)
                            if share * clusters < 1:  # a part of one cluster
                                limit = round(count * min(1.0, share * clusters))
                                filter, mask = {**filter, "n": {"$lt": limit}}, mask & (numbers_ < limit)
                        cases.append((question, filter, mask))
                    result, mode = recall(top_k, cases)
                    lines.append(f"top {top_k}, {share:.1%} {where}: {result:.3f} {mode}")
                    assert result >= 0.95, lines[-1]
        cases = []
        for question in questions:
            chosen = data.by_distance(question)[-round(0.05 * clusters) :].tolist()
            cases.append((question, {"cluster": {"$in": chosen}}, np.isin(data.cluster, chosen)))
        result, mode = recall(10, cases)
        lines.append(f"5 % in far clusters: {result:.3f} {mode}")
        assert result >= 0.95
        vector.delete_index(index_name="docs")
    with capsys.disabled():
        print(f"\nrecall, {count:,} x {dimension}, {clusters} clusters:", *lines, sep="\n  ")
