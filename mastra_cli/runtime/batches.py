"""What comes in: records checked, drained and settled before anything goes over the wire.

A `Batch` takes records one by one. While they are few it keeps them; past that it writes them, as COPY wants
them, to a spool in memory, then in an unnamed file: any number fits, and a second attempt reads them again.
Many that lie in a list already stay there, and are checked while the server reads those before them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from mastra_cli.errors import InvalidArgument, RecordRejected, kind_of
from mastra_cli.runtime import identity
from mastra_cli.runtime.json_values import MAX_BYTES as MAX_BYTES
from mastra_cli.runtime.json_values import Reason, dumps, json_text
from mastra_cli.runtime.models import Record, RecordInput, Rejection

FEW = 500
FEW_BYTES = 1024 * 1024
IN_MEMORY = 8 * 1024 * 1024
_BLOCK = 256 * 1024
_PIECE = 64 * 1024

# The plain one first: it is the quick one.
_MAPPINGS = (dict, Mapping)
_RECORDS = (RecordInput, Record)
_KEYS = frozenset({"external_id", "data", "entity_type"})
_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Row(NamedTuple):
    """An accepted record; `data` is JSON text."""

    external_id: str
    entity_type: str | None
    data: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The records of a call, one a key, and how many earlier ones of the same key that cost."""

    rows: list[Row]
    duplicates: int


class Batch:
    """The records of one call."""

    def __init__(self, *, on_error: str, keep_present: bool = False, few: int = FEW) -> None:
        if on_error not in ("raise", "collect"):
            raise InvalidArgument(f"on_error must be 'raise' or 'collect', and is {on_error!r}")
        self._raises = on_error == "raise"
        self._keep_present = keep_present
        self.received = 0
        self.rejections: list[Rejection] = []
        self.rows: list[Row] = []
        self.present: list[str] = []
        """The ids of rejected records, which are there all the same for `delete_missing`."""
        self._bytes = 0
        self._few = few
        self._spool: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._lines: list[str] = []
        """Those that are on their way to the spool, or to the server."""
        self._held: Sequence[object] | None = None

    def hold(self, records: object) -> bool:
        """Whether these are many, and in memory already: `blocks` reads them where they are."""
        if type(records) not in (list, tuple) or len(cast("list[object]", records)) <= self._few:
            return False
        self._held = cast("Sequence[object]", records)
        return True

    def add(self, record: object) -> None:
        """Take one record, or reject it."""
        index = self.received
        self.received += 1
        row = read(record, index)
        if isinstance(row, Rejection):
            if self._raises:
                raise RecordRejected(
                    f"record {index} can not be stored: {row.reason}",
                    index=index,
                    reason=row.reason,
                    hint="mend the record, or give on_error='collect' to store the others",
                )
            self.rejections.append(row)
            if self._keep_present and row.external_id is None:
                raise InvalidArgument(
                    f"delete_missing needs the external_id of every record, and record {index} has none: "
                    f"{row.reason}"
                )
            if self._keep_present and row.external_id is not None:
                self._keep(Row(row.external_id, None, ""))
            return
        self._keep(row)

    def _keep(self, row: Row) -> None:
        self._bytes += len(row.data)
        if self._held is not None:
            self._lines.append(copy_line(self.received, row))
        elif self._spool is None:
            if row.data:
                self.rows.append(row)
            else:
                self.present.append(row.external_id)
            if len(self.rows) + len(self.present) > self._few or (
                self._bytes > FEW_BYTES and self._few == FEW
            ):
                self._spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed by close)
                self._lines = self._listed()
                self.rows, self.present = [], []
        else:
            self._lines.append(copy_line(self.received, row))
            if self._bytes > _BLOCK:
                self._spill(self._spool)

    def _spill(self, spool: tempfile.SpooledTemporaryFile[bytes]) -> None:
        spool.write("".join(self._lines).encode())
        self._lines, self._bytes = [], 0

    def _listed(self) -> list[str]:
        # The numbers stay below those of what is yet to come.
        lines = [copy_line(number, row) for number, row in enumerate(self.rows, 1 - len(self.rows))]
        return [*lines, *(copy_line(0, Row(id, None, "")) for id in self.present)]

    @property
    def few(self) -> bool:
        """Whether the records are at hand in `rows`."""
        return self._spool is None and self._held is None

    def settle(self, mode: str) -> Settled:
        """One row a key, of the few."""
        return settle(self.rows, mode)

    def blocks(self) -> Iterator[bytes]:
        """All records as COPY wants them; again from the beginning at each call."""
        if self._held is not None:
            yield from self._read(self._held)
            return
        if self._spool is None:
            yield "".join(self._listed()).encode()
            return
        self._spill(self._spool)
        self._spool.seek(0)
        while block := self._spool.read(_BLOCK):
            yield block

    def _read(self, held: Sequence[object]) -> Iterator[bytes]:
        self.received, self._bytes = 0, 0
        self.rejections, self._lines = [], []
        for record in held:
            self.add(record)
            if self._bytes > _PIECE:
                yield "".join(self._lines).encode()
                self._lines, self._bytes = [], 0
        yield "".join(self._lines).encode()

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()


def checked_mode(mode: object) -> str:
    if mode not in ("replace", "merge"):
        raise InvalidArgument(f"mode must be 'replace' or 'merge', and is {mode!r}")
    return identity.exact(cast(str, mode))


def copy_line(number: int, row: Row) -> str:
    """A line of COPY's text format. No data: the record is present, and nothing more."""
    # JSON text has no raw control characters, but backslashes it has.
    data = row.data.replace("\\", "\\\\") if row.data else "\\N"
    kind = "\\N" if row.entity_type is None else _escaped(row.entity_type)
    return f"{number}\t{_escaped(row.external_id)}\t{kind}\t{data}\n"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED) if "\\" in text or not text.isprintable() else text


def settle(rows: list[Row], mode: str) -> Settled:
    """One row a key: the later wins, or in `merge` is laid over the earlier."""
    kept: dict[str, Row] = {}
    for row in rows:
        earlier = kept.get(row.external_id)
        if earlier is not None and mode == "merge":
            row = row._replace(data=dumps({**json.loads(earlier.data), **json.loads(row.data)}))
        kept[row.external_id] = row
    return Settled(list(kept.values()), len(rows) - len(kept))


def read(record: object, index: int) -> Row | Rejection:
    """The record as a row, or why it can not be one."""
    given: Any = record
    if isinstance(record, _MAPPINGS):
        external_id, data, entity_type = given.get("external_id"), given.get("data"), given.get("entity_type")
        if (
            "external_id" not in given
            or "data" not in given
            or len(given) != (3 if "entity_type" in given else 2)
        ):
            return _misshapen(given, index)
    elif isinstance(record, _RECORDS):
        external_id, data, entity_type = given.external_id, given.data, given.entity_type
    else:
        return Rejection(index, None, f"a record is a RecordInput or a mapping, not {kind_of(record)}")
    if words := identity.objection(external_id, "external_id"):
        return Rejection(index, None, words)
    key = identity.exact(external_id)
    if entity_type is not None and (words := identity.objection(entity_type, "entity_type")):
        return Rejection(index, key, words)
    if not isinstance(data, _MAPPINGS):
        return Rejection(index, key, f"data must be an object (a dict), and is {kind_of(data)}")
    answer = json_text(cast(Any, data) if isinstance(data, dict) else dict(cast(Any, data)))
    if isinstance(answer, Reason):
        return Rejection(index, key, answer.words)
    return Row(key, None if entity_type is None else identity.exact(entity_type), answer)


def _misshapen(given: Mapping[object, object], index: int) -> Rejection:
    """A mapping with keys that a record has not, or without those that it has."""
    missing = [key for key in ("external_id", "data") if key not in given]
    if missing:
        words = f"it has no {' and no '.join(missing)}"
    else:
        words = f"it has an unknown key {next(key for key in given if key not in _KEYS)!r}"
    external_id = given.get("external_id")
    valid = identity.objection(external_id, "external_id") is None
    return Rejection(index, cast("str", external_id) if valid else None, words)
