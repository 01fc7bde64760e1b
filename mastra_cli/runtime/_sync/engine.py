# Generated from the _async twin by `nox -s sync`: edit that one.
"""`MastraEngine`: what every engine promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mastra_cli.runtime._sync.entities import Entities
from mastra_cli.runtime._sync.records import Records
from mastra_cli.runtime._sync.syncs import Syncs

if TYPE_CHECKING:
    from typing import Self


class SyncMastraEngine(Entities, Records, Syncs):
    """Entities, records and syncs over some store. All parameters are keyword-only.

    `timeout` is the time of the whole call in seconds; None: the engine's own. `upsert_records`,
    `sync_records`, `delete_*` and `iter_records` then have no end, but each wait for a lock or for a silent
    network has, and a statement of theirs that takes an hour is cancelled.
    """

    def open(self) -> None:
        """Connect now; else the first call does."""
        return

    def close(self) -> None:
        """Let go of what the engine holds; `open` opens it again."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
