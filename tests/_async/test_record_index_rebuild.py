# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""Rebuilding an index of records to another model while it is searched."""

from __future__ import annotations

import pytest

from mastra_cli.errors import Conflict, EntityNotFound
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime._async.mock import MockMastraEngine
from mastra_cli.runtime._async.postgres import PostgresEngine
from mastra_cli.runtime._async.session import connect
from mastra_cli.runtime._async.vector import PgVector
from tests._async.record_place import WORDS, Embedder, Place, found


class Stopped(BaseException):
    """As from outside: no failure of the embedder."""


@pytest.fixture(params=["mock", "postgres"])
async def place(request: pytest.FixtureRequest):
    if request.param == "mock":
        yield Place(MockMastraEngine(), None)
    else:
        async with connect(url=request.getfixturevalue("shared_database")) as pool:
            yield Place(PostgresEngine(pool=pool), PgVector(pool=pool))


async def indexes(place: Place) -> list[str]:
    names = (
        await place.vector.list_indexes()
        if place.vector
        else [name for _, name in place.index()._store._indexes]
    )
    return [name for name in names if name.startswith(place.index_name)]


async def test_a_rebuild_brings_another_model_of_another_dimension(place: Place) -> None:
    await place.sync(("a", "red cat"), ("b", "red dog"), ("c", "white tower"))
    index = place.index()
    await index.refresh()
    other = Embedder([*WORDS, "white", "tower"])
    result = await index.rebuild(embedder=other, model="words-2")
    assert (result.created, result.embedded) == (3, 3)
    assert (await found(index, "tower", mode="vector"))[0] == "c"
    assert await found(index, "tower", mode="keyword") == ["c"]
    status = await index.status()
    assert (status.model, status.vectors, status.behind) == ("words-2", 3, 0)
    assert await indexes(place) == [place.index_name]
    # It is followed as before, and again and again.
    await place.sync(("d", "white ship"))
    assert (await index.refresh()).created == 1
    assert (await index.rebuild(model="words-3")).created == 4
    assert await indexes(place) == [place.index_name]
    with pytest.raises(Conflict, match="of model 'words-3', and not of 'words-1'"):
        await place.index().search("cat")


async def test_an_index_of_another_model_is_rebuilt_to_ones_own(place: Place) -> None:
    await place.sync(("a", "red cat"))
    await place.index().refresh()
    other = place.index(model="words-2", embedder=Embedder(WORDS[:3]))
    with pytest.raises(Conflict):
        await other.refresh()
    await other.rebuild()
    assert await found(other, "cat") == ["a"]
    assert (await other.refresh()).embedded == 0


async def test_searches_go_on_while_an_index_is_rebuilt(place: Place) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(30)), ("x", "blue ship"))
    index = place.index(batch_size=4, max_concurrency=1)
    await index.refresh()
    other, over, answers = Embedder([*WORDS, "white"]), [], []

    async def embed(texts: list[str]) -> list[list[float]]:
        await waiting.sleep(0.003)
        return other(texts)

    async def rebuild() -> None:
        try:
            for number in range(3):
                await index.rebuild(embedder=embed if number % 2 == 0 else place.embedder, model=f"m{number}")
        finally:
            over.append(True)

    async def search() -> None:
        while not over:
            answers.append((await found(index, "ship", mode="vector"))[0])
            answers.append((await found(index, "ship"))[0])
            await waiting.sleep(0)

    await waiting.gather(lambda work: work(), [rebuild, search, search], limit=3)
    assert set(answers) == {"x"}
    assert len(answers) > 10


async def test_a_rebuild_that_was_killed_goes_on_where_it_stood(place: Place) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(20)))
    await place.index().refresh()
    other, stop = Embedder([*WORDS, "white"]), [True]

    def embed(texts: list[str]) -> list[list[float]]:
        if stop and other.calls == 2:
            raise Stopped
        return other(texts)

    options = {"embedder": embed, "model": "words-2", "batch_size": 4, "max_concurrency": 1}
    with pytest.raises(Stopped):
        await place.index(**options).rebuild()
    assert (await place.index().refresh()).unchanged == 0
    assert len(await found(place.index(), "cat", top_k=20)) == 20
    stop.clear()
    result = await place.index(**options).rebuild()
    assert result.created == 12
    assert len(other.texts) == 20
    assert len(await found(place.index(**options), "cat", top_k=30)) == 20
    assert await indexes(place) == [place.index_name]


async def test_what_a_rebuild_to_another_model_left_is_not_gone_on_with(place: Place) -> None:
    await place.sync(*((f"{n:02}", f"cat {n}") for n in range(8)))
    await place.index().refresh()

    def embed(texts: list[str]) -> list[list[float]]:
        if place.embedder.calls > 1:
            raise Stopped
        return place.embedder(texts)

    with pytest.raises(Stopped):
        await place.index(batch_size=4, max_concurrency=1, embedder=embed).rebuild(model="words-2")
    other = Embedder([*WORDS, "white"])
    assert (await place.index().rebuild(embedder=other, model="words-3")).created == 8
    assert len(other.texts) == 8
    # One without a name could be any: it begins again, and so does the next.
    nameless = place.index(model=None)
    assert (await nameless.rebuild()).created == 8
    await place.index(model=None).drop()
    assert await indexes(place) == []


async def test_a_rebuild_without_an_index_or_records_makes_an_empty_one(place: Place) -> None:
    with pytest.raises(EntityNotFound):
        await place.index().rebuild()
    await place.engine.create_entity(name=place.name, connection_id=place.connection_id)
    index = place.index()
    assert (await index.rebuild()).created == 0
    assert await index.search("cat") == []
    await place.sync(("a", "cat"))
    assert (await index.refresh()).created == 1
