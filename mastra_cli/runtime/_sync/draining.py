# Generated from the _async twin by `nox -s sync`: edit that one.
"""The way in: a caller's iterable, checked record by record before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime.batches import Batch
from mastra_cli.runtime.models import Record, RecordInput

Records = waiting.Source[RecordInput | Record | Mapping[str, Any]]
# What can be iterated but is no batch.
_SINGLE = (str, bytes, Mapping, RecordInput, Record)


def drain(batch: Batch, records: Records) -> None:
    """Take all records; the first error ends it."""
    given: Any = records
    if isinstance(given, _SINGLE) or not waiting.is_iterable(given):
        raise InvalidArgument(
            f"records must be an iterable of records, and is {kind_of(records)}",
            hint="put a single record in a list",
        )
    for record in waiting.each(records):
        batch.add(record)
