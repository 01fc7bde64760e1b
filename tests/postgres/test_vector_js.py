"""The JavaScript packages and ours, over the same tables: `@mastra/pg` of today, and one older than namespaces; and
the scores of `@mastra/rag`'s rerank. Node and npm must be there."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime._sync.reranker import sync_rerank
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models_vector import Flat, Hnsw, IndexStats, IvfFlat, QueryResult

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Each answers line by line what it is asked on its input: to load the package takes longer than to use it.
STORE = """
import { createInterface } from "node:readline";
import { PgVector } from "@mastra/pg";
// The old one leaves connections open, and each test's database is dropped.
process.on("uncaughtException", (error) => {
  if (error.code === "57P01") return;
  console.log(error);
  process.exit(1);
});
for await (const line of createInterface({ input: process.stdin })) {
  const { url, calls } = JSON.parse(line);
  const store = new PgVector({ id: "test", connectionString: url });
  const answers = [];
  for (const [method, args] of calls) answers.push((await store[method](args)) ?? null);
  await store.disconnect();
  console.log("answer " + JSON.stringify(answers));
}
"""
RERANK = """
import { createInterface } from "node:readline";
import { rerankWithScorer } from "@mastra/rag";
for await (const line of createInterface({ input: process.stdin })) {
  const answers = [];
  for (const { results, scores, options } of JSON.parse(line)) {
    const scorer = { getRelevanceScore: async (_query, text) => scores[text] };
    answers.push(await rerankWithScorer({ results, query: "q", scorer, options }));
  }
  console.log("answer " + JSON.stringify(answers));
}
"""

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str, object], Any]]:
    """Asks a script with an npm package beside it."""
    running: dict[str, subprocess.Popen[str]] = {}

    def started(package: str, script: str) -> subprocess.Popen[str]:
        folder = tmp_path_factory.mktemp("npm")
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run([*install, package], cwd=folder, check=True, capture_output=True)
        (folder / "script.js").write_text(script)
        command = ["node", "--no-deprecation", "script.js"]
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(package: str, script: str, argument: object) -> Any:
        if package not in running:
            running[package] = started(package, script)
        process = running[package]
        assert process.stdin
        assert process.stdout
        said: list[str] = []
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(argument) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
            said.append(line)
        running.pop(package).wait()
        raise AssertionError("".join(said))

    yield ask
    for process in running.values():
        process.kill()
        process.communicate()


@pytest.fixture(params=["@mastra/pg@1.27.1", "@mastra/pg@1.0.0"])
def package(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def js(node: Callable[[str, str, object], Any], package: str, database: str) -> Call:
    """Calls a method of the JavaScript store."""

    def call(method: str, **arguments: Any) -> Any:
        [answer] = node(package, STORE, {"url": database, "calls": [[method, arguments]]})
        return answer

    return call


ROWS = [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
IDS = ["a", "b", "c", "d"]
METADATA = [{"n": i, "text": f"text {i}"} for i in range(4)]


def found(results: list[QueryResult]) -> list[tuple[str, Any, dict]]:
    return [(each.id, pytest.approx(each.score), each.metadata) for each in results]


@pytest.mark.parametrize(
    ("config", "metric", "expected"),
    [({"type": "hnsw"}, "cosine", Hnsw(8, 32)), ({"type": "hnsw", "hnsw": {"m": 16, "efConstruction": 64}}, "euclidean", Hnsw(16, 64)),
     ({"type": "ivfflat", "ivf": {"lists": 1}}, "dotproduct", IvfFlat(1)), ({"type": "flat"}, "cosine", Flat())],
)  # fmt: skip
def test_a_table_of_theirs_is_read_and_written_by_ours(
    js: Call, database: str, package: str, config, metric: str, expected
) -> None:
    js("createIndex", indexName="docs", dimension=3, metric=metric, indexConfig=config)
    js("upsert", indexName="docs", vectors=ROWS, metadata=METADATA, ids=IDS)
    with SyncPgVector(connection_string=database, schema="public") as ours:
        assert ours.list_indexes() == ["docs"]
        stats = ours.describe_index(index_name="docs")
        assert stats == IndexStats(
            "docs", 3, 4, metric, type(expected).__name__.lower(), expected, "vector", stats.size_bytes, True
        )
        assert ours.list_namespaces(index_name="docs") == {"default": 4}
        question = [0.9, 0.3, 0.1]
        theirs = js("query", indexName="docs", queryVector=question, topK=4)
        mine = ours.query(index_name="docs", query_vector=question, top_k=4)
        if package.endswith("1.0.0") and metric != "cosine":  # its scores are cosine's, whatever the metric
            theirs = sorted(theirs, key=lambda each: [other.id for other in mine].index(each["id"]))
            assert [(each.id, each.metadata) for each in mine] == [
                (each["id"], each["metadata"]) for each in theirs
            ]
        else:
            assert found(mine) == [(each["id"], each["score"], each["metadata"]) for each in theirs]
        # Written by ours: one replaced, one new, one changed, one gone; read by theirs.
        ours.upsert(
            index_name="docs",
            vectors=[[0, 0.6, 0.8], [0.5, 0.5, 0.5]],
            ids=["d", "e"],
            metadata=[{"n": 40}, {"n": 50}],
        )
        ours.upsert(
            index_name="docs",
            vectors=[[0.1, 0.2, 0.3 + i] for i in range(100)],
            ids=[f"bulk{i}" for i in range(100)],
        )
        ours.update_vector(index_name="docs", id="b", metadata={"n": 10})
        assert ours.delete_vector(index_name="docs", id="c") == 1
        assert ours.delete_vectors(index_name="docs", ids=[f"bulk{i}" for i in range(100)]) == 100
        read = js("query", indexName="docs", queryVector=question, topK=10, includeVector=True)
        assert {(each["id"], each["metadata"]["n"]) for each in read} == {
            ("a", 0),
            ("b", 10),
            ("d", 40),
            ("e", 50),
        }
        assert next(each["vector"] for each in read if each["id"] == "e") == [0.5, 0.5, 0.5]
        assert js("query", indexName="docs", queryVector=question, filter={"n": {"$gt": 30}})[0]["metadata"][
            "n"
        ] in (40, 50)
        # The same table is created again by either without harm.
        assert ours.create_index(index_name="docs", dimension=3, metric=metric).count == 4
        ours.delete_index(index_name="docs")
    assert js("listIndexes") == []


def test_a_table_of_ours_is_read_and_written_by_theirs(js: Call, database: str, package: str) -> None:
    with SyncPgVector(connection_string=database, schema="public") as ours:
        ours.create_index(index_name="docs", dimension=3, text_search="english")
        ours.upsert(
            index_name="docs",
            vectors=ROWS,
            metadata=METADATA,
            ids=IDS,
            documents=["the cat", None, "a dog", None],
        )
        assert js("listIndexes") == ["docs"]
        said = js("describeIndex", indexName="docs")
        assert (said["dimension"], said["count"], said["metric"], said["type"]) == (3, 4, "cosine", "hnsw")
        assert (said["config"]["m"], said["config"]["efConstruction"]) == (16, 64)
        question = [0.9, 0.3, 0.1]
        theirs = js("query", indexName="docs", queryVector=question, topK=4, filter={"n": {"$lt": 3}})
        assert found(ours.query(index_name="docs", query_vector=question, filter={"n": {"$lt": 3}})) == [
            (each["id"], each["score"], each["metadata"]) for each in theirs
        ]
        if package.endswith("1.27.1"):
            js(
                "createIndex",
                indexName="docs",
                dimension=3,
                indexConfig={"type": "hnsw", "hnsw": {"m": 16, "efConstruction": 64}},
            )
            js("upsert", indexName="docs", vectors=[[0, 0, 1]], ids=["d"], metadata=[{"n": 33}])
            js(
                "upsert",
                indexName="docs",
                vectors=[[1, 1, 1]],
                ids=["d"],
                metadata=[{"n": 99}],
                namespace="tenant",
            )
            assert ours.list_namespaces(index_name="docs") == {"default": 4, "tenant": 1}
            assert ours.get(index_name="docs", ids=["d"])[0].metadata == {"n": 33}
            assert ours.get(index_name="docs", ids=["d"], namespace="tenant")[0].metadata == {"n": 99}
            assert ours.get(index_name="docs", ids=["a"])[0].document == "the cat"
            js("deleteVector", indexName="docs", id="a")
            js("updateVector", indexName="docs", id="b", update={"metadata": {"n": 7}})
            assert [each.metadata for each in ours.get(index_name="docs", ids=["a", "b"])] == [{"n": 7}]


def test_other_vector_types_of_theirs(node, database: str) -> None:
    calls: list[list[object]] = []
    for kind, metric in (("halfvec", "euclidean"), ("bit", "hamming"), ("sparsevec", "cosine")):
        rows = [[1, 0, 0], [1, 1, 0]]
        create = {
            "indexName": f"a_{kind}",
            "dimension": 3,
            "metric": metric,
            "vectorType": kind,
            "indexConfig": {"type": "hnsw"},
        }
        calls += [
            ["createIndex", create],
            ["upsert", {"indexName": f"a_{kind}", "vectors": rows, "ids": ["x", "y"]}],
        ]
    node("@mastra/pg@1.27.1", STORE, {"url": database, "calls": calls})
    with SyncPgVector(connection_string=database, schema="public") as ours:
        for kind, metric in (("halfvec", "euclidean"), ("bit", "hamming"), ("sparsevec", "cosine")):
            stats = ours.describe_index(index_name=f"a_{kind}")
            assert (stats.vector_type, stats.metric, stats.dimension) == (kind, metric, 3)
            ours.upsert(index_name=f"a_{kind}", vectors=[[0, 0, 1]], ids=["z"])
            theirs = node(
                "@mastra/pg@1.27.1",
                STORE,
                {"url": database, "calls": [["query", {"indexName": f"a_{kind}", "queryVector": [1, 1, 0]}]]},
            )[0]
            mine = ours.query(index_name=f"a_{kind}", query_vector=[1, 1, 0])
            assert {each.id: pytest.approx(each.score, abs=1e-6) for each in mine} == {
                each["id"]: each["score"] for each in theirs
            }


def test_what_an_old_table_can_not_do_says_which_alter_is_needed(node, database: str) -> None:
    calls = [["createIndex", {"indexName": "docs", "dimension": 3, "indexConfig": {"type": "hnsw"}}],
             ["upsert", {"indexName": "docs", "vectors": ROWS, "ids": IDS}]]  # fmt: skip
    node("@mastra/pg@1.0.0", STORE, {"url": database, "calls": calls})
    with (
        SyncPgVector(connection_string=database, schema="public") as ours,
        psycopg.connect(database, autocommit=True) as admin,
    ):
        with pytest.raises(InvalidArgument, match="the index docs has no column for documents") as caught:
            ours.upsert(index_name="docs", vectors=ROWS, documents=["x"] * 4)
        admin.execute(caught.value.hint)
        ours.upsert(index_name="docs", vectors=ROWS, ids=IDS, documents=["x"] * 4)
        assert ours.get(index_name="docs", ids=["a"])[0].document == "x"
        with pytest.raises(
            InvalidArgument, match="the index docs knows no namespaces: an old version of @mastra/pg"
        ) as caught:
            ours.upsert(index_name="docs", vectors=ROWS, namespace="tenant")
        admin.execute(caught.value.hint.partition(", then")[0])
        admin.execute("ALTER TABLE docs DROP CONSTRAINT docs_vector_id_key")
        admin.execute("CREATE UNIQUE INDEX ON docs (namespace, vector_id)")
        ours.upsert(index_name="docs", vectors=ROWS, ids=IDS, namespace="tenant")
        assert ours.list_namespaces(index_name="docs") == {"default": 4, "tenant": 4}
        # A row without a vector, which their table allows, is never found.
        admin.execute("INSERT INTO docs (vector_id) VALUES ('nothing')")
        assert len(ours.query(index_name="docs", query_vector=[1, 1, 1], exact=True)) == 4


def test_reranked_scores_are_those_of_the_original_to_1e_12(node) -> None:
    rng = random.Random(5)
    cases = []
    for number in range(40):
        count = rng.randint(1, 8)
        results = [
            {"id": f"r{i}", "score": rng.uniform(-1, 1), "metadata": {"text": f"t{i}"}} for i in range(count)
        ]
        options: dict[str, Any] = {"topK": rng.randint(1, 8)}
        if number % 2:
            options["queryEmbedding"] = [rng.uniform(-1, 1) * rng.choice([0.1, 3, 6]) for _ in range(9)]
        if number % 3:
            options["weights"] = rng.choice(
                [
                    {"semantic": 0.5, "vector": 0.3, "position": 0.2},
                    {"semantic": 1, "vector": 0, "position": 0},
                ]
            )
        cases.append(
            {"results": results, "scores": {f"t{i}": rng.random() for i in range(count)}, "options": options}
        )
    for case, theirs in zip(cases, node("@mastra/rag@2.6.4", RERANK, cases), strict=True):
        scores = case["scores"]
        ours = sync_rerank(
            [QueryResult(**result) for result in case["results"]],
            "q",
            lambda query, texts, scores=scores: [scores[text] for text in texts],
            case["options"].get("weights"),
            case["options"].get("queryEmbedding"),
            case["options"]["topK"],
            normalize=False,
        )
        assert [each.result.id for each in ours] == [each["result"]["id"] for each in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.score == pytest.approx(other["score"], abs=1e-12)
            analysis = other["details"].get("queryAnalysis")
            assert (mine.details.query_analysis is None) == (analysis is None)
            if analysis:
                assert mine.details.query_analysis.magnitude == pytest.approx(
                    analysis["magnitude"], abs=1e-12
                )
                assert mine.details.query_analysis.dominant_features == analysis["dominantFeatures"]
