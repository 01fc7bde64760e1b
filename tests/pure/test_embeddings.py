"""A vector's binary form is pgvector's, and comes back as it was."""

from __future__ import annotations

import math
import struct
from array import array

import numpy as np
import pgvector
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.embeddings import pack, unpack

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


def packed(value: object, kind: str, dimension: int, metric: str = "euclidean") -> bytes:
    return pack(value, kind, dimension, metric=metric, label="v")


@given(st.lists(floats, min_size=1, max_size=40))
def test_a_vector_is_packed_as_pgvector_packs_it(numbers: list[float]) -> None:
    expected = pgvector.Vector(numbers).to_binary()
    for form in (
        numbers,
        tuple(numbers),
        iter(numbers),
        np.array(numbers),
        np.array(numbers, "f4"),
        array("d", numbers),
    ):
        assert packed(form, "vector", len(numbers)) == expected
    assert unpack(expected, "vector") == numbers


@given(st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_a_halfvec(numbers: list[float]) -> None:
    data = packed(numbers, "halfvec", len(numbers))
    assert data == pgvector.HalfVector(numbers).to_binary()
    assert unpack(data, "halfvec") == numbers


@given(st.lists(st.integers(0, 1), min_size=1, max_size=40))
def test_bits(bits: list[int]) -> None:
    expected = pgvector.Bit([bool(bit) for bit in bits]).to_binary()
    for form in (
        bits,
        "".join(map(str, bits)),
        np.array(bits),
        np.array(bits, bool),
        map(float, bits),
        expected[4:],
    ):
        assert packed(form, "bit", len(bits)) == expected
    assert unpack(expected, "bit") == bits


@given(st.dictionaries(st.integers(0, 999), floats.filter(bool), max_size=30))
def test_sparse_vectors(items: dict[int, float]) -> None:
    expected = pgvector.SparseVector(items, 1_000).to_binary()
    dense = [items.get(i, 0.0) for i in range(1_000)]
    for form in (items, dense, np.array(dense, "f4"), pgvector.SparseVector(items, 1_000)):
        assert packed(form, "sparsevec", 1_000) == expected
    assert unpack(expected, "sparsevec") == items


@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
def test_finite_is_what_every_number_must_be(numbers: list[float]) -> None:
    if all(map(math.isfinite, numbers)):
        packed(numbers, "vector", len(numbers))
    else:
        at = next(i for i, number in enumerate(numbers) if not math.isfinite(number))
        with pytest.raises(InvalidArgument, match=f"v holds {numbers[at]} at {at}: "):
            packed(numbers, "vector", len(numbers))


def test_the_largest_floats_are_finite_together() -> None:
    largest = struct.unpack(">f", b"\x7f\x7f\xff\xff")[0]
    assert unpack(packed([largest] * 16_000, "vector", 16_000), "vector") == [largest] * 16_000


def test_all_zero_is_refused_under_cosine_alone() -> None:
    for kind in ("vector", "halfvec", "sparsevec"):
        packed([0, 0], kind, 2)
        with pytest.raises(InvalidArgument, match="v is all zero, which has no direction") as caught:
            packed([0, -0.0], kind, 2, "cosine")
        assert caught.value.hint == "use metric euclidean or dotproduct, or leave it out"


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [("vector", np.ones((2, 2), "f4"), "v must be a sequence of numbers, and is a ndarray"), ("vector", np.ones((2, 2)), "v holds a list at 0"),
     ("vector", {0: 1.0}, "v must be a sequence of numbers, and is a dict"), ("vector", b"ab", "v must be a sequence of numbers, and is a bytes"),
     ("vector", [1], "v has 1 dimensions, and the index has 2"), ("vector", [10**400, 1], "v holds an int at 0, and must hold numbers"),
     ("sparsevec", {True: 1.0}, "the keys of a sparse vector are positions"), ("sparsevec", {0: "x"}, "v holds a str at 0"),
     ("sparsevec", pgvector.SparseVector({0: 1}, 3), "v has 3 dimensions"), ("bit", [0.5, 1], r"v holds 0\.5 at 0"), ("bit", ["1", "0"], "v holds '1' at 0")],
)  # fmt: skip
def test_what_is_no_vector(kind: str, value, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        packed(value, kind, 2)
