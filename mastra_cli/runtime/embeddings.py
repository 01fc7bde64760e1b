"""How a vector travels: from what callers hand in to pgvector's binary form, and back."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, cast

from mastra_cli.errors import InvalidArgument, kind_of

__all__ = ["pack", "pack_all", "unpack"]

_LITTLE = sys.byteorder == "little"
_BLOCK = 512
_UNUSED = bytes(2)
SPARSE_LIMIT = 16_000
SPARSE_INDEXED_LIMIT = 1_000


def pack(value: object, kind: str, dimension: int, *, metric: str, label: str, indexed: bool = True) -> bytes:
    """The binary form of a vector, or `InvalidArgument` that begins with `label`.

    A sequence, an iterable, a numpy array, a tensor, pgvector's own classes; for `bit` also a string of 0 and
    1 or bytes, for `sparsevec` also a mapping from position (from 0) to value.
    """
    if kind == "bit":
        return _pack_bits(value, dimension, label)
    if kind == "sparsevec":
        return _pack_sparse(value, dimension, metric, label, indexed)
    numbers = _floats(value, label)
    if len(numbers) != dimension:
        raise _wrong_dimension(label, len(numbers), dimension)
    # Doubles hold any sum of floats: it is finite when, and only when, every one of them is.
    if not math.isfinite(sum(numbers)):
        raise _not_finite(numbers, label)
    if metric == "cosine" and not any(numbers):
        raise _all_zero(label)
    if kind == "halfvec":
        try:
            halves = struct.pack(f">HH{dimension}e", dimension, 0, *numbers)
        except OverflowError:
            at = next(i for i, n in enumerate(numbers) if abs(n) >= 65520)
            raise InvalidArgument(
                f"{label} holds {numbers[at]} at {at}, and halfvec ends at 65,504"
            ) from None
        if metric == "cosine" and not any(halves[4:].replace(b"\x80\x00", b"")):
            raise _all_zero(label)
        return halves
    if _LITTLE:
        numbers.byteswap()
    return dimension.to_bytes(2, "big") + _UNUSED + numbers.tobytes()


def pack_all(
    vectors: Iterable[object], kind: str, dimension: int, *, metric: str, label: str, indexed: bool = True
) -> Iterator[bytes]:
    """The binary forms of many vectors; the label is followed by the position, `vectors[7]`."""
    whole = kind == "vector" and _is_floats(vectors)
    if not whole or getattr(vectors, "shape", ())[1:] != (dimension,):
        for position, vector in enumerate(vectors):
            where = f"{label}[{position}]"
            yield pack(vector, kind, dimension, metric=metric, label=where, indexed=indexed)
        return
    # An array of floats is packed by the block; one in which something is wrong, row by row for its words.
    array: Any = vectors
    head, size = struct.pack(">HH", dimension, 0), 4 * dimension
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        fine = math.isfinite(float(block.sum(dtype="f8")))
        if not fine or (metric == "cosine" and not block.any(axis=1).all()):
            for position, vector in enumerate(block, start):
                yield pack(vector, kind, dimension, metric=metric, label=f"{label}[{position}]")
            continue
        data = block.astype(">f4").tobytes()
        for at in range(0, len(data), size):
            yield head + data[at : at + size]


def unpack(data: bytes | memoryview, kind: str) -> list[float] | dict[int, float]:
    """The numbers of a vector's binary form; of a sparse one, a mapping from position to value."""
    view = memoryview(data)
    if kind == "bit":
        (length,) = struct.unpack_from(">i", view)
        bits = bin(int.from_bytes(b"\x01" + bytes(view[4:]), "big"))[3 : 3 + length]
        return [float(bit) for bit in bits]
    if kind == "sparsevec":
        _, count, _ = struct.unpack_from(">iii", view)
        positions = struct.unpack_from(f">{count}i", view, 12)
        return dict(zip(positions, struct.unpack_from(f">{count}f", view, 12 + 4 * count), strict=True))
    (count,) = struct.unpack_from(">H", view)
    return list(struct.unpack_from(f">{count}{'e' if kind == 'halfvec' else 'f'}", view, 4))


def _is_floats(value: object) -> bool:
    """Whether this is an array of numpy that holds C floats as they are here, none of them masked."""
    kind = getattr(value, "dtype", None)
    return (
        kind is not None
        and getattr(kind, "char", None) == "f"
        and getattr(kind, "isnative", False)
        and type(value).__name__ != "MaskedArray"
    )


def _floats(value: object, label: str) -> array[float]:
    """The value as C floats; a copy, free to be changed."""
    if _is_floats(value):
        if getattr(value, "ndim", 1) != 1:
            raise _not_numbers(value, label)
        return array("f", cast(Any, value).tobytes())
    plain = _plain(value, label)
    try:
        return array("f", plain)
    except (TypeError, ValueError, OverflowError):
        raise _not_numbers(plain, label) from None


def _plain(value: object, label: str) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return cast("list[Any]", value)
    convert: Any = getattr(value, "tolist", None) or getattr(value, "to_list", None)
    if convert is not None:
        value = convert()
    if isinstance(value, (str, bytes, bytearray, Mapping, Set)) or not isinstance(value, Iterable):
        raise _not_numbers(cast(object, value), label)
    return list(cast("Iterable[Any]", value))


def _pack_bits(value: object, dimension: int, label: str) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        if len(value) * 8 != (dimension + 7) // 8 * 8:
            raise _wrong_dimension(label, len(value) * 8, dimension)
        if dimension % 8 and value[-1] & ((1 << (8 - dimension % 8)) - 1):
            raise InvalidArgument(f"{label} has bits set past its {dimension} dimensions")
        return struct.pack(">i", dimension) + bytes(value)
    if isinstance(value, str):
        bits = value
    else:
        plain = _plain(value, label)
        at = next(
            (i for i, bit in enumerate(plain) if not isinstance(bit, (int, float)) or bit not in (0, 1)), None
        )
        if at is not None:
            raise InvalidArgument(f"{label} holds {plain[at]!r} at {at}, and a bit is 0 or 1")
        bits = "".join("1" if bit else "0" for bit in plain)
    if len(bits) != dimension:
        raise _wrong_dimension(label, len(bits), dimension)
    if bits.strip("01"):
        raise InvalidArgument(f"{label} holds {bits.strip('01')[0]!r}, and a bit is 0 or 1")
    size = (dimension + 7) // 8
    return struct.pack(">i", dimension) + int(bits.ljust(size * 8, "0"), 2).to_bytes(size, "big")


def _pack_sparse(value: object, dimension: int, metric: str, label: str, indexed: bool) -> bytes:
    positions, values = _sparse_items(value, dimension, label)
    at = next((i for i, position in enumerate(positions) if not 0 <= position < dimension), None)
    if at is not None:
        raise InvalidArgument(f"{label} has a value at {positions[at]}, outside its {dimension} dimensions")
    try:
        numbers = array("f", values)
    except (TypeError, ValueError, OverflowError):
        raise _not_numbers(values, label) from None
    if not math.isfinite(sum(numbers)):
        raise _not_finite(numbers, label)
    items = sorted((position, number) for position, number in zip(positions, numbers, strict=True) if number)
    limit = SPARSE_INDEXED_LIMIT if indexed else SPARSE_LIMIT
    if len(items) > limit:
        where = "HNSW takes" if indexed else "sparsevec holds"
        raise InvalidArgument(f"{label} has {len(items):,} non-zero values, and {where} up to {limit:,}")
    if metric == "cosine" and not items:
        raise _all_zero(label)
    count = len(items)
    return struct.pack(
        f">iii{count}i{count}f", dimension, count, 0, *(i for i, _ in items), *(n for _, n in items)
    )


def _sparse_items(value: object, dimension: int, label: str) -> tuple[list[int], list[Any]]:
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        if any(not isinstance(position, int) or isinstance(position, bool) for position in items):
            raise InvalidArgument(f"{label}: the keys of a sparse vector are positions, from 0")
        return list(items), list(items.values())
    dimensions = getattr(value, "dimensions", None)
    indices = getattr(value, "indices", None)
    if callable(dimensions) and callable(indices):  # pgvector.SparseVector
        if dimensions() != dimension:
            raise _wrong_dimension(label, cast(int, dimensions()), dimension)
        return list(cast("list[int]", indices())), list(cast(Any, value).values())
    plain = _plain(value, label)
    if len(plain) != dimension:
        raise _wrong_dimension(label, len(plain), dimension)
    return list(range(dimension)), plain


def _wrong_dimension(label: str, got: int, dimension: int) -> InvalidArgument:
    return InvalidArgument(f"{label} has {got:,} dimensions, and the index has {dimension:,}")


def _not_finite(numbers: array[float], label: str) -> InvalidArgument:
    at = next(i for i, number in enumerate(numbers) if not math.isfinite(number))
    return InvalidArgument(f"{label} holds {numbers[at]} at {at}: every number must be finite (32-bit float)")


def _all_zero(label: str) -> InvalidArgument:
    return InvalidArgument(
        f"{label} is all zero, which has no direction",
        hint="use metric euclidean or dotproduct, or leave it out",
    )


def _not_numbers(value: object, label: str) -> InvalidArgument:
    if type(value) in (list, tuple):
        items = cast("list[object]", value)
        at = next((i for i, each in enumerate(items) if not _is_number(each)), None)
        if at is not None:
            return InvalidArgument(f"{label} holds {kind_of(items[at])} at {at}, and must hold numbers")
    return InvalidArgument(f"{label} must be a sequence of numbers, and is {kind_of(value)}")


def _is_number(value: object) -> bool:
    try:
        array("f", [cast(float, value)])
    except (TypeError, ValueError, OverflowError):
        return False
    return True
