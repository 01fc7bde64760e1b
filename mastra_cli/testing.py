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

from mastra_cli.runtime._async.conformance_entities import EntityConformance
from mastra_cli.runtime._async.conformance_queries import QueryConformance
from mastra_cli.runtime._async.conformance_records import RecordConformance
from mastra_cli.runtime._async.conformance_syncs import ChangeConformance, SyncConformance
from mastra_cli.runtime._sync import (
    conformance_entities,
    conformance_queries,
    conformance_records,
    conformance_syncs,
)

__all__ = ["CONFORMANCE", "SYNC_CONFORMANCE"]

CONFORMANCE = (EntityConformance, RecordConformance, QueryConformance, SyncConformance, ChangeConformance)
SYNC_CONFORMANCE = (
    conformance_entities.EntityConformance,
    conformance_records.RecordConformance,
    conformance_queries.QueryConformance,
    conformance_syncs.SyncConformance,
    conformance_syncs.ChangeConformance,
)
