# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""Embedders of `RecordIndex` that fail, and what becomes of the rest."""

from __future__ import annotations

import math

import pytest

from mastra_cli.errors import Conflict, EmbedderFailed
from mastra_cli.runtime._async import record_embedding, waiting
from mastra_cli.runtime._async.mock import MockMastraEngine
from mastra_cli.runtime._async.postgres import PostgresEngine
from mastra_cli.runtime._async.session import connect
from mastra_cli.runtime._async.vector import PgVector
from mastra_cli.runtime.models import Record
from tests._async.record_place import Place, found


@pytest.fixture(params=["mock", "postgres"])
async def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record_embedding, "_PAUSES", (0.001, 0.001))
    if request.param == "mock":
        yield Place(MockMastraEngine(), None)
    else:
        async with connect(url=request.getfixturevalue("shared_database")) as pool:
            yield Place(PostgresEngine(pool=pool), PgVector(pool=pool))


async def test_an_embedder_that_fails_twice_is_asked_a_third_time(place: Place) -> None:
    await place.sync(("a", "cat"), ("b", "dog"))
    failures = [OSError("503"), TimeoutError()]

    def embed(texts: list[str]) -> list[list[float]]:
        if failures:
            raise failures.pop()
        return place.embedder(texts)

    result = await place.index(embedder=embed).refresh()
    assert (result.created, list(result.skipped), place.embedder.calls) == (2, [], 1)


async def test_the_one_text_that_is_refused_is_skipped_and_tried_again(place: Place) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(20)), ("bad", "a bad ship"))
    refuses = ["bad"]

    def embed(texts: list[str]) -> list[list[float]]:
        if any(word in text for text in texts for word in refuses):
            raise ValueError("it is too long")
        return place.embedder(texts)

    index = place.index(embedder=embed, batch_size=8)
    result = await index.refresh()
    [(id, reason)] = result.skipped
    assert (id, reason) == ("bad", "ValueError: it is too long")
    assert result.skipped[0].external_id == "bad"
    assert (result.created, result.embedded) == (20, 20)
    assert await index.search("ship", mode="keyword") == []
    # Tried again, and again refused: nothing else is asked for.
    place.embedder.texts.clear()
    again = await index.refresh()
    assert ([each.id for each in again.skipped], again.created, place.embedder.texts) == (["bad"], 0, [])
    refuses.clear()
    mended = await index.refresh()
    assert (list(mended.skipped), mended.created, place.embedder.texts) == ([], 1, ["a bad ship"])
    assert await found(index, "ship", mode="keyword") == ["bad"]
    assert (await index.refresh()).embedded == 0


async def test_a_record_whose_new_text_is_refused_is_not_found_by_its_old_one(place: Place) -> None:
    await place.sync(("a", "cat"), ("b", "dog"))

    def embed(texts: list[str]) -> list[list[float]]:
        if "bad" in texts:
            raise ValueError
        return place.embedder(texts)

    index = place.index(embedder=embed)
    await index.refresh()
    await place.sync(("a", "bad"))
    assert [tuple(each) for each in (await index.refresh()).skipped] == [("a", "ValueError")]
    assert await found(index, "cat") == ["b"]
    # Deleted before it could be mended: forgotten.
    await place.delete("a", purge=True)
    await place.engine.purge_tombstones(entity_id=await place.entity_id(), before_version=2**60)
    assert list((await index.refresh()).skipped) == []
    assert list((await index.refresh()).skipped) == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([1.0, 2.0], "has 2 dimensions, and the index has 9"),
        ([math.nan] * 9, "holds nan at 0"),
        ([0.0] * 9, "is all zero"),
        (["x"] * 9, "holds a str at 0"),
    ],
)
async def test_a_vector_that_can_not_be_stored_is_its_records_fault_alone(
    place: Place, bad: list, words: str
) -> None:
    await place.sync(("a", "cat"), ("b", "dog"), ("c", "bad"))

    def embed(texts: list[str]) -> list[list[float]]:
        return [bad if text == "bad" else place.embedder.vector(text) for text in texts]

    index = place.index(embedder=embed)
    await place.delete("c")
    await index.refresh()
    await place.sync(("c", "bad"), ("d", "ship"))
    result = await index.refresh()
    [(id, reason)] = result.skipped
    assert (id, result.created) == ("c", 1)
    assert words in reason


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda texts: [[1.0, 2.0]] * (len(texts) + 1), "the embedder answered 2 vectors to 1 texts"),
        (lambda texts: None, "must answer a list of vectors, and answered None"),
        (lambda texts: [[] for _ in texts], "answered an empty vector"),
        (lambda texts: [1.0 for _ in texts], "must answer a list of vectors"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_failure(place: Place, answer, words: str) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(3)))
    result = await place.index(embedder=answer).refresh()
    assert [each.id for each in result.skipped] == ["00", "01", "02"]
    assert words in result.skipped[0].reason


async def test_an_embedder_that_refuses_everything_ends_the_refresh(place: Place) -> None:
    await place.sync(*((f"{n:03}", f"cat {n}") for n in range(200)))
    calls: list[int] = []

    def embed(texts: list[str]) -> list[list[float]]:
        calls.append(len(texts))
        raise PermissionError("wrong key")

    index = place.index(embedder=embed, batch_size=16, max_concurrency=1)
    with pytest.raises(EmbedderFailed, match="refused all of 16 texts: PermissionError: wrong key") as caught:
        await index.refresh()
    assert caught.value.hint == "mend it, then refresh() again: it goes on where it stood"
    assert len(calls) < 40
    assert (await index.status()).behind == 200
    assert (await place.index().refresh()).created == 200


async def test_an_embedder_that_does_not_answer_in_time_has_failed(place: Place) -> None:
    await place.sync(("a", "cat"), ("b", "slow"))

    async def embed(texts: list[str]) -> list[list[float]]:
        if "slow" in texts:
            await waiting.sleep(0.5)
        return place.embedder(texts)

    result = await place.index(embedder=embed, embedder_timeout=0.05).refresh()
    assert [tuple(each) for each in result.skipped] == [("b", "the embedder did not answer within 0.05 s")]
    assert result.created == 1


async def test_a_text_that_raises_or_can_not_be_stored_is_skipped(place: Place) -> None:
    await place.sync(("a", {"title": "cat"}), ("b", {}), ("c", {"title": "nul"}), ("d", {"title": "number"}))

    def text(record: Record):
        title = record.data["title"]
        return {"nul": "\0", "number": 5}.get(title, title)

    result = await place.index(text=text).refresh()
    reasons = dict(result.skipped)
    assert reasons["b"] == "text: KeyError: 'title'"
    assert reasons["c"].startswith("its text can not be stored")
    assert reasons["d"] == "text must answer a str or None, and answered an int"
    assert result.created == 1


async def test_another_model_is_a_conflict_that_names_rebuild(place: Place) -> None:
    await place.sync(("a", "cat"))
    await place.index().refresh()
    other = place.index(model="words-2")
    for call in (other.refresh, lambda: other.search("cat")):
        with pytest.raises(
            Conflict, match="holds vectors of model 'words-1', and not of 'words-2'"
        ) as caught:
            await call()
        assert caught.value.hint is not None
        assert "rebuild()" in caught.value.hint
    assert (await other.status()).model == "words-1"


async def test_another_dimension_is_a_conflict_that_names_rebuild(place: Place) -> None:
    await place.sync(("a", "cat"))
    await place.index().refresh()
    await place.sync(("b", "dog"))
    other = place.index(embedder=lambda texts: [[1.0, 2.0] for _ in texts])
    for call in (other.refresh, lambda: other.search("cat", mode="vector")):
        with pytest.raises(Conflict, match="holds vectors of dimension 9, and not of 2") as caught:
            await call()
        assert caught.value.hint is not None
        assert "rebuild()" in caught.value.hint
    assert (await place.index().refresh()).created == 1


async def test_a_search_whose_question_can_not_be_embedded_says_why(place: Place) -> None:
    await place.sync(("a", "cat"))
    await place.index().refresh()

    def embed(texts: list[str]) -> list[list[float]]:
        raise OSError("503")

    index = place.index(embedder=embed)
    with pytest.raises(EmbedderFailed, match="the embedder failed: OSError: 503"):
        await index.search("cat")
    assert await found(index, "cat", mode="keyword") == ["a"]
