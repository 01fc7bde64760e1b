# Generated from the _async twin by `nox -s sync`: edit that one.
"""How vectors get into an index of `PgVector`, change, and leave it."""

from __future__ import annotations

import math
import uuid
from array import array
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import pgvector
import psycopg
import pytest

from mastra_cli.errors import DatabaseUnreachable, InvalidArgument, NotFound
from mastra_cli.runtime._sync import vector_writes
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models_vector import Flat

FEW, BULK = 10, 120


@pytest.fixture
def vector(database: str):
    with SyncPgVector(connection_string=database) as vector:
        vector.create_index(index_name="docs", dimension=3)
        yield vector


def some(count: int) -> list[list[float]]:
    return [[1.0, float(i), -1.0] for i in range(count)]


def stored(vector: SyncPgVector) -> list[tuple]:
    """(id, vector, metadata, document) of all rows, in the order of their ids."""
    rows = vector._pool.rows(
        'SELECT vector_id, embedding::text, metadata, document FROM mastra.docs ORDER BY vector_id COLLATE "C"'
    )
    return [(row[0], [float(number) for number in row[1][1:-1].split(",")], row[2], row[3]) for row in rows]


@pytest.mark.parametrize("count", [FEW, BULK])
def test_ids_come_back_in_input_order_and_are_time_ordered(vector: SyncPgVector, count: int) -> None:
    ids = vector.upsert(index_name="docs", vectors=some(count))
    assert len(set(ids)) == count
    assert ids == sorted(ids)
    assert all(uuid.UUID(each).version == 7 for each in ids)
    assert [each.vector[1] for each in vector.get(index_name="docs", ids=ids)] == list(
        map(float, range(count))
    )
    given = [f"{(i * 37) % count}" for i in range(count)]
    assert vector.upsert(index_name="docs", vectors=some(count), ids=given) == given


@pytest.mark.parametrize("count", [FEW, BULK])
def test_everything_that_was_given_is_stored(vector: SyncPgVector, count: int) -> None:
    metadata = [{"n": i, "text": 'ü " \\ \n 🦊', "deep": [1.5, None, {"a": True}]} for i in range(count)]
    documents = [None if i % 2 else f"document {i}\twith\nlines \\N" for i in range(count)]
    ids = [f"{i:04}" for i in range(count)]
    vector.upsert(
        index_name="docs", vectors=some(count), metadata=metadata, ids=ids, documents=documents
    )
    assert stored(vector) == list(zip(ids, some(count), metadata, documents, strict=True))
    # Replaced, metadata and document included.
    vector.upsert(index_name="docs", vectors=some(count), ids=ids)
    assert stored(vector) == [(id, row, {}, None) for id, row in zip(ids, some(count), strict=True)]


@pytest.mark.parametrize("count", [FEW, BULK])
def test_the_later_of_two_equal_ids_wins(vector: SyncPgVector, count: int) -> None:
    ids = ["same", *(f"{i}" for i in range(count - 2)), "same"]
    assert vector.upsert(index_name="docs", vectors=some(count), ids=ids) == ids
    [same] = vector.get(index_name="docs", ids=["same"])
    assert same.vector[1] == count - 1
    assert len(stored(vector)) == count - 1


@pytest.mark.parametrize("count", [FEW, BULK])
def test_the_same_again_writes_nothing(vector: SyncPgVector, count: int) -> None:
    given = {
        "vectors": some(count),
        "ids": [f"{i}" for i in range(count)],
        "metadata": [{"a": [1, 2.5]}] * count,
    }
    vector.upsert(index_name="docs", **given)
    versions = vector._pool.rows("SELECT vector_id, xmin::text, ctid::text FROM mastra.docs ORDER BY 1")
    vector.upsert(index_name="docs", **given)
    assert (
        vector._pool.rows("SELECT vector_id, xmin::text, ctid::text FROM mastra.docs ORDER BY 1")
        == versions
    )


@pytest.mark.parametrize("count", [FEW, BULK])
def test_any_iterable_does(vector: SyncPgVector, count: int) -> None:
    rows = some(count)
    forms = {
        "list": rows, "tuple": tuple(map(tuple, rows)), "generator": (row for row in rows),
        "generators": ((number for number in row) for row in rows), "float32": np.array(rows, "f4"),
        "float64": np.array(rows), "ints": np.array(rows, "i8"), "rows of an array": list(np.array(rows, "f4")),
        "strided": np.array([[*row, *row] for row in rows], "f4")[:, ::2][:, [0, 2, 1]], "array": [array("f", row) for row in rows],
        "the other byte order": list(np.array(rows, ">f4")), "all of that order": np.array(rows, ">f4"),
        "halves": list(np.array(rows, "f2")), "unmasked": np.ma.array(rows, dtype="f4"), "memory of": np.array(rows, "f4").view(np.memmap),
        "scalars": [[np.float32(number) for number in row] for row in rows], "pgvector": [pgvector.Vector(row) for row in rows],
    }  # fmt: skip
    for name, form in forms.items():
        ids = (f"{i:04}" for i in range(count))
        vector.upsert(
            index_name="docs", vectors=form, ids=ids, metadata=iter([MappingProxyType({"a": 1})] * count)
        )
        assert [row[1] for row in stored(vector)] == rows, name
        vector.truncate_index(index_name="docs")
    assert vector.upsert(index_name="docs", vectors=[]) == []
    assert vector.upsert(index_name="docs", vectors=np.empty((0, 3))) == []


WRONG = [
    ([1.0, 2.0], r"vectors\[{at}\] has 2 dimensions, and the index has 3"), ([], r"vectors\[{at}\] has 0 dimensions"),
    ([1, math.nan, 1], r"vectors\[{at}\] holds nan at 1: every number must be finite"),
    ([1, 1, -math.inf], r"vectors\[{at}\] holds -inf at 2"), ([1e39, 1, 1], r"vectors\[{at}\] holds inf at 0"),
    ([0, 0.0, -0.0], r"vectors\[{at}\] is all zero, which has no direction"),
    ([1, "2", 3], r"vectors\[{at}\] holds a str at 1, and must hold numbers"),
    ([1, None, 3], r"vectors\[{at}\] holds None at 1, and must hold numbers"),
    (np.ma.array([1, 2, 3], mask=[0, 1, 0], dtype="f4"), r"vectors\[{at}\] holds None at 1, and must hold numbers"),
    ({1.0, 2.0, 3.0}, r"vectors\[{at}\] must be a sequence of numbers, and is a set"),
    ("abc", r"vectors\[{at}\] must be a sequence of numbers, and is a str"), (7, r"vectors\[{at}\] must be a sequence of numbers, and is an int"),
]  # fmt: skip


@pytest.mark.parametrize("count", [FEW, BULK])
def test_a_wrong_vector_is_named_by_its_position_and_nothing_is_written(
    vector: SyncPgVector, count: int
) -> None:
    at = count - 2
    for wrong, words in WRONG:
        rows = some(count)
        rows[at] = wrong
        forms = [rows, iter(rows)]
        if isinstance(wrong, list) and len(wrong) == 3 and all(isinstance(n, int | float) for n in wrong):
            with np.errstate(over="ignore"):
                forms.append(np.array(rows, "f4"))
        for given in forms:
            with pytest.raises(InvalidArgument, match=words.format(at=at)):
                vector.upsert(index_name="docs", vectors=given)
    assert stored(vector) == []


@pytest.mark.parametrize("count", [FEW, BULK])
def test_wrong_ids_metadata_and_documents_are_named_by_their_position(
    vector: SyncPgVector, count: int
) -> None:
    last = count - 1
    for given, words in [
        ({"ids": [*map(str, range(last)), ""]}, rf"ids\[{last}\] is empty"),
        ({"ids": [*map(str, range(last)), 7]}, rf"ids\[{last}\] must be a str, and is an int"),
        ({"metadata": [{}] * last + [[1]]}, rf"metadata\[{last}\] must be a mapping, and is a list"),
        ({"metadata": [{}] * last + [{"a": {"b": math.nan}}]}, rf"metadata\[{last}\] can not be stored: metadata.a.b is nan"),
        ({"metadata": [{}] * last + [{"a": {1}}]}, rf"metadata\[{last}\] can not be stored: metadata.a is a set"),
        ({"documents": [None] * last + [b"x"]}, rf"documents\[{last}\] must be a str, and is a bytes"),
        ({"documents": [None] * last + ["a\0"]}, rf"documents\[{last}\] can not be stored: .*NUL"),
        ({"ids": map(str, range(last))}, rf"one item a vector is needed, and ids ends at {last}; nothing was written"),
        ({"ids": list(map(str, range(last)))}, f"there are {count} vectors, {last} ids; nothing was written"),
        ({"metadata": [{}] * (count + 1)}, f"there are {count} vectors, {count + 1} metadata"),
        ({"metadata": iter([{}] * (count + 1))}, f"there are more metadata than the {count} vectors; nothing was written"),
        ({"metadata": {"a": 1}}, "metadata must be an iterable, one item a vector, and is a dict"),
        ({"ids": "abc"}, "ids must be an iterable, one item a vector, and is a str"),
        ({"vectors": None}, "vectors must be an iterable, one item a vector, and is None"),
        ({"namespace": None}, "namespace must be a str, and is None"),
    ]:  # fmt: skip
        with pytest.raises(InvalidArgument, match=words):
            vector.upsert(**{"index_name": "docs", "vectors": some(count), **given})
    assert stored(vector) == []


def test_a_lost_connection_is_met_by_trying_again_when_the_input_can_be_read_again(
    vector: SyncPgVector, database: str
) -> None:
    class Trap(Sequence):
        """A sequence that cuts the connection once, in the middle of the COPY."""

        def __init__(self) -> None:
            self.sprung = False

        def __len__(self) -> int:
            return 600

        def __getitem__(self, at: int) -> list[float]:
            if at == 500 and not self.sprung:
                self.sprung = True
                with psycopg.connect(database, autocommit=True) as admin:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                    )
            if at >= 600:
                raise IndexError
            return [1.0, at, 1.0]

    ids = vector.upsert(index_name="docs", vectors=Trap())
    assert len(ids) == len(stored(vector)) == 600
    assert [each.vector[1] for each in vector.get(index_name="docs", ids=ids[::150])] == [
        0,
        150,
        300,
        450,
    ]
    vector.truncate_index(index_name="docs")
    trap = Trap()
    with pytest.raises(DatabaseUnreachable, match="the vectors can not be read again; nothing was written"):
        vector.upsert(index_name="docs", vectors=(trap[i] for i in range(600)))
    assert stored(vector) == []


def test_a_source_that_raises_leaves_nothing(vector: SyncPgVector) -> None:
    def source():
        yield from some(BULK)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        vector.upsert(index_name="docs", vectors=source())
    assert stored(vector) == []
    assert len(vector.upsert(index_name="docs", vectors=some(3))) == 3


def test_many_vectors_into_a_built_index_are_remarked_upon(vector: SyncPgVector, monkeypatch) -> None:
    monkeypatch.setattr(vector_writes, "MANY", 100)
    with pytest.warns(
        UserWarning, match=r"120 vectors went into the index docs one by one.*build_index=False"
    ):
        vector.upsert(index_name="docs", vectors=some(BULK))
    vector.create_index(index_name="later", dimension=3, build_index=False)
    vector.upsert(index_name="later", vectors=some(BULK))


def test_update_changes_what_is_given(vector: SyncPgVector) -> None:
    vector.upsert(index_name="docs", vectors=some(1), ids=["a"], metadata=[{"x": 1}], documents=["D"])
    vector.update_vector(index_name="docs", id="a", vector=np.array([1, 2, 3]))
    assert stored(vector) == [("a", [1, 2, 3], {"x": 1}, "D")]
    vector.update_vector(index_name="docs", id="a", metadata={"y": [2]})
    assert stored(vector) == [("a", [1, 2, 3], {"y": [2]}, "D")]
    vector.update_vector(index_name="docs", id="a", vector=[3, 2, 1], metadata={})
    assert stored(vector) == [("a", [3, 2, 1], {}, "D")]


def test_what_can_not_be_updated(vector: SyncPgVector) -> None:
    for given, error, words in [
        ({}, InvalidArgument, "there is nothing to update"), ({"vector": [1]}, InvalidArgument, "vector has 1 dimensions"),
        ({"metadata": 7}, InvalidArgument, "metadata must be a mapping, and is an int"), ({"metadata": {}}, NotFound, "has no vector 'a'"),
        ({"metadata": {}, "id": ""}, InvalidArgument, "id is empty"),
    ]:  # fmt: skip
        with pytest.raises(error, match=words):
            vector.update_vector(**{"index_name": "docs", "id": "a", **given})


def test_delete_counts_what_went(vector: SyncPgVector) -> None:
    vector.upsert(
        index_name="docs",
        vectors=some(9),
        ids=[f"{i}" for i in range(9)],
        metadata=[{"n": i} for i in range(9)],
    )
    assert vector.delete_vector(index_name="docs", id="8") == 1
    assert vector.delete_vector(index_name="docs", id="8") == 0
    assert vector.delete_vectors(index_name="docs", ids=["7", "8", "6", "6"]) == 2
    assert vector.delete_vectors(index_name="docs", ids=[]) == 0
    assert vector.delete_vectors(index_name="docs", filter={"n": {"$gte": 4}}) == 2
    assert [row[0] for row in stored(vector)] == ["0", "1", "2", "3"]
    vector.truncate_index(index_name="docs")
    assert stored(vector) == []


def test_delete_without_a_target_deletes_nothing(vector: SyncPgVector) -> None:
    vector.upsert(index_name="docs", vectors=some(3))
    for given, words in [
        ({}, "give either ids or filter"), ({"ids": ["a"], "filter": {"a": 1}}, "give either ids or filter"),
        ({"filter": {}}, "an empty filter would delete everything"), ({"filter": []}, "an empty filter would delete everything"),
        ({"filter": {"$and": []}}, "an empty filter would delete everything"), ({"ids": "abc"}, "ids must be an iterable of str, and is a str"),
    ]:  # fmt: skip
        with pytest.raises(InvalidArgument, match=words):
            vector.delete_vectors(index_name="docs", **given)
    assert len(stored(vector)) == 3


@pytest.mark.parametrize("kind", ["halfvec", "bit", "sparsevec"])
def test_other_vector_types_go_in_and_come_back(vector: SyncPgVector, kind: str) -> None:
    dimension = 11
    metric = "hamming" if kind == "bit" else "euclidean"
    vector.create_index(index_name="kind", dimension=dimension, vector_type=kind, metric=metric)
    dense = [1.0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1]
    forms = [dense, np.array(dense)]
    if kind == "bit":
        forms += ["10001100101", [bool(number) for number in dense], b"\x8c\xa0", np.array(dense, bool)]
    if kind == "sparsevec":
        sparse = {i: number for i, number in enumerate(dense) if number}
        forms += [sparse, pgvector.SparseVector(sparse, dimension), dict(reversed(sparse.items()))]
    ids = vector.upsert(index_name="kind", vectors=forms)
    bulk = vector.upsert(index_name="kind", vectors=forms * 20)
    expected = {i: number for i, number in enumerate(dense) if number} if kind == "sparsevec" else dense
    assert all(each.vector == expected for each in vector.get(index_name="kind", ids=ids + bulk))


REFUSED = [("halfvec", [70_000.0, 1, 1], r"vectors\[0\] holds 70000.0 at 0, and halfvec ends at 65,504"),
     ("halfvec", [1e-9, 0, 0], r"vectors\[0\] is all zero"), ("bit", [2, 0, 1], r"vectors\[0\] holds 2 at 0, and a bit is 0 or 1"),
     ("bit", "10x", r"vectors\[0\] holds 'x', and a bit is 0 or 1"), ("bit", "1011", r"vectors\[0\] has 4 dimensions"),
     ("bit", b"\xff", r"vectors\[0\] has bits set past its 3 dimensions"), ("bit", b"\xff\xff", r"vectors\[0\] has 16 dimensions"),
     ("sparsevec", {3: 1.0}, r"vectors\[0\] has a value at 3, outside its 3 dimensions"), ("sparsevec", {"a": 1.0}, "are positions, from 0"),
     ("sparsevec", {0: math.nan}, r"vectors\[0\] holds nan"), ("sparsevec", {0: 0.0}, r"vectors\[0\] is all zero"),
]  # fmt: skip


def test_what_other_vector_types_refuse(vector: SyncPgVector) -> None:
    for kind, wrong, words in REFUSED:
        metric = "hamming" if kind == "bit" else "cosine"
        vector.create_index(index_name=kind, dimension=3, vector_type=kind, metric=metric)
        with pytest.raises(InvalidArgument, match=words):
            vector.upsert(index_name=kind, vectors=[wrong])


def test_a_sparse_vector_with_too_many_values_for_its_index(vector: SyncPgVector) -> None:
    vector.create_index(index_name="kind", dimension=2_000, vector_type="sparsevec")
    with pytest.raises(
        InvalidArgument, match=r"vectors\[0\] has 1,001 non-zero values, and HNSW takes up to 1,000"
    ):
        vector.upsert(index_name="kind", vectors=[dict.fromkeys(range(1_001), 1.0)])
    vector.create_index(
        index_name="flat", dimension=2_000, vector_type="sparsevec", index_config=Flat()
    )
    [id] = vector.upsert(index_name="flat", vectors=[dict.fromkeys(range(1_001), 1.0)])
    vector.update_vector(index_name="flat", id=id, vector=dict.fromkeys(range(1_002), 1.0))
    assert len((vector.get(index_name="flat", ids=[id]))[0].vector) == 1_002
