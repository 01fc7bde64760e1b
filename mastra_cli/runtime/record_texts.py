"""What an index holds of a record: its texts, and the part of its data that filters ask for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime import batches
from mastra_cli.runtime.filter_tree import Node, Path
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.operands import is_list, is_mapping, path
from mastra_cli.runtime.predicate import MISSING, value_at
from mastra_cli.runtime.sql.selections import filtered

__all__ = ["Reader", "Wanted", "digest", "vector_id", "words"]

TextSource = str | Sequence[str] | Callable[[Record], str | None]
Splitter = Callable[[str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to stand in the index for a record; without texts it is to leave."""

    external_id: str
    texts: tuple[str, ...] = ()
    metadata: str = "{}"
    refused: str | None = None
    """Why it can not be had; None when it can."""


class Reader:
    """Reads records as an index was told to."""

    def __init__(self, text: object, split: object, metadata: object) -> None:
        self._text: Callable[[Record], Any]
        if callable(text):
            self._text = text
        else:
            paths = _paths(text, "text")
            self._text = lambda record: _joined(record.data, paths)
        if split is not None and not callable(split):
            raise InvalidArgument(f"split must be a callable, text to texts, and is {kind_of(split)}")
        self._split = cast("Splitter | None", split)
        self._fields = None if metadata is None else _paths(metadata, "metadata")

    def read(self, record: Record) -> Wanted:
        """The record's texts and metadata; none when it is deleted or has nothing to search."""
        if record.deleted_at is not None or record.data is None:
            return Wanted(record.external_id)
        try:
            texts = tuple(self._texts(record))
        except InvalidArgument as error:
            return Wanted(record.external_id, refused=error.message)
        except Exception as error:
            said = f"text: {type(error).__name__}: {error}"[:1000]
            return Wanted(record.external_id, refused=_printable(said))
        if not texts:
            return Wanted(record.external_id)
        if isinstance(reason := batches.json_text(list(texts)), batches.Reason):
            return Wanted(record.external_id, refused=f"its text can not be stored: {reason.words}")
        metadata = batches.json_text(self._metadata(record.data))
        if isinstance(metadata, batches.Reason):
            return Wanted(record.external_id, refused=f"its metadata can not be stored: {metadata.words}")
        return Wanted(record.external_id, texts, metadata)

    def check_filter(self, node: Node) -> None:
        """Raises `InvalidArgument` for a filter on a field that the index was not told to copy."""
        if self._fields is None:
            return
        for wanted in sorted(filtered(node)):
            if not any(wanted[: len(field)] == field for field in self._fields):
                raise InvalidArgument(
                    f"the index does not hold the field {'.'.join(wanted)!r}, by which the filter asks",
                    hint="name it in metadata=[...], then rebuild()",
                )

    def _texts(self, record: Record) -> list[str]:
        text = self._text(record)
        if text is None:
            return []
        if not isinstance(text, str):
            raise InvalidArgument(f"text must answer a str or None, and answered {kind_of(text)}")
        if not text.strip():
            return []
        if self._split is None:
            return [text]
        texts = list(self._split(text))
        if not all(isinstance(each, str) for each in texts):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument("split must answer a list of str")
        return [each for each in texts if each.strip()]

    def _metadata(self, data: dict[str, Any]) -> dict[str, Any]:
        if self._fields is None:
            return data
        chosen: dict[str, Any] = {}
        for field in self._fields:
            value = value_at(data, field)
            if value is MISSING:
                continue
            place = chosen
            for key in field[:-1]:
                place = place.setdefault(key, {})
            place[field[-1]] = value
        return chosen


def _paths(given: object, what: str) -> list[Path]:
    fields = [given] if isinstance(given, str) else given
    if not is_list(fields) or (what == "text" and not fields):
        raise InvalidArgument(
            f"{what} must be a field or a list of fields{', or a callable' if what == 'text' else ''}, "
            f"and is {kind_of(given)}"
        )
    paths = {path(cast(Any, field)): None for field in fields}
    # A field inside another one comes with it.
    return (
        [each for each in paths if not any(each != other and each[: len(other)] == other for other in paths)]
        if what == "metadata"
        else list(paths)
    )


def _joined(data: Any, paths: Sequence[Path]) -> str | None:
    parts = [part for each in paths if (part := _words(value_at(data, each)))]
    return "\n\n".join(parts) or None


def _words(value: object) -> str:
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return value if value.strip() else ""
    if is_list(value) and all(isinstance(item, str) for item in value):
        return "\n".join(cast("Sequence[str]", value))
    if (is_list(value) or is_mapping(value)) and not value:
        return ""
    return json.dumps(value, ensure_ascii=False)


def digest(text: str) -> bytes:
    """By which two texts are told apart."""
    return hashlib.sha256(text.encode()).digest()


def vector_id(number: int, external_id: str) -> str:
    """The id of a record's text in the vector index."""
    return f"{number}:{external_id}"


def record_of(vector_id: str) -> tuple[int, str]:
    """Number and external id; of a vector that is no record's, (-1, "")."""
    number, colon, external_id = vector_id.partition(":")
    return (int(number), external_id) if colon and number.isdecimal() else (-1, "")


def words(text: str) -> list[str]:
    """The words of a text, as the index in memory tells them apart."""
    return re.findall(r"\w+", text.lower())


def _printable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
