"""Mastra Engine for Python: a Postgres data layer for AI applications.

Every public name is loaded on first touch, so that `import mastra_cli` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mastra_cli.errors import Conflict as Conflict
    from mastra_cli.errors import DatabaseFailed as DatabaseFailed
    from mastra_cli.errors import DatabaseUnreachable as DatabaseUnreachable
    from mastra_cli.errors import DeadlineExceeded as DeadlineExceeded
    from mastra_cli.errors import EmbedderFailed as EmbedderFailed
    from mastra_cli.errors import EntityExists as EntityExists
    from mastra_cli.errors import EntityNotFound as EntityNotFound
    from mastra_cli.errors import EnvFileRefused as EnvFileRefused
    from mastra_cli.errors import ExtensionMissing as ExtensionMissing
    from mastra_cli.errors import InvalidArgument as InvalidArgument
    from mastra_cli.errors import InvalidCursor as InvalidCursor
    from mastra_cli.errors import MassDeletionRefused as MassDeletionRefused
    from mastra_cli.errors import MastraError as MastraError
    from mastra_cli.errors import NoDatabaseUrl as NoDatabaseUrl
    from mastra_cli.errors import NotFound as NotFound
    from mastra_cli.errors import NotMigrated as NotMigrated
    from mastra_cli.errors import OutcomeUnknown as OutcomeUnknown
    from mastra_cli.errors import PermissionDenied as PermissionDenied
    from mastra_cli.errors import ReadOnly as ReadOnly
    from mastra_cli.errors import RecordRejected as RecordRejected
    from mastra_cli.errors import SchemaTooNew as SchemaTooNew
    from mastra_cli.errors import ScorerFailed as ScorerFailed
    from mastra_cli.errors import SyncInProgress as SyncInProgress
    from mastra_cli.errors import ThreadNotFound as ThreadNotFound
    from mastra_cli.errors import VectorIndexNotFound as VectorIndexNotFound
    from mastra_cli.runtime._async.engine import MastraEngine as MastraEngine
    from mastra_cli.runtime._async.memory import PgMemory as PgMemory
    from mastra_cli.runtime._async.mock import MockMastraEngine as MockMastraEngine
    from mastra_cli.runtime._async.postgres import PostgresEngine as PostgresEngine
    from mastra_cli.runtime._async.record_index import RecordIndex as RecordIndex
    from mastra_cli.runtime._async.reranker import Reranker as Reranker
    from mastra_cli.runtime._async.reranker import rerank as rerank
    from mastra_cli.runtime._async.session import connect as connect
    from mastra_cli.runtime._async.vector import PgVector as PgVector
    from mastra_cli.runtime._sync.engine import SyncMastraEngine as SyncMastraEngine
    from mastra_cli.runtime._sync.memory import SyncPgMemory as SyncPgMemory
    from mastra_cli.runtime._sync.mock import SyncMockMastraEngine as SyncMockMastraEngine
    from mastra_cli.runtime._sync.postgres import SyncPostgresEngine as SyncPostgresEngine
    from mastra_cli.runtime._sync.record_index import SyncRecordIndex as SyncRecordIndex
    from mastra_cli.runtime._sync.reranker import SyncReranker as SyncReranker
    from mastra_cli.runtime._sync.reranker import sync_rerank as sync_rerank
    from mastra_cli.runtime._sync.session import sync_connect as sync_connect
    from mastra_cli.runtime._sync.vector import SyncPgVector as SyncPgVector
    from mastra_cli.runtime.filters import FilterCondition as FilterCondition
    from mastra_cli.runtime.models import Change as Change
    from mastra_cli.runtime.models import Entity as Entity
    from mastra_cli.runtime.models import Page as Page
    from mastra_cli.runtime.models import QueryOptions as QueryOptions
    from mastra_cli.runtime.models import Record as Record
    from mastra_cli.runtime.models import RecordInput as RecordInput
    from mastra_cli.runtime.models import Rejection as Rejection
    from mastra_cli.runtime.models import SyncResult as SyncResult
    from mastra_cli.runtime.models import SyncRun as SyncRun
    from mastra_cli.runtime.models import UpsertResult as UpsertResult
    from mastra_cli.runtime.models_memory import DeletedResource as DeletedResource
    from mastra_cli.runtime.models_memory import ExportedResource as ExportedResource
    from mastra_cli.runtime.models_memory import Memory as Memory
    from mastra_cli.runtime.models_memory import MemoryTurn as MemoryTurn
    from mastra_cli.runtime.models_memory import Message as Message
    from mastra_cli.runtime.models_memory import Messages as Messages
    from mastra_cli.runtime.models_memory import Pruned as Pruned
    from mastra_cli.runtime.models_memory import Recalled as Recalled
    from mastra_cli.runtime.models_memory import Thread as Thread
    from mastra_cli.runtime.models_memory import ToolResult as ToolResult
    from mastra_cli.runtime.models_memory import Window as Window
    from mastra_cli.runtime.models_memory import WorkingMemory as WorkingMemory
    from mastra_cli.runtime.models_search import RecordHit as RecordHit
    from mastra_cli.runtime.models_search import RecordIndexStatus as RecordIndexStatus
    from mastra_cli.runtime.models_search import RefreshProgress as RefreshProgress
    from mastra_cli.runtime.models_search import RefreshResult as RefreshResult
    from mastra_cli.runtime.models_search import Skipped as Skipped
    from mastra_cli.runtime.models_vector import BuildProgress as BuildProgress
    from mastra_cli.runtime.models_vector import Flat as Flat
    from mastra_cli.runtime.models_vector import Hnsw as Hnsw
    from mastra_cli.runtime.models_vector import IndexStats as IndexStats
    from mastra_cli.runtime.models_vector import IvfFlat as IvfFlat
    from mastra_cli.runtime.models_vector import QueryAnalysis as QueryAnalysis
    from mastra_cli.runtime.models_vector import QueryPlan as QueryPlan
    from mastra_cli.runtime.models_vector import QueryResult as QueryResult
    from mastra_cli.runtime.models_vector import QueryResults as QueryResults
    from mastra_cli.runtime.models_vector import Recall as Recall
    from mastra_cli.runtime.models_vector import RerankDetails as RerankDetails
    from mastra_cli.runtime.models_vector import RerankResult as RerankResult
    from mastra_cli.runtime.models_vector import RerankResults as RerankResults
    from mastra_cli.runtime.models_vector import Weights as Weights
    from mastra_cli.runtime.ordering import SortOrder as SortOrder
    from mastra_cli.runtime.scorers import CohereScorer as CohereScorer
    from mastra_cli.runtime.scorers import CrossEncoderScorer as CrossEncoderScorer
    from mastra_cli.runtime.scorers import LLMScorer as LLMScorer

# The same once more for the running program (a test compares them).
_HOMES = {
    "BuildProgress": "mastra_cli.runtime.models_vector",
    "Change": "mastra_cli.runtime.models",
    "CohereScorer": "mastra_cli.runtime.scorers",
    "Conflict": "mastra_cli.errors",
    "CrossEncoderScorer": "mastra_cli.runtime.scorers",
    "DatabaseFailed": "mastra_cli.errors",
    "DatabaseUnreachable": "mastra_cli.errors",
    "DeadlineExceeded": "mastra_cli.errors",
    "DeletedResource": "mastra_cli.runtime.models_memory",
    "EmbedderFailed": "mastra_cli.errors",
    "Entity": "mastra_cli.runtime.models",
    "EntityExists": "mastra_cli.errors",
    "EntityNotFound": "mastra_cli.errors",
    "EnvFileRefused": "mastra_cli.errors",
    "ExportedResource": "mastra_cli.runtime.models_memory",
    "ExtensionMissing": "mastra_cli.errors",
    "FilterCondition": "mastra_cli.runtime.filters",
    "Flat": "mastra_cli.runtime.models_vector",
    "Hnsw": "mastra_cli.runtime.models_vector",
    "IndexStats": "mastra_cli.runtime.models_vector",
    "InvalidArgument": "mastra_cli.errors",
    "InvalidCursor": "mastra_cli.errors",
    "IvfFlat": "mastra_cli.runtime.models_vector",
    "LLMScorer": "mastra_cli.runtime.scorers",
    "MassDeletionRefused": "mastra_cli.errors",
    "MastraEngine": "mastra_cli.runtime._async.engine",
    "MastraError": "mastra_cli.errors",
    "Memory": "mastra_cli.runtime.models_memory",
    "MemoryTurn": "mastra_cli.runtime.models_memory",
    "Message": "mastra_cli.runtime.models_memory",
    "Messages": "mastra_cli.runtime.models_memory",
    "MockMastraEngine": "mastra_cli.runtime._async.mock",
    "NoDatabaseUrl": "mastra_cli.errors",
    "NotFound": "mastra_cli.errors",
    "NotMigrated": "mastra_cli.errors",
    "OutcomeUnknown": "mastra_cli.errors",
    "Page": "mastra_cli.runtime.models",
    "PermissionDenied": "mastra_cli.errors",
    "PgMemory": "mastra_cli.runtime._async.memory",
    "PgVector": "mastra_cli.runtime._async.vector",
    "PostgresEngine": "mastra_cli.runtime._async.postgres",
    "Pruned": "mastra_cli.runtime.models_memory",
    "QueryAnalysis": "mastra_cli.runtime.models_vector",
    "QueryOptions": "mastra_cli.runtime.models",
    "QueryPlan": "mastra_cli.runtime.models_vector",
    "QueryResult": "mastra_cli.runtime.models_vector",
    "QueryResults": "mastra_cli.runtime.models_vector",
    "ReadOnly": "mastra_cli.errors",
    "Recall": "mastra_cli.runtime.models_vector",
    "Recalled": "mastra_cli.runtime.models_memory",
    "Record": "mastra_cli.runtime.models",
    "RecordHit": "mastra_cli.runtime.models_search",
    "RecordIndex": "mastra_cli.runtime._async.record_index",
    "RecordIndexStatus": "mastra_cli.runtime.models_search",
    "RecordInput": "mastra_cli.runtime.models",
    "RecordRejected": "mastra_cli.errors",
    "RefreshProgress": "mastra_cli.runtime.models_search",
    "RefreshResult": "mastra_cli.runtime.models_search",
    "Rejection": "mastra_cli.runtime.models",
    "RerankDetails": "mastra_cli.runtime.models_vector",
    "RerankResult": "mastra_cli.runtime.models_vector",
    "RerankResults": "mastra_cli.runtime.models_vector",
    "Reranker": "mastra_cli.runtime._async.reranker",
    "SchemaTooNew": "mastra_cli.errors",
    "ScorerFailed": "mastra_cli.errors",
    "Skipped": "mastra_cli.runtime.models_search",
    "SortOrder": "mastra_cli.runtime.ordering",
    "SyncInProgress": "mastra_cli.errors",
    "SyncMastraEngine": "mastra_cli.runtime._sync.engine",
    "SyncMockMastraEngine": "mastra_cli.runtime._sync.mock",
    "SyncPgMemory": "mastra_cli.runtime._sync.memory",
    "SyncPgVector": "mastra_cli.runtime._sync.vector",
    "SyncPostgresEngine": "mastra_cli.runtime._sync.postgres",
    "SyncRecordIndex": "mastra_cli.runtime._sync.record_index",
    "SyncReranker": "mastra_cli.runtime._sync.reranker",
    "SyncResult": "mastra_cli.runtime.models",
    "SyncRun": "mastra_cli.runtime.models",
    "Thread": "mastra_cli.runtime.models_memory",
    "ThreadNotFound": "mastra_cli.errors",
    "ToolResult": "mastra_cli.runtime.models_memory",
    "UpsertResult": "mastra_cli.runtime.models",
    "VectorIndexNotFound": "mastra_cli.errors",
    "Weights": "mastra_cli.runtime.models_vector",
    "Window": "mastra_cli.runtime.models_memory",
    "WorkingMemory": "mastra_cli.runtime.models_memory",
    "connect": "mastra_cli.runtime._async.session",
    "rerank": "mastra_cli.runtime._async.reranker",
    "sync_connect": "mastra_cli.runtime._sync.session",
    "sync_rerank": "mastra_cli.runtime._sync.reranker",
}

__all__ = [
    "BuildProgress",
    "Change",
    "CohereScorer",
    "Conflict",
    "CrossEncoderScorer",
    "DatabaseFailed",
    "DatabaseUnreachable",
    "DeadlineExceeded",
    "DeletedResource",
    "EmbedderFailed",
    "Entity",
    "EntityExists",
    "EntityNotFound",
    "EnvFileRefused",
    "ExportedResource",
    "ExtensionMissing",
    "FilterCondition",
    "Flat",
    "Hnsw",
    "IndexStats",
    "InvalidArgument",
    "InvalidCursor",
    "IvfFlat",
    "LLMScorer",
    "MassDeletionRefused",
    "MastraEngine",
    "MastraError",
    "Memory",
    "MemoryTurn",
    "Message",
    "Messages",
    "MockMastraEngine",
    "NoDatabaseUrl",
    "NotFound",
    "NotMigrated",
    "OutcomeUnknown",
    "Page",
    "PermissionDenied",
    "PgMemory",
    "PgVector",
    "PostgresEngine",
    "Pruned",
    "QueryAnalysis",
    "QueryOptions",
    "QueryPlan",
    "QueryResult",
    "QueryResults",
    "ReadOnly",
    "Recall",
    "Recalled",
    "Record",
    "RecordHit",
    "RecordIndex",
    "RecordIndexStatus",
    "RecordInput",
    "RecordRejected",
    "RefreshProgress",
    "RefreshResult",
    "Rejection",
    "RerankDetails",
    "RerankResult",
    "RerankResults",
    "Reranker",
    "SchemaTooNew",
    "ScorerFailed",
    "Skipped",
    "SortOrder",
    "SyncInProgress",
    "SyncMastraEngine",
    "SyncMockMastraEngine",
    "SyncPgMemory",
    "SyncPgVector",
    "SyncPostgresEngine",
    "SyncRecordIndex",
    "SyncReranker",
    "SyncResult",
    "SyncRun",
    "Thread",
    "ThreadNotFound",
    "ToolResult",
    "UpsertResult",
    "VectorIndexNotFound",
    "Weights",
    "Window",
    "WorkingMemory",
    "connect",
    "rerank",
    "sync_connect",
    "sync_rerank",
]


def __getattr__(name: str) -> Any:
    if name == "errors":  # `except mastra_cli.errors.NotFound` after `import mastra_cli` alone
        return import_module("mastra_cli.errors")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
