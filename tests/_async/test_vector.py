# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""What `PgVector.query` and its kin promise, on a real Postgres with pgvector."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import psycopg
import pytest

from mastra_cli.errors import DeadlineExceeded, InvalidArgument, VectorIndexNotFound
from mastra_cli.runtime import ranking
from mastra_cli.runtime._async.vector import PgVector
from mastra_cli.runtime.filters import parse
from mastra_cli.runtime.models_vector import Flat, Hnsw, IvfFlat
from mastra_cli.runtime.predicate import predicate
from tests import vectors as numbers
from tests.conftest import _drop

COUNT = numbers.COUNT
DATA = numbers.DATA


@pytest.fixture
async def vector(database: str):
    """Over a database of the test's own."""
    async with PgVector(connection_string=database) as vector:
        yield vector


@pytest.fixture(scope="module")
def loaded(template: str, _create: Callable[[str], str], admin: psycopg.Connection) -> Iterator[str]:
    """A database with DATA in the index `docs`, for tests that only read."""
    url = _create(template)
    numbers.load(url)
    yield url
    _drop(admin, url)


@pytest.fixture
async def docs(loaded: str):
    async with PgVector(connection_string=loaded) as vector:
        yield vector


def names(results) -> list[int]:
    return [int(result.id[1:]) for result in results]


METRICS = [
    ("cosine", "vector"), ("euclidean", "vector"), ("dotproduct", "vector"), ("l1", "vector"),
    ("cosine", "halfvec"), ("euclidean", "halfvec"), ("dotproduct", "halfvec"), ("l1", "halfvec"),
    ("cosine", "sparsevec"), ("euclidean", "sparsevec"), ("dotproduct", "sparsevec"), ("l1", "sparsevec"),
    ("hamming", "bit"), ("jaccard", "bit"),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "kind"), METRICS)
async def test_each_metric_orders_and_scores_as_the_page_says(docs: PgVector, metric: str, kind: str) -> None:
    name = f"{metric}_{kind}"
    rng = np.random.default_rng(3)
    stored = rng.integers(0, 2, (300, 24)) if kind == "bit" else rng.normal(size=(300, 24)).astype("f2")
    question = stored[17] if kind == "bit" else rng.normal(size=24).astype("f2")
    await docs.create_index(index_name=name, dimension=24, metric=metric, vector_type=kind)
    await docs.upsert(index_name=name, vectors=stored, ids=[f"v{i}" for i in range(300)])
    for options in ({"exact": True}, {"ef": 400}):
        found = await docs.query(
            index_name=name, query_vector=question, top_k=20, include_vector=True, **options
        )
        assert found.metric == metric
        assert found.mode == ("exact" if "exact" in options else "ann")
        expected = numbers.scores(stored, question, metric)
        got = [each.score for each in found]
        assert got == pytest.approx(
            sorted(expected, reverse=True)[:20], abs=2e-3 if kind == "halfvec" else 1e-5
        )
        for each in found:
            row = int(each.id[1:])
            assert each.score == pytest.approx(expected[row], abs=2e-3 if kind == "halfvec" else 1e-5)
            value = each.vector if kind != "sparsevec" else [each.vector.get(i, 0.0) for i in range(24)]
            assert value == pytest.approx(stored[row].tolist(), abs=1e-6)
        # Equal distances come by id.
        assert [(-each.score, each.id) for each in found] == sorted((-each.score, each.id) for each in found)


async def test_without_a_filter_the_index_answers_in_one_statement(docs: PgVector, monkeypatch) -> None:
    asked = []
    rows = docs._pool.rows

    async def counted(statement, *arguments, **options):
        asked.append(statement)
        return await rows(statement, *arguments, **options)

    await docs.query(index_name="docs", query_vector=DATA.vectors[0])
    monkeypatch.setattr(docs._pool, "rows", counted)
    for filter in (None, {"n": {"$lt": 50}}, {"odd": True}):
        asked.clear()
        found = await docs.query(index_name="docs", query_vector=DATA.vectors[0], filter=filter)
        assert len(found) == 10
        assert len(asked) == 1
        assert (found.mode, found.short) == ("exact" if filter and "n" in filter else "ann", False)


async def test_recall_and_all_rows_for_near_far_and_scattered_matches(docs: PgVector) -> None:
    for question in DATA.questions(6):
        clusters = DATA.by_distance(question).tolist()
        scattered = np.arange(COUNT) % 2 == 1
        cases = {
            "all": (None, np.ones(COUNT, bool)),
            "half, scattered": ({"odd": True}, scattered),
            "half, near": ({"cluster": {"$in": clusters[:15]}}, np.isin(DATA.cluster, clusters[:15])),
            "half, far": ({"cluster": {"$in": clusters[15:]}}, np.isin(DATA.cluster, clusters[15:])),
            "one far cluster": ({"cluster": clusters[-1]}, DATA.cluster == clusters[-1]),
            "six rows": ({"n": {"$in": [5, 500, 1000, 2000, 4000, 5999]}}, np.isin(np.arange(COUNT), [5, 500, 1000, 2000, 4000, 5999])),
        }  # fmt: skip
        for name, (filter, mask) in cases.items():
            rows = np.nonzero(mask)[0]
            for top_k in (10, 500):
                found = await docs.query(index_name="docs", query_vector=question, top_k=top_k, filter=filter)
                truth = rows[numbers.nearest(DATA.vectors[rows], question, top_k)].tolist()
                assert len(found) == len(truth), (name, top_k)
                assert len(set(names(found)) & set(truth)) >= 0.95 * len(truth), (name, top_k, found.mode)
                assert found.short == (len(rows) < top_k)


async def test_up_to_2000_matching_rows_are_compared_exactly(docs: PgVector) -> None:
    for matching, mode in ((2_000, "exact"), (2_001, "ann")):
        found = await docs.query(
            index_name="docs", query_vector=DATA.vectors[7], filter={"n": {"$lt": matching}}, top_k=3
        )
        assert found.mode == mode
        assert found[0].id == "v7"


async def test_top_k_beyond_ef_search_and_ef_beyond_its_maximum(docs: PgVector) -> None:
    ask = {"index_name": "docs", "query_vector": DATA.vectors[0]}
    assert (await docs.query(**ask, top_k=1_000, ef=40)).mode == "ann"
    for options in ({"top_k": 1_001}, {"ef": 1_001}, {"exact": True}):
        found = await docs.query(**ask, **options)
        assert found.mode == "exact"
        assert len(found) == options.get("top_k", 10)
    found = await docs.query(**ask, top_k=10_000)
    assert (len(found), found.short) == (COUNT, True)


async def test_a_query_leaves_no_setting_behind(docs: PgVector) -> None:
    for _ in range(2):
        await docs.query(index_name="docs", query_vector=DATA.vectors[0], ef=333)
        assert await docs._pool.row("SHOW hnsw.ef_search") == ("40",)
        assert await docs._pool.row("SHOW hnsw.iterative_scan") == ("off",)


async def test_min_score_leaves_out_what_is_below_it_and_is_no_filter(docs: PgVector) -> None:
    ask = {"index_name": "docs", "query_vector": DATA.vectors[3], "top_k": 50}
    everything = await docs.query(**ask)
    found = await docs.query(**ask, min_score=everything[20].score)
    assert names(found) == names(everything)[:21]
    assert (found.mode, found.short) == ("ann", False)
    assert await docs.query(**ask, min_score=1.1) == []


async def test_ivfflat_finds_as_much_and_probes_are_heard(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=16, index_config=IvfFlat(lists=20))
    await vector.upsert(index_name="docs", vectors=DATA.vectors, ids=[f"v{i}" for i in range(COUNT)])
    assert (await vector.query(index_name="docs", query_vector=DATA.vectors[0])).mode == "exact"
    stats = await vector.build_index(index_name="docs")
    assert (stats.type, stats.config, stats.ready) == ("ivfflat", IvfFlat(20), True)
    hits = 0
    for question in DATA.questions(20):
        found = await vector.query(index_name="docs", query_vector=question)
        assert found.mode == "ann"
        hits += len(set(names(found)) & set(numbers.nearest(DATA.vectors, question, 10)))
        every = await vector.query(index_name="docs", query_vector=question, probes=20)
        assert names(every) == numbers.nearest(DATA.vectors, question, 10)
    assert hits >= 190


async def test_binary_quantisation_is_rescored_with_the_full_vectors(vector: PgVector) -> None:
    wide = numbers.Clustered.make(2_500, 128, 20)
    await vector.create_index(index_name="docs", dimension=128, index_config=Hnsw(quantize="binary"))
    await vector.upsert(index_name="docs", vectors=wide.vectors, ids=[f"v{i}" for i in range(2_500)])
    hits = 0
    for question in wide.questions(20):
        found = await vector.query(index_name="docs", query_vector=question)
        assert found.mode == "ann"
        expected = numbers.scores(wide.vectors, question, "cosine")
        assert [each.score for each in found] == pytest.approx([expected[i] for i in names(found)], abs=1e-5)
        hits += len(set(names(found)) & set(numbers.nearest(wide.vectors, question, 10)))
    assert hits >= 190
    stats = await vector.describe_index(index_name="docs")
    assert (stats.metric, stats.config) == ("cosine", Hnsw(quantize="binary"))


async def test_query_many_answers_each_in_one_round_trip(docs: PgVector, monkeypatch) -> None:
    questions = DATA.questions(5)
    singles = [
        [await docs.query(index_name="docs", query_vector=q, filter=f, top_k=7) for q in questions]
        for f in (None, {"odd": True}, {"n": {"$lt": 3}})
    ]
    asked = []
    rows = docs._pool.rows

    async def counted(statement, *arguments, **options):
        asked.append(statement)
        return await rows(statement, *arguments, **options)

    monkeypatch.setattr(docs._pool, "rows", counted)
    for single, filter in zip(singles, (None, {"odd": True}, {"n": {"$lt": 3}}), strict=True):
        asked.clear()
        many = await docs.query_many(index_name="docs", query_vectors=questions, filter=filter, top_k=7)
        assert len(asked) == 1
        assert [names(each) for each in many] == [names(each) for each in single]
        assert [each.short for each in many] == [each.short for each in single]
    assert await docs.query_many(index_name="docs", query_vectors=[]) == []


async def test_what_query_many_can_not_be_asked(docs: PgVector) -> None:
    assert await docs.query_many(index_name="docs", query_vectors=[]) == []
    for wrong, words in [(7, "must be an iterable of vectors, and is an int"), ([[1]] * 1_001, "at most 1,000 are allowed"),
                         ([DATA.vectors[0], [1]], r"query_vectors\[1\] has 1 dimensions")]:  # fmt: skip
        with pytest.raises(InvalidArgument, match=words):
            await docs.query_many(index_name="docs", query_vectors=wrong)


async def test_an_index_first_asked_while_empty_is_asked_by_its_index_later(
    vector: PgVector, monkeypatch
) -> None:
    await vector.create_index(index_name="docs", dimension=2)
    assert await vector.query(index_name="docs", query_vector=[1, 0]) == []
    await vector.upsert(index_name="docs", vectors=[[1, i] for i in range(30)])
    found = await vector.query(index_name="docs", query_vector=[1, 0])
    assert (len(found), found.mode) == (10, "ann")


async def test_a_call_ends_at_its_deadline(vector: PgVector, database: str) -> None:
    await vector.create_index(index_name="docs", dimension=2)
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE mastra.docs")
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            await vector.query(index_name="docs", query_vector=[1, 0], timeout=0.2)
        with pytest.raises(DeadlineExceeded):
            await vector.upsert(index_name="docs", vectors=[[1, 0]] * 60, timeout=0.2)
        with pytest.raises(DeadlineExceeded):
            await vector.delete_vector(index_name="docs", id="a", timeout=0.2)
        assert time.monotonic() - began < 3


async def test_namespaces_do_not_see_each_other(vector: PgVector, database: str) -> None:
    numbers.load(database)
    far = DATA.by_distance(DATA.vectors[0])[-1]
    tenant = DATA.vectors[DATA.cluster == far][:40]
    await vector.upsert(
        index_name="docs", vectors=tenant, ids=[f"v{i}" for i in range(40)], namespace="tenant"
    )
    assert await vector.list_namespaces(index_name="docs") == {"default": COUNT, "tenant": 40}
    found = await vector.query(index_name="docs", query_vector=DATA.vectors[0], namespace="tenant", top_k=50)
    assert (len(found), found.short) == (40, True)
    assert names(found)[:10] == numbers.nearest(tenant, DATA.vectors[0], 10)
    assert names(await vector.query(index_name="docs", query_vector=DATA.vectors[0], top_k=1)) == [0]
    assert await vector.query(index_name="docs", query_vector=DATA.vectors[0], namespace="nobody") == []
    [other] = await vector.get(index_name="docs", ids=["v0"], namespace="tenant")
    assert other.vector == pytest.approx(tenant[0].tolist())
    await vector.update_vector(index_name="docs", id="v0", metadata={"a": 1}, namespace="tenant")
    assert (await vector.get(index_name="docs", ids=["v0"]))[0].metadata["n"] == 0
    assert await vector.delete_vectors(index_name="docs", filter={"a": 1}, namespace="tenant") == 1
    await vector.truncate_index(index_name="docs", namespace="tenant")
    assert await vector.list_namespaces(index_name="docs") == {"default": COUNT}


async def test_hybrid_fuses_the_two_rankings_by_reciprocal_rank(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=2, text_search="english")
    texts = {"a": "The cat sat on the mat", "b": "Dogs chase cats", "c": "Taxes are due in spring", "d": None}
    angles = {"a": 0.9, "b": 0.6, "c": 0.1, "d": 0.0}
    await vector.upsert(
        index_name="docs",
        vectors=[[math.cos(angle), math.sin(angle)] for angle in angles.values()],
        ids=list(angles),
        documents=list(texts.values()),
        metadata=[{"kind": "animal"}, {"kind": "animal"}, {"kind": "money"}, {}],
    )
    found = await vector.hybrid_query(index_name="docs", query_vector=[1, 0], query_text="a cat or a dog?")
    by_vector, by_text = ["d", "c", "b", "a"], ["b", "a"]
    assert [(each.id, pytest.approx(each.score)) for each in found] == ranking.fuse([by_vector, by_text])[:4]
    assert found.metric == "rrf"
    assert found[0].document == "Dogs chase cats"
    found = await vector.hybrid_query(
        index_name="docs",
        query_vector=[1, 0],
        query_text="dogs",
        filter={"kind": "animal"},
        top_k=1,
        rrf_k=10,
    )
    assert [(each.id, pytest.approx(each.score)) for each in found] == [("b", 2 / 11)]
    # A stop word has nothing to be searched for: the vectors alone decide.
    found = await vector.hybrid_query(index_name="docs", query_vector=[1, 0], query_text="the", top_k=2)
    assert [each.id for each in found] == ["d", "c"]


async def test_hybrid_brings_as_many_as_are_asked_for(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=3, text_search="simple", build_index=False)
    rows = np.random.default_rng(3).normal(size=(1_300, 3))
    await vector.upsert(index_name="docs", vectors=rows, documents=["a cat"] * 1_300)
    for text in ("cat", "dog"):
        found = await vector.hybrid_query(
            index_name="docs", query_vector=rows[0], query_text=text, top_k=1_200
        )
        assert (len(found), found.short) == (1_200, False)


async def test_hybrid_needs_a_language(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=2)
    with pytest.raises(InvalidArgument, match="the index docs has no text search") as caught:
        await vector.hybrid_query(index_name="docs", query_vector=[1, 0], query_text="cats")
    assert 'text_search="english"' in caught.value.hint
    await vector.create_index(index_name="docs", dimension=2, text_search="english")
    assert await vector.hybrid_query(index_name="docs", query_vector=[1, 0], query_text="cats") == []


FILTERS = [
    {"kind": "a"}, {"kind": {"$ne": "a"}}, {"n": {"$gte": 2, "$lt": 4}}, {"kind": {"$in": ["a", 7, None]}},
    {"$or": [{"n": 1}, {"kind": {"$like": "B%"}}]}, {"$not": {"n": {"$gt": 2}}}, {"tags": {"$contains": ["x"]}},
    {"tags": {"$all": ["x", "y"]}}, {"tags": {"$size": 2}}, {"deep.er": True}, {"kind": {"$exists": False}},
    [{"field": "kind", "operator": "starts_with", "value": "a"}], [{"field": "n", "operator": "between", "value": [1, 3]}],
    [{"field": ["deep", "er"], "operator": "is", "value": None}], [{"operator": "not", "value": [{"field": "n", "operator": "eq", "value": 1}]}],
]  # fmt: skip
MIXED = [
    {"kind": "a", "n": 1, "tags": ["x", "y"]}, {"kind": "ab", "n": 2.0, "tags": "x"}, {"kind": 7, "n": "3"},
    {"kind": None, "n": [3], "tags": []}, {"n": 3, "deep": {"er": True}}, {"kind": {"a": 1}, "n": None, "deep": {"er": None}},
    {"kind": "B", "tags": ["x"]}, {},
]  # fmt: skip


async def test_filters_mean_the_same_here_over_columns_of_mixed_types(docs: PgVector) -> None:
    await docs.create_index(index_name="mixed", dimension=2)
    await docs.upsert(
        index_name="mixed",
        vectors=[[1, i] for i in range(len(MIXED))],
        ids=map(str, range(len(MIXED))),
        metadata=MIXED,
    )
    for filter in FILTERS:
        expected = {str(i) for i, metadata in enumerate(MIXED) if predicate(parse(filter))(metadata)}
        found = await docs.query(index_name="mixed", query_vector=[1, 1], filter=filter)
        assert {each.id for each in found} == expected, filter


async def test_regex_is_for_vectors_and_a_bad_one_says_so(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=2)
    await vector.upsert(
        index_name="docs", vectors=[[1, 0], [0, 1]], metadata=[{"a": "Foo.bar"}, {"a": 5}], ids=["x", "y"]
    )
    for pattern, options, count in (("^foo\\.", "i", 1), ("^foo", "", 0), ("b.r$", "", 1)):
        filter = {"a": {"$regex": pattern, "$options": options}}
        assert len(await vector.query(index_name="docs", query_vector=[1, 0], filter=filter)) == count
    with pytest.raises(InvalidArgument, match=r"the filter's \$regex is no regular expression"):
        await vector.query(index_name="docs", query_vector=[1, 0], filter={"a": {"$regex": "("}})


HOSTILE = [
    "'; DROP TABLE x; --",
    '" OR 1=1 --',
    "%s %(q)s %",
    "\\",
    "$1",
    "a'b\"c",
    "{0}",
    "/* */",
    "наме 🦊",
    "E'\\047'",
]


async def test_hostile_strings_are_only_strings(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=2, text_search="english")
    for text in HOSTILE:
        await vector.upsert(
            index_name="docs",
            vectors=[[1, 0]],
            ids=[text],
            metadata=[{text: text}],
            documents=[text],
            namespace=text,
        )
        await vector.upsert(
            index_name="docs", vectors=[[1, 0]], ids=["other"], metadata=[{"k": "v"}], namespace=text
        )
        for filter in ([{"field": [text], "operator": "eq", "value": text}],
                       [{"field": [text], "operator": "ends_with", "value": text}], [{"field": [text], "operator": "set"}]):  # fmt: skip
            found = await vector.query(index_name="docs", query_vector=[1, 0], filter=filter, namespace=text)
            assert [(each.id, each.metadata, each.document) for each in found] == [(text, {text: text}, text)]
        assert (
            len(
                await vector.hybrid_query(
                    index_name="docs", query_vector=[1, 0], query_text=text, namespace=text
                )
            )
            == 2
        )
        assert await vector.delete_vectors(index_name="docs", ids=[text], namespace=text) == 1
    for name in [*HOSTILE, "", "a" * 52, "1a", "a-b", "a.b", None, 7, "entity", "records", "é"]:
        with pytest.raises(InvalidArgument):
            await vector.query(index_name=name, query_vector=[1, 0])
        with pytest.raises(InvalidArgument):
            await vector.create_index(index_name=name, dimension=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"query_vector": [1.0]}, "query_vector has 1 dimensions, and the index has 2"),
     ({"query_vector": [math.nan, 0]}, "query_vector holds nan at 0"), ({"query_vector": [0, 0]}, "query_vector is all zero"),
     ({"query_vector": "10"}, "query_vector must be a sequence of numbers, and is a str"),
     ({"query_vector": None}, "query_vector must be a sequence of numbers, and is None"),
     ({"top_k": 0}, "top_k must be a whole number from 1 to 10,000, and is 0"), ({"top_k": True}, "top_k must be"),
     ({"ef": 0}, "ef must be a whole number"), ({"probes": 1.5}, "probes must be a whole number"),
     ({"min_score": "high"}, "min_score must be a number, and is 'high'"), ({"filter": {"a": {"$near": 1}}}, "no filter operator '\\$near'"),
     ({"namespace": ""}, "namespace is empty"), ({"namespace": "x" * 300}, "namespace has 300 characters")],
)  # fmt: skip
async def test_what_can_not_be_asked(vector: PgVector, options, words: str) -> None:
    await vector.create_index(index_name="docs", dimension=2)
    with pytest.raises(InvalidArgument, match=words):
        await vector.query(**{"index_name": "docs", "query_vector": [1, 0], **options})


async def test_get_gives_them_in_order_and_without_scores(vector: PgVector) -> None:
    await vector.create_index(index_name="docs", dimension=2)
    await vector.upsert(index_name="docs", vectors=[[1, 0], [0, 1]], ids=["a", "b"], documents=["A", None])
    found = await vector.get(index_name="docs", ids=iter(["b", "nobody", "a"]))
    assert [(each.id, each.score, each.document, each.vector) for each in found] == [
        ("b", None, None, [0.0, 1.0]),
        ("a", None, "A", [1.0, 0.0]),
    ]
    assert await vector.get(index_name="docs", ids=[]) == []
    with pytest.raises(InvalidArgument, match=r"ids\[1\] must be a str, and is an int"):
        await vector.get(index_name="docs", ids=["a", 7])


async def test_explain_says_whether_the_index_is_used_and_why_not(docs: PgVector) -> None:
    far = DATA.by_distance(DATA.vectors[0])[-12:].tolist()
    for filter, uses, reason in [
        (None, True, "the index gives the nearest rows"),
        ({"n": {"$lt": 100}}, False, "100 rows match, at most 2,000: they are compared exactly"),
        (
            {"cluster": {"$in": far}},
            False,
            "too few of the nearest rows match: all matching rows are compared exactly",
        ),
    ]:
        plan = await docs.explain(index_name="docs", query_vector=DATA.vectors[0], filter=filter)
        assert (plan.uses_index, plan.mode, plan.reason) == (uses, "ann" if uses else "exact", reason)
        assert '"Node Type"' in plan.plan
    await docs.create_index(index_name="flat", dimension=2, index_config=Flat())
    await docs.create_index(index_name="later", dimension=2, build_index=False)
    for name, reason in [("flat", "the index is Flat(): every query is exact"),
                         ("later", "the ANN index is not built: build_index() builds it")]:  # fmt: skip
        plan = await docs.explain(index_name=name, query_vector=[1, 0])
        assert (plan.uses_index, plan.mode, plan.reason) == (False, "exact", reason)


async def test_measure_recall_compares_with_exact_search(docs: PgVector) -> None:
    measured = await docs.measure_recall(index_name="docs", sample=15)
    assert [each.ef for each in measured] == [40, 100, 200, 400]
    assert all(0.9 <= each.recall <= 1 and 0 < each.p50_ms <= each.p95_ms for each in measured)
    await docs.create_index(index_name="flat", dimension=2, index_config=Flat())
    with pytest.raises(InvalidArgument, match="the index flat has no ANN index to measure"):
        await docs.measure_recall(index_name="flat")


async def test_an_unknown_index(vector: PgVector) -> None:
    with pytest.raises(
        VectorIndexNotFound, match="there is no vector index docs in the schema mastra"
    ) as caught:
        await vector.query(index_name="docs", query_vector=[1, 0])
    assert "create_index() makes one" in caught.value.hint


async def test_an_index_that_another_session_replaced_is_looked_at_again(
    vector: PgVector, database: str
) -> None:
    await vector.create_index(index_name="docs", dimension=2)
    await vector.upsert(index_name="docs", vectors=[[1, 0]], ids=["a"])
    async with PgVector(connection_string=database) as other:
        await other.delete_index(index_name="docs")
        with pytest.raises(VectorIndexNotFound):
            await vector.query(index_name="docs", query_vector=[1, 0])
        await other.create_index(index_name="docs", dimension=3, vector_type="halfvec", metric="l1")
        await other.upsert(index_name="docs", vectors=[[1, 2, 3]], ids=["b"])
        found = await vector.query(index_name="docs", query_vector=[1, 2, 3])
        assert [(each.id, each.score) for each in found] == [("b", 1.0)]
        await other.delete_index(index_name="docs")
        await other.create_index(index_name="docs", dimension=5)
        assert len(await vector.upsert(index_name="docs", vectors=[[1, 2, 3, 4, 5]])) == 1


async def test_the_extension_may_live_in_any_schema(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute('CREATE SCHEMA "Odd place"')
        admin.execute('ALTER EXTENSION vector SET SCHEMA "Odd place"')
    async with PgVector(connection_string=database) as vector:
        for metric, kind in METRICS:
            name = f"{metric}_{kind}"
            rows = np.eye(8)[:4] if kind != "bit" else np.eye(8, dtype=int)[:4]
            config = Hnsw(quantize="binary") if (metric, kind) == ("cosine", "halfvec") else None
            await vector.create_index(
                index_name=name, dimension=8, metric=metric, vector_type=kind, index_config=config
            )
            for _ in range(2):
                await vector.upsert(index_name=name, vectors=rows, ids=list("abcd"), metadata=[{"a": 1}] * 4)
            for filter in (None, {"a": 1}):
                found = await vector.query(
                    index_name=name, query_vector=rows[2], filter=filter, include_vector=True
                )
                assert [len(found), found[0].id] == [4, "c"]
            assert len(await vector.query_many(index_name=name, query_vectors=rows)) == 4
            await vector.update_vector(index_name=name, id="a", vector=rows[0])


async def test_a_server_without_iterative_scan_still_finds_everything(database: str) -> None:
    numbers.load(database)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    async with PgVector(connection_string=database) as older:
        with pytest.warns(
            UserWarning, match=r"pgvector 0\.7\.4 on this server: before 0\.8\.4 a vacuum can damage"
        ):
            found = await older.query(
                index_name="docs", query_vector=DATA.vectors[0], filter={"odd": True}, top_k=200
            )
        assert len(found) == 200
        # Said once.
        await older.describe_index(index_name="docs")
