"""Everything that this package raises for a user to read.

    MastraError
    ├── the caller can mend it
    │   ├── InvalidArgument
    │   │   └── InvalidCursor
    │   ├── NotFound
    │   │   ├── EntityNotFound
    │   │   ├── ThreadNotFound
    │   │   └── VectorIndexNotFound
    │   ├── Conflict
    │   │   ├── EntityExists
    │   │   ├── SyncInProgress
    │   │   └── MassDeletionRefused
    │   └── RecordRejected
    ├── the environment must be mended
    │   ├── DatabaseUnreachable
    │   ├── NotMigrated
    │   ├── SchemaTooNew
    │   ├── ExtensionMissing
    │   ├── PermissionDenied
    │   ├── ReadOnly
    │   ├── DeadlineExceeded
    │   ├── OutcomeUnknown
    │   └── DatabaseFailed
    └── the machine or the command line must be mended
        ├── Usage
        ├── Interrupted
        ├── NoDatabaseUrl
        ├── EnvFileRefused
        ├── NoEngine
        ├── PortTaken
        ├── ContainerFailed
        ├── ImageUnavailable
        ├── ServerFailed
        ├── DockerConfigInvalid
        ├── DockerConfigUnsupported
        ├── ProviderConflict
        ├── NothingToStart
        ├── NotWritable
        ├── LockBusy
        ├── PoolerDetected
        ├── ServerUnsupported
        ├── MigrationFailed
        ├── SchemaNotFound
        └── GenerateFailed

The message says what happened, `hint` what to type next, attributes carry the facts. No message, hint or
attribute holds a password.
"""

from __future__ import annotations

import re

__all__ = [
    "Conflict",
    "ContainerFailed",
    "DatabaseFailed",
    "DatabaseUnreachable",
    "DeadlineExceeded",
    "DockerConfigInvalid",
    "DockerConfigUnsupported",
    "EntityExists",
    "EntityNotFound",
    "EnvFileRefused",
    "ExtensionMissing",
    "GenerateFailed",
    "ImageUnavailable",
    "Interrupted",
    "InvalidArgument",
    "InvalidCursor",
    "LockBusy",
    "MassDeletionRefused",
    "MastraError",
    "MigrationFailed",
    "NoDatabaseUrl",
    "NoEngine",
    "NotFound",
    "NotMigrated",
    "NotWritable",
    "NothingToStart",
    "OutcomeUnknown",
    "PermissionDenied",
    "PoolerDetected",
    "PortTaken",
    "ProviderConflict",
    "ReadOnly",
    "RecordRejected",
    "SchemaNotFound",
    "SchemaTooNew",
    "ServerFailed",
    "ServerUnsupported",
    "SyncInProgress",
    "ThreadNotFound",
    "Usage",
    "VectorIndexNotFound",
]


class MastraError(Exception):
    """The root: catch this to catch everything that this package raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """A stable snake_case word for this class: `port_taken` for `PortTaken`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class InvalidArgument(MastraError):
    """A value that the caller gave can not be used; nothing was written."""


class InvalidCursor(InvalidArgument):
    """A cursor that was altered, truncated, or made by another query."""


class NotFound(MastraError):
    """What was named is not there."""


class EntityNotFound(NotFound):
    """No such entity."""


class ThreadNotFound(NotFound):
    """No such thread."""


class VectorIndexNotFound(NotFound):
    """No such vector index."""


class Conflict(MastraError):
    """What is there stands against the call; nothing was written."""


class EntityExists(Conflict):
    """An entity of that name and connection is there already."""


class SyncInProgress(Conflict):
    """Another writer held the entity until the deadline."""


class MassDeletionRefused(Conflict):
    """A sync would have deleted more than its guard allows; the whole call was rolled back."""

    def __init__(
        self, message: str, *, live: int, would_delete: int, received: int, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.live = live
        self.would_delete = would_delete
        self.received = received


class RecordRejected(MastraError):
    """A record of the batch can not be stored; nothing was written."""

    def __init__(self, message: str, *, index: int, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.index = index
        self.reason = reason


class DatabaseUnreachable(MastraError):
    """The database does not answer, or refuses the login."""


class NotMigrated(MastraError):
    """A table or column of the schema is missing."""


class SchemaTooNew(MastraError):
    """The database has a revision that this package does not know."""


class ExtensionMissing(MastraError):
    """The server has no pgvector, or this role may not create it."""


class PermissionDenied(MastraError):
    """The role lacks a privilege."""


class ReadOnly(MastraError):
    """The server takes no writes: a standby, or a read-only transaction."""


class DeadlineExceeded(MastraError):
    """The call's deadline passed; nothing was written."""


class OutcomeUnknown(MastraError):
    """The connection was lost at COMMIT and the outcome could not be found out."""


class DatabaseFailed(MastraError):
    """The server reported an error that has no class of its own here; see `sqlstate`."""

    def __init__(self, message: str, *, sqlstate: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate


class Usage(MastraError):
    """The command line can not be understood, or needs a flag."""


class Interrupted(MastraError):
    """Ctrl-C, or a signal to end."""


class NoDatabaseUrl(MastraError):
    """No variable names a database."""


class EnvFileRefused(MastraError):
    """The `.env` file is a symlink, can not be read, or does not parse."""


class NoEngine(MastraError):
    """No Docker engine answers."""


class PortTaken(MastraError):
    """Something else listens on the port."""


class ContainerFailed(MastraError):
    """A container died while starting, or never became healthy."""


class ImageUnavailable(MastraError):
    """An image is not on this machine and can not be pulled."""


class ServerFailed(MastraError):
    """The embedded server could not be made or started."""


class DockerConfigInvalid(MastraError):
    """The docker config file is not there, is not YAML, or a value in it has the wrong shape."""


class DockerConfigUnsupported(MastraError):
    """The docker config file uses a key that only Docker Compose knows."""


class ProviderConflict(MastraError):
    """The other provider still has this project's data."""


class NothingToStart(MastraError):
    """Neither a `.env` of ours nor a docker config file is here."""


class NotWritable(MastraError):
    """A file of the project can not be written."""


class LockBusy(MastraError):
    """Another migration, or a long reader, held a lock for too long."""


class PoolerDetected(MastraError):
    """The URL leads to a transaction pooler, through which migrations can not be trusted."""


class ServerUnsupported(MastraError):
    """The server is too old, or its encoding can not hold every text."""


class MigrationFailed(MastraError):
    """A migration raised; it was rolled back."""


class SchemaNotFound(NotFound):
    """No such schema or table to generate from."""


class GenerateFailed(MastraError):
    """The models could not be written as asked."""
