"""What comes in: records checked, drained and settled before anything goes over the wire.

A `Batch` takes records one by one. While they are few it keeps them; past that it writes them, as COPY wants
them, to a spool in memory, then in an unnamed file: any number fits, and a second attempt reads them again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from mastra_cli.errors import InvalidArgument, RecordRejected, kind_of
from mastra_cli.runtime import identity
from mastra_cli.runtime.json_values import MAX_BYTES as MAX_BYTES
from mastra_cli.runtime.json_values import Reason, dumps, json_text
from mastra_cli.runtime.models import Record, RecordInput, Rejection

FEW = 500
FEW_BYTES = 1024 * 1024
IN_MEMORY = 8 * 1024 * 1024
_BLOCK = 256 * 1024

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
        if self._spool is None:
            if row.data:
                self.rows.append(row)
            else:
                self.present.append(row.external_id)
            self._bytes += len(row.data)
            if len(self.rows) + len(self.present) > self._few or (
                self._bytes > FEW_BYTES and self._few == FEW
            ):
                self._spill()
        else:
            self._spool.write(copy_line(self.received, row))

    def _spill(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed by close)
        self._spool.write(self._lines())
        self.rows, self.present = [], []

    def _lines(self) -> bytes:
        # The numbers stay below those of what is yet to come.
        lines = [copy_line(number, row) for number, row in enumerate(self.rows, 1 - len(self.rows))]
        return b"".join([*lines, *(copy_line(0, Row(id, None, "")) for id in self.present)])

    @property
    def few(self) -> bool:
        """Whether the records are at hand in `rows`, and not in the spool."""
        return self._spool is None

    def settle(self, mode: str) -> Settled:
        """One row a key, of the few."""
        return settle(self.rows, mode)

    def blocks(self) -> Iterator[bytes]:
        """All records as COPY wants them; again from the beginning at each call."""
        if self._spool is None:
            yield self._lines()
            return
        self._spool.seek(0)
        while block := self._spool.read(_BLOCK):
            yield block

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()


def checked_mode(mode: object) -> str:
    if mode not in ("replace", "merge"):
        raise InvalidArgument(f"mode must be 'replace' or 'merge', and is {mode!r}")
    return str(mode)


def copy_line(number: int, row: Row) -> bytes:
    """A line of COPY's text format. No data: the record is present, and nothing more."""
    # JSON text has no raw control characters, but backslashes it has.
    data = row.data.replace("\\", "\\\\") if row.data else "\\N"
    kind = "\\N" if row.entity_type is None else row.entity_type.translate(_ESCAPED)
    return f"{number}\t{row.external_id.translate(_ESCAPED)}\t{kind}\t{data}\n".encode()


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
    if isinstance(record, RecordInput | Record):
        external_id, data, entity_type = record.external_id, record.data, record.entity_type
    elif isinstance(record, Mapping):
        given = cast("Mapping[object, object]", record)
        external_id, data, entity_type = given.get("external_id"), given.get("data"), given.get("entity_type")
        missing = [key for key in ("external_id", "data") if key not in given]
        strange = [key for key in given if key not in _KEYS]
        if missing or strange:
            words = (
                f"it has no {' and no '.join(missing)}"
                if missing
                else f"it has an unknown key {strange[0]!r}"
            )
            valid = identity.objection(external_id, "external_id") is None
            return Rejection(index, cast("str", external_id) if valid else None, words)
    else:
        return Rejection(index, None, f"a record is a RecordInput or a mapping, not {kind_of(record)}")
    if words := identity.objection(external_id, "external_id"):
        return Rejection(index, None, words)
    key = str(external_id)
    if entity_type is not None and (words := identity.objection(entity_type, "entity_type")):
        return Rejection(index, key, words)
    if not isinstance(data, Mapping):
        return Rejection(index, key, f"data must be an object (a dict), and is {kind_of(data)}")
    given = cast("Mapping[object, object]", data)
    answer = json_text(given if isinstance(given, dict) else dict(given))
    if isinstance(answer, Reason):
        return Rejection(index, key, answer.words)
    return Row(key, None if entity_type is None else str(entity_type), answer)
