# Generated from the _async twin by `nox -s sync`: edit that one.
"""Rebuilding an index of records to another model while it is searched."""

from __future__ import annotations

import pytest

from mastra_cli.errors import Conflict, EntityNotFound
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.session import sync_connect
from mastra_cli.runtime._sync.vector import SyncPgVector
from tests._sync.record_place import WORDS, Embedder, Place, found


class Stopped(BaseException):
    """As from outside: no failure of the embedder."""


@pytest.fixture(params=["mock", "postgres"])
def place(request: pytest.FixtureRequest):
    if request.param == "mock":
        yield Place(SyncMockMastraEngine(), None)
    else:
        with sync_connect(url=request.getfixturevalue("shared_database")) as pool:
            yield Place(SyncPostgresEngine(pool=pool), SyncPgVector(pool=pool))


def indexes(place: Place) -> list[str]:
    names = (
        place.vector.list_indexes()
        if place.vector
        else [name for _, name in place.index()._store._indexes]
    )
    return [name for name in names if name.startswith(place.index_name)]


def test_a_rebuild_brings_another_model_of_another_dimension(place: Place) -> None:
    place.sync(("a", "red cat"), ("b", "red dog"), ("c", "white tower"))
    index = place.index()
    index.refresh()
    other = Embedder([*WORDS, "white", "tower"])
    result = index.rebuild(embedder=other, model="words-2")
    assert (result.created, result.embedded) == (3, 3)
    assert (found(index, "tower", mode="vector"))[0] == "c"
    assert found(index, "tower", mode="keyword") == ["c"]
    status = index.status()
    assert (status.model, status.vectors, status.behind) == ("words-2", 3, 0)
    assert indexes(place) == [place.index_name]
    # It is followed as before, and again and again.
    place.sync(("d", "white ship"))
    assert (index.refresh()).created == 1
    assert (index.rebuild(model="words-3")).created == 4
    assert indexes(place) == [place.index_name]
    with pytest.raises(Conflict, match="of model 'words-3', and not of 'words-1'"):
        place.index().search("cat")


def test_an_index_of_another_model_is_rebuilt_to_ones_own(place: Place) -> None:
    place.sync(("a", "red cat"))
    place.index().refresh()
    other = place.index(model="words-2", embedder=Embedder(WORDS[:3]))
    with pytest.raises(Conflict):
        other.refresh()
    other.rebuild()
    assert found(other, "cat") == ["a"]
    assert (other.refresh()).embedded == 0


def test_searches_go_on_while_an_index_is_rebuilt(place: Place) -> None:
    place.sync(*((f"{n:02}", f"cat {n}") for n in range(30)), ("x", "blue ship"))
    index = place.index(batch_size=4, max_concurrency=1)
    index.refresh()
    other, over, answers = Embedder([*WORDS, "white"]), [], []

    def embed(texts: list[str]) -> list[list[float]]:
        waiting.sleep(0.003)
        return other(texts)

    def rebuild() -> None:
        try:
            for number in range(3):
                index.rebuild(embedder=embed if number % 2 == 0 else place.embedder, model=f"m{number}")
        finally:
            over.append(True)

    def search() -> None:
        while not over:
            answers.append((found(index, "ship", mode="vector"))[0])
            answers.append((found(index, "ship"))[0])
            waiting.sleep(0)

    waiting.gather(lambda work: work(), [rebuild, search, search], limit=3)
    assert set(answers) == {"x"}
    assert len(answers) > 10


def test_a_rebuild_that_was_killed_goes_on_where_it_stood(place: Place) -> None:
    place.sync(*((f"{n:02}", f"cat {n}") for n in range(20)))
    place.index().refresh()
    other, stop = Embedder([*WORDS, "white"]), [True]

    def embed(texts: list[str]) -> list[list[float]]:
        if stop and other.calls == 2:
            raise Stopped
        return other(texts)

    options = {"embedder": embed, "model": "words-2", "batch_size": 4, "max_concurrency": 1}
    with pytest.raises(Stopped):
        place.index(**options).rebuild()
    assert (place.index().refresh()).unchanged == 0
    assert len(found(place.index(), "cat", top_k=20)) == 20
    stop.clear()
    result = place.index(**options).rebuild()
    assert result.created == 12
    assert len(other.texts) == 20
    assert len(found(place.index(**options), "cat", top_k=30)) == 20
    assert indexes(place) == [place.index_name]


def test_what_a_rebuild_to_another_model_left_is_not_gone_on_with(place: Place) -> None:
    place.sync(*((f"{n:02}", f"cat {n}") for n in range(8)))
    place.index().refresh()

    def embed(texts: list[str]) -> list[list[float]]:
        if place.embedder.calls > 1:
            raise Stopped
        return place.embedder(texts)

    with pytest.raises(Stopped):
        place.index(batch_size=4, max_concurrency=1, embedder=embed).rebuild(model="words-2")
    other = Embedder([*WORDS, "white"])
    assert (place.index().rebuild(embedder=other, model="words-3")).created == 8
    assert len(other.texts) == 8
    # One without a name could be any: it begins again, and so does the next.
    nameless = place.index(model=None)
    assert (nameless.rebuild()).created == 8
    place.index(model=None).drop()
    assert indexes(place) == []


def test_a_rebuild_without_an_index_or_records_makes_an_empty_one(place: Place) -> None:
    with pytest.raises(EntityNotFound):
        place.index().rebuild()
    place.engine.create_entity(name=place.name, connection_id=place.connection_id)
    index = place.index()
    assert (index.rebuild()).created == 0
    assert index.search("cat") == []
    place.sync(("a", "cat"))
    assert (index.refresh()).created == 1
