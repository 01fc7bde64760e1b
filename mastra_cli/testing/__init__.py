"""The conformance suite: what every engine promises, as pytest classes to run against an engine of your own.

    from mastra_cli.testing import CONFORMANCE

    class TestMyEngine(*CONFORMANCE):
        @pytest.fixture
        def engine_factory(self):
            return lambda: MyEngine(...)

Each call of the factory gives a new engine over the same store. The async half needs pytest-asyncio in auto
mode; `SYNC_CONFORMANCE` is the same for the sync classes.
"""

from __future__ import annotations

from mastra_cli.testing._async.entities import EntityConformance
from mastra_cli.testing._async.queries import QueryConformance
from mastra_cli.testing._async.records import RecordConformance
from mastra_cli.testing._async.syncs import ChangeConformance, SyncConformance
from mastra_cli.testing._sync import entities, queries, records, syncs

__all__ = ["CONFORMANCE", "SYNC_CONFORMANCE"]

CONFORMANCE = (EntityConformance, RecordConformance, QueryConformance, SyncConformance, ChangeConformance)
SYNC_CONFORMANCE = (
    entities.EntityConformance,
    records.RecordConformance,
    queries.QueryConformance,
    syncs.SyncConformance,
    syncs.ChangeConformance,
)
