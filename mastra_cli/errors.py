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
    │   ├── EmbedderFailed
    │   ├── OutcomeUnknown
    │   ├── ScorerFailed
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
        ├── ProjectNameTaken
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
from typing import Any

__all__ = [
    "Conflict",
    "ContainerFailed",
    "DatabaseFailed",
    "DatabaseUnreachable",
    "DeadlineExceeded",
    "DockerConfigInvalid",
    "DockerConfigUnsupported",
    "EmbedderFailed",
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
    "ProjectNameTaken",
    "ProviderConflict",
    "ReadOnly",
    "RecordRejected",
    "SchemaNotFound",
    "SchemaTooNew",
    "ScorerFailed",
    "ServerFailed",
    "ServerUnsupported",
    "SyncInProgress",
    "ThreadNotFound",
    "Usage",
    "VectorIndexNotFound",
    "kind_of",
    "login_refused",
    "translate",
]


class MastraError(Exception):
    """The root: catch this to catch everything that this package raises on purpose."""

    run_id: str | None = None
    """The sync's run that ended in this error, where it was one."""

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

    def __init__(
        self, message: str, *, sqlstate: str | None = None, transient: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate
        self.transient = transient
        """Whether waiting may help: refused, starting up, name not found, too many clients ..."""


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


class EmbedderFailed(MastraError):
    """An embedder raised whatever it was given, or its answers can not be used."""


class ScorerFailed(MastraError):
    """A scorer raised, or its answer can not be used."""


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


class ProjectNameTaken(MastraError):
    """Another directory has a Compose project of this name."""


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


def kind_of(value: object) -> str:
    """Words for the kind of a value, in an error: `an int`, `a str`, `None`."""
    name = type(value).__qualname__
    return "None" if value is None else f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


# Longest prefix wins. What the server says (`diag.message_primary`) follows these words in the message.
_STATEMENTS: dict[str, tuple[type[MastraError], str, str | None]] = {
    "08": (DatabaseUnreachable, "the connection to the database was lost", "try again"),
    "57P": (DatabaseUnreachable, "the database is shutting down or starting up", "try again"),
    "53300": (
        DatabaseUnreachable,
        "the database has no connection left",
        "close some connections, or raise max_connections",
    ),
    "53100": (
        DatabaseFailed,
        "the database's disk is full",
        "make room on the database server's disk, then try again",
    ),
    "53200": (DatabaseFailed, "the database's memory is used up", "ask for less at a time, or give it more"),
    "3D000": (DatabaseUnreachable, "the database does not exist", "create it, or mend the URL"),
    "28": (DatabaseUnreachable, "the database refused the login", "mend the user or the password in the URL"),
    "42P01": (NotMigrated, "a table of the schema is missing", "run `mastra engine migrate`"),
    "42703": (NotMigrated, "a column of the schema is missing", "run `mastra engine migrate`"),
    "3F000": (NotMigrated, "the schema is missing", "run `mastra engine migrate`"),
    "42704": (NotMigrated, "a type or an object of the schema is missing", "run `mastra engine migrate`"),
    "58P01": (ExtensionMissing, "the server has no pgvector", "install pgvector on the database server"),
    "0A000": (ExtensionMissing, "the server has no pgvector", "install pgvector on the database server"),
    "42501": (
        PermissionDenied,
        "the role lacks a privilege",
        "`mastra engine migrate --grants ROLE` prints the grants that it needs",
    ),
    "25006": (ReadOnly, "the server takes no writes", "connect to the primary"),
    "57014": (DeadlineExceeded, "the statement was cancelled: its time was up", "allow it more time"),
    "55P03": (LockBusy, "a lock was not had in time", "try again when the other session is done"),
}


def translate(error: BaseException) -> MastraError:
    """What a psycopg error from a statement is to our caller, by SQLSTATE alone; raise it `from error`.

    An error without SQLSTATE is one of the connection when psycopg calls it operational or of its interface.
    """
    if isinstance(error, MastraError):
        return error
    sqlstate: str | None = getattr(error, "sqlstate", None)
    diag: Any = getattr(error, "diag", None)
    said: str | None = getattr(diag, "message_primary", None)
    if sqlstate is None:
        names = {cls.__name__ for cls in type(error).__mro__}
        if names & {"OperationalError", "InterfaceError"}:
            return DatabaseUnreachable(
                "the connection to the database was lost or could not be made",
                transient=True,
                hint="try again",
            )
        return DatabaseFailed(f"the database driver refused the call: {type(error).__name__}")
    for length in (5, 3, 2):
        if known := _STATEMENTS.get(sqlstate[:length]):
            cls, words, hint = known
            if cls is ExtensionMissing and not _about_an_extension(diag):
                break
            message = f"{words}: {said}" if said else words
            if cls is DatabaseUnreachable:
                transient = sqlstate[:2] in ("08", "57", "53")
                return DatabaseUnreachable(message, sqlstate=sqlstate, transient=transient, hint=hint)
            if cls is DatabaseFailed:
                return DatabaseFailed(message, sqlstate=sqlstate, hint=hint)
            return cls(message, hint=hint)
    return DatabaseFailed(
        f"the database reported an error: {said or 'no message'} ({sqlstate})", sqlstate=sqlstate
    )


def _about_an_extension(diag: Any) -> bool:
    # 0A000 and 58P01 mean much else too ("cached plan must not change result type"): the server's function
    # tells them apart, and is not translated as its words are.
    function = getattr(diag, "source_function", None) or ""
    return "extension" in function or function == "internal_load_library"


def login_refused(where: str, sqlstate: str | None, said: str | None = None) -> MastraError:
    """Why the server at `where` (a masked URL) took no connection, by the SQLSTATE of its refusal."""
    tail = f": {said}" if said else ""
    match sqlstate:
        case "28P01":
            message, hint = "wrong password or user", "mend the user or the password in the URL"
        case "28000":
            message, hint = "no such user, or pg_hba.conf does not let it in", "mend the URL, or pg_hba.conf"
        case "3D000":
            message, hint = "no such database", "create the database, or mend its name in the URL"
        case "42501":
            return PermissionDenied(
                f"{where} refused the login: the role may not connect to this database{tail}",
                hint="an admin runs: GRANT CONNECT ON DATABASE ... TO ...",
            )
        case "57P01" | "57P02" | "57P03":
            message, hint = "it is starting up or shutting down", "try again in a moment"
            return DatabaseUnreachable(
                f"{where} does not take connections: {message}{tail}",
                sqlstate=sqlstate,
                transient=True,
                hint=hint,
            )
        case "53300":
            return DatabaseUnreachable(
                f"{where} has no connection left{tail}",
                sqlstate=sqlstate,
                transient=True,
                hint="close some connections, or raise max_connections",
            )
        case _:
            message, hint = f"SQLSTATE {sqlstate or 'not given'}", "mend the URL"
    return DatabaseUnreachable(f"{where} refused the login: {message}{tail}", sqlstate=sqlstate, hint=hint)
