# Generated from the _async twin by `nox -s sync`: edit that one.
"""`RecordIndex`: records that can be searched, over Postgres and over the mock."""

from __future__ import annotations

import pytest

from mastra_cli.errors import EntityNotFound, InvalidArgument
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.session import sync_connect
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.models_search import RefreshProgress
from tests._sync.record_place import Embedder, Place, found


@pytest.fixture(params=["mock", "postgres"])
def place(request: pytest.FixtureRequest):
    if request.param == "mock":
        yield Place(SyncMockMastraEngine(), None)
    else:
        with sync_connect(url=request.getfixturevalue("shared_database")) as pool:
            yield Place(SyncPostgresEngine(pool=pool), SyncPgVector(pool=pool))


def test_a_refresh_makes_records_searchable(place: Place) -> None:
    place.sync(("a", "a red cat"), ("b", "a blue fish"), ("c", "a green house"))
    index = place.index()
    result = index.refresh()
    assert (result.created, result.updated, result.deleted, result.unchanged) == (3, 0, 0, 0)
    assert (result.embedded, list(result.skipped)) == (3, [])
    [hit] = index.search("cat", top_k=1, mode="vector")
    assert (hit.record.external_id, hit.text, hit.chunk) == ("a", "a red cat", 0)
    assert hit.record == place.engine.get_record(entity_id=place.entity_id(), external_id="a")
    assert found(index, "fish", mode="keyword") == ["b"]
    assert (found(index, "a green house"))[0] == "c"
    status = index.status()
    assert (status.version, status.behind, status.vectors, status.records) == (result.version, 0, 3, 3)
    assert status.model == "words-1"
    assert status.refreshed_at is not None


def test_text_that_did_not_change_is_not_embedded_again_and_metadata_moves(place: Place) -> None:
    place.sync(("a", {"text": "red cat", "n": 1}), ("b", {"text": "red dog", "n": 1}))
    index = place.index()
    index.refresh()
    place.embedder.texts.clear()
    place.sync(("a", {"text": "red cat", "n": 2}), ("b", {"text": "blue dog", "n": 1}), ("c", "ship"))
    result = index.refresh()
    assert sorted(place.embedder.texts) == ["blue dog", "ship"]
    assert (result.created, result.updated, result.unchanged, result.embedded) == (1, 2, 0, 2)
    assert found(index, "cat", filter={"n": 2}, mode="vector") == ["a"]
    assert "a" not in found(index, "cat", filter={"n": 1}, mode="vector")


def test_what_the_index_does_not_hold_changes_nothing(place: Place) -> None:
    place.sync(("a", {"text": "red cat", "n": 1, "seen": 1}))
    index = place.index(metadata=["n"])
    index.refresh()
    place.sync(("a", {"text": "red cat", "n": 1, "seen": 2}))
    result = index.refresh()
    assert (result.created, result.updated, result.unchanged, result.embedded) == (0, 0, 1, 0)
    [hit] = index.search("cat")
    assert hit.record.data["seen"] == 2


def test_the_deleted_leave_and_the_revived_come_back(place: Place) -> None:
    place.sync(("a", "red cat"), ("b", "red dog"))
    index = place.index()
    index.refresh()
    place.delete("a")
    result = index.refresh()
    assert (result.deleted, (index.status()).vectors) == (1, 1)
    place.sync(("a", "red cat"))
    result = index.refresh()
    assert (result.created, result.embedded) == (1, 1)
    assert (found(index, "cat"))[0] == "a"
    place.delete("a", "b", purge=True)
    assert (index.refresh()).deleted == 2
    assert (index.status()).vectors == 0


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
def test_a_deleted_record_is_never_found_and_hits_are_the_records_as_they_are_now(
    place: Place, mode: str
) -> None:
    place.sync(
        *((f"{n}", f"red cat {n}") for n in range(8)), ("x", {"text": "red cat", "color": "red"})
    )
    index = place.index()
    index.refresh()
    place.delete(*(f"{n}" for n in range(7)))
    place.sync(("x", {"text": "a blue ship", "color": "blue"}))
    hits = index.search("red cat", mode=mode, top_k=2)
    assert sorted(hit.record.external_id for hit in hits) == ["7", "x"]
    now = {hit.record.external_id: hit for hit in hits}["x"]
    assert (now.record.data["color"], now.text) == ("blue", "red cat")
    # By its old metadata it would still be a hit.
    assert found(index, "red cat", mode=mode, filter={"color": "red"}) == []


def test_a_record_that_dies_while_it_is_searched_for_is_not_found(place: Place) -> None:
    place.sync(("a", "red cat"), ("b", "blue cat"))
    index = place.index()
    index.refresh()
    looked = index._store.nearest

    def nearest(*args):
        answer = looked(*args)
        place.delete("a")
        return answer

    index._store.nearest = nearest
    assert found(index, "red cat") == ["b"]


def test_a_filter_is_over_the_records_data_in_both_styles(place: Place) -> None:
    place.sync(
        ("a", {"text": "cat", "price": 5, "tags": ["x"], "in": {"deep": 1}}),
        ("b", {"text": "cat", "price": 15, "tags": ["x", "y"]}),
        ("c", {"text": "cat", "price": "5"}),
    )
    index = place.index()
    index.refresh()
    for mode in ("vector", "keyword", "hybrid"):
        assert sorted(found(index, "cat", mode=mode, filter={"price": {"$lt": 10}})) == ["a"]
        conditions = [{"field": "data.tags", "operator": "contains", "value": "x"}]
        assert sorted(found(index, "cat", mode=mode, filter=conditions)) == ["a", "b"]
        assert found(index, "cat", mode=mode, filter={"in.deep": 1}) == ["a"]
    with pytest.raises(InvalidArgument, match="There is no filter operator"):
        index.search("cat", filter={"a": {"$near": 1}})


def test_a_filter_on_a_field_that_was_not_copied_is_refused(place: Place) -> None:
    place.sync(("a", {"text": "cat", "n": 1, "m": {"x": 1, "y": 2}}))
    index = place.index(metadata=["n", "m.x"])
    index.refresh()
    assert found(index, "cat", filter={"n": 1, "m.x": 1}) == ["a"]
    with pytest.raises(InvalidArgument, match=r"does not hold the field 'm.y'") as caught:
        index.search("cat", filter={"m.y": 2})
    assert caught.value.hint is not None
    assert "metadata=[...]" in caught.value.hint


def test_chunks_are_one_hit_a_record_and_only_the_changed_ones_are_embedded(place: Place) -> None:
    place.sync(("a", "red cat|blue cat|green cat"), ("b", "a ship"), ("1:a", "a cat"))
    index = place.index(split=lambda text: text.split("|"))
    assert (index.refresh()).embedded == 5
    status = index.status()
    assert (status.vectors, status.records) == (5, 3)
    hits = index.search("blue cat", mode="vector", top_k=3)
    assert (hits[0].record.external_id, hits[0].chunk, hits[0].text) == ("a", 1, "blue cat")
    assert sorted(hit.record.external_id for hit in hits) == ["1:a", "a", "b"]
    place.embedder.texts.clear()
    place.sync(("a", "red cat|house"))
    assert (index.refresh()).updated == 1
    assert place.embedder.texts == ["house"]
    assert (index.status()).vectors == 4


def test_text_is_a_field_a_list_of_them_or_a_callable(place: Place) -> None:
    place.sync(
        ("a", {"title": "Cat", "body": {"text": "red"}, "n": 1, "tags": ["x", "y"]}), ("b", {"title": "Dog"})
    )
    place.index(text=["title", "body.text", "tags", "missing"]).refresh()
    assert sorted(place.embedder.texts) == ["Cat\n\nred\n\nx\ny", "Dog"]

    def text(record: Record) -> str | None:
        return record.data["title"] if record.external_id == "a" else None

    other = place.index(text=text, index_name=f"{place.index_name}_2")
    assert (other.refresh()).created == 1
    assert found(other, "dog") == ["a"]


def test_a_record_that_is_no_longer_searchable_leaves(place: Place) -> None:
    place.sync(("a", "cat"), ("b", {"text": None}), ("c", {"text": "  "}), ("d", {}))
    index = place.index()
    result = index.refresh()
    assert (result.created, result.embedded) == (1, 1)
    place.sync(("a", {"text": ""}))
    assert (index.refresh()).deleted == 1
    assert (index.status()).vectors == 0


class Synonyms:
    """The words of `Place.embedder`, some of them by another name."""

    def __init__(self, synonyms: dict[str, str]) -> None:
        self.synonyms = synonyms

    def __call__(self, texts: list[str]) -> list[list[float]]:
        return Embedder()([" ".join(self.synonyms.get(w, w) for w in text.split()) for text in texts])


def test_keywords_find_what_vectors_miss_and_the_other_way_round(place: Place) -> None:
    place.sync(("a", "red cat"), ("b", "error ERR-4042 in the pump"), ("c", "blue house"))
    index = place.index(embedder=Synonyms({"feline": "cat"}))
    index.refresh()
    assert found(index, "ERR-4042", mode="keyword") == ["b"]
    assert found(index, "feline", mode="keyword") == []
    assert (found(index, "feline", mode="vector"))[0] == "a"
    assert "b" in found(index, "ERR-4042 feline", top_k=2)
    assert "a" in found(index, "ERR-4042 feline", top_k=2)


def test_rare_words_count_more_than_common_ones(place: Place) -> None:
    place.sync(*((f"{n}", "the cat") for n in range(6)), ("x", "the zebra"), ("y", "the zebra cat"))
    index = place.index()
    index.refresh()
    assert (found(index, "the cat or the zebra", mode="keyword"))[:2] == ["y", "x"]


def test_min_score_leaves_out_what_is_below(place: Place) -> None:
    place.sync(("a", "cat"), ("b", "ship"))
    index = place.index()
    index.refresh()
    [hit] = index.search("cat", mode="vector", min_score=0.9)
    assert (hit.record.external_id, hit.score) == ("a", pytest.approx(1.0, abs=1e-3))


def test_a_search_before_the_first_refresh_finds_nothing(place: Place) -> None:
    index = place.index()
    for call in (index.refresh, index.status, lambda: index.search("cat")):
        with pytest.raises(EntityNotFound, match=r"that docs_.* follows is not there"):
            call()
    place.engine.create_entity(name=place.name, connection_id=place.connection_id)
    assert index.search("cat") == []
    assert (index.refresh()).created == 0
    assert index.search("cat") == []
    place.sync(("a", "cat"))
    status = index.status()
    assert (status.behind, status.vectors, status.records) == (1, 0, 0)
    index.refresh()
    assert found(index, "cat") == ["a"]


def test_progress_is_told(place: Place) -> None:
    place.sync(*((f"{n:02}", f"cat {n}") for n in range(10)))
    told: list[RefreshProgress] = []
    place.index(batch_size=2, max_concurrency=2).refresh(on_progress=told.append)
    assert [each.done for each in told] == [4, 8, 10]
    assert {each.total for each in told} == {10}
    assert told[-1].embedded == 10


def test_batches_are_no_larger_and_no_more_at_once_than_was_said(place: Place) -> None:
    place.sync(*((f"{n:02}", f"cat {n}") for n in range(23)))
    sizes: list[int] = []
    at_once = [0, 0]

    def embed(texts: list[str]) -> list[list[float]]:
        at_once[0] += 1
        at_once[1] = max(at_once)
        sizes.append(len(texts))
        waiting.sleep(0.005)
        at_once[0] -= 1
        return place.embedder(texts)

    place.index(embedder=embed, batch_size=3, max_concurrency=2).refresh()
    assert max(sizes) == 3
    assert sum(sizes) == 23
    assert at_once[1] == 2


def test_what_was_purged_meanwhile_is_swept(place: Place) -> None:
    place.sync(("a", "cat"), ("b", "dog"))
    index = place.index()
    index.refresh()
    place.delete("a", purge=True)
    place.engine.purge_tombstones(entity_id=place.entity_id(), before_version=2**60)
    result = index.refresh()
    assert (result.deleted, result.embedded) == (1, 0)
    assert found(index, "cat") == ["b"]


def test_an_entity_that_was_made_again_is_followed_from_its_beginning(place: Place) -> None:
    place.sync(("a", "cat"), ("b", "dog"))
    index = place.index()
    index.refresh()
    place.engine.delete_entity_by_id(id=place.entity_id())
    place.sync(("b", "dog"), ("c", "ship"))
    assert "a" not in found(index, "cat")
    result = index.refresh()
    assert (result.created, result.deleted, result.unchanged, result.embedded) == (1, 1, 1, 1)


def test_a_sync_during_a_refresh_is_in_the_next_one_at_the_latest(place: Place) -> None:
    place.sync(*((f"{n}", f"cat {n}") for n in range(6)))
    synced: list[int] = []

    def embed(texts: list[str]) -> list[list[float]]:
        if not synced:
            synced.append(1)
            place.sync(("0", "ship"), ("9", "house"))
            place.delete("5")
        return place.embedder(texts)

    index = place.index(embedder=embed, batch_size=2, max_concurrency=1)
    index.refresh()
    index.refresh()
    assert (found(index, "ship", mode="vector"))[0] == "0"
    status = index.status()
    assert (status.behind, status.vectors, status.records) == (0, 6, 6)


def test_drop_removes_index_and_checkpoint(place: Place) -> None:
    place.sync(("a", "cat"))
    index = place.index()
    index.drop()
    index.refresh()
    index.drop()
    assert index.search("cat") == []
    status = index.status()
    assert (status.version, status.vectors, status.model) == (0, 0, None)
    assert (index.refresh()).created == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"embedder": 5}, "embedder must be a callable"),
        ({"text": 5}, "text must be a field or a list of fields, or a callable"),
        ({"text": []}, "text must be a field"),
        ({"metadata": 5}, "metadata must be a field or a list of fields"),
        ({"split": 5}, "split must be a callable"),
        ({"model": ""}, "model must be a non-empty str"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"max_concurrency": 0}, "max_concurrency must be a whole number"),
        ({"index_name": "a b"}, "can not be the name of an index"),
        ({"index_name": "vector_skipped"}, "one of the engine's own tables"),
        ({"entity_name": ""}, "name is empty"),
        ({"engine": 5}, "engine must be a PostgresEngine or a MockMastraEngine"),
        ({"embedder_timeout": 0}, "timeout must be a number of seconds"),
    ],
)
def test_what_can_not_be_used_is_refused(place: Place, options: dict, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        place.index(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"query": 5}, "query must be a str that says something, and is 5"),
        ({"query": " "}, "query must be a str that says something"),
        ({"query": "a\0"}, "query can not be searched for"),
        ({"top_k": 0}, "top_k must be a whole number"),
        ({"mode": "ann"}, "no such mode"),
        ({"min_score": "x"}, "min_score must be a number"),
        ({"filter": {"a": {"$regex": "x"}}}, "is for vector indexes alone"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(place: Place, options: dict, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        place.index().search(**{"query": "cat", **options})


def test_words_that_say_nothing_do_not_outweigh_the_meaning(place: Place) -> None:
    place.sync(*((f"{n}", f"what is the ship {n}") for n in range(9)), ("a", "feline"))
    index = place.index(embedder=Synonyms({"feline": "cat"}))
    index.refresh()
    assert (found(index, "what is the cat of my neighbours called"))[0] == "a"
